//! Where a process can die: around every commit, lease and request, counted and named.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Binding, Change, Clock, Cursor, Destination, DestinationWriter, Entry, Erase, Error, ErrorKind, ExistingItem,
    IdLedger, Lease, LedgerKey, ObjectName, Page, PageRequest, PassKind, PassRecord, Probe, Provisioner, Reader,
    RecordId, Remover, Result, Retry, Row, SchemaItem, Select, Stored, UnitKey, UnitStatus, WriteBatch, Written,
    chrono::{DateTime, Utc},
    testing::{ManualClock, MockDestination},
};

/// Counts the points of a process and kills it at one of them.
#[derive(Clone, Debug)]
pub(crate) struct Points(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    at: Option<usize>,
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    passed: Vec<String>,
    step: String,
}

impl Points {
    pub(crate) fn new(folder: &Path, at: Option<usize>, clock: ManualClock) -> Self {
        Self(Arc::new(Inner { folder: folder.to_owned(), at, clock, state: Mutex::default() }))
    }

    /// Every point so far.
    pub(crate) fn passed(&self) -> Vec<String> {
        self.0.state.lock().expect("held briefly").passed.clone()
    }

    fn step(&self, step: &str) {
        self.0.state.lock().expect("held briefly").step = step.to_owned();
    }

    /// The process may die here.
    fn point(&self, what: &str) {
        let (count, label) = {
            let mut state = self.0.state.lock().expect("held briefly");
            let label = format!("{}: {what}", state.step);
            state.passed.push(label.clone());
            (state.passed.len(), label)
        };
        if self.0.at != Some(count) {
            return;
        }
        fs::write(self.0.folder.join("clock"), self.0.clock.now().to_rfc3339()).expect("the folder is writable");
        fs::write(self.0.folder.join("died"), label).expect("the folder is writable");
        let itself = std::process::id().to_string();
        Command::new("kill").args(["-9", &itself]).status().expect("kill is there");
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// The ledger, with points.
#[derive(Debug)]
pub(crate) struct PointedLedger {
    pub(crate) inner: Arc<dyn IdLedger>,
    pub(crate) points: Points,
}

impl PointedLedger {
    /// What a unit's phase does.
    async fn task(&self, unit: &UnitKey) -> Option<String> {
        let select = Select::FactsAt("pass".to_owned(), vec![format!("{:010}", unit.pass)]);
        let page = self.inner.select(&select, None, 1).await.ok()?;
        let Some(Entry::Fact(fact)) = page.items.into_iter().next() else { return None };
        let pass: PassRecord = serde_json::from_value(fact.value).expect("a pass");
        let delta = if pass.kind == PassKind::Delta { "Delta " } else { "" };
        pass.phases.get(usize::from(unit.phase)).map(|phase| format!("{delta}{:?}", phase.task))
    }
}

/// What a commit is about.
fn kind_of(changes: &[Change]) -> String {
    let has = |fits: fn(&Change) -> bool| changes.iter().any(fits);
    if has(|change| matches!(change, Change::Intend(_))) {
        return "intend".to_owned();
    }
    if has(|change| matches!(change, Change::Settle(row) if row.state == crmkit_core::RowState::Held)) {
        return "hold".to_owned();
    }
    if has(|change| matches!(change, Change::Settle(_))) {
        return "settle".to_owned();
    }
    let fact = changes.iter().find_map(|change| if let Change::Fact(fact) = change { Some(&fact.kind) } else { None });
    if let Some(kind) = fact {
        return format!("keep {}", kind.split('/').next().unwrap_or_default());
    }
    if has(|change| matches!(change, Change::Unit(unit) if unit.status == UnitStatus::Open)) {
        return "open the next page".to_owned();
    }
    if has(|change| matches!(change, Change::Unit(_))) { "unit".to_owned() } else { "other".to_owned() }
}

#[async_trait]
impl IdLedger for PointedLedger {
    async fn open(&self, binding: &Binding) -> Result<()> {
        self.points.step("Control");
        self.inner.open(binding).await?;
        self.points.point("opened");
        Ok(())
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        let lease = self.inner.lease(unit, owner, ttl).await?;
        self.points.step(&self.task(unit).await.unwrap_or_else(|| "Control".to_owned()));
        self.points.point("leased");
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        self.inner.renew(lease, ttl).await
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        let kind = kind_of(changes);
        self.points.point(&format!("before {kind}"));
        let log = self.points.0.folder.join("ledger-wal");
        let length = fs::metadata(&log).map_or(0, |log| log.len());
        self.inner.commit(lease, changes).await?;
        if self.points.0.at.is_some() {
            fs::write(self.points.0.folder.join("log-before"), length.to_string()).expect("the folder is writable");
        }
        self.points.point(&format!("after {kind}"));
        Ok(())
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        self.inner.rows(keys).await
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        self.inner.select(select, after, limit).await
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        self.inner.erase(scope).await
    }
}

/// The destination, with points. Its store is in a file, and outlives the process.
#[derive(Debug)]
pub(crate) struct PointedCrm {
    pub(crate) inner: MockDestination,
    pub(crate) points: Points,
}

impl PointedCrm {
    /// What was applied is in the file before anybody hears of it.
    fn applied(&self, what: &str) {
        save(&self.points.0.folder, &self.inner);
        self.points.point(&format!("{what}, not answered"));
    }

    /// The answer to the first note is lost, once.
    fn loses(&self, object: &ObjectName) -> bool {
        let mark = self.points.0.folder.join("lost");
        object.as_str() == "note" && !mark.exists() && fs::write(mark, "").is_ok()
    }
}

pub(crate) fn save(folder: &Path, crm: &MockDestination) {
    let new = folder.join("crm.new");
    fs::write(&new, crm.save()).expect("the folder is writable");
    fs::rename(new, folder.join("crm")).expect("the folder is writable");
}

#[async_trait]
impl DestinationWriter for PointedCrm {
    async fn describe(&self) -> Result<Destination> {
        self.inner.describe().await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let what = match batch.operations[0].kind {
            crmkit_core::OperationKind::Create => "create",
            crmkit_core::OperationKind::Update { .. } => "update",
        };
        self.points.point(&format!("before {what}"));
        let answers = self.inner.write(batch).await;
        self.applied(what);
        if what == "create" && self.loses(&batch.object) {
            return Err(Error::new(ErrorKind::Unavailable, "crash.write", "the answer was lost", Retry::Verify));
        }
        answers
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
        Some(self)
    }
}

#[async_trait]
impl Reader for PointedCrm {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let found = Reader::find(&self.inner, object, probes).await;
        self.points.point("found");
        found
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let fetched = Reader::fetch(&self.inner, object, ids).await;
        self.points.point("fetched");
        fetched
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let page = Reader::scan(&self.inner, request).await;
        self.points.point("scanned");
        page
    }
}

#[async_trait]
impl Remover for PointedCrm {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        self.points.point("before remove");
        let answer = Remover::remove(&self.inner, object, id, version, send_before).await;
        self.applied("remove");
        answer
    }
}

#[async_trait]
impl Provisioner for PointedCrm {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        self.points.point("before making an item");
        let answer = Provisioner::create(&self.inner, item, send_before).await;
        self.applied("an item made");
        answer
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        self.points.point("before retiring an item");
        let answer = Provisioner::retire(&self.inner, item, send_before).await;
        self.applied("an item retired");
        answer
    }
}
