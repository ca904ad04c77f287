//! What changes do to a row and who may make them, the same in every ledger.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    Binding, Change, Error, ErrorKind, LedgerKey, MigrationId, Part, PriorValues, RecordRef, Result, Retry, Row,
    RowState, UnitKey,
};

/// A row, and how it was last settled while an intent is open.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) row: Row,
    pub(crate) settled: Option<Box<Row>>,
}

impl Kept {
    /// How the row was last settled, if it ever was.
    fn last(&self) -> Option<&Row> {
        self.settled.as_deref().or_else(|| (self.row.state != RowState::Intended).then_some(&self.row))
    }

    /// Opens an intent. The first one remembers how the row was settled.
    pub(crate) fn intend(old: Option<&Self>, row: Row) -> Self {
        let settled = old.and_then(|old| match &old.settled {
            Some(settled) => Some(settled.clone()),
            None if old.row.intent.is_none() => Some(Box::new(old.row.clone())),
            None => None,
        });
        Self { row, settled }
    }

    /// Closes the intent with an outcome.
    pub(crate) fn settle(old: Option<&Self>, mut row: Row) -> Result<Self> {
        let last = old.and_then(Self::last).map(|last| (last.state, last.destination.as_ref()));
        if takes_another(last, row.destination.as_ref()) {
            return Err(another_destination(&row.key));
        }
        row.intent = None;
        Ok(Self { row, settled: None })
    }

    /// Closes an intent that was not applied. `None` where nothing is known of the row any more.
    pub(crate) fn free(self) -> Option<Self> {
        if self.row.intent.is_none() {
            return Some(self);
        }
        let row = match self.settled {
            Some(settled) => *settled,
            None => freed(self.row)?,
        };
        Some(Self { row, settled: None })
    }
}

/// What is left of a row that was never settled and whose intent is closed.
pub(crate) fn freed(mut row: Row) -> Option<Row> {
    if row.state == RowState::Intended {
        if row.history.is_empty() {
            return None;
        }
        row.state = RowState::RolledBack;
    }
    row.intent = None;
    Some(row)
}

/// Whether a row that was last settled like this may not be settled with that destination.
pub(crate) fn takes_another(last: Option<(RowState, Option<&RecordRef>)>, new: Option<&RecordRef>) -> bool {
    match (last, new) {
        (None | Some((_, None)) | Some((RowState::RolledBack | RowState::Held, _)), _) | (_, None) => false,
        (Some((_, Some(old))), Some(new)) => old != new,
    }
}

/// A row is settled with another destination record.
pub(crate) fn another_destination(key: &LedgerKey) -> Error {
    let message = "a row is settled with another destination record already";
    Error::new(ErrorKind::Conflict, "ledger.commit", message, Retry::Never)
        .with_context("mapping", &key.mapping)
        .with_context("object", &key.object)
}

/// Whether a row has its destination record for itself: no other source record may have it as well. Links that are fields stand
/// beside their record's own row, and what is only linked to may be linked to by many. A write that is under way counts whatever
/// the row was before.
pub(crate) fn claims(state: RowState, part: &Part, open: bool) -> bool {
    match state {
        _ if open && *part == Part::main() => true,
        RowState::Created => true,
        RowState::Intended | RowState::Updated | RowState::Unchanged | RowState::Held => *part == Part::main(),
        RowState::Linked | RowState::Merged | RowState::Excluded | RowState::RolledBack => false,
    }
}

/// Another source record has the destination record already. Nothing was applied: whoever looks again sees it.
pub(crate) fn claimed(key: &LedgerKey) -> Error {
    let message = "the destination record stands for another source record already";
    Error::new(ErrorKind::Conflict, "ledger.commit", message, Retry::After(Duration::ZERO))
        .with_context("mapping", &key.mapping)
        .with_context("object", &key.object)
}

/// Prior values with further ones of the same row and pass: the first kept for a field stays.
pub(crate) fn merge_prior(old: Option<PriorValues>, new: PriorValues) -> PriorValues {
    let Some(mut merged) = old else { return new };
    for (field, value) in new.fields {
        merged.fields.entry(field).or_insert(value);
    }
    merged
}

/// Refuses changes that no ledger can keep: of another migration, an intent without one, an outcome that is none.
pub(crate) fn check(changes: &[Change], migration: &MigrationId) -> Result<()> {
    let wrong = |message| Err(Error::input("ledger.commit", message));
    for change in changes {
        match change {
            Change::Unit(unit) => check_migration(&unit.key.migration, migration)?,
            Change::Intend(row) if row.intent.is_none() => return wrong("an intended row carries an intent"),
            Change::Settle(row) if row.state == RowState::Intended => return wrong("a settled row has an outcome"),
            Change::Intend(row) | Change::Settle(row) => {
                check_migration(&row.key.migration, migration)?;
                check_migration(&row.unit.migration, migration)?;
            }
            Change::Free(key) => check_migration(&key.migration, migration)?,
            Change::Prior(prior) => check_migration(&prior.key.migration, migration)?,
            Change::Fact(_) | Change::Forget { .. } | Change::Audit(_) => {}
        }
    }
    Ok(())
}

/// Refuses a key of another migration than the ledger's.
pub(crate) fn check_migration(asked: &MigrationId, kept: &MigrationId) -> Result<()> {
    if asked == kept {
        return Ok(());
    }
    Err(Error::state("ledger.key", "the key belongs to another migration than the ledger")
        .with_context("key", asked)
        .with_context("ledger", kept))
}

/// Refuses a binding other than the one kept; the error names both.
pub(crate) fn check_binding(kept: &Binding, asked: &Binding) -> Result<()> {
    let parts = [
        ("migration", kept.migration.as_str(), asked.migration.as_str()),
        ("tenant", &kept.tenant, &asked.tenant),
        ("source", &kept.source, &asked.source),
        ("destination", &kept.destination, &asked.destination),
    ];
    match parts.into_iter().find(|(_, kept, asked)| kept != asked) {
        None => Ok(()),
        Some((what, kept, asked)) => Err(Error::state(
            "ledger.open",
            format!("the ledger belongs to another {what}: use the one it was made for"),
        )
        .with_context("ledger", kept)
        .with_context("asked", asked)),
    }
}

/// The ledger was not opened for a migration yet.
pub(crate) fn unbound() -> Error {
    Error::state("ledger.key", "the ledger belongs to no migration yet: call open first")
}

/// Somebody else's lease is newer.
pub(crate) fn fenced(operation: &'static str, unit: &UnitKey) -> Error {
    let message = "a newer lease of the unit was given out";
    Error::new(ErrorKind::Fenced, operation, message, Retry::Never).with_context("unit", unit)
}

/// The moment a lease ends that begins now.
pub(crate) fn lease_end(now: DateTime<Utc>, ttl: Duration) -> Result<DateTime<Utc>> {
    let ttl = chrono::Duration::from_std(ttl).ok();
    ttl.and_then(|ttl| now.checked_add_signed(ttl)).ok_or_else(|| Error::input("ledger.lease", "the lease is too long"))
}

/// Another owner's lease is running.
pub(crate) fn busy(unit: &UnitKey, now: DateTime<Utc>, until: DateTime<Utc>) -> Error {
    let wait = Retry::After((until - now).to_std().unwrap_or_default());
    Error::new(ErrorKind::Busy, "ledger.lease", "another worker holds the unit", wait)
        .with_until(until)
        .with_context("unit", unit)
        .with_context("until", until)
}
