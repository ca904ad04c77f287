//! The simulator against the vendor's documentation, over plain HTTP.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "simulator/activities.rs"]
mod activities;
#[path = "simulator/api.rs"]
mod api;
#[path = "simulator/files.rs"]
mod files;
#[path = "simulator/filters.rs"]
mod filters;
#[path = "simulator/leads.rs"]
mod leads;
#[path = "simulator/limits.rs"]
mod limits;
#[path = "simulator/oauth.rs"]
mod oauth;
#[path = "simulator/people.rs"]
mod people;
#[path = "simulator/products.rs"]
mod products;
#[path = "simulator/records.rs"]
mod records;
#[path = "simulator/specification.rs"]
mod specification;
#[path = "simulator/steering.rs"]
mod steering;
#[path = "simulator/unknowns.rs"]
mod unknowns;
