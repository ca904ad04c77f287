//! A destination record stands for one source record, in every ledger, whoever commits first.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    Binding, Change, Digest, ErrorKind, Fields, IdLedger, IntendedOperation, Intent, LedgerKey, MemoryLedger, Part,
    RecordRef, Retry, Row, RowState, UnitKey,
    chrono::{DateTime, Utc},
    testing::ManualClock,
};
use futures::executor::block_on;

fn row(id: &str, part: &str, state: RowState, to: &str) -> Row {
    let unit = UnitKey { migration: "m".into(), pass: 1, phase: 0, mapping: "people".into(), page: 0 };
    let key = LedgerKey {
        migration: "m".into(),
        mapping: "people".into(),
        object: "contacts".into(),
        id: id.into(),
        part: Part::from(part),
    };
    Row { state, destination: Some(RecordRef::new("person", to)), ..Row::new(key, unit) }
}

fn intended(row: Row, now: DateTime<Utc>) -> Change {
    let intent = Intent {
        operation: IntendedOperation::Update { id: "1".into() },
        object: "person".into(),
        hash: Digest::of_parts([&b"x"[..]]),
        probe: Fields::new(),
        sent_after: now,
        send_before: now,
    };
    Change::Intend(Row { intent: Some(intent), ..row })
}

fn check(ledger: &dyn IdLedger, now: DateTime<Utc>) {
    let (tenant, source, destination) = ("t".into(), "s".into(), "d".into());
    block_on(ledger.open(&Binding { migration: "m".into(), tenant, source, destination })).expect("opened");
    let unit = row("a", "", RowState::Created, "1").unit;
    let lease = block_on(ledger.lease(&unit, "worker", Duration::from_secs(60))).expect("leased");
    let commit = |change: Change| block_on(ledger.commit(&lease, &[change]));
    let refused = |change: Change| {
        let error = commit(change).expect_err("another source record has it");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Conflict, Retry::After(Duration::ZERO)));
    };
    commit(intended(row("a", "", RowState::RolledBack, "1"), now)).expect("nobody has it");
    refused(intended(row("b", "", RowState::Intended, "1"), now));
    refused(Change::Settle(row("b", "", RowState::Unchanged, "1")));
    refused(Change::Settle(row("b", "", RowState::Created, "1")));
    commit(Change::Settle(row("a", "", RowState::Updated, "1"))).expect("it is its own");
    refused(intended(row("b", "", RowState::Intended, "1"), now));
    commit(Change::Settle(row("a", "link:parent", RowState::Updated, "1"))).expect("a part of the same source record");
    commit(Change::Settle(row("c", "", RowState::Linked, "1"))).expect("many may link to it");
    commit(Change::Settle(row("c", "link:parent", RowState::Updated, "1"))).expect("and set links on it");
    block_on(ledger.commit(
        &lease,
        &[Change::Settle(row("d", "", RowState::Created, "2")), Change::Settle(row("e", "", RowState::Created, "2"))],
    ))
    .expect_err("nor in one commit");
    commit(Change::Settle(Row { destination: None, ..row("a", "", RowState::RolledBack, "1") })).expect("given back");
    commit(Change::Settle(row("b", "", RowState::Updated, "1"))).expect("free again");
}

#[test]
fn a_destination_record_stands_for_one_source_record() {
    use crmkit_core::Clock;
    let clock = ManualClock::new();
    check(&MemoryLedger::new(Arc::new(clock.clone())), clock.now());
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = crmkit_core::SqliteLedger::open_file(folder.path().join("ledger"), Arc::new(clock.clone()));
        check(&ledger.expect("it opens"), clock.now());
    }
}
