//! The REST APIs.

mod core;
mod metadata;

pub(super) use core::core;
pub(super) use metadata::metadata;
