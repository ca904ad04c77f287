//! One customer's instance: its plan, its API keys, its store, and the throttle that nobody documents.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{FaultScript, RollingWindow};
use serde::{Deserialize, Serialize};

use super::store::Store;
use super::switches::Switches;

/// The plan of an instance.
///
/// ```
/// use crmkit_nutshell::simulator::Plan;
/// assert_eq!("foundation".parse(), Ok(Plan::Foundation));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// 100 open leads, one pipeline.
    Foundation,
    /// One pipeline.
    Growth,
    /// Five pipelines of one's own.
    Pro,
    /// Ten pipelines of one's own.
    Business,
    /// No caps.
    #[default]
    Enterprise,
}

impl Plan {
    const NAMES: [(Self, &str); 5] = [
        (Self::Foundation, "foundation"),
        (Self::Growth, "growth"),
        (Self::Pro, "pro"),
        (Self::Business, "business"),
        (Self::Enterprise, "enterprise"),
    ];

    /// How many leads may be open.
    pub(super) fn open_leads(self) -> Option<usize> {
        (self == Self::Foundation).then_some(100)
    }

    /// How many pipelines can be used, the first one included.
    pub(super) fn pipelines(self) -> usize {
        match self {
            Self::Foundation | Self::Growth => 1,
            Self::Pro => 6,
            Self::Business => 11,
            Self::Enterprise => usize::MAX,
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::NAMES.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        known.map(|(plan, _)| plan).ok_or_else(|| format!("unknown plan {name}"))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(plan, _)| plan == self).map_or("", |(_, name)| name))
    }
}

/// A key of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ApiKey {
    pub(super) key: String,
    pub(super) name: String,
    /// Whether the username may be any user, who then is the author.
    pub(super) impersonation: bool,
    /// The row that stands for the key where it is the author itself.
    pub(super) user: i64,
}

/// What makes an instance: kept in dumps and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// The company's domain, unique; a username that any key takes.
    pub(super) name: String,
    pub(super) instance: i64,
    pub(super) plan: Plan,
    pub(super) switches: Switches,
    pub(super) keys: Vec<ApiKey>,
}

/// One isolated instance.
#[derive(Debug)]
pub(super) struct Company {
    profile: RwLock<Arc<Profile>>,
    pub(super) faults: FaultScript,
    store: Mutex<Store>,
    throttle: Mutex<Throttle>,
}

#[derive(Debug)]
struct Throttle {
    settings: (usize, usize, i64),
    calls: RollingWindow,
    full_finds: RollingWindow,
}

impl Throttle {
    fn new(settings: (usize, usize, i64)) -> Self {
        let width = TimeDelta::milliseconds(settings.2);
        Self {
            settings,
            calls: RollingWindow::new(settings.0, width),
            full_finds: RollingWindow::new(settings.1, width),
        }
    }
}

impl Company {
    pub(super) fn new(profile: Profile, store: Store) -> Self {
        Self {
            profile: RwLock::new(Arc::new(profile)),
            faults: FaultScript::default(),
            store: Mutex::new(store),
            throttle: Mutex::new(Throttle::new((0, 0, 0))),
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

    /// Lets a call through, or says how many seconds are left until there is room.
    pub(super) fn admit(&self, switches: &Switches, full_find: bool, now: DateTime<Utc>) -> Result<(), i64> {
        let settings = (switches.throttle_calls, switches.throttle_full_finds, switches.throttle_ms);
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if throttle.settings != settings {
            *throttle = Throttle::new(settings);
        }
        let Throttle { calls, full_finds, .. } = &mut *throttle;
        let counts = [(settings.0 > 0, calls), (settings.1 > 0 && full_find, full_finds)];
        let mut windows: Vec<&mut RollingWindow> =
            counts.into_iter().filter(|(counts, _)| *counts).map(|(_, window)| window).collect();
        let full = windows.iter_mut().find_map(|window| (window.remaining(now) == 0).then(|| window.reset_after(now)));
        match full {
            Some(wait) => Err((wait.num_milliseconds() + 999) / 1000),
            None => {
                windows.iter_mut().for_each(|window| {
                    window.admit(now);
                });
                Ok(())
            }
        }
    }
}
