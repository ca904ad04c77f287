//! A paced rate: `governor` decides, on a clock that we set, and what was taken can be given back.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};

/// Governor's decisions at moments of our choice.
#[derive(Debug)]
pub(super) struct Paced {
    limiter: RateLimiter<NotKeyed, Slot, SetClock, NoOpMiddleware<Nanos>>,
    slot: Slot,
    begin: DateTime<Utc>,
}

/// What governor knows: when the bucket is full again.
#[derive(Clone, Debug, Default)]
struct Slot(Arc<Mutex<Option<u64>>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Slot {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &Self::Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut slot = self.lock();
        let (answer, next) = decide(slot.map(Nanos::from))?;
        *slot = Some(next.as_u64());
        Ok(answer)
    }
}

#[derive(Debug, Default)]
struct SetClock(AtomicU64);

impl Clock for SetClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

impl Paced {
    pub(super) fn new(burst: u64, per: Duration, begin: DateTime<Utc>) -> Self {
        let burst = NonZeroU32::new(u32::try_from(burst).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        let every = (per / burst.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(every).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        let slot = Slot::default();
        Self { limiter: RateLimiter::new(quota, slot.clone(), SetClock::default()), slot, begin }
    }

    /// Takes one request at `at`, or says when the next may leave and takes nothing.
    pub(super) fn take(&self, at: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let nanos = (at - self.begin).num_nanoseconds().and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or(0);
        self.limiter.clock().0.store(nanos, Ordering::Relaxed);
        self.limiter.check().map_err(|until| {
            let next = i64::try_from(until.earliest_possible().as_u64()).unwrap_or(i64::MAX);
            (self.begin + TimeDelta::nanoseconds(next)).max(at + TimeDelta::nanoseconds(1))
        })
    }

    /// The state to give back with [`Paced::restore`].
    pub(super) fn saved(&self) -> Option<u64> {
        *self.slot.lock()
    }

    /// Takes back whatever was taken since the state was saved.
    pub(super) fn restore(&self, saved: Option<u64>) {
        *self.slot.lock() = saved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate_and_nothing_taken_twice() {
        let begin = DateTime::<Utc>::UNIX_EPOCH;
        let paced = Paced::new(2, Duration::from_secs(2), begin);
        assert_eq!(paced.take(begin), Ok(()));
        let saved = paced.saved();
        assert_eq!(paced.take(begin), Ok(()));
        assert_eq!(paced.take(begin), Err(begin + TimeDelta::seconds(1)));
        assert_eq!(paced.take(begin + TimeDelta::seconds(1)), Ok(()));
        paced.restore(saved);
        assert_eq!(paced.take(begin), Ok(()));
    }
}
