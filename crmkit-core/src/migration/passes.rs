//! Starting, driving and closing passes.

use crate::{
    Change, Error, PhaseTask, Plan, Result, UnitKey, UnitState,
    engine::{ALL, Action, Event, GATE, LeaseGuard, PassKind, PassRecord, Phase, Task, keep, pass_key, run_pass},
    migration::{Migration, with_decisions},
};

impl Migration {
    /// All passes so far, oldest first.
    pub async fn passes(&self) -> Result<Vec<PassRecord>> {
        self.open().await?;
        Ok(self.facts().all::<PassRecord>("pass").await?.into_iter().map(|(_, pass)| pass).collect())
    }

    /// Drives a pass in this process until it is over or waits for a person, and says which.
    ///
    /// A host with its own job queue calls [`load_state`](crate::load_state), [`next_action`](crate::next_action) and
    /// [`execute_unit`](crate::execute_unit) instead, and [`Migration::close`] at the end.
    pub async fn drive(&self, pass: u32) -> Result<Action> {
        let action = run_pass(&self.core, pass).await?;
        if action == Action::Finished {
            self.close(pass).await?;
        }
        Ok(action)
    }

    /// Marks a pass whose next action is `Finished` as over. Called again, it changes nothing.
    pub async fn close(&self, pass: u32) -> Result<()> {
        let passes = self.passes().await?;
        if let Some(mut record) = passes.into_iter().find(|record| record.number == pass && record.finished.is_none()) {
            record.finished = Some(self.core.clock.now());
            self.commit(vec![keep("pass", pass_key(pass), &record)]).await?;
            self.core.events.tell(Event::PassFinished { pass });
        }
        Ok(())
    }

    /// The unfinished pass of a kind, or a new one.
    pub(super) async fn start(&self, kind: PassKind, phases: Vec<Phase>, gate: Option<String>) -> Result<u32> {
        self.start_unless(kind, phases, gate, |passes| unfinished(passes, kind)).await
    }

    /// The last pass of a kind, finished or not, or a new one where a rollback of everything followed it.
    pub(super) async fn start_once(&self, kind: PassKind, phases: Vec<Phase>, gate: Option<String>) -> Result<u32> {
        self.start_unless(kind, phases, gate, |passes| standing(passes, kind)).await
    }

    /// The pass that is there, or a new one. Decided under the lease: another process may be at the same step.
    async fn start_unless(
        &self,
        kind: PassKind,
        phases: Vec<Phase>,
        gate: Option<String>,
        there: impl Fn(&[PassRecord]) -> Option<u32>,
    ) -> Result<u32> {
        let core = &*self.core;
        let mut lease = LeaseGuard::control(core).await?;
        let passes = self.passes().await?;
        if let Some(number) = there(&passes) {
            lease.release().await;
            return Ok(number);
        }
        let number = passes.last().map_or(1, |pass| pass.number + 1);
        let record =
            PassRecord { number, kind, phases, gate, started: core.clock.now(), finished: None, cancelled: false };
        let mut changes = vec![keep("pass", pass_key(number), &record)];
        for (index, phase) in record.phases.iter().enumerate() {
            let key = |mapping: crate::MappingId| UnitKey {
                migration: core.migration.clone(),
                pass: number,
                phase: u16::try_from(index).expect("a plan has fewer phases than mappings, and those fit"),
                mapping,
                page: 0,
            };
            changes
                .extend(phase.mappings.iter().map(|mapping| Change::Unit(UnitState::open(key(mapping.clone()), None))));
            if phase.task == Task::Write {
                changes.push(Change::Unit(UnitState::open(key(GATE.into()), None)));
            }
        }
        lease.commit(&changes).await?;
        lease.release().await;
        core.events.tell(Event::PassStarted { pass: number, kind });
        Ok(number)
    }

    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let mut lease = LeaseGuard::control(&self.core).await?;
        lease.commit(&changes).await?;
        lease.release().await;
        Ok(())
    }

    /// The phases of a writing pass: what matching needs to know first, then the planner's.
    pub(super) async fn write_phases(&self, plan: &Plan) -> Result<Vec<Phase>> {
        let source = self.core.source.describe().await?;
        for mapping in plan.mappings.iter().filter(|_| self.core.spool.is_none()) {
            if source.schema.object(&mapping.from).is_some_and(|object| !object.repeatable) {
                let message =
                    "the source's pages cannot be read twice the same: give the migration's builder a spool folder";
                return Err(Error::input("pass.start", message).with_context("object", &mapping.from));
            }
        }
        let matching: Vec<_> = plan
            .mappings
            .iter()
            .filter(|mapping| mapping.matching.is_some())
            .map(|mapping| mapping.id.clone())
            .collect();
        let mut phases = Vec::new();
        if !matching.is_empty() {
            phases.push(Phase { task: Task::Match, mappings: matching });
        }
        let merging = with_decisions(self.facts(), plan.clone()).await?.mappings;
        let merging: Vec<_> =
            merging.into_iter().filter(|mapping| !mapping.merge.is_empty()).map(|mapping| mapping.id).collect();
        if !merging.is_empty() {
            phases.push(Phase { task: Task::Gather, mappings: merging });
        }
        phases.extend(self.planned(plan).await?);
        Ok(phases)
    }

    /// The phases of a rollback: the writing ones backwards.
    pub(super) async fn undo_phases(&self, plan: &Plan, retire: bool) -> Result<Vec<Phase>> {
        let mut phases: Vec<Phase> = self
            .planned(plan)
            .await?
            .into_iter()
            .rev()
            .map(|phase| Phase {
                task: if phase.task == Task::Link { Task::Unlink } else { Task::Undo },
                mappings: phase.mappings,
            })
            .collect();
        if retire {
            phases.push(Phase { task: Task::Retire, mappings: vec![ALL.into()] });
        }
        Ok(phases)
    }

    async fn planned(&self, plan: &Plan) -> Result<Vec<Phase>> {
        let destination = self.core.destination.describe().await?;
        let phases = plan.phases(&destination).map_err(|problem| crate::engine::plan_error(&[problem]))?;
        Ok(phases
            .into_iter()
            .map(|phase| Phase {
                task: if phase.task == PhaseTask::Link { Task::Link } else { Task::Write },
                mappings: phase.mappings,
            })
            .collect())
    }
}

fn unfinished(passes: &[PassRecord], kind: PassKind) -> Option<u32> {
    passes.iter().find(|pass| pass.kind == kind && pass.finished.is_none()).map(|pass| pass.number)
}

/// The last pass of a kind, unless everything was taken back since.
pub(super) fn standing(passes: &[PassRecord], kind: PassKind) -> Option<u32> {
    let everything = |pass: &&PassRecord| matches!(pass.kind, PassKind::Rollback { of: None, .. });
    let taken_back = passes.iter().filter(everything).map(|pass| pass.number).max();
    let last = passes.iter().rfind(|pass| pass.kind == kind).map(|pass| pass.number);
    last.filter(|last| taken_back.is_none_or(|taken_back| taken_back <= *last))
}
