//! The transport that HTTP connectors share: budget, clock, credentials, deadlines and verdicts in one place.
//!
//! A connector says what is particular to its vendor in a [`Dialect`]; the [`Transport`] does the rest.

mod builder;
mod dialect;
mod failure;
mod form;
mod plain;
mod request;
mod transport;

pub use builder::TransportBuilder;
pub use dialect::{Dialect, Verdict, retry_after};
pub use form::file_form;
pub use plain::PlainDialect;
pub use request::{Answer, Request};
pub use transport::Transport;

pub use reqwest;
