//! How a simulator is configured before it starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crmkit_core::Clock;
use crmkit_core::simulator::{InFlight, Journal, JumpingClock, Server, ServerThread, SteeredClock, Traffic};
use serde_json::Value;

use super::account::{Profile, Tier};
use super::service::Service;
use super::state::State;
use super::switches::Switches;
use super::{PipedriveSimulator, seed, steering};

/// Configures a simulator.
///
/// ```
/// use crmkit_pipedrive::simulator::{PipedriveSimulator, Tier};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pipedrive = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).start().await.expect("a free port");
/// assert!(pipedrive.url().starts_with("http://127.0.0.1:"));
/// # });
/// ```
#[derive(Debug)]
#[must_use]
pub struct PipedriveSimulatorBuilder {
    tier: Tier,
    seats: u32,
    limits: bool,
    clock: Option<Arc<dyn Clock>>,
    in_flight: InFlight,
    listen: SocketAddr,
    place: ServerThread,
    drop_every: u64,
    switches: Switches,
    journal: Option<PathBuf>,
    seed: Option<Value>,
    log_capacity: usize,
    body_bytes: usize,
}

impl Default for PipedriveSimulatorBuilder {
    fn default() -> Self {
        Self {
            tier: Tier::Ultimate,
            seats: 35,
            limits: true,
            clock: None,
            in_flight: InFlight::default(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            place: ServerThread::Current,
            drop_every: 0,
            switches: Switches::default(),
            journal: None,
            seed: None,
            log_capacity: 100_000,
            body_bytes: 0,
        }
    }
}

impl PipedriveSimulatorBuilder {
    /// The plan of the default account (Ultimate).
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// The seats of the default account (35).
    pub fn seats(mut self, seats: u32) -> Self {
        self.seats = seats;
        self
    }

    /// Whether quotas are enforced (yes).
    pub fn limits(mut self, limits: bool) -> Self {
        self.limits = limits;
        self
    }

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
        self.listen.set_port(port);
        self
    }

    /// The address and port to listen on (loopback), for a container. Whoever reaches it may steer it.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Runs on a thread of its own even inside a tokio runtime (no).
    pub fn own_thread(mut self) -> Self {
        self.place = ServerThread::Own;
        self
    }

    /// Loses the answer of every n-th applied write (0: never).
    pub fn drop_every(mut self, every: u64) -> Self {
        self.drop_every = every;
        self
    }

    /// How the vendor's unknowns behave.
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// A file that gets each applied write before its answer leaves; what it holds already is restored.
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    /// A dump to start from, unless the journal holds something.
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
    /// When the port is taken, or the journal or the dump cannot be read.
    #[expect(clippy::unused_async, reason = "a start that has to wait must not change the signature")]
    pub async fn start(self) -> io::Result<PipedriveSimulator> {
        let steered = self.clock.is_none().then(SteeredClock::new);
        let clock: Arc<dyn Clock> = match (self.clock, &steered) {
            (Some(clock), _) => clock,
            (None, Some(steered)) => Arc::new(steered.clone()),
            (None, None) => return Err(io::Error::other("there is no clock")),
        };
        let default = Profile {
            name: seed::COMPANY.into(),
            tier: self.tier,
            seats: self.seats,
            limits: self.limits,
            switches: self.switches,
            tokens: vec![(steering::token_for(seed::COMPANY, 1), 1)],
            grants: Vec::new(),
        };
        let (journal, entries) = match &self.journal {
            Some(path) => Journal::open(path).map(|(journal, entries)| (Some(journal), entries))?,
            None => (None, Vec::new()),
        };
        let traffic = Traffic::new(self.log_capacity, self.body_bytes);
        let state = Arc::new(State::new(clock, steered, default, traffic, self.drop_every, journal));
        let ready = match (entries.is_empty(), self.seed) {
            (false, _) => state.replay(&entries),
            (true, Some(dump)) => state.load(&dump),
            (true, None) => state.reset(),
        };
        ready.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let server = Server::start_at(self.listen, self.place, self.in_flight, Arc::new(Service(state.clone())))?;
        Ok(PipedriveSimulator { server, state })
    }
}
