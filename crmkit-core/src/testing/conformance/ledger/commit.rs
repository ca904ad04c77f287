//! What commits do to rows.

use std::time::Duration;

use super::{
    LedgerHarness,
    given::{all, begin, created, done, fields, ids_in, intended, key, lines, people, person, row, rows_in, unit},
};
use crate::{
    ChainHead, Change, Clock, Cursor, Entry, ErrorKind, Fact, IntendedOperation, LedgerKey, PriorValues, RecordId,
    RecordRef, Retry, Row, RowState, Select, Uncertain, UnitKey, UnitState, UnitStatus, verify_chain,
};

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

/// "A destination record stands for one source record: a row that takes one which another source record has is a `Conflict`".
pub async fn a_destination_record_stands_for_one_source_record<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let now = harness.clock().now();
    let standing = |id: &str, part: &str, state: RowState, to: &str| {
        let mut row = Row { state, ..created(id, to) };
        row.key.part = part.into();
        row
    };
    let intending = |id: &str, state: RowState, to: &str| {
        Change::Intend(Row { intent: intended(id, now).intent, ..standing(id, "", state, to) })
    };
    let refused = async |change: Change| {
        let error = ledger.commit(&lease, &[change]).await.expect_err("another source record has it");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Conflict, Retry::After(Duration::ZERO)));
    };
    let kept = async |change: Change, why: &str| ledger.commit(&lease, &[change]).await.expect(why);
    kept(intending("1", RowState::RolledBack, "50"), "nobody has it").await;
    refused(intending("2", RowState::Intended, "50")).await;
    refused(Change::Settle(standing("2", "", RowState::Unchanged, "50"))).await;
    refused(Change::Settle(created("2", "50"))).await;
    kept(Change::Settle(standing("1", "", RowState::Updated, "50")), "it is its own").await;
    refused(intending("2", RowState::Intended, "50")).await;
    kept(Change::Settle(standing("1", "link:parent", RowState::Updated, "50")), "a part of the same source record")
        .await;
    kept(Change::Settle(standing("3", "", RowState::Linked, "50")), "many may link to it").await;
    kept(Change::Settle(standing("3", "link:parent", RowState::Updated, "50")), "and set links on it").await;
    let two = [Change::Settle(created("4", "60")), Change::Settle(created("5", "60"))];
    ledger.commit(&lease, &two).await.expect_err("nor in one commit");
    let given_back = Row { destination: None, ..standing("1", "", RowState::RolledBack, "50") };
    kept(Change::Settle(given_back), "it is given back").await;
    kept(Change::Settle(standing("2", "", RowState::Updated, "50")), "it is free again").await;
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

/// "Settling a row twice with the same outcome changes nothing."
pub async fn settling_twice_changes_nothing<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let linked = Row { links: vec![person("99")], ..created("1", "10") };
    ledger.commit(&lease, &[Change::Intend(intended("1", harness.clock().now()))]).await.expect("an intent");
    for _ in 0..2 {
        ledger.commit(&lease, &[Change::Settle(linked.clone())]).await.expect("the same outcome again");
        assert_eq!(rows_in(&ledger, &people(&[])).await, std::slice::from_ref(&linked));
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
