//! Pipedrive for crmkit: destination connector and simulator.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use crmkit_core::{DestinationWriter, SystemClock};
//! use crmkit_pipedrive::{Pipedrive, PipedriveConfig, Tier};
//!
//! # async fn run() -> crmkit_core::Result<()> {
//! let mut config = PipedriveConfig::company("acme", "the token");
//! config.tier = Tier::Growth;
//! config.seats = 5;
//! let pipedrive = Pipedrive::builder(config, Arc::new(SystemClock)).build()?;
//! let account = pipedrive.describe().await?;
//! println!("{} users, {} objects", account.users.len(), account.schema.objects.len());
//! # Ok(())
//! # }
//! ```
//!
//! # How values travel
//!
//! API v2 is used where it exists, v1 for notes, relations between organizations and users. What was written comes back
//! equal, with these exceptions, which Pipedrive forces:
//!
//! - **Numbers** are binary at the other side. A decimal comes back without trailing zeros, an `Int` in a decimal field
//!   as a `Decimal`; compare by amount. A number that would come back as another is refused.
//! - **Times** have whole seconds; fractions are cut off.
//! - **E-mails and phones** without a label come back with the account's default one (`work`), the first as the primary one.
//! - **Notes** are cleaned: tags that Pipedrive does not know are gone, the visible text stays.
//! - **Moments in custom fields** have no type: a field asked for with `Timestamp` is a text field with RFC 3339 text, one
//!   asked for with `Bool` a pick-list of `Yes` and `No`, one asked for with `Link` to a deal is refused.

mod builder;
mod client;
mod config;
mod connector;
mod convert;
mod cost;
mod endpoint;
mod error;
mod files;
mod nested;
mod oauth;
mod object;
mod provisioner;
mod reader;
mod remover;
mod schema;
#[cfg(feature = "simulator")]
pub mod simulator;
mod wire;
mod writer;

pub use builder::{PipedriveBuilder, windows};
pub use config::{Auth, PipedriveConfig, Tier};
pub use connector::Pipedrive;
pub use oauth::{OAuth, OAuthTokens};

/// The connector's kind in configurations and documents.
pub const KIND: &str = "pipedrive";
