//! Taking in a page of the source: what is counted, and which records a mapping takes.

use std::collections::HashSet;

use crate::{CompiledMapping, Page, Record, RecordRef, Selection, UnitState};

/// Counts a page into its unit and leaves the records that the mapping takes, those it leaves behind included.
pub(super) fn take_in(
    page: Page<Record>,
    mapping: &CompiledMapping,
    sample: Option<&HashSet<RecordRef>>,
    unit: &mut UnitState,
) -> Vec<(Record, Selection)> {
    let (mut unmapped, mut outside_sample) = (0, 0);
    let mut taken = Vec::with_capacity(page.items.len());
    for record in page.items {
        if sample.is_some_and(|sample| !sample.contains(&record.key)) {
            outside_sample += 1;
            continue;
        }
        match mapping.select(&record) {
            Selection::Unmapped => unmapped += 1,
            selection => taken.push((record, selection)),
        }
    }
    let counts = [
        ("rows", page.rows - outside_sample),
        ("quarantined", page.rejects.len() as u64),
        ("unmapped", unmapped),
        ("selected", taken.len() as u64),
    ];
    for (name, count) in counts {
        unit.counts.insert(name.to_owned(), count);
    }
    taken
}
