//! Handover: what was set up, what went where, what did not fully move and why, what people rebuild, and what they check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Badge, FieldConcept, HeldReason, ItemKind, MappingId, ObjectConcept, ObjectName, Page, PageRequest, Part,
    RecordRef, Result, RowState, Select,
    engine::key_of,
    migration::{Guide, Migration, Observed},
};

/// What a company gets in hand when its migration is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// Always `crmkit.handover`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Pipelines, stages, fields and what else was prepared, with their ids (R302).
    pub configuration: Vec<ConfiguredItem>,
    /// Which field went where (R303).
    pub map: Vec<MappedField>,
    /// Records that did not move, by reason.
    pub not_moved: Vec<NotMoved>,
    /// Records that wait for a decision, by reason.
    pub held: Vec<HeldReason>,
    /// What was changed or left out on the way, by line of the plan (R304).
    pub not_fully: Vec<NotFully>,
    /// How many files moved, and how many did not; the manifest lists each.
    pub files: FileCount,
    /// What people rebuild by hand.
    pub guides: Vec<Guide>,
    /// What people check or switch on again.
    pub checklist: Vec<String>,
    /// What differs from run to run.
    pub observed: Observed,
}

/// A part of the destination's set-up that the migration uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredItem {
    /// What it is.
    pub kind: ItemKind,
    /// The object it belongs to.
    pub object: ObjectName,
    /// Its name.
    pub name: String,
    /// Its id at the destination.
    pub id: String,
    /// Made by the migration; otherwise it was there.
    pub made: bool,
}

/// A line of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedField {
    /// The mapping.
    pub mapping: MappingId,
    /// Source object and fields.
    pub from: String,
    /// Destination object and field, by their names for people.
    pub to: String,
    /// Transforms, in order.
    pub transforms: Vec<String>,
    /// How the two relate.
    pub badge: Option<Badge>,
}

/// Records that did not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMoved {
    /// The mapping, or the source object that has none.
    pub what: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub records: u64,
}

/// Values that changed or stayed behind while their records moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFully {
    /// The mapping.
    pub mapping: MappingId,
    /// What happened, in words without values.
    pub note: String,
    /// To how many records.
    pub records: u64,
}

/// Files that moved, and those that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCount {
    /// Stored at the destination.
    pub moved: u64,
    /// Not there: held, left behind, or without a place.
    pub left: u64,
}

/// One attachment of the source (R225).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// The attachment record.
    pub source: RecordRef,
    /// Its file name.
    pub name: Option<String>,
    /// Its size in bytes, where the source tells.
    pub size: Option<u64>,
    /// Where it can be fetched at the source, where that is known.
    pub url: Option<String>,
    /// The source records it hangs on.
    pub parents: Vec<RecordRef>,
    /// The file at the destination, if it moved.
    pub destination: Option<RecordRef>,
    /// Why it did not move.
    pub reason: Option<String>,
}

/// How many different notes are counted apart: a map has fewer lines than that.
const NOTES: usize = 10_000;

impl Migration {
    /// The handover as things stand. Reads the ledger, both descriptions, and the source's automations, segments and files.
    ///
    /// # Errors
    /// `State` before a plan is approved.
    pub async fn handover(&self) -> Result<Handover> {
        self.open().await?;
        let plan = self.frozen_plan().await?;
        let destination = self.core.destination.describe().await?;
        let prepared = self.prepared().await?;
        let configuration = prepared.0.values().map(|known| ConfiguredItem {
            kind: known.item.item.kind,
            object: known.item.item.object.clone(),
            name: known.item.item.name.clone(),
            id: known.item.id.clone(),
            made: known.made,
        });
        let map = plan.mappings.iter().flat_map(|mapping| {
            let object = prepared.object(&mapping.to).unwrap_or_else(|| mapping.to.clone());
            let schema = destination.schema.object(&object);
            let label = |to: &str| match to.strip_prefix("custom:") {
                Some(id) => plan.fields.iter().find(|field| field.id == id).map(|field| field.name.clone()),
                None => schema.and_then(|schema| schema.fields.get(to)).map(|field| field.label.clone()),
            };
            let object_label = schema.map_or_else(|| object.to_string(), |schema| schema.label.clone());
            mapping
                .fields
                .iter()
                .map(|line| {
                    let from: Vec<&str> = line.from.iter().map(|name| name.as_str()).collect();
                    MappedField {
                        mapping: mapping.id.clone(),
                        from: format!("{}: {}", mapping.from, from.join(", ")),
                        to: format!("{object_label}: {}", label(&line.to).unwrap_or_else(|| line.to.clone())),
                        transforms: line.transforms.iter().map(|call| call.name.clone()).collect(),
                        badge: line.badge,
                    }
                })
                .collect::<Vec<_>>()
        });
        let (configuration, map) = (configuration.collect(), map.collect());
        let mut files = FileCount::default();
        self.file_manifest(|line| match line.destination {
            Some(_) => files.moved += 1,
            None => files.left += 1,
        })
        .await?;
        Ok(Handover {
            format: "crmkit.handover".to_owned(),
            version: 1,
            configuration,
            map,
            not_moved: self.not_moved(&plan).await?,
            held: self.held_reasons(&plan, None).await?,
            not_fully: self.not_fully(&plan).await?,
            files,
            guides: self.guides(&destination).await?,
            checklist: checklist(&destination, files),
            observed: self.observed(None).await?,
        })
    }

    /// Every attachment of the source, with its parents and where it is now. Gives how many there are.
    ///
    /// # Errors
    /// What reading the source gives; `State` before a plan is approved.
    pub async fn file_manifest(&self, mut line: impl FnMut(&FileLine)) -> Result<u64> {
        self.open().await?;
        let plan = self.frozen_plan().await?;
        let source = self.core.source.describe().await?;
        let files = source.schema.objects.values().filter(|object| object.concept == Some(ObjectConcept::File));
        let mut count = 0;
        for object in files {
            let mappings: Vec<&MappingId> =
                plan.mappings.iter().filter(|mapping| mapping.from == object.name).map(|mapping| &mapping.id).collect();
            let named = |concept| object.by_concept(concept).map(|field| field.name.clone());
            let (name, size, url) = (named(FieldConcept::Name), named(FieldConcept::Size), named(FieldConcept::Url));
            let mut request = PageRequest::first(object.name.clone(), self.core.settings.page_size);
            loop {
                let page: Page<crate::Record> = self.core.source.read(&request).await?;
                let mut where_it_is: BTreeMap<usize, (Option<RecordRef>, Option<String>)> = BTreeMap::new();
                for mapping in &mappings {
                    let keys: Vec<_> = page
                        .items
                        .iter()
                        .map(|record| key_of(&self.core, mapping, &record.key, Part::main()))
                        .collect();
                    for (index, row) in self.core.ledger.rows(&keys).await?.into_iter().enumerate() {
                        let Some(row) = row else { continue };
                        let there = row.destination.clone().filter(|_| row.state.is_written());
                        let known = where_it_is.entry(index).or_default();
                        known.1 = row.reason.or(known.1.take());
                        known.0 = there.or(known.0.take());
                    }
                }
                for (index, record) in page.items.into_iter().enumerate() {
                    let (destination, reason) = where_it_is.remove(&index).unwrap_or_default();
                    let value =
                        |field: &Option<crate::FieldName>| field.as_ref().and_then(|field| record.fields.get(field));
                    let unplaced = || "the plan has no place for it".to_owned();
                    let told = FileLine {
                        name: value(&name).map(ToString::to_string),
                        size: value(&size).and_then(|size| size.to_string().parse().ok()),
                        url: value(&url).map(ToString::to_string),
                        parents: record.fields.values().flat_map(refs).collect(),
                        reason: if destination.is_some() { None } else { Some(reason.unwrap_or_else(unplaced)) },
                        source: record.key,
                        destination,
                    };
                    count += 1;
                    line(&told);
                }
                match page.next {
                    Some(next) => request = request.at(next),
                    None => break,
                }
            }
        }
        Ok(count)
    }

    /// Records that the plan leaves behind, and objects that it does not name.
    async fn not_moved(&self, plan: &crate::Plan) -> Result<Vec<NotMoved>> {
        let counts = self.facts().counts(None).await?;
        let mut not_moved = Vec::new();
        for mapping in &plan.mappings {
            for (state, reason) in [
                (RowState::Excluded, "the plan leaves them behind"),
                (RowState::Merged, "another record stands for them"),
                (RowState::RolledBack, "they were taken back"),
            ] {
                let rows = counts
                    .iter()
                    .filter(|count| count.mapping == mapping.id && count.part == Part::main() && count.state == state);
                let records: u64 = rows.map(|count| count.rows).sum();
                if records > 0 {
                    not_moved.push(NotMoved { what: mapping.id.to_string(), reason: reason.to_owned(), records });
                }
            }
        }
        let source = self.core.source.describe().await?;
        for object in source.schema.objects.values() {
            use ObjectConcept as O;
            let elsewhere =
                matches!(object.concept, Some(O::User | O::Pipeline | O::Stage | O::Automation | O::Segment));
            let mapped = plan.mappings.iter().any(|mapping| mapping.from == object.name);
            let records = source.counts.get(&object.name).copied().unwrap_or_default();
            if !mapped && !elsewhere && records > 0 {
                let reason = "the plan has no place for them".to_owned();
                not_moved.push(NotMoved { what: object.label.clone(), reason, records });
            }
        }
        Ok(not_moved)
    }

    /// The notes of written records, counted.
    async fn not_fully(&self, plan: &crate::Plan) -> Result<Vec<NotFully>> {
        let mut counted: BTreeMap<(MappingId, String), u64> = BTreeMap::new();
        for mapping in &plan.mappings {
            let written = [RowState::Created, RowState::Updated, RowState::Unchanged].to_vec();
            let select = Select::Rows { mapping: mapping.id.clone(), pass: None, states: written };
            let mut after = None;
            loop {
                let page = self.facts().row_page(&select, after.as_ref(), 500).await?;
                for note in page.items.into_iter().flat_map(|row| row.notes) {
                    let key = (mapping.id.clone(), note);
                    if counted.len() < NOTES || counted.contains_key(&key) {
                        *counted.entry(key).or_default() += 1;
                    }
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(counted.into_iter().map(|((mapping, note), records)| NotFully { mapping, note, records }).collect())
    }
}

fn refs(value: &crate::Value) -> Vec<RecordRef> {
    match value {
        crate::Value::List(values) => values.iter().flat_map(refs).collect(),
        one => one.as_ref_to().into_iter().cloned().collect(),
    }
}

/// What people check when everything is there (R251).
fn checklist(destination: &crate::Destination, files: FileCount) -> Vec<String> {
    let mut checklist = vec![
        "Compare the counts of the reconciliation with what the source shows".to_owned(),
        "Open a few records of each object with their owner, stage, activities and notes".to_owned(),
        "Decide about the records that are held, or accept that they stay behind".to_owned(),
        "Rebuild what the guides describe, the most important ones first".to_owned(),
        "Pair the integrations of the old CRM with the new one, and let them sync anew".to_owned(),
        "Accept the migration when nothing is left to take back".to_owned(),
    ];
    for (object, quiet) in &destination.quiet {
        checklist.extend(quiet.iter().map(|what| format!("Switch on again for {object}: {what}")));
    }
    if files.left > 0 {
        checklist.push(format!("Upload by hand what the file manifest lists as not moved: {} files", files.left));
    }
    checklist
}
