//! How a test in another process steers a simulator: plain HTTP below `/_simulator/`, the same for every CRM.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Bytes, Fault, FaultScript, SteeredClock, Traffic, token_digest};

/// The answer to a steering call, or the status and message of its refusal.
pub type Steering = Result<Value, (u16, String)>;

/// What of a simulator can be steered. A call with credentials concerns their account alone, one without the whole simulator.
///
/// | call | what it does |
/// |---|---|
/// | `POST faults` | adds one fault or a list of them |
/// | `GET faults` | the scripted faults that never fired |
/// | `POST seed` | replaces everything by a dump, or the account by its part of one |
/// | `POST reset` | everything, or the account, is fresh again |
/// | `POST clock` | `{"advance_ms": 5000}` or `{"set": "2026-01-01T00:00:00Z"}` |
/// | `POST accounts` | opens an account, or adds credentials to the one there is |
/// | `GET`, `POST switches` | what the vendor's documents leave open; named switches are changed |
/// | `GET dump`, `GET requests`, `GET routes` | what is stored, what was asked, what is modelled |
pub trait Steered {
    /// One account: what the CRM calls company, workspace or instance.
    type Account;

    /// The account that the credentials of a request name, with its token; `None` without credentials.
    ///
    /// # Errors
    /// No account has them, in words.
    fn account(&self, headers: &HeaderMap) -> Result<Option<(Self::Account, String)>, String>;

    /// The account that is there without anybody's doing, unless a seed left it out.
    fn default_account(&self) -> Option<Self::Account>;

    /// The faults of an account, or of all.
    fn faults<'a>(&'a self, account: Option<&'a Self::Account>) -> &'a FaultScript;

    /// The log of requests.
    fn traffic(&self) -> &Traffic;

    /// The clock, where it can be moved, and the time.
    fn clock(&self) -> (Option<&SteeredClock>, DateTime<Utc>);

    /// Replaces everything by a dump, or an account by its part of one.
    ///
    /// # Errors
    /// What is wrong with the dump.
    fn seed(&self, account: Option<&Self::Account>, dump: Value) -> Result<(), String>;

    /// Makes everything or an account fresh again.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn reset(&self, account: Option<&Self::Account>) -> Result<(), String>;

    /// Opens an account, or adds credentials to one.
    ///
    /// # Errors
    /// A status and a message.
    fn open(&self, account: Option<Self::Account>, wanted: Value) -> Steering;

    /// The switches of an account, or those that new accounts have.
    fn switches(&self, account: Option<&Self::Account>) -> Value;

    /// Sets all switches of an account.
    ///
    /// # Errors
    /// An unknown switch or a value that it does not take.
    fn set_switches(&self, account: &Self::Account, switches: Value) -> Result<(), String>;

    /// Everything that is stored, or an account's part.
    fn dump(&self, account: Option<&Self::Account>) -> Value;

    /// What is modelled, and what was asked for and is not.
    fn routes(&self) -> Value;
}

/// Answers a request below `/_simulator/`.
pub fn steer<S: Steered>(simulator: &S, request: &Request<Bytes>) -> Response<Bytes> {
    match answer(simulator, request) {
        Ok(body) => json_response(200, &body),
        Err((status, message)) => json_response(status, &json!({ "error": message })),
    }
}

/// An answer with a JSON body.
pub fn json_response(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn answer<S: Steered>(simulator: &S, request: &Request<Bytes>) -> Steering {
    let (account, token) = match simulator.account(request.headers()).map_err(|message| (404, message))? {
        Some((account, token)) => (Some(account), Some(token)),
        None => (None, None),
    };
    let path = request.uri().path().trim_start_matches("/_simulator/");
    let (body, account_ref) = (request.body(), account.as_ref());
    match (request.method().as_str(), path) {
        ("POST", "faults") => add_faults(simulator.faults(account_ref), body),
        ("GET", "faults") => Ok(json!({ "unfired": simulator.faults(account_ref).verify() })),
        ("POST", "seed") => {
            simulator.seed(account_ref, read(body)?).map_err(bad)?;
            Ok(json!({ "seeded": true }))
        }
        ("POST", "reset") => {
            simulator.reset(account_ref).map_err(bad)?;
            Ok(json!({ "reset": true }))
        }
        ("POST", "clock") => move_clock(simulator, body),
        ("POST", "accounts") => simulator.open(account, read(body)?),
        ("GET", "switches") => Ok(simulator.switches(account_ref)),
        ("POST", "switches") => change_switches(simulator, account, read(body)?),
        ("GET", "dump") => Ok(simulator.dump(account_ref)),
        ("GET", "requests") => Ok(requests(simulator.traffic(), token.as_deref())),
        ("GET", "routes") => Ok(simulator.routes()),
        _ => Err((404, "no such steering call".to_owned())),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| bad(error.to_string()))
}

fn bad(message: String) -> (u16, String) {
    (400, message)
}

/// One fault or a list of them.
fn add_faults(script: &FaultScript, body: &[u8]) -> Steering {
    let faults: Value = read(body)?;
    let faults = if faults.is_array() { faults } else { json!([faults]) };
    let faults: Vec<Fault> = serde_json::from_value(faults).map_err(|error| bad(error.to_string()))?;
    let count = faults.len();
    faults.into_iter().for_each(|fault| script.add(fault));
    Ok(json!({ "added": count }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_ms: Option<u64>,
    set: Option<DateTime<Utc>>,
}

fn move_clock<S: Steered>(simulator: &S, body: &[u8]) -> Steering {
    let ClockMove { advance_ms, set } = read(body)?;
    let (Some(clock), _) = simulator.clock() else {
        return Err((409, "the simulator runs on a clock of its host".to_owned()));
    };
    if let Some(ms) = advance_ms {
        clock.advance(Duration::from_millis(ms));
    }
    if set.is_some_and(|when| !clock.set(when)) {
        return Err((409, "time does not go backwards".to_owned()));
    }
    Ok(json!({ "now": simulator.clock().1 }))
}

/// Changes the switches that are named, of the account of the credentials, else of the default one.
fn change_switches<S: Steered>(simulator: &S, account: Option<S::Account>, change: Value) -> Steering {
    let account = account.or_else(|| simulator.default_account());
    let account = account.ok_or((404, "there is no default account".to_owned()))?;
    let mut switches = simulator.switches(Some(&account));
    for (name, value) in change.as_object().into_iter().flatten() {
        switches[name] = value.clone();
    }
    simulator.set_switches(&account, switches).map_err(bad)?;
    Ok(simulator.switches(Some(&account)))
}

fn requests(traffic: &Traffic, token: Option<&str>) -> Value {
    let digest = token.map(token_digest);
    let mut requests = traffic.requests();
    requests.retain(|request| digest.as_ref().is_none_or(|digest| request.account == *digest));
    json!({ "count": traffic.count(), "requests": requests })
}
