//! Every fault that HTTP and Pipedrive have, on every request that the connector sends; then whole migrations through them.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod account;
mod ambiguous;
mod cells;
mod interrupted;
mod operation;
mod rows;
mod world;
