//! Prepare: pipelines, then stages, then fields with their options, each made exactly once, crash or not.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, Change, Destination, Error, ExistingItem, FieldType, ItemKind, ObjectName, Permission, Plan, Prepared,
    PreparedItem, Recovery, Result, Retry, SchemaItem, Uncertain,
    engine::{LeaseGuard, keep},
    migration::{Approval, Migration, Observed, PLAN_GATE, UncertainCount},
    plan::same_name,
};

/// What `prepare` made or took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Always `crmkit.preparation`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// The items, by their name in the plan, in the order they were made.
    pub items: Prepared,
    /// How creates whose answer was lost were resolved.
    pub uncertain: UncertainCount,
    /// What differs from run to run.
    pub observed: Observed,
}

/// An item that is about to be made.
#[derive(Debug)]
struct Wanted {
    key: String,
    item: SchemaItem,
    /// The registry key of what it hangs under.
    parent: Option<String>,
    /// Take this one instead of making one.
    existing: Option<String>,
}

/// A creation under way.
#[derive(Debug, Serialize, Deserialize)]
struct Preparing {
    send_before: DateTime<Utc>,
}

impl Migration {
    /// Makes what the plan needs at the destination: objects, then pipelines, then stages, then fields and options (R120). Called again, it goes on
    /// where it was.
    ///
    /// # Errors
    /// `State` without the plan's approval, where what only people can make is missing, or where several items could be the one that a crashed attempt made.
    pub async fn prepare(&self, approval: &Approval) -> Result<Preparation> {
        self.open().await?;
        self.admit(approval, PLAN_GATE).await?;
        let plan = self.frozen_plan().await?;
        let core = &*self.core;
        let mut destination = core.destination.describe().await?;
        if destination.permissions.get("pipelines") == Some(&Permission::No) {
            // What people make by hand may be gone since the review: that is known before anything is made that stays.
            let problems = self.check(&plan).await?;
            let missing = problems.into_iter().filter(|problem| problem.code.ends_with("_by_hand"));
            let missing: Vec<String> =
                missing.map(|problem| format!("{}: {}", problem.message, problem.remedy)).collect();
            if !missing.is_empty() {
                return Err(Error::state("prepare", missing.join("; ")));
            }
        }
        let mut lease = LeaseGuard::control(core).await?;
        if self.facts().get::<Vec<ExistingItem>>("document", "snapshot").await?.is_none() {
            lease.commit(&[keep("document", "snapshot", &destination.items)]).await?;
        }
        let order: Vec<String> = wanted(&plan, &destination).into_iter().map(|wanted| wanted.key).collect();
        for wanted in wanted(&plan, &destination) {
            self.ensure(wanted, &mut lease, &mut destination).await?;
        }
        lease.release().await;
        let mut prepared = self.prepared().await?;
        prepared.0.sort_by(|a, _, b, _| {
            let place = |key: &String| order.iter().position(|known| known == key);
            place(a).cmp(&place(b))
        });
        let mut uncertain = UncertainCount::default();
        for (_, resolved) in self.facts().all::<Uncertain>("prepare_uncertain").await? {
            match resolved {
                Uncertain::Adopted => uncertain.adopted += 1,
                Uncertain::Resent => uncertain.resent += 1,
                Uncertain::Held => uncertain.held += 1,
            }
        }
        let observed = self.observed(None).await?;
        Ok(Preparation { format: "crmkit.preparation".to_owned(), version: 1, items: prepared, uncertain, observed })
    }

    pub(super) async fn prepared(&self) -> Result<Prepared> {
        Ok(Prepared(self.facts().all::<PreparedItem>("prepared").await?.into_iter().collect()))
    }

    /// Makes one item, unless it is there; what a crashed attempt made is found and taken.
    async fn ensure(&self, wanted: Wanted, lease: &mut LeaseGuard<'_>, destination: &mut Destination) -> Result<()> {
        let core = &*self.core;
        let prepared = self.prepared().await?;
        if prepared.0.contains_key(&wanted.key) {
            return Ok(());
        }
        let mut item = with_real_names(wanted.item, &prepared);
        if let Some(parent) = &wanted.parent {
            item.parent = prepared.0.get(parent).map(|prepared| prepared.item.id.clone());
        }
        if let Some(id) = wanted.existing {
            let taken = PreparedItem { item: ExistingItem { id, item }, made: false };
            return lease.commit(&[keep("prepared", wanted.key, &taken)]).await;
        }
        let provisioner = core.destination.provisioner().ok_or_else(|| {
            Error::state("prepare", "the destination's interface cannot make schema items")
                .with_context("item", &wanted.key)
        })?;
        loop {
            let earlier = self.facts().get::<Preparing>("preparing", &wanted.key).await?;
            let was_lost = earlier.is_some();
            let id = match earlier {
                Some(earlier) => {
                    // An earlier attempt may have arrived, or may still arrive.
                    core.clock.sleep_until(earlier.send_before + core.settings.settle_after).await;
                    *destination = core.destination.describe().await?;
                    self.found(&item, destination).await?
                }
                None => None,
            };
            if was_lost {
                let resolved = if id.is_some() { Uncertain::Adopted } else { Uncertain::Resent };
                lease.commit(&[keep("prepare_uncertain", wanted.key.clone(), &resolved)]).await?;
            }
            let id = match id {
                Some(id) => Ok(id),
                None => {
                    let send_before = lease.send_before().await?;
                    lease.commit(&[keep("preparing", wanted.key.clone(), &Preparing { send_before })]).await?;
                    provisioner.create(&item, send_before).await
                }
            };
            match id {
                Ok(id) => {
                    let line = AuditEntry {
                        time: core.clock.now(),
                        actor: core.actor.clone(),
                        operation: "prepare".to_owned(),
                        key: wanted.key.clone(),
                        destination: None,
                        hash: None,
                        result: "created".to_owned(),
                    };
                    let made = PreparedItem { item: ExistingItem { id, item }, made: true };
                    let forget = Change::Forget { kind: "preparing".to_owned(), key: wanted.key.clone() };
                    return lease.commit(&[keep("prepared", wanted.key, &made), forget, Change::Audit(line)]).await;
                }
                Err(error) => match error.retry() {
                    Retry::Verify => {}
                    Retry::After(wait) => {
                        lease
                            .commit(&[Change::Forget { kind: "preparing".to_owned(), key: wanted.key.clone() }])
                            .await?;
                        let until = error.until().unwrap_or(core.clock.now() + wait);
                        core.clock.sleep_until(until).await;
                    }
                    Retry::Never => {
                        lease
                            .commit(&[Change::Forget { kind: "preparing".to_owned(), key: wanted.key.clone() }])
                            .await?;
                        return Err(error.with_context("item", &wanted.key));
                    }
                },
            }
        }
    }

    /// What a crashed attempt made: an item like it that is neither in the snapshot nor registered.
    async fn found(&self, item: &SchemaItem, destination: &Destination) -> Result<Option<String>> {
        let snapshot: Vec<ExistingItem> = self.facts().get("document", "snapshot").await?.unwrap_or_default();
        let before: HashSet<_> = snapshot.iter().map(|known| (known.item.kind, known.id.as_str())).collect();
        let prepared = self.prepared().await?;
        let mine: HashSet<_> =
            prepared.0.values().map(|known| (known.item.item.kind, known.item.id.as_str())).collect();
        let fits: Vec<&ExistingItem> = destination
            .items
            .iter()
            .filter(|known| {
                !before.contains(&(known.item.kind, &*known.id)) && !mine.contains(&(known.item.kind, &*known.id))
            })
            .filter(|known| {
                known.item.kind == item.kind
                    && (item.kind == ItemKind::Object || known.item.object == item.object)
                    && known.item.name == item.name
            })
            .filter(|known| {
                let placed = matches!(item.kind, ItemKind::Stage | ItemKind::Option | ItemKind::Label);
                !placed || known.item.parent == item.parent
            })
            .collect();
        match fits[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.id.clone())),
            _ => Err(Error::state(
                "prepare",
                "several new items have the same name; remove all but one at the destination",
            )
            .with_context("item", &item.name)),
        }
    }
}

/// Everything the plan needs, in the order in which it is made: custom objects, then pipelines, stages, fields with their options,
/// marker fields, and what only needs those.
fn wanted(plan: &Plan, destination: &Destination) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for object in &plan.objects {
        wanted.push(Wanted {
            key: Prepared::object_key(object),
            item: SchemaItem::new(ItemKind::Object, object.reference(), object.name.as_str()),
            parent: None,
            existing: object.use_existing.as_ref().map(ToString::to_string),
        });
    }
    for pipeline in &plan.pipelines {
        wanted.push(Wanted {
            key: Prepared::pipeline_key(pipeline),
            item: SchemaItem::new(ItemKind::Pipeline, pipeline.object.clone(), pipeline.name.as_str()),
            parent: None,
            existing: pipeline.use_existing.clone(),
        });
    }
    for pipeline in &plan.pipelines {
        for stage in &pipeline.stages {
            let existing = pipeline.use_existing.as_ref().and_then(|parent| {
                let known = |known: &&ExistingItem| {
                    known.item.kind == ItemKind::Stage
                        && known.item.parent.as_ref() == Some(parent)
                        && known.item.name == stage.name
                };
                destination.items.iter().find(known).map(|known| known.id.clone())
            });
            let mut item = SchemaItem::new(ItemKind::Stage, pipeline.object.clone(), stage.name.as_str());
            item.probability = stage.probability;
            wanted.push(Wanted {
                key: Prepared::stage_key(pipeline, stage),
                item,
                parent: Some(Prepared::pipeline_key(pipeline)),
                existing,
            });
        }
    }
    for field in &plan.fields {
        let mut item = SchemaItem::new(ItemKind::Field, field.object.clone(), field.name.as_str());
        item.ty = Some(field.ty.clone());
        item.options = field.options.clone();
        wanted.push(Wanted {
            key: Prepared::field_key(field),
            item,
            parent: None,
            existing: field.use_existing.as_ref().map(ToString::to_string),
        });
    }
    let extended = plan.prepared(destination);
    let mut marked = HashSet::new();
    for mapping in &plan.mappings {
        let recovery = extended.abilities.get(&mapping.to).map(|abilities| &abilities.recovery);
        if let Some(Recovery::MarkerField { label }) = recovery
            && marked.insert(&mapping.to)
        {
            let mut item = SchemaItem::new(ItemKind::Field, mapping.to.clone(), label.as_str());
            item.ty = Some(FieldType::text());
            wanted.push(Wanted { key: Prepared::marker_key(&mapping.to, label), item, parent: None, existing: None });
        }
    }
    for items in &plan.items {
        for name in &items.names {
            let mut item = SchemaItem::new(items.kind, items.object.clone(), name.as_str());
            item.parent = items.field.as_ref().map(ToString::to_string);
            item.conditions.clone_from(&items.conditions);
            let existing = there_already(&item, destination);
            wanted.push(Wanted { key: Prepared::item_key(items, name), item, parent: None, existing });
        }
    }
    wanted
}

/// The option, label, activity type, lead source or filter of that name: one is as good as another.
fn there_already(item: &SchemaItem, destination: &Destination) -> Option<String> {
    let same = |name: &str| same_name(name, &item.name);
    let known = destination.items.iter().find(|known| {
        let place = (known.item.kind, &known.item.object, &known.item.parent);
        place == (item.kind, &item.object, &item.parent) && same(&known.item.name)
    });
    let listed = || {
        let field = destination.schema.object(&item.object)?.fields.get(item.parent.as_deref()?)?;
        field.options.iter().find(|option| same(&option.label)).map(|option| option.id.clone())
    };
    known.map(|known| known.id.clone()).or_else(listed)
}

/// The item with the destination's own names for objects that the plan calls `custom:<id>`.
fn with_real_names(mut item: SchemaItem, prepared: &Prepared) -> SchemaItem {
    let real = |name: &ObjectName| prepared.object(name).unwrap_or_else(|| name.clone());
    if item.kind != ItemKind::Object {
        item.object = real(&item.object);
    }
    if let Some(FieldType::Link { to } | FieldType::Links { to }) = &mut item.ty {
        to.iter_mut().for_each(|name| *name = real(name));
    }
    item
}
