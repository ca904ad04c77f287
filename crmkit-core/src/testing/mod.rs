//! Mocks, generators of messy exports, conformance suites.

pub mod conformance;
pub mod generate;
mod source;

pub use source::MockSource;
