//! Whole migrations of a small source with one of everything.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod caps;
mod conflicts;
mod switches;
mod world;
