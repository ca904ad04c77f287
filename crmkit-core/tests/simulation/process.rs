//! Processes on one thread: who runs next is drawn, time moves when nobody can run, and a process can die between two polls.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crmkit_core::{
    Clock, Error, ErrorKind, Migration, Retry,
    chrono::{DateTime, TimeDelta, Utc},
    testing::{ManualClock, MockDestination},
};

use crate::{
    schedule::{Draw, Fault, Step},
    shared::Shared,
};

pub(crate) type Life = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// More turns than any world needs, and more time.
const TURNS: usize = 300_000;
const DAYS: i64 = 30;

#[derive(Debug, Default)]
struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Process {
    /// None where it ended well, or is between two lives.
    life: Option<Life>,
    awake: Arc<Awake>,
    frozen_until: Option<DateTime<Utc>>,
    starts_at: Option<DateTime<Utc>>,
    lives: usize,
    done: bool,
}

/// Where processes run.
pub(crate) struct Machine<'a> {
    pub(crate) clock: &'a ManualClock,
    pub(crate) crm: &'a MockDestination,
    pub(crate) shared: &'a Shared,
    pub(crate) draw: &'a mut Draw,
}

impl Machine<'_> {
    /// Runs these processes until each has come to its end, however often it has to begin anew.
    ///
    /// # Errors
    /// What a host cannot mend: an error that says so, a panic, or a process that never ends.
    pub(crate) fn run(
        &mut self,
        workers: usize,
        outside: Step,
        worker: &dyn Fn(String) -> Migration,
        live: &dyn Fn(Migration) -> Life,
    ) -> Result<(), String> {
        let end = self.clock.now() + TimeDelta::days(DAYS);
        let mut processes: Vec<Process> = (0..workers)
            .map(|_| Process {
                life: None,
                awake: Arc::default(),
                frozen_until: None,
                starts_at: Some(self.clock.now()),
                lives: 0,
                done: false,
            })
            .collect();
        for _ in 0..TURNS {
            if processes.iter().all(|process| process.done) {
                return Ok(());
            }
            let now = self.clock.now();
            if now > end {
                return Err(format!("{outside:?} does not end: {DAYS} days have passed"));
            }
            for (index, process) in processes.iter_mut().enumerate() {
                if process.starts_at.is_some_and(|at| at <= now) {
                    // Mostly the same name, as a restarted service has.
                    let name =
                        if self.draw.one_in(4) { format!("w{index}-{}", process.lives) } else { format!("w{index}") };
                    self.shared.state().outside.insert(index, outside);
                    self.shared.state().steps.insert(index, outside);
                    self.shared.state().current = index;
                    self.shared.state().tell(|| format!("begins {outside:?} as {name}"));
                    process.life = Some(live(worker(name)));
                    process.starts_at = None;
                    process.lives += 1;
                    process.awake.0.store(true, Ordering::Relaxed);
                }
                process.frozen_until = process.frozen_until.filter(|until| *until > now);
            }
            let alive = processes.iter().filter(|process| process.life.is_some()).count();
            let ready: Vec<usize> = (0..processes.len())
                .filter(|index| {
                    let process = &processes[*index];
                    process.life.is_some() && process.frozen_until.is_none() && process.awake.0.load(Ordering::Relaxed)
                })
                .collect();
            if ready.is_empty() {
                let next = processes
                    .iter()
                    .flat_map(|process| [process.frozen_until, process.starts_at])
                    .flatten()
                    .chain(self.clock.next_wake_ahead())
                    .filter(|at| *at > now)
                    .min();
                match next {
                    Some(next) => self.clock.set(next),
                    None => {
                        return Err(format!("{outside:?} is stuck: nobody can go on and nobody waits for a moment"));
                    }
                }
                continue;
            }
            let index = self.draw.of(&ready);
            self.shared.state().current = index;
            self.shared.state().together = alive > 1;
            self.turn(&mut processes[index])?;
            if self.draw.one_in(20) {
                self.clock.advance(Duration::from_millis(self.draw.among(1, 2_000) as u64));
            }
        }
        Err(format!("{outside:?} does not end: {TURNS} turns were not enough"))
    }

    fn turn(&mut self, process: &mut Process) -> Result<(), String> {
        process.awake.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(process.awake.clone());
        let mut cx = Context::from_waker(&waker);
        let life = process.life.as_mut().expect("it lives");
        let polled = catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(&mut cx)));
        let now = self.clock.now();
        match polled {
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                return Err(format!("a process panicked: {}", text.unwrap_or_default()));
            }
            Ok(Poll::Ready(Ok(()))) => {
                self.shared.state().tell(|| "ends well".to_owned());
                process.life = None;
                process.done = true;
                return Ok(());
            }
            Ok(Poll::Ready(Err(error))) => {
                process.life = None;
                let again = self.again(&error).ok_or_else(|| format!("a process gave up: {error}"))?;
                self.shared.state().tell(|| format!("ends with {error}"));
                process.starts_at = Some(now + again);
                return Ok(());
            }
            Ok(Poll::Pending) => {}
        }
        let planned = self.shared.state().turn();
        match planned.map(|planned| planned.fault) {
            Some(Fault::Death) => {
                process.life = None;
                process.starts_at = Some(now + Duration::from_secs(self.draw.of(&[0, 1, 30, 200])));
            }
            Some(Fault::Freeze) => {
                let seconds = planned.map_or(0, |planned| planned.seconds);
                process.frozen_until = Some(now + Duration::from_secs(seconds));
            }
            _ => {}
        }
        Ok(())
    }

    /// What a sensible host does about an error, and when it tries again.
    fn again(&self, error: &Error) -> Option<Duration> {
        match (error.kind(), error.retry()) {
            (ErrorKind::Auth, _) => {
                self.crm.renew_token();
                Some(Duration::from_secs(60))
            }
            (ErrorKind::Fenced | ErrorKind::Busy, _) => Some(Duration::from_secs(1)),
            (_, Retry::After(wait)) => {
                let until = error.until().and_then(|until| (until - self.clock.now()).to_std().ok());
                Some(until.unwrap_or(wait))
            }
            _ => None,
        }
    }
}
