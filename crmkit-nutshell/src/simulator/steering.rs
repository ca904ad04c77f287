//! How a test in another process steers the simulator: plain HTTP below `/_simulator/`.

use std::sync::Arc;
use std::time::Duration;

use crmkit_core::simulator::{Bytes, Fault, FaultScript, Request, Response, token_digest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::{ApiKey, Company, Plan, Profile};
use super::answer::Answer;
use super::seed;
use super::service::credentials_of;
use super::state::{State, dump_of};
use super::switches::Switches;
use super::{rest, rpc};

type Steered = Result<Value, (u16, String)>;

/// Answers a steering call. With an API key it concerns that instance alone, without one the whole simulator.
pub(super) fn answer(state: &State, request: &Request<Bytes>) -> Response<Bytes> {
    let (_, key) = credentials_of(request.headers());
    let company = state.by_key(&key).map(|(company, _)| company);
    if company.is_none() && !key.is_empty() {
        return Answer::json(404, json!({ "error": "no instance has this key" })).into_response();
    }
    let path = request.uri().path().trim_start_matches("/_simulator/");
    let body = request.body();
    let done = match (request.method().as_str(), path) {
        ("POST", "faults") => add_faults(state, company.as_deref(), body),
        ("GET", "faults") => Ok(json!({ "unfired": script(state, company.as_deref()).verify() })),
        ("POST", "seed") => seed(state, company.as_deref(), body),
        ("POST", "reset") => reset(state, company.as_deref()),
        ("POST", "clock") => move_clock(state, body),
        ("POST", "accounts") => open_account(state, company, body),
        ("POST", "switches") => set_switches(state, company, body),
        ("GET", "dump") => Ok(company.as_deref().map_or_else(|| state.dump(), dump_of)),
        ("GET", "requests") => Ok(requests(state, company.is_some().then_some(&key))),
        ("GET", "switches") => Ok(json!(company.map_or_else(|| state.default.clone(), profile_of).switches)),
        ("GET", "routes") => Ok(json!({
            "methods": rpc::methods(), "routes": rest::routes(), "unmodelled": state.unmodelled(),
        })),
        _ => Err((404, "no such steering call".into())),
    };
    let (status, body) = match done {
        Ok(body) => (200, body),
        Err((status, message)) => (status, json!({ "error": message })),
    };
    Answer::json(status, body).into_response()
}

fn profile_of(company: Arc<Company>) -> Profile {
    (*company.profile()).clone()
}

fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| (400, error.to_string()))
}

fn bad(message: String) -> (u16, String) {
    (400, message)
}

fn script<'a>(state: &'a State, company: Option<&'a Company>) -> &'a FaultScript {
    company.map_or(&state.faults, |company| &company.faults)
}

/// One fault or a list of them.
fn add_faults(state: &State, company: Option<&Company>, body: &[u8]) -> Steered {
    let faults: Value = read(body)?;
    let faults = if faults.is_array() { faults } else { json!([faults]) };
    let faults: Vec<Fault> = serde_json::from_value(faults).map_err(|error| bad(error.to_string()))?;
    let count = faults.len();
    faults.into_iter().for_each(|fault| script(state, company).add(fault));
    Ok(json!({ "added": count }))
}

/// A dump: of all instances, or of one store for the instance of the key.
fn seed(state: &State, company: Option<&Company>, body: &[u8]) -> Steered {
    let dump: Value = read(body)?;
    match company {
        Some(company) => {
            let store = if dump["store"].is_object() { dump["store"].clone() } else { dump };
            state.replace(&json!({ "profile": *company.profile(), "store": store })).map_err(bad)?;
        }
        None => state.load(&dump).map_err(bad)?,
    }
    Ok(json!({ "seeded": true }))
}

fn reset(state: &State, company: Option<&Company>) -> Steered {
    match company {
        Some(company) => state.open((*company.profile()).clone()).map_err(bad)?,
        None => reset_all(state).map_err(bad)?,
    }
    Ok(json!({ "reset": true }))
}

/// Back to a fresh default instance, without faults and log.
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
    /// The domain, by default a new one.
    name: Option<String>,
    key: Option<String>,
    /// What the key is called.
    key_name: Option<String>,
    impersonation: Option<bool>,
    plan: Option<Plan>,
    switches: Option<Switches>,
}

/// The first or a further key of an instance: 40 hex digits.
pub(super) fn new_key(company: &str, number: usize, name: &str, impersonation: bool) -> ApiKey {
    let digest = Sha256::digest(format!("key {number} of {company}"));
    let key = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    let user = seed::FIRST_KEY_USER + i64::try_from(number).unwrap_or(0);
    ApiKey { key, name: name.to_owned(), impersonation, user }
}

/// Opens an instance; with a key in the header, makes a further key of its instance.
fn open_account(state: &State, company: Option<Arc<Company>>, body: &[u8]) -> Steered {
    let new: NewAccount = read(body)?;
    let name = match &company {
        Some(company) => company.profile().name.clone(),
        None => new.name.unwrap_or_else(|| format!("company-{}.example", state.traffic.next_sequence())),
    };
    let number = company.as_ref().map_or(0, |company| company.profile().keys.len());
    let key_name = new.key_name.as_deref().unwrap_or("crmkit");
    let mut key = new_key(&name, number, key_name, new.impersonation.unwrap_or(true));
    key.key = new.key.unwrap_or(key.key);
    if state.by_key(&key.key).is_some() || company.is_none() && state.is_name_taken(&name) {
        return Err((409, "the key or the name is taken".into()));
    }
    let answer = json!({ "key": key.key, "username": seed::ADMIN, "name": name });
    match company {
        Some(company) => state.add_key(&company, &key).map_err(bad)?,
        None => {
            let default = &state.default;
            let profile = Profile {
                instance: instance_of(&name),
                name,
                plan: new.plan.unwrap_or(default.plan),
                switches: new.switches.unwrap_or_else(|| default.switches.clone()),
                keys: vec![key],
            };
            state.open(profile).map_err(bad)?;
        }
    }
    Ok(answer)
}

/// The instance id of a company.
pub(super) fn instance_of(name: &str) -> i64 {
    let digest = Sha256::digest(name);
    digest.iter().take(3).fold(300_000, |id, byte| id + i64::from(*byte) * 257)
}

/// Changes the switches that are named, of the instance of the key, else of the default one.
fn set_switches(state: &State, company: Option<Arc<Company>>, body: &[u8]) -> Steered {
    let change: Value = read(body)?;
    let company = company.or_else(|| state.default_company());
    let company = company.ok_or((404, "there is no default instance".to_owned()))?;
    let mut switches = json!(company.profile().switches);
    for (name, value) in change.as_object().into_iter().flatten() {
        switches[name] = value.clone();
    }
    let switches: Switches = serde_json::from_value(switches).map_err(|error| bad(error.to_string()))?;
    state.change(&company, |profile| profile.switches = switches.clone()).map_err(bad)?;
    Ok(json!(switches))
}

fn requests(state: &State, key: Option<&String>) -> Value {
    let digest = key.map(|key| token_digest(key));
    let mut requests = state.traffic.requests();
    requests.retain(|request| digest.as_ref().is_none_or(|digest| request.account == *digest));
    json!({ "count": state.traffic.count(), "requests": requests })
}
