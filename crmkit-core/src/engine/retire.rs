//! The retire unit: takes back what `prepare` made, unless a record that is not ours uses it.

use std::collections::{BTreeMap, HashSet};

use crate::{
    AuditEntry, Change, ErrorKind, ExistingItem, FieldConcept, FieldName, ItemKind, ObjectName, ObjectSchema, Outcome,
    PageRequest, Permission, PreparedItem, Result, Retry, UnitState, Value,
    engine::{Core, Facts, LeaseGuard, PassKind, facts::keep, pass::PassContext},
};

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let preview = if let PassKind::Rollback { preview, .. } = cx.pass.kind { preview } else { 0 };
    let facts = Facts(&*core.ledger);
    let mut made: Vec<(String, PreparedItem)> =
        facts.all::<PreparedItem>("prepared").await?.into_iter().filter(|(_, item)| item.made).collect();
    let used = in_use(core, cx, &made).await?;
    made.sort_by_key(|(_, prepared)| order(prepared.item.item.kind));
    let mut kept_parents: HashSet<String> = HashSet::new();
    for (key, prepared) in made {
        let item = &prepared.item;
        let lasting = item.item.kind == ItemKind::Field
            && cx.destination.permissions.get("remove_fields") == Some(&Permission::No);
        let stays = lasting
            || used.contains(&(item.item.kind, item.item.object.clone(), item.id.clone()))
            || (matches!(item.item.kind, ItemKind::Pipeline | ItemKind::Field | ItemKind::Object)
                && kept_parents.contains(&item.id));
        let retired = match core.destination.provisioner() {
            Some(provisioner) if !stays => Some(provisioner.retire(item, lease.send_before().await?).await),
            Some(_) => None,
            None => continue,
        };
        // What the destination refuses to part with is in use in a way that nobody saw here.
        let refused = matches!(&retired, Some(Err(error)) if error.kind() == ErrorKind::Rejected);
        let Some(retired) = retired.filter(|_| !refused) else {
            kept_parents.extend(item.item.parent.clone());
            kept_parents.insert(item.item.object.to_string());
            lease.commit(&[keep(&format!("kept_item/{preview:010}"), key, &prepared)]).await?;
            continue;
        };
        match retired {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => match error.retry() {
                Retry::Never => return Err(error),
                Retry::After(_) | Retry::Verify => {
                    let wait = if let Retry::After(wait) = error.retry() { wait } else { core.settings.settle_after };
                    let until = error.until().unwrap_or(core.clock.now() + wait);
                    return lease.back_off(unit, Vec::new(), until).await;
                }
            },
        }
        let line = AuditEntry {
            time: core.clock.now(),
            actor: core.actor.clone(),
            operation: "retire".to_owned(),
            key: key.clone(),
            destination: None,
            hash: None,
            result: "retired".to_owned(),
        };
        let gone = keep(&format!("retired/{preview:010}"), key.clone(), &prepared);
        lease.commit(&[gone, Change::Forget { kind: "prepared".to_owned(), key }, Change::Audit(line)]).await?;
    }
    lease.done(unit, Vec::new(), 0).await
}

/// What hangs under something goes before it: stages before their pipeline, everything of an object before the object.
fn order(kind: ItemKind) -> u8 {
    match kind {
        ItemKind::Filter => 0,
        ItemKind::Stage | ItemKind::Option | ItemKind::Label => 1,
        ItemKind::Pipeline | ItemKind::Field | ItemKind::ActivityType | ItemKind::LeadSource => 2,
        ItemKind::Object => 3,
    }
}

type ItemName = (ItemKind, ObjectName, String);

/// The made items that live records still use: after the undo those are records that stay, or others'.
async fn in_use(core: &Core, cx: &PassContext, made: &[(String, PreparedItem)]) -> Result<HashSet<ItemName>> {
    let mut used = HashSet::new();
    let Some(reader) = core.destination.reader() else { return Ok(used) };
    let mut by_object: BTreeMap<ObjectName, Vec<&ExistingItem>> = BTreeMap::new();
    for (_, prepared) in made {
        let item = &prepared.item;
        match item.item.kind {
            // A filter shows records and keeps none.
            ItemKind::Filter => {}
            ItemKind::Object => by_object.entry(item.id.as_str().into()).or_default().push(item),
            _ => by_object.entry(item.item.object.clone()).or_default().push(item),
        }
    }
    for (object, items) in by_object {
        let Some(schema) = cx.destination.schema.object(&object) else { continue };
        let places: Vec<(&ExistingItem, Option<FieldName>)> =
            items.into_iter().map(|item| (item, field_of(schema, item))).collect();
        let mut request = PageRequest::first(object.clone(), core.settings.page_size);
        loop {
            let page = match reader.scan(&request).await {
                // Retired already, and the answer was lost.
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                page => page?,
            };
            for stored in page.items {
                for (item, field) in &places {
                    let value = field.as_ref().and_then(|field| stored.fields.get(field));
                    let uses = match item.item.kind {
                        ItemKind::Object => true,
                        ItemKind::Field => value.is_some_and(|value| !value.is_empty()),
                        _ => value.is_some_and(|value| names(value, &item.id)),
                    };
                    if uses {
                        used.insert((item.item.kind, item.item.object.clone(), item.id.clone()));
                    }
                }
            }
            match page.next {
                Some(next) => request = request.at(next),
                None => break,
            }
        }
    }
    Ok(used)
}

/// The field whose values tell whether a record uses an item.
fn field_of(schema: &ObjectSchema, item: &ExistingItem) -> Option<FieldName> {
    let meaning = |concept| schema.by_concept(concept).map(|field| field.name.clone());
    match item.item.kind {
        ItemKind::Field => Some(FieldName::from(item.id.as_str())),
        ItemKind::Option | ItemKind::Label => match &item.item.parent {
            Some(field) => Some(FieldName::from(field.as_str())),
            None => meaning(FieldConcept::Labels),
        },
        ItemKind::Stage => meaning(FieldConcept::Stage),
        ItemKind::ActivityType => meaning(FieldConcept::Kind),
        ItemKind::LeadSource => meaning(FieldConcept::LeadSource),
        ItemKind::Pipeline | ItemKind::Object | ItemKind::Filter => None,
    }
}

fn names(value: &Value, id: &str) -> bool {
    match value {
        Value::Option(known) => **known == *id,
        Value::List(values) => values.iter().any(|value| names(value, id)),
        _ => false,
    }
}
