//! Reconcile: every field of every record read back and compared with what the source says now.

use serde::{Deserialize, Serialize};

use crate::{
    Result, Select,
    engine::{Mismatch, PassKind, Phase, Task, pass_key},
    migration::{
        HeldReason, Migration, ObjectCount, Observed, UncertainCount,
        counts::{object_counts, uncertain_counts},
    },
};

/// Whether everything arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Always `crmkit.reconciliation`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Nothing missing, nothing different, nothing held, and the balances hold. Never so where the records were only delivered.
    pub clean: bool,
    /// What was read back are files that people import: nothing here says that the records arrived.
    #[serde(default)]
    pub delivered: bool,
    /// The balances per mapping, with what was verified.
    pub objects: Vec<VerifiedCount>,
    /// How creates whose answer was lost were resolved, over all passes.
    pub uncertain: UncertainCount,
    /// Every field that is not what it should be.
    pub mismatches: Vec<Mismatch>,
    /// Why records wait.
    pub held: Vec<HeldReason>,
    /// What differs from run to run.
    pub observed: Observed,
}

/// The balances of a mapping, with what was read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedCount {
    /// The balances; `source` is counted anew from the source.
    #[serde(flatten)]
    pub count: ObjectCount,
    /// Records of which every field is as it should be.
    pub verified: u64,
    /// Records of which some field is not.
    pub mismatched: u64,
    /// Records that are not at the destination, or never got anywhere.
    pub missing: u64,
}

impl Migration {
    /// Reads back and compares everything. Called again while unfinished, it goes on where it was; each finished one is followed by
    /// a fresh one.
    pub async fn reconcile(&self) -> Result<Reconciliation> {
        let pass = self.start_reconcile().await?;
        self.drive(pass).await?;
        self.reconciliation(pass).await
    }

    /// Starts a reconciliation, or finds the unfinished one, and gives its pass.
    pub async fn start_reconcile(&self) -> Result<u32> {
        self.open().await?;
        self.start(PassKind::Reconcile { of: None }, self.verify_phases().await?, None).await
    }

    pub(super) async fn verify_phases(&self) -> Result<Vec<Phase>> {
        let plan = self.frozen_plan().await?;
        Ok(vec![Phase {
            task: Task::Verify,
            mappings: plan.mappings.iter().map(|mapping| mapping.id.clone()).collect(),
        }])
    }

    /// The document of a reconciliation.
    pub async fn reconciliation(&self, pass: u32) -> Result<Reconciliation> {
        let plan = self.frozen_plan().await?;
        let record = self.pass(pass).await?;
        let units = self.facts().units(&Select::Units(pass)).await?;
        let counts = self.facts().counts(None).await?;
        let mut objects = object_counts(&plan, &units, &counts);
        for object in &mut objects {
            object.gone = self.gone(&object.mapping.as_str().into()).await?.len() as u64;
        }
        let objects: Vec<VerifiedCount> = objects
            .into_iter()
            .map(|count| {
                let sum = |name: &str| -> u64 {
                    units
                        .iter()
                        .filter(|unit| unit.key.mapping == count.mapping.as_str())
                        .filter_map(|unit| unit.counts.get(name))
                        .sum()
                };
                VerifiedCount {
                    verified: sum("verified"),
                    mismatched: sum("mismatched"),
                    missing: sum("missing"),
                    count,
                }
            })
            .collect();
        let mismatches: Vec<Mismatch> = self
            .facts()
            .all(&format!("mismatch/{}", pass_key(pass)))
            .await?
            .into_iter()
            .map(|(_, mismatch)| mismatch)
            .collect();
        let held = self.held_reasons(&plan, None).await?;
        // A spot check read some of them back, and nothing balances.
        let spot = record.kind == PassKind::Spot;
        let whole = |object: &VerifiedCount| {
            object.count.balances() && object.verified + object.count.gone == object.count.written
        };
        let delivered = self.core.destination.delivers();
        let clean = record.finished.is_some()
            && !delivered
            && mismatches.is_empty()
            && (spot && objects.iter().all(|object| object.missing == 0)
                || !spot && held.is_empty() && objects.iter().all(whole));
        Ok(Reconciliation {
            format: "crmkit.reconciliation".to_owned(),
            version: 1,
            clean,
            delivered,
            objects,
            uncertain: uncertain_counts(&counts),
            mismatches,
            held,
            observed: self.observed(Some(&record)).await?,
        })
    }
}
