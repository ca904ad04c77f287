//! Twenty for crmkit: destination connector and simulator.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use crmkit_core::{DestinationWriter, SystemClock};
//! use crmkit_twenty::{Twenty, TwentyConfig};
//!
//! # async fn run() -> crmkit_core::Result<()> {
//! let config = TwentyConfig::at("https://crm.acme.example", "the API key");
//! let twenty = Twenty::builder(config, Arc::new(SystemClock)).build()?;
//! let workspace = twenty.describe().await?;
//! println!("{} members, {} objects", workspace.users.len(), workspace.schema.objects.len());
//! # Ok(())
//! # }
//! ```
//!
//! # How values travel
//!
//! Every workspace has its own schema, so it is asked and never assumed. What was written comes back equal, after the
//! spelling that Twenty gives it ([`respells`](crmkit_core::DestinationWriter::respells) knows it):
//!
//! - **E-mails** in lower case and without labels; **phones** in international form and without labels; **web
//!   addresses** with their origin in lower case and without a last slash.
//! - **HTML** becomes Markdown, which is what Twenty keeps.
//! - **Money** has six decimals at most; empty texts and names are nothing.

mod builder;
mod client;
mod config;
mod connector;
mod convert;
mod csv;
mod error;
mod files;
mod junction;
mod metadata;
mod naming;
mod provisioner;
mod reader;
mod refusal;
mod remover;
mod schema;
#[cfg(feature = "simulator")]
pub mod simulator;
mod updates;
mod writer;

pub use builder::{TwentyBuilder, windows};
pub use config::TwentyConfig;
pub use connector::Twenty;
pub use csv::{Attached, CSV_KIND, DeliveredFile, Delivery, TwentyCsv};

/// The connector's kind in configurations and documents.
pub const KIND: &str = "twenty";
