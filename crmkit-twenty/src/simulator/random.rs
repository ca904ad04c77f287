//! Ids that a seed repeats.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

fn uuid_of(text: &str) -> Uuid {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// The id of something that is the same everywhere.
pub(super) fn fixed_id(name: &str) -> String {
    uuid_of(&format!("twenty standard {name}")).to_string()
}

/// The `count`-th id of a workspace.
pub(super) fn id(seed: &str, count: u64) -> String {
    uuid_of(&format!("{seed} {count}")).to_string()
}

/// A token that nobody guesses, and that the same text gives again.
pub(super) fn token(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}
