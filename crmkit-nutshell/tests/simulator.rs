//! The simulator against the vendor's documentation, over plain HTTP.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "simulator/api.rs"]
mod api;
#[path = "simulator/files.rs"]
mod files;
#[path = "simulator/finding.rs"]
mod finding;
#[path = "simulator/leads.rs"]
mod leads;
#[path = "simulator/limits.rs"]
mod limits;
#[path = "simulator/protocol.rs"]
mod protocol;
#[path = "simulator/records.rs"]
mod records;
#[path = "simulator/rest.rs"]
mod rest;
#[path = "simulator/shapes.rs"]
mod shapes;
#[path = "simulator/steering.rs"]
mod steering;
#[path = "simulator/switches.rs"]
mod switches;
#[path = "simulator/timeline.rs"]
mod timeline;
