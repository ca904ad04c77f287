//! A company with its plan, its budget and the windows of its tokens.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{DailyCounter, FaultScript, RollingWindow};
use serde::{Deserialize, Serialize};

use super::oauth::Grant;
use super::store::Store;
use super::switches::{LimitModel, Switches};

/// Requests that a token might make in two seconds before there were plans for that.
const OLD_BURST: usize = 80;

/// The plan of a company.
///
/// ```
/// use crmkit_pipedrive::simulator::Tier;
/// assert_eq!("premium".parse(), Ok(Tier::Premium));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 30,000 tokens a seat and day, bursts of 20.
    Lite,
    /// Twice as many tokens, bursts of 40.
    Growth,
    /// Five times as many tokens, bursts of 100.
    Premium,
    /// Seven times as many tokens, bursts of 120.
    #[default]
    Ultimate,
}

impl Tier {
    fn daily(self, seats: u32) -> u64 {
        let multiplier = match self {
            Self::Lite => 1,
            Self::Growth => 2,
            Self::Premium => 5,
            Self::Ultimate => 7,
        };
        30_000 * multiplier * u64::from(seats)
    }

    fn burst(self) -> usize {
        match self {
            Self::Lite => 20,
            Self::Growth => 40,
            Self::Premium => 100,
            Self::Ultimate => 120,
        }
    }

    /// How many tokens the company has in a minute, in the model of tokens per minute.
    fn per_minute(self) -> usize {
        match self {
            Self::Lite => 5_000,
            Self::Growth => 10_000,
            Self::Premium | Self::Ultimate => 25_000,
        }
    }

    /// How many custom fields all entities may have together.
    pub(super) fn custom_fields(self) -> usize {
        match self {
            Self::Lite => 30,
            Self::Growth => 100,
            Self::Premium => 300,
            Self::Ultimate => 500,
        }
    }

    /// How many deals the company may have.
    pub(super) fn deals(self, seats: u32) -> usize {
        let per_seat = match self {
            Self::Lite => 2_500,
            Self::Growth => 5_000,
            Self::Premium => 15_000,
            Self::Ultimate => 20_000,
        };
        (per_seat * seats as usize).min(300_000)
    }

    /// The `visible_to` that means the entire company.
    pub(super) fn everyone(self) -> i64 {
        self.visibilities().last().copied().unwrap_or(3)
    }

    /// The values that `visible_to` may have.
    pub(super) fn visibilities(self) -> &'static [i64] {
        match self {
            Self::Lite | Self::Growth => &[1, 3],
            Self::Premium | Self::Ultimate => &[1, 3, 5, 7],
        }
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "lite" => Ok(Self::Lite),
            "growth" => Ok(Self::Growth),
            "premium" => Ok(Self::Premium),
            "ultimate" => Ok(Self::Ultimate),
            other => Err(format!("unknown tier {other}")),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lite => "lite",
            Self::Growth => "growth",
            Self::Premium => "premium",
            Self::Ultimate => "ultimate",
        })
    }
}

/// What makes a company: kept in dumps and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// The domain, unique.
    pub(super) name: String,
    pub(super) tier: Tier,
    pub(super) seats: u32,
    pub(super) limits: bool,
    pub(super) switches: Switches,
    /// The tokens with the users they act for.
    pub(super) tokens: Vec<(String, i64)>,
    /// What users granted to apps.
    #[serde(default)]
    pub(super) grants: Vec<Grant>,
}

/// One isolated company.
#[derive(Debug)]
pub(super) struct Company {
    profile: RwLock<Arc<Profile>>,
    pub(super) faults: FaultScript,
    store: Mutex<Store>,
    quota: Mutex<Quota>,
}

#[derive(Debug)]
struct Quota {
    daily: DailyCounter,
    tokens: HashMap<String, Windows>,
}

#[derive(Debug)]
struct Windows {
    general: RollingWindow,
    search: RollingWindow,
    writes: DailyCounter,
    model: LimitModel,
    refused: u32,
    last_refused: DateTime<Utc>,
    blocked_until: DateTime<Utc>,
}

/// What the gateway decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    OverLimit,
    Blocked,
}

/// What the headers say about limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    pub(super) limit: usize,
    pub(super) remaining: usize,
    pub(super) reset_seconds: i64,
    pub(super) daily_limit: u64,
    pub(super) daily_remaining: u64,
    /// What is left of the old fair-use rule, which only warns.
    pub(super) writes_left: u64,
    /// Whether nothing goes until the day turns.
    pub(super) day_is_spent: bool,
}

impl Company {
    pub(super) fn new(profile: Profile, store: Store) -> Self {
        let reset = TimeDelta::hours(profile.switches.reset_hour);
        let budget = if profile.limits { profile.tier.daily(profile.seats) } else { u64::MAX };
        let daily = DailyCounter::new(budget, reset);
        Self {
            profile: RwLock::new(Arc::new(profile)),
            faults: FaultScript::default(),
            store: Mutex::new(store),
            quota: Mutex::new(Quota { daily, tokens: HashMap::new() }),
        }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn profile(&self) -> Arc<Profile> {
        self.profile.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the profile for all calls that follow.
    pub(super) fn change_profile(&self, change: impl FnOnce(&mut Profile)) {
        let mut profile = self.profile.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut profile));
    }

    fn quota(&self) -> MutexGuard<'_, Quota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens spent on all days.
    pub(super) fn tokens_spent(&self) -> u64 {
        self.quota().daily.total()
    }

    /// Spends tokens of the day without a call, at most all that are left.
    pub(super) fn spend(&self, now: DateTime<Utc>, tokens: u64) {
        let mut quota = self.quota();
        let left = quota.daily.remaining(now);
        quota.daily.spend(now, tokens.min(left));
    }

    /// Gives back the price of a call.
    pub(super) fn refund(&self, cost: u64) {
        self.quota().daily.refund(cost);
    }

    /// Counts one call in all windows, or in none.
    pub(super) fn admit(&self, profile: &Profile, call: Fare<'_>) -> (Verdict, Standing) {
        let mut quota = self.quota();
        let Quota { daily, tokens } = &mut *quota;
        let model = profile.switches.limit_model;
        // Tokens a minute are the company's, all else is counted for each token.
        let key = if model == LimitModel::TokensPerMinute { "" } else { call.token };
        let windows = tokens.entry(key.to_owned()).or_insert_with(|| Windows::new(profile, call.oauth));
        if windows.model != model {
            *windows = Windows::new(profile, call.oauth);
        }
        let verdict = if profile.limits { windows.decide(profile, daily, call) } else { Verdict::Admitted };
        if !profile.limits {
            daily.spend(call.now, call.cost);
        }
        if call.write && verdict == Verdict::Admitted {
            windows.writes.spend(call.now, 1);
        }
        let window = if call.search { &mut windows.search } else { &mut windows.general };
        let reset = window.reset_after(call.now);
        let standing = Standing {
            limit: window.limit(),
            remaining: window.remaining(call.now),
            reset_seconds: (reset.num_milliseconds() + 999) / 1000,
            daily_limit: daily.limit(),
            daily_remaining: daily.remaining(call.now),
            writes_left: windows.writes.remaining(call.now),
            day_is_spent: match model {
                LimitModel::DailyTokens => daily.remaining(call.now) == 0,
                LimitModel::Requests => windows.writes.remaining(call.now) == 0,
                LimitModel::TokensPerMinute => false,
            },
        };
        (verdict, standing)
    }
}

/// What a call draws from which windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fare<'a> {
    pub(super) token: &'a str,
    pub(super) oauth: bool,
    pub(super) search: bool,
    pub(super) write: bool,
    pub(super) cost: u64,
    pub(super) now: DateTime<Utc>,
}

impl Windows {
    fn new(profile: &Profile, oauth: bool) -> Self {
        let model = profile.switches.limit_model;
        let (limit, width) = match model {
            LimitModel::DailyTokens => (profile.tier.burst() * if oauth { 4 } else { 1 }, TimeDelta::seconds(2)),
            LimitModel::Requests => (OLD_BURST, TimeDelta::seconds(2)),
            LimitModel::TokensPerMinute => (profile.tier.per_minute(), TimeDelta::minutes(1)),
        };
        Self {
            general: RollingWindow::new(limit, width),
            search: RollingWindow::new(10, TimeDelta::seconds(2)),
            writes: DailyCounter::new(profile.switches.writes_per_day, TimeDelta::zero()),
            model,
            refused: 0,
            last_refused: DateTime::<Utc>::MIN_UTC,
            blocked_until: DateTime::<Utc>::MIN_UTC,
        }
    }

    fn decide(&mut self, profile: &Profile, daily: &mut DailyCounter, call: Fare<'_>) -> Verdict {
        let now = call.now;
        if now < self.blocked_until {
            return Verdict::Blocked;
        }
        let general = !call.search || profile.switches.search_counts_as_burst;
        let weight = match self.model {
            LimitModel::TokensPerMinute => usize::try_from(call.cost).unwrap_or(usize::MAX),
            _ => 1,
        };
        let room =
            (!general || self.general.remaining(now) >= weight) && (!call.search || self.search.remaining(now) > 0);
        let day = match self.model {
            LimitModel::DailyTokens => daily.remaining(now) >= call.cost,
            LimitModel::Requests => !call.write || self.writes.remaining(now) > 0,
            LimitModel::TokensPerMinute => true,
        };
        if room && day {
            daily.spend(now, call.cost);
            if general {
                for _ in 0..weight {
                    self.general.admit(now);
                }
            }
            if call.search {
                self.search.admit(now);
            }
            return Verdict::Admitted;
        }
        // Whoever waits for the window after a 429 starts afresh; who goes on hammering is blocked in the end.
        let patient = now - self.last_refused >= TimeDelta::seconds(2);
        self.refused = if patient { 1 } else { self.refused + 1 };
        self.last_refused = now;
        let switches = &profile.switches;
        if switches.block_after > 0 && self.refused > switches.block_after {
            self.blocked_until = now + TimeDelta::seconds(switches.block_seconds);
            self.refused = 0;
            return Verdict::Blocked;
        }
        Verdict::OverLimit
    }
}
