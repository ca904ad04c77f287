//! APSIS One: profiles, consents, tags and history by exports, segments and flows as inventory.
//!
//! The account's interface has no list of profiles, no query by time of change and no types that can be relied on. So everything
//! comes from exports, each attribute's type is told by its data, and what sections contradict each other about waits for a person.

mod account;
mod builder;
mod catalog;
mod client;
mod columns;
mod config;
mod connector;
mod consents;
mod error;
mod events;
mod extract;
mod infer;
mod lists;
mod oauth;
mod records;
#[cfg(feature = "simulator")]
pub mod simulator;
mod tags;
mod wire;

pub use builder::ApsisOneBuilder;
pub use config::{ApsisOneConfig, AttributeType, EmailEvents, EventConfig, EventKind, Limits, TagNames};
pub use connector::ApsisOne;

/// The connector's kind.
pub const KIND: &str = "apsis-one";
