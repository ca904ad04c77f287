//! The retire unit: takes back what `prepare` made, unless a record that is not ours uses it.

use std::collections::{BTreeMap, HashSet};

use crate::{
    AuditEntry, Change, ErrorKind, FieldConcept, FieldName, ItemKind, ObjectName, Outcome, PageRequest, Permission,
    PreparedItem, Result, Retry, UnitState, Value,
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
    // What hangs under something goes first: stages before their pipeline, fields last to first.
    made.sort_by_key(|(_, prepared)| prepared.item.item.kind != ItemKind::Stage);
    let mut kept_parents: HashSet<String> = HashSet::new();
    for (key, prepared) in made {
        let item = &prepared.item;
        let lasting = item.item.kind == ItemKind::Field
            && cx.destination.permissions.get("remove_fields") == Some(&Permission::No);
        let stays = lasting
            || used.contains(&(item.item.kind, item.item.object.clone(), item.id.clone()))
            || (item.item.kind == ItemKind::Pipeline && kept_parents.contains(&item.id));
        if stays {
            kept_parents.extend(item.item.parent.clone());
            lease.commit(&[keep(&format!("kept_item/{preview:010}"), key, &prepared)]).await?;
            continue;
        }
        let Some(provisioner) = core.destination.provisioner() else { continue };
        let send_before = lease.send_before().await?;
        match provisioner.retire(item, send_before).await {
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

type ItemName = (ItemKind, ObjectName, String);

/// The made fields and stages that live records still use: after the undo those are records that stay, or others'.
async fn in_use(core: &Core, cx: &PassContext, made: &[(String, PreparedItem)]) -> Result<HashSet<ItemName>> {
    let mut used = HashSet::new();
    let Some(reader) = core.destination.reader() else { return Ok(used) };
    let mut fields: BTreeMap<ObjectName, Vec<FieldName>> = BTreeMap::new();
    for (_, prepared) in made {
        let item = &prepared.item;
        let names = fields.entry(item.item.object.clone()).or_default();
        if item.item.kind == ItemKind::Field {
            names.push(FieldName::from(item.id.as_str()));
        }
    }
    for (object, names) in fields {
        let stage = cx
            .destination
            .schema
            .object(&object)
            .and_then(|schema| schema.by_concept(FieldConcept::Stage))
            .map(|field| field.name.clone());
        let mut request = PageRequest::first(object.clone(), core.settings.page_size);
        loop {
            let page = reader.scan(&request).await?;
            for stored in page.items {
                for name in names.iter().filter(|name| stored.fields.get(*name).is_some_and(|value| !value.is_empty()))
                {
                    used.insert((ItemKind::Field, object.clone(), name.as_str().to_owned()));
                }
                if let Some(Value::Option(id)) = stage.as_ref().and_then(|stage| stored.fields.get(stage)) {
                    used.insert((ItemKind::Stage, object.clone(), id.to_string()));
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
