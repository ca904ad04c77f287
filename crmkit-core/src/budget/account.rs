//! The budget of one process: every window of every account, reserved together or not at all.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    day::Day,
    paced::Paced,
    ring::Ring,
    window::{Measure, Scope, Window},
};
use crate::{AccountKey, Clock, CostClass, Error, ErrorKind, LimitSignal, RateBudget, Result, Retry};

/// The rate budget of one process: exact rolling windows, daily tokens, paced rates.
///
/// Share one by `Arc` between everything that talks to the same account. It never waits: it says how long to.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # futures::executor::block_on(async {
/// use std::{sync::Arc, time::Duration};
/// use crmkit_core::{AccountBudget, AccountKey, CostClass, RateBudget, Scope, SystemClock, Window};
///
/// let windows = vec![Window::rolling(2, Duration::from_secs(2)), Window::daily(100).scope(Scope::Company)];
/// let budget = AccountBudget::new(windows, Arc::new(SystemClock));
/// let (account, class) = (AccountKey::of("acme.example", "5d41402a"), CostClass::from("api"));
/// let patience = Duration::from_secs(10);
/// assert_eq!(budget.reserve(&account, &class, 5, patience).await?, Duration::ZERO);
/// assert_eq!(budget.reserve(&account, &class, 5, patience).await?, Duration::ZERO);
/// assert!(budget.reserve(&account, &class, 5, patience).await? > Duration::from_secs(1));
/// # Ok::<(), crmkit_core::Error>(())
/// # }).unwrap();
/// ```
pub struct AccountBudget {
    clock: Arc<dyn Clock>,
    windows: Vec<Window>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Per window and whoever shares it.
    meters: HashMap<(usize, String), Meter>,
    /// Per token: nothing before this moment.
    paused: HashMap<String, DateTime<Utc>>,
}

enum Meter {
    Rolling { ring: Ring, limit: usize, per: TimeDelta },
    Daily(Day),
    Paced(Paced),
}

impl fmt::Debug for AccountBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountBudget").field("windows", &self.windows).finish_non_exhaustive()
    }
}

impl AccountBudget {
    /// A budget with these windows for every account.
    pub fn new(windows: Vec<Window>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, windows, state: Mutex::default() }
    }

    /// A budget that only keeps pauses: for tests and for accounts without limits.
    pub fn unlimited(clock: Arc<dyn Clock>) -> Self {
        Self::new(Vec::new(), clock)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The windows that a request draws on.
    fn keys(&self, account: &AccountKey, class: &CostClass) -> Vec<(usize, String)> {
        let counted = self.windows.iter().enumerate().filter(|(_, window)| window.counts(class));
        counted.map(|(index, window)| (index, scope_of(window, account))).collect()
    }

    fn open(&self, state: &mut State, keys: &[(usize, String)], now: DateTime<Utc>) {
        for key in keys {
            match state.meters.get_mut(key) {
                Some(meter) => meter.forget(now),
                None => {
                    state.meters.insert(key.clone(), Meter::new(&self.windows[key.0], now));
                }
            }
        }
    }
}

fn scope_of(window: &Window, account: &AccountKey) -> String {
    match window.scope {
        Scope::Token => account.token().to_owned(),
        Scope::Company => account.company().to_owned(),
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

impl Meter {
    fn new(window: &Window, now: DateTime<Utc>) -> Self {
        match &window.measure {
            Measure::Rolling { limit, per, gap } => Self::Rolling {
                ring: Ring::default(),
                limit: usize::try_from(window.ours(u64::from(*limit))).unwrap_or(usize::MAX),
                per: delta(*per + *gap),
            },
            Measure::Daily { limit, reset_hour } => {
                Self::Daily(Day::new(*limit, window.ours(*limit), *reset_hour, now))
            }
            Measure::Paced { burst, per } => Self::Paced(Paced::new(window.ours(u64::from(*burst)), *per, now)),
        }
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        if let Self::Rolling { ring, per, .. } = self {
            ring.expire(now - *per * 2);
        }
    }

    /// The first moment from `at` on at which this window lets one more request of `cost` leave. A paced window has taken it.
    fn earliest(&mut self, now: DateTime<Utc>, at: DateTime<Utc>, cost: u32) -> DateTime<Utc> {
        match self {
            Self::Rolling { ring, limit, per } => ring.earliest(at, *limit, *per),
            Self::Daily(day) => day.earliest(now, at, u64::from(cost)),
            Self::Paced(paced) => paced.take(at).err().unwrap_or(at),
        }
    }
}

impl State {
    /// The first moment from `begin` on that suits every window, unless it is later than `last`.
    ///
    /// Windows are asked in turn until none moves the moment; what paced ones took on the way is given back.
    fn fit(
        &mut self,
        keys: &[(usize, String)],
        now: DateTime<Utc>,
        begin: DateTime<Utc>,
        last: DateTime<Utc>,
        cost: u32,
    ) -> Result<DateTime<Utc>, DateTime<Utc>> {
        let saved: Vec<_> = keys
            .iter()
            .map(|key| match self.meters.get(key) {
                Some(Meter::Paced(paced)) => Some(paced.saved()),
                _ => None,
            })
            .collect();
        let mut at = begin;
        loop {
            let before = at;
            for key in keys {
                if let Some(meter) = self.meters.get_mut(key) {
                    at = at.max(meter.earliest(now, at, cost));
                }
            }
            if at == before && at <= last {
                return Ok(at);
            }
            for (key, saved) in keys.iter().zip(&saved) {
                if let (Some(Meter::Paced(paced)), Some(saved)) = (self.meters.get(key), saved) {
                    paced.restore(*saved);
                }
            }
            if at > last {
                return Err(at);
            }
        }
    }
}

#[async_trait]
impl RateBudget for AccountBudget {
    async fn reserve(
        &self,
        account: &AccountKey,
        class: &CostClass,
        cost: u32,
        patience: Duration,
    ) -> Result<Duration> {
        let now = self.clock.now();
        let last = now.checked_add_signed(delta(patience)).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let keys = self.keys(account, class);
        let mut state = self.lock();
        self.open(&mut state, &keys, now);
        let begin = state.paused.get(account.token()).map_or(now, |pause| now.max(*pause));
        let at = state.fit(&keys, now, begin, last, cost).map_err(|until| {
            let wait = (until - now).to_std().unwrap_or_default();
            let message = "the account's rate limit leaves no room before the caller's patience ends";
            Error::new(ErrorKind::Limited, "budget.reserve", message, Retry::After(wait)).with_until(until)
        })?;
        for key in &keys {
            match state.meters.get_mut(key) {
                Some(Meter::Rolling { ring, .. }) => ring.reserve(at),
                Some(Meter::Daily(day)) => day.reserve(at, u64::from(cost)),
                Some(Meter::Paced(_)) | None => {}
            }
        }
        Ok((at - now).to_std().unwrap_or_default())
    }

    /// A pause holds the token; reservations that have not left are given up, so their holders must ask again. The burst
    /// count is not used: by the time it arrives it is older than our own.
    async fn report(&self, account: &AccountKey, class: &CostClass, signal: &LimitSignal) {
        // Published limits do not move with the answers.
        if matches!(signal, LimitSignal::Answered { .. }) {
            return;
        }
        let now = self.clock.now();
        let keys = self.keys(account, class);
        let mut state = self.lock();
        self.open(&mut state, &keys, now);
        if let LimitSignal::Pause(pause) = signal {
            let until = now.checked_add_signed(delta(*pause)).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let paused = state.paused.entry(account.token().to_owned()).or_insert(until);
            *paused = until.max(*paused);
        }
        for key in &keys {
            match (state.meters.get_mut(key), signal) {
                (Some(Meter::Daily(day)), LimitSignal::DailyLeft(left)) => day.seen(now, *left),
                (Some(Meter::Daily(day)), LimitSignal::Exhausted(until)) => day.spent(now, *until),
                (Some(Meter::Rolling { ring, .. }), LimitSignal::Pause(_)) => ring.cancel_after(now),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    /// A clock that stands still until it is moved.
    #[derive(Debug)]
    struct Hand(Mutex<DateTime<Utc>>);

    #[async_trait]
    impl Clock for Hand {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, when: DateTime<Utc>) {
            *self.0.lock().unwrap() = when;
        }
    }

    impl Hand {
        fn new() -> Arc<Self> {
            Arc::new(Self(Mutex::new("2026-03-01T22:00:00Z".parse().unwrap())))
        }

        fn forward(&self, by: Duration) {
            let mut now = self.0.lock().unwrap();
            *now += delta(by);
        }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_secs(600);

    fn account() -> AccountKey {
        AccountKey::of("acme", "token")
    }

    fn api() -> CostClass {
        CostClass::from("api")
    }

    #[test]
    fn all_windows_or_none() {
        let clock = Hand::new();
        let windows =
            vec![Window::rolling(1, 2 * SECOND).gap(Duration::ZERO), Window::paced(5, 5 * SECOND), Window::daily(100)];
        let budget = AccountBudget::new(windows, clock.clone());
        block_on(async {
            assert_eq!(budget.reserve(&account(), &api(), 90, LONG).await.unwrap(), Duration::ZERO);
            for _ in 0..10 {
                let error = budget.reserve(&account(), &api(), 5, SECOND).await.unwrap_err();
                assert_eq!((error.kind(), error.retry()), (ErrorKind::Limited, Retry::After(2 * SECOND)));
            }
            // The ten refusals took nothing, from no window.
            assert_eq!(budget.reserve(&account(), &api(), 5, LONG).await.unwrap(), 2 * SECOND);
            assert_eq!(budget.reserve(&account(), &api(), 5, LONG).await.unwrap(), 4 * SECOND);
            let spent = budget.reserve(&account(), &api(), 1, LONG).await.unwrap_err();
            assert_eq!(spent.until(), Some("2026-03-02T00:00:00Z".parse().unwrap()));
            clock.forward(7200 * SECOND);
            assert_eq!(budget.reserve(&account(), &api(), 1, LONG).await.unwrap(), Duration::ZERO);
        });
    }

    #[test]
    fn who_waits_for_the_next_day_takes_from_it() {
        let budget = AccountBudget::new(vec![Window::daily(10)], Hand::new());
        let patience = 3 * 3600 * SECOND;
        block_on(async {
            budget.reserve(&account(), &api(), 10, patience).await.unwrap();
            for _ in 0..2 {
                assert_eq!(budget.reserve(&account(), &api(), 5, patience).await.unwrap(), 7200 * SECOND);
            }
            assert!(budget.reserve(&account(), &api(), 5, patience).await.is_err());
        });
    }

    #[test]
    fn bursts_are_per_token_and_days_per_company() {
        let windows = vec![Window::rolling(1, 2 * SECOND), Window::daily(10)];
        let budget = AccountBudget::new(windows, Hand::new());
        let other = AccountKey::of("acme", "other token");
        block_on(async {
            assert_eq!(budget.reserve(&account(), &api(), 6, LONG).await.unwrap(), Duration::ZERO);
            assert_eq!(budget.reserve(&other, &api(), 4, LONG).await.unwrap(), Duration::ZERO);
            assert!(budget.reserve(&AccountKey::of("acme", "third"), &api(), 1, LONG).await.is_err());
            assert!(budget.reserve(&AccountKey::of("else", "fourth"), &api(), 1, LONG).await.is_ok());
        });
    }

    #[test]
    fn one_pause_holds_everybody() {
        let clock = Hand::new();
        let budget = AccountBudget::new(vec![Window::rolling(2, 2 * SECOND).gap(Duration::ZERO)], clock.clone());
        block_on(async {
            for _ in 0..6 {
                budget.reserve(&account(), &api(), 1, LONG).await.unwrap();
            }
            budget.report(&account(), &api(), &LimitSignal::Pause(3 * SECOND)).await;
            let waits: Vec<_> = futures::future::join_all(
                (0..3).map(|_| async { budget.reserve(&account(), &api(), 1, LONG).await.unwrap() }),
            )
            .await;
            assert_eq!(waits, [3 * SECOND, 3 * SECOND, 5 * SECOND]);
        });
    }

    #[test]
    fn classes_draw_on_their_own_windows() {
        let windows = vec![Window::rolling(9, 2 * SECOND), Window::rolling(1, 2 * SECOND).only("search".into())];
        let budget = AccountBudget::new(windows, Hand::new());
        block_on(async {
            budget.reserve(&account(), &"search".into(), 1, LONG).await.unwrap();
            assert!(budget.reserve(&account(), &"search".into(), 1, LONG).await.unwrap() > Duration::ZERO);
            assert_eq!(budget.reserve(&account(), &api(), 1, LONG).await.unwrap(), Duration::ZERO);
        });
    }

    proptest! {
        #[test]
        fn reserved_moments_never_crowd_a_window(
            limit in 1_u32..8,
            steps in proptest::collection::vec((0_u64..900, 1_usize..5), 1..40),
        ) {
            let clock = Hand::new();
            let budget = AccountBudget::new(vec![Window::rolling(limit, 2 * SECOND)], clock.clone());
            let mut sent = Vec::new();
            block_on(async {
                for (wait, burst) in steps {
                    clock.forward(Duration::from_millis(wait));
                    for _ in 0..burst {
                        let wait = budget.reserve(&account(), &api(), 1, LONG).await.unwrap();
                        sent.push(clock.now() + delta(wait));
                    }
                }
            });
            sent.sort();
            for run in sent.windows(limit as usize + 1) {
                prop_assert!(run[limit as usize] - run[0] >= delta(2 * SECOND));
            }
        }
    }
}
