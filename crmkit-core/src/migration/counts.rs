//! The numbers that every report quotes, out of the ledger: balances, uncertain creates, reasons of holds.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    Count, MappingId, Part, Plan, RecordRef, Result, Row, RowState, Select, Uncertain, UnitState, migration::Migration,
};

/// What became of the records of one mapping. `source + gone = written + held + excluded + merged`,
/// `written = created + updated + unchanged + linked`, `rows = quarantined + unmapped + source`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCount {
    /// The mapping's id.
    pub mapping: String,
    /// Rows read, counted before they were parsed.
    pub rows: u64,
    /// Rows that could not become records.
    pub quarantined: u64,
    /// Records that the mapping does not concern.
    pub unmapped: u64,
    /// Records that the mapping takes.
    pub source: u64,
    /// Records for which a destination record stands.
    pub written: u64,
    /// Made by us.
    pub created: u64,
    /// Changed by us.
    pub updated: u64,
    /// As they should be already.
    pub unchanged: u64,
    /// Matched, and left as they are.
    pub linked: u64,
    /// Waiting for a decision.
    pub held: u64,
    /// Left behind by the plan.
    pub excluded: u64,
    /// Another record stands for them.
    pub merged: u64,
    /// Written earlier, and no longer at the source: only where records of all passes are counted.
    #[serde(default)]
    pub gone: u64,
}

impl ObjectCount {
    /// Whether the balances hold.
    pub fn balances(&self) -> bool {
        self.source + self.gone == self.written + self.held + self.excluded + self.merged
            && self.written == self.created + self.updated + self.unchanged + self.linked
            && self.rows == self.quarantined + self.unmapped + self.source
    }
}

/// How creates whose answer was lost were resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UncertainCount {
    /// Found and taken.
    pub adopted: u64,
    /// Not found, and sent again.
    pub resent: u64,
    /// Held with the evidence.
    pub held: u64,
}

/// Records that wait for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReason {
    /// The mapping.
    pub mapping: MappingId,
    /// The part: empty for the record itself, `link:…` for a link.
    pub part: Part,
    /// Why.
    pub reason: String,
    /// How many.
    pub records: u64,
    /// Some of them, to look at.
    pub examples: Vec<RecordRef>,
}

/// How many examples a reason shows.
const EXAMPLES: usize = 5;

/// The balances per mapping: what the units of a pass read, and where the rows of `rows_of` stand.
pub(super) fn object_counts(plan: &Plan, units: &[UnitState], counts: &[Count]) -> Vec<ObjectCount> {
    plan.mappings
        .iter()
        .map(|mapping| {
            let read = |name: &str| -> u64 {
                units
                    .iter()
                    .filter(|unit| unit.key.mapping == mapping.id)
                    .filter_map(|unit| unit.counts.get(name))
                    .sum()
            };
            let rows = |state: RowState| -> u64 {
                counts
                    .iter()
                    .filter(|count| count.mapping == mapping.id && count.part == Part::main() && count.state == state)
                    .map(|count| count.rows)
                    .sum()
            };
            let [created, updated, unchanged, linked] =
                [RowState::Created, RowState::Updated, RowState::Unchanged, RowState::Linked].map(rows);
            ObjectCount {
                mapping: mapping.id.to_string(),
                rows: read("rows"),
                quarantined: read("quarantined"),
                unmapped: read("unmapped"),
                source: read("selected"),
                written: created + updated + unchanged + linked,
                created,
                updated,
                unchanged,
                linked,
                held: rows(RowState::Held),
                excluded: rows(RowState::Excluded),
                merged: rows(RowState::Merged),
                gone: 0,
            }
        })
        .collect()
}

/// How uncertain creates were resolved, parts included.
pub(super) fn uncertain_counts(counts: &[Count]) -> UncertainCount {
    let sum = |kind| counts.iter().filter(|count| count.uncertain == Some(kind)).map(|count| count.rows).sum();
    UncertainCount { adopted: sum(Uncertain::Adopted), resent: sum(Uncertain::Resent), held: sum(Uncertain::Held) }
}

impl Migration {
    /// Every reason for which records wait, with counts; memory is bounded by the number of reasons.
    pub(super) async fn held_reasons(&self, plan: &Plan, pass: Option<u32>) -> Result<Vec<HeldReason>> {
        let mut reasons: IndexMap<(MappingId, Part, String), HeldReason> = IndexMap::new();
        for mapping in &plan.mappings {
            let select = Select::Rows { mapping: mapping.id.clone(), pass, states: vec![RowState::Held] };
            let mut after = None;
            loop {
                let page = self.facts().row_page(&select, after.as_ref(), 500).await?;
                for row in page.items {
                    count_reason(&mut reasons, row);
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(reasons.into_values().collect())
    }
}

fn count_reason(reasons: &mut IndexMap<(MappingId, Part, String), HeldReason>, row: Row) {
    let reason = row.reason.unwrap_or_default();
    let entry =
        reasons.entry((row.key.mapping.clone(), row.key.part.clone(), reason.clone())).or_insert_with(|| HeldReason {
            mapping: row.key.mapping.clone(),
            part: row.key.part.clone(),
            reason,
            records: 0,
            examples: Vec::new(),
        });
    entry.records += 1;
    if entry.examples.len() < EXAMPLES {
        entry.examples.push(RecordRef { object: row.key.object, id: row.key.id });
    }
}
