//! Configuring a simulator before it starts.

use std::{io, sync::Arc};

use crmkit_core::{
    Clock,
    simulator::{InFlight, JumpingClock, Server, ServerThread, SteeredClock, Traffic},
};
use serde_json::Value;

use super::{KlipySimulator, service::Service, state::State, switches::Switches};

/// Configures a [`KlipySimulator`].
#[derive(Debug, Default)]
pub struct KlipySimulatorBuilder {
    port: u16,
    switches: Switches,
    limits_off: bool,
    seed: Option<Value>,
    clock: Option<Arc<dyn Clock>>,
    in_flight: InFlight,
    bodies: usize,
}

impl KlipySimulatorBuilder {
    /// The loopback port; 0 is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How the unknowns behave in the default workspace and in new ones.
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// Whether calls are counted by the minute.
    pub fn limits(mut self, on: bool) -> Self {
        self.limits_off = !on;
        self
    }

    /// What is stored, as [`KlipySimulator::dump`] gives it, instead of the default workspace.
    pub fn seed(mut self, dump: Value) -> Self {
        self.seed = Some(dump);
        self
    }

    /// A clock of the host. Without one it has its own, which is steered.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A clock that jumps over waits, and not while a request is answered.
    pub fn jumping_clock(mut self, clock: &JumpingClock) -> Self {
        self.in_flight = clock.in_flight();
        self.clock = Some(Arc::new(clock.clone()));
        self
    }

    /// Keeps so many bytes of each request's body in the log.
    pub fn bodies(mut self, bytes: usize) -> Self {
        self.bodies = bytes;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the port cannot be bound, or the seed is not a dump.
    pub async fn start(self) -> io::Result<KlipySimulator> {
        let mut switches = self.switches;
        if self.limits_off {
            (switches.per_key, switches.per_organization) = (0, 0);
        }
        let (clock, steered): (Arc<dyn Clock>, _) = match self.clock {
            Some(clock) => (clock, None),
            None => {
                let steered = SteeredClock::new();
                (Arc::new(steered.clone()), Some(steered))
            }
        };
        let state = Arc::new(State::new(switches, Traffic::new(200_000, self.bodies), clock, steered));
        if let Some(seed) = &self.seed {
            state.load(seed).map_err(io::Error::other)?;
        }
        let service = Arc::new(Service(state.clone()));
        let server = Server::start(self.port, ServerThread::Current, self.in_flight, service)?;
        Ok(KlipySimulator { server, state })
    }
}
