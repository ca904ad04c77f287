//! Spot check: some records, chosen by a seed, read back and compared field by field (R137, R358).

use std::collections::BTreeSet;

use crate::{
    Change, Digest, Part, Reconciliation, RecordRef, Result, RowState, Select,
    engine::{PassKind, keep},
    migration::Migration,
};

/// The kind under which the ledger keeps the records of a spot check.
pub(crate) const SPOT: &str = "spot";

const WRITTEN: [RowState; 4] = [RowState::Created, RowState::Updated, RowState::Unchanged, RowState::Linked];

impl Migration {
    /// Reads back and compares `records` of the written records, the same ones for the same seed. Its document is clean when these
    /// are as they should be; it says nothing of the others. Called again while unfinished, it goes on where it was.
    pub async fn spot_check(&self, records: usize, seed: u64) -> Result<Reconciliation> {
        let pass = self.start_spot_check(records, seed).await?;
        self.drive(pass).await?;
        self.reconciliation(pass).await
    }

    /// Starts a spot check, or finds the unfinished one, and gives its pass.
    pub async fn start_spot_check(&self, records: usize, seed: u64) -> Result<u32> {
        self.open().await?;
        if !self.passes().await?.iter().any(|pass| pass.kind == PassKind::Spot && pass.finished.is_none()) {
            let mut lowest: BTreeSet<(Digest, RecordRef)> = BTreeSet::new();
            for mapping in &self.frozen_plan().await?.mappings {
                let select = Select::Rows { mapping: mapping.id.clone(), pass: None, states: WRITTEN.to_vec() };
                let mut after = None;
                loop {
                    let page = self.facts().row_page(&select, after.as_ref(), 500).await?;
                    for row in page.items.into_iter().filter(|row| row.key.part == Part::main()) {
                        let record = RecordRef { object: row.key.object, id: row.key.id };
                        let parts =
                            [&seed.to_le_bytes()[..], record.object.as_str().as_bytes(), record.id.as_str().as_bytes()];
                        lowest.insert((Digest::of_parts(parts), record));
                        if lowest.len() > records {
                            lowest.pop_last();
                        }
                    }
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
            let earlier = self.facts().all::<RecordRef>(SPOT).await?;
            let mut changes: Vec<Change> =
                earlier.into_iter().map(|(key, _)| Change::Forget { kind: SPOT.to_owned(), key }).collect();
            changes.extend(lowest.iter().map(|(_, record)| keep(SPOT, record.to_string(), record)));
            self.commit(changes).await?;
        }
        self.start(PassKind::Spot, self.verify_phases().await?, None).await
    }
}
