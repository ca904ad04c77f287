//! Deliberately broken ledgers, one for each rule: each fails exactly its rule, so the suite can be trusted.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Binding, Change, Cursor, Digest, Entry, Erase, Error, ErrorKind, IdLedger, Lease, LedgerKey, MemoryLedger, Page,
    Result, Retry, Row, RowState, Select, UnitKey,
    testing::{
        ManualClock,
        conformance::{
            broken,
            ledger::{LedgerHarness, Store, rules},
        },
    },
};

use crate::memory::Memory;

thread_local! {
    /// The rule that ledgers made on this thread break.
    static BREAKS: Cell<&'static str> = const { Cell::new("") };
}

/// What all handles on a broken ledger share.
#[derive(Debug, Default)]
struct Shared {
    handles: AtomicUsize,
    reopened: AtomicBool,
    erased: AtomicBool,
    opened: AtomicBool,
    /// The newest lease of each unit, and who took it first.
    leases: Mutex<HashMap<UnitKey, (Lease, String)>>,
}

/// A memory ledger that breaks one rule.
#[derive(Debug)]
struct Broken {
    inner: MemoryLedger,
    breaks: &'static str,
    shared: Arc<Shared>,
    /// Whether other handles were made before this one, and none has been closed since.
    second: bool,
    /// The newest lease of each unit that this handle gave out.
    own: Mutex<HashMap<UnitKey, Lease>>,
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Conflict, "broken", message, Retry::Never)
}

fn people() -> Select {
    Select::Rows { mapping: "people".into(), pass: None, states: Vec::new() }
}

impl Broken {
    fn breaks(&self, rule: &str) -> bool {
        self.breaks == rule
    }

    async fn row(&self, key: &LedgerKey) -> Option<Row> {
        self.inner.rows(std::slice::from_ref(key)).await.ok()?.pop()?
    }

    async fn facts(&self, kind: &str) -> Vec<Change> {
        let page = self.inner.select(&Select::Facts(kind.into()), None, 1000).await.unwrap();
        let fact = |entry| if let Entry::Fact(fact) = entry { Some(Change::Fact(fact)) } else { None };
        page.items.into_iter().filter_map(fact).collect()
    }

    /// What a commit becomes that breaks a rule about changes.
    async fn changed(&self, changes: &[Change]) -> Result<Vec<Change>> {
        let mut new = Vec::new();
        for change in changes {
            let mut change = change.clone();
            let old = match &change {
                Change::Settle(row) => self.row(&row.key).await,
                _ => None,
            };
            match (self.breaks, &mut change) {
                ("what_is_kept_comes_back_unchanged", Change::Settle(row)) => row.reason = None,
                ("settling_twice_changes_nothing", Change::Settle(row)) if old.as_ref() == Some(row) => {
                    return Err(refused("it is settled already"));
                }
                ("a_conflicting_settlement_is_refused", Change::Settle(row))
                    if old.as_ref().is_some_and(|old| old.intent.is_some()) =>
                {
                    new.push(Change::Settle(Row { state: RowState::Held, destination: None, ..row.clone() }));
                }
                ("a_held_or_rolled_back_row_may_take_another_destination", Change::Settle(row))
                    if old
                        .as_ref()
                        .is_some_and(|old| old.state == RowState::RolledBack && old.destination != row.destination) =>
                {
                    return Err(refused("it had another destination once"));
                }
                ("freeing_a_new_row_forgets_it", Change::Intend(row)) if row.state == RowState::Intended => {
                    row.history.clear();
                }
                ("facts_are_kept_replaced_and_forgotten", Change::Forget { kind, key }) => {
                    let is = |change: &Change| matches!(change, Change::Fact(it) if it.kind == *kind && it.key == *key);
                    if !self.facts(kind).await.iter().chain(changes).any(is) {
                        return Err(refused("there is no such fact"));
                    }
                }
                ("the_first_prior_value_stays", Change::Prior(prior)) => {
                    let known = self.inner.select(&Select::Prior(prior.key.clone()), None, 10).await?.items;
                    if known.iter().any(|entry| matches!(entry, Entry::Prior(it) if it.pass == prior.pass)) {
                        self.inner.erase(&Erase::PriorValues).await?;
                    }
                }
                _ => {}
            }
            new.push(change);
        }
        if self.breaks("changes_apply_in_order") {
            new.sort_by_key(|change| matches!(change, Change::Forget { .. }));
        }
        Ok(new)
    }
}

#[async_trait]
impl IdLedger for Broken {
    async fn open(&self, binding: &Binding) -> Result<()> {
        self.shared.opened.store(true, Relaxed);
        match self.inner.open(binding).await {
            Err(_) if self.breaks("another_account_is_refused_naming_both") => Ok(()),
            opened => opened,
        }
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        let first = self.shared.leases.lock().unwrap().get(unit).map(|(_, first)| first.clone());
        let first = first.unwrap_or_else(|| owner.to_owned());
        let forgets = self.breaks("a_running_lease_is_busy_until_it_ends") && self.shared.reopened.load(Relaxed);
        let lease = self.inner.lease(unit, if forgets { &first } else { owner }, ttl).await?;
        self.shared.leases.lock().unwrap().insert(unit.clone(), (lease.clone(), first));
        self.own.lock().unwrap().insert(unit.clone(), lease.clone());
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        let forgetful = match self.breaks {
            "renewing_keeps_the_epoch" => !ttl.is_zero(),
            "a_lease_renewed_for_no_time_is_given_back" => ttl.is_zero(),
            _ => false,
        };
        if forgetful {
            return Ok(Lease { until: lease.until + ttl, ..lease.clone() });
        }
        self.inner.renew(lease, ttl).await
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        let changes = self.changed(changes).await?;
        match self.breaks {
            "an_older_epoch_is_fenced" => {
                let newest = self.own.lock().unwrap().get(&lease.unit).cloned();
                self.inner.commit(newest.as_ref().unwrap_or(lease), &changes).await
            }
            "a_commit_is_all_or_nothing" => {
                self.inner.commit(lease, &[]).await?;
                for change in &changes {
                    self.inner.commit(lease, std::slice::from_ref(change)).await?;
                }
                Ok(())
            }
            "a_reader_never_sees_half_a_commit" if changes.len() > 300 => {
                let (first, second) = changes.split_at(changes.len() / 2);
                self.inner.commit(lease, first).await?;
                tokio::task::yield_now().await;
                self.inner.commit(lease, second).await
            }
            "a_destination_record_stands_for_one_source_record" => match self.inner.commit(lease, &changes).await {
                Err(error) if error.kind() == ErrorKind::Conflict && error.retry() != Retry::Never => Ok(()),
                committed => committed,
            },
            "freeing_an_old_row_keeps_its_last_state" => {
                self.inner.commit(lease, &changes).await?;
                for change in &changes {
                    let Change::Free(key) = change else { continue };
                    if let Some(row) = self.row(key).await.filter(|row| !row.notes.is_empty()) {
                        self.inner.commit(lease, &[Change::Settle(Row { notes: Vec::new(), ..row })]).await?;
                    }
                }
                Ok(())
            }
            _ => self.inner.commit(lease, &changes).await,
        }
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        match self.breaks {
            "a_ledger_is_bound_by_its_first_opening" if !self.shared.opened.load(Relaxed) => Ok(vec![None; keys.len()]),
            "keys_of_another_migration_are_refused" if keys.iter().any(|key| key.migration != "acme") => {
                Ok(vec![None; keys.len()])
            }
            "two_handles_agree" if self.second => Ok(vec![None; keys.len()]),
            "rows_come_in_the_order_of_the_keys" => {
                let mut rows = self.inner.rows(keys).await?;
                for (at, key) in keys.iter().enumerate() {
                    rows[at].take_if(|_| keys[..at].contains(key));
                }
                Ok(rows)
            }
            _ => self.inner.rows(keys).await,
        }
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        let skips = after.is_some() && self.breaks("selections_page_in_key_order_without_gaps_or_repeats");
        let other = match (self.breaks, select) {
            ("rows_are_found_by_destination_and_link", Select::ByDestination(records)) if records.is_empty() => {
                people()
            }
            ("counts_follow_every_change", Select::Counts { .. }) => Select::Counts { pass: None },
            ("units_are_open_until_done", Select::OpenUnits(pass)) => Select::Units(*pass),
            _ => select.clone(),
        };
        let mut page = self.inner.select(&other, after, if skips { limit + 1 } else { limit }).await?;
        if skips
            || select == &Select::Audit
                && self.breaks("erasing_a_record_keeps_the_chain_whole")
                && self.shared.erased.load(Relaxed)
        {
            page.items.remove(0);
        }
        if self.breaks("the_audit_chain_verifies_and_a_tampered_line_is_found") {
            for entry in &mut page.items {
                if let Entry::Audit(line) = entry
                    && line.sequence > 7
                {
                    line.chain = Digest::of(&line.sequence.to_le_bytes());
                }
            }
        }
        Ok(page)
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        self.shared.erased.store(true, Relaxed);
        let documents = self.facts("document").await;
        let gone = self.inner.erase(scope).await?;
        match self.breaks {
            "erasing_a_record_takes_it_out_of_documents" => {
                let lease = self.own.lock().unwrap().values().next().cloned();
                if let Some(lease) = lease {
                    self.inner.commit(&lease, &documents).await?;
                }
                Ok(gone)
            }
            "erasing_prior_values_keeps_the_rest" if *scope == Erase::PriorValues => Ok(0),
            _ => Ok(gone),
        }
    }
}

struct Harness {
    inner: MemoryLedger,
    clock: ManualClock,
    breaks: &'static str,
    shared: Arc<Shared>,
}

impl LedgerHarness for Harness {
    async fn start() -> Self {
        let Memory { ledger, clock } = Memory::start().await;
        Self { inner: ledger, clock, breaks: BREAKS.get(), shared: Arc::default() }
    }

    fn ledger(&self) -> Arc<dyn IdLedger> {
        let second = self.shared.handles.fetch_add(1, Relaxed) > 0;
        let (inner, shared) = (self.inner.clone(), self.shared.clone());
        Arc::new(Broken { inner, breaks: self.breaks, shared, second, own: Mutex::default() })
    }

    async fn reopen(&mut self) {
        self.shared.handles.store(0, Relaxed);
        self.shared.reopened.store(true, Relaxed);
        let leases: Vec<Lease> = self.shared.leases.lock().unwrap().values().map(|(lease, _)| lease.clone()).collect();
        for lease in leases {
            let open = self.inner.select(&Select::OpenIntents(lease.unit.clone()), None, 1000).await.unwrap();
            let free = |entry| if let Entry::Row(row) = entry { Some(Change::Free(row.key)) } else { None };
            let lost = match self.breaks {
                "intents_survive_reopen" => open.items.into_iter().filter_map(free).collect(),
                "what_was_committed_survives_reopen" => vec![Change::Forget { kind: "plan".into(), key: "1".into() }],
                _ => Vec::new(),
            };
            self.inner.commit(&lease, &lost).await.unwrap();
        }
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Opens whatever is there as if it were a ledger without content.
    async fn open_instead(&mut self, store: Store, binding: &Binding) -> Option<Result<Arc<dyn IdLedger>>> {
        let rule = match store {
            Store::Foreign => "a_foreign_file_is_refused",
            Store::Damaged => "a_damaged_file_is_refused",
            Store::Newer => "a_newer_format_is_refused_naming_both",
            Store::Older => "an_older_format_is_upgraded",
            Store::ShortLog => "a_shortened_audit_log_is_refused",
            _ => return None,
        };
        if self.breaks != rule {
            return None;
        }
        let empty = Self::start().await.ledger();
        Some(empty.open(binding).await.map(|()| empty))
    }
}

#[tokio::test]
async fn each_saboteur_fails_exactly_its_rule() {
    assert_eq!(broken(rules::<Harness>()).await, [""; 0], "unbroken, the ledger keeps them all");
    for rule in rules::<Harness>() {
        BREAKS.set(rule.name);
        assert_eq!(broken(rules::<Harness>()).await, [rule.name], "by the saboteur of {}", rule.name);
    }
}
