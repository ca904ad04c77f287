//! What all processes of a world share with the schedule: who is at what, what has happened, the trace.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use crmkit_core::{
    PassRecord, Task, UnitKey,
    testing::{MockCall, MockFault, MockRequest},
};

use crate::schedule::{Coverage, Planned, Step};

/// The part of a world that ledger, destination and executor look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Whose turn it is.
    pub(crate) current: usize,
    /// What each process is at.
    pub(crate) steps: BTreeMap<usize, Step>,
    /// What it is at outside of units.
    pub(crate) outside: BTreeMap<usize, Step>,
    /// Who has asked what became of a write, and done nothing since.
    recovering: BTreeSet<usize>,
    /// Processes at the same run.
    pub(crate) together: bool,
    pub(crate) planned: Vec<Planned>,
    requests: HashMap<(Step, bool), usize>,
    turns: HashMap<Step, usize>,
    pub(crate) passes: HashMap<u32, PassRecord>,
    pub(crate) coverage: Coverage,
    /// All that happens, where somebody wants to read it.
    pub(crate) trace: Option<Vec<String>>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while it is held")
    }
}

impl State {
    pub(crate) fn step(&self) -> Step {
        if self.recovering.contains(&self.current) {
            return Step::Recover;
        }
        self.steps.get(&self.current).copied().unwrap_or(Step::Control)
    }

    /// Adds a line to the trace.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let current = self.current;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{current} {}", line()));
        }
    }

    /// A process does something else than looking for a write.
    pub(crate) fn goes_on(&mut self) {
        self.recovering.remove(&self.current);
    }

    /// A process leased a unit: that is what it is at now.
    pub(crate) fn at(&mut self, unit: &UnitKey) {
        let task = self.passes.get(&unit.pass).and_then(|pass| pass.phases.get(usize::from(unit.phase)));
        let step = match task.map(|phase| phase.task) {
            None => self.outside.get(&self.current).copied().unwrap_or(Step::Control),
            Some(Task::Match | Task::Gather) => Step::Match,
            Some(Task::Write) => Step::Write,
            Some(Task::Link) => Step::Link,
            Some(Task::Verify | Task::Gone) => Step::Verify,
            Some(Task::Survey) => Step::Survey,
            Some(Task::Unlink) => Step::Unlink,
            Some(Task::Undo) => Step::Undo,
            Some(Task::Retire) => Step::Retire,
        };
        self.steps.insert(self.current, step);
        if self.together {
            *self.coverage.rivals.entry(step).or_default() += 1;
        }
    }

    /// What happens to this request.
    pub(crate) fn request(&mut self, request: &MockRequest) -> Option<MockFault> {
        if request.call == MockCall::Find {
            self.recovering.insert(self.current);
        } else {
            self.goes_on();
        }
        let step = self.step();
        let changes = request.call.changes();
        let nth = self.requests.entry((step, changes)).or_default();
        *nth += 1;
        let nth = *nth;
        let due = |planned: &Planned| {
            planned.step == step && planned.nth == nth && planned.to_mock().is_some() && step.changes() == changes
        };
        let fault = self.planned.iter().find(|planned| due(planned)).copied();
        self.tell(|| format!("{step:?} {:?} {:?} {fault:?}", request.call, request.object));
        let fault = fault?;
        *self.coverage.faults.entry((step, fault.fault)).or_default() += 1;
        fault.to_mock()
    }

    /// What happens to the process after this turn.
    pub(crate) fn turn(&mut self) -> Option<Planned> {
        let step = self.step();
        let nth = self.turns.entry(step).or_default();
        *nth += 1;
        let nth = *nth;
        let due = |planned: &&Planned| planned.step == step && planned.nth == nth && planned.to_mock().is_none();
        let planned = self.planned.iter().find(due).copied()?;
        *self.coverage.faults.entry((step, planned.fault)).or_default() += 1;
        self.tell(|| format!("{step:?} {:?}", planned.fault));
        Some(planned)
    }
}
