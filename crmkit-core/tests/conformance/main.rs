//! The mocks keep the rules that connectors keep; broken ones break exactly theirs. Ledgers have a test of their own.
#![cfg(feature = "testing")]

mod citations;
mod destinations;
mod saboteur;
mod sources;
