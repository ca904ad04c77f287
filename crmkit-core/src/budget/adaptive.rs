//! The budget of a vendor that publishes no limit: it feels its way, up slowly and down at once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{AccountKey, Clock, CostClass, Error, ErrorKind, LimitSignal, RateBudget, Result, Retry};

/// How fast an [`AdaptiveBudget`] may go, in requests a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Where it begins.
    pub start: f64,
    /// It never gets slower than this.
    pub floor: f64,
    /// It never gets faster than this.
    pub ceiling: f64,
    /// How much faster it gets in each second of good answers.
    pub step: f64,
    /// What is left of the pace after a bad answer, from 0 to 1.
    pub cut: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { start: 4.0, floor: 0.2, ceiling: 10.0, step: 0.2, cut: 0.5 }
    }
}

/// Additive increase while answers are good, multiplicative decrease on a 429, a 5xx or when answers take twice as long as they did.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # futures::executor::block_on(async {
/// use std::{sync::Arc, time::Duration};
/// use crmkit_core::{AccountKey, AdaptiveBudget, CostClass, LimitSignal, Pace, RateBudget, SystemClock};
///
/// let budget = AdaptiveBudget::new(Pace::default(), Arc::new(SystemClock));
/// let (account, class) = (AccountKey::of("acme.example", "5d41402a"), CostClass::from("api"));
/// assert!(budget.reserve(&account, &class, 1, Duration::from_secs(9)).await? < Duration::from_secs(1));
/// budget.report(&account, &class, &LimitSignal::Answered { status: 503, took: Duration::ZERO }).await;
/// assert_eq!(budget.pace(&account), 2.0);
/// # Ok::<(), crmkit_core::Error>(())
/// # }).unwrap();
/// ```
pub struct AdaptiveBudget {
    pace: Pace,
    /// Classes of requests that keep to a pace of their own beside that of all.
    own: HashMap<CostClass, Pace>,
    clock: Arc<dyn Clock>,
    accounts: Mutex<HashMap<String, Account>>,
}

struct Account {
    paused: Option<DateTime<Utc>>,
    all: Lane,
    own: HashMap<CostClass, Lane>,
}

/// How fast requests that are paced together go by now.
struct Lane {
    pace: Pace,
    rate: f64,
    /// The next request leaves at this moment or later.
    next: DateTime<Utc>,
    /// Bad answers to what left before this moment were heeded already.
    heeded: DateTime<Utc>,
    /// How long answers take when all is well: follows down at once and up slowly.
    usual: Option<f64>,
    /// How long they took lately.
    lately: f64,
}

/// Answers below this are never called slow: there the network speaks, not the server.
const QUICK: f64 = 0.25;

impl Pace {
    /// At least one request in 1000 seconds, the ceiling not below the floor.
    fn mended(self) -> Self {
        let sane = |value: f64, least: f64| if value.is_finite() { value.max(least) } else { least };
        let floor = sane(self.floor, 0.001);
        let ceiling = sane(self.ceiling, floor);
        Self {
            floor,
            ceiling,
            start: sane(self.start, floor).min(ceiling),
            step: sane(self.step, 0.0),
            cut: sane(self.cut, 0.0).min(1.0),
        }
    }
}

impl Lane {
    fn new(pace: Pace, now: DateTime<Utc>) -> Self {
        let heeded = DateTime::<Utc>::MIN_UTC;
        Self { pace, rate: pace.start, next: now, heeded, usual: None, lately: 0.0 }
    }

    /// Slower, once for all requests that were under way together.
    fn slow_down(&mut self, left: DateTime<Utc>, now: DateTime<Utc>) {
        if left >= self.heeded {
            self.rate = (self.rate * self.pace.cut).max(self.pace.floor);
            self.heeded = now;
        }
    }

    fn answered(&mut self, status: u16, took: Duration, now: DateTime<Utc>) {
        let left = now - TimeDelta::from_std(took).unwrap_or_default();
        if status == 429 || status >= 500 {
            return self.slow_down(left, now);
        }
        let took = took.as_secs_f64();
        self.lately = if self.usual.is_none() { took } else { 0.7 * self.lately + 0.3 * took };
        let usual = self.usual.map_or(took, |usual| if took < usual { took } else { 0.99 * usual + 0.01 * took });
        self.usual = Some(usual);
        if self.lately > QUICK && self.lately > 2.0 * usual {
            // What is slow now is the new measure, so that one rise is answered once.
            self.usual = Some(self.lately);
            return self.slow_down(left, now);
        }
        self.rate = (self.rate + self.pace.step / self.rate.max(1.0)).min(self.pace.ceiling);
    }
}

impl AdaptiveBudget {
    /// A budget of this pace, by this clock. A pace that makes no sense is mended: at least one request in 1000 seconds, the ceiling not
    /// below the floor.
    pub fn new(pace: Pace, clock: Arc<dyn Clock>) -> Self {
        Self { pace: pace.mended(), own: HashMap::new(), clock, accounts: Mutex::default() }
    }

    /// The same budget, in which requests of `class` also keep to a pace of their own: they count among all, and what their answers
    /// say is heeded for them alone.
    pub fn with_class(mut self, class: impl Into<CostClass>, pace: Pace) -> Self {
        self.own.insert(class.into(), pace.mended());
        self
    }

    /// The pace of an account now, in requests a second.
    pub fn pace(&self, account: &AccountKey) -> f64 {
        self.with(account, |account| account.all.rate)
    }

    /// The pace of a class of an account's requests now: its own where it has one, else that of all.
    pub fn pace_of(&self, account: &AccountKey, class: &CostClass) -> f64 {
        self.with(account, |account| account.own.get(class).unwrap_or(&account.all).rate)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, key: &AccountKey, work: impl FnOnce(&mut Account) -> T) -> T {
        let now = self.clock.now();
        let mut accounts = self.lock();
        let account = accounts.entry(key.token().to_owned()).or_insert_with(|| Account {
            paused: None,
            all: Lane::new(self.pace, now),
            own: self.own.iter().map(|(class, pace)| (class.clone(), Lane::new(*pace, now))).collect(),
        });
        work(account)
    }
}

impl fmt::Debug for AdaptiveBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveBudget").field("pace", &self.pace).finish_non_exhaustive()
    }
}

#[async_trait]
impl RateBudget for AdaptiveBudget {
    async fn reserve(
        &self,
        account: &AccountKey,
        class: &CostClass,
        cost: u32,
        patience: Duration,
    ) -> Result<Duration> {
        let now = self.clock.now();
        self.with(account, |account| {
            let earliest = account.paused.unwrap_or(now).max(now);
            let mut own = account.own.get_mut(class);
            let all = account.all.next.max(earliest);
            let at = own.as_ref().map_or(all, |own| own.next.max(all));
            let wait = (at - now).to_std().unwrap_or_default();
            if wait > patience {
                let message = "the account's pace leaves no room before the caller's patience ends";
                return Err(
                    Error::new(ErrorKind::Limited, "budget.reserve", message, Retry::After(wait)).with_until(at)
                );
            }
            let apart = |rate: f64| seconds(f64::from(cost.max(1)) / rate);
            // Who waits for its own pace takes a place among all, and holds nobody else up.
            account.all.next = all + apart(account.all.rate);
            if let Some(own) = &mut own {
                own.next = at + apart(own.rate);
            }
            Ok(wait)
        })
    }

    /// A pause voids what was reserved behind it: its holders ask again.
    async fn report(&self, account: &AccountKey, class: &CostClass, signal: &LimitSignal) {
        let now = self.clock.now();
        self.with(account, |account| match signal {
            LimitSignal::Pause(pause) => {
                let until = now + TimeDelta::from_std(*pause).unwrap_or(TimeDelta::MAX / 4);
                account.paused = Some(account.paused.map_or(until, |before| before.max(until)));
                account.own.values_mut().for_each(|lane| lane.next = until);
                account.all.next = until;
            }
            LimitSignal::Exhausted(Some(until)) => account.paused = Some(*until),
            LimitSignal::Answered { status, took } => {
                account.own.get_mut(class).unwrap_or(&mut account.all).answered(*status, *took, now);
            }
            LimitSignal::Exhausted(None) | LimitSignal::DailyLeft(_) | LimitSignal::BurstLeft(_) => {}
        });
    }
}

fn seconds(seconds: f64) -> TimeDelta {
    // Paces are between 0.001 and some thousands a second: nothing that matters is cut off.
    TimeDelta::microseconds((seconds * 1e6) as i64)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    const PACE: Pace = Pace { start: 4.0, floor: 0.5, ceiling: 5.0, step: 0.5, cut: 0.5 };

    struct Bench {
        clock: ManualClock,
        budget: AdaptiveBudget,
        account: AccountKey,
        class: CostClass,
    }

    impl Bench {
        fn new() -> Self {
            let clock = ManualClock::new();
            let budget = AdaptiveBudget::new(PACE, Arc::new(clock.clone()));
            Self { clock, budget, account: AccountKey::of("a", "b"), class: "api".into() }
        }

        async fn wait(&self) -> u128 {
            self.budget
                .reserve(&self.account, &self.class, 1, Duration::from_secs(60))
                .await
                .expect("there is room")
                .as_millis()
        }

        async fn told(&self, status: u16, milliseconds: u64) -> f64 {
            self.clock.advance(Duration::from_millis(milliseconds));
            let signal = LimitSignal::Answered { status, took: Duration::from_millis(milliseconds) };
            self.budget.report(&self.account, &self.class, &signal).await;
            self.budget.pace(&self.account)
        }
    }

    #[tokio::test]
    async fn requests_are_evenly_apart_at_the_pace() {
        let bench = Bench::new();
        assert_eq!([bench.wait().await, bench.wait().await, bench.wait().await], [0, 250, 500]);
        let error =
            bench.budget.reserve(&bench.account, &bench.class, 1, Duration::from_millis(700)).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Limited, Retry::After(Duration::from_millis(750))));
        assert_eq!(bench.wait().await, 750, "nothing was taken");
    }

    #[tokio::test]
    async fn it_climbs_to_the_ceiling_and_is_cut_at_once() {
        let bench = Bench::new();
        for _ in 0..50 {
            bench.told(200, 100).await;
        }
        assert_eq!(bench.budget.pace(&bench.account), 5.0);
        assert_eq!(bench.told(429, 100).await, 2.5);
        assert_eq!(bench.told(503, 0).await, 1.25, "left after the first was heeded");
        bench.clock.advance(Duration::from_millis(10));
        let late = LimitSignal::Answered { status: 500, took: Duration::from_millis(50) };
        bench.budget.report(&bench.account, &bench.class, &late).await;
        assert_eq!(bench.budget.pace(&bench.account), 1.25, "it was under way before the cut");
        for _ in 0..10 {
            bench.told(500, 100).await;
        }
        assert_eq!(bench.budget.pace(&bench.account), 0.5, "the floor");
    }

    #[tokio::test]
    async fn rising_latency_is_a_warning() {
        let bench = Bench::new();
        for _ in 0..20 {
            bench.told(200, 200).await;
        }
        let before = bench.budget.pace(&bench.account);
        let mut lowest = before;
        for _ in 0..8 {
            lowest = lowest.min(bench.told(200, 900).await);
        }
        assert!(lowest <= before / 2.0 + 0.5, "{before} {lowest}");
    }

    #[tokio::test]
    async fn a_class_of_its_own_is_slower_and_is_cut_alone() {
        let mut bench = Bench::new();
        let pace = Pace { start: 1.0, floor: 0.1, ceiling: 2.0, ..PACE };
        bench.budget = AdaptiveBudget::new(PACE, Arc::new(bench.clock.clone())).with_class("find", pace);
        let find = CostClass::from("find");
        let wait = async |class: &CostClass| {
            let wait = bench.budget.reserve(&bench.account, class, 1, Duration::from_secs(60)).await;
            wait.expect("there is room").as_millis()
        };
        assert_eq!([wait(&find).await, wait(&bench.class).await], [0, 250], "finds count among all");
        bench.clock.advance(Duration::from_millis(500));
        assert_eq!([wait(&find).await], [500], "and wait for each other");
        let bad = LimitSignal::Answered { status: 429, took: Duration::ZERO };
        bench.budget.report(&bench.account, &find, &bad).await;
        let paces = |budget: &AdaptiveBudget| (budget.pace(&bench.account), budget.pace_of(&bench.account, &find));
        assert_eq!(paces(&bench.budget), (4.0, 0.5));
        bench.budget.report(&bench.account, &bench.class, &bad).await;
        assert_eq!(paces(&bench.budget), (2.0, 0.5));
    }

    #[tokio::test]
    async fn a_pause_holds_everybody() {
        let bench = Bench::new();
        bench.wait().await;
        bench.budget.report(&bench.account, &bench.class, &LimitSignal::Pause(Duration::from_secs(9))).await;
        assert_eq!(bench.wait().await, 9_000);
    }
}
