//! Whole migrations between mocks: what the plan says about matching, owners, duplicates and gates happens, once.
#![cfg(feature = "testing")]

mod afterwards;
mod cycles;
mod decisions;
mod delta;
#[cfg(feature = "sqlite")]
mod erasure;
mod gates;
mod handover;
mod left_out;
mod lifecycle;
mod lost;
mod matching;
mod owners;
mod relations;
#[cfg(feature = "sqlite")]
mod spool;
mod sqlite;
mod workers;
mod world;
