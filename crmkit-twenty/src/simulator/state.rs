//! All workspaces of one simulator with their keys, and how they are saved and loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crmkit_core::Clock;
use crmkit_core::simulator::{DropEvery, FaultScript, Journal, SteeredClock, Traffic};
use serde_json::{Value, json};

use super::seed;
use super::store::Store;
use super::workspace::{Profile, Workspace};

/// What the server and the handle share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steered: Option<SteeredClock>,
    /// The default workspace as it is after a reset.
    pub(super) default: Profile,
    pub(super) faults: FaultScript,
    pub(super) drop_every: DropEvery,
    pub(super) traffic: Traffic,
    unmodelled: Mutex<BTreeSet<String>>,
    workspaces: RwLock<Workspaces>,
    journal: Option<Journal>,
}

#[derive(Debug, Default)]
struct Workspaces {
    by_name: BTreeMap<String, Arc<Workspace>>,
    by_token: HashMap<String, Arc<Workspace>>,
}

impl Workspaces {
    fn insert(&mut self, workspace: Arc<Workspace>) {
        let profile = workspace.profile();
        self.by_token.retain(|_, known| known.profile().name != profile.name);
        for key in &profile.keys {
            self.by_token.insert(key.token.clone(), workspace.clone());
        }
        self.by_name.insert(profile.name.clone(), workspace);
    }
}

impl State {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        steered: Option<SteeredClock>,
        default: Profile,
        traffic: Traffic,
        drop_every: u64,
        journal: Option<Journal>,
    ) -> Self {
        Self {
            clock,
            steered,
            default,
            faults: FaultScript::default(),
            drop_every: DropEvery::new(drop_every),
            traffic,
            unmodelled: Mutex::default(),
            workspaces: RwLock::default(),
            journal,
        }
    }

    pub(super) fn by_token(&self, token: &str) -> Option<Arc<Workspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).by_token.get(token).cloned()
    }

    fn by_name(&self, name: &str) -> Option<Arc<Workspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Workspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect()
    }

    /// The default workspace.
    pub(super) fn default(&self) -> Option<Arc<Workspace>> {
        self.by_name(&self.default.name)
    }

    /// Puts a workspace in place, instead of the one of the same name.
    fn insert(&self, profile: Profile, mut store: Store) {
        if self.journal.is_some() {
            store.journal();
        }
        let workspace = Arc::new(Workspace::new(profile, store));
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(workspace);
    }

    /// Opens a workspace with a fresh store.
    pub(super) fn open(&self, profile: Profile) -> Result<(), String> {
        let store = seed::fresh(&profile.name, profile.version, self.clock.now());
        let entry = json!({ "workspace": { "profile": profile, "store": store.dump() } });
        self.insert(profile, store);
        self.record(&entry)
    }

    /// Changes a workspace's profile for good.
    pub(super) fn change(&self, workspace: &Arc<Workspace>, change: impl FnOnce(&mut Profile)) -> Result<(), String> {
        workspace.change_profile(change);
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(workspace.clone());
        self.record(&json!({ "profile": *workspace.profile() }))
    }

    /// Forgets all workspaces but a fresh default one.
    pub(super) fn reset(&self) -> Result<(), String> {
        *self.workspaces.write().unwrap_or_else(PoisonError::into_inner) = Workspaces::default();
        let store = seed::fresh(&self.default.name, self.default.version, self.clock.now());
        self.insert(self.default.clone(), store);
        self.record(&json!({ "state": self.dump() }))
    }

    pub(super) fn dump(&self) -> Value {
        json!({ "workspaces": self.all().iter().map(|workspace| dump_of(workspace)).collect::<Vec<_>>() })
    }

    /// Replaces all workspaces by those of a dump.
    pub(super) fn load(&self, dump: &Value) -> Result<(), String> {
        self.restore(dump)?;
        self.record(&json!({ "state": self.dump() }))
    }

    /// Replaces one workspace by what a dump says of it.
    pub(super) fn replace(&self, workspace: &Value) -> Result<(), String> {
        self.restore_one(workspace)?;
        self.record(&json!({ "workspace": workspace }))
    }

    fn restore(&self, dump: &Value) -> Result<(), String> {
        let workspaces = dump["workspaces"].as_array().ok_or("a dump has workspaces")?;
        *self.workspaces.write().unwrap_or_else(PoisonError::into_inner) = Workspaces::default();
        workspaces.iter().try_for_each(|workspace| self.restore_one(workspace))
    }

    fn restore_one(&self, workspace: &Value) -> Result<(), String> {
        let profile = serde_json::from_value(workspace["profile"].clone()).map_err(|error| error.to_string())?;
        self.insert(profile, Store::load(&workspace["store"])?);
        Ok(())
    }

    /// Applies the entries of a journal.
    pub(super) fn replay(&self, entries: &[Value]) -> Result<(), String> {
        let known = |name: &str| self.by_name(name).ok_or("the journal names an unknown workspace");
        for entry in entries {
            if entry["state"].is_object() {
                self.restore(&entry["state"])?;
            } else if entry["workspace"].is_object() {
                self.restore_one(&entry["workspace"])?;
            } else if entry["profile"].is_object() {
                let profile: Profile =
                    serde_json::from_value(entry["profile"].clone()).map_err(|error| error.to_string())?;
                let workspace = known(&profile.name)?;
                workspace.change_profile(|changed| *changed = profile);
                self.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(workspace);
            } else {
                known(entry["of"].as_str().unwrap_or_default())?.store().replay(&entry["call"])?;
            }
        }
        Ok(())
    }

    /// Writes what one call changed to the journal, while its store is locked, and makes it final.
    pub(super) fn settle(&self, workspace: &str, store: &mut Store) -> Result<(), String> {
        store.settle();
        match (&self.journal, store.take_changes()) {
            (Some(_), Some(call)) => self.record(&json!({ "of": workspace, "call": call })),
            _ => Ok(()),
        }
    }

    fn record(&self, entry: &Value) -> Result<(), String> {
        match &self.journal {
            Some(journal) => journal.append(entry).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Remembers a route that was asked for and is not modelled.
    pub(super) fn note_unmodelled(&self, route: &str) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).insert(route.to_owned());
    }

    pub(super) fn unmodelled(&self) -> Vec<String> {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn forget_unmodelled(&self) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One workspace as a dump holds it.
pub(super) fn dump_of(workspace: &Workspace) -> Value {
    json!({ "profile": *workspace.profile(), "store": workspace.store().dump() })
}
