//! The file's layout, how a file is recognised, and how an older one is brought up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::file::OrFailed;
use crate::{Error, Result};

/// Marks a SQLite file as a ledger: "crmk".
const APPLICATION_ID: i32 = 0x6372_6d6b;

/// What each version of the layout added to the one before. `user_version` is the number of steps a file has taken.
/// A released step never changes.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE leases (
        pass INTEGER NOT NULL, phase INTEGER NOT NULL, mapping TEXT NOT NULL, page INTEGER NOT NULL,
        owner TEXT NOT NULL, epoch INTEGER NOT NULL, until TEXT NOT NULL,
        PRIMARY KEY (pass, phase, mapping, page)
    ) WITHOUT ROWID;

    CREATE TABLE units (
        pass INTEGER NOT NULL, phase INTEGER NOT NULL, mapping TEXT NOT NULL, page INTEGER NOT NULL,
        done INTEGER NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (pass, phase, mapping, page)
    ) WITHOUT ROWID;
    CREATE INDEX open_units ON units (pass, phase, mapping, page) WHERE done = 0;

    -- unit is the unit's mapping where it differs from the row's; settled is the last outcome while an intent is open
    CREATE TABLE entries (
        mapping TEXT NOT NULL, object TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL,
        state INTEGER NOT NULL, to_object TEXT, to_id TEXT, hash BLOB, seal BLOB,
        pass INTEGER NOT NULL, phase INTEGER NOT NULL, unit TEXT, page INTEGER NOT NULL,
        uncertain INTEGER, intent TEXT, links TEXT, rest TEXT, settled TEXT,
        PRIMARY KEY (mapping, object, id, part)
    ) WITHOUT ROWID;
    CREATE INDEX open_intents ON entries (pass, phase, page) WHERE intent IS NOT NULL;
    CREATE INDEX destinations ON entries (to_object, to_id) WHERE to_id IS NOT NULL;

    CREATE TABLE links (
        to_object TEXT NOT NULL, to_id TEXT NOT NULL,
        mapping TEXT NOT NULL, object TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL,
        PRIMARY KEY (to_object, to_id, mapping, object, id, part)
    ) WITHOUT ROWID;

    -- how many entries stand where, kept with every commit: a status costs a few lines, not a walk
    CREATE TABLE counts (
        mapping TEXT NOT NULL, part TEXT NOT NULL, state INTEGER NOT NULL, uncertain INTEGER NOT NULL,
        pass INTEGER NOT NULL, entries INTEGER NOT NULL,
        PRIMARY KEY (mapping, part, state, uncertain, pass)
    ) WITHOUT ROWID;

    CREATE TABLE prior (
        mapping TEXT NOT NULL, object TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL, pass INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (mapping, object, id, part, pass)
    ) WITHOUT ROWID;

    CREATE TABLE facts (
        kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;

    CREATE TABLE audit (sequence INTEGER PRIMARY KEY, content TEXT NOT NULL, chain BLOB NOT NULL);
",
    "
    -- how far the audit log reaches, moved with every commit: lines cut off at its end are missed
    CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, chain BLOB NOT NULL);
    INSERT INTO audit_head SELECT 1, sequence, chain FROM audit ORDER BY sequence DESC LIMIT 1;

    -- what waits is asked for after every run and is little among much
    CREATE INDEX held ON entries (mapping, object, id, part) WHERE state = 6;
",
];

/// The writing connection, of a file that is a ledger of this release's layout.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).or_failed("ledger.open").map_err(named(path))?;
    connection.busy_timeout(Duration::from_secs(10)).or_failed("ledger.open")?;
    recognise(&connection, path)?;
    configure(&connection).or_failed("ledger.open").map_err(named(path))?;
    upgrade(&mut connection, STEPS).or_failed("ledger.open").map_err(named(path))?;
    Ok(connection)
}

/// A second connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).or_failed("ledger.open").map_err(named(path))?;
    connection.busy_timeout(Duration::from_secs(10)).or_failed("ledger.open")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn named(path: &Path) -> impl Fn(Error) -> Error {
    move |error| error.with_context("file", path.display())
}

/// Refuses what is not a ledger, or one from a newer release, before anything is changed.
fn recognise(connection: &Connection, path: &Path) -> Result<()> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<_> {
        let application = number("SELECT application_id FROM pragma_application_id")?;
        let version = number("SELECT user_version FROM pragma_user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        Ok((application, version, tables))
    };
    let foreign = |found: String| {
        Error::storage("ledger.open", "the file is not a crmkit ledger: name another file, or move this one away")
            .with_context("file", path.display())
            .with_context("found", found)
    };
    let (application, version, tables) = match read() {
        Ok(found) => found,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign("no SQLite file".to_owned()).with_source(error));
        }
        Err(error) => return Err(error).or_failed("ledger.open").map_err(named(path)),
    };
    if application == 0 && tables == 0 {
        return Ok(()); // a new file, or one whose maker was stopped before the first step
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(foreign(format!("a SQLite file with application id {application}")));
    }
    if version > STEPS.len() as i64 {
        let message = "the ledger was written by a newer release: use that release";
        return Err(Error::storage("ledger.open", message)
            .with_context("file", path.display())
            .with_context("found", format!("format {version}"))
            .with_context("known", format!("format {}", STEPS.len())));
    }
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.pragma_update(None, "cache_size", -8_000)?; // a fixed 8 MB: keys arrive in order
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Not FAST, which leaves freed pages as they were: an erasure later on would not reach what they hold.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Takes the steps that the file has not taken yet, all or none.
fn upgrade(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = usize::try_from(version).unwrap_or(0);
    if taken >= steps.len() {
        return Ok(());
    }
    for sql in &steps[taken..] {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_takes_only_the_missing_steps() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"];
        upgrade(&mut connection, &steps[..2]).unwrap();
        upgrade(&mut connection, &steps).unwrap();
        upgrade(&mut connection, &steps).unwrap();
        let sum: i64 = connection.query_row("SELECT sum(x) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 3, "each step once");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        upgrade(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE c (x); nonsense"];
        upgrade(&mut connection, &steps).unwrap_err();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version, tables), (1, 1));
    }
}
