//! Server parts that CRM simulators share: a loopback server that can lose answers, faults, quotas, clocks, a journal, a proxy.

mod clock;
mod fault;
mod journal;
mod proxy;
mod quota;
mod server;
mod steering;
mod traffic;

pub use bytes::Bytes;
pub use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};

pub use clock::{JumpingClock, SteeredClock};
pub use fault::{BodyPredicate, DropEvery, Effect, Fault, FaultScript};
pub use journal::Journal;
pub use proxy::FaultProxy;
pub use quota::{DailyCounter, RollingWindow};
pub use server::{Handler, Reply, Server, ServerThread};
pub use steering::{Steered, Steering, json_response, steer};
pub use traffic::{InFlight, InFlightGuard, LoggedRequest, Traffic, token_digest};
