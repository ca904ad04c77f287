//! An in-process APSIS One: definitions, profiles, consents and exports over one store, with the vendor's limits and faults on
//! demand.
//!
//! It is written from the vendor's documentation alone and shares nothing with the connector, so that a misreading of one is
//! noticed by the other. What the documentation leaves open is in [`Switches`]. It knows no SMS, forms or imports, keeps segments
//! with their members instead of evaluating rules, and writes no XLSX.
//!
//! Over HTTP it is steered by `POST /_simulator/{faults,seed,reset,clock,accounts,switches}` and watched by
//! `GET /_simulator/{dump,requests,faults,switches,routes}`: with a token for the account that issued it, without for all.
//!
//! ```
//! use crmkit_sources::apsis_one::simulator::ApsisOneSimulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let apsis = ApsisOneSimulator::start().await.expect("a free port");
//! let answer = crmkit_core::http::reqwest::Client::new()
//!     .post(format!("{}/oauth/token", apsis.url()))
//!     .json(&serde_json::json!({
//!         "grant_type": "client_credentials",
//!         "client_id": apsis.client_id(),
//!         "client_secret": apsis.client_secret(),
//!     }))
//!     .send()
//!     .await
//!     .expect("an answer");
//! assert_eq!(answer.status(), 200);
//! # });
//! ```

mod account;
mod answer;
mod definitions;
mod exports;
mod limits;
mod profiles;
mod seed;
mod service;
mod state;
mod steering;
mod switches;

use std::io;
use std::sync::Arc;

use crmkit_core::Clock;
use crmkit_core::simulator::{
    Fault, InFlight, JumpingClock, LoggedRequest, Server, ServerThread, SteeredClock, Traffic,
};
use serde_json::{Value, json};

pub use switches::{AttributeKeys, PollStyle, Switches};

use account::Profile;
use service::Service;
use state::{Company, State};

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct ApsisOneSimulator {
    server: Server,
    state: Arc<State>,
}

impl ApsisOneSimulator {
    /// Starts one with a fresh account on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures one before it starts.
    pub fn builder() -> ApsisOneSimulatorBuilder {
        ApsisOneSimulatorBuilder::default()
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The id of the first account's API key.
    pub fn client_id(&self) -> String {
        self.first().account().clients.first().map(|client| client.client_id.clone()).unwrap_or_default()
    }

    /// The secret of the first account's API key.
    pub fn client_secret(&self) -> String {
        self.first().account().clients.first().map(|client| client.client_secret.clone()).unwrap_or_default()
    }

    /// Scripts a fault for any account.
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

    /// Everything stored, in the form that `seed` takes.
    pub fn dump(&self) -> Value {
        self.state.dump()
    }

    /// Replaces everything by a dump of all accounts, or by one account.
    ///
    /// # Errors
    /// When it is neither.
    pub fn seed(&self, dump: &Value) -> io::Result<()> {
        self.state.load(dump.clone()).map_err(io::Error::other)
    }

    /// Changes the first account's switches.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.first().account().switches);
    }

    /// Every token that the first account issued is refused from now on.
    pub fn revoke_tokens(&self) {
        self.first().live().revoke_tokens();
    }

    /// Adds or replaces a profile of the first account, in the form that a seed has: how a test plays the customer's own people.
    ///
    /// # Errors
    /// When it is no profile.
    pub fn put(&self, export_key: &str, profile: Value) -> io::Result<()> {
        let profile: Profile = serde_json::from_value(profile).map_err(io::Error::other)?;
        self.first().account().profiles.insert(export_key.to_owned(), profile);
        Ok(())
    }

    /// A profile of the first account as it is stored; null where there is none.
    pub fn profile(&self, export_key: &str) -> Value {
        self.first().account().profiles.get(export_key).map_or(Value::Null, |profile| json!(profile))
    }

    fn first(&self) -> Arc<Company> {
        self.state.companies().into_iter().next().unwrap_or_else(|| Arc::new(Company::new(seed::fresh())))
    }
}

/// Configures a simulator.
#[derive(Debug)]
#[must_use]
pub struct ApsisOneSimulatorBuilder {
    clock: Option<Arc<dyn Clock>>,
    in_flight: InFlight,
    port: u16,
    place: ServerThread,
    limits: bool,
    seed: Option<Value>,
    log_capacity: usize,
    body_bytes: usize,
}

impl Default for ApsisOneSimulatorBuilder {
    fn default() -> Self {
        Self {
            clock: None,
            in_flight: InFlight::default(),
            port: 0,
            place: ServerThread::Current,
            limits: true,
            seed: None,
            log_capacity: 100_000,
            body_bytes: 0,
        }
    }
}

impl ApsisOneSimulatorBuilder {
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

    /// Whether the vendor's limits are kept (yes).
    pub fn limits(mut self, limits: bool) -> Self {
        self.limits = limits;
        self
    }

    /// A dump of all accounts, or one account, to start from.
    pub fn seed(mut self, dump: Value) -> Self {
        self.seed = Some(dump);
        self
    }

    /// How many requests are kept (100,000) and how many bytes of each body (none).
    pub fn log(mut self, requests: usize, body_bytes: usize) -> Self {
        self.log_capacity = requests;
        self.body_bytes = body_bytes;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the port is taken, or the seed cannot be read.
    #[expect(clippy::unused_async, reason = "a start that has to wait must not change the signature")]
    pub async fn start(self) -> io::Result<ApsisOneSimulator> {
        let steered = self.clock.is_none().then(SteeredClock::new);
        let clock: Arc<dyn Clock> = match (self.clock, &steered) {
            (Some(clock), _) => clock,
            (None, Some(steered)) => Arc::new(steered.clone()),
            (None, None) => return Err(io::Error::other("there is no clock")),
        };
        let traffic = Traffic::new(self.log_capacity, self.body_bytes);
        let state = Arc::new(State::new(clock, steered, traffic, self.limits));
        match self.seed {
            Some(dump) => {
                state.load(dump).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            None => state.reset(),
        }
        let server = Server::start(self.port, self.place, self.in_flight, Arc::new(Service(state.clone())))?;
        Ok(ApsisOneSimulator { server, state })
    }
}
