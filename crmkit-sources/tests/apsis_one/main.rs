//! The APSIS One source against its simulator: contract, what becomes of what, and extractions that are interrupted.
#![cfg(all(feature = "apsis-one", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test that fails")]

mod conformance;
mod extraction;
mod history;
mod records;
mod simulator;
mod world;
