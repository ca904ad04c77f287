//! Repair: rewrites what a reconciliation found different, and nothing else.

use std::collections::BTreeSet;

use crate::{
    Approval, Change, Error, RecordRef, Result, RunReport,
    engine::{Mismatch, PassKind, keep, pass_key},
    migration::{Migration, SAMPLE_GATE},
};

/// The kind under which the ledger keeps the records that a repair is about.
pub(crate) const DIFFERING: &str = "differing";

impl Migration {
    /// Writes our values again into every field that the last finished reconciliation found different; what stood there is kept as
    /// prior values. Records that are gone at the destination are held, not made again. Called again while unfinished, it goes on.
    ///
    /// # Errors
    /// `State` without the sample's approval, or without a finished reconciliation.
    pub async fn repair(&self, approval: &Approval) -> Result<RunReport> {
        let pass = self.start_repair(approval).await?;
        self.drive(pass).await?;
        self.run_report(pass).await
    }

    /// Starts a repair, or finds the unfinished one, and gives its pass.
    ///
    /// # Errors
    /// As [`repair`](Self::repair).
    pub async fn start_repair(&self, approval: &Approval) -> Result<u32> {
        self.open().await?;
        self.admit(approval, SAMPLE_GATE).await?;
        let passes = self.passes().await?;
        if !passes.iter().any(|pass| pass.kind == PassKind::Repair && pass.finished.is_none()) {
            let whole =
                |pass: &&crate::PassRecord| pass.kind == (PassKind::Reconcile { of: None }) && pass.finished.is_some();
            let last = passes.iter().rfind(whole).ok_or_else(|| {
                Error::state("repair.start", "a repair follows a finished reconciliation; reconcile first")
            })?;
            let found: Vec<(String, Mismatch)> =
                self.facts().all(&format!("mismatch/{}", pass_key(last.number))).await?;
            let records: BTreeSet<RecordRef> = found.into_iter().map(|(_, mismatch)| mismatch.source).collect();
            let earlier = self.facts().all::<RecordRef>(DIFFERING).await?;
            let mut changes: Vec<Change> =
                earlier.into_iter().map(|(key, _)| Change::Forget { kind: DIFFERING.to_owned(), key }).collect();
            changes.extend(records.iter().map(|record| keep(DIFFERING, record.to_string(), record)));
            self.commit(changes).await?;
        }
        let plan = self.frozen_plan().await?;
        let phases = self.write_phases(&plan).await?;
        self.start(PassKind::Repair, phases, Some(SAMPLE_GATE.to_owned())).await
    }
}
