//! An in-process Klipy: its REST interface v1 over a store, with keys and scopes, both envelopes, cursors, limits by the minute, and
//! faults on demand.
//!
//! It is written from the vendor's documentation alone and shares nothing with the connector, so that a misreading of one is
//! noticed by the other. What the documentation leaves open is in [`Switches`]. Deals, notes, tags and files are not in the
//! interface, as they are not in the vendor's.
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with a key for its workspace, without for all.
//!
//! ```
//! use crmkit_sources::klipy::simulator::KlipySimulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let klipy = KlipySimulator::start().await.expect("a free port");
//! let answer = reqwest::Client::new()
//!     .get(format!("{}/authenticate", klipy.url()))
//!     .header("x-klipy-api-key", klipy.key())
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 200);
//! # });
//! ```

mod answer;
mod builder;
mod routes;
mod seed;
mod service;
mod state;
mod steering;
mod switches;
mod workspace;

use std::{io, sync::Arc};

use crmkit_core::simulator::{Fault, LoggedRequest, Server};
use serde_json::Value;

pub use builder::KlipySimulatorBuilder;
pub use switches::{CursorName, Envelope, Impostor, ListPlace, RateHeaders, Switches};
pub use workspace::ApiKey;

use state::State;

/// Where the interface begins.
const BASE: &str = "/api/v1";

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct KlipySimulator {
    server: Server,
    state: Arc<State>,
}

impl KlipySimulator {
    /// Starts one with the default workspace on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> KlipySimulatorBuilder {
        KlipySimulatorBuilder::default()
    }

    /// The base address of its interface, without a final slash.
    pub fn url(&self) -> String {
        format!("{}{BASE}", self.server.url())
    }

    /// A key of the default workspace that may do everything.
    pub fn key(&self) -> &'static str {
        seed::KEY
    }

    /// Scripts a fault for any workspace.
    pub fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// What did not go as scripted: faults that never fired, and routes that were asked for but are not modelled.
    pub fn verify(&self) -> Vec<String> {
        let unfired = self.state.faults.verify().into_iter().map(|fault| format!("never fired: {fault:?}"));
        let unmodelled = self.state.unmodelled().into_iter().map(|what| format!("not modelled: {what}"));
        unfired.chain(unmodelled).collect()
    }

    /// The requests seen, oldest first; bodies only if the builder was told to keep them.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.traffic.requests()
    }

    /// How many requests were answered or dropped.
    pub fn count(&self) -> u64 {
        self.state.traffic.count()
    }

    /// Everything stored, in the form that `seed` takes.
    pub fn dump(&self) -> Value {
        self.state.dump()
    }

    /// Replaces everything by a dump.
    ///
    /// # Errors
    /// When it is not a dump.
    pub fn seed(&self, dump: &Value) -> io::Result<()> {
        self.state.load(dump).map_err(io::Error::other)
    }

    /// The rows of `people`, `companies` or `interactions` of the default workspace, as stored.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.state.default_workspace().map(|workspace| workspace.tables().rows(table)).unwrap_or_default()
    }

    /// Merges `row` into the stored row with its `id` in the default workspace, or adds it, unchecked and without a call: how a test
    /// plays the customer's own people.
    ///
    /// # Errors
    /// When there is no such table, or the row is not an object with an id.
    pub fn put(&self, table: &str, row: Value) -> io::Result<()> {
        let workspace = self.state.default_workspace().ok_or_else(|| io::Error::other("no default workspace"))?;
        workspace.tables().put(table, row).map_err(io::Error::other)
    }

    /// Removes a row of the default workspace, and says whether it was there.
    pub fn remove(&self, table: &str, id: &str) -> bool {
        self.state.default_workspace().is_some_and(|workspace| workspace.tables().remove(table, id).is_some())
    }

    /// Changes the switches of the default workspace.
    pub fn set_switches(&self, switches: Switches) {
        if let Some(workspace) = self.state.default_workspace() {
            workspace.profile().switches = switches;
        }
    }

    /// Adds a key to the default workspace, or replaces the one of that name.
    pub fn add_key(&self, key: ApiKey) {
        if let Some(workspace) = self.state.default_workspace() {
            let mut profile = workspace.profile();
            profile.keys.retain(|known| known.key != key.key);
            profile.keys.push(key);
        }
    }

    /// Revokes a key of the default workspace: it is answered as one that never was.
    pub fn revoke(&self, key: &str) {
        if let Some(workspace) = self.state.default_workspace() {
            workspace.profile().keys.retain(|known| known.key != key);
        }
    }
}
