//! What the SQLite ledger promises beyond the rules: its file, its lock, its threads.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crmkit_core::{
    Binding, Change, Entry, ErrorKind, Fact, IdLedger, Lease, LedgerKey, Row, RowState, Select, SqliteLedger, UnitKey,
    testing::{ManualClock, conformance::ledger::LedgerHarness},
};
use futures::executor::block_on;
use tempfile::TempDir;

struct Sqlite {
    ledger: SqliteLedger,
    folder: TempDir,
    clock: ManualClock,
}

/// What a crash leaves: the file and its log as they are while the ledger is still open.
fn crash(from: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ledger", "ledger-wal"] {
        fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn open(folder: &Path, clock: &ManualClock) -> crmkit_core::Result<SqliteLedger> {
    SqliteLedger::open_file(folder.join("ledger"), Arc::new(clock.clone()))
}

impl LedgerHarness for Sqlite {
    async fn start() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        Self { ledger: open(folder.path(), &clock).unwrap(), folder, clock }
    }

    fn ledger(&self) -> Arc<dyn IdLedger> {
        Arc::new(self.ledger.clone())
    }

    async fn reopen(&mut self) {
        let folder = crash(self.folder.path());
        self.ledger = open(folder.path(), &self.clock).unwrap();
        self.folder = folder;
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

crmkit_core::conformance_tests!(ledger, Sqlite);

fn binding() -> Binding {
    let (tenant, source, destination) = ("t".into(), "s".into(), "d".into());
    Binding { migration: "acme".into(), tenant, source, destination }
}

fn unit(page: u64) -> UnitKey {
    UnitKey { migration: "acme".into(), pass: 1, phase: 0, mapping: "people".into(), page }
}

fn settled(id: u64) -> Change {
    let key = LedgerKey {
        migration: "acme".into(),
        mapping: "people".into(),
        object: "contacts".into(),
        id: format!("{id:08}").into(),
        part: "".into(),
    };
    Change::Settle(Row { state: RowState::Excluded, ..Row::new(key, unit(0)) })
}

/// An open ledger in a new folder, and a lease.
fn started() -> (TempDir, SqliteLedger, Lease) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), &ManualClock::new()).unwrap();
    block_on(ledger.open(&binding())).unwrap();
    let lease = block_on(ledger.lease(&unit(0), "worker", Duration::from_secs(60))).unwrap();
    (folder, ledger, lease)
}

fn count(ledger: &SqliteLedger) -> u64 {
    let page = block_on(ledger.select(&Select::Counts { pass: None }, None, 10)).unwrap();
    page.items.iter().map(|entry| if let Entry::Count(count) = entry { count.rows } else { 0 }).sum()
}

#[test]
fn a_closed_ledger_opens_again_and_leaves_no_log() {
    let (folder, ledger, lease) = started();
    block_on(ledger.commit(&lease, &[settled(1)])).unwrap();
    let clone = ledger.clone();
    drop(ledger);
    assert_eq!(count(&clone), 1, "a clone keeps it open");
    drop(clone);
    assert!(!folder.path().join("ledger-wal").exists(), "the last handle writes the log back");
    let ledger = open(folder.path(), &ManualClock::new()).unwrap();
    assert_eq!(count(&ledger), 1);
}

#[test]
fn files_are_readable_by_their_owner_alone() {
    let (folder, ledger, lease) = started();
    block_on(ledger.commit(&lease, &[settled(1)])).unwrap();
    for name in ["ledger", "ledger-wal", "ledger-shm", "ledger.lock"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_lets_go() {
    let (folder, ledger, _) = started();
    let error = open(folder.path(), &ManualClock::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("another handle works on this ledger"), "{error}");
    assert!(error.context("file").is_some_and(|file| file.ends_with("ledger")));
    drop(ledger);
    open(folder.path(), &ManualClock::new()).unwrap();
}

fn refused(folder: &Path) -> String {
    let before = fs::read(folder.join("ledger")).unwrap();
    let error = open(folder, &ManualClock::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.context("file").is_some_and(|file| file.ends_with("ledger")), "{error}");
    assert_eq!(fs::read(folder.join("ledger")).unwrap(), before, "a refused file stays as it was");
    error.to_string()
}

#[test]
fn a_foreign_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ledger"), "name,email\nAda,ada@example.com\n".repeat(100)).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("not a crmkit ledger") && error.contains("no SQLite file"), "{error}");
}

#[test]
fn a_foreign_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("ledger")).unwrap();
    connection.execute_batch("PRAGMA application_id = 77; CREATE TABLE t (x)").unwrap();
    drop(connection);
    let error = refused(folder.path());
    assert!(error.contains("not a crmkit ledger") && error.contains("77"), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let (folder, ledger, _) = started();
    drop(ledger);
    let connection = rusqlite::Connection::open(folder.path().join("ledger")).unwrap();
    connection.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 999").unwrap();
    drop(connection);
    let error = refused(folder.path());
    assert!(error.contains("newer release") && error.contains("format 999"), "{error}");
}

#[test]
fn a_missing_folder_is_an_error_that_names_the_file() {
    let error = SqliteLedger::open_file("/no/such/folder/ledger", Arc::new(ManualClock::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.context("file").is_some_and(|file| file.starts_with("/no/such/folder/ledger")), "{error}");
}

/// A power cut may leave any beginning of the log: what opens is a number of whole commits.
#[test]
fn a_log_cut_anywhere_opens_with_whole_commits() {
    let (folder, ledger, lease) = started();
    for commit in 0..8 {
        let changes: Vec<_> = (0..50).map(|id| settled(commit * 50 + id)).collect();
        block_on(ledger.commit(&lease, &changes)).unwrap();
    }
    let whole = fs::metadata(folder.path().join("ledger-wal")).unwrap().len();
    let mut counts = Vec::new();
    for tenth in 0..=10 {
        let image = crash(folder.path());
        let log: PathBuf = image.path().join("ledger-wal");
        fs::OpenOptions::new().write(true).open(log).unwrap().set_len(whole * tenth / 10 + tenth % 3).unwrap();
        let opened = open(image.path(), &ManualClock::new()).unwrap();
        block_on(opened.open(&binding())).unwrap();
        counts.push(count(&opened));
    }
    assert!(counts.iter().all(|count| count % 50 == 0), "half a commit: {counts:?}");
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.last(), Some(&400));
}

#[test]
fn a_reader_does_not_wait_for_the_writer() {
    let (_folder, ledger, lease) = started();
    let batches: Vec<Vec<Change>> =
        (0..40).map(|batch| (0..2000).map(|id| settled(batch * 2000 + id)).collect()).collect();
    let writing = futures::future::join_all(batches.iter().map(|batch| ledger.commit(&lease, batch)));
    let reading = ledger.select(&Select::Counts { pass: None }, None, 10);
    match block_on(futures::future::select(writing, reading)) {
        futures::future::Either::Left(_) => panic!("eighty thousand rows were written before one read"),
        futures::future::Either::Right((page, writing)) => {
            page.unwrap();
            assert!(block_on(writing).iter().all(Result::is_ok));
        }
    }
    assert_eq!(count(&ledger), 80_000);
}

#[test]
fn a_failing_commit_takes_nothing_but_itself_back() {
    let (_folder, ledger, lease) = started();
    let stale = Lease { epoch: 0, ..lease.clone() };
    let batches: Vec<[Change; 1]> = (0..100).map(|id| [settled(id)]).collect();
    let commits =
        batches.iter().enumerate().map(|(at, batch)| ledger.commit(if at % 2 == 0 { &lease } else { &stale }, batch));
    let answers = block_on(futures::future::join_all(commits));
    for (at, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => assert_eq!(at % 2, 0),
            Err(error) => assert_eq!((at % 2, error.kind()), (1, ErrorKind::Fenced)),
        }
    }
    assert_eq!(count(&ledger), 50);
}

#[test]
fn what_is_erased_is_in_no_file() {
    let (folder, ledger, lease) = started();
    let secret = "ada.lovelace@example.com";
    let fact = |value: &str| {
        Change::Fact(Fact { kind: "match/contacts/email".into(), key: value.into(), value: "contacts/00000001".into() })
    };
    block_on(ledger.commit(&lease, &[settled(1), fact(secret), settled(2)])).unwrap();
    let record = crmkit_core::RecordRef::new("contacts", "00000001");
    assert_eq!(block_on(ledger.erase(&crmkit_core::Erase::Records(vec![record]))).unwrap(), 2);
    for name in ["ledger", "ledger-wal"] {
        let bytes = fs::read(folder.path().join(name)).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{name} still holds what was erased");
    }
    assert_eq!(count(&ledger), 1);
}
