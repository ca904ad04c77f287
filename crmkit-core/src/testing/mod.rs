//! What tests of hosts and connectors share.

pub mod conformance;
