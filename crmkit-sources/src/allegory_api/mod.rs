//! Allegory's export over REST: the same objects, columns and records as the [export folder](crate::allegory), a page at a time.
//!
//! The interface is the folder's contract over HTTP: `GET /v1/schema`, `GET /v1/{object}` with `limit`, `cursor` and
//! `updated_since`, `GET /v1/deleted` for a delta, `GET /v1/attachments/{id}/content`; a bearer token; 429 with `Retry-After`.
//! Records are harvested into a folder of the host's first, so that pages read the same twice, and a harvest that was interrupted
//! goes on where it was.

mod builder;
mod client;
mod config;
mod connector;
mod files;
mod harvest;
mod progress;
#[cfg(feature = "simulator")]
pub mod simulator;

pub use builder::AllegoryApiBuilder;
pub use config::AllegoryApiConfig;
pub use connector::AllegoryApi;
