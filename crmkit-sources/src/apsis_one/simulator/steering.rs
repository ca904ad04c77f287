//! What of the simulator can be steered from another process.

use std::sync::Arc;

use crmkit_core::simulator::{FaultScript, HeaderMap, Steered, SteeredClock, Steering, Traffic};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, ApiClient};
use super::seed;
use super::service::token_of;
use super::state::{Company, State};
use super::switches::Switches;

/// Everything that is modelled.
const ROUTES: &[&str] = &[
    "POST /oauth/token",
    "GET /audience/keyspaces",
    "GET /audience/channels",
    "GET /audience/sections",
    "GET /audience/sections/{s}/attributes",
    "GET /audience/sections/{s}/tags",
    "GET /audience/sections/{s}/events",
    "GET /v2/audience/sections/{s}/topics",
    "GET /audience/segments",
    "GET /audience/segments/{d}",
    "GET /audience/segments/{d}/versions/{id}",
    "GET /marketing-automation/activities",
    "POST /audience/keyspaces/{ks}/sections/{s}/profiles",
    "GET /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/attributes",
    "PATCH /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/attributes",
    "PATCH /v2/audience/keyspaces/{ks}/profiles/{key}/sections/{s}/attributes",
    "DELETE /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/attributes/{version}",
    "GET /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/tags",
    "PATCH /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/tags",
    "GET /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/events",
    "POST /audience/keyspaces/{ks}/profiles/{key}/sections/{s}/events",
    "GET /v2/audience/keyspaces/{ks}/profiles/{key}/sections/{s}/consents",
    "POST /v2/audience/keyspaces/{ks}/profiles/{key}/sections/{s}/consents",
    "POST /audience/keyspaces/{ks}/profiles/{key}/evaluations",
    "PUT /audience/keyspaces/{ks}/profiles/{key}/locks",
    "DELETE /audience/keyspaces/{ks}/profiles/{key}",
    "PUT /audience/profiles/merges",
    "POST /audience/profiles/reports/segments",
    "POST /audience/profiles/reports/consents",
    "POST /audience/profiles/exports",
    "GET /audience/downloads/v2/{id}",
    "GET /audience/downloads/legacy/{id}",
    "GET /audience/downloads/events/{id}",
    "POST /emails/reports",
    "GET /emails/reports/{id}",
    "GET /emails/reports/{id}/file",
    "GET /_simulator/routes",
];

impl Steered for State {
    type Account = Arc<Company>;

    fn account(&self, headers: &HeaderMap) -> Result<Option<(Arc<Company>, String)>, String> {
        let token = token_of(headers);
        if token.is_empty() {
            return Ok(None);
        }
        let company = self.by_token(token).ok_or("no account issued this token")?;
        Ok(Some((company, token.to_owned())))
    }

    fn default_account(&self) -> Option<Arc<Company>> {
        self.companies().into_iter().next()
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
        let Some(company) = company else { return self.load(dump) };
        let mut account: Account = serde_json::from_value(dump).map_err(|error| error.to_string())?;
        seed::complete(&mut account);
        *company.account() = account;
        Ok(())
    }

    fn reset(&self, company: Option<&Arc<Company>>) -> Result<(), String> {
        let Some(company) = company else {
            State::reset(self);
            return Ok(());
        };
        let mut account = company.account();
        let fresh = Account { name: account.name.clone(), clients: account.clients.clone(), ..seed::fresh() };
        *account = fresh;
        Ok(())
    }

    fn open(&self, company: Option<Arc<Company>>, wanted: Value) -> Steering {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct New {
            /// The account's name, by default a new one.
            name: Option<String>,
            client_id: Option<String>,
            client_secret: Option<String>,
            switches: Option<Switches>,
        }
        let new: New = serde_json::from_value(wanted).map_err(|error| (400, error.to_string()))?;
        let name = match &company {
            Some(company) => company.account().name.clone(),
            None => new.name.unwrap_or_else(|| format!("account-{}", self.traffic.next_sequence())),
        };
        let own = seed::client(&format!("{name} {}", self.traffic.next_sequence()));
        let client = ApiClient {
            client_id: new.client_id.unwrap_or(own.client_id),
            client_secret: new.client_secret.unwrap_or(own.client_secret),
        };
        let taken = self.by_client(&client.client_id).is_some() || company.is_none() && self.by_name(&name).is_some();
        if taken {
            return Err((409, "the client id or the name is taken".to_owned()));
        }
        let answer = json!({ "name": name, "client_id": client.client_id, "client_secret": client.client_secret });
        match company {
            Some(company) => company.account().clients.push(client),
            None => {
                let switches = new.switches.unwrap_or_default();
                State::open(self, Account { name, clients: vec![client], switches, ..seed::fresh() });
            }
        }
        Ok(answer)
    }

    fn switches(&self, company: Option<&Arc<Company>>) -> Value {
        company.map_or_else(|| json!(Switches::default()), |company| json!(company.account().switches))
    }

    fn set_switches(&self, company: &Arc<Company>, switches: Value) -> Result<(), String> {
        company.account().switches = serde_json::from_value(switches).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn dump(&self, company: Option<&Arc<Company>>) -> Value {
        company.map_or_else(|| State::dump(self), |company| json!(*company.account()))
    }

    fn routes(&self) -> Value {
        json!({ "routes": ROUTES, "unmodelled": self.unmodelled() })
    }
}
