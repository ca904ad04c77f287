//! What is kept beside rows: facts, prior values, the audit log; and what is erased.

use serde_json::{Value as Json, json};

use super::{
    LedgerHarness,
    given::{all, begin, created, done, fields, ids_in, intended, key, lines, people, person, rows_in, unit},
};
use crate::{
    ChainHead, Change, Clock, Entry, Erase, Fact, LedgerKey, PriorValues, RecordRef, Row, RowState, Select,
    verify_chain,
};

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

/// "Everything kept about these source records: rows, prior values, facts that name them." "The audit chain stays whole."
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

/// "From facts that stay, the innermost list item that names one of them is taken out."
pub async fn erasing_a_record_takes_it_out_of_documents<H: LedgerHarness>() {
    let (_harness, ledger, lease) = begin::<H>().await;
    let compared =
        |id: &str| json!({"source": {"object": "contacts", "id": id}, "fields": [{"actual": format!("Ada {id}")}]});
    let document = |records: Vec<Json>| Fact {
        kind: "document".into(),
        key: "sample".into(),
        value: json!({"clean": true, "records": records}),
    };
    let whole = Fact {
        kind: "note".into(),
        key: "1".into(),
        value: json!({"about": {"id": "1", "object": "contacts"}, "text": "Ada"}),
    };
    let plan = Fact { kind: "document".into(), key: "plan".into(), value: json!({"merge": {"1": "2"}}) };
    let facts = [document(vec![compared("1"), compared("2"), compared("1")]), whole, plan.clone()];
    ledger.commit(&lease, &facts.map(Change::Fact)).await.expect("a commit");
    let gone = ledger.erase(&Erase::Records(vec![RecordRef::new("contacts", "1")])).await.expect("erased");
    assert_eq!(gone, 1, "a fact that is about the record goes, a document stays");
    let left = all(&ledger, &Select::Facts("document".into()), 10).await;
    assert_eq!(left, [plan, document(vec![compared("2")])].map(Entry::Fact));
    assert!(all(&ledger, &Select::Facts("note".into()), 10).await.is_empty());
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
