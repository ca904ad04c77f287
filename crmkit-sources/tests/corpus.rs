//! The fuzz targets' inputs, replayed: what once went wrong, and one of every kind.

#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../fuzz/src/export.rs"]
mod export;

use corpus::replay;

#[test]
fn export_folder() {
    replay("export_folder", export::folder);
}

#[test]
fn json_lines() {
    replay("json_lines", export::json_lines);
}

#[test]
fn foreign_manifest() {
    replay("foreign_manifest", export::foreign_manifest);
}

#[test]
fn archive() {
    replay("archive", export::archive);
}
