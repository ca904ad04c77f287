//! Whatever is committed, both ledgers say the same.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    AuditEntry, Binding, Change, Clock, Digest, Entry, Erase, Fact, FieldName, IdLedger, IntendedOperation, Intent,
    LedgerKey, MemoryLedger, PriorValues, RecordRef, Row, RowState, Select, SqliteLedger, Uncertain, UnitKey,
    UnitState, UnitStatus, Value, testing::ManualClock,
};
use futures::executor::block_on;
use proptest::{prelude::*, sample::select};

fn unit(pass: u32, page: u64) -> UnitKey {
    UnitKey { migration: "acme".into(), pass, phase: 0, mapping: "a".into(), page }
}

fn any_key() -> impl Strategy<Value = LedgerKey> {
    (select(vec!["a", "b"]), select(vec!["", "p"]), 0..4_u8).prop_map(|(mapping, part, id)| LedgerKey {
        migration: "acme".into(),
        mapping: mapping.into(),
        object: "contacts".into(),
        id: id.to_string().into(),
        part: part.into(),
    })
}

fn any_record() -> impl Strategy<Value = RecordRef> {
    (0..3_u8).prop_map(|id| RecordRef::new("person", id.to_string()))
}

fn any_row() -> impl Strategy<Value = Row> {
    let states = vec![RowState::Created, RowState::Updated, RowState::Merged, RowState::Held, RowState::RolledBack];
    let uncertain = prop_oneof![3 => Just(None), 1 => Just(Some(Uncertain::Adopted))];
    let links = proptest::collection::vec(any_record(), 0..3);
    let destination = proptest::option::of(any_record());
    let waits = proptest::option::of((0..4_u8).prop_map(|id| RecordRef::new("contacts", id.to_string())));
    (any_key(), select(states), destination, links, uncertain, waits, 1..3_u32).prop_map(
        |(key, state, destination, links, uncertain, waits_for, pass)| Row {
            state,
            destination,
            links,
            uncertain,
            waits_for,
            ..Row::new(key, unit(pass, 0))
        },
    )
}

fn any_change() -> impl Strategy<Value = Change> {
    let now = ManualClock::new().now();
    let intent = Intent {
        operation: IntendedOperation::Create,
        object: "person".into(),
        hash: Digest::of(b"payload"),
        probe: [(FieldName::from("name"), Value::text("Ada"))].into_iter().collect(),
        sent_after: now,
        send_before: now,
    };
    let line = AuditEntry {
        time: now,
        actor: "host".into(),
        operation: "create".into(),
        key: "key".into(),
        destination: None,
        hash: None,
        result: "created".into(),
    };
    let fact = |(key, value): (u8, i64)| Fact { kind: "f".into(), key: format!("contacts/{key}"), value: value.into() };
    let prior = |(key, destination, pass, field): (LedgerKey, RecordRef, u32, &'static str)| {
        let fields = [(FieldName::from(field), Value::Int(pass.into()))].into_iter().collect();
        Change::Prior(PriorValues { key, pass, destination, fields })
    };
    prop_oneof![
        4 => (any_row(), any::<bool>()).prop_map(move |(row, new)| {
            let state = if new { RowState::Intended } else { row.state };
            Change::Intend(Row { state, intent: Some(intent.clone()), ..row })
        }),
        4 => any_row().prop_map(Change::Settle),
        2 => any_key().prop_map(Change::Free),
        1 => (0..3_u64, any::<bool>()).prop_map(|(page, done)| {
            let status = if done { UnitStatus::Done } else { UnitStatus::Open };
            Change::Unit(UnitState { status, ..UnitState::open(unit(1, page), None) })
        }),
        1 => (any_key(), any_record(), 1..3_u32, select(vec!["x", "y"])).prop_map(prior),
        1 => (0..3_u8, 0..9_i64).prop_map(fact).prop_map(Change::Fact),
        1 => proptest::collection::vec(0..4_u8, 0..4).prop_map(|ids| {
            let named = ids.iter().map(|id| serde_json::json!({"source": {"object": "contacts", "id": id.to_string()}}));
            let value = serde_json::json!({"records": named.collect::<Vec<_>>()});
            Change::Fact(Fact { kind: "document".into(), key: "sample".into(), value })
        }),
        1 => (0..3_u8).prop_map(|key| Change::Forget { kind: "f".into(), key: format!("contacts/{key}") }),
        1 => Just(Change::Audit(line)),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Change>),
    Erase(Erase),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => proptest::collection::vec(any_change(), 1..8).prop_map(Step::Commit),
        1 => (0..4_u8).prop_map(|id| Step::Erase(Erase::Records(vec![RecordRef::new("contacts", id.to_string())]))),
        1 => Just(Step::Erase(Erase::PriorValues)),
    ]
}

fn all(ledger: &dyn IdLedger, select: &Select) -> Vec<Entry> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = block_on(ledger.select(select, after.as_ref(), 3)).unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn selections() -> Vec<Select> {
    let person = |id: &str| RecordRef::new("person", id);
    let rows = |mapping: &str, pass, states| Select::Rows { mapping: mapping.into(), pass, states };
    vec![
        rows("a", None, vec![]),
        rows("a", None, vec![RowState::Held]),
        rows("b", Some(2), vec![RowState::Created, RowState::Intended, RowState::RolledBack]),
        Select::OpenIntents(unit(1, 0)),
        Select::OpenIntents(unit(2, 0)),
        Select::ByDestination(vec![person("2"), person("0")]),
        Select::LinkingTo(vec![person("1"), person("2")]),
        Select::OpenUnits(1),
        Select::Units(1),
        Select::Facts("f".into()),
        Select::Facts("document".into()),
        Select::Audit,
        Select::Counts { pass: None },
        Select::Counts { pass: Some(1) },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ledgers_say_the_same(steps in proptest::collection::vec(any_step(), 1..12)) {
        let clock = Arc::new(ManualClock::new());
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteLedger::open_file(folder.path().join("ledger"), clock.clone()).unwrap();
        let memory = MemoryLedger::new(clock);
        let ledgers: [&dyn IdLedger; 2] = [&memory, &sqlite];
        let (tenant, source, destination) = ("t".into(), "s".into(), "d".into());
        let binding = Binding { migration: "acme".into(), tenant, source, destination };
        let leases = ledgers.map(|ledger| {
            block_on(ledger.open(&binding)).unwrap();
            block_on(ledger.lease(&unit(1, 0), "worker", Duration::from_secs(60))).unwrap()
        });
        for step in &steps {
            let answers = [0, 1].map(|at| match step {
                Step::Commit(changes) => block_on(ledgers[at].commit(&leases[at], changes)).map(|()| 0),
                Step::Erase(scope) => block_on(ledgers[at].erase(scope)),
            }.map_err(|error| error.to_string()));
            prop_assert_eq!(&answers[0], &answers[1], "{:?}", step);
        }
        for select in selections() {
            prop_assert_eq!(all(&memory, &select), all(&sqlite, &select), "{:?}", select);
        }
    }
}
