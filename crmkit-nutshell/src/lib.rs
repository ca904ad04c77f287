//! Nutshell for crmkit: destination connector and simulator.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use crmkit_core::{DestinationWriter, SystemClock};
//! use crmkit_nutshell::{Nutshell, NutshellConfig};
//!
//! # async fn run() -> crmkit_core::Result<()> {
//! let config = NutshellConfig::user("ann@acme.example", "the key");
//! let nutshell = Nutshell::builder(config, Arc::new(SystemClock)).build()?;
//! let account = nutshell.describe().await?;
//! println!("{} users, {} objects", account.users.len(), account.schema.objects.len());
//! # Ok(())
//! # }
//! ```
//!
//! # How values travel
//!
//! Records go by JSON-RPC, under their revision; custom fields are made and a lead's amount is set by REST. What was written
//! comes back equal, with these exceptions, which Nutshell forces:
//!
//! - **Phone numbers** are set anew, **web addresses** get a scheme: compared by digits, and without it.
//! - **Numbers and moments in custom fields** have no type: they are text. A boolean is a pick-list of `Yes` and `No`.
//! - **A note's date** cannot be set: it stands in the first line of its text, and is read from there again.
//! - **The currency of a lead** is its market's: one without a market is refused.

mod builder;
mod client;
mod config;
mod connector;
mod convert;
mod cost;
mod error;
mod files;
mod object;
mod provisioner;
mod reader;
mod remover;
mod schema;
#[cfg(feature = "simulator")]
pub mod simulator;
mod wire;
mod writer;

pub use builder::NutshellBuilder;
pub use config::NutshellConfig;
pub use connector::Nutshell;

/// The connector's kind in configurations and documents.
pub const KIND: &str = "nutshell";
