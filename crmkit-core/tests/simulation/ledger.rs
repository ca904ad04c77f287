//! The ledger as one process of a world has it: others run, and the process may die, before and after every call.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use crmkit_core::{
    Binding, Change, Cursor, Entry, Erase, ErrorKind, IdLedger, Lease, LedgerKey, Page, PassRecord, Result, Row,
    Select, UnitKey,
};
use futures::executor::block_on;

use crate::shared::Shared;

#[derive(Debug)]
pub(crate) struct SimulatedLedger {
    pub(crate) inner: Arc<dyn IdLedger>,
    pub(crate) shared: Shared,
    /// Skips the check of epochs, to prove that somebody notices.
    pub(crate) unfenced: bool,
}

/// Lets others run.
pub(crate) async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl SimulatedLedger {
    /// What the pass of a unit consists of, for everybody who wants to know what a process is at.
    fn learn(&self, pass: u32) {
        if pass == 0 || self.shared.state().passes.contains_key(&pass) {
            return;
        }
        let select = Select::FactsAt("pass".to_owned(), vec![format!("{pass:010}")]);
        let page = block_on(self.inner.select(&select, None, 1)).expect("the ledger reads");
        if let Some(Entry::Fact(fact)) = page.items.into_iter().next() {
            let record: PassRecord = serde_json::from_value(fact.value).expect("a pass");
            self.shared.state().passes.insert(pass, record);
        }
    }

    fn note<T>(&self, call: &str, unit: &UnitKey, answer: &Result<T>) {
        let mut state = self.shared.state();
        state.goes_on();
        let kind = answer.as_ref().err().map(crmkit_core::Error::kind);
        match kind {
            Some(ErrorKind::Fenced) => state.coverage.fenced += 1,
            Some(ErrorKind::Busy) => state.coverage.busy += 1,
            Some(ErrorKind::Conflict) => state.coverage.conflicts += 1,
            _ => {}
        }
        state.tell(|| format!("{call} {unit} {kind:?}"));
    }
}

#[async_trait]
impl IdLedger for SimulatedLedger {
    async fn open(&self, binding: &Binding) -> Result<()> {
        turn().await;
        block_on(self.inner.open(binding))
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        turn().await;
        let answer = block_on(self.inner.lease(unit, owner, ttl));
        if answer.is_ok() {
            self.learn(unit.pass);
            self.shared.state().at(unit);
        }
        self.note("lease", unit, &answer);
        turn().await;
        answer
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        turn().await;
        let answer = block_on(self.inner.renew(lease, ttl));
        self.note("renew", &lease.unit, &answer);
        turn().await;
        answer
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        turn().await;
        let mut answer = block_on(self.inner.commit(lease, changes));
        if self.unfenced && answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Fenced) {
            let newest = block_on(self.inner.lease(&lease.unit, "saboteur", Duration::from_secs(1)));
            if let Ok(newest) = newest {
                answer = block_on(self.inner.commit(&newest, changes));
            }
        }
        self.note("commit", &lease.unit, &answer);
        self.shared.state().tell(|| {
            let digest = crmkit_core::Digest::of_parts([format!("{changes:?}").as_bytes()]);
            format!("{} changes {digest}", changes.len())
        });
        turn().await;
        answer
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        turn().await;
        block_on(self.inner.rows(keys))
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        turn().await;
        block_on(self.inner.select(select, after, limit))
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        block_on(self.inner.erase(scope))
    }
}
