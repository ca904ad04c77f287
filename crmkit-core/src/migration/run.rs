//! The whole run, and the report of what became of every record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Entry, Error, Reject, Result, Select,
    engine::{Action, PassKind, PassRecord, load_state, next_action, pass_key},
    migration::{
        Approval, HeldReason, Migration, ObjectCount, SAMPLE_GATE, UncertainCount,
        counts::{object_counts, uncertain_counts},
        passes::standing,
    },
};

/// What became of every record in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Always `crmkit.run`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Every phase is through its gate.
    pub finished: bool,
    /// The records lie in files that people import: nothing here says that they arrived.
    #[serde(default)]
    pub delivered: bool,
    /// What the run waits for, if it does.
    pub waits_for: Vec<String>,
    /// The balances per mapping.
    pub objects: Vec<ObjectCount>,
    /// How creates whose answer was lost were resolved.
    pub uncertain: UncertainCount,
    /// Why records wait.
    pub held: Vec<HeldReason>,
    /// Rows that could not become records, the first hundred.
    pub quarantined: Vec<Reject>,
    /// What differs from run to run.
    pub observed: Observed,
}

/// Times and ids: what two runs of the same plan do not share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The pass.
    pub pass: u32,
    /// When it began.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished: Option<DateTime<Utc>>,
    /// Place of the audit log's last line when the document was made.
    pub audit_sequence: u64,
    /// The audit chain's head then: no line before it can be changed or taken out unseen.
    pub audit_head: Option<Digest>,
}

impl Migration {
    /// What a document says about when it was made.
    pub(super) async fn observed(&self, pass: Option<&PassRecord>) -> Result<Observed> {
        let head = self.core.ledger.select(&Select::AuditHead, None, 1).await?.items.into_iter().next();
        let (audit_sequence, audit_head) = match head {
            Some(Entry::Audit(line)) => (line.sequence, Some(line.chain)),
            _ => (0, None),
        };
        Ok(Observed {
            pass: pass.map_or(0, |pass| pass.number),
            started: pass.map(|pass| pass.started),
            finished: pass.and_then(|pass| pass.finished),
            audit_sequence,
            audit_head,
        })
    }
}

/// How many quarantined rows a report shows.
const SHOWN_REJECTS: usize = 100;

impl Migration {
    /// Runs the whole migration as the approved plan and sample say. Called again, it goes on where it was; called after the end, it
    /// gives the report again.
    ///
    /// # Errors
    /// `State` without the sample's approval; the first error of a unit that no later attempt would mend.
    pub async fn run(&self, approval: &Approval) -> Result<RunReport> {
        let pass = self.start_run(approval).await?;
        self.drive(pass).await?;
        self.run_report(pass).await
    }

    /// Starts the run, or finds the one that is there, and gives its pass.
    ///
    /// # Errors
    /// `State` without the sample's approval.
    pub async fn start_run(&self, approval: &Approval) -> Result<u32> {
        self.open().await?;
        self.admit(approval, SAMPLE_GATE).await?;
        if let Some(last) = standing(&self.passes().await?, PassKind::Initial) {
            return Ok(last);
        }
        let plan = self.frozen_plan().await?;
        let phases = self.write_phases(&plan).await?;
        self.start_once(PassKind::Initial, phases, Some(SAMPLE_GATE.to_owned())).await
    }

    /// Accepts what a phase's gate found (too many held), so that the run goes on. The decision is in the audit log.
    ///
    /// # Errors
    /// `State` where the unit is no blocked gate.
    pub async fn accept_gate(&self, unit: &crate::UnitKey, actor: &str) -> Result<()> {
        self.open().await?;
        let open = self.facts().units(&Select::OpenUnits(unit.pass)).await?;
        let Some(gate) = open.into_iter().find(|open| open.key == *unit) else {
            return Err(Error::state("gate.accept", "there is no such gate waiting").with_context("unit", unit));
        };
        let line = crate::AuditEntry {
            time: self.core.clock.now(),
            actor: actor.to_owned(),
            operation: "decide".to_owned(),
            key: unit.to_string(),
            destination: None,
            hash: None,
            result: "accepted".to_owned(),
        };
        let reopened = crate::UnitState { status: crate::UnitStatus::Open, ..gate };
        self.commit(vec![
            crate::engine::keep("gate", unit.to_string(), &true),
            crate::Change::Unit(reopened),
            crate::Change::Audit(line),
        ])
        .await
    }

    /// The report of a run, finished or not.
    pub async fn run_report(&self, pass: u32) -> Result<RunReport> {
        let plan = self.frozen_plan().await?;
        let record = self.pass(pass).await?;
        let units = self.facts().units(&Select::Units(pass)).await?;
        let counts = self.facts().counts(Some(pass)).await?;
        let rejects =
            self.core.ledger.select(&Select::Facts(format!("reject/{}", pass_key(pass))), None, SHOWN_REJECTS).await?;
        let waits_for = self.waits_for(pass).await?;
        Ok(RunReport {
            format: "crmkit.run".to_owned(),
            version: 1,
            finished: record.finished.is_some() && !record.cancelled,
            delivered: self.core.destination.delivers(),
            waits_for,
            objects: object_counts(&plan, &record.writing(units), &counts),
            uncertain: uncertain_counts(&counts),
            held: self.held_reasons(&plan, Some(pass)).await?,
            quarantined: rejects
                .items
                .into_iter()
                .filter_map(
                    |entry| {
                        if let Entry::Fact(fact) = entry { serde_json::from_value(fact.value).ok() } else { None }
                    },
                )
                .collect(),
            observed: self.observed(Some(&record)).await?,
        })
    }

    /// What a pass waits for a person to do, if anything.
    pub(super) async fn waits_for(&self, pass: u32) -> Result<Vec<String>> {
        Ok(match next_action(&load_state(&self.core, pass).await?) {
            Action::WaitForDecision { units } => {
                units.iter().map(|(unit, reason)| format!("{unit}: {reason}")).collect()
            }
            Action::WaitForApproval { gate } => vec![format!("approval of {gate}")],
            Action::Paused => vec!["somebody to resume it".to_owned()],
            Action::Run { .. } | Action::SleepUntil { .. } | Action::Finished => Vec::new(),
        })
    }

    /// The run that stands: none where everything was taken back since.
    pub(super) async fn last_run(&self) -> Result<Option<PassRecord>> {
        let passes = self.passes().await?;
        let run = standing(&passes, PassKind::Initial);
        Ok(passes.into_iter().find(|pass| Some(pass.number) == run))
    }

    pub(super) async fn pass(&self, number: u32) -> Result<PassRecord> {
        self.facts()
            .get("pass", &pass_key(number))
            .await?
            .ok_or_else(|| Error::state("pass.load", "there is no such pass").with_context("pass", number))
    }
}
