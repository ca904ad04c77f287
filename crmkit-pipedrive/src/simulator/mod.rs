//! An in-process Pipedrive: its schema rules, error bodies, paging, quotas and soft deletes, and faults on demand.
//!
//! It is written from the vendor's documentation alone and shares nothing with the connector, so that a misreading of
//! one is noticed by the other.
//!
//! | it models | how |
//! |---|---|
//! | users, pipelines, stages, fields and options, currencies | fields in v2 and v1; changing them needs an administrator |
//! | organizations, persons, deals, products | v2, with custom fields, labels, followers, soft deletes; merging |
//! | leads, lead labels, lead sources | v1, UUIDs, the custom fields of deals; conversion to deals and back |
//! | activities, activity types | one of deal, lead and project; participants, attendees |
//! | notes and their comments, files, deal participants, products of deals, relationships of organizations | HTML is cleaned; multipart uploads and downloads |
//! | filters and search | lists narrowed by conditions; a window and a lag of their own for search |
//! | limits | tokens a day, bursts, fair use; the older models by [`Switches::limit_model`]; a block for who hammers |
//! | access | API tokens; OAuth by [`PipedriveSimulator::authorize`] or `/oauth/authorize` and `/oauth/token`; scopes; visibility |
//! | plans | custom fields, leads and deals, `visible_to` |
//!
//! `GET /_simulator/routes` lists every operation with its price and whether it is modelled; one that is not answers 501.
//! What the documents leave open is a field of [`Switches`].
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with an `x-api-token` for that company, without one for
//! all. `POST /_simulator/accounts` with `"scopes": []` answers tokens of OAuth, too. `/v1/…` is taken as `/api/v1/…`, in faults and in the log, too.
//!
//! ```
//! use crmkit_pipedrive::simulator::PipedriveSimulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let pipedrive = PipedriveSimulator::start().await.expect("a free port");
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/api/v2/organizations", pipedrive.url()))
//!     .header("x-api-token", pipedrive.token())
//!     .json(&serde_json::json!({ "name": "Acme" }))
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 200);
//! assert_eq!(pipedrive.rows("organizations").len(), 1);
//! # });
//! ```

mod account;
mod answer;
mod builder;
mod call;
mod condition;
mod custom;
mod endpoints;
mod entity;
mod listing;
mod oauth;
mod reply;
mod routes;
mod seed;
mod service;
mod shape;
mod state;
mod steering;
mod store;
mod switches;
mod table;
mod time;
mod upload;
mod view;
mod visibility;

use std::io;
use std::sync::Arc;

use crmkit_core::simulator::{Fault, LoggedRequest, Server};
use serde_json::Value;

pub use account::Tier;
pub use builder::PipedriveSimulatorBuilder;
pub use oauth::OAuthTokens;
pub use switches::{DueTimes, LimitModel, SetNotation, Stray, Switches};

use state::State;

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct PipedriveSimulator {
    server: Server,
    state: Arc<State>,
}

impl PipedriveSimulator {
    /// Starts one with the default account on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> PipedriveSimulatorBuilder {
        PipedriveSimulatorBuilder::default()
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The administrator's token of the default account.
    pub fn token(&self) -> &str {
        self.state.default.tokens.first().map_or("", |(token, _)| token)
    }

    /// Scripts a fault for any company.
    pub fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Scripts several faults for any company.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.fault(fault));
    }

    /// What did not go as scripted: faults that never fired and routes that were asked for but are not modelled.
    pub fn verify(&self) -> Vec<String> {
        let unfired = self.state.faults.verify().into_iter().map(|fault| format!("never fired: {fault:?}"));
        let unmodelled = self.state.unmodelled().into_iter().map(|route| format!("not modelled: {route}"));
        unfired.chain(unmodelled).collect()
    }

    /// The requests seen, oldest first; bodies only if the builder was told to keep them.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.traffic.requests()
    }

    /// Everything stored, in the form that `seed` takes.
    pub fn dump(&self) -> Value {
        self.state.dump()
    }

    /// Replaces everything by a dump.
    ///
    /// # Errors
    /// When it is not a dump, or the journal cannot be written.
    pub fn seed(&self, dump: &Value) -> io::Result<()> {
        self.state.load(dump).map_err(io::Error::other)
    }

    /// Forgets everything: stored records, further accounts, faults, requests.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn reset(&self) -> io::Result<()> {
        steering::reset_all(&self.state).map_err(io::Error::other)
    }

    /// The rows of one table of the default account as stored, deleted ones among them.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let dump = self.state.default_company().map(|company| company.store().dump()).unwrap_or_default();
        dump["tables"][table].as_array().cloned().unwrap_or_default()
    }

    /// Merges `row` into the stored row with its `id` in the default account, or adds it, unchecked and without a call:
    /// how a test plays the company's own people, who deactivate a user or edit a record meanwhile.
    ///
    /// # Errors
    /// When there is no such table, the row is not an object, or the journal cannot be written.
    pub fn put(&self, table: &str, row: Value) -> io::Result<()> {
        let Value::Object(row) = row else { return Err(io::Error::other("a row is an object")) };
        let company = self.state.default_company().ok_or_else(|| io::Error::other("no default account"))?;
        let mut store = company.store();
        let stored = store.merge(table, row);
        stored.and_then(|()| self.state.record_changes(&company.profile().name, &mut store)).map_err(io::Error::other)
    }

    /// The tokens of the daily budget that the default account has spent since the start.
    pub fn tokens_spent(&self) -> u64 {
        self.state.default_company().map_or(0, |company| company.tokens_spent())
    }

    /// Spends that many tokens of the default account's day, or all that are left: how a test plays the company's other
    /// programs.
    pub fn spend_tokens(&self, tokens: u64) {
        if let Some(company) = self.state.default_company() {
            company.spend(self.state.clock.now(), tokens);
        }
    }

    /// Revokes the tokens of the default account's administrator and gives a new one.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn replace_token(&self) -> io::Result<String> {
        let company = self.state.default_company().ok_or_else(|| io::Error::other("no default account"))?;
        let token = steering::token_for(&format!("{} anew {}", self.state.default.name, self.state.traffic.count()), 1);
        let change = |profile: &mut account::Profile| {
            profile.tokens.retain(|(_, user)| *user != 1);
            profile.tokens.push((token.clone(), 1));
        };
        self.state.change(&company, change).map_err(io::Error::other)?;
        Ok(token)
    }

    /// Grants an app access to the default account for its administrator, with these scopes, or with all if there are none.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn authorize(&self, scopes: &[&str]) -> io::Result<OAuthTokens> {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        oauth::grant(&self.state, &self.state.default.name, 1, scopes).map_err(io::Error::other)
    }

    /// Changes the switches of the default account.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_switches(&self, switches: Switches) -> io::Result<()> {
        match self.state.default_company() {
            Some(company) => {
                self.state.change(&company, |profile| profile.switches = switches).map_err(io::Error::other)
            }
            None => Ok(()),
        }
    }
}
