//! How many records a second does a ledger intend and settle, in pages of 200, one page after the other?
//!
//! `ledger [RECORDS] [ROUNDS]`; 100,000 and 5 unless told. Each row is settled with its audit line, as the engine does.

use std::{env, sync::Arc, time::Duration};

use crmkit_benches::{Failure, Reading, Usage, median};
use crmkit_core::{
    AuditEntry, Binding, Change, Clock, Digest, IdLedger, IntendedOperation, Intent, LedgerKey, MemoryLedger,
    RecordRef, Row, RowState, SqliteLedger, SystemClock, UnitKey, UnitState, UnitStatus, Value,
};

const PAGE: u64 = 200;
/// Records a second of the durable ledger on a core of its own.
const BAR: f64 = 50_000.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    println!("{count} records, {rounds} rounds");
    let (mut durable, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir()?;
        let sqlite = SqliteLedger::open_file(folder.path().join("bench.ledger"), Arc::new(SystemClock))?;
        let sqlite = fill(&sqlite, count).await?;
        let memory = fill(&MemoryLedger::new(Arc::new(SystemClock)), count).await?;
        println!(
            "  SQLite {:7.0}/s {:.4} ms CPU; memory {:7.0}/s {:.4} ms CPU",
            sqlite.rate(),
            sqlite.cpu_per_record(),
            memory.rate(),
            memory.cpu_per_record()
        );
        durable.push(sqlite.rate());
        ratios.push(sqlite.rate() / memory.rate());
    }
    println!("records per second, SQLite over memory: {:.2}", median(ratios));
    println!("records per second, SQLite over the bar of {BAR}: {:.2}", median(durable) / BAR);
    Ok(())
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
        let unit = UnitKey { migration: "bench".into(), pass: 1, phase: 0, mapping: "deals".into(), page };
        let lease = ledger.lease(&unit, "worker", Duration::from_secs(180)).await?;
        let rows: Vec<Row> = (page * PAGE..count.min((page + 1) * PAGE)).map(|number| row(&unit, number)).collect();
        let intents: Vec<Change> = rows.iter().map(intend).collect();
        ledger.commit(&lease, &intents).await?;
        let mut changes: Vec<Change> = rows.into_iter().flat_map(settle).collect();
        changes.push(Change::Unit(UnitState { status: UnitStatus::Done, ..UnitState::open(unit, None) }));
        ledger.commit(&lease, &changes).await?;
    }
    Ok(before.since(count)?)
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
