//! A file that an earlier release left opens with everything that is in it.
//!
//! `fixtures/ledger-v1.sql` is the dump of a file to which the first format's release committed [`content`].

use std::{fs, path::Path, sync::Arc, time::Duration};

use crmkit_core::{
    AuditEntry, Binding, Change, Clock, Cursor, Digest, Entry, Fact, FieldName, IdLedger, IntendedOperation, Intent,
    LedgerKey, PriorValues, RecordRef, Row, RowState, Select, SqliteLedger, Uncertain, UnitKey, UnitState, UnitStatus,
    Value, testing::ManualClock,
};
use futures::executor::block_on;

/// Makes the file that a release of the first format left.
pub(crate) fn restore(file: &Path) {
    let _ = fs::remove_file(file);
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch(include_str!("../fixtures/ledger-v1.sql")).unwrap();
}

fn binding() -> Binding {
    let (tenant, source, destination) = ("tenant 1".into(), "export 1".into(), "account 1".into());
    Binding { migration: "acme".into(), tenant, source, destination }
}

fn unit(pass: u32, page: u64) -> UnitKey {
    UnitKey { migration: "acme".into(), pass, phase: 0, mapping: "people".into(), page }
}

fn key(id: &str) -> LedgerKey {
    let (migration, mapping, object, part) = ("acme".into(), "people".into(), "contacts".into(), "".into());
    LedgerKey { migration, mapping, object, id: id.into(), part }
}

fn person(id: &str) -> RecordRef {
    RecordRef::new("person", id)
}

/// Something of everything that a ledger keeps, in two commits.
fn content(clock: &ManualClock) -> [Vec<Change>; 2] {
    let now = clock.now();
    let settled = |id: &str, state| Row {
        state,
        made: state == RowState::Created,
        destination: Some(person(id)),
        hash: Some(Digest::of(id.as_bytes())),
        seal: Some(Digest::of(b"seal")),
        links: vec![RecordRef::new("organization", "7")],
        ..Row::new(key(id), unit(1, 0))
    };
    let waiting = Row {
        state: RowState::Held,
        destination: None,
        reason: Some("several records of the destination match it".into()),
        waits_for: Some(RecordRef::new("companies", "9")),
        uncertain: Some(Uncertain::Held),
        ..settled("3", RowState::Held)
    };
    let intent = Intent {
        operation: IntendedOperation::Update { id: "1".into() },
        object: "person".into(),
        hash: Digest::of(b"payload"),
        probe: [(FieldName::from("marker"), Value::text("k"))].into_iter().collect(),
        sent_after: now,
        send_before: now,
    };
    let line = |result: &str| {
        Change::Audit(AuditEntry {
            time: now,
            actor: "host".into(),
            operation: "create".into(),
            key: Digest::of(result.as_bytes()).to_string(),
            destination: Some(person("1")),
            hash: None,
            result: result.into(),
        })
    };
    let prior = PriorValues {
        key: key("2"),
        pass: 1,
        destination: person("2"),
        fields: [(FieldName::from("name"), Value::text("Ada"))].into_iter().collect(),
    };
    let begun = UnitState { status: UnitStatus::Done, ..UnitState::open(unit(1, 0), Some(Cursor("4711".into()))) };
    let first = vec![
        Change::Settle(settled("1", RowState::Created)),
        Change::Settle(settled("2", RowState::Updated)),
        Change::Settle(waiting),
        Change::Settle(Row { history: vec!["4".into()], ..settled("4", RowState::RolledBack) }),
        Change::Prior(prior),
        Change::Fact(Fact { kind: "document".into(), key: "plan".into(), value: "confirmed".into() }),
        Change::Unit(begun),
        line("created"),
        line("held"),
    ];
    let again = Row { unit: unit(2, 0), intent: Some(intent), ..settled("1", RowState::Created) };
    let second = vec![Change::Intend(again), Change::Unit(UnitState::open(unit(2, 0), None)), line("updated")];
    [first, second]
}

/// Commits the content to a new file.
fn fill(file: &Path) -> SqliteLedger {
    let clock = ManualClock::new();
    let ledger = SqliteLedger::open_file(file, Arc::new(clock.clone())).unwrap();
    block_on(ledger.open(&binding())).unwrap();
    let lease = block_on(ledger.lease(&unit(1, 0), "worker", Duration::from_secs(60))).unwrap();
    for changes in content(&clock) {
        block_on(ledger.commit(&lease, &changes)).unwrap();
    }
    ledger
}

fn everything(ledger: &SqliteLedger) -> Vec<Vec<Entry>> {
    let rows = |states: &[RowState]| Select::Rows { mapping: "people".into(), pass: None, states: states.into() };
    let selections = [
        rows(&[]),
        rows(&[RowState::Held]),
        Select::OpenIntents(unit(2, 0)),
        Select::ByDestination(vec![person("2")]),
        Select::LinkingTo(vec![RecordRef::new("organization", "7")]),
        Select::Units(1),
        Select::OpenUnits(2),
        Select::Facts("document".into()),
        Select::Prior(key("2")),
        Select::Audit,
        Select::AuditHead,
        Select::Counts { pass: None },
    ];
    selections.iter().map(|select| block_on(ledger.select(select, None, 100)).unwrap().items).collect()
}

fn format_of(file: &Path) -> i64 {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.query_row("SELECT user_version FROM pragma_user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_file_of_the_first_format_opens_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    restore(&old);
    let fresh = fill(&new);
    assert_eq!(format_of(&old), 1);
    assert!(format_of(&new) > 1, "there is a newer format to upgrade to");
    let upgraded = SqliteLedger::open_file(&old, Arc::new(ManualClock::new())).unwrap();
    block_on(upgraded.open(&binding())).unwrap();
    let entries = everything(&upgraded);
    assert!(entries.iter().all(|entries| !entries.is_empty()), "each selection finds something: {entries:?}");
    assert_eq!(entries, everything(&fresh));
    drop(upgraded);
    assert_eq!(format_of(&old), format_of(&new), "and stays upgraded");
    let again = SqliteLedger::open_file(&old, Arc::new(ManualClock::new())).unwrap();
    assert_eq!(everything(&again), entries);
}

/// The dump is of the first format's tables, not of today's.
#[test]
fn an_upgraded_file_has_the_tables_of_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    restore(&old);
    let tables = |file: &Path| -> Vec<String> {
        let connection = rusqlite::Connection::open(file).unwrap();
        let mut names = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert!(!tables(&old).contains(&"audit_head".to_owned()));
    drop(SqliteLedger::open_file(&old, Arc::new(ManualClock::new())).unwrap());
    drop(fill(&new));
    assert_eq!(tables(&old), tables(&new));
}
