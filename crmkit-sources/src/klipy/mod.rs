//! Klipy: its REST interface where that answers, and a CSV harvest for the rest, combined into one set of records.
//!
//! The interface (v1, beta) gives people, the companies that they and interactions name, and interactions. Deals, notes, tags, custom
//! fields, files and owners come from CSV files that the customer fills in after [`write_templates`] wrote their headers, and that
//! somebody looks through ([`HarvestReview`]) before they are used.
//!
//! What is drawn over the interface is kept, page by page, in a snapshot: an extraction that was interrupted goes on where it was,
//! and every page of records reads the same as often as it is asked for.

mod activities;
mod attachments;
mod builder;
mod client;
mod combine;
mod config;
mod connector;
mod custom;
mod deals;
mod draw;
mod error;
mod harvest;
mod identity;
mod notes;
mod people;
mod probe;
mod proposal;
mod review;
mod schema;
mod stages;
mod store;
mod templates;
mod wire;
mod workspace;

#[cfg(feature = "simulator")]
pub mod simulator;

pub use attachments::Unmoved;
pub use builder::{KlipyBuilder, windows};
pub use config::{KeyHeader, KlipyConfig, LooseInteractions, SpreadRule};
pub use connector::Klipy;
pub use identity::{domain_key, email_key};
pub use probe::{Access, Answering, Extraction, Probe};
pub use proposal::{DuplicateGroup, Proposals, TagGroup};
pub use review::{HarvestReview, ReviewedFile};
pub use stages::{StageDecision, propose_stages};
pub use templates::write_templates;

/// The connector's kind in plans and markers.
pub const KIND: &str = "klipy";
