//! What the SQLite ledger promises beyond the rules: its file, its lock, its threads.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use crmkit_core::{
    Binding, Change, Clock, Digest, Entry, Erase, ErrorKind, Fact, IdLedger, IntendedOperation, Intent, Lease,
    LedgerKey, PriorValues, RecordRef, Row, RowState, Select, SqliteLedger, UnitKey, Value,
    testing::{
        ManualClock,
        conformance::ledger::{LedgerHarness, Store},
    },
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

    async fn open_instead(
        &mut self,
        store: Store,
        binding: &Binding,
    ) -> Option<crmkit_core::Result<Arc<dyn IdLedger>>> {
        self.reopen().await;
        // Another file is opened while this one stands aside, so that the handle that there is lets go of it.
        let aside = tempfile::tempdir().unwrap();
        self.ledger = open(aside.path(), &self.clock).unwrap();
        let file = self.folder.path().join("ledger");
        let sql = |sql| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        match store {
            Store::Foreign => fs::write(&file, "name,email\nAda,ada@example.com\n".repeat(100)).unwrap(),
            Store::Damaged => overwrite_page(&file, 1),
            Store::Newer => sql("PRAGMA user_version = 999"),
            Store::Older => crate::older::restore(&file),
            Store::ShortLog => sql("DELETE FROM audit WHERE sequence > 1"),
            _ => return None,
        }
        let before = fs::read(&file).unwrap();
        let opened = open(self.folder.path(), &self.clock);
        if opened.is_err() {
            assert_eq!(fs::read(&file).unwrap(), before, "a refused file stays as it was");
        }
        let opened = match opened {
            Ok(ledger) => ledger.open(binding).await.map(|()| Arc::new(ledger) as Arc<dyn IdLedger>),
            Err(error) => Err(error),
        };
        Some(opened)
    }
}

crmkit_core::conformance_tests!(ledger, Sqlite);

/// Overwrites a page's content; the file's first hundred bytes, which say that it is a SQLite file, stay.
fn overwrite_page(file: &Path, page: u64) {
    let file = fs::OpenOptions::new().write(true).open(file).unwrap();
    let from = if page == 1 { 100 } else { (page - 1) * PAGE };
    file.write_all_at(&vec![0x5a; usize::try_from(page * PAGE - from).unwrap()], from).unwrap();
}

/// SQLite's page size.
const PAGE: u64 = 4096;

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
fn a_foreign_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("ledger")).unwrap();
    connection.execute_batch("PRAGMA application_id = 77; CREATE TABLE t (x)").unwrap();
    drop(connection);
    let error = refused(folder.path());
    assert!(error.contains("not a crmkit ledger") && error.contains("77"), "{error}");
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

/// Whatever page is overwritten, nobody is told anything else than what was kept.
#[test]
fn a_damaged_page_is_an_error_or_unread() {
    let (folder, ledger, lease) = started();
    for commit in 0..4 {
        let changes: Vec<_> = (0..100).map(|id| settled(commit * 100 + id)).collect();
        block_on(ledger.commit(&lease, &changes)).unwrap();
    }
    let rows = Select::Rows { mapping: "people".into(), pass: None, states: Vec::new() };
    let read = |ledger: &SqliteLedger| block_on(ledger.select(&rows, None, 1000)).map(|page| page.items);
    let whole = read(&ledger).unwrap();
    drop(ledger);
    let file = folder.path().join("ledger");
    let bytes = fs::read(&file).unwrap();
    let mut damaged = 0;
    for page in 1..=bytes.len() as u64 / PAGE {
        fs::write(&file, &bytes).unwrap();
        overwrite_page(&file, page);
        let found = open(folder.path(), &ManualClock::new()).and_then(|ledger| {
            block_on(ledger.open(&binding()))?;
            read(&ledger)
        });
        match found {
            Ok(found) => assert!(found == whole, "page {page}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Storage, "page {page}: {error}");
                assert!(error.to_string().contains("damaged"), "page {page}: {error}");
                damaged += 1;
            }
        }
    }
    assert!(damaged > 3, "only {damaged} pages mattered");
}

/// Plays the second process where the first one, this test again, names a ledger to open.
#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    const FILE: &str = "CRMKIT_TEST_LEDGER";
    if let Some(file) = std::env::var_os(FILE) {
        let ledger = SqliteLedger::open_file(file, Arc::new(ManualClock::new())).unwrap();
        block_on(ledger.open(&binding())).unwrap();
        let lease = block_on(ledger.lease(&unit(0), "other process", Duration::from_secs(60))).unwrap();
        block_on(ledger.commit(&lease, &[settled(1), settled(2)])).unwrap();
        println!("\nopen");
        // Until it is killed.
        loop {
            std::thread::park();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "sqlite::a_second_process_is_refused_until_the_first_is_gone";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FILE, folder.path().join("ledger"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "open"), "the other process opens the ledger");
    let error = open(folder.path(), &ManualClock::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    other.kill().unwrap();
    other.wait().unwrap();
    let ledger = open(folder.path(), &ManualClock::new()).unwrap();
    assert_eq!(count(&ledger), 2, "what the killed process committed is there");
}

/// Everything that the ledger's files hold, log included.
fn bytes_of(folder: &Path) -> Vec<u8> {
    fs::read_dir(folder).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_is_erased_is_in_no_file() {
    let (folder, ledger, lease) = started();
    let subject = RecordRef::new("contacts", "ada@subject.example");
    let key = |id: &str| LedgerKey {
        migration: "acme".into(),
        mapping: "people".into(),
        object: "contacts".into(),
        id: id.into(),
        part: "".into(),
    };
    let of_subject = key(subject.id.as_str());
    let intent = Intent {
        operation: IntendedOperation::Update { id: "7".into() },
        object: "person".into(),
        hash: Digest::of(b"payload"),
        probe: [("name".into(), Value::text("Subject Probe"))].into_iter().collect(),
        sent_after: ManualClock::new().now(),
        send_before: ManualClock::new().now(),
    };
    let written = Row {
        state: RowState::Created,
        destination: Some(RecordRef::new("person", "7")),
        notes: vec!["Subject Note".into()],
        ..Row::new(of_subject.clone(), unit(0))
    };
    let begun = Row { intent: Some(intent), ..written.clone() };
    let waiting = Row { state: RowState::Held, waits_for: Some(subject.clone()), ..Row::new(key("other"), unit(0)) };
    let prior = PriorValues {
        key: of_subject,
        pass: 1,
        destination: RecordRef::new("person", "7"),
        fields: [("phone".into(), Value::text("Subject Phone"))].into_iter().collect(),
    };
    let sample = |filler: usize| {
        // Long enough to take pages of its own, which are freed when it changes.
        let filler = "kept ".repeat(filler);
        let records = serde_json::json!([
            {"source": {"object": "contacts", "id": "other"}, "fields": [{"expected": filler}]},
            {"source": {"object": "contacts", "id": subject.id.as_str()}, "fields": [{"expected": "Subject Value"}]},
        ]);
        Change::Fact(Fact {
            kind: "document".into(),
            key: "sample".into(),
            value: serde_json::json!({"records": records}),
        })
    };
    let fact =
        |kind: &str, key: String, value: &str| Change::Fact(Fact { kind: kind.into(), key, value: value.into() });
    let commits = [
        vec![Change::Settle(written), Change::Settle(waiting), Change::Prior(prior), sample(4000)],
        vec![Change::Intend(begun), fact("mismatch/1", format!("people/{subject}/name"), "Subject Field"), sample(10)],
        vec![fact("match/people/email", "match@subject.example".into(), &subject.to_string())],
    ];
    for changes in commits {
        block_on(ledger.commit(&lease, &changes)).unwrap();
    }
    let secrets = [
        "ada@subject.example",
        "Subject Probe",
        "Subject Note",
        "Subject Phone",
        "Subject Value",
        "Subject Field",
        "match@subject.example",
    ];
    let before = bytes_of(folder.path());
    assert!(secrets.iter().all(|secret| holds(&before, secret)), "all of it is there before");
    assert_eq!(block_on(ledger.erase(&Erase::Records(vec![subject]))).unwrap(), 4, "a row, prior values, two facts");
    let after = bytes_of(folder.path());
    let left: Vec<_> = secrets.iter().filter(|secret| holds(&after, secret)).collect();
    assert!(left.is_empty(), "still there: {left:?}");
    assert!(holds(&after, "kept kept"), "others' values stay");
    assert_eq!(count(&ledger), 1);
}
