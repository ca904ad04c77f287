//! All workspaces of one simulator, and what it is steered by.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crmkit_core::{
    Clock,
    simulator::{FaultScript, SteeredClock, Traffic},
};
use serde_json::{Value, json};

use super::{
    seed,
    switches::Switches,
    workspace::{ApiKey, Profile, Tables, Workspace},
};

/// Everything one simulator knows.
#[derive(Debug)]
pub(super) struct State {
    workspaces: Mutex<Vec<Arc<Workspace>>>,
    pub(super) switches: Switches,
    pub(super) faults: FaultScript,
    pub(super) traffic: Traffic,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steered: Option<SteeredClock>,
    unmodelled: Mutex<BTreeSet<String>>,
}

impl State {
    pub(super) fn new(
        switches: Switches,
        traffic: Traffic,
        clock: Arc<dyn Clock>,
        steered: Option<SteeredClock>,
    ) -> Self {
        let state = Self {
            workspaces: Mutex::default(),
            switches,
            faults: FaultScript::default(),
            traffic,
            clock,
            steered,
            unmodelled: Mutex::default(),
        };
        state.fresh();
        state
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Workspace>>> {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the default workspace alone.
    pub(super) fn fresh(&self) {
        let profile = seed::profile(self.switches.clone());
        *self.lock() = vec![Arc::new(Workspace::new(profile, seed::tables()))];
    }

    pub(super) fn default_workspace(&self) -> Option<Arc<Workspace>> {
        self.lock().first().cloned()
    }

    pub(super) fn by_key(&self, key: &str) -> Option<(Arc<Workspace>, ApiKey)> {
        self.lock().iter().find_map(|workspace| {
            let known = workspace.profile().keys.iter().find(|known| known.key == key).cloned()?;
            Some((workspace.clone(), known))
        })
    }

    /// Adds a workspace, or replaces the one of its name.
    pub(super) fn open(&self, profile: Profile, tables: Tables) {
        let mut workspaces = self.lock();
        let known = workspaces.iter().position(|workspace| workspace.profile().name == profile.name);
        let workspace = Arc::new(Workspace::new(profile, tables));
        match known {
            Some(at) => workspaces[at] = workspace,
            None => workspaces.push(workspace),
        }
    }

    pub(super) fn dump(&self) -> Value {
        json!({ "workspaces": self.lock().iter().map(|workspace| workspace.dump()).collect::<Vec<_>>() })
    }

    pub(super) fn load(&self, dump: &Value) -> Result<(), String> {
        let workspaces = dump["workspaces"].as_array().ok_or("a dump has `workspaces`")?;
        let read = |workspace: &Value| -> Result<Arc<Workspace>, String> {
            let profile = serde_json::from_value(workspace["profile"].clone()).map_err(|error| error.to_string())?;
            Ok(Arc::new(Workspace::new(profile, Tables::load(&workspace["tables"])?)))
        };
        let workspaces = workspaces.iter().map(read).collect::<Result<_, _>>()?;
        *self.lock() = workspaces;
        Ok(())
    }

    /// Remembers a route that was asked for and is not modelled.
    pub(super) fn note_unmodelled(&self, what: String) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
    }

    pub(super) fn unmodelled(&self) -> Vec<String> {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn forget_unmodelled(&self) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
