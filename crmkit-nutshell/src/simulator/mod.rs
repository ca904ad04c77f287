//! An in-process Nutshell: both APIs over one store, revisions, stubs, lagging lists, soft deletes, and faults on demand.
//!
//! It is written from the vendor's documentation alone and shares nothing with the connector, so that a misreading of
//! one is noticed by the other. What the documentation leaves open is in [`Switches`].
//!
//! JSON-RPC is at `/api/v1/json` (its discovery at `/v1/json`), REST below `/rest`, files below `/file/api`. Since all
//! JSON-RPC calls have one path, a fault for one method names it in the body:
//! `{"body": {"equals": {"pointer": "/method", "value": "newLead"}}}`.
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with HTTP Basic for the instance of that API key, without
//! for all.
//!
//! ```
//! use crmkit_nutshell::simulator::NutshellSimulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let nutshell = NutshellSimulator::start().await.expect("a free port");
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/api/v1/json", nutshell.url()))
//!     .basic_auth(nutshell.username(), Some(nutshell.key()))
//!     .json(&serde_json::json!({ "method": "newAccount", "params": { "account": { "name": "Acme" } }, "id": "1" }))
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 200);
//! assert_eq!(nutshell.rows("accounts").len(), 1);
//! # });
//! ```

mod account;
mod answer;
mod builder;
mod call;
mod entity;
mod fields;
mod files;
mod ordered;
mod rest;
mod rpc;
mod seed;
mod service;
mod state;
mod steering;
mod store;
mod switches;
mod time;
mod values;
mod write;

use std::io;
use std::sync::Arc;

use crmkit_core::simulator::{Fault, LoggedRequest, Server};
use serde_json::Value;

pub use account::Plan;
pub use builder::NutshellSimulatorBuilder;
pub use switches::{DateForm, EmptyMap, SameField, Stray, Switches, TaskCompletion};

use state::State;

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct NutshellSimulator {
    server: Server,
    state: Arc<State>,
}

impl NutshellSimulator {
    /// Starts one with the default instance on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> NutshellSimulatorBuilder {
        NutshellSimulatorBuilder::default()
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The e-mail of the default instance's administrator.
    pub fn username(&self) -> &'static str {
        seed::ADMIN
    }

    /// The API key of the default instance; it may impersonate any user.
    pub fn key(&self) -> &str {
        self.state.default.keys.first().map_or("", |key| &key.key)
    }

    /// Scripts a fault for any instance.
    pub fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Scripts several faults for any instance.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.fault(fault));
    }

    /// What did not go as scripted: faults that never fired, and methods and routes that were asked for but are not
    /// modelled.
    pub fn verify(&self) -> Vec<String> {
        let unfired = self.state.faults.verify().into_iter().map(|fault| format!("never fired: {fault:?}"));
        let unmodelled = self.state.unmodelled().into_iter().map(|what| format!("not modelled: {what}"));
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

    /// Forgets everything: stored records, further instances, faults, requests.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn reset(&self) -> io::Result<()> {
        steering::reset_all(&self.state).map_err(io::Error::other)
    }

    /// The rows of one table of the default instance as stored, deleted ones among them. Tables are called as in REST
    /// (`accounts`, `stages`, `outcomes`, …), times are milliseconds, ids plain numbers.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let dump = self.state.default_company().map(|company| company.store().dump()).unwrap_or_default();
        dump["tables"][table].as_array().cloned().unwrap_or_default()
    }

    /// Merges `row` into the stored row with its `id` in the default instance, or adds it, unchecked and without a call,
    /// and returns its id: how a test plays the customer's own people, who add a pipeline, disable a user or edit a
    /// record meanwhile. It raises the row's revision.
    ///
    /// # Errors
    /// When there is no such table, the row is not an object, or the journal cannot be written.
    pub fn put(&self, table: &str, row: Value) -> io::Result<i64> {
        let Value::Object(row) = row else { return Err(io::Error::other("a row is an object")) };
        let company = self.state.default_company().ok_or_else(|| io::Error::other("no default instance"))?;
        let mut store = company.store();
        store.begin();
        let id = store.merge(table, row).map_err(io::Error::other)?;
        self.state.record_changes(&company.profile().name, &mut store).map_err(io::Error::other)?;
        Ok(id)
    }

    /// Changes the switches of the default instance.
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
