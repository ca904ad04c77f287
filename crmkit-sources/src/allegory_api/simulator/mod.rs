//! Allegory's export interface in process: rows of any object by pages, attachments, deletions, a limit, faults on demand.
//!
//! It is written from the contract alone and shares nothing with the connector. It is seeded with rows, or with an export folder
//! of CSV files, which it reads with a parser of its own: rows that have another number of cells than the header are no rows.
//! It knows no writing. What the contract leaves open is in [`Switches`].
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with a token for the account that has it, without for all.
//!
//! ```
//! use crmkit_sources::allegory_api::simulator::AllegorySimulator;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let server = AllegorySimulator::start().await.expect("a free port");
//! let answer = crmkit_core::http::reqwest::Client::new()
//!     .get(format!("{}/v1/schema", server.url()))
//!     .bearer_auth(server.token())
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 200);
//! # });
//! ```

mod account;
mod export;
mod service;
mod state;
mod steering;

use std::{io, path::PathBuf, sync::Arc};

use crmkit_core::{
    Clock,
    simulator::{Fault, InFlight, JumpingClock, LoggedRequest, Server, ServerThread, SteeredClock, Traffic},
};
use serde_json::Value;

pub use account::Switches;

use account::Seed;
use service::Service;
use state::{Company, State};

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct AllegorySimulator {
    server: Server,
    state: Arc<State>,
}

impl AllegorySimulator {
    /// Starts one with an empty account on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> AllegorySimulatorBuilder {
        AllegorySimulatorBuilder::default()
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The first account's token.
    pub fn token(&self) -> String {
        self.first().tokens().into_iter().next().unwrap_or_default()
    }

    /// Scripts a fault for any account.
    pub fn fault(&self, fault: Fault) {
        self.state.faults.add(fault);
    }

    /// What did not go as scripted: faults that never fired, and routes that were asked for but are not modelled.
    pub fn verify(&self) -> Vec<String> {
        let unfired = self.state.faults.verify().into_iter().map(|fault| format!("never fired: {fault:?}"));
        unfired.chain(self.state.unmodelled().into_iter().map(|what| format!("not modelled: {what}"))).collect()
    }

    /// The requests seen, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.traffic.requests()
    }

    /// Everything stored in the first account, in the form that `seed` takes.
    pub fn dump(&self) -> Value {
        self.first().dump()
    }

    /// Changes the first account's switches.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        self.first().change(change);
    }

    /// Adds a row to an object of the first account, or replaces the one with its `id`: how a test plays the customer's own people.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn put(&self, object: &str, row: Value) -> io::Result<()> {
        let Value::Object(row) = row else { return Err(io::Error::other("a row is a JSON object")) };
        self.first().put(object, row);
        Ok(())
    }

    /// The cursors given so far are forgotten.
    pub fn forget_cursors(&self) {
        self.first().forget_cursors();
    }

    fn first(&self) -> Arc<Company> {
        self.state.first()
    }
}

/// Configures a simulator.
#[derive(Debug)]
#[must_use]
pub struct AllegorySimulatorBuilder {
    clock: Option<Arc<dyn Clock>>,
    in_flight: InFlight,
    port: u16,
    place: ServerThread,
    limits: bool,
    seed: Option<Value>,
    export: Option<PathBuf>,
    log_capacity: usize,
}

impl Default for AllegorySimulatorBuilder {
    fn default() -> Self {
        Self {
            clock: None,
            in_flight: InFlight::default(),
            port: 0,
            place: ServerThread::Current,
            limits: true,
            seed: None,
            export: None,
            log_capacity: 100_000,
        }
    }
}

impl AllegorySimulatorBuilder {
    /// The clock (a steered one).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A jumping clock, which is held back while a request is in flight.
    pub fn jumping_clock(mut self, clock: &JumpingClock) -> Self {
        self.in_flight = clock.in_flight();
        self.clock(Arc::new(clock.clone()))
    }

    /// The loopback port (any free one).
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Runs on a thread of its own even inside a tokio runtime (no).
    pub fn own_thread(mut self) -> Self {
        self.place = ServerThread::Own;
        self
    }

    /// Whether the limit of requests is kept (yes).
    pub fn limits(mut self, limits: bool) -> Self {
        self.limits = limits;
        self
    }

    /// A dump to start from.
    pub fn seed(mut self, dump: Value) -> Self {
        self.seed = Some(dump);
        self
    }

    /// An export folder of CSV files to start from.
    pub fn export(mut self, folder: impl Into<PathBuf>) -> Self {
        self.export = Some(folder.into());
        self
    }

    /// How many requests are kept (100,000).
    pub fn log(mut self, requests: usize) -> Self {
        self.log_capacity = requests;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the port is taken, or the seed or the folder cannot be read.
    #[expect(clippy::unused_async, reason = "a start that has to wait must not change the signature")]
    pub async fn start(self) -> io::Result<AllegorySimulator> {
        let steered = self.clock.is_none().then(SteeredClock::new);
        let clock: Arc<dyn Clock> = match (self.clock, &steered) {
            (Some(clock), _) => clock,
            (None, Some(steered)) => Arc::new(steered.clone()),
            (None, None) => return Err(io::Error::other("there is no clock")),
        };
        let seed = match (self.export, self.seed) {
            (Some(folder), _) => export::read(&folder)?,
            (None, Some(dump)) => serde_json::from_value(dump)?,
            (None, None) => Seed::default(),
        };
        let state = Arc::new(State::new(clock, steered, Traffic::new(self.log_capacity, 0), self.limits, seed));
        let server = Server::start(self.port, self.place, self.in_flight, Arc::new(Service(Arc::clone(&state))))?;
        Ok(AllegorySimulator { server, state })
    }
}
