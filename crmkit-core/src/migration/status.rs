//! Where a migration stands, read from the ledger alone.

use serde::{Deserialize, Serialize};

use crate::{
    Approval, ObjectCount, Result, Select, UnitStatus,
    engine::PassRecord,
    migration::{
        Migration, UncertainCount,
        counts::{object_counts, uncertain_counts},
    },
};

/// Where a migration stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Always `crmkit.status`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// Approvals so far.
    pub approvals: Vec<Approval>,
    /// Passes so far, oldest first.
    pub passes: Vec<PassRecord>,
    /// Units of the last pass that are done, and all that are known.
    pub units: (u64, u64),
    /// What the last pass waits for a person to decide.
    pub waits_for: Vec<String>,
    /// Where the records stand, over all passes.
    pub objects: Vec<ObjectCount>,
    /// How creates whose answer was lost were resolved, over all passes.
    pub uncertain: UncertainCount,
}

impl Migration {
    /// Where the migration stands: reads the ledger, and no connector.
    pub async fn status(&self) -> Result<Status> {
        self.open().await?;
        let plan: Option<crate::Plan> = self.facts().get("document", "plan").await?;
        let passes = self.passes().await?;
        let units = match passes.last() {
            Some(last) => self.facts().units(&Select::Units(last.number)).await?,
            None => Vec::new(),
        };
        let done = units.iter().filter(|unit| unit.status == UnitStatus::Done).count() as u64;
        let waits_for = units
            .iter()
            .filter_map(|unit| {
                if let UnitStatus::Blocked { reason } = &unit.status {
                    Some(format!("{}: {reason}", unit.key))
                } else {
                    None
                }
            })
            .collect();
        let counts = self.facts().counts(None).await?;
        Ok(Status {
            format: "crmkit.status".to_owned(),
            version: 1,
            approvals: self
                .facts()
                .all::<Approval>("approval")
                .await?
                .into_iter()
                .map(|(_, approval)| approval)
                .collect(),
            units: (done, units.len() as u64),
            objects: plan.map(|plan| object_counts(&plan, &units, &counts)).unwrap_or_default(),
            uncertain: uncertain_counts(&counts),
            waits_for,
            passes,
        })
    }
}
