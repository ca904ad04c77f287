//! Executing a unit: lease it, do its phase's task, settle it; safe to run twice, by anyone, at any time.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    Change, Error, ErrorKind, Lease, ObjectName, Page, PageRequest, Record, Result, Retry, Select, UnitKey, UnitState,
    UnitStatus,
    engine::{
        Core, Event, Facts, Outcome, gate, gone, link, matching, merge,
        pass::{GATE, PassContext, Task},
        retire, survey, undo, verify, write,
    },
};

/// Executes a unit. Idempotent: any number of executions, anywhere, have one outcome.
///
/// # Errors
/// What no later execution would mend by itself: wrong credentials, a broken ledger, a plan that does not fit the account. Waiting,
/// being fenced and decisions are [`Outcome`]s.
///
/// # Cancellation
/// A dropped execution leaves what kill -9 leaves: the next one finds open intents and looks for them.
pub async fn execute_unit(core: &Core, key: &UnitKey) -> Result<Outcome> {
    if key.migration != core.migration {
        return Err(Error::state("unit.execute", "the unit belongs to another migration").with_context("unit", key));
    }
    let mut lease = match LeaseGuard::take(core, key).await {
        Ok(lease) => lease,
        Err(error) if error.kind() == ErrorKind::Busy => {
            let until = error.until().unwrap_or_else(|| core.clock.now() + core.settings.lease);
            return Ok(Outcome::Busy { until });
        }
        Err(error) => return Err(error),
    };
    let outcome = match perform(core, key, &mut lease).await {
        Err(error) if error.kind() == ErrorKind::Fenced => return Ok(Outcome::Fenced),
        outcome => outcome,
    };
    // Anybody may go on where this left off: without waiting for the lease to end.
    if !matches!(outcome, Ok(Outcome::Done)) {
        lease.release().await;
    }
    let outcome = outcome?;
    tell(core, key, &outcome);
    Ok(outcome)
}

async fn perform(core: &Core, key: &UnitKey, lease: &mut LeaseGuard<'_>) -> Result<Outcome> {
    let cx = PassContext::load(core, key.pass).await?;
    let Some(unit) = open_unit(core, key).await? else { return Ok(Outcome::Done) };
    match dispatch(core, &cx, unit.clone(), lease).await {
        Err(error) if error.kind() != ErrorKind::Fenced => match error.retry() {
            Retry::After(wait) => {
                let until = error.until().unwrap_or_else(|| core.clock.now() + wait);
                lease.commit(&[Change::Unit(UnitState { status: UnitStatus::Backoff { until }, ..unit })]).await?;
                Ok(Outcome::Backoff { until })
            }
            Retry::Verify | Retry::Never => Err(error.with_context("unit", key)),
        },
        ended => ended,
    }
}

async fn dispatch(core: &Core, cx: &PassContext, unit: UnitState, lease: &mut LeaseGuard<'_>) -> Result<Outcome> {
    if unit.key.mapping == GATE {
        return gate::execute(core, cx, unit, lease).await;
    }
    let phase =
        cx.pass.phases.get(usize::from(unit.key.phase)).ok_or_else(|| {
            Error::state("unit.execute", "the pass has no such phase").with_context("unit", &unit.key)
        })?;
    match phase.task {
        Task::Match => matching::execute(core, cx, unit, lease).await,
        Task::Gather => merge::execute(core, cx, unit, lease).await,
        Task::Write => write::execute(core, cx, unit, lease).await,
        Task::Link => link::execute(core, cx, unit, lease).await,
        Task::Gone => gone::execute(core, cx, unit, lease).await,
        Task::Verify => verify::execute(core, cx, unit, lease).await,
        Task::Survey => survey::execute(core, cx, unit, lease).await,
        Task::Unlink => undo::execute(core, cx, unit, lease, undo::Parts::Links).await,
        Task::Undo => undo::execute(core, cx, unit, lease, undo::Parts::Main).await,
        Task::Retire => retire::execute(core, cx, unit, lease).await,
    }
}

/// The unit's state, unless it is done or nobody opened it.
async fn open_unit(core: &Core, key: &UnitKey) -> Result<Option<UnitState>> {
    let open = Facts(&*core.ledger).units(&Select::OpenUnits(key.pass)).await?;
    Ok(open.into_iter().find(|unit| unit.key == *key))
}

fn tell(core: &Core, key: &UnitKey, outcome: &Outcome) {
    match outcome {
        Outcome::Backoff { until } | Outcome::Busy { until } => {
            let milliseconds = (*until - core.clock.now()).num_milliseconds().max(0).unsigned_abs();
            core.events.tell(Event::UnitWaits { unit: key.clone(), milliseconds });
        }
        Outcome::Done | Outcome::Blocked { .. } | Outcome::Fenced => {}
    }
}

/// How often a step asks again while another process is at one.
const STEP: Duration = Duration::from_millis(100);

/// A lease that is renewed while its holder works.
#[derive(Debug)]
pub(crate) struct LeaseGuard<'a> {
    core: &'a Core,
    lease: Lease,
}

impl<'a> LeaseGuard<'a> {
    /// Leases a unit.
    pub(crate) async fn take(core: &'a Core, unit: &UnitKey) -> Result<Self> {
        let lease = core.ledger.lease(unit, &core.worker, core.settings.lease).await?;
        Ok(Self { core, lease })
    }

    /// Leases the migration's control unit. Steps outside of units are short: while another process is at one, this waits, for
    /// as long as a lease lasts.
    pub(crate) async fn control(core: &'a Core) -> Result<Self> {
        let unit = UnitKey::control(&core.migration);
        let patience = core.clock.now() + core.settings.lease;
        loop {
            match Self::take(core, &unit).await {
                Err(error) if error.kind() == ErrorKind::Busy && core.clock.now() < patience => {
                    let next = core.clock.now() + STEP;
                    core.clock.sleep_until(error.until().map_or(next, |until| until.min(next))).await;
                }
                taken => return taken,
            }
        }
    }

    /// Gives the lease back, so that nobody has to wait until it ends. Where that fails, it ends by itself.
    pub(crate) async fn release(self) {
        if let Err(error) = self.core.ledger.renew(&self.lease, Duration::ZERO).await {
            tracing::debug!(%error, "a lease was not given back");
        }
    }

    /// Commits under the lease.
    pub(crate) async fn commit(&mut self, changes: &[Change]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.core.ledger.commit(&self.lease, changes).await
    }

    /// Renews the lease where less than half of it is left, and says until when a request decided now may leave.
    pub(crate) async fn send_before(&mut self) -> Result<DateTime<Utc>> {
        let now = self.core.clock.now();
        let settings = &self.core.settings;
        if self.lease.until < now + settings.lease / 2 {
            self.lease = self.core.ledger.renew(&self.lease, settings.lease).await?;
        }
        Ok(self.lease.until.min(now + settings.send_window))
    }

    /// Keeps the unit's end, together with what it still had to keep.
    pub(crate) async fn done(&mut self, unit: UnitState, mut changes: Vec<Change>, records: u64) -> Result<Outcome> {
        let key = unit.key.clone();
        changes.push(Change::Unit(UnitState { status: UnitStatus::Done, ..unit }));
        self.commit(&changes).await?;
        self.core.events.tell(Event::UnitDone { unit: key, records });
        Ok(Outcome::Done)
    }

    /// Keeps that the unit goes on later, together with what it still had to keep.
    pub(crate) async fn back_off(
        &mut self,
        unit: UnitState,
        mut changes: Vec<Change>,
        until: DateTime<Utc>,
    ) -> Result<Outcome> {
        changes.push(Change::Unit(UnitState { status: UnitStatus::Backoff { until }, ..unit }));
        self.commit(&changes).await?;
        Ok(Outcome::Backoff { until })
    }

    /// Reads the unit's page of the source, and opens the unit of the next one. A page that the source might not give again is
    /// spooled before anything is decided about its records.
    pub(crate) async fn read_page(
        &mut self,
        cx: &PassContext,
        object: &ObjectName,
        unit: &mut UnitState,
    ) -> Result<Page<Record>> {
        let repeatable = cx.source.schema.object(object).is_none_or(|object| object.repeatable);
        let spool = self.core.spool.as_ref().filter(|_| !repeatable);
        let spooled = match spool {
            Some(spool) => spool.load(self.core, cx.walk, &unit.key).await?,
            None => None,
        };
        let page = match spooled {
            Some(page) => page,
            None => {
                let limit = self.core.settings.page_size;
                let request = PageRequest { object: object.clone(), cursor: unit.cursor.clone(), limit };
                let page = self.core.source.read(&request).await?;
                if let Some(spool) = spool {
                    let kept = spool.keep(cx.walk, &unit.key, &page).await?;
                    self.commit(&[kept]).await?;
                }
                page
            }
        };
        self.open_next(unit, page.next.as_ref()).await?;
        Ok(page)
    }

    /// Opens the unit of the next page, once, so that pages can be worked on side by side.
    pub(crate) async fn open_next(&mut self, unit: &mut UnitState, next: Option<&crate::Cursor>) -> Result<()> {
        let Some(next) = next else { return Ok(()) };
        if unit.counts.insert(NEXT_OPENED.to_owned(), 1).is_some() {
            return Ok(());
        }
        let following = UnitState::open(unit.key.next_page(), Some(next.clone()));
        let opened = Event::UnitOpened { unit: following.key.clone() };
        self.commit(&[Change::Unit(following), Change::Unit(unit.clone())]).await?;
        self.core.events.tell(opened);
        Ok(())
    }
}

/// The count that says the next page's unit was opened: opening it again could reopen a unit that is done.
const NEXT_OPENED: &str = "next_opened";
