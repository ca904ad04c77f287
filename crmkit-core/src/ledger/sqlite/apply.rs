//! Applies the changes of a commit within the writer's transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    file::OrFailed,
    row::{Encoded, json, parsed},
    table::RowTable,
};
use crate::{
    Change, Error, Fact, LedgerKey, MigrationId, PriorValues, RecordRef, Result, Row, UnitKey, UnitState, UnitStatus,
    ledger::{
        audit::{ChainHead, content_of},
        transition::{another_destination, claimed, merge_prior},
    },
};

/// The changes of a commit, encoded where they were made so that the writer's thread only writes.
pub(super) struct Batch {
    /// In key order, changes of one key in the order they came: neighbours share a page of the file.
    rows: Vec<RowStep>,
    others: Vec<Step>,
}

enum RowStep {
    Intend(Encoded),
    Settle(Encoded),
    Free(LedgerKey),
}

enum Step {
    Unit { key: UnitKey, page: i64, done: bool, state: String },
    Prior(PriorValues),
    Fact { kind: String, key: String, value: String },
    Forget { kind: String, key: String },
    Audit(String),
}

impl RowStep {
    fn key(&self) -> &LedgerKey {
        match self {
            Self::Intend(row) | Self::Settle(row) => &row.key,
            Self::Free(key) => key,
        }
    }
}

impl Batch {
    pub(super) fn of(changes: &[Change]) -> Result<Self> {
        let mut batch = Self { rows: Vec::with_capacity(changes.len()), others: Vec::new() };
        for change in changes {
            match change {
                Change::Intend(row) => batch.rows.push(RowStep::Intend(encoded(row)?)),
                Change::Settle(row) => {
                    let closed = Encoded { intent: None, ..encoded(row)? };
                    batch.rows.push(RowStep::Settle(closed));
                }
                Change::Free(key) => batch.rows.push(RowStep::Free(key.clone())),
                Change::Unit(unit) => batch.others.push(Step::Unit {
                    key: unit.key.clone(),
                    page: page_number(&unit.key)?,
                    done: unit.status == UnitStatus::Done,
                    state: unit_json(unit),
                }),
                Change::Prior(prior) => batch.others.push(Step::Prior(prior.clone())),
                Change::Fact(Fact { kind, key, value }) => {
                    batch.others.push(Step::Fact { kind: kind.clone(), key: key.clone(), value: json(value) });
                }
                Change::Forget { kind, key } => {
                    batch.others.push(Step::Forget { kind: kind.clone(), key: key.clone() });
                }
                Change::Audit(entry) => batch.others.push(Step::Audit(content_of(entry))),
            }
        }
        batch.rows.sort_by(|a, b| a.key().cmp(b.key()));
        Ok(batch)
    }
}

fn encoded(row: &Row) -> Result<Encoded> {
    page_number(&row.unit)?;
    Ok(Encoded::of(row))
}

/// A unit's page as the file keeps it.
pub(super) fn page_number(unit: &UnitKey) -> Result<i64> {
    i64::try_from(unit.page).map_err(|_| Error::input("ledger.key", "the unit's page number is too large"))
}

fn unit_json(unit: &UnitState) -> String {
    json(&(&unit.cursor, &unit.status, &unit.counts))
}

/// Applies a batch; the chain's head moves with it.
pub(super) fn apply(
    connection: &Connection,
    migration: &MigrationId,
    head: &mut ChainHead,
    batch: &Batch,
) -> Result<()> {
    let mut table = RowTable::new(connection, migration).or_failed("ledger.commit")?;
    for step in &batch.rows {
        let allowed = match step {
            RowStep::Intend(row) => table.intend(row).map(|()| true),
            RowStep::Settle(row) => table.settle(row),
            RowStep::Free(key) => table.free(key).map(|()| true),
        };
        if !allowed.or_failed("ledger.commit")? {
            return Err(another_destination(step.key()));
        }
    }
    if let Some(key) = table.finish().or_failed("ledger.commit")? {
        return Err(claimed(&key));
    }
    apply_others(connection, head, &batch.others).or_failed("ledger.commit")
}

fn apply_others(connection: &Connection, head: &mut ChainHead, steps: &[Step]) -> rusqlite::Result<()> {
    let before = *head;
    let mut audit = connection.prepare_cached("INSERT INTO audit (sequence, content, chain) VALUES (?1, ?2, ?3)")?;
    for step in steps {
        match step {
            Step::Audit(content) => {
                *head = head.then(content.as_bytes());
                audit.execute(params![head.sequence as i64, content, head.chain.as_bytes()])?;
            }
            Step::Unit { key, page, done, state } => {
                connection
                    .prepare_cached(
                        "INSERT INTO units (pass, phase, mapping, page, done, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT DO UPDATE SET done = excluded.done, state = excluded.state",
                    )?
                    .execute(params![key.pass, key.phase, key.mapping.as_str(), page, done, state])?;
            }
            Step::Prior(prior) => keep_prior(connection, prior)?,
            Step::Fact { kind, key, value } => {
                connection
                    .prepare_cached(
                        "INSERT INTO facts (kind, key, value) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET value = excluded.value",
                    )?
                    .execute([kind, key, value])?;
            }
            Step::Forget { kind, key } => {
                connection.prepare_cached("DELETE FROM facts WHERE kind = ?1 AND key = ?2")?.execute([kind, key])?;
            }
        }
    }
    if *head != before {
        connection
            .prepare_cached("INSERT OR REPLACE INTO audit_head (one, sequence, chain) VALUES (1, ?1, ?2)")?
            .execute(params![head.sequence as i64, head.chain.as_bytes()])?;
    }
    Ok(())
}

fn keep_prior(connection: &Connection, prior: &PriorValues) -> rusqlite::Result<()> {
    let LedgerKey { mapping, object, id, part, .. } = &prior.key;
    let key = params![mapping.as_str(), object.as_str(), id.as_str(), part.as_str(), prior.pass];
    let old = connection
        .prepare_cached(
            "SELECT content FROM prior WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4 AND pass = ?5",
        )?
        .query_row(key, |row| parsed_prior(row, 0, &prior.key, prior.pass))
        .optional()?;
    let merged = merge_prior(old, prior.clone());
    let content = json(&(&merged.destination, merged.fields.iter().collect::<Vec<_>>()));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO prior (mapping, object, id, part, pass, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![mapping.as_str(), object.as_str(), id.as_str(), part.as_str(), prior.pass, content])?;
    Ok(())
}

/// The prior values in a column.
pub(super) fn parsed_prior(
    row: &rusqlite::Row<'_>,
    column: usize,
    key: &LedgerKey,
    pass: u32,
) -> rusqlite::Result<PriorValues> {
    let (destination, fields): (RecordRef, Vec<(crate::FieldName, crate::Value)>) =
        parsed(column, row.get_ref(column)?.as_str()?)?;
    Ok(PriorValues { key: key.clone(), pass, destination, fields: fields.into_iter().collect() })
}
