//! The committed inputs, replayed by the ordinary tests of the crates whose code reads them.

use std::{fs, path::Path};

/// Runs every input of a target; names the one it is at, so that a failure tells which.
pub fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 5, "{target} has a corpus");
    for input in inputs {
        println!("{}", input.display());
        run(&fs::read(input).expect("an input"));
    }
}
