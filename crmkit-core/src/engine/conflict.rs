//! Conflicts: records that changed at both ends since we wrote them.

use serde::{Deserialize, Serialize};

use crate::{Change, ConflictPolicy, FieldName, MappingId, RecordRef, engine::facts::keep, engine::pass::pass_key};

/// A record that changed at the source, and whose destination record somebody else changed since we wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The mapping.
    pub mapping: MappingId,
    /// The source record.
    pub source: RecordRef,
    /// The record at the destination.
    pub destination: RecordRef,
    /// The fields that have other values there than the source asks for.
    pub fields: Vec<FieldName>,
    /// What was done about it.
    pub policy: ConflictPolicy,
}

/// The kind under which a delta keeps its conflicts.
pub(crate) fn conflict_kind(pass: u32) -> String {
    format!("conflict/{}", pass_key(pass))
}

impl Conflict {
    pub(super) fn keep(&self, pass: u32) -> Change {
        keep(&conflict_kind(pass), format!("{}/{}", self.mapping, self.source), self)
    }
}
