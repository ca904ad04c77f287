//! The gone unit: which records were written earlier and are no longer at the source.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    Change, MappingId, Outcome, Part, RecordId, RecordRef, Result, Row, Select, UnitState,
    engine::{Core, Facts, LeaseGuard, facts::keep, lookup::key_of, pass::PassContext, survey::WRITTEN},
};

/// A record that was written and is no longer among those that its mapping takes from the source: deleted there, or the mapping's
/// condition no longer holds. Its destination record stays, unless the plan's `delta.gone` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The mapping that wrote it.
    pub mapping: MappingId,
    /// The source record.
    pub source: RecordRef,
    /// The record at the destination.
    pub destination: RecordRef,
    /// The delta that found out.
    pub pass: u32,
    /// The source says so. Otherwise a whole walk over the object did not meet it.
    pub told: bool,
    /// Every row of the walk could be read. Otherwise the record may be one of those that could not.
    pub certain: bool,
}

/// The kind under which the ledger keeps the records of a mapping that are gone.
pub(crate) fn gone_kind(mapping: &MappingId) -> String {
    format!("gone/{mapping}")
}

fn gone_key(record: &RecordRef) -> String {
    record.to_string()
}

fn source_of(row: &Row) -> RecordRef {
    RecordRef { object: row.key.object.clone(), id: row.key.id.clone() }
}

/// What the ledger should know of records that a page says were deleted.
pub(super) async fn told(
    core: &Core,
    cx: &PassContext,
    unit: &UnitState,
    object: &crate::ObjectName,
    ids: &[RecordId],
) -> Result<Vec<Change>> {
    let records = ids.iter().map(|id| RecordRef { object: object.clone(), id: id.clone() });
    let keys: Vec<_> = records.map(|record| key_of(core, &unit.key.mapping, &record, Part::main())).collect();
    let rows = core.ledger.rows(&keys).await?.into_iter().flatten();
    Ok(rows.filter(|row| row.state.is_written()).filter_map(|row| gone(cx, &row, true, true)).collect())
}

/// Looks for rows of earlier passes that this walk over the whole object did not meet, and for those that are back.
pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let facts = Facts(&*core.ledger);
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let snapshot = cx.source.schema.object(&mapping.from).is_some_and(|object| object.snapshot);
    let unread: u64 = facts
        .units(&Select::Units(unit.key.pass))
        .await?
        .iter()
        .filter(|other| other.key.mapping == unit.key.mapping)
        .filter_map(|other| other.counts.get("quarantined"))
        .sum();
    let select = Select::Rows { mapping: unit.key.mapping.clone(), pass: None, states: WRITTEN.to_vec() };
    let page = facts.row_page(&select, unit.cursor.as_ref(), core.settings.page_size).await?;
    lease.open_next(&mut unit, page.next.as_ref()).await?;
    let main: Vec<Row> = page.items.into_iter().filter(|row| row.key.part == Part::main()).collect();
    let kind = gone_kind(&unit.key.mapping);
    let known: Vec<Gone> = facts
        .at(&kind, main.iter().map(|row| gone_key(&source_of(row))).collect())
        .await?
        .into_iter()
        .map(|(_, gone)| gone)
        .collect();
    let mut changes = Vec::new();
    for row in &main {
        let source = source_of(row);
        let known = known.iter().find(|gone| gone.source == source);
        let met = row.unit.pass == cx.pass.number;
        match known {
            Some(gone) if met && !(gone.told && gone.pass == cx.pass.number) => {
                changes.push(Change::Forget { kind: kind.clone(), key: gone_key(&source) });
            }
            None if !met && snapshot => changes.extend(gone(cx, row, false, unread == 0)),
            _ => {}
        }
    }
    lease.done(unit, changes, main.len() as u64).await
}

fn gone(cx: &PassContext, row: &Row, told: bool, certain: bool) -> Option<Change> {
    let (source, mapping) = (source_of(row), row.key.mapping.clone());
    let (kind, key) = (gone_kind(&mapping), gone_key(&source));
    let gone = Gone { mapping, source, destination: row.destination.clone()?, pass: cx.pass.number, told, certain };
    Some(keep(&kind, key, &gone))
}

/// Why a person has to decide before the records that are gone go here, too: there are suspiciously many.
pub(super) async fn too_many(core: &Core, cx: &PassContext, unit: &UnitState) -> Result<Option<String>> {
    let facts = Facts(&*core.ledger);
    // The first page speaks for all: the others are opened behind it.
    if unit.key.page > 0 || facts.get::<bool>("gate", &unit.key.to_string()).await? == Some(true) {
        return Ok(None);
    }
    let gone = facts.all::<Gone>(&gone_kind(&unit.key.mapping)).await?;
    let gone = gone.iter().filter(|(_, gone)| gone.pass == cx.pass.number).count();
    let counts = facts.counts(None).await?;
    let main = counts.iter().filter(|count| count.mapping == unit.key.mapping && count.part == Part::main());
    let written: u64 = main.filter(|count| count.state.is_written()).map(|count| count.rows).sum();
    let shrink = cx.plan.delta.shrink;
    let many = gone as f64 > shrink * written as f64;
    Ok(many.then(|| {
        format!("{gone} of {written} records are gone at the source, more than delta.shrink = {shrink} allows")
    }))
}

/// Of some rows those whose source record is certainly gone, and to whose record nothing links that stays.
pub(super) async fn removable(core: &Core, rows: Vec<Row>) -> Result<Vec<Row>> {
    let rows = certainly_gone(core, rows).await?;
    let records: Vec<RecordRef> = rows.iter().filter_map(|row| row.destination.clone()).collect();
    if records.is_empty() {
        return Ok(rows);
    }
    let linking = Facts(&*core.ledger).rows(&Select::LinkingTo(records)).await?;
    let live: Vec<Row> = linking.into_iter().filter(|row| row.state.is_written()).collect();
    let leaving: HashSet<_> = certainly_gone(core, live.clone()).await?.into_iter().map(|row| row.key).collect();
    let needed: HashSet<RecordRef> =
        live.into_iter().filter(|row| !leaving.contains(&row.key)).flat_map(|row| row.links).collect();
    let goes = |row: &Row| row.destination.as_ref().is_none_or(|record| !needed.contains(record));
    Ok(rows.into_iter().filter(goes).collect())
}

async fn certainly_gone(core: &Core, rows: Vec<Row>) -> Result<Vec<Row>> {
    let facts = Facts(&*core.ledger);
    let mut by_mapping: HashMap<MappingId, Vec<Row>> = HashMap::new();
    for row in rows {
        by_mapping.entry(row.key.mapping.clone()).or_default().push(row);
    }
    let mut certain = Vec::new();
    for (mapping, rows) in by_mapping {
        let keys = rows.iter().map(|row| gone_key(&source_of(row))).collect();
        let known: HashMap<String, Gone> = facts.at(&gone_kind(&mapping), keys).await?.into_iter().collect();
        let sure = |row: &Row| known.get(&gone_key(&source_of(row))).is_some_and(|gone| gone.certain || gone.told);
        certain.extend(rows.into_iter().filter(sure));
    }
    Ok(certain)
}
