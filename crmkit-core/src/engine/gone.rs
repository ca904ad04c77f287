//! The gone unit: which records were written earlier and are no longer at the source.

use serde::{Deserialize, Serialize};

use crate::{
    Change, MappingId, Outcome, Part, RecordId, RecordRef, Result, Row, Select, UnitState,
    engine::{Core, Facts, LeaseGuard, facts::keep, lookup::key_of, pass::PassContext, survey::WRITTEN},
};

/// A record that was written and is no longer among those that its mapping takes from the source: deleted there, or the mapping's
/// condition no longer holds. Its destination record stays.
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
