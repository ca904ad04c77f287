//! A ledger in memory: for tests, rehearsals and programs that start over when they stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound::{self, Excluded, Included, Unbounded},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    audit::{ChainHead, content_of},
    cursor::{CountKey, after_count, after_number, after_row, after_unit, count_key, fetch, page_of},
    erase::{Left, without},
    transition::{
        Kept, busy, check, check_binding, check_migration, claimed, claims, fenced, lease_end, merge_prior, unbound,
    },
};
use crate::{
    AuditLine, Binding, Change, Clock, Count, Cursor, Entry, Erase, Fact, IdLedger, Lease, LedgerKey, MappingId,
    MigrationId, Page, Part, PriorValues, RecordRef, Result, Row, Select, UnitKey, UnitState, UnitStatus,
};

/// A ledger in memory. Clones share it, so it outlives whatever a test drops.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> crmkit_core::Result<()> {
/// use std::{sync::Arc, time::Duration};
/// use crmkit_core::{Binding, IdLedger, MemoryLedger, SystemClock, UnitKey};
///
/// let ledger = MemoryLedger::new(Arc::new(SystemClock));
/// let binding = Binding {
///     migration: "acme".into(),
///     tenant: "acme".into(),
///     source: "export".into(),
///     destination: "account 1".into(),
/// };
/// ledger.open(&binding).await?;
/// let lease = ledger.lease(&UnitKey::control(&binding.migration), "worker 1", Duration::from_secs(60)).await?;
/// assert_eq!(lease.epoch, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryLedger {
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Store {
    binding: Option<Binding>,
    leases: BTreeMap<UnitKey, Held>,
    units: BTreeMap<UnitKey, UnitState>,
    rows: BTreeMap<LedgerKey, Kept>,
    /// Rows with an open intent, by unit.
    intents: BTreeSet<(UnitKey, LedgerKey)>,
    /// Rows by the destination record that stands for them.
    destinations: BTreeSet<(RecordRef, LedgerKey)>,
    /// Rows by the destination records that they link to.
    links: BTreeSet<(RecordRef, LedgerKey)>,
    /// How many rows stand where, by pass.
    counts: BTreeMap<(CountKey, u32), u64>,
    prior: BTreeMap<(LedgerKey, u32), PriorValues>,
    facts: BTreeMap<(String, String), Fact>,
    audit: Vec<AuditLine>,
}

struct Held {
    owner: String,
    epoch: u64,
    until: DateTime<Utc>,
}

impl MemoryLedger {
    /// An empty ledger; leases end by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { store: Arc::default(), clock }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no holder of the lock panics")
    }

    /// The moment a lease ends that begins now.
    fn end(&self, ttl: Duration) -> Result<DateTime<Utc>> {
        lease_end(self.clock.now(), ttl)
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store();
        f.debug_struct("MemoryLedger").field("binding", &store.binding).field("rows", &store.rows.len()).finish()
    }
}

#[async_trait]
impl IdLedger for MemoryLedger {
    async fn open(&self, binding: &Binding) -> Result<()> {
        check_binding(self.store().binding.get_or_insert_with(|| binding.clone()), binding)
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        let (now, until) = (self.clock.now(), self.end(ttl)?);
        let mut store = self.store();
        check_migration(&unit.migration, store.migration()?)?;
        let epoch = match store.leases.get(unit) {
            Some(held) if held.owner != owner && held.until > now => return Err(busy(unit, now, held.until)),
            held => held.map_or(1, |held| held.epoch + 1),
        };
        store.leases.insert(unit.clone(), Held { owner: owner.to_owned(), epoch, until });
        Ok(Lease { unit: unit.clone(), epoch, until })
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        let until = self.end(ttl)?;
        let mut store = self.store();
        match store.leases.get_mut(&lease.unit) {
            Some(held) if held.epoch == lease.epoch => held.until = until,
            _ => return Err(fenced("ledger.renew", &lease.unit)),
        }
        Ok(Lease { until, ..lease.clone() })
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        let mut store = self.store();
        check(changes, store.migration()?)?;
        if store.leases.get(&lease.unit).is_none_or(|held| held.epoch != lease.epoch) {
            return Err(fenced("ledger.commit", &lease.unit));
        }
        let rows = store.changed_rows(changes)?;
        store.apply(rows, changes);
        Ok(())
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        let store = self.store();
        let migration = store.migration()?;
        keys.iter()
            .map(|key| {
                check_migration(&key.migration, migration)?;
                Ok(store.rows.get(key).map(|kept| kept.row.clone()))
            })
            .collect()
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        let store = self.store();
        let entries = store.select(select, after, fetch(limit)?)?;
        Ok(page_of(entries, limit))
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        Ok(self.store().erase(scope))
    }
}

impl Store {
    fn migration(&self) -> Result<&MigrationId> {
        self.binding.as_ref().map(|binding| &binding.migration).ok_or_else(unbound)
    }

    /// What the changes make of the rows they touch, beside the store: any of them may be refused.
    fn changed_rows(&self, changes: &[Change]) -> Result<BTreeMap<LedgerKey, Option<Kept>>> {
        let mut changed: BTreeMap<LedgerKey, Option<Kept>> = BTreeMap::new();
        for change in changes {
            let key = match change {
                Change::Intend(row) | Change::Settle(row) => &row.key,
                Change::Free(key) => key,
                _ => continue,
            };
            let old = changed.get(key).map_or_else(|| self.rows.get(key), Option::as_ref);
            let new = match change {
                Change::Intend(row) => Some(Kept::intend(old, row.clone())),
                Change::Settle(row) => Some(Kept::settle(old, row.clone())?),
                _ => old.cloned().and_then(Kept::free),
            };
            changed.insert(key.clone(), new);
        }
        match changed.iter().find(|(key, new)| self.is_claimed(key, new.as_ref(), &changed)) {
            Some((key, _)) => Err(claimed(key)),
            None => Ok(changed),
        }
    }

    /// Whether a row takes a destination record that another source record has after these changes.
    fn is_claimed(&self, key: &LedgerKey, new: Option<&Kept>, changed: &BTreeMap<LedgerKey, Option<Kept>>) -> bool {
        let Some(to) = new.and_then(claim_of) else { return false };
        if self.rows.get(key).and_then(claim_of) == Some(to) {
            return false;
        }
        let rival = |other: &Kept| {
            let other_key = &other.row.key;
            let same = (&other_key.mapping, &other_key.object, &other_key.id) == (&key.mapping, &key.object, &key.id);
            !same && claim_of(other) == Some(to)
        };
        let first = (to.clone(), first_of(&key.migration, &"".into()));
        let known = self.destinations.range(first..).take_while(|(of, _)| of == to);
        known.filter(|(_, key)| !changed.contains_key(key)).any(|(_, key)| rival(&self.rows[key]))
            || changed.values().flatten().any(rival)
    }

    fn apply(&mut self, rows: BTreeMap<LedgerKey, Option<Kept>>, changes: &[Change]) {
        for (key, kept) in rows {
            self.put(key, kept);
        }
        for change in changes {
            match change {
                Change::Intend(_) | Change::Settle(_) | Change::Free(_) => {}
                Change::Unit(unit) => {
                    self.units.insert(unit.key.clone(), unit.clone());
                }
                Change::Prior(prior) => {
                    let key = (prior.key.clone(), prior.pass);
                    let merged = merge_prior(self.prior.remove(&key), prior.clone());
                    self.prior.insert(key, merged);
                }
                Change::Fact(fact) => {
                    self.facts.insert((fact.kind.clone(), fact.key.clone()), fact.clone());
                }
                Change::Forget { kind, key } => {
                    self.facts.remove(&(kind.clone(), key.clone()));
                }
                Change::Audit(entry) => {
                    let head = self.audit.last().map_or_else(ChainHead::default, ChainHead::from);
                    let head = head.then(content_of(entry).as_bytes());
                    self.audit.push(AuditLine { sequence: head.sequence, entry: entry.clone(), chain: head.chain });
                }
            }
        }
    }

    /// Keeps or forgets a row, and what it is found by.
    fn put(&mut self, key: LedgerKey, kept: Option<Kept>) {
        if let Some(Kept { row: old, .. }) = self.rows.remove(&key) {
            let at = count_of(&old);
            match self.counts.get_mut(&at) {
                Some(rows) if *rows > 1 => *rows -= 1,
                _ => drop(self.counts.remove(&at)),
            }
            self.intents.remove(&(old.unit, key.clone()));
            if let Some(to) = old.destination {
                self.destinations.remove(&(to, key.clone()));
            }
            for to in old.links {
                self.links.remove(&(to, key.clone()));
            }
        }
        let Some(kept) = kept else { return };
        let row = &kept.row;
        *self.counts.entry(count_of(row)).or_insert(0) += 1;
        if row.intent.is_some() {
            self.intents.insert((row.unit.clone(), key.clone()));
        }
        self.destinations.extend(row.destination.iter().map(|to| (to.clone(), key.clone())));
        self.links.extend(row.links.iter().map(|to| (to.clone(), key.clone())));
        self.rows.insert(key, kept);
    }

    fn select(&self, select: &Select, after: Option<&Cursor>, most: usize) -> Result<Vec<Entry>> {
        let migration = self.migration()?;
        Ok(match select {
            Select::OpenIntents(unit) => {
                check_migration(&unit.migration, migration)?;
                let after = after_row(after, migration)?;
                let open = self.intents.range((from(unit, after.as_ref(), migration), Unbounded));
                let open = open.take_while(|(of, _)| of == unit);
                self.entries(open.map(|(_, key)| key).take(most))
            }
            Select::Rows { mapping, pass, states } => {
                let after = after_row(after, migration)?;
                let from = after.map_or_else(|| Included(first_of(migration, mapping)), Excluded);
                let all = self.rows.range((from, Unbounded)).map(|(_, kept)| &kept.row);
                let fits = |row: &&Row| {
                    pass.is_none_or(|pass| row.unit.pass == pass) && (states.is_empty() || states.contains(&row.state))
                };
                let wanted = all.take_while(|row| row.key.mapping == *mapping).filter(fits);
                wanted.take(most).cloned().map(Entry::Row).collect()
            }
            Select::ByDestination(records) => self.rows_at(&self.destinations, records, after, most)?,
            Select::LinkingTo(records) => self.rows_at(&self.links, records, after, most)?,
            Select::OpenUnits(pass) => {
                self.units_that(after, most, |unit| unit.key.pass == *pass && unit.status != UnitStatus::Done)?
            }
            Select::Units(pass) => self.units_that(after, most, |unit| unit.key.pass == *pass)?,
            Select::Facts(kind) => self.facts_that(kind, after, most, |_| true),
            Select::FactsAt(kind, keys) => self.facts_that(kind, after, most, |fact| keys.contains(&fact.key)),
            Select::Prior(key) => {
                check_migration(&key.migration, migration)?;
                let after = after_number(after)?;
                let all = self.prior.range((key.clone(), 0)..=(key.clone(), u32::MAX)).map(|(_, prior)| prior);
                let wanted = all.filter(|prior| after.is_none_or(|after| u64::from(prior.pass) > after));
                wanted.take(most).cloned().map(Entry::Prior).collect()
            }
            Select::Audit => {
                let after = after_number(after)?.unwrap_or(0);
                let lines = self.audit.iter().skip(usize::try_from(after).unwrap_or(usize::MAX));
                lines.take(most).cloned().map(Entry::Audit).collect()
            }
            Select::AuditHead => {
                let last = self.audit.last().filter(|_| after.is_none());
                last.cloned().map(Entry::Audit).into_iter().collect()
            }
            Select::Counts { pass } => {
                let after = after_count(after)?;
                let counts = self.counts(*pass).into_iter();
                let wanted = counts.filter(|count| after.as_ref().is_none_or(|after| count_key(count) > *after));
                wanted.take(most).map(Entry::Count).collect()
            }
        })
    }

    /// Rows that an index keeps under these records.
    fn rows_at(
        &self,
        index: &BTreeSet<(RecordRef, LedgerKey)>,
        records: &[RecordRef],
        after: Option<&Cursor>,
        most: usize,
    ) -> Result<Vec<Entry>> {
        let migration = self.migration()?;
        let after = after_row(after, migration)?;
        let mut keys = BTreeSet::new();
        for record in records {
            let rows = index.range((from(record, after.as_ref(), migration), Unbounded));
            keys.extend(rows.take_while(|(to, _)| to == record).map(|(_, key)| key).take(most));
        }
        Ok(self.entries(keys.into_iter().take(most)))
    }

    fn entries<'a>(&self, keys: impl Iterator<Item = &'a LedgerKey>) -> Vec<Entry> {
        keys.filter_map(|key| self.rows.get(key)).map(|kept| Entry::Row(kept.row.clone())).collect()
    }

    fn units_that(&self, after: Option<&Cursor>, most: usize, fits: impl Fn(&UnitState) -> bool) -> Result<Vec<Entry>> {
        let after = after_unit(after, self.migration()?)?;
        let from = after.as_ref().map_or(Unbounded, Excluded);
        let units = self.units.range::<UnitKey, _>((from, Unbounded)).map(|(_, unit)| unit);
        Ok(units.filter(|unit| fits(unit)).take(most).cloned().map(Entry::Unit).collect())
    }

    fn facts_that(&self, kind: &str, after: Option<&Cursor>, most: usize, fits: impl Fn(&Fact) -> bool) -> Vec<Entry> {
        let from = after.map_or_else(
            || Included((kind.to_owned(), String::new())),
            |after| Excluded((kind.to_owned(), after.0.clone())),
        );
        let facts = self.facts.range((from, Unbounded)).map(|(_, fact)| fact).take_while(|fact| fact.kind == kind);
        facts.filter(|fact| fits(fact)).take(most).cloned().map(Entry::Fact).collect()
    }

    fn counts(&self, pass: Option<u32>) -> Vec<Count> {
        let mut counts = BTreeMap::new();
        for ((key, of), rows) in &self.counts {
            if pass.is_none_or(|pass| *of == pass) {
                *counts.entry(key.clone()).or_insert(0) += rows;
            }
        }
        let count = |((mapping, part, state, uncertain), rows)| Count { mapping, part, state, uncertain, rows };
        counts.into_iter().map(count).collect()
    }

    fn erase(&mut self, scope: &Erase) -> u64 {
        let before = self.rows.len() + self.prior.len() + self.facts.len();
        match scope {
            Erase::PriorValues => self.prior.clear(),
            Erase::Records(records) => {
                let named =
                    |key: &LedgerKey| records.iter().any(|record| record.object == key.object && record.id == key.id);
                let keys: Vec<LedgerKey> = self.rows.keys().filter(|key| named(key)).cloned().collect();
                keys.into_iter().for_each(|key| self.put(key, None));
                self.prior.retain(|(key, _), _| !named(key));
                self.facts.retain(|_, fact| match without(fact, records) {
                    Left::Whole => true,
                    Left::Nothing => false,
                    Left::Changed(changed) => {
                        *fact = changed;
                        true
                    }
                });
                for kept in self.rows.values_mut() {
                    for row in std::iter::once(&mut kept.row).chain(kept.settled.as_deref_mut()) {
                        row.waits_for.take_if(|record| records.contains(record));
                    }
                }
            }
        }
        (before - self.rows.len() - self.prior.len() - self.facts.len()) as u64
    }
}

/// Where a row is counted.
fn count_of(row: &Row) -> (CountKey, u32) {
    ((row.key.mapping.clone(), row.key.part.clone(), row.state, row.uncertain), row.unit.pass)
}

/// Where a page of what an index keeps under `at` begins.
fn from<K: Clone>(at: &K, after: Option<&LedgerKey>, migration: &MigrationId) -> Bound<(K, LedgerKey)> {
    match after {
        Some(after) => Excluded((at.clone(), after.clone())),
        None => Included((at.clone(), first_of(migration, &"".into()))),
    }
}

/// The destination record that a row has for its source record alone.
fn claim_of(kept: &Kept) -> Option<&RecordRef> {
    let row = &kept.row;
    row.destination.as_ref().filter(|_| claims(row.state, &row.key.part, row.intent.is_some()))
}

/// Before every row of the mapping.
fn first_of(migration: &MigrationId, mapping: &MappingId) -> LedgerKey {
    let (object, id, part) = ("".into(), "".into(), Part::main());
    LedgerKey { migration: migration.clone(), mapping: mapping.clone(), object, id, part }
}
