//! Resolve: what was held is tried again, exactly that and what depends on it, once a person has decided or mended the source.

use std::collections::BTreeSet;

use crate::{
    Approval, Change, Error, RecordRef, Result, RowState, RunReport, Select,
    engine::{PassKind, keep},
    migration::{Migration, SAMPLE_GATE},
};

/// The kind under which the ledger keeps the records that a resolve is about.
pub(crate) const REOPENED: &str = "reopened";

impl Migration {
    /// Tries every held record again, and no other: with the decisions taken since, and with what the source says now. What depends
    /// on a record that is written now is held for it, and so is among them. Called again while unfinished, it goes on.
    ///
    /// # Errors
    /// `State` without the sample's approval, or before the run is over.
    pub async fn resolve(&self, approval: &Approval) -> Result<RunReport> {
        let pass = self.start_resolve(approval).await?;
        self.drive(pass).await?;
        self.run_report(pass).await
    }

    /// Starts a resolve, or finds the unfinished one, and gives its pass.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub async fn start_resolve(&self, approval: &Approval) -> Result<u32> {
        self.open().await?;
        self.admit(approval, SAMPLE_GATE).await?;
        if self.last_run().await?.is_none_or(|run| run.finished.is_none()) {
            return Err(Error::state("resolve.start", "a resolve follows a finished run; run first"));
        }
        let plan = self.frozen_plan().await?;
        let under_way = |pass: &crate::PassRecord| pass.kind == PassKind::Resolve && pass.finished.is_none();
        if !self.passes().await?.iter().any(under_way) {
            let mut held = BTreeSet::new();
            for mapping in &plan.mappings {
                let select = Select::Rows { mapping: mapping.id.clone(), pass: None, states: vec![RowState::Held] };
                let rows = self.facts().rows(&select).await?;
                held.extend(rows.into_iter().map(|row| RecordRef { object: row.key.object, id: row.key.id }));
            }
            let earlier = self.facts().all::<RecordRef>(REOPENED).await?;
            let mut changes: Vec<Change> =
                earlier.into_iter().map(|(key, _)| Change::Forget { kind: REOPENED.to_owned(), key }).collect();
            changes.extend(held.iter().map(|record| keep(REOPENED, record.to_string(), record)));
            self.commit(changes).await?;
        }
        let phases = self.write_phases(&plan).await?;
        self.start(PassKind::Resolve, phases, Some(SAMPLE_GATE.to_owned())).await
    }
}
