//! Twenty for crmkit: an in-process simulator of its API.

#[cfg(feature = "simulator")]
pub mod simulator;

/// The connector's kind in configurations and documents.
pub const KIND: &str = "twenty";
