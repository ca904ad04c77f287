//! Whose ledger it is, who works on a unit, and what survives.

use std::time::Duration;

use super::{
    LedgerHarness,
    given::{TTL, all, begin, binding, created, done, ids_in, intended, key, lines, people, row, rows_in, unit},
};
use crate::{
    Binding, ChainHead, Change, Clock, Entry, ErrorKind, Fact, Lease, LedgerKey, Retry, Row, Select, UnitKey,
    UnitState, UnitStatus, verify_chain,
};

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

/// "`Busy` with `Error::until` from `lease` while another owner's lease is running."
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

/// "For no time at all, it gives the lease back."
pub async fn a_lease_renewed_for_no_time_is_given_back<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    ledger.renew(&lease, Duration::ZERO).await.expect("the newest lease");
    let newer = ledger.lease(&unit(0), "other", TTL).await.expect("nobody holds the unit");
    assert!(newer.epoch > lease.epoch);
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
