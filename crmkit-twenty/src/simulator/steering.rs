//! How a test in another process steers the simulator: plain HTTP below `/_simulator/`.

use std::sync::Arc;
use std::time::Duration;

use crmkit_core::simulator::{Bytes, Fault, FaultScript, Request, Response, token_digest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::json_response;
use super::routes::ROUTES;
use super::seed;
use super::service::token_of;
use super::state::{State, dump_of};
use super::switches::{Switches, Version};
use super::workspace::{Key, Profile, Workspace};

type Steered = Result<Value, (u16, String)>;

/// Answers a steering call. With a token it concerns that workspace alone, without one the whole simulator.
pub(super) fn answer(state: &State, request: &Request<Bytes>) -> Response<Bytes> {
    let token = token_of(request.headers()).unwrap_or_default();
    let workspace = state.by_token(&token);
    if workspace.is_none() && !token.is_empty() {
        return json_response(404, &json!({ "error": "no workspace has this token" }));
    }
    let path = request.uri().path().trim_start_matches("/_simulator/");
    let body = request.body();
    let done = match (request.method().as_str(), path) {
        ("POST", "faults") => add_faults(state, workspace.as_deref(), body),
        ("GET", "faults") => Ok(json!({ "unfired": script(state, workspace.as_deref()).verify() })),
        ("POST", "seed") => seed(state, workspace.as_deref(), body),
        ("POST", "reset") => reset(state, workspace.as_deref()),
        ("POST", "clock") => move_clock(state, body),
        ("POST", "accounts") => open_account(state, workspace, body),
        ("POST", "switches") => set_switches(state, workspace, body),
        ("GET", "dump") => Ok(workspace.as_deref().map_or_else(|| state.dump(), dump_of)),
        ("GET", "requests") => Ok(requests(state, workspace.is_some().then_some(&token))),
        ("GET", "switches") => {
            let profile = workspace.map_or_else(|| state.default.clone(), |workspace| (*workspace.profile()).clone());
            Ok(json!(profile.switches))
        }
        ("GET", "routes") => Ok(json!({ "routes": ROUTES, "unmodelled": state.unmodelled() })),
        _ => Err((404, "no such steering call".into())),
    };
    match done {
        Ok(body) => json_response(200, &body),
        Err((status, message)) => json_response(status, &json!({ "error": message })),
    }
}

fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| (400, error.to_string()))
}

fn bad(message: String) -> (u16, String) {
    (400, message)
}

fn script<'a>(state: &'a State, workspace: Option<&'a Workspace>) -> &'a FaultScript {
    workspace.map_or(&state.faults, |workspace| &workspace.faults)
}

/// One fault or a list of them.
fn add_faults(state: &State, workspace: Option<&Workspace>, body: &[u8]) -> Steered {
    let faults: Value = read(body)?;
    let faults = if faults.is_array() { faults } else { json!([faults]) };
    let faults: Vec<Fault> = serde_json::from_value(faults).map_err(|error| bad(error.to_string()))?;
    let count = faults.len();
    faults.into_iter().for_each(|fault| script(state, workspace).add(fault));
    Ok(json!({ "added": count }))
}

/// A dump: of all workspaces, or of one for the workspace of the token.
fn seed(state: &State, workspace: Option<&Workspace>, body: &[u8]) -> Steered {
    let dump: Value = read(body)?;
    match workspace {
        Some(workspace) => {
            let store = if dump["store"].is_object() { dump["store"].clone() } else { dump };
            state.replace(&json!({ "profile": *workspace.profile(), "store": store })).map_err(bad)?;
        }
        None => state.load(&dump).map_err(bad)?,
    }
    Ok(json!({ "seeded": true }))
}

fn reset(state: &State, workspace: Option<&Workspace>) -> Steered {
    match workspace {
        Some(workspace) => state.open((*workspace.profile()).clone()).map_err(bad)?,
        None => reset_all(state).map_err(bad)?,
    }
    Ok(json!({ "reset": true }))
}

/// Back to a fresh default workspace, without faults and log.
pub(super) fn reset_all(state: &State) -> Result<(), String> {
    state.faults.clear();
    state.traffic.clear();
    state.forget_unmodelled();
    state.reset()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_ms: Option<u64>,
    set: Option<chrono::DateTime<chrono::Utc>>,
}

fn move_clock(state: &State, body: &[u8]) -> Steered {
    let ClockMove { advance_ms, set } = read(body)?;
    let Some(clock) = &state.steered else {
        return Err((409, "the simulator runs on a clock of its host".into()));
    };
    if let Some(ms) = advance_ms {
        clock.advance(Duration::from_millis(ms));
    }
    if set.is_some_and(|when| !clock.set(when)) {
        return Err((409, "time does not go backwards".into()));
    }
    Ok(json!({ "now": state.clock.now() }))
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

fn open_account(state: &State, workspace: Option<Arc<Workspace>>, body: &[u8]) -> Steered {
    let new: NewAccount = read(body)?;
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

/// Changes the switches that are named, of the workspace of the token, else of the default one.
fn set_switches(state: &State, workspace: Option<Arc<Workspace>>, body: &[u8]) -> Steered {
    let change: Value = read(body)?;
    let workspace = workspace.or_else(|| state.default());
    let workspace = workspace.ok_or((404, "there is no default workspace".to_owned()))?;
    let mut switches = json!(workspace.profile().switches);
    for (name, value) in change.as_object().into_iter().flatten() {
        switches[name] = value.clone();
    }
    let switches: Switches = serde_json::from_value(switches).map_err(|error| bad(error.to_string()))?;
    state.change(&workspace, |profile| profile.switches = switches.clone()).map_err(bad)?;
    Ok(json!(switches))
}

fn requests(state: &State, token: Option<&String>) -> Value {
    let digest = token.map(|token| token_digest(token));
    let mut requests = state.traffic.requests();
    requests.retain(|request| digest.as_ref().is_none_or(|digest| request.account == *digest));
    json!({ "count": state.traffic.count(), "requests": requests })
}
