//! One record's write while a unit works on it.

use crate::{
    AuditEntry, Change, Digest, FieldName, Fields, IntendedOperation, Intent, LedgerKey, ObjectName, OperationKind,
    Row, RowState, Stored, UnitKey, engine::Core,
};
use chrono::{DateTime, Utc};

/// A write that the unit is about to make.
#[derive(Debug)]
pub(super) struct Work {
    /// The row as it will be settled, but for what the answer tells.
    pub(super) row: Row,
    /// The state it will be settled in.
    pub(super) state: RowState,
    /// The destination object.
    pub(super) object: ObjectName,
    /// Create or update.
    pub(super) kind: OperationKind,
    /// The values to send; taken when they are.
    pub(super) fields: Fields,
    /// Digest of the whole payload, also where only part of it is sent.
    pub(super) hash: Digest,
    /// Marker or witness; taken into the intent.
    pub(super) probe: Fields,
}

impl Work {
    /// The row with the intent to make this write.
    pub(super) fn intend(&self, now: DateTime<Utc>, send_before: DateTime<Utc>) -> Change {
        let operation = match &self.kind {
            OperationKind::Create => IntendedOperation::Create,
            OperationKind::Update { id, .. } => IntendedOperation::Update { id: id.clone() },
        };
        let mut row = self.row.clone();
        row.intent = Some(Intent {
            operation,
            object: self.object.clone(),
            hash: self.hash,
            probe: self.probe.clone(),
            sent_after: now,
            send_before,
        });
        Change::Intend(row)
    }
}

/// The row and audit line of a final outcome.
pub(super) fn settled(core: &Core, row: Row, operation: &str) -> [Change; 2] {
    let line = AuditEntry {
        time: core.clock.now(),
        actor: core.actor.clone(),
        operation: operation.to_owned(),
        key: core.keyed(&row.key),
        destination: row.destination.clone(),
        hash: row.hash,
        result: row.state.as_str().to_owned(),
    };
    [Change::Settle(row), Change::Audit(line)]
}

/// The row as it is held.
pub(super) fn held(mut row: Row, unit: &UnitKey, reason: impl Into<String>) -> Row {
    row.state = RowState::Held;
    row.intent = None;
    row.unit = unit.clone();
    row.reason = Some(reason.into());
    row
}

/// The row about a key, known or new, as this unit's.
pub(super) fn row_of(known: Option<Row>, key: LedgerKey, unit: &UnitKey) -> Row {
    let mut row = known.unwrap_or_else(|| Row::new(key, unit.clone()));
    if row.unit.pass != unit.pass && !row.state.is_written() {
        // It told of a create of an earlier pass, of which nothing is left.
        row.uncertain = None;
    }
    row.unit = unit.clone();
    row.reason = None;
    row.waits_for = None;
    row
}

/// The seal of a record: its content without what moves by itself.
pub(super) fn seal(stored: &Stored, volatile: &[FieldName]) -> Digest {
    Digest::of_fields(stored.fields.iter().filter(|(name, value)| !volatile.contains(name) && !value.is_empty()))
}
