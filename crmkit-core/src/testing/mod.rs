//! Clocks, mocks, generators of messy exports and conformance suites, for tests of connectors, ledgers and hosts.

mod clock;
pub mod conformance;
pub mod generate;
mod mock;
mod source;

pub use clock::ManualClock;
pub use mock::{MockCall, MockDestination, MockFault, MockRequest};
pub use source::MockSource;
