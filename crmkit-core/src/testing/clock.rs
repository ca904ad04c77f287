//! A clock that a test moves.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};

use crate::Clock;

/// A clock that stands still until a test moves it, or that jumps to whatever is waited for. Clones share their time.
///
/// It begins at 2026-01-01 00:00 UTC and needs no runtime.
///
/// ```
/// use std::time::Duration;
/// use crmkit_core::{Clock, testing::ManualClock};
/// let clock = ManualClock::new();
/// let begin = clock.now();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!((clock.now() - begin).num_seconds(), 90);
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<State>>);

struct State {
    now: DateTime<Utc>,
    jumps: bool,
    next: u64,
    /// Who waits, by time and then in the order they came.
    sleepers: BTreeMap<(DateTime<Utc>, u64), Waker>,
}

impl ManualClock {
    /// A clock that stands still until it is moved.
    pub fn new() -> Self {
        let now = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single().expect("a date that exists");
        Self(Arc::new(Mutex::new(State { now, jumps: false, next: 0, sleepers: BTreeMap::new() })))
    }

    /// A clock that jumps: whoever waits is let go at once, and time is what he waited for. Of several who begin to wait
    /// between two turns of the executor, the one who waits for the earliest moment goes first.
    ///
    /// ```
    /// use std::time::Duration;
    /// use crmkit_core::{Clock, testing::ManualClock};
    /// let clock = ManualClock::jumping();
    /// let tomorrow = clock.now() + Duration::from_secs(86_400);
    /// futures::executor::block_on(clock.sleep_until(tomorrow));
    /// assert_eq!(clock.now(), tomorrow);
    /// ```
    pub fn jumping() -> Self {
        let clock = Self::new();
        clock.state().jumps = true;
        clock
    }

    /// Moves time on and wakes whoever waited for a moment passed.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        let now = state.now + by;
        state.set(now);
    }

    /// Moves time on to this moment. Time never goes backwards: an earlier moment changes nothing.
    pub fn set(&self, now: DateTime<Utc>) {
        self.state().set(now);
    }

    /// How many wait.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    /// The earliest moment somebody waits for.
    pub fn next_wake(&self) -> Option<DateTime<Utc>> {
        self.state().sleepers.keys().next().map(|(when, _)| *when)
    }

    /// The earliest moment after now that somebody waits for: whoever waited for an earlier one was woken and has not been polled.
    pub fn next_wake_ahead(&self) -> Option<DateTime<Utc>> {
        let state = self.state();
        state.sleepers.keys().map(|(when, _)| *when).find(|when| *when > state.now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl State {
    fn set(&mut self, now: DateTime<Utc>) {
        self.now = self.now.max(now);
        // They take themselves off the list when they are polled or dropped.
        self.sleepers.iter().take_while(|((when, _), _)| *when <= self.now).for_each(|(_, waker)| waker.wake_by_ref());
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ManualClock").field("now", &state.now).field("sleepers", &state.sleepers.len()).finish()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        Sleep { clock: self, when, ticket: None }.await;
    }
}

struct Sleep<'c> {
    clock: &'c ManualClock,
    when: DateTime<Utc>,
    ticket: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.when {
            return Poll::Ready(());
        }
        let began = self.ticket.is_none();
        let ticket = self.ticket.unwrap_or(state.next);
        state.next = state.next.max(ticket + 1);
        state.sleepers.insert((self.when, ticket), cx.waker().clone());
        if state.jumps {
            let earliest = state.sleepers.keys().next().map_or(self.when, |(when, _)| *when);
            if !began {
                state.set(earliest);
            }
            if state.now < self.when {
                cx.waker().wake_by_ref();
            }
        }
        let passed = state.now >= self.when;
        drop(state);
        self.ticket = Some(ticket);
        if passed { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.clock.state().sleepers.remove(&(self.when, ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, executor::block_on, future::join3, pin_mut};

    use super::*;

    #[test]
    fn a_sleeper_waits_until_time_is_moved() {
        let clock = ManualClock::new();
        let when = clock.now() + Duration::from_secs(10);
        let sleep = clock.sleep_until(when);
        pin_mut!(sleep);
        assert!(sleep.as_mut().now_or_never().is_none());
        assert_eq!(clock.next_wake(), Some(when));
        clock.advance(Duration::from_secs(9));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.set(when);
        assert!(sleep.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_dropped_sleeper_leaves_nothing_behind() {
        let clock = ManualClock::new();
        let when = clock.now() + Duration::from_secs(10);
        assert!(clock.sleep_until(when).now_or_never().is_none());
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn time_never_goes_backwards() {
        let clock = ManualClock::new();
        let begin = clock.now();
        clock.set(begin - Duration::from_secs(1));
        assert_eq!(clock.now(), begin);
    }

    #[test]
    fn a_jumping_clock_lets_the_earliest_go_first() {
        let clock = ManualClock::jumping();
        let begin = clock.now();
        let order = Mutex::new(Vec::new());
        let wait = async |seconds: u64| {
            clock.sleep_until(begin + Duration::from_secs(seconds)).await;
            order.lock().unwrap().push((seconds, (clock.now() - begin).num_seconds()));
        };
        block_on(join3(wait(30), wait(10), wait(20)));
        assert_eq!(*order.lock().unwrap(), [(10, 10), (20, 20), (30, 30)]);
        assert_eq!(clock.sleepers(), 0);
    }
}
