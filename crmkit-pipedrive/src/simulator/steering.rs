//! How a test in another process steers the simulator: plain HTTP below `/_simulator/`.

use std::sync::Arc;
use std::time::Duration;

use crmkit_core::simulator::{Bytes, Fault, FaultScript, Request, Response, token_digest};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::{Company, Profile, Tier};
use super::endpoints;
use super::service::{json_response, token_of};
use super::state::{State, dump_of};
use super::switches::Switches;

type Steered = Result<Value, (u16, String)>;

/// Answers a steering call. With a token it concerns that company alone, without one the whole simulator.
pub(super) fn answer(state: &State, request: &Request<Bytes>) -> Response<Bytes> {
    let (token, _) = token_of(request.headers());
    let company = state.by_token(&token).map(|(company, _)| company);
    if company.is_none() && !token.is_empty() {
        return json_response(404, &json!({ "error": "no company has this token" }));
    }
    let path = request.uri().path().trim_start_matches("/_simulator/");
    let body = request.body();
    let done = match (request.method().as_str(), path) {
        ("POST", "faults") => add_faults(state, company.as_deref(), body),
        ("GET", "faults") => Ok(json!({ "unfired": unfired(state, company.as_deref()) })),
        ("POST", "seed") => seed(state, company.as_deref(), body),
        ("POST", "reset") => reset(state, company.as_deref()),
        ("POST", "clock") => move_clock(state, body),
        ("POST", "accounts") => open_account(state, company, body),
        ("POST", "switches") => set_switches(state, company, body),
        ("GET", "dump") => Ok(company.as_deref().map_or_else(|| state.dump(), dump_of)),
        ("GET", "requests") => Ok(requests(state, company.is_some().then_some(&token))),
        ("GET", "switches") => Ok(json!(company.map_or_else(|| state.default.clone(), profile_of).switches)),
        ("GET", "routes") => Ok(json!({ "routes": endpoints::all(), "unmodelled": state.unmodelled() })),
        _ => Err((404, "no such steering call".into())),
    };
    match done {
        Ok(body) => json_response(200, &body),
        Err((status, message)) => json_response(status, &json!({ "error": message })),
    }
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

fn unfired(state: &State, company: Option<&Company>) -> Vec<Fault> {
    script(state, company).verify()
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

/// A dump: of all companies, or of one store for the company of the token.
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

/// Back to a fresh default company, without faults and log.
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
    /// The company, by default a new one; with a token in the header, a further token of that company.
    name: Option<String>,
    token: Option<String>,
    user_id: Option<i64>,
    tier: Option<Tier>,
    seats: Option<u32>,
    limits: Option<bool>,
    switches: Option<Switches>,
}

/// The token of a company's user.
pub(super) fn token_for(company: &str, user: i64) -> String {
    let digest = Sha256::digest(format!("token of {user} at {company}"));
    digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

fn open_account(state: &State, company: Option<Arc<Company>>, body: &[u8]) -> Steered {
    let new: NewAccount = read(body)?;
    let user = new.user_id.unwrap_or(1);
    if let Some(company) = company {
        let name = company.profile().name.clone();
        let token = new.token.unwrap_or_else(|| token_for(&name, user));
        state.change(&company, |profile| profile.tokens.push((token.clone(), user))).map_err(bad)?;
        return Ok(json!({ "token": token, "name": name }));
    }
    let name = new.name.unwrap_or_else(|| format!("company-{}", state.traffic.next_sequence()));
    let token = new.token.unwrap_or_else(|| token_for(&name, user));
    if state.by_token(&token).is_some() {
        return Err((409, "the token is taken".into()));
    }
    let default = &state.default;
    let profile = Profile {
        name: name.clone(),
        tier: new.tier.unwrap_or(default.tier),
        seats: new.seats.unwrap_or(default.seats),
        limits: new.limits.unwrap_or(default.limits),
        switches: new.switches.unwrap_or_else(|| default.switches.clone()),
        tokens: vec![(token.clone(), user)],
    };
    state.open(profile).map_err(bad)?;
    Ok(json!({ "token": token, "name": name }))
}

/// Changes the switches that are named, of the company of the token, else of the default one.
fn set_switches(state: &State, company: Option<Arc<Company>>, body: &[u8]) -> Steered {
    let change: Value = read(body)?;
    let default = || state.default.tokens.first().and_then(|(token, _)| state.by_token(token));
    let company = company.or_else(|| default().map(|(company, _)| company));
    let company = company.ok_or((404, "there is no default company".to_owned()))?;
    let mut switches = json!(company.profile().switches);
    for (name, value) in change.as_object().into_iter().flatten() {
        switches[name] = value.clone();
    }
    let switches: Switches = serde_json::from_value(switches).map_err(|error| bad(error.to_string()))?;
    state.change(&company, |profile| profile.switches = switches.clone()).map_err(bad)?;
    Ok(json!(switches))
}

fn requests(state: &State, token: Option<&String>) -> Value {
    let digest = token.map(|token| token_digest(token));
    let mut requests = state.traffic.requests();
    requests.retain(|request| digest.as_ref().is_none_or(|digest| request.account == *digest));
    json!({ "count": state.traffic.count(), "requests": requests })
}
