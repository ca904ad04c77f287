//! What to do next, decided from the ledger's state alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    UnitKey, UnitState, UnitStatus,
    engine::pass::{GATE, PassRecord, Task},
};

/// The state of a pass as far as the next action needs it: bounded by open units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The pass.
    pub pass: PassRecord,
    /// The approval it needs is in the ledger.
    pub approved: bool,
    /// Somebody paused the migration.
    pub paused: bool,
    /// Units that are not done, in key order.
    pub open: Vec<UnitState>,
    /// The time.
    pub now: DateTime<Utc>,
    /// The most units worked on at once.
    pub pages_in_flight: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Run these units, in any order, anywhere.
    Run {
        /// Which.
        units: Vec<UnitKey>,
    },
    /// Somebody has to approve the step first.
    WaitForApproval {
        /// The gate.
        gate: String,
    },
    /// Somebody has to decide.
    WaitForDecision {
        /// The units that wait, with what for.
        units: Vec<(UnitKey, String)>,
    },
    /// Nothing can be done before this moment.
    SleepUntil {
        /// When.
        until: DateTime<Utc>,
    },
    /// Somebody paused the migration: nothing new begins until it is resumed.
    Paused,
    /// The pass is over.
    Finished,
}

/// How a unit's execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It is done.
    Done,
    /// Not before this moment.
    Backoff {
        /// When.
        until: DateTime<Utc>,
    },
    /// Somebody else works on it until then.
    Busy {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// A person has to decide.
    Blocked {
        /// What, in words.
        reason: String,
    },
    /// Somebody else took it over meanwhile; nothing of ours counts.
    Fenced,
}

/// Decides what to do next. Pure: the same state gives the same action, on any machine.
///
/// Units of the lowest open phase run together, but for link units, which go one after the other so that cycles in the data are
/// seen, and a phase's gate, which waits for all others.
pub fn next_action(state: &RunState) -> Action {
    if state.pass.cancelled {
        return Action::Finished;
    }
    if state.paused {
        return Action::Paused;
    }
    if let (Some(gate), false) = (&state.pass.gate, state.approved) {
        return Action::WaitForApproval { gate: gate.clone() };
    }
    let Some(phase) = state.open.iter().map(|unit| unit.key.phase).min() else { return Action::Finished };
    let mut units: Vec<&UnitState> = state.open.iter().filter(|unit| unit.key.phase == phase).collect();
    if units.iter().any(|unit| unit.key.mapping != GATE) {
        units.retain(|unit| unit.key.mapping != GATE);
    }
    let one_by_one = state.pass.phases.get(usize::from(phase)).is_some_and(|phase| phase.task == Task::Link);
    let limit = if one_by_one { 1 } else { state.pages_in_flight.max(1) };
    let ready: Vec<UnitKey> = units
        .iter()
        .filter(|unit| match unit.status {
            UnitStatus::Open => true,
            UnitStatus::Backoff { until } => until <= state.now,
            UnitStatus::Blocked { .. } | UnitStatus::Done => false,
        })
        .map(|unit| unit.key.clone())
        .take(limit)
        .collect();
    if !ready.is_empty() {
        return Action::Run { units: ready };
    }
    let wake = units
        .iter()
        .filter_map(|unit| if let UnitStatus::Backoff { until } = unit.status { Some(until) } else { None })
        .min();
    if let Some(until) = wake {
        return Action::SleepUntil { until };
    }
    let blocked = units
        .iter()
        .filter_map(|unit| {
            if let UnitStatus::Blocked { reason } = &unit.status {
                Some((unit.key.clone(), reason.clone()))
            } else {
                None
            }
        })
        .collect();
    Action::WaitForDecision { units: blocked }
}
