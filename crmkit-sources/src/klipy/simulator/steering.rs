//! What of the simulator can be steered from another process.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    routes, seed,
    service::key_of,
    state::State,
    switches::Switches,
    workspace::{ApiKey, Profile, Tables, Workspace},
};

impl Steered for State {
    type Account = Arc<Workspace>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Arc<Workspace>, String)>, String> {
        let key = key_of(headers);
        if key.is_empty() {
            return Ok(None);
        }
        let (workspace, _) = self.by_key(&key).ok_or("no workspace has this key")?;
        Ok(Some((workspace, key)))
    }

    fn default_account(&self) -> Option<Arc<Workspace>> {
        self.default_workspace()
    }

    fn faults<'a>(&'a self, workspace: Option<&'a Arc<Workspace>>) -> &'a FaultScript {
        workspace.map_or(&self.faults, |workspace| &workspace.faults)
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn clock(&self) -> (Option<&SteeredClock>, DateTime<Utc>) {
        (self.steered.as_ref(), self.clock.now())
    }

    fn seed(&self, workspace: Option<&Arc<Workspace>>, dump: Value) -> Result<(), String> {
        let Some(workspace) = workspace else { return self.load(&dump) };
        let tables = if dump["tables"].is_object() { &dump["tables"] } else { &dump };
        *workspace.tables() = Tables::load(tables)?;
        Ok(())
    }

    fn reset(&self, workspace: Option<&Arc<Workspace>>) -> Result<(), String> {
        match workspace {
            Some(workspace) => *workspace.tables() = Tables::default(),
            None => {
                self.faults.clear();
                self.traffic.clear();
                self.forget_unmodelled();
                self.fresh();
            }
        }
        Ok(())
    }

    fn open(&self, workspace: Option<Arc<Workspace>>, wanted: Value) -> Steering {
        let new: NewAccount = serde_json::from_value(wanted).map_err(|error| (400, error.to_string()))?;
        let number = self.traffic.next_sequence();
        let key = new.key.unwrap_or_else(|| format!("{}{number:024}", seed::PREFIX));
        if self.by_key(&key).is_some() {
            return Err((409, "the key is taken".to_owned()));
        }
        let key = ApiKey { key, scopes: new.scopes.unwrap_or_else(|| vec!["ALL".to_owned()]), expires_at: None };
        let answer = |name: &str| json!({ "key": key.key, "name": name });
        if let Some(workspace) = workspace {
            let mut profile = workspace.profile();
            profile.keys.push(key.clone());
            return Ok(answer(&profile.name));
        }
        let name = new.name.unwrap_or_else(|| format!("Workspace {number}"));
        let switches = new.switches.unwrap_or_else(|| self.switches.clone());
        self.open(Profile { name: name.clone(), keys: vec![key.clone()], switches }, Tables::default());
        Ok(answer(&name))
    }

    fn switches(&self, workspace: Option<&Arc<Workspace>>) -> Value {
        workspace.map_or_else(|| json!(self.switches), |workspace| json!(workspace.profile().switches))
    }

    fn set_switches(&self, workspace: &Arc<Workspace>, switches: Value) -> Result<(), String> {
        workspace.profile().switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn dump(&self, workspace: Option<&Arc<Workspace>>) -> Value {
        workspace.map_or_else(|| self.dump(), |workspace| workspace.dump())
    }

    fn routes(&self) -> Value {
        json!({ "routes": routes::names(), "unmodelled": self.unmodelled() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: Option<String>,
    key: Option<String>,
    scopes: Option<Vec<String>>,
    switches: Option<Switches>,
}
