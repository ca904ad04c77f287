//! Approvals: who admitted which step to write, proved by the ledger (I1, I2).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, Change, Digest, Error, Plan, Problem, Result, SampleDiff, Severity,
    engine::{Facts, PassKind, PassRecord},
    engine::{keep, plan_error},
    migration::Migration,
};

/// Somebody admitted a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What it admits: `plan` (prepare and sample), `sample` (run), `rollback/<pass>`.
    pub gate: String,
    /// Who.
    pub actor: String,
    /// When.
    pub time: DateTime<Utc>,
    /// Digest of what was approved.
    pub fingerprint: Digest,
}

/// The gate that admits `prepare` and `sample`.
pub(crate) const PLAN_GATE: &str = "plan";
/// The gate that admits `run`.
pub(crate) const SAMPLE_GATE: &str = "sample";

/// The gate that admits a rollback as previewed.
pub(crate) fn rollback_gate(preview: u32) -> String {
    format!("rollback/{preview}")
}

impl Migration {
    /// Approves a plan and freezes it in the ledger. Approving the same plan again gives the approval there is.
    ///
    /// # Errors
    /// `Input` with the first blocking problem that the plan does not accept; `State` where another plan is frozen already, with
    /// the first place at which the two differ.
    pub async fn approve_plan(&self, plan: &Plan, actor: &str) -> Result<Approval> {
        self.open().await?;
        let blocking: Vec<Problem> = self
            .check(plan)
            .await?
            .into_iter()
            .filter(|problem| problem.severity == Severity::Block && !plan.accept.contains(&problem.code))
            .collect();
        if !blocking.is_empty() {
            return Err(plan_error(&blocking));
        }
        let frozen: Option<Plan> = self.facts().get("document", "plan").await?;
        if let Some(frozen) = frozen
            && frozen.fingerprint() != plan.fingerprint()
            && self.has_written().await?
        {
            return Err(self.differs(&frozen, plan));
        }
        let fingerprint = self.plan_fingerprint(plan);
        self.approve(PLAN_GATE, fingerprint, actor, vec![keep("document", "plan", plan)]).await
    }

    /// Approves a sample, and so admits the run.
    ///
    /// # Errors
    /// `State` where the ledger holds no such sample.
    pub async fn approve_sample(&self, sample: &SampleDiff, actor: &str) -> Result<Approval> {
        self.open().await?;
        let kept: Option<SampleDiff> = self.facts().get("document", "sample").await?;
        let plan = self.frozen_plan().await?;
        match kept {
            Some(kept) if kept.fingerprint() == sample.fingerprint() => {
                let fingerprint = self.sample_fingerprint(&plan, sample);
                self.approve(SAMPLE_GATE, fingerprint, actor, Vec::new()).await
            }
            _ => {
                Err(Error::state("approve.sample", "the ledger holds another sample; look at that one and approve it"))
            }
        }
    }

    /// The approval of a gate, if somebody gave one.
    pub async fn approval(&self, gate: &str) -> Result<Option<Approval>> {
        self.open().await?;
        self.facts().get("approval", gate).await
    }

    /// The plan that is frozen in the ledger.
    ///
    /// # Errors
    /// `State` where none is.
    pub async fn frozen_plan(&self) -> Result<Plan> {
        self.open().await?;
        self.facts()
            .get("document", "plan")
            .await?
            .ok_or_else(|| Error::state("plan.frozen", "no plan is approved; approve one first"))
    }

    /// Checks that a plan at hand is the frozen one.
    ///
    /// # Errors
    /// `State` with the first place at which the two differ.
    pub async fn ensure_frozen(&self, plan: &Plan) -> Result<()> {
        let frozen = self.frozen_plan().await?;
        if frozen.fingerprint() == plan.fingerprint() { Ok(()) } else { Err(self.differs(&frozen, plan)) }
    }

    pub(super) async fn approve(
        &self,
        gate: &str,
        fingerprint: Digest,
        actor: &str,
        mut changes: Vec<Change>,
    ) -> Result<Approval> {
        if let Some(known) = self.facts().get::<Approval>("approval", gate).await?
            && known.fingerprint == fingerprint
        {
            return Ok(known);
        }
        let approval =
            Approval { gate: gate.to_owned(), actor: actor.to_owned(), time: self.core.clock.now(), fingerprint };
        changes.push(keep("approval", gate, &approval));
        changes.push(Change::Audit(AuditEntry {
            time: approval.time,
            actor: actor.to_owned(),
            operation: "approve".to_owned(),
            key: gate.to_owned(),
            destination: None,
            hash: Some(fingerprint),
            result: "approved".to_owned(),
        }));
        self.commit(changes).await?;
        Ok(approval)
    }

    /// Proves an approval: the ledger holds it, and what it approved is what is there.
    pub(super) async fn admit(&self, approval: &Approval, gate: &str) -> Result<()> {
        let known: Option<Approval> = self.facts().get("approval", gate).await?;
        if known.as_ref() != Some(approval) || approval.gate != gate {
            return Err(Error::state(
                "approval.check",
                "the ledger does not hold this approval; approve the step first",
            )
            .with_context("gate", gate));
        }
        let plan = self.frozen_plan().await?;
        let now = match gate {
            PLAN_GATE => Some(self.plan_fingerprint(&plan)),
            SAMPLE_GATE => {
                let sample: Option<SampleDiff> = self.facts().get("document", "sample").await?;
                sample.map(|sample| self.sample_fingerprint(&plan, &sample))
            }
            _ => Some(approval.fingerprint),
        };
        if now == Some(approval.fingerprint) {
            return Ok(());
        }
        Err(Error::state("approval.check", "what was approved has changed since; look at it and approve it again")
            .with_context("gate", gate))
    }

    fn plan_fingerprint(&self, plan: &Plan) -> Digest {
        let versions: Vec<(&str, Option<u32>)> = plan
            .mappings
            .iter()
            .flat_map(|mapping| &mapping.fields)
            .flat_map(|line| &line.transforms)
            .map(|call| (call.name.as_str(), self.core.transforms.version(&call.name)))
            .collect();
        Digest::of_document(&(plan.fingerprint(), versions, ENGINE_MAPPING_VERSION))
    }

    fn sample_fingerprint(&self, plan: &Plan, sample: &SampleDiff) -> Digest {
        Digest::of_document(&(self.plan_fingerprint(plan), sample.fingerprint()))
    }

    fn differs(&self, frozen: &Plan, plan: &Plan) -> Error {
        let json = |plan: &Plan| serde_json::to_value(plan).expect("plans are serialisable");
        let at = first_difference(&json(frozen), &json(plan), String::new()).unwrap_or_default();
        Error::state(
            "plan.frozen",
            "the plan differs from the one that was approved; restore it, or roll back and approve the new one",
        )
        .with_context("first_difference", at)
    }

    async fn has_written(&self) -> Result<bool> {
        let prepared = !self.facts().all::<serde_json::Value>("prepared").await?.is_empty();
        let passes = self.facts().all::<PassRecord>("pass").await?;
        let unfinished_business = passes.iter().any(|(_, pass)| pass.kind == PassKind::Initial) && prepared;
        Ok(unfinished_business || prepared)
    }
}

/// Raised when the engine itself would write the same draft differently.
const ENGINE_MAPPING_VERSION: u32 = 1;

/// The JSON pointer of the first place at which two documents differ.
fn first_difference(a: &serde_json::Value, b: &serde_json::Value, at: String) -> Option<String> {
    use serde_json::Value::{Array, Object};
    match (a, b) {
        (Object(a), Object(b)) => a
            .iter()
            .find_map(|(key, value)| match b.get(key) {
                Some(other) => first_difference(value, other, format!("{at}/{key}")),
                None => Some(format!("{at}/{key}")),
            })
            .or_else(|| b.keys().find(|key| !a.contains_key(*key)).map(|key| format!("{at}/{key}"))),
        (Array(a), Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(index, (a, b))| first_difference(a, b, format!("{at}/{index}")))
        }
        _ if a == b => None,
        _ => Some(at),
    }
}

impl Migration {
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts(&*self.core.ledger)
    }
}
