//! A workspace with its API keys and its limits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use crmkit_core::simulator::FaultScript;
use serde::{Deserialize, Serialize};

use super::bucket::{Buckets, Refusal};
use super::store::Store;
use super::switches::{Switches, Version};

/// An API key and what its role may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) token: String,
    pub(super) name: String,
    /// May write records.
    pub(super) write: bool,
    /// May change objects and fields.
    pub(super) data_model: bool,
    /// May upload files.
    pub(super) upload: bool,
}

/// What makes a workspace: kept in dumps and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// Unique.
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) switches: Switches,
    pub(super) limits: bool,
    pub(super) keys: Vec<Key>,
}

impl Profile {
    pub(super) fn key(&self, token: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.token == token)
    }
}

/// One isolated workspace.
#[derive(Debug)]
pub(super) struct Workspace {
    profile: RwLock<Arc<Profile>>,
    pub(super) id: String,
    pub(super) faults: FaultScript,
    store: Mutex<Store>,
    buckets: Mutex<Buckets>,
}

fn buckets(profile: &Profile) -> Buckets {
    let switches = &profile.switches;
    if profile.limits {
        Buckets::new(switches.calls, switches.calls_window_ms, switches.burst)
    } else {
        Buckets::default()
    }
}

impl Workspace {
    pub(super) fn new(profile: Profile, store: Store) -> Self {
        Self {
            id: super::random::fixed_id(&format!("workspace {}", profile.name)),
            buckets: Mutex::new(buckets(&profile)),
            profile: RwLock::new(Arc::new(profile)),
            faults: FaultScript::default(),
            store: Mutex::new(store),
        }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn profile(&self) -> Arc<Profile> {
        self.profile.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the profile for all calls that follow; changed limits start with full buckets.
    pub(super) fn change_profile(&self, change: impl FnOnce(&mut Profile)) {
        let mut profile = self.profile.write().unwrap_or_else(PoisonError::into_inner);
        let limits = |profile: &Profile| {
            let switches = &profile.switches;
            (profile.limits, switches.calls, switches.calls_window_ms, switches.burst)
        };
        let before = limits(&profile);
        change(Arc::make_mut(&mut profile));
        if limits(&profile) != before {
            *self.buckets.lock().unwrap_or_else(PoisonError::into_inner) = buckets(&profile);
        }
    }

    /// Takes one call from the limits.
    pub(super) fn admit(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).admit(now)
    }
}
