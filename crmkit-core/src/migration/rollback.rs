//! Rollback: a preview, its approval, then everything taken back that others did not make their own (I8).

use serde::{Deserialize, Serialize};

use crate::{
    Change, Digest, Error, IntendedOperation, PreparedItem, RecordRef, Result, Row, RowState, Select,
    engine::{Kept, PassKind, Phase, Task, keep, kept_kind, pass_key},
    migration::{Approval, Migration, Observed, PLAN_GATE, SAMPLE_GATE, UncertainCount, rollback_gate},
};

/// What a rollback would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackPreview {
    /// Always `crmkit.rollback-preview`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Records that would be removed, links among them.
    pub remove: u64,
    /// Records that would get their earlier values back.
    pub restore: u64,
    /// Records that stay as they are: others changed them, attached something, or refer to them.
    pub kept: Vec<Kept>,
    /// Schema items that would be retired, where no record that stays uses them.
    pub retire: Vec<String>,
    /// What differs from run to run.
    pub observed: Observed,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackReport {
    /// Always `crmkit.rollback`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// It is over, and everything that was ours alone is gone.
    pub clean: bool,
    /// Rows that were taken back, per mapping.
    pub taken_back: Vec<(String, u64)>,
    /// Records that stay as they are, with why.
    pub kept: Vec<Kept>,
    /// Schema items that were retired.
    pub retired: Vec<String>,
    /// Schema items that stay, because records that stay use them.
    pub kept_items: Vec<String>,
    /// Fields that could not get their earlier value back.
    pub unrestored: Vec<String>,
    /// How creates whose answer was lost were resolved: a rollback makes none.
    pub uncertain: UncertainCount,
    /// What differs from run to run.
    pub observed: Observed,
}

impl Migration {
    /// Finds what a rollback of everything would do. Reads only.
    ///
    /// # Errors
    /// `State` while creates are under way or their answers were lost: what is not known to be there cannot be taken back.
    pub async fn preview_rollback(&self) -> Result<RollbackPreview> {
        let pass = self.start_rollback_preview(None).await?;
        self.drive(pass).await?;
        self.rollback_preview(pass).await
    }

    /// Finds what taking back one pass would do that came after the run: a delta, a resolve or a repair. What earlier passes wrote
    /// stays. Reads only.
    ///
    /// # Errors
    /// As [`preview_rollback`](Self::preview_rollback); `State` where the pass is another, is not over, or is not the last of its
    /// kind that stands: newer ones are taken back first.
    pub async fn preview_rollback_of(&self, pass: u32) -> Result<RollbackPreview> {
        let preview = self.start_rollback_preview(Some(pass)).await?;
        self.drive(preview).await?;
        self.rollback_preview(preview).await
    }

    /// Starts a preview of taking back everything, or one pass, or finds the unfinished one, and gives its pass.
    ///
    /// # Errors
    /// As [`preview_rollback`](Self::preview_rollback) and [`preview_rollback_of`](Self::preview_rollback_of).
    pub async fn start_rollback_preview(&self, of: Option<u32>) -> Result<u32> {
        self.open().await?;
        if let Some(of) = of {
            self.last_that_stands(of).await?;
        }
        self.within_window().await?;
        let open = self.open_creates().await?;
        if open > 0 {
            let message = "writes are under way, and nobody knows yet whether they arrived: run again, then roll back";
            return Err(Error::state("rollback.preview", message).with_context("open", open));
        }
        self.start(PassKind::Preview { of }, self.survey_phases().await?, None).await
    }

    /// Refuses to take back a pass below others, or one that is no pass of its own.
    async fn last_that_stands(&self, of: u32) -> Result<()> {
        let passes = self.passes().await?;
        let undone = |number: u32| {
            passes.iter().any(|pass| {
                pass.finished.is_some()
                    && matches!(pass.kind, PassKind::Rollback { of, .. } if of.is_none_or(|of| of == number))
                    && pass.number > number
            })
        };
        let last =
            passes.iter().rfind(|pass| (pass.kind.follows() || pass.kind == PassKind::Initial) && !undone(pass.number));
        let refused = |message: &str| Err(Error::state("rollback.preview", message).with_context("pass", of));
        match last {
            Some(last) if last.number == of && last.kind == PassKind::Initial => {
                refused("the run is taken back as a whole: preview a rollback of everything")
            }
            Some(last) if last.number == of && last.finished.is_none() => refused("the pass is not over"),
            Some(last) if last.number == of => Ok(()),
            _ => refused("newer passes are taken back first, newest before older"),
        }
    }

    /// Approves a rollback as previewed.
    pub async fn approve_rollback(&self, preview: &RollbackPreview, actor: &str) -> Result<Approval> {
        self.open().await?;
        let kept: Option<RollbackPreview> = self.facts().get("document", &preview_key(preview.observed.pass)).await?;
        if kept.as_ref() != Some(preview) {
            return Err(Error::state(
                "approve.rollback",
                "the ledger holds another preview; look at that one and approve it",
            ));
        }
        let fingerprint = Digest::of_document(&(preview.remove, preview.restore, &preview.kept, &preview.retire));
        self.approve(&rollback_gate(preview.observed.pass), fingerprint, actor, Vec::new()).await
    }

    /// Takes back everything, what `prepare` made included, but for what others made their own. Called again, it goes on where it
    /// was. Afterwards a run needs new approvals.
    ///
    /// # Errors
    /// `State` without the approval of a preview.
    pub async fn rollback(&self, approval: &Approval) -> Result<RollbackReport> {
        let pass = self.start_rollback(approval).await?;
        self.drive(pass).await?;
        self.rollback_report(pass).await
    }

    /// Starts the rollback of a preview, or finds the one that is there, and gives its pass.
    ///
    /// # Errors
    /// As [`rollback`](Self::rollback).
    pub async fn start_rollback(&self, approval: &Approval) -> Result<u32> {
        self.open().await?;
        let preview = approval.gate.strip_prefix("rollback/").and_then(|pass| pass.parse().ok()).ok_or_else(|| {
            Error::state("rollback", "this approval is for another step; approve the rollback's preview")
        })?;
        self.admit(approval, &rollback_gate(preview)).await?;
        // One preview is carried out once: whoever asks again gets the report again.
        let of = self.pass(preview).await?.kind.takes_back();
        let phases = self.undo_phases(&self.frozen_plan().await?, of.is_none()).await?;
        self.start_once(PassKind::Rollback { of, preview }, phases, Some(approval.gate.clone())).await
    }

    /// The phases that look at what a rollback would take back.
    pub(super) async fn survey_phases(&self) -> Result<Vec<Phase>> {
        let phases = self.undo_phases(&self.frozen_plan().await?, false).await?;
        let records = phases.into_iter().filter(|phase| phase.task == Task::Undo);
        Ok(records.map(|phase| Phase { task: Task::Survey, mappings: phase.mappings }).collect())
    }

    /// The document of a preview whose pass is over; it is kept until it is approved.
    ///
    /// # Errors
    /// `State` while the pass is not over.
    pub async fn rollback_preview(&self, pass: u32) -> Result<RollbackPreview> {
        self.open().await?;
        let record = self.pass(pass).await?;
        let PassKind::Preview { of } = record.kind else {
            return Err(Error::state("rollback.preview", "this is no preview").with_context("pass", pass));
        };
        if record.finished.is_none() {
            return Err(Error::state("rollback.preview", "this is no finished preview").with_context("pass", pass));
        }
        let units = self.facts().units(&Select::Units(pass)).await?;
        let sum = |name: &str| -> u64 { units.iter().filter_map(|unit| unit.counts.get(name)).sum() };
        let kept: Vec<Kept> = self.kept(pass).await?;
        let made = self.prepared().await?.0.into_iter().filter(|(_, item)| of.is_none() && item.made);
        let retire = made.map(|(key, _)| key).collect();
        let preview = RollbackPreview {
            format: "crmkit.rollback-preview".to_owned(),
            version: 1,
            // Records that stay only because another refers to them were counted before that was known.
            remove: sum("remove").saturating_sub(kept.iter().filter(|kept| kept.because_of.is_some()).count() as u64),
            restore: sum("restore"),
            kept,
            retire,
            observed: self.observed(Some(&record)).await?,
        };
        self.commit(vec![keep("document", preview_key(pass), &preview)]).await?;
        Ok(preview)
    }

    /// The report of a rollback, finished or not.
    pub async fn rollback_report(&self, pass: u32) -> Result<RollbackReport> {
        self.open().await?;
        let record = self.pass(pass).await?;
        let PassKind::Rollback { of, preview } = record.kind else {
            return Err(Error::state("rollback.report", "this is no rollback").with_context("pass", pass));
        };
        let finished = record.finished.is_some();
        let counts = self.facts().counts(None).await?;
        let taken_back = crate::sum_by_mapping(&counts, |count| count.state == RowState::RolledBack);
        let left: u64 = counts.iter().filter(|count| count.state.is_written()).map(|count| count.rows).sum();
        let kept = self.kept(preview).await?;
        let names = |items: Vec<(String, PreparedItem)>| items.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        // Once: approvals that are given afterwards are for the next run.
        let forgotten: Option<bool> = self.facts().get("forgotten", &pass_key(preview)).await?;
        if finished && of.is_none() && forgotten.is_none() {
            let forget = |gate: &str| Change::Forget { kind: "approval".to_owned(), key: gate.to_owned() };
            let sample = Change::Forget { kind: "document".to_owned(), key: "sample".to_owned() };
            let snapshot = Change::Forget { kind: "document".to_owned(), key: "snapshot".to_owned() };
            let done = keep("forgotten", pass_key(preview), &true);
            let mut forgotten = vec![forget(PLAN_GATE), forget(SAMPLE_GATE), sample, snapshot, done];
            let chosen = self.facts().all::<RecordRef>("sample").await?;
            forgotten.extend(chosen.into_iter().map(|(key, _)| Change::Forget { kind: "sample".to_owned(), key }));
            self.commit(forgotten).await?;
        }
        Ok(RollbackReport {
            format: "crmkit.rollback".to_owned(),
            version: 1,
            clean: finished && if of.is_none() { left <= kept.len() as u64 } else { kept.is_empty() },
            taken_back: taken_back.into_iter().map(|(mapping, rows)| (mapping.to_string(), rows)).collect(),
            kept,
            retired: names(self.facts().all(&format!("retired/{}", pass_key(preview))).await?),
            kept_items: names(self.facts().all(&format!("kept_item/{}", pass_key(preview))).await?),
            unrestored: self
                .facts()
                .all::<String>(&format!("unrestored/{}", pass_key(preview)))
                .await?
                .into_iter()
                .map(|(key, reason)| format!("{key}: {reason}"))
                .collect(),
            uncertain: UncertainCount::default(),
            observed: self.observed(Some(&record)).await?,
        })
    }

    /// Creates of unfinished passes that are under way, or whose answer was lost.
    async fn open_creates(&self) -> Result<usize> {
        let mut open = 0;
        for pass in self.passes().await?.iter().filter(|pass| pass.finished.is_none() && pass.kind.writes()) {
            for unit in self.facts().units(&Select::OpenUnits(pass.number)).await? {
                let rows = self.facts().rows(&Select::OpenIntents(unit.key)).await?;
                let create = |row: &&Row| {
                    row.intent.as_ref().is_some_and(|intent| intent.operation == IntendedOperation::Create)
                };
                open += rows.iter().filter(create).count();
            }
        }
        Ok(open)
    }

    async fn kept(&self, preview: u32) -> Result<Vec<Kept>> {
        Ok(self.facts().all::<Kept>(&kept_kind(preview)).await?.into_iter().map(|(_, kept)| kept).collect())
    }
}

/// The key under which a preview is kept until it is approved.
fn preview_key(pass: u32) -> String {
    format!("rollback-preview/{}", pass_key(pass))
}
