//! Deliberately broken ledgers: each fails exactly the rules it breaks, so the suite can be trusted.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Binding, Change, Cursor, Entry, Erase, IdLedger, Lease, LedgerKey, MemoryLedger, Page, Result, Row, RowState,
    Select, UnitKey,
    testing::{
        ManualClock,
        conformance::ledger::{LedgerHarness, rules},
    },
};
use futures::FutureExt;

use crate::memory::Memory;

const IGNORES_EPOCHS: u8 = 0;
const FORGETS_INTENTS: u8 = 1;
const COMMITS_BY_HALVES: u8 = 2;
const LEASES_TO_ANYONE: u8 = 3;
const SERVES_ANY_ACCOUNT: u8 = 4;
const IGNORES_CONFLICTS: u8 = 5;
const SKIPS_AT_PAGE_ENDS: u8 = 6;
const BREAKS_THE_CHAIN_WHEN_ERASING: u8 = 7;
const LOSES_NOTES: u8 = 8;

/// A memory ledger that is broken in one way.
#[derive(Clone, Debug)]
struct Broken<const HOW: u8> {
    inner: MemoryLedger,
    newest: Arc<Mutex<HashMap<UnitKey, Lease>>>,
    erased: Arc<AtomicBool>,
}

#[async_trait]
impl<const HOW: u8> IdLedger for Broken<HOW> {
    async fn open(&self, binding: &Binding) -> Result<()> {
        match self.inner.open(binding).await {
            Err(_) if HOW == SERVES_ANY_ACCOUNT => Ok(()),
            opened => opened,
        }
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        let owner = if HOW == LEASES_TO_ANYONE { "anyone" } else { owner };
        let lease = self.inner.lease(unit, owner, ttl).await?;
        self.newest.lock().unwrap().insert(unit.clone(), lease.clone());
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        self.inner.renew(lease, ttl).await
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        match HOW {
            IGNORES_EPOCHS => {
                let newest = self.newest.lock().unwrap().get(&lease.unit).cloned();
                self.inner.commit(newest.as_ref().unwrap_or(lease), changes).await
            }
            COMMITS_BY_HALVES => {
                self.inner.commit(lease, &[]).await?;
                for change in changes {
                    self.inner.commit(lease, std::slice::from_ref(change)).await?;
                }
                Ok(())
            }
            IGNORES_CONFLICTS => {
                let held = |change: &Change| match change {
                    Change::Settle(row) => [
                        Change::Settle(Row { state: RowState::Held, destination: None, ..row.clone() }),
                        change.clone(),
                    ]
                    .into(),
                    other => vec![other.clone()],
                };
                self.inner.commit(lease, &changes.iter().flat_map(held).collect::<Vec<_>>()).await
            }
            LOSES_NOTES => {
                let changes: Vec<_> = changes
                    .iter()
                    .cloned()
                    .map(|change| match change {
                        Change::Settle(row) => Change::Settle(Row { notes: Vec::new(), ..row }),
                        other => other,
                    })
                    .collect();
                self.inner.commit(lease, &changes).await
            }
            _ => self.inner.commit(lease, changes).await,
        }
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        self.inner.rows(keys).await
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        if HOW == SKIPS_AT_PAGE_ENDS && after.is_some() {
            let mut page = self.inner.select(select, after, limit.saturating_add(1)).await?;
            page.items.remove(0);
            return Ok(page);
        }
        let mut page = self.inner.select(select, after, limit).await?;
        if HOW == BREAKS_THE_CHAIN_WHEN_ERASING && *select == Select::Audit && self.erased.load(Ordering::Relaxed) {
            page.items.remove(0);
        }
        Ok(page)
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        self.erased.store(true, Ordering::Relaxed);
        self.inner.erase(scope).await
    }
}

struct Harness<const HOW: u8> {
    ledger: Broken<HOW>,
    clock: ManualClock,
}

impl<const HOW: u8> LedgerHarness for Harness<HOW> {
    async fn start() -> Self {
        let Memory { ledger, clock } = Memory::start().await;
        Self { ledger: Broken { inner: ledger, newest: Arc::default(), erased: Arc::default() }, clock }
    }

    fn ledger(&self) -> Arc<dyn IdLedger> {
        Arc::new(self.ledger.clone())
    }

    async fn reopen(&mut self) {
        if HOW != FORGETS_INTENTS {
            return;
        }
        let inner = &self.ledger.inner;
        let leases: Vec<Lease> = self.ledger.newest.lock().unwrap().values().cloned().collect();
        for lease in leases {
            let open = inner.select(&Select::OpenIntents(lease.unit.clone()), None, 1000).await.unwrap();
            let free = |entry| if let Entry::Row(row) = entry { Some(Change::Free(row.key)) } else { None };
            let free: Vec<_> = open.items.into_iter().filter_map(free).collect();
            inner.commit(&lease, &free).await.unwrap();
        }
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

async fn fails_only<const HOW: u8>(expected: &[&str]) {
    let mut failed = Vec::new();
    for rule in rules::<Harness<HOW>>() {
        if AssertUnwindSafe((rule.run)()).catch_unwind().await.is_err() {
            failed.push(rule.name);
        }
    }
    assert_eq!(failed, expected);
}

#[tokio::test]
async fn a_ledger_that_ignores_epochs_is_found() {
    fails_only::<IGNORES_EPOCHS>(&["an_older_epoch_is_fenced", "two_handles_agree"]).await;
}

#[tokio::test]
async fn a_ledger_that_forgets_intents_is_found() {
    fails_only::<FORGETS_INTENTS>(&["intents_survive_reopen"]).await;
}

#[tokio::test]
async fn a_ledger_that_commits_by_halves_is_found() {
    fails_only::<COMMITS_BY_HALVES>(&["a_commit_is_all_or_nothing"]).await;
}

#[tokio::test]
async fn a_ledger_that_leases_to_anyone_is_found() {
    fails_only::<LEASES_TO_ANYONE>(&["a_running_lease_is_busy_until_it_ends", "renewing_keeps_the_epoch"]).await;
}

#[tokio::test]
async fn a_ledger_that_serves_any_account_is_found() {
    fails_only::<SERVES_ANY_ACCOUNT>(&["another_account_is_refused_naming_both"]).await;
}

#[tokio::test]
async fn a_ledger_that_ignores_conflicts_is_found() {
    fails_only::<IGNORES_CONFLICTS>(&["a_commit_is_all_or_nothing", "a_conflicting_settlement_is_refused"]).await;
}

#[tokio::test]
async fn a_ledger_that_skips_at_page_ends_is_found() {
    fails_only::<SKIPS_AT_PAGE_ENDS>(&["selections_page_in_key_order_without_gaps_or_repeats"]).await;
}

#[tokio::test]
async fn a_ledger_that_breaks_the_chain_when_erasing_is_found() {
    fails_only::<BREAKS_THE_CHAIN_WHEN_ERASING>(&["erasing_a_record_keeps_the_chain_whole"]).await;
}

#[tokio::test]
async fn a_ledger_that_loses_notes_is_found() {
    fails_only::<LOSES_NOTES>(&["what_is_kept_comes_back_unchanged", "freeing_an_old_row_keeps_its_last_state"]).await;
}
