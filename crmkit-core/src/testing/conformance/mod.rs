//! Rules that every implementation of a contract keeps.

pub mod source;
