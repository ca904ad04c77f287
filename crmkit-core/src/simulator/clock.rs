//! Clocks that save real time: one that jumps over waits, one that a test moves by hand.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::traffic::{InFlight, InFlightGuard};
use crate::{Clock, Hold};

/// Real time plus an offset.
#[derive(Debug)]
struct Shifted {
    base: DateTime<Utc>,
    started: Instant,
}

impl Shifted {
    fn at(base: DateTime<Utc>) -> Self {
        Self { base, started: Instant::now() }
    }

    fn now(&self, offset: TimeDelta) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX);
        self.base + elapsed + offset
    }
}

/// Stands still while anything is in flight, and jumps to the end of the earliest wait as soon as nothing is, so that days pass
/// in seconds and a slow machine looks like a fast one.
///
/// A server that shares [`JumpingClock::in_flight`] keeps time from jumping while it answers, a client that
/// [holds](Clock::hold) the clock while it asks. A wait never takes longer than it would in real time.
///
/// ```
/// use std::time::Instant;
/// use chrono::TimeDelta;
/// use crmkit_core::{Clock, simulator::JumpingClock};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let clock = JumpingClock::new();
/// let (real, start) = (Instant::now(), clock.now());
/// clock.sleep_until(start + TimeDelta::days(1)).await;
/// assert!(clock.now() - start >= TimeDelta::days(1));
/// assert!(real.elapsed().as_secs() < 60);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct JumpingClock(Arc<Jumping>);

#[derive(Debug)]
struct Jumping {
    base: DateTime<Utc>,
    grace: Duration,
    in_flight: InFlight,
    file: Option<PathBuf>,
    state: Mutex<JumpingState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct JumpingState {
    offset: TimeDelta,
    waiters: BTreeSet<(DateTime<Utc>, u64)>,
    next: u64,
}

impl Default for JumpingClock {
    fn default() -> Self {
        Self::new()
    }
}

impl JumpingClock {
    /// Starts at the real time.
    pub fn new() -> Self {
        Self::starting_at(Utc::now())
    }

    /// Starts at `base`.
    pub fn starting_at(base: DateTime<Utc>) -> Self {
        Self::build(base, None)
    }

    /// Starts where the clock that last wrote `path` would be now, and writes each jump there, so that time does not
    /// go backwards when the process is killed and started again.
    ///
    /// # Errors
    /// When the file exists and cannot be read as an offset.
    pub fn persisted(path: impl AsRef<Path>) -> io::Result<Self> {
        let offset = match fs::read_to_string(path.as_ref()) {
            Ok(text) => text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let base = Utc::now() + TimeDelta::milliseconds(offset);
        Ok(Self::build(base, Some(path.as_ref().to_owned())))
    }

    fn build(base: DateTime<Utc>, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Jumping {
            base,
            grace: Duration::from_millis(3),
            in_flight: InFlight::default(),
            file,
            state: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// The counter that holds time back while it is not zero.
    pub fn in_flight(&self) -> InFlight {
        self.0.in_flight.clone()
    }

    /// Holds time back until the guard is dropped.
    pub fn request_guard(&self) -> InFlightGuard {
        self.0.in_flight.enter()
    }

    /// Moves time forward at once.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.0.shift(&mut self.0.lock(), by);
    }
}

impl Jumping {
    fn lock(&self) -> MutexGuard<'_, JumpingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shift(&self, state: &mut JumpingState, by: TimeDelta) {
        state.offset += by;
        if let Some(path) = &self.file {
            let ahead = self.base + state.offset - Utc::now();
            if let Err(error) = write_atomically(path, &(ahead.num_milliseconds() + 1).to_string()) {
                tracing::warn!(%error, "the clock's offset could not be written");
            }
        }
        self.changed.notify_waiters();
    }

    /// Moves to a moment that real time has reached by itself.
    fn catch_up(&self, when: DateTime<Utc>) {
        let mut state = self.lock();
        let by = when - (self.base + state.offset);
        if by > TimeDelta::zero() {
            self.shift(&mut state, by);
        }
    }

    /// Jumps to `waiter` if it is the earliest and nothing has been in flight for a moment.
    fn try_jump(&self, waiter: (DateTime<Utc>, u64)) {
        let mut state = self.lock();
        let idle = self.in_flight.idle_for().is_some_and(|idle| idle >= self.grace);
        if idle && state.waiters.first() == Some(&waiter) {
            let by = waiter.0 - (self.base + state.offset);
            if by > TimeDelta::zero() {
                self.shift(&mut state, by);
            }
        }
    }
}

fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".tmp");
    fs::write(&partial, text)?;
    fs::rename(&partial, path)
}

struct Waiter<'a> {
    clock: &'a Jumping,
    key: (DateTime<Utc>, u64),
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.clock.lock().waiters.remove(&self.key);
        self.clock.changed.notify_waiters();
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.base + self.0.lock().offset
    }

    fn hold(&self) -> Hold {
        Hold::new(self.request_guard())
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        let clock = &*self.0;
        if self.now() >= when {
            return;
        }
        let key = {
            let mut state = clock.lock();
            state.next += 1;
            let key = (when, state.next);
            state.waiters.insert(key);
            key
        };
        let waiter = Waiter { clock, key };
        let real = tokio::time::Instant::now() + (when - self.now()).to_std().unwrap_or_default();
        loop {
            let mut changed = std::pin::pin!(clock.changed.notified());
            changed.as_mut().enable();
            if self.now() >= when {
                return;
            }
            let first = clock.lock().waiters.first() == Some(&waiter.key);
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(clock.grace), if first => clock.try_jump(waiter.key),
                () = tokio::time::sleep_until(real) => clock.catch_up(when),
            }
        }
    }
}

/// Runs with real time and is moved forward by hand.
///
/// ```
/// use std::time::Duration;
/// use chrono::TimeDelta;
/// use crmkit_core::{Clock, simulator::SteeredClock};
///
/// let clock = SteeredClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert!(clock.now() - start >= TimeDelta::hours(1));
/// ```
#[derive(Clone, Debug)]
pub struct SteeredClock(Arc<Steered>);

#[derive(Debug)]
struct Steered {
    time: Shifted,
    offset: Mutex<TimeDelta>,
    changed: Notify,
}

impl Default for SteeredClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SteeredClock {
    /// Starts at the real time.
    pub fn new() -> Self {
        Self::starting_at(Utc::now())
    }

    /// Starts at `base`.
    pub fn starting_at(base: DateTime<Utc>) -> Self {
        let (offset, changed) = (Mutex::new(TimeDelta::zero()), Notify::new());
        Self(Arc::new(Steered { time: Shifted::at(base), offset, changed }))
    }

    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        *self.lock() += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        self.0.changed.notify_waiters();
    }

    /// Moves time forward to `when`; says no to the past.
    pub fn set(&self, when: DateTime<Utc>) -> bool {
        let mut offset = self.lock();
        let by = when - self.0.time.now(*offset);
        if by < TimeDelta::zero() {
            return false;
        }
        *offset += by;
        drop(offset);
        self.0.changed.notify_waiters();
        true
    }

    fn lock(&self) -> MutexGuard<'_, TimeDelta> {
        self.0.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for SteeredClock {
    fn now(&self) -> DateTime<Utc> {
        let offset = *self.lock();
        self.0.time.now(offset)
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let Ok(wait) = (when - self.now()).to_std() else { return };
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiters_wake_in_order_without_real_waiting() {
        let clock = JumpingClock::new();
        let (start, real) = (clock.now(), Instant::now());
        let order = Arc::new(Mutex::new(Vec::new()));
        let waits = [3, 1, 2].map(|hours| {
            let (clock, order) = (clock.clone(), order.clone());
            tokio::spawn(async move {
                clock.sleep_until(start + TimeDelta::hours(hours)).await;
                order.lock().unwrap().push(hours);
            })
        });
        for wait in waits {
            wait.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert!(real.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_request_in_flight_holds_time_back() {
        let clock = JumpingClock::new();
        let start = clock.now();
        let guard = clock.request_guard();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + TimeDelta::days(2)).await }
        });
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert!(clock.now() - start < TimeDelta::days(1));
        drop(guard);
        sleeper.await.unwrap();
        assert!(clock.now() - start >= TimeDelta::days(2));
    }

    #[tokio::test]
    async fn the_offset_survives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let clock = JumpingClock::persisted(&path).unwrap();
        clock.sleep_until(clock.now() + TimeDelta::days(5)).await;
        let last = clock.now();
        drop(clock);
        assert!(JumpingClock::persisted(&path).unwrap().now() >= last);
    }

    #[tokio::test]
    async fn a_steered_clock_wakes_when_moved() {
        let clock = SteeredClock::new();
        let when = clock.now() + TimeDelta::days(1);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(when).await }
        });
        tokio::task::yield_now().await;
        assert!(clock.set(when));
        sleeper.await.unwrap();
        assert!(!clock.set(when - TimeDelta::days(1)));
    }
}
