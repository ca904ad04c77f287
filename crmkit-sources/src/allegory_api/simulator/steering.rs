//! What of the simulator can be steered from another process.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic, header};
use serde_json::{Value, json};

use super::{
    account::Seed,
    state::{Company, State},
};

/// The bearer token; empty where there is none.
pub(super) fn token_of(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().trim()
}

impl Steered for State {
    type Account = Arc<Company>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Self::Account, String)>, String> {
        match token_of(headers) {
            "" => Ok(None),
            token => {
                let company = self.by_token(token).ok_or("no account has this token")?;
                Ok(Some((company, token.to_owned())))
            }
        }
    }

    fn default_account(&self) -> Option<Self::Account> {
        Some(self.first())
    }

    fn faults<'a>(&'a self, account: Option<&'a Self::Account>) -> &'a FaultScript {
        account.map_or(&self.faults, |company| &company.faults)
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn clock(&self) -> (Option<&SteeredClock>, DateTime<Utc>) {
        (self.steered.as_ref(), self.clock.now())
    }

    fn seed(&self, account: Option<&Self::Account>, dump: Value) -> Result<(), String> {
        match account {
            Some(company) => company.load(serde_json::from_value(dump).map_err(|error| error.to_string())?),
            None => {
                let seeds = if dump["accounts"].is_array() { dump["accounts"].clone() } else { json!([dump]) };
                let seeds: Vec<Seed> = serde_json::from_value(seeds).map_err(|error| error.to_string())?;
                *self.companies() = seeds.into_iter().map(|seed| Arc::new(Company::new(seed))).collect();
            }
        }
        Ok(())
    }

    fn reset(&self, account: Option<&Self::Account>) -> Result<(), String> {
        match account {
            Some(company) => company.load(Seed::default()),
            None => {
                *self.companies() = vec![Arc::new(Company::new(Seed::default()))];
                self.faults.clear();
                self.traffic.clear();
            }
        }
        Ok(())
    }

    fn open(&self, account: Option<Self::Account>, wanted: Value) -> Steering {
        let number = self.companies().len();
        let named = wanted["token"].as_str().map(str::to_owned);
        let token = named.unwrap_or_else(|| format!("allegory-token-{number}"));
        if self.by_token(&token).is_some() {
            return Err((409, "the token is taken".to_owned()));
        }
        match account {
            Some(company) => company.add_token(token.clone()),
            None => {
                let seed = Seed { tokens: vec![token.clone()], ..Seed::default() };
                self.companies().push(Arc::new(Company::new(seed)));
            }
        }
        Ok(json!({ "token": token }))
    }

    fn switches(&self, account: Option<&Self::Account>) -> Value {
        json!(account.map(|company| company.switches()).unwrap_or_default())
    }

    fn set_switches(&self, account: &Self::Account, switches: Value) -> Result<(), String> {
        let switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
        account.change(|known| *known = switches);
        Ok(())
    }

    fn dump(&self, account: Option<&Self::Account>) -> Value {
        match account {
            Some(company) => company.dump(),
            None => json!({ "accounts": self.companies().iter().map(|company| company.dump()).collect::<Vec<_>>() }),
        }
    }

    fn routes(&self) -> Value {
        json!({
            "modelled": [
                "GET /v1/schema",
                "GET /v1/{object}",
                "GET /v1/custom/{object}",
                "GET /v1/links/{link}",
                "GET /v1/deleted",
                "GET /v1/attachments/{id}/content",
            ],
            "unmodelled": self.unmodelled(),
        })
    }
}
