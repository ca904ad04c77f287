//! The fuzz targets' inputs, replayed: what once went wrong, and one of every kind.

#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/answers.rs"]
mod answers;
#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;

use corpus::replay;

#[test]
fn pipedrive_answers() {
    replay("pipedrive_answers", answers::pipedrive);
}
