//! What of the simulator can be steered from another process.

use std::sync::Arc;

use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::ROUTES;
use super::seed;
use super::service::token_of;
use super::state::{State, dump_of};
use super::switches::{Switches, Version};
use super::workspace::{Key, Profile, Workspace};

impl Steered for State {
    type Account = Arc<Workspace>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Arc<Workspace>, String)>, String> {
        let token = token_of(headers).unwrap_or_default();
        if token.is_empty() {
            return Ok(None);
        }
        let workspace = self.by_token(&token).ok_or("no workspace has this token")?;
        Ok(Some((workspace, token)))
    }

    fn default_account(&self) -> Option<Arc<Workspace>> {
        self.default()
    }

    fn faults<'a>(&'a self, workspace: Option<&'a Arc<Workspace>>) -> &'a FaultScript {
        workspace.map_or(&self.faults, |workspace| &workspace.faults)
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn clock(&self) -> (Option<&SteeredClock>, chrono::DateTime<chrono::Utc>) {
        (self.steered.as_ref(), self.clock.now())
    }

    fn seed(&self, workspace: Option<&Arc<Workspace>>, dump: Value) -> Result<(), String> {
        let Some(workspace) = workspace else { return self.load(&dump) };
        let store = if dump["store"].is_object() { dump["store"].clone() } else { dump };
        self.replace(&json!({ "profile": *workspace.profile(), "store": store }))
    }

    fn reset(&self, workspace: Option<&Arc<Workspace>>) -> Result<(), String> {
        match workspace {
            Some(workspace) => self.open((*workspace.profile()).clone()),
            None => reset_all(self),
        }
    }

    fn open(&self, workspace: Option<Arc<Workspace>>, wanted: Value) -> Steering {
        open_account(self, workspace, wanted)
    }

    fn switches(&self, workspace: Option<&Arc<Workspace>>) -> Value {
        workspace.map_or_else(|| json!(self.default.switches), |workspace| json!(workspace.profile().switches))
    }

    fn set_switches(&self, workspace: &Arc<Workspace>, switches: Value) -> Result<(), String> {
        let switches: Switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
        self.change(workspace, |profile| profile.switches = switches)
    }

    fn dump(&self, workspace: Option<&Arc<Workspace>>) -> Value {
        workspace.map_or_else(|| self.dump(), |workspace| dump_of(workspace))
    }

    fn routes(&self) -> Value {
        json!({ "routes": ROUTES, "unmodelled": self.unmodelled() })
    }
}

/// Back to a fresh default workspace, without faults and log.
pub(super) fn reset_all(state: &State) -> Result<(), String> {
    state.faults.clear();
    state.traffic.clear();
    state.forget_unmodelled();
    state.reset()
}

fn bad(message: String) -> (u16, String) {
    (400, message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// The workspace, by default a new one; with a token in the header, a further key of that workspace.
    name: Option<String>,
    token: Option<String>,
    /// The name of the key.
    key: Option<String>,
    write: Option<bool>,
    data_model: Option<bool>,
    upload: Option<bool>,
    version: Option<String>,
    limits: Option<bool>,
    switches: Option<Switches>,
}

fn open_account(state: &State, workspace: Option<Arc<Workspace>>, wanted: Value) -> Steering {
    let new: NewAccount = serde_json::from_value(wanted).map_err(|error| bad(error.to_string()))?;
    let name = match (&workspace, new.name) {
        (Some(workspace), _) => workspace.profile().name.clone(),
        (None, Some(name)) => name,
        (None, None) => format!("workspace-{}", state.traffic.next_sequence()),
    };
    let key_name = new.key.unwrap_or_else(|| "Migration".into());
    let key = Key {
        token: new.token.unwrap_or_else(|| seed::token_for(&name, &key_name)),
        name: key_name,
        write: new.write.unwrap_or(true),
        data_model: new.data_model.unwrap_or(true),
        upload: new.upload.unwrap_or(true),
    };
    let token = key.token.clone();
    if state.by_token(&token).is_some() {
        return Err((409, "the token is taken".into()));
    }
    match workspace {
        Some(workspace) => state.change(&workspace, |profile| profile.keys.push(key)).map_err(bad)?,
        None => {
            let version: Option<Version> = new.version.map(|version| version.parse()).transpose().map_err(bad)?;
            let default = &state.default;
            let usual = version.map_or_else(|| default.switches.clone(), Switches::of);
            let profile = Profile {
                name: name.clone(),
                version: version.unwrap_or(default.version),
                switches: new.switches.unwrap_or(usual),
                limits: new.limits.unwrap_or(default.limits),
                keys: vec![key],
            };
            state.open(profile).map_err(bad)?;
        }
    }
    Ok(json!({ "token": token, "name": name }))
}
