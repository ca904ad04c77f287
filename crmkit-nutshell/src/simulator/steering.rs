//! What of the simulator can be steered from another process.

use std::sync::Arc;

use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::{ApiKey, Company, Plan, Profile};
use super::seed;
use super::service::credentials_of;
use super::state::{State, dump_of};
use super::switches::Switches;
use super::{rest, rpc};

impl Steered for State {
    type Account = Arc<Company>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Arc<Company>, String)>, String> {
        let (_, key) = credentials_of(headers);
        if key.is_empty() {
            return Ok(None);
        }
        let (company, _) = self.by_key(&key).ok_or("no instance has this key")?;
        Ok(Some((company, key)))
    }

    fn default_account(&self) -> Option<Arc<Company>> {
        self.default_company()
    }

    fn faults<'a>(&'a self, company: Option<&'a Arc<Company>>) -> &'a FaultScript {
        company.map_or(&self.faults, |company| &company.faults)
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn clock(&self) -> (Option<&SteeredClock>, chrono::DateTime<chrono::Utc>) {
        (self.steered.as_ref(), self.clock.now())
    }

    fn seed(&self, company: Option<&Arc<Company>>, dump: Value) -> Result<(), String> {
        let Some(company) = company else { return self.load(&dump) };
        let store = if dump["store"].is_object() { dump["store"].clone() } else { dump };
        self.replace(&json!({ "profile": *company.profile(), "store": store }))
    }

    fn reset(&self, company: Option<&Arc<Company>>) -> Result<(), String> {
        match company {
            Some(company) => self.open((*company.profile()).clone()),
            None => reset_all(self),
        }
    }

    fn open(&self, company: Option<Arc<Company>>, wanted: Value) -> Steering {
        open_account(self, company, wanted)
    }

    fn switches(&self, company: Option<&Arc<Company>>) -> Value {
        company.map_or_else(|| json!(self.default.switches), |company| json!(company.profile().switches))
    }

    fn set_switches(&self, company: &Arc<Company>, switches: Value) -> Result<(), String> {
        let switches: Switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
        self.change(company, |profile| profile.switches = switches)
    }

    fn dump(&self, company: Option<&Arc<Company>>) -> Value {
        company.map_or_else(|| self.dump(), |company| dump_of(company))
    }

    fn routes(&self) -> Value {
        json!({ "methods": rpc::methods(), "routes": rest::routes(), "unmodelled": self.unmodelled() })
    }
}

/// Back to a fresh default instance, without faults and log.
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
fn open_account(state: &State, company: Option<Arc<Company>>, wanted: Value) -> Steering {
    let new: NewAccount = serde_json::from_value(wanted).map_err(|error| bad(error.to_string()))?;
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
