//! What a plan costs: calls, tokens and time of each phase, from the audit's counts and the destination's prices.

use serde::{Deserialize, Serialize};

use super::{Audit, Expected, PlannedItem};
use crate::{Allowance, FieldLine, FieldName, Mapping, MappingId, ObjectCost, ObjectName, PhaseTask, Plan, Price};

/// Calls of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCost {
    /// The phase.
    pub phase: u16,
    /// What is done in it.
    pub task: PhaseTask,
    /// The mappings.
    pub mappings: Vec<MappingId>,
    /// Most writing calls: records by batch size.
    pub writes: u64,
    /// Records that are read back to verify them.
    pub read_back: u64,
    /// Calls and tokens of the writes.
    #[serde(default)]
    pub cost: Effort,
}

/// Calls, tokens and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Requests.
    pub calls: u64,
    /// Tokens, where the account counts them.
    pub tokens: u64,
    /// Minutes at the account's limits; none where nobody knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
}

/// What the whole move costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Efforts {
    /// Making pipelines, stages and fields.
    pub prepare: Effort,
    /// Writing, reading back and, unless it is kept, removing the sample.
    pub sample: Effort,
    /// All phases of the run.
    pub run: Effort,
    /// Reading every record back once.
    pub reconcile: Effort,
    /// Removing everything again, if it comes to that. Not in the total.
    pub rollback: Effort,
    /// All but the rollback.
    pub total: Effort,
    /// Days over which the account's daily budget spreads the total; none where nobody knows its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    /// The limits are published by the vendor, and not a guess.
    pub limits_published: bool,
}

impl Effort {
    fn add(&mut self, price: Price, times: u64) {
        self.calls = self.calls.saturating_add(times.saturating_mul(price.calls.into()));
        self.tokens = self.tokens.saturating_add(times.saturating_mul(price.tokens.into()));
    }

    fn plus(mut self, other: Self) -> Self {
        self.calls = self.calls.saturating_add(other.calls);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self
    }

    fn timed(mut self, allowance: Option<&Allowance>) -> Self {
        self.minutes = allowance.map(|allowance| allowance.seconds(self.calls, self.tokens).div_ceil(60));
        self
    }
}

/// The phases with their calls.
pub(super) fn phases(plan: &Plan, audit: &Audit, expected: &[Expected]) -> Vec<PhaseCost> {
    let counting = Counting { audit, expected };
    let allowance = audit.destination.allowance.as_ref();
    let phases = plan.phases(&audit.destination).unwrap_or_default();
    phases
        .into_iter()
        .map(|phase| {
            let mut cost = Effort::default();
            let mut writes = 0;
            for mapping in phase.mappings.iter().filter_map(|id| plan.mapping(id)) {
                match phase.task {
                    PhaseTask::Write => {
                        let calls = counting.records(&mapping.id).div_ceil(counting.batch(&mapping.to));
                        cost.add(counting.cost(&mapping.to).create, calls);
                        writes += calls;
                    }
                    PhaseTask::Link => {
                        let lines = phase.lines.get(&mapping.id);
                        let now = |line: &&FieldLine| lines.is_some_and(|lines| lines.contains(&line.id));
                        for line in mapping.fields.iter().filter(now) {
                            writes += counting.links(mapping, line, &mut cost);
                        }
                    }
                }
            }
            PhaseCost {
                phase: phase.index,
                task: phase.task,
                writes,
                read_back: phase.mappings.iter().map(|id| counting.records(id)).sum(),
                cost: cost.timed(allowance),
                mappings: phase.mappings,
            }
        })
        .collect()
}

/// What all steps cost together.
pub(super) fn efforts(
    plan: &Plan,
    audit: &Audit,
    expected: &[Expected],
    phases: &[PhaseCost],
    items: &[PlannedItem],
) -> Efforts {
    let counting = Counting { audit, expected };
    let allowance = audit.destination.allowance.as_ref();
    let mut efforts =
        Efforts { limits_published: allowance.is_some_and(|allowance| allowance.published), ..Efforts::default() };
    for item in items {
        efforts.prepare.add(counting.cost(&item.object).create, 1);
    }
    efforts.run = phases.iter().fold(Effort::default(), |sum, phase| sum.plus(phase.cost));
    let records: u64 = expected.iter().map(Expected::written).sum();
    let sampled = records.min(plan.sample.size as u64);
    for mapping in &plan.mappings {
        let (cost, own) = (counting.cost(&mapping.to), counting.records(&mapping.id));
        efforts.reconcile.add(cost.read, own.div_ceil(cost.read_batch.max(1).into()));
        efforts.rollback.add(cost.remove, own);
        let share = (u128::from(own) * u128::from(sampled)).div_ceil(u128::from(records.max(1)));
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        efforts.sample.add(cost.create, share.div_ceil(counting.batch(&mapping.to)));
        efforts.sample.add(cost.read, share.div_ceil(cost.read_batch.max(1).into()));
        if !plan.sample.keep {
            efforts.sample.add(cost.remove, share);
        }
    }
    efforts.total = efforts.prepare.plus(efforts.sample).plus(efforts.run).plus(efforts.reconcile);
    for effort in [
        &mut efforts.prepare,
        &mut efforts.sample,
        &mut efforts.run,
        &mut efforts.reconcile,
        &mut efforts.rollback,
        &mut efforts.total,
    ] {
        *effort = effort.timed(allowance);
    }
    efforts.days = allowance.map(|allowance| allowance.days(efforts.total.calls, efforts.total.tokens));
    efforts
}

#[derive(Clone, Copy)]
struct Counting<'a> {
    audit: &'a Audit,
    expected: &'a [Expected],
}

impl Counting<'_> {
    fn records(&self, id: &MappingId) -> u64 {
        self.expected.iter().find(|known| known.mapping == *id).map_or(0, Expected::written)
    }

    fn batch(&self, object: &ObjectName) -> u64 {
        self.audit.destination.abilities.get(object).map_or(1, |abilities| abilities.batch.max(1)) as u64
    }

    fn cost(&self, object: &ObjectName) -> ObjectCost {
        self.audit.destination.costs.get(object).copied().unwrap_or_default()
    }

    /// Calls that set a line's links: an update of each record that has one, or a record for each link.
    fn links(&self, mapping: &Mapping, line: &FieldLine, cost: &mut Effort) -> u64 {
        let filled = |field: &FieldName| {
            let found = self.audit.objects.get(&mapping.from)?;
            found.fields.get(field).map(|profile| profile.filled)
        };
        let linked = line.from.first().and_then(filled).unwrap_or_default().min(self.records(&mapping.id));
        let target = self.audit.destination.schema.object(&mapping.to).and_then(|to| to.fields.get(line.to.as_str()));
        let (calls, price) = match target.and_then(|field| field.carrier.as_ref()) {
            Some(carrier) => (linked.div_ceil(self.batch(&carrier.object)), self.cost(&carrier.object).create),
            None => (linked.div_ceil(self.batch(&mapping.to)), self.cost(&mapping.to).update),
        };
        cost.add(price, calls);
        calls
    }
}
