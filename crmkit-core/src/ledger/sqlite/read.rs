//! The thread that reads, on its own connection: it sees the last commit and never waits for the next.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, OnceLock, mpsc},
};

use futures::channel::oneshot;
use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow, params};

use super::{
    apply::{page_number, parsed_prior},
    file::OrFailed,
    row::{COLUMNS, decode, digest, json, parsed, state_number, state_of, uncertain_of, unsigned},
    schema,
};
use crate::{
    AuditLine, Binding, Count, Cursor, Digest, Entry, Fact, LedgerKey, MigrationId, RecordRef, Result, Row, RowState,
    Select, UnitKey, UnitState,
    ledger::{
        cursor::{after_count, after_number, after_row, after_unit, count_key},
        transition::unbound,
    },
};

/// What the reader is asked for.
pub(super) enum Query {
    Rows { keys: Vec<LedgerKey>, reply: oneshot::Sender<Result<Vec<Option<Row>>>> },
    Select { select: Select, after: Option<Cursor>, most: usize, reply: oneshot::Sender<Result<Vec<Entry>>> },
}

pub(super) struct Reader {
    connection: Connection,
    binding: Arc<OnceLock<Binding>>,
}

impl Reader {
    pub(super) fn new(path: &Path, binding: Arc<OnceLock<Binding>>) -> Result<Self> {
        Ok(Self { connection: schema::open_reader(path)?, binding })
    }

    /// Works until the last handle is gone.
    pub(super) fn run(self, queries: &mpsc::Receiver<Query>) {
        while let Ok(query) = queries.recv() {
            // A caller who dropped its future asked for no answer.
            match query {
                Query::Rows { keys, reply } => drop(reply.send(self.rows(&keys))),
                Query::Select { select, after, most, reply } => {
                    drop(reply.send(self.select(&select, after.as_ref(), most)));
                }
            }
        }
    }

    fn migration(&self) -> Result<&MigrationId> {
        self.binding.get().map(|binding| &binding.migration).ok_or_else(unbound)
    }

    fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        let migration = self.migration()?;
        let read = || {
            let snapshot = self.connection.unchecked_transaction()?;
            let mut row = snapshot.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM entries e
                 WHERE e.mapping = ?1 AND e.object = ?2 AND e.id = ?3 AND e.part = ?4"
            ))?;
            let of = |key: &LedgerKey| {
                let key = (key.mapping.as_str(), key.object.as_str(), key.id.as_str(), key.part.as_str());
                row.query_row(key, |row| decode(row, migration)).optional()
            };
            keys.iter().map(of).collect::<rusqlite::Result<_>>()
        };
        read().or_failed("ledger.rows")
    }

    fn select(&self, select: &Select, after: Option<&Cursor>, most: usize) -> Result<Vec<Entry>> {
        let migration = self.migration()?;
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        match select {
            Select::OpenIntents(unit) => {
                let after = After::row(after, migration)?;
                let (page, mapping) = (page_number(unit)?, unit.mapping.as_str());
                let sql = format!(
                    "SELECT {COLUMNS} FROM entries e
                     WHERE e.intent IS NOT NULL AND e.pass = ?6 AND e.phase = ?7 AND e.page = ?8
                       AND coalesce(e.unit, e.mapping) = ?9 AND {}
                     ORDER BY e.mapping, e.object, e.id, e.part LIMIT ?5",
                    after.follows("e")
                );
                let [a, b, c, d] = after.parts();
                self.list(&sql, params![a, b, c, d, limit, unit.pass, unit.phase, page, mapping], row_of(migration))
            }
            Select::Rows { mapping, pass, states } => {
                let after = After::row(after, migration)?;
                // Only a condition in the index's own words lets SQLite use it.
                let held = if *states == [RowState::Held] { "AND e.state = 6" } else { "" };
                let sql = format!(
                    "SELECT {COLUMNS} FROM entries e
                     WHERE e.mapping = ?6 AND (e.object, e.id, e.part) {} (?2, ?3, ?4)
                       AND (?7 IS NULL OR e.pass = ?7) AND (?8 = 0 OR (?8 >> e.state) & 1) {held}
                     ORDER BY e.object, e.id, e.part LIMIT ?5",
                    after.operator()
                );
                let states = states.iter().fold(0, |set, state| set | 1_i64 << state_number(*state));
                let [a, b, c, d] = after.parts();
                self.list(&sql, params![a, b, c, d, limit, mapping.as_str(), pass, states], row_of(migration))
            }
            Select::ByDestination(records) => self.rows_by(records, after, limit, "entries", "w.to_id IS NOT NULL AND"),
            Select::LinkingTo(records) => self.rows_by(records, after, limit, "links", ""),
            Select::OpenUnits(pass) => self.units(*pass, after, limit, "done = 0 AND"),
            Select::Units(pass) => self.units(*pass, after, limit, ""),
            Select::Facts(kind) => {
                let sql = "SELECT kind, key, value FROM facts WHERE kind = ?1 AND (?2 IS NULL OR key > ?2)
                           ORDER BY key LIMIT ?3";
                self.list(sql, params![kind, after.map(|after| &after.0), limit], fact_of)
            }
            Select::FactsAt(kind, keys) => {
                let sql = "SELECT kind, key, value FROM facts
                           WHERE kind = ?1 AND (?2 IS NULL OR key > ?2) AND key IN (SELECT value FROM json_each(?4))
                           ORDER BY key LIMIT ?3";
                self.list(sql, params![kind, after.map(|after| &after.0), limit, json(keys)], fact_of)
            }
            Select::Prior(key) => {
                let after = after_number(after)?.map_or(-1, signed);
                let sql = "SELECT pass, content FROM prior
                           WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4 AND pass > ?5
                           ORDER BY pass LIMIT ?6";
                let LedgerKey { mapping, object, id, part, .. } = key;
                self.list(
                    sql,
                    params![mapping.as_str(), object.as_str(), id.as_str(), part.as_str(), after, limit],
                    |row| parsed_prior(row, 1, key, row.get(0)?).map(Entry::Prior),
                )
            }
            Select::Audit => {
                let after = after_number(after)?.map_or(0, signed);
                let sql = "SELECT sequence, content, chain FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
                self.list(sql, params![after, limit], line_of)
            }
            Select::AuditHead => {
                let after = after_number(after)?.map_or(0, signed);
                let sql = "SELECT sequence, content, chain FROM audit WHERE sequence > ?1 ORDER BY sequence DESC LIMIT min(1, ?2)";
                self.list(sql, params![after, limit], line_of)
            }
            Select::Counts { pass } => {
                let after = after_count(after)?;
                let sql = "SELECT mapping, part, state, uncertain, sum(entries) FROM counts
                           WHERE ?1 IS NULL OR pass = ?1 GROUP BY mapping, part, state, uncertain
                           HAVING sum(entries) > 0 ORDER BY mapping, part, state, uncertain";
                let counts = self.list(sql, params![pass], count_of)?.into_iter();
                let follows = |count: &Count| after.as_ref().is_none_or(|after| count_key(count) > *after);
                Ok(counts.filter(|entry| matches!(entry, Entry::Count(count) if follows(count))).take(most).collect())
            }
        }
    }

    /// Rows that a table keeps under destination records.
    fn rows_by(
        &self,
        records: &[RecordRef],
        after: Option<&Cursor>,
        limit: i64,
        table: &str,
        index: &str,
    ) -> Result<Vec<Entry>> {
        let migration = self.migration()?;
        let after = After::row(after, migration)?;
        let wanted: BTreeSet<_> = records.iter().map(|record| (&record.object, &record.id)).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM (
                 SELECT DISTINCT w.mapping, w.object, w.id, w.part FROM json_each(?6) AS j CROSS JOIN {table} AS w
                 WHERE {index} w.to_object = j.value ->> 0 AND w.to_id = j.value ->> 1 AND {}
                 ORDER BY w.mapping, w.object, w.id, w.part LIMIT ?5
             ) AS k CROSS JOIN entries AS e
             WHERE e.mapping = k.mapping AND e.object = k.object AND e.id = k.id AND e.part = k.part
             ORDER BY e.mapping, e.object, e.id, e.part",
            after.follows("w")
        );
        let [a, b, c, d] = after.parts();
        self.list(&sql, params![a, b, c, d, limit, json(&wanted)], row_of(migration))
    }

    fn units(&self, pass: u32, after: Option<&Cursor>, limit: i64, which: &str) -> Result<Vec<Entry>> {
        let migration = self.migration()?;
        let after = after_unit(after, migration)?;
        let operator = if after.is_some() { ">" } else { ">=" };
        let (phase, mapping, page) =
            after.map_or((0, String::new(), 0), |unit| (unit.phase, unit.mapping.to_string(), signed(unit.page)));
        let sql = format!(
            "SELECT pass, phase, mapping, page, state FROM units
             WHERE {which} pass = ?1 AND (phase, mapping, page) {operator} (?2, ?3, ?4)
             ORDER BY phase, mapping, page LIMIT ?5"
        );
        self.list(&sql, params![pass, phase, mapping, page, limit], |row| {
            let (cursor, status, counts) = parsed(4, row.get_ref(4)?.as_str()?)?;
            let key = UnitKey {
                migration: migration.clone(),
                pass: row.get(0)?,
                phase: row.get(1)?,
                mapping: row.get_ref(2)?.as_str()?.into(),
                page: unsigned(row, 3)?,
            };
            Ok(Entry::Unit(UnitState { key, cursor, status, counts }))
        })
    }

    fn list(
        &self,
        sql: &str,
        params: impl Params,
        entry: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<Entry>,
    ) -> Result<Vec<Entry>> {
        let read = || self.connection.prepare_cached(sql)?.query_map(params, entry)?.collect::<rusqlite::Result<_>>();
        read().or_failed("ledger.select")
    }
}

/// The row after which a page begins; the beginning is before or at the smallest key.
struct After(Option<LedgerKey>);

impl After {
    fn row(after: Option<&Cursor>, migration: &MigrationId) -> Result<Self> {
        after_row(after, migration).map(Self)
    }

    fn operator(&self) -> &'static str {
        if self.0.is_some() { ">" } else { ">=" }
    }

    /// The condition, with parameters 1 to 4.
    fn follows(&self, table: &str) -> String {
        let operator = self.operator();
        format!("({table}.mapping, {table}.object, {table}.id, {table}.part) {operator} (?1, ?2, ?3, ?4)")
    }

    fn parts(&self) -> [&str; 4] {
        match &self.0 {
            Some(key) => [key.mapping.as_str(), key.object.as_str(), key.id.as_str(), key.part.as_str()],
            None => [""; 4],
        }
    }
}

/// A number as SQLite keeps it; nothing kept is larger.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn row_of(migration: &MigrationId) -> impl Fn(&SqlRow<'_>) -> rusqlite::Result<Entry> {
    move |row| decode(row, migration).map(Entry::Row)
}

fn fact_of(row: &SqlRow<'_>) -> rusqlite::Result<Entry> {
    let value = parsed(2, row.get_ref(2)?.as_str()?)?;
    Ok(Entry::Fact(Fact { kind: row.get(0)?, key: row.get(1)?, value }))
}

fn line_of(row: &SqlRow<'_>) -> rusqlite::Result<Entry> {
    let entry = parsed(1, row.get_ref(1)?.as_str()?)?;
    let chain = digest(row, 2)?.unwrap_or(Digest::from_bytes([0; 16]));
    Ok(Entry::Audit(AuditLine { sequence: unsigned(row, 0)?, entry, chain }))
}

fn count_of(row: &SqlRow<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry::Count(Count {
        mapping: row.get_ref(0)?.as_str()?.into(),
        part: row.get_ref(1)?.as_str()?.into(),
        state: state_of(row, 2)?,
        uncertain: uncertain_of(row, 3)?,
        rows: unsigned(row, 4)?,
    }))
}
