//! The simulator against the vendor's documentation, over plain HTTP.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "simulator/api.rs"]
mod api;
#[path = "simulator/errors.rs"]
mod errors;
#[path = "simulator/files.rs"]
mod files;
#[path = "simulator/graphql.rs"]
mod graphql;
#[path = "simulator/limits.rs"]
mod limits;
#[path = "simulator/lists.rs"]
mod lists;
#[path = "simulator/metadata.rs"]
mod metadata;
#[path = "simulator/records.rs"]
mod records;
#[path = "simulator/removal.rs"]
mod removal;
#[path = "simulator/specification.rs"]
mod specification;
#[path = "simulator/steering.rs"]
mod steering;
#[path = "simulator/switches.rs"]
mod switches;
#[path = "simulator/upsert.rs"]
mod upsert;
#[path = "simulator/values.rs"]
mod values;
