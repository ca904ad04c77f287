//! What selections find.

use super::{
    LedgerHarness,
    given::{all, begin, created, done, fields, ids_in, intended, key, people, person, unit},
};
use crate::{
    Change, Clock, Entry, Fact, LedgerKey, PriorValues, RecordRef, Row, RowState, Select, Uncertain, UnitKey,
    UnitState, UnitStatus,
};

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
        // Many may be linked to one record.
        let linked = Row { state: RowState::Linked, ..created(&id, &format!("{}", number % 2)) };
        let mut row = Row { links: vec![person("99"), person("98")], ..linked };
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

/// "A reader does not wait for a writer and never sees half a commit."
pub async fn a_reader_never_sees_half_a_commit<H: LedgerHarness>() {
    let (harness, ledger, lease) = begin::<H>().await;
    let reader = harness.ledger();
    let id = |round: u32, id: u32| format!("{round}-{id}");
    let commit = |round| (0..400).map(|n| Change::Settle(created(&id(round, n), &id(round, n)))).collect::<Vec<_>>();
    let commits: Vec<_> = (0..5).map(commit).collect();
    let writing = async {
        for changes in &commits {
            ledger.commit(&lease, changes).await.expect("a commit");
        }
    };
    // One page holds everything: only a single selection is a snapshot.
    let read = async || {
        let rows = reader.select(&people(&[]), None, 4000).await.expect("a selection").items.len();
        assert_eq!(rows % 400, 0, "a reader saw half a commit");
        rows
    };
    let reading = async {
        loop {
            read().await;
            tokio::task::yield_now().await;
        }
    };
    futures::pin_mut!(writing, reading);
    futures::future::select(writing, reading).await;
    assert_eq!(read().await, 2000);
}
