//! How many records a second does a ledger intend and settle, in pages of 200, one page after the other?
//!
//! `ledger [RECORDS] [ROUNDS]`; 100,000 and 5 unless told. Each row is settled with its audit line, as the engine does. Beside it
//! runs a plain loop that puts the same bytes into SQLite in the same transactions, and checks nothing.

use std::{env, path::Path, sync::Arc, time::Duration};

use crmkit_benches::{Failure, Reading, Usage, median};
use crmkit_core::{
    AuditEntry, Binding, Change, Clock, Digest, IdLedger, IntendedOperation, Intent, LedgerKey, MemoryLedger,
    RecordRef, Row, RowState, SqliteLedger, SystemClock, UnitKey, UnitState, UnitStatus, Value,
};
use rusqlite::Connection;

const PAGE: u64 = 200;
/// Records a second of the durable ledger on a core of its own.
const BAR: f64 = 50_000.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    println!("{count} records, {rounds} rounds");
    let mut readings = Vec::new();
    for round in 0..rounds {
        let folder = tempfile::tempdir()?;
        let ledger = SqliteLedger::open_file(folder.path().join("bench.ledger"), Arc::new(SystemClock))?;
        // Whoever comes second in one round comes first in the next.
        let (sqlite, plain) = if round % 2 == 0 {
            let sqlite = fill(&ledger, count).await?;
            (sqlite, plain(&folder.path().join("plain.sqlite"), count)?)
        } else {
            let plain = plain(&folder.path().join("plain.sqlite"), count)?;
            (fill(&ledger, count).await?, plain)
        };
        let memory = fill(&MemoryLedger::new(Arc::new(SystemClock)), count).await?;
        for (name, reading) in [("SQLite", &sqlite), ("plain", &plain), ("memory", &memory)] {
            print!("  {name} {:7.0}/s {:.4} ms CPU", reading.rate(), reading.cpu_per_record());
        }
        println!();
        readings.push((sqlite.rate(), plain.rate(), memory.rate()));
    }
    let over = |one: fn(&(f64, f64, f64)) -> f64| median(readings.iter().map(one));
    println!("records per second, SQLite over the plain loop: {:.2}", over(|(sqlite, plain, _)| sqlite / plain));
    println!("records per second, SQLite over memory:         {:.2}", over(|(sqlite, _, memory)| sqlite / memory));
    let rate = over(|(sqlite, ..)| *sqlite);
    println!("records per second, SQLite:                     {rate:.0}, {:.2} of the bar of {BAR}", rate / BAR);
    Ok(())
}

/// What a page puts into its two transactions: rows with their intents, then outcomes with their audit lines and the unit.
struct Content {
    keys: Vec<String>,
    intents: Vec<String>,
    outcomes: Vec<String>,
    lines: Vec<String>,
    unit: String,
}

/// The same bytes in the same transactions: a lease, intents, outcomes.
fn plain(file: &Path, count: u64) -> Result<Reading, Failure> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000;
         PRAGMA cache_size = -8000;
         CREATE TABLE units (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
         CREATE TABLE entries (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
         CREATE TABLE audit (sequence INTEGER PRIMARY KEY, content TEXT NOT NULL);",
    )?;
    let pages: Vec<Content> = (0..count.div_ceil(PAGE)).map(|page| content(page, count)).collect::<Result<_, _>>()?;
    let before = Usage::now()?;
    for Content { keys, intents, outcomes, lines, unit } in &pages {
        for (entries, lines) in [(&[][..], &[][..]), (intents, &[]), (outcomes, lines)] {
            let transaction = connection.transaction()?;
            for (key, content) in keys.iter().zip(entries) {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO entries VALUES (?1, ?2)")?
                    .execute([key, content])?;
            }
            for line in lines {
                transaction.prepare_cached("INSERT INTO audit (content) VALUES (?1)")?.execute([line])?;
            }
            if entries.len() == lines.len() {
                transaction.prepare_cached("INSERT OR REPLACE INTO units VALUES (?1, ?1)")?.execute([unit])?;
            }
            transaction.commit()?;
        }
    }
    Ok(before.since(count)?)
}

/// A page as text. Values as their columns, as a row's own JSON has names and empty members that no file needs.
fn content(page: u64, count: u64) -> Result<Content, Failure> {
    let unit = unit(page);
    let rows: Vec<Row> = rows(&unit, count);
    let intent = |row: &Row| match intend(row) {
        Change::Intend(Row { intent, links, .. }) => serde_json::to_string(&(intent, links)),
        _ => Ok(String::new()),
    };
    let outcome = |row: &Row| serde_json::to_string(&(row.state, &row.destination, row.hash, row.seal, &row.links));
    let mut content = Content {
        keys: rows.iter().map(|row| row.key.id.to_string()).collect(),
        intents: rows.iter().map(intent).collect::<Result<_, _>>()?,
        outcomes: Vec::new(),
        lines: Vec::new(),
        unit: unit.to_string(),
    };
    for change in rows.into_iter().flat_map(settle) {
        match change {
            Change::Settle(row) => content.outcomes.push(outcome(&row)?),
            Change::Audit(line) => content.lines.push(serde_json::to_string(&line)?),
            _ => {}
        }
    }
    Ok(content)
}

async fn fill(ledger: &dyn IdLedger, count: u64) -> Result<Reading, Failure> {
    let binding = Binding {
        migration: "bench".into(),
        tenant: "tenant".to_owned(),
        source: "mock:1".to_owned(),
        destination: "mock:2".to_owned(),
    };
    ledger.open(&binding).await?;
    let before = Usage::now()?;
    for page in 0..count.div_ceil(PAGE) {
        let unit = unit(page);
        let lease = ledger.lease(&unit, "worker", Duration::from_secs(180)).await?;
        let rows = rows(&unit, count);
        let intents: Vec<Change> = rows.iter().map(intend).collect();
        ledger.commit(&lease, &intents).await?;
        let mut changes: Vec<Change> = rows.into_iter().flat_map(settle).collect();
        changes.push(Change::Unit(UnitState { status: UnitStatus::Done, ..UnitState::open(unit, None) }));
        ledger.commit(&lease, &changes).await?;
    }
    Ok(before.since(count)?)
}

fn unit(page: u64) -> UnitKey {
    UnitKey { migration: "bench".into(), pass: 1, phase: 0, mapping: "deals".into(), page }
}

fn rows(unit: &UnitKey, count: u64) -> Vec<Row> {
    (unit.page * PAGE..count.min((unit.page + 1) * PAGE)).map(|number| row(unit, number)).collect()
}

fn row(unit: &UnitKey, number: u64) -> Row {
    let key = LedgerKey {
        migration: "bench".into(),
        mapping: "deals".into(),
        object: "deals".into(),
        id: format!("d{number:07}").into(),
        part: "".into(),
    };
    let mut row = Row::new(key, unit.clone());
    row.links = vec![RecordRef::new("organization", (number % 1_000).to_string())];
    row
}

fn intend(row: &Row) -> Change {
    let now = SystemClock.now();
    let marker = Digest::of(row.key.id.as_str().as_bytes());
    let intent = Intent {
        operation: IntendedOperation::Create,
        object: "deal".into(),
        hash: marker,
        probe: [("marker".into(), Value::text(marker.to_string()))].into_iter().collect(),
        sent_after: now,
        send_before: now + Duration::from_secs(60),
    };
    Change::Intend(Row { intent: Some(intent), ..row.clone() })
}

fn settle(mut row: Row) -> [Change; 2] {
    let digest = Digest::of(row.key.id.as_str().as_bytes());
    let destination = RecordRef::new("deal", row.key.id.as_str()[1..].trim_start_matches('0'));
    row.state = RowState::Created;
    row.made = true;
    row.destination = Some(destination.clone());
    (row.hash, row.seal) = (Some(digest), Some(digest));
    let line = AuditEntry {
        time: SystemClock.now(),
        actor: "bench".to_owned(),
        operation: "create".to_owned(),
        key: digest.to_string(),
        destination: Some(destination),
        hash: Some(digest),
        result: "created".to_owned(),
    };
    [Change::Settle(row), Change::Audit(line)]
}
