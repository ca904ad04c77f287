//! Pipedrive for crmkit.

#[cfg(feature = "simulator")]
pub mod simulator;
