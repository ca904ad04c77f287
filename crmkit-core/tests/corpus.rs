//! The fuzz targets' inputs, replayed: what once went wrong, and one of every kind.
#![cfg(feature = "testing")]

#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/plan.rs"]
mod plan;

use corpus::replay;

#[test]
fn plan_toml() {
    replay("plan_toml", plan::toml);
}

#[test]
fn plan_json() {
    replay("plan_json", plan::json);
}
