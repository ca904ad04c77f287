//! An in-process Twenty: each workspace's own schema, its error bodies, paging, limits, soft deletes and files, over
//! REST and GraphQL, and faults on demand.
//!
//! It is written from the vendor's documentation alone and shares nothing with the connector, so that a misreading of
//! one is noticed by the other. Texts sort by bytes.
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with an `authorization` header for that workspace, without
//! one for all.
//!
//! ```
//! use crmkit_twenty::simulator::TwentySimulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let twenty = TwentySimulator::start().await.expect("a free port");
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/rest/companies", twenty.url()))
//!     .bearer_auth(twenty.token())
//!     .json(&serde_json::json!({ "name": "Acme" }))
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 201);
//! assert_eq!(twenty.rows("companies").len(), 1);
//! # });
//! ```

mod answer;
mod bucket;
mod builder;
mod call;
mod failure;
mod files;
mod graphql;
mod random;
mod record;
mod rest;
mod routes;
mod schema;
mod seed;
mod service;
mod state;
mod steering;
mod store;
mod switches;
mod table;
mod workspace;

use std::io;
use std::sync::Arc;

use crmkit_core::simulator::{Fault, LoggedRequest, Server};
use serde_json::Value;

pub use builder::TwentySimulatorBuilder;
pub use switches::{LegacyUpload, Switches, Version};

use state::State;

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct TwentySimulator {
    server: Server,
    state: Arc<State>,
}

impl TwentySimulator {
    /// Starts one with the default workspace on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> TwentySimulatorBuilder {
        TwentySimulatorBuilder::default()
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The API key of the default workspace that may do everything.
    pub fn token(&self) -> &str {
        self.state.default.keys.first().map_or("", |key| &key.token)
    }

    /// Scripts a fault for any workspace.
    pub fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// Scripts several faults for any workspace.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.fault(fault));
    }

    /// What did not go as scripted: faults that never fired and what was asked for but is not modelled.
    pub fn verify(&self) -> Vec<String> {
        let workspaces = self.state.all();
        let faults = workspaces.iter().flat_map(|workspace| workspace.faults.verify());
        let faults = self.state.faults.verify().into_iter().chain(faults);
        let unfired = faults.map(|fault| format!("never fired: {fault:?}"));
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

    /// Forgets everything: stored records, further workspaces, faults, requests.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn reset(&self) -> io::Result<()> {
        steering::reset_all(&self.state).map_err(io::Error::other)
    }

    /// The rows of an object of the default workspace as stored, those in the trash among them, by id.
    pub fn rows(&self, plural: &str) -> Vec<Value> {
        let Some(workspace) = self.state.default() else { return Vec::new() };
        let store = workspace.store();
        let Some(object) = store.by_plural(plural) else { return Vec::new() };
        store.table(&object.id).rows().map(|(_, row)| Value::Object((**row).clone())).collect()
    }

    /// Merges `row` into the stored row with its `id` in the default workspace, or adds it, unchecked and without a call:
    /// how a test plays the workspace's own people, who edit a record meanwhile.
    ///
    /// # Errors
    /// When there is no such object, the row has no UUID as `id`, or the journal cannot be written.
    pub fn put(&self, plural: &str, row: &Value) -> io::Result<()> {
        let workspace = self.state.default().ok_or_else(|| io::Error::other("no default workspace"))?;
        let mut store = workspace.store();
        let object = store.by_plural(plural).ok_or_else(|| io::Error::other("no such object"))?;
        let given = row.as_object().ok_or_else(|| io::Error::other("a row is an object"))?;
        let id = table::id_of(given).ok_or_else(|| io::Error::other("a row has a UUID as id"))?;
        let mut merged = store.table(&object.id).get(id).map(|row| (**row).clone()).unwrap_or_default();
        merged.extend(given.clone());
        merged.insert("id".into(), id.to_string().into());
        store.put_row(&object.id, merged);
        let name = workspace.profile().name.clone();
        self.state.settle(&name, &mut store).map_err(io::Error::other)
    }

    /// Changes the switches of the default workspace.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_switches(&self, switches: Switches) -> io::Result<()> {
        match self.state.default() {
            Some(workspace) => {
                self.state.change(&workspace, |profile| profile.switches = switches).map_err(io::Error::other)
            }
            None => Ok(()),
        }
    }
}
