//! What every ledger promises.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;

use crate::{
    AuditEntry, AuditLine, Binding, ChainHead, Change, Clock, Cursor, Digest, Entry, Erase, ErrorKind, Fact, FieldName,
    IdLedger, IntendedOperation, Intent, Lease, LedgerKey, PriorValues, RecordId, RecordRef, Retry, Row, RowState,
    Select, Uncertain, UnitKey, UnitState, UnitStatus, Value, testing::ManualClock, verify_chain,
};

/// How the suite gets at a ledger.
///
/// ```
/// use std::sync::Arc;
/// use crmkit_core::{IdLedger, MemoryLedger, testing::{ManualClock, conformance::ledger::LedgerHarness}};
///
/// struct Memory {
///     ledger: MemoryLedger,
///     clock: ManualClock,
/// }
///
/// impl LedgerHarness for Memory {
///     async fn start() -> Self {
///         let clock = ManualClock::new();
///         Self { ledger: MemoryLedger::new(Arc::new(clock.clone())), clock }
///     }
///     fn ledger(&self) -> Arc<dyn IdLedger> {
///         Arc::new(self.ledger.clone())
///     }
///     async fn reopen(&mut self) {}
///     fn clock(&self) -> &ManualClock {
///         &self.clock
///     }
/// }
/// # #[cfg(test)]
/// crmkit_core::conformance_tests!(ledger, Memory);
/// ```
#[allow(async_fn_in_trait, reason = "rules run on the test's own thread")]
pub trait LedgerHarness: Sized {
    /// A new, empty ledger that nobody has opened for a migration.
    async fn start() -> Self;

    /// A handle on the ledger; each call gives another.
    fn ledger(&self) -> Arc<dyn IdLedger>;

    /// Lets go of the store as a crash does, without a farewell, and opens it again.
    async fn reopen(&mut self);

    /// The clock that the ledger was made with.
    fn clock(&self) -> &ManualClock;
}

/// A rule of the suite.
pub struct Rule {
    /// Its function's name.
    pub name: &'static str,
    /// Runs it; it panics where the ledger breaks it.
    pub run: fn() -> LocalBoxFuture<'static, ()>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All rules, for harnesses that want them as a list.
pub fn rules<H: LedgerHarness + 'static>() -> Vec<Rule> {
    crate::ledger_conformance!(@list rules H)
}

/// See [`conformance_tests!`](crate::conformance_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! ledger_conformance {
    ($harness:ty) => { $crate::ledger_conformance!(@list tests $harness); };
    (@list $what:ident $harness:ty) => {
        $crate::ledger_conformance! { @$what $harness;
            a_ledger_is_bound_by_its_first_opening
            another_account_is_refused_naming_both
            keys_of_another_migration_are_refused
            a_commit_is_all_or_nothing
            changes_apply_in_order
            what_is_kept_comes_back_unchanged
            what_was_committed_survives_reopen
            intents_survive_reopen
            settling_twice_changes_nothing
            a_conflicting_settlement_is_refused
            a_held_or_rolled_back_row_may_take_another_destination
            freeing_a_new_row_forgets_it
            freeing_an_old_row_keeps_its_last_state
            an_older_epoch_is_fenced
            a_running_lease_is_busy_until_it_ends
            renewing_keeps_the_epoch
            two_handles_agree
            rows_come_in_the_order_of_the_keys
            selections_page_in_key_order_without_gaps_or_repeats
            rows_are_found_by_destination_and_link
            counts_follow_every_change
            units_are_open_until_done
            facts_are_kept_replaced_and_forgotten
            the_first_prior_value_stays
            the_audit_chain_verifies_and_a_tampered_line_is_found
            erasing_a_record_keeps_the_chain_whole
            erasing_prior_values_keeps_the_rest
            a_reader_never_sees_half_a_commit
        }
    };
    (@tests $harness:ty; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::testing::conformance::ledger::$rule::<$harness>().await;
            }
        )*
    };
    (@rules $harness:ty; $($rule:ident)*) => {
        vec![$($crate::testing::conformance::ledger::Rule {
            name: stringify!($rule),
            run: || Box::pin($crate::testing::conformance::ledger::$rule::<$harness>()),
        }),*]
    };
}

const TTL: Duration = Duration::from_secs(60);

fn binding() -> Binding {
    Binding {
        migration: "acme".into(),
        tenant: "tenant 1".to_owned(),
        source: "export 1".to_owned(),
        destination: "account 1".to_owned(),
    }
}

fn unit(page: u64) -> UnitKey {
    UnitKey { migration: "acme".into(), pass: 1, phase: 0, mapping: "people".into(), page }
}

fn key(id: &str) -> LedgerKey {
    LedgerKey {
        migration: "acme".into(),
        mapping: "people".into(),
        object: "contacts".into(),
        id: id.into(),
        part: "".into(),
    }
}

fn person(id: &str) -> RecordRef {
    RecordRef::new("person", id)
}

fn fields(pairs: &[(&str, &str)]) -> crate::Fields {
    pairs.iter().map(|(field, value)| (FieldName::from(*field), Value::text(*value))).collect()
}

fn intended(id: &str, now: DateTime<Utc>) -> Row {
    let intent = Intent {
        operation: IntendedOperation::Create,
        object: "person".into(),
        hash: Digest::of(id.as_bytes()),
        probe: fields(&[("zz_marker", id), ("name", "Ada")]),
        sent_after: now,
        send_before: now + TTL,
    };
    Row { intent: Some(intent), ..Row::new(key(id), unit(0)) }
}

fn created(id: &str, destination: &str) -> Row {
    Row {
        state: RowState::Created,
        destination: Some(person(destination)),
        hash: Some(Digest::of(id.as_bytes())),
        seal: Some(Digest::of(destination.as_bytes())),
        ..Row::new(key(id), unit(0))
    }
}

fn done(id: &str, time: DateTime<Utc>) -> AuditEntry {
    AuditEntry {
        time,
        actor: "tester".to_owned(),
        operation: "create".to_owned(),
        key: Digest::of(id.as_bytes()).to_string(),
        destination: Some(person(id)),
        hash: Some(Digest::of(id.as_bytes())),
        result: "created".to_owned(),
    }
}

/// A ledger that is open and its lease of the unit of page 0.
async fn begin<H: LedgerHarness>() -> (H, Arc<dyn IdLedger>, Lease) {
    let harness = H::start().await;
    let ledger = harness.ledger();
    ledger.open(&binding()).await.expect("a new ledger opens");
    let lease = ledger.lease(&unit(0), "worker", TTL).await.expect("nobody else holds the unit");
    (harness, ledger, lease)
}

async fn row(ledger: &Arc<dyn IdLedger>, id: &str) -> Option<Row> {
    ledger.rows(&[key(id)]).await.expect("rows can be read").pop().expect("one answer for each key")
}

/// All of a selection, in pages of `limit`; checks that every page but the last is full.
async fn all(ledger: &Arc<dyn IdLedger>, select: &Select, limit: usize) -> Vec<Entry> {
    let (mut found, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = ledger.select(select, after.as_ref(), limit).await.expect("a selection can be read");
        assert!(page.items.len() <= limit, "a page of {select:?} is larger than asked for");
        assert!(
            page.next.is_none() || page.items.len() == limit,
            "a page of {select:?} is short though another follows"
        );
        found.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

async fn rows_in(ledger: &Arc<dyn IdLedger>, select: &Select) -> Vec<Row> {
    let row = |entry| if let Entry::Row(row) = entry { Some(row) } else { None };
    all(ledger, select, 1000).await.into_iter().filter_map(row).collect()
}

async fn ids_in(ledger: &Arc<dyn IdLedger>, select: &Select) -> Vec<String> {
    rows_in(ledger, select).await.into_iter().map(|row| row.key.id.to_string()).collect()
}

async fn lines(ledger: &Arc<dyn IdLedger>) -> Vec<AuditLine> {
    let line = |entry| if let Entry::Audit(line) = entry { Some(line) } else { None };
    all(ledger, &Select::Audit, 1000).await.into_iter().filter_map(line).collect()
}

fn people(states: &[RowState]) -> Select {
    Select::Rows { mapping: "people".into(), pass: None, states: states.to_vec() }
}

/// "Any call before the first `open`, is a `State` error": `open` binds a new ledger.
pub async fn a_ledger_is_bound_by_its_first_opening<H: LedgerHarness>() {
    let harness = H::start().await;
    let ledger = harness.ledger();
    let early = ledger.lease(&unit(0), "worker", TTL).await.expect_err("the ledger belongs to nobody yet");
    assert_eq!(early.kind(), ErrorKind::State);
    let early = ledger.rows(&[key("1")]).await.expect_err("the ledger belongs to nobody yet");
    assert_eq!(early.kind(), ErrorKind::State);
    ledger.open(&binding()).await.expect("a new ledger opens");
    ledger.open(&binding()).await.expect("and opens again for the same");
    ledger.lease(&unit(0), "worker", TTL).await.expect("now units can be leased");
}

/// "Another tenant, source or destination account is a `State` error that names both."
pub async fn another_account_is_refused_naming_both<H: LedgerHarness>() {
    let (mut harness, ledger, _) = begin::<H>().await;
    let others = [
        Binding { tenant: "tenant 2".to_owned(), ..binding() },
        Binding { source: "export 2".to_owned(), ..binding() },
        Binding { destination: "account 2".to_owned(), ..binding() },
    ];
    drop(ledger);
    harness.reopen().await;
    for (other, names) in
        others.iter().zip([["tenant 1", "tenant 2"], ["export 1", "export 2"], ["account 1", "account 2"]])
    {
        let error = harness.ledger().open(other).await.expect_err("the ledger belongs to another");
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(names.iter().all(|name| error.to_string().contains(name)), "{error} must name {names:?}");
    }
    harness.ledger().open(&binding()).await.expect("its own account still opens it");
}

/// "A key of another migration … is a `State` error."
pub async fn keys_of_another_migration_are_refused<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let foreign = LedgerKey { migration: "other".into(), ..key("1") };
    let foreign_unit = UnitKey { migration: "other".into(), ..unit(0) };
    let read = ledger.rows(std::slice::from_ref(&foreign)).await.expect_err("not of this ledger");
    let leased = ledger.lease(&foreign_unit, "worker", TTL).await.expect_err("not of this ledger");
    let change = Change::Settle(Row { key: foreign, ..created("1", "1") });
    let written = ledger.commit(&lease, &[change]).await.expect_err("not of this ledger");
    assert_eq!([read.kind(), leased.kind(), written.kind()], [ErrorKind::State; 3]);
}

/// "`commit` applies all changes or none."
pub async fn a_commit_is_all_or_nothing<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    ledger.commit(&lease, &[Change::Settle(created("5", "50"))]).await.expect("a first outcome");
    let fact = Fact { kind: "pass".into(), key: "1".into(), value: true.into() };
    let changes = [
        Change::Unit(UnitState::open(unit(1), None)),
        Change::Fact(fact),
        Change::Audit(done("1", now)),
        Change::Intend(intended("1", now)),
        Change::Settle(created("2", "20")),
        Change::Prior(PriorValues {
            key: key("2"),
            pass: 1,
            destination: person("20"),
            fields: fields(&[("name", "A")]),
        }),
        Change::Settle(created("5", "51")),
        Change::Settle(created("6", "60")),
    ];
    let error = ledger.commit(&lease, &changes).await.expect_err("one row takes another destination");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(ids_in(&ledger, &people(&[])).await, ["5"], "no row of a failed commit is kept");
    let rest = [Select::Units(1), Select::Facts("pass".into()), Select::Audit, Select::Prior(key("2"))];
    for select in rest {
        assert!(all(&ledger, &select, 10).await.is_empty(), "nothing of a failed commit is kept: {select:?}");
    }
    ledger.commit(&lease, &[Change::Audit(done("5", now))]).await.expect("the ledger goes on");
    assert_eq!(verify_chain(&lines(&ledger).await, ChainHead::default()).map(|head| head.sequence), Ok(1));
}

/// "`commit` applies all changes …, in order."
pub async fn changes_apply_in_order<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let fact = |value: i64| Change::Fact(Fact { kind: "pass".into(), key: "1".into(), value: value.into() });
    let changes = [
        Change::Intend(intended("2", now)),
        Change::Settle(created("2", "20")),
        Change::Intend(intended("1", now)),
        Change::Free(key("1")),
        Change::Intend(intended("3", now)),
        Change::Free(key("3")),
        Change::Intend(intended("3", now)),
        fact(1),
        Change::Forget { kind: "pass".into(), key: "1".into() },
        fact(2),
    ];
    ledger.commit(&lease, &changes).await.expect("a commit");
    assert_eq!(row(&ledger, "2").await, Some(created("2", "20")));
    assert_eq!(row(&ledger, "1").await, None);
    assert_eq!(row(&ledger, "3").await, Some(intended("3", now)));
    let facts = all(&ledger, &Select::Facts("pass".into()), 10).await;
    assert_eq!(facts, [Entry::Fact(Fact { kind: "pass".into(), key: "1".into(), value: 2.into() })]);
}

/// "Keeps a row in a terminal state": every part of a row, intent and unit comes back as it was given.
pub async fn what_is_kept_comes_back_unchanged<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now() + Duration::from_nanos(123_456_789);
    let held = Row {
        state: RowState::Held,
        reason: Some("zwei \"Treffer\" – wählen".to_owned()),
        waits_for: Some(RecordRef::new("companies", "9/ä")),
        uncertain: Some(Uncertain::Held),
        links: vec![RecordRef::new("organization", "7"), RecordRef::new("organization", "8")],
        history: vec![RecordId::from("1"), RecordId::from("2")],
        notes: vec!["text shortened".to_owned()],
        unit: UnitKey { mapping: "companies".into(), pass: 3, phase: 2, page: 1 << 40, ..unit(0) },
        ..created("ä/1'\"", "50")
    };
    let mut update = intended("2", now);
    if let Some(intent) = &mut update.intent {
        intent.operation = IntendedOperation::Update { id: "20".into() };
    }
    let part = Row { key: LedgerKey { part: "link:parent".into(), ..key("3") }, ..created("3", "30") };
    let state = UnitState {
        status: UnitStatus::Backoff { until: now },
        counts: [("rows".to_owned(), 200), ("quarantined".to_owned(), 1)].into(),
        ..UnitState::open(unit(7), Some(Cursor("byte 4711".to_owned())))
    };
    let changes = [
        Change::Settle(held.clone()),
        Change::Intend(update.clone()),
        Change::Settle(part.clone()),
        Change::Unit(state.clone()),
        Change::Audit(done("1", now)),
    ];
    ledger.commit(&lease, &changes).await.expect("a commit");
    let keys = [part.key.clone(), key("3"), held.key.clone(), update.key.clone()];
    let kept = ledger.rows(&keys).await.expect("rows");
    assert_eq!(kept, [Some(part), None, Some(held), Some(update)]);
    assert_eq!(all(&ledger, &Select::Units(1), 10).await, [Entry::Unit(state)]);
    assert_eq!(lines(&ledger).await[0].entry, done("1", now));
}

/// "Returns after they are durable."
pub async fn what_was_committed_survives_reopen<H: LedgerHarness>() {
    let (mut harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let fact = Fact { kind: "plan".into(), key: "1".into(), value: "confirmed".into() };
    let state = UnitState { status: UnitStatus::Done, ..UnitState::open(unit(0), None) };
    let changes = [
        Change::Settle(created("1", "10")),
        Change::Fact(fact.clone()),
        Change::Unit(state.clone()),
        Change::Audit(done("1", now)),
    ];
    ledger.commit(&lease, &changes).await.expect("a commit");
    drop(ledger);
    harness.reopen().await;
    let ledger = harness.ledger();
    ledger.open(&binding()).await.expect("the same account");
    assert_eq!(row(&ledger, "1").await, Some(created("1", "10")));
    assert_eq!(all(&ledger, &Select::Facts("plan".into()), 10).await, [Entry::Fact(fact)]);
    assert_eq!(all(&ledger, &Select::Units(1), 10).await, [Entry::Unit(state)]);
    ledger.commit(&lease, &[Change::Audit(done("2", now))]).await.expect("the lease is still the newest");
    assert_eq!(verify_chain(&lines(&ledger).await, ChainHead::default()).map(|head| head.sequence), Ok(2));
}

/// "Intents survive a crash."
pub async fn intents_survive_reopen<H: LedgerHarness>() {
    let (mut harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let other = Row { unit: unit(1), ..intended("3", now) };
    let changes = [intended("2", now), intended("1", now), other].map(Change::Intend);
    ledger.commit(&lease, &changes).await.expect("intents");
    drop(ledger);
    harness.reopen().await;
    let ledger = harness.ledger();
    ledger.open(&binding()).await.expect("the same account");
    let open = rows_in(&ledger, &Select::OpenIntents(unit(0))).await;
    assert_eq!(open, [intended("1", now), intended("2", now)], "the open intents of this unit, whole");
}

/// "Settling a row twice with the same outcome changes nothing."
pub async fn settling_twice_changes_nothing<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let linked = Row { links: vec![person("99")], ..created("1", "10") };
    ledger.commit(&lease, &[Change::Intend(intended("1", harness.clock().now()))]).await.expect("an intent");
    for _ in 0..2 {
        ledger.commit(&lease, &[Change::Settle(linked.clone())]).await.expect("the same outcome again");
        assert_eq!(rows_in(&ledger, &people(&[])).await, [linked.clone()]);
        assert_eq!(ids_in(&ledger, &Select::LinkingTo(vec![person("99")])).await, ["1"]);
        assert!(
            all(&ledger, &Select::Counts { pass: None }, 10).await.iter().all(
                |entry| matches!(entry, Entry::Count(count) if count.state == RowState::Created && count.rows == 1)
            )
        );
    }
}

/// "A row that is settled with another destination record is a `Conflict`."
pub async fn a_conflicting_settlement_is_refused<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    ledger.commit(&lease, &[Change::Settle(created("1", "10"))]).await.expect("an outcome");
    let error = ledger.commit(&lease, &[Change::Settle(created("1", "11"))]).await.expect_err("another destination");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Conflict, Retry::Never));
    let again = Row { state: RowState::Created, destination: Some(person("10")), ..intended("1", now) };
    ledger.commit(&lease, &[Change::Intend(again)]).await.expect("an intent of the settled row");
    let error = ledger.commit(&lease, &[Change::Settle(created("1", "11"))]).await.expect_err("another destination");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let updated = Row { state: RowState::Updated, ..created("1", "10") };
    ledger.commit(&lease, &[Change::Settle(updated.clone())]).await.expect("the same destination is welcome");
    assert_eq!(row(&ledger, "1").await, Some(updated));
}

/// "… unless it was rolled back or held before, or the new outcome names no destination."
pub async fn a_held_or_rolled_back_row_may_take_another_destination<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let held = Row { state: RowState::Held, ..created("1", "10") };
    let rolled_back = Row { state: RowState::RolledBack, history: vec!["20".into()], ..created("2", "20") };
    let changes = [held, created("2", "20"), rolled_back.clone()].map(Change::Settle);
    ledger.commit(&lease, &changes).await.expect("outcomes");
    let again = Row { intent: intended("2", now).intent, ..rolled_back };
    ledger.commit(&lease, &[Change::Intend(again)]).await.expect("a later pass writes it again");
    let new = [created("1", "11"), Row { history: vec!["20".into()], ..created("2", "21") }];
    ledger.commit(&lease, &new.clone().map(Change::Settle)).await.expect("other destinations");
    assert_eq!(rows_in(&ledger, &people(&[])).await, new);
    let excluded = Row { state: RowState::Excluded, destination: None, ..created("1", "11") };
    ledger.commit(&lease, &[Change::Settle(excluded.clone())]).await.expect("an outcome without destination");
    assert_eq!(row(&ledger, "1").await, Some(excluded));
}

/// "A row that was new is forgotten."
pub async fn freeing_a_new_row_forgets_it<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let linking = Row { links: vec![person("99")], ..intended("1", now) };
    ledger.commit(&lease, &[Change::Intend(linking.clone())]).await.expect("an intent");
    ledger.commit(&lease, &[Change::Intend(linking)]).await.expect("intended once more");
    ledger
        .commit(&lease, &[Change::Free(key("1")), Change::Free(key("2"))])
        .await
        .expect("freed, also what is not there");
    assert_eq!(row(&ledger, "1").await, None);
    for select in [Select::OpenIntents(unit(0)), Select::LinkingTo(vec![person("99")]), Select::Counts { pass: None }] {
        assert!(all(&ledger, &select, 10).await.is_empty(), "{select:?}");
    }
    let before = Row { history: vec!["10".into()], ..intended("1", now) };
    let freed = Row { state: RowState::RolledBack, intent: None, ..before.clone() };
    ledger.commit(&lease, &[Change::Intend(before), Change::Free(key("1"))]).await.expect("a row with history");
    assert_eq!(row(&ledger, "1").await, Some(freed), "history is never forgotten");
}

/// "Another is again exactly what was last settled."
pub async fn freeing_an_old_row_keeps_its_last_state<H: LedgerHarness>() {
    let (mut harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let settled = Row { links: vec![person("99")], notes: vec!["shortened".into()], ..created("1", "10") };
    ledger.commit(&lease, &[Change::Settle(settled.clone())]).await.expect("an outcome");
    let later = UnitKey { pass: 2, ..unit(0) };
    let new = Row { unit: later.clone(), links: vec![person("98")], notes: Vec::new(), ..settled.clone() };
    let again = Row { intent: intended("1", now).intent, ..new };
    ledger.commit(&lease, &[Change::Intend(again.clone())]).await.expect("an intent of a later pass");
    ledger.commit(&lease, &[Change::Intend(again)]).await.expect("intended once more");
    assert_eq!(ids_in(&ledger, &Select::OpenIntents(later.clone())).await, ["1"]);
    drop(ledger);
    harness.reopen().await;
    let ledger = harness.ledger();
    ledger.commit(&lease, &[Change::Free(key("1"))]).await.expect("freed");
    assert_eq!(row(&ledger, "1").await, Some(settled.clone()));
    ledger.commit(&lease, &[Change::Free(key("1"))]).await.expect("freed without an intent");
    assert_eq!(rows_in(&ledger, &people(&[])).await, [settled]);
    assert!(all(&ledger, &Select::OpenIntents(later), 10).await.is_empty());
    assert_eq!(ids_in(&ledger, &Select::LinkingTo(vec![person("99")])).await, ["1"]);
    assert!(all(&ledger, &Select::LinkingTo(vec![person("98")]), 10).await.is_empty());
}

/// "It is `Fenced` if a newer lease of the unit was given out; nothing is applied then."
pub async fn an_older_epoch_is_fenced<H: LedgerHarness>() {
    let (_harness, ledger, old) = begin::<H>().await;
    let new = ledger.lease(&unit(0), "worker", TTL).await.expect("the same owner may lease again at any time");
    assert!(new.epoch > old.epoch);
    let error = ledger.commit(&old, &[Change::Settle(created("1", "10"))]).await.expect_err("a stale worker");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Fenced, Retry::Never));
    assert_eq!(row(&ledger, "1").await, None, "nothing of a fenced commit is kept");
    ledger.commit(&new, &[Change::Settle(created("1", "10"))]).await.expect("the newest lease");
    let never = Lease { unit: unit(9), ..new };
    let error = ledger.commit(&never, &[]).await.expect_err("a unit that nobody leased");
    assert_eq!(error.kind(), ErrorKind::Fenced);
}

/// "`Busy` with `until` from `lease` while another owner's lease is running."
pub async fn a_running_lease_is_busy_until_it_ends<H: LedgerHarness>() {
    let (mut harness, ledger, lease) = begin::<H>().await;
    assert_eq!(lease.until, harness.clock().now() + TTL);
    drop(ledger);
    harness.reopen().await;
    let ledger = harness.ledger();
    harness.clock().advance(TTL - Duration::from_millis(1));
    let error = ledger.lease(&unit(0), "other", TTL).await.expect_err("the lease is running");
    assert_eq!((error.kind(), error.until()), (ErrorKind::Busy, Some(lease.until)));
    ledger.lease(&unit(1), "other", TTL).await.expect("another unit is free");
    harness.clock().advance(Duration::from_millis(1));
    let taken = ledger.lease(&unit(0), "other", TTL).await.expect("the lease has ended");
    assert_eq!(taken.epoch, lease.epoch + 1);
}

/// "Prolongs a lease; the epoch stays."
pub async fn renewing_keeps_the_epoch<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    harness.clock().advance(TTL / 2);
    let renewed = ledger.renew(&lease, TTL).await.expect("the newest lease");
    assert_eq!((renewed.epoch, renewed.until), (lease.epoch, harness.clock().now() + TTL));
    harness.clock().advance(TTL / 2 + Duration::from_secs(1));
    let error = ledger.lease(&unit(0), "other", TTL).await.expect_err("the renewed lease is running");
    assert_eq!(error.until(), Some(renewed.until));
    ledger.commit(&renewed, &[]).await.expect("and commits");
    harness.clock().advance(TTL);
    ledger.lease(&unit(0), "other", TTL).await.expect("the lease has ended");
    let error = ledger.renew(&renewed, TTL).await.expect_err("somebody else works on the unit");
    assert_eq!(error.kind(), ErrorKind::Fenced);
}

/// "Two handles on one ledger agree."
pub async fn two_handles_agree<H: LedgerHarness>() {
    let (harness, one, lease) = begin::<H>().await;
    let two = harness.ledger();
    one.commit(&lease, &[Change::Settle(created("1", "10"))]).await.expect("a commit");
    assert_eq!(row(&two, "1").await, Some(created("1", "10")));
    let newer = two.lease(&unit(0), "worker", TTL).await.expect("the same owner");
    let error =
        one.commit(&lease, &[Change::Settle(created("2", "20"))]).await.expect_err("fenced by the other handle");
    assert_eq!(error.kind(), ErrorKind::Fenced);
    two.commit(&newer, &[Change::Settle(created("2", "20"))]).await.expect("a commit");
    assert_eq!(ids_in(&one, &people(&[])).await, ["1", "2"]);
}

/// "The rows of these keys, in order."
pub async fn rows_come_in_the_order_of_the_keys<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let changes = [created("1", "10"), created("2", "20")].map(Change::Settle);
    ledger.commit(&lease, &changes).await.expect("a commit");
    let rows = ledger.rows(&["2", "9", "1", "2"].map(key)).await.expect("rows");
    let ids: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.key.id.as_str())).collect();
    assert_eq!(ids, [Some("2"), None, Some("1"), Some("2")]);
    assert!(ledger.rows(&[]).await.expect("no rows").is_empty());
}

/// "What the selection fits, in key order, `limit` entries after `after`."
pub async fn selections_page_in_key_order_without_gaps_or_repeats<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let mut changes = Vec::new();
    for number in (0..23).rev() {
        let id = number.to_string();
        let mut row = Row { links: vec![person("99"), person("98")], ..created(&id, &format!("{}", number % 2)) };
        if number % 3 == 0 {
            row.key.part = "second".into();
        }
        let other = Row { key: LedgerKey { mapping: "zz".into(), ..row.key.clone() }, ..intended(&id, now) };
        changes.extend([Change::Settle(row), Change::Intend(other), Change::Audit(done(&id, now))]);
        changes.push(Change::Unit(UnitState::open(unit(number), None)));
        changes.push(Change::Fact(Fact { kind: "decision".into(), key: id, value: number.into() }));
    }
    for pass in 1..=4 {
        let destination = person("10");
        changes.push(Change::Prior(PriorValues { key: key("1"), pass, destination, fields: fields(&[("a", "b")]) }));
    }
    ledger.commit(&lease, &changes).await.expect("a commit");
    let selections = [
        (people(&[]), 23),
        (people(&[RowState::Held]), 0),
        (Select::OpenIntents(unit(0)), 23),
        (Select::ByDestination(vec![person("1"), person("0"), person("1")]), 23),
        (Select::LinkingTo(vec![person("98"), person("99")]), 23),
        (Select::OpenUnits(1), 23),
        (Select::Units(1), 23),
        (Select::Facts("decision".into()), 23),
        (Select::FactsAt("decision".into(), ["7", "1", "12", "none"].map(Into::into).into()), 3),
        (Select::Prior(key("1")), 4),
        (Select::Audit, 23),
        (Select::Counts { pass: None }, 4),
    ];
    for (select, expected) in &selections {
        let whole = all(&ledger, select, 1000).await;
        assert_eq!(whole.len(), *expected, "{select:?}");
        assert!(whole.is_sorted_by(|a, b| order_of(a) < order_of(b)), "{select:?} is not in key order");
        for limit in [1, 5, 23] {
            assert_eq!(all(&ledger, select, limit).await, whole, "{select:?} in pages of {limit}");
        }
    }
}

/// The key of an entry in a form that orders as the key does.
fn order_of(entry: &Entry) -> (String, String, String, String, u64) {
    let text = |name: &dyn std::fmt::Display| name.to_string();
    let none = String::new;
    match entry {
        Entry::Row(Row { key, .. }) => (text(&key.mapping), text(&key.object), text(&key.id), text(&key.part), 0),
        Entry::Unit(UnitState { key, .. }) => {
            (format!("{:010}", key.pass), format!("{:05}", key.phase), text(&key.mapping), none(), key.page)
        }
        Entry::Fact(fact) => (fact.kind.clone(), fact.key.clone(), none(), none(), 0),
        Entry::Prior(prior) => (none(), none(), none(), none(), prior.pass.into()),
        Entry::Audit(line) => (none(), none(), none(), none(), line.sequence),
        Entry::Count(count) => (text(&count.mapping), text(&count.part), none(), none(), count.state as u64),
    }
}

/// "Rows whose destination is one of these"; "rows that link to one of these destination records."
pub async fn rows_are_found_by_destination_and_link<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let linking = |id: &str, to: &str| Row { links: vec![person(to)], ..created(id, id) };
    let changes = [linking("1", "7"), linking("2", "8"), linking("3", "9")].map(Change::Settle);
    ledger.commit(&lease, &changes).await.expect("a commit");
    assert_eq!(ids_in(&ledger, &Select::ByDestination(vec![person("3"), person("1")])).await, ["1", "3"]);
    let others = vec![RecordRef::new("deal", "1"), person("4")];
    assert!(all(&ledger, &Select::ByDestination(others), 10).await.is_empty());
    assert!(all(&ledger, &Select::ByDestination(Vec::new()), 10).await.is_empty());
    assert_eq!(ids_in(&ledger, &Select::LinkingTo(vec![person("9"), person("7")])).await, ["1", "3"]);
    ledger.commit(&lease, &[Change::Settle(linking("1", "8"))]).await.expect("another link");
    assert!(all(&ledger, &Select::LinkingTo(vec![person("7")]), 10).await.is_empty());
    assert_eq!(ids_in(&ledger, &Select::LinkingTo(vec![person("8")])).await, ["1", "2"]);
}

/// "Row counts per mapping, part, state and uncertainty, of one pass or all"; "last changed in this pass."
pub async fn counts_follow_every_change<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let later = |row: Row| Row { unit: UnitKey { pass: 2, ..unit(0) }, ..row };
    let changes = [
        Change::Intend(intended("1", now)),
        Change::Intend(intended("2", now)),
        Change::Intend(intended("3", now)),
        Change::Settle(created("1", "10")),
        Change::Settle(Row { uncertain: Some(Uncertain::Adopted), ..created("2", "20") }),
        Change::Settle(created("4", "40")),
        Change::Settle(later(Row { state: RowState::Updated, ..created("4", "40") })),
    ];
    ledger.commit(&lease, &changes).await.expect("a commit");
    let counts = async |pass| {
        let entries = all(&ledger, &Select::Counts { pass }, 10).await.into_iter();
        let count = |entry| if let Entry::Count(it) = entry { Some((it.state, it.uncertain, it.rows)) } else { None };
        entries.filter_map(count).collect::<Vec<_>>()
    };
    let first =
        [(RowState::Intended, None, 1), (RowState::Created, None, 1), (RowState::Created, Some(Uncertain::Adopted), 1)];
    let second = [(RowState::Updated, None, 1)];
    assert_eq!(counts(None).await, [&first[..], &second[..]].concat());
    assert_eq!(counts(Some(1)).await, first);
    assert_eq!(counts(Some(2)).await, second);
    let pass_two = Select::Rows { mapping: "people".into(), pass: Some(2), states: Vec::new() };
    assert_eq!(ids_in(&ledger, &pass_two).await, ["4"]);
    assert_eq!(ids_in(&ledger, &people(&[RowState::Created, RowState::Updated])).await, ["1", "2", "4"]);
}

/// "Units of a pass that are not done, in key order."
pub async fn units_are_open_until_done<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let state = |page, status| Change::Unit(UnitState { status, ..UnitState::open(unit(page), None) });
    let changes = [
        state(2, UnitStatus::Blocked { reason: "a decision".into() }),
        state(0, UnitStatus::Open),
        state(1, UnitStatus::Open),
        Change::Unit(UnitState::open(UnitKey { pass: 2, ..unit(0) }, None)),
        state(0, UnitStatus::Done),
    ];
    ledger.commit(&lease, &changes).await.expect("a commit");
    let pages = async |select| {
        let page = |entry| if let Entry::Unit(unit) = entry { Some(unit.key.page) } else { None };
        all(&ledger, &select, 10).await.into_iter().filter_map(page).collect::<Vec<_>>()
    };
    assert_eq!(pages(Select::OpenUnits(1)).await, [1, 2]);
    assert_eq!(pages(Select::Units(1)).await, [0, 1, 2]);
    ledger.commit(&lease, &[state(0, UnitStatus::Open)]).await.expect("a unit may be opened again");
    assert_eq!(pages(Select::OpenUnits(1)).await, [0, 1, 2]);
}

/// "Keeps or replaces a fact"; "forgets a fact."
pub async fn facts_are_kept_replaced_and_forgotten<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let fact = |kind: &str, key: &str, value: &str| Fact { kind: kind.into(), key: key.into(), value: value.into() };
    let changes = [fact("owner", "b", "1"), fact("owner", "a", "2"), fact("owners", "a", "3"), fact("owner", "b", "4")];
    ledger.commit(&lease, &changes.map(Change::Fact)).await.expect("a commit");
    let forget = |key: &str| Change::Forget { kind: "owner".into(), key: key.into() };
    let owners = [fact("owner", "a", "2"), fact("owner", "b", "4")].map(Entry::Fact);
    assert_eq!(all(&ledger, &Select::Facts("owner".into()), 10).await, owners);
    ledger.commit(&lease, &[forget("a"), forget("never kept")]).await.expect("a commit");
    assert_eq!(all(&ledger, &Select::Facts("owner".into()), 10).await, owners[1..]);
    let at = Select::FactsAt("owners".into(), vec!["a".into(), "b".into()]);
    assert_eq!(all(&ledger, &at, 10).await, [Entry::Fact(fact("owners", "a", "3"))]);
}

/// "The first kept for a (key, pass, field) stays, and the first destination."
pub async fn the_first_prior_value_stays<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let prior = |pass, destination: &str, values: &[(&str, &str)]| PriorValues {
        key: key("1"),
        pass,
        destination: person(destination),
        fields: fields(values),
    };
    let kept = [prior(2, "10", &[("name", "B")]), prior(1, "10", &[("name", "A"), ("city", "Oslo")])];
    ledger.commit(&lease, &kept.map(Change::Prior)).await.expect("a commit");
    let later = prior(1, "11", &[("phone", "1"), ("name", "C")]);
    ledger.commit(&lease, &[Change::Prior(later)]).await.expect("a commit");
    let expected =
        [prior(1, "10", &[("name", "A"), ("city", "Oslo"), ("phone", "1")]), prior(2, "10", &[("name", "B")])];
    assert_eq!(all(&ledger, &Select::Prior(key("1")), 10).await, expected.map(Entry::Prior));
    assert!(all(&ledger, &Select::Prior(key("2")), 10).await.is_empty());
}

/// "Digest of the line before and this line's content: a line cannot be changed or taken out unseen."
pub async fn the_audit_chain_verifies_and_a_tampered_line_is_found<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    for id in 0..5 {
        let line = Change::Audit(done(&id.to_string(), harness.clock().now()));
        ledger.commit(&lease, &[line.clone(), line]).await.expect("a commit");
    }
    let lines = lines(&ledger).await;
    assert_eq!(lines.iter().map(|line| line.sequence).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    let head = verify_chain(&lines[..4], ChainHead::default()).expect("the first page");
    let head = verify_chain(&lines[4..], head).expect("the next page goes on from it");
    assert_eq!(head, ChainHead::from(&lines[9]));

    let mut changed = lines.clone();
    changed[6].entry.result = "held".to_owned();
    let mut missing = lines.clone();
    missing.remove(6);
    let mut swapped = lines;
    swapped.swap(6, 7);
    for tampered in [changed, missing, swapped] {
        let broken = verify_chain(&tampered, ChainHead::default()).expect_err("the log was tampered with");
        assert_eq!(broken.sequence, 7);
    }
}

/// "Everything kept about these source records: rows, prior values, facts that name them"; "the audit chain stays whole."
pub async fn erasing_a_record_keeps_the_chain_whole<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let fact = |kind: &str, key: &str, value: &str| Fact { kind: kind.into(), key: key.into(), value: value.into() };
    let part =
        Row { key: LedgerKey { part: "link".into(), ..key("1") }, links: vec![person("9")], ..created("1", "11") };
    let mapped = Row { key: LedgerKey { mapping: "leads".into(), ..key("1") }, ..intended("1", now) };
    let waiting =
        Row { state: RowState::Held, waits_for: Some(RecordRef::new("contacts", "1")), ..Row::new(key("2"), unit(0)) };
    let mut changes: Vec<Change> = [created("1", "10"), part, waiting.clone(), created("11", "12")]
        .into_iter()
        .map(Change::Settle)
        .chain([Change::Intend(mapped)])
        .chain(["1", "2", "11"].map(|id| Change::Audit(done(id, now))))
        .collect();
    for (key, destination) in [(key("1"), person("10")), (key("11"), person("12"))] {
        changes.push(Change::Prior(PriorValues { key, pass: 1, destination, fields: fields(&[("a", "b")]) }));
    }
    changes.extend(
        [
            fact("decision", "contacts/1", "merge"),
            fact("match/contacts/email", "a@example.com", "contacts/1"),
            fact("match/contacts/email", "b@example.com", "contacts/11"),
        ]
        .map(Change::Fact),
    );
    ledger.commit(&lease, &changes).await.expect("a commit");
    let gone = ledger.erase(&Erase::Records(vec![RecordRef::new("contacts", "1")])).await.expect("erased");
    assert_eq!(gone, 6, "three rows, one set of prior values, two facts");
    let waits_for_nothing = Row { waits_for: None, ..waiting };
    assert_eq!(rows_in(&ledger, &people(&[])).await, [created("11", "12"), waits_for_nothing]);
    let emptied = [
        Select::Rows { mapping: "leads".into(), pass: None, states: Vec::new() },
        Select::OpenIntents(unit(0)),
        Select::LinkingTo(vec![person("9")]),
        Select::ByDestination(vec![person("10")]),
        Select::Prior(key("1")),
        Select::Facts("decision".into()),
    ];
    for select in emptied {
        assert!(all(&ledger, &select, 10).await.is_empty(), "{select:?}");
    }
    let counts = all(&ledger, &Select::Counts { pass: None }, 10).await;
    assert_eq!(counts.len(), 2, "erased rows are counted nowhere: {counts:?}");
    assert_eq!(all(&ledger, &Select::Prior(key("11")), 10).await.len(), 1);
    assert_eq!(all(&ledger, &Select::Facts("match/contacts/email".into()), 10).await.len(), 1);
    ledger.commit(&lease, &[Change::Audit(done("3", now))]).await.expect("the ledger goes on");
    assert_eq!(verify_chain(&lines(&ledger).await, ChainHead::default()).map(|head| head.sequence), Ok(4));
}

/// "All prior values: the rollback window is over."
pub async fn erasing_prior_values_keeps_the_rest<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let prior =
        |id: &str| PriorValues { key: key(id), pass: 1, destination: person(id), fields: fields(&[("a", "b")]) };
    let changes = [Change::Settle(created("1", "1")), Change::Prior(prior("1")), Change::Prior(prior("2"))];
    ledger.commit(&lease, &changes).await.expect("a commit");
    assert_eq!(ledger.erase(&Erase::PriorValues).await.expect("erased"), 2);
    assert!(all(&ledger, &Select::Prior(key("1")), 10).await.is_empty());
    assert_eq!(ids_in(&ledger, &people(&[])).await, ["1"]);
    assert_eq!(ledger.erase(&Erase::PriorValues).await.expect("erased"), 0);
}

/// "A reader does not wait for a writer and never sees half a commit."
pub async fn a_reader_never_sees_half_a_commit<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let reader = harness.ledger();
    let commits: Vec<Vec<Change>> = (0..5)
        .map(|round| {
            (0..400).map(|id| Change::Settle(created(&format!("{round}-{id}"), &format!("{round}-{id}")))).collect()
        })
        .collect();
    let writing = async {
        for changes in &commits {
            ledger.commit(&lease, changes).await.expect("a commit");
        }
        true
    };
    let reading = async {
        let seen = rows_in(&reader, &people(&[])).await.len();
        // Long selections take several pages, so only a single one is a snapshot.
        let page = reader.select(&people(&[]), None, 4000).await.expect("a selection");
        assert!(page.items.len() >= seen);
        page.items.len()
    };
    futures::pin_mut!(writing);
    let mut finished = false;
    while !finished {
        let turn = async {
            tokio::task::yield_now().await;
            reading_once(&reader).await
        };
        futures::pin_mut!(turn);
        match futures::future::select(&mut writing, turn).await {
            futures::future::Either::Left((done, turn)) => {
                finished = done;
                turn.await;
            }
            futures::future::Either::Right(((), _)) => {}
        }
    }
    assert_eq!(reading.await, 2000);
}

async fn reading_once(reader: &Arc<dyn IdLedger>) {
    let page = reader.select(&people(&[]), None, 4000).await.expect("a selection");
    assert_eq!(page.items.len() % 400, 0, "a reader saw half a commit");
}
