//! Clocks, mocks and conformance suites for tests of connectors, ledgers and hosts.

mod clock;
pub mod conformance;

pub use clock::ManualClock;
