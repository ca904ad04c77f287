//! What of the simulator can be steered from another process.

use std::sync::Arc;

use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::{Company, Profile, Tier};
use super::endpoints;
use super::oauth;
use super::service::token_of;
use super::state::{State, dump_of};
use super::switches::Switches;

impl Steered for State {
    type Account = Arc<Company>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Arc<Company>, String)>, String> {
        let (token, oauth) = token_of(headers);
        if token.is_empty() {
            return Ok(None);
        }
        if oauth {
            let (company, ..) = self.by_access(&token, self.clock.now()).ok_or("no grant has this token")?;
            return Ok(Some((company, token)));
        }
        let (company, _) = self.by_token(&token).ok_or("no company has this token")?;
        Ok(Some((company, token)))
    }

    fn default_account(&self) -> Option<Arc<Company>> {
        let (token, _) = self.default.tokens.first()?;
        self.by_token(token).map(|(company, _)| company)
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
        json!({ "routes": endpoints::all(), "unmodelled": self.unmodelled() })
    }
}

/// Back to a fresh default company, without faults and log.
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
    /// The company, by default a new one; with a token in the header, a further token of that company.
    name: Option<String>,
    token: Option<String>,
    user_id: Option<i64>,
    tier: Option<Tier>,
    seats: Option<u32>,
    limits: Option<bool>,
    switches: Option<Switches>,
    /// Grants access to the app, too, with these scopes, or with all if none are named.
    scopes: Option<Vec<String>>,
}

/// The token of a company's user.
pub(super) fn token_for(company: &str, user: i64) -> String {
    let digest = Sha256::digest(format!("token of {user} at {company}"));
    digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

/// What a new account is told: its token, and those of OAuth if it asked for them.
fn opened(state: &State, name: &str, token: String, user: i64, scopes: Option<Vec<String>>) -> Steering {
    let mut answer = json!({ "token": token, "name": name });
    if let Some(scopes) = scopes {
        let tokens = oauth::grant(state, name, user, scopes).map_err(bad)?;
        answer["access_token"] = tokens.access_token.into();
        answer["refresh_token"] = tokens.refresh_token.into();
        answer["client_id"] = tokens.client_id.into();
        answer["client_secret"] = tokens.client_secret.into();
    }
    Ok(answer)
}

fn open_account(state: &State, company: Option<Arc<Company>>, wanted: Value) -> Steering {
    let new: NewAccount = serde_json::from_value(wanted).map_err(|error| bad(error.to_string()))?;
    let user = new.user_id.unwrap_or(1);
    if let Some(company) = company {
        let name = company.profile().name.clone();
        let token = new.token.unwrap_or_else(|| token_for(&name, user));
        state.change(&company, |profile| profile.tokens.push((token.clone(), user))).map_err(bad)?;
        return opened(state, &name, token, user, new.scopes);
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
        grants: Vec::new(),
    };
    state.open(profile).map_err(bad)?;
    opened(state, &name, token, user, new.scopes)
}
