//! Delta: what changed at the source since the last pass, brought over; what changed at both ends, reported.

use serde::{Deserialize, Serialize};

use crate::{
    Error, GonePolicy, MappingId, Part, Result, Row, RowState, Select,
    engine::{Conflict, Gone, Kept, PassKind, Phase, Task, conflict_kind, gone_kind, kept_kind, key_of},
    migration::{
        Approval, HeldReason, Migration, ObjectCount, Observed, SAMPLE_GATE, UncertainCount,
        counts::{object_counts, uncertain_counts},
    },
};

/// What a delta changed, and what it left to people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeltaReport {
    /// Always `crmkit.delta`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Every phase is through its gate.
    pub finished: bool,
    /// What the delta waits for, if it does.
    pub waits_for: Vec<String>,
    /// The balances per mapping: `created` and `updated` by this delta, `unchanged` as they were.
    pub objects: Vec<ObjectCount>,
    /// Records that are no longer at the source, found by this delta or an earlier one, and whose destination records stand.
    pub gone: Vec<Gone>,
    /// Those whose destination records this delta removed, as the plan says.
    pub removed: Vec<Gone>,
    /// Records that it would have removed, had others not made them their own.
    pub kept: Vec<Kept>,
    /// Records that changed at both ends.
    pub conflicts: Vec<Conflict>,
    /// How creates whose answer was lost were resolved.
    pub uncertain: UncertainCount,
    /// Why records wait.
    pub held: Vec<HeldReason>,
    /// What differs from run to run.
    pub observed: Observed,
}

impl Migration {
    /// Walks the source again and brings over what is new or has changed, by the digest of what would be written. A record that
    /// somebody changed at the destination meanwhile is decided by the plan's `delta.conflict`. Called again while unfinished, it
    /// goes on where it was; each finished one is followed by a fresh one.
    ///
    /// # Errors
    /// `State` without the sample's approval, or before the run is over.
    pub async fn delta(&self, approval: &Approval) -> Result<DeltaReport> {
        let pass = self.start_delta(approval).await?;
        self.drive(pass).await?;
        self.delta_report(pass).await
    }

    /// Starts a delta, or finds the unfinished one, and gives its pass.
    ///
    /// # Errors
    /// As [`delta`](Self::delta).
    pub async fn start_delta(&self, approval: &Approval) -> Result<u32> {
        self.open().await?;
        self.admit(approval, SAMPLE_GATE).await?;
        let run = self.last_run().await?;
        if run.is_none_or(|run| run.finished.is_none()) {
            return Err(Error::state("delta.start", "a delta follows a finished run; run first"));
        }
        let plan = self.frozen_plan().await?;
        let mut phases = self.write_phases(&plan).await?;
        let mappings = plan.mappings.iter().map(|mapping| mapping.id.clone()).collect();
        phases.push(Phase { task: Task::Gone, mappings });
        if plan.delta.gone == GonePolicy::Remove {
            phases.extend(self.undo_phases(&plan, false).await?);
        }
        self.start(PassKind::Delta, phases, Some(SAMPLE_GATE.to_owned())).await
    }

    /// The report of a delta, finished or not.
    pub async fn delta_report(&self, pass: u32) -> Result<DeltaReport> {
        let plan = self.frozen_plan().await?;
        let record = self.pass(pass).await?;
        let waits_for = self.waits_for(pass).await?;
        let units = self.facts().units(&Select::Units(pass)).await?;
        let counts = self.facts().counts(Some(pass)).await?;
        let (mut gone, mut removed) = (Vec::new(), Vec::new());
        for mapping in &plan.mappings {
            for (known, row) in self.known_gone(&mapping.id).await? {
                match row.map(|row| row.state) {
                    Some(state) if state.is_written() => gone.push(known),
                    Some(RowState::RolledBack) if known.pass == pass => removed.push(known),
                    _ => {}
                }
            }
        }
        let conflicts = self.facts().all::<Conflict>(&conflict_kind(pass)).await?;
        Ok(DeltaReport {
            format: "crmkit.delta".to_owned(),
            version: 1,
            finished: record.finished.is_some(),
            waits_for,
            objects: object_counts(&plan, &record.writing(units), &counts),
            gone,
            removed,
            kept: self.facts().all::<Kept>(&kept_kind(pass)).await?.into_iter().map(|(_, kept)| kept).collect(),
            conflicts: conflicts.into_iter().map(|(_, conflict)| conflict).collect(),
            uncertain: uncertain_counts(&counts),
            held: self.held_reasons(&plan, Some(pass)).await?,
            observed: self.observed(Some(&record)).await?,
        })
    }

    /// Records of a mapping that are gone at the source, as far as a destination record of theirs still stands.
    pub(super) async fn gone(&self, mapping: &MappingId) -> Result<Vec<Gone>> {
        let stands = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.state.is_written());
        let known = self.known_gone(mapping).await?;
        Ok(known.into_iter().filter(|(_, row)| stands(row)).map(|(gone, _)| gone).collect())
    }

    /// Everything of a mapping that a delta found gone, with its row.
    async fn known_gone(&self, mapping: &MappingId) -> Result<Vec<(Gone, Option<Row>)>> {
        let known: Vec<Gone> = self.facts().all(&gone_kind(mapping)).await?.into_iter().map(|(_, gone)| gone).collect();
        let keys: Vec<_> = known.iter().map(|gone| key_of(&self.core, mapping, &gone.source, Part::main())).collect();
        let rows = self.core.ledger.rows(&keys).await?;
        Ok(known.into_iter().zip(rows).collect())
    }
}
