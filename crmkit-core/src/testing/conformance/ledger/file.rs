//! What stands where the store should be: another program's file, damage, other releases.

use std::sync::Arc;

use super::{
    LedgerHarness, Store,
    given::{TTL, all, begin, binding, created, done, lines, unit},
};
use crate::{
    ChainHead, Change, Clock, Error, ErrorKind, IdLedger, Result, Select, testing::conformance::skip, verify_chain,
};

/// A ledger with a row and three audit lines, and then something else in its place.
async fn open_instead<H: LedgerHarness>(store: Store) -> Option<(H, Result<Arc<dyn IdLedger>>)> {
    let (mut harness, ledger, lease) = begin::<H>().await;
    let mut changes = vec![Change::Settle(created("1", "10"))];
    changes.extend(["1", "2", "3"].map(|id| Change::Audit(done(id, harness.clock().now()))));
    ledger.commit(&lease, &changes).await.expect("a commit");
    drop(ledger);
    let opened = harness.open_instead(store, &binding()).await;
    if opened.is_none() {
        skip(&format!("the ledger has no {store:?} store"));
    }
    opened.map(|opened| (harness, opened))
}

async fn refused<H: LedgerHarness>(store: Store) -> Option<Error> {
    let (_harness, opened) = open_instead::<H>(store).await?;
    let error = opened.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    Some(error)
}

/// "A file of something else …, or a damaged one, is a `Storage` error that says so."
pub async fn a_foreign_file_is_refused<H: LedgerHarness>() {
    if let Some(error) = refused::<H>(Store::Foreign).await {
        assert!(error.to_string().contains("not a crmkit ledger"), "{error}");
    }
}

/// "… or a damaged one, is a `Storage` error that says so."
pub async fn a_damaged_file_is_refused<H: LedgerHarness>() {
    if let Some(error) = refused::<H>(Store::Damaged).await {
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}

/// "A newer format … is a `Storage` error that says so", with both versions.
pub async fn a_newer_format_is_refused_naming_both<H: LedgerHarness>() {
    if let Some(error) = refused::<H>(Store::Newer).await {
        assert!(error.to_string().contains("newer"), "{error}");
        let (found, known) = (error.context("found"), error.context("known"));
        assert!(found.is_some() && known.is_some() && found != known, "{error} names both formats");
    }
}

/// "An older format is brought up to date, whole or not at all."
pub async fn an_older_format_is_upgraded<H: LedgerHarness>() {
    let Some((harness, opened)) = open_instead::<H>(Store::Older).await else { return };
    let ledger = opened.expect("an older format opens");
    let counts = all(&ledger, &Select::Counts { pass: None }, 100).await;
    assert!(!counts.is_empty(), "its rows are there");
    let before = lines(&ledger).await;
    let head = verify_chain(&before, ChainHead::default()).expect("its audit log holds");
    assert!(head.sequence > 0, "its audit log is there");
    let lease = ledger.lease(&unit(1 << 20), "worker", TTL).await.expect("units can be leased");
    let changes = [Change::Settle(created("new", "new")), Change::Audit(done("new", harness.clock().now()))];
    ledger.commit(&lease, &changes).await.expect("a commit");
    let after = verify_chain(&lines(&ledger).await, ChainHead::default()).expect("the log goes on");
    assert_eq!(after.sequence, head.sequence + 1);
}

/// "An audit log whose last lines are missing is a `Storage` error."
pub async fn a_shortened_audit_log_is_refused<H: LedgerHarness>() {
    if let Some(error) = refused::<H>(Store::ShortLog).await {
        assert!(error.to_string().contains("audit log"), "{error}");
    }
}
