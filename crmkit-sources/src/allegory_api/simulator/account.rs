//! What an account holds, as a seed has it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A row: column names and what is in them.
pub(super) type Row = Map<String, Value>;

/// Everything of an account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Seed {
    pub(super) instance: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    /// Types of fields, as `schema.json` has them under `objects`.
    pub(super) schema: IndexMap<String, Value>,
    pub(super) objects: IndexMap<String, Vec<Row>>,
    /// `object`, `id`, `deleted_at`.
    pub(super) deleted: Vec<Row>,
    /// The bytes of attachments, by id.
    pub(super) files: IndexMap<String, Content>,
    pub(super) tokens: Vec<String>,
    pub(super) switches: Switches,
}

/// The bytes of an attachment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Text(String),
    /// A file of this machine.
    Path(std::path::PathBuf),
}

/// What the contract leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// Requests a second (10).
    pub per_second: usize,
    /// The most rows of a page, whatever `limit` says (200).
    pub most_rows: usize,
    /// Whether a 429 says how long to wait (yes).
    pub retry_after: bool,
    /// Whether numbers are JSON numbers where they are the same written back (no: texts, as in CSV).
    pub numbers: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { per_second: 10, most_rows: 200, retry_after: true, numbers: false }
    }
}
