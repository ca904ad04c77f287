//! What the rules begin with.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::LedgerHarness;
use crate::{
    AuditEntry, AuditLine, Binding, Cursor, Digest, Entry, FieldName, IdLedger, IntendedOperation, Intent, Lease,
    LedgerKey, RecordRef, Row, RowState, Select, UnitKey, Value,
};

pub(super) const TTL: Duration = Duration::from_secs(60);

pub(super) fn binding() -> Binding {
    Binding {
        migration: "acme".into(),
        tenant: "tenant 1".to_owned(),
        source: "export 1".to_owned(),
        destination: "account 1".to_owned(),
    }
}

pub(super) fn unit(page: u64) -> UnitKey {
    UnitKey { migration: "acme".into(), pass: 1, phase: 0, mapping: "people".into(), page }
}

pub(super) fn key(id: &str) -> LedgerKey {
    LedgerKey {
        migration: "acme".into(),
        mapping: "people".into(),
        object: "contacts".into(),
        id: id.into(),
        part: "".into(),
    }
}

pub(super) fn person(id: &str) -> RecordRef {
    RecordRef::new("person", id)
}

pub(super) fn fields(pairs: &[(&str, &str)]) -> crate::Fields {
    pairs.iter().map(|(field, value)| (FieldName::from(*field), Value::text(*value))).collect()
}

pub(super) fn intended(id: &str, now: DateTime<Utc>) -> Row {
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

pub(super) fn created(id: &str, destination: &str) -> Row {
    Row {
        state: RowState::Created,
        destination: Some(person(destination)),
        hash: Some(Digest::of(id.as_bytes())),
        seal: Some(Digest::of(destination.as_bytes())),
        ..Row::new(key(id), unit(0))
    }
}

pub(super) fn done(id: &str, time: DateTime<Utc>) -> AuditEntry {
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
pub(super) async fn begin<H: LedgerHarness>() -> (H, Arc<dyn IdLedger>, Lease) {
    let harness = H::start().await;
    let ledger = harness.ledger();
    ledger.open(&binding()).await.expect("a new ledger opens");
    let lease = ledger.lease(&unit(0), "worker", TTL).await.expect("nobody else holds the unit");
    (harness, ledger, lease)
}

pub(super) async fn row(ledger: &Arc<dyn IdLedger>, id: &str) -> Option<Row> {
    ledger.rows(&[key(id)]).await.expect("rows can be read").pop().expect("one answer for each key")
}

/// All of a selection, in pages of `limit`; checks that every page but the last is full.
pub(super) async fn all(ledger: &Arc<dyn IdLedger>, select: &Select, limit: usize) -> Vec<Entry> {
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

pub(super) async fn rows_in(ledger: &Arc<dyn IdLedger>, select: &Select) -> Vec<Row> {
    let row = |entry| if let Entry::Row(row) = entry { Some(row) } else { None };
    all(ledger, select, 1000).await.into_iter().filter_map(row).collect()
}

pub(super) async fn ids_in(ledger: &Arc<dyn IdLedger>, select: &Select) -> Vec<String> {
    rows_in(ledger, select).await.into_iter().map(|row| row.key.id.to_string()).collect()
}

pub(super) async fn lines(ledger: &Arc<dyn IdLedger>) -> Vec<AuditLine> {
    let line = |entry| if let Entry::Audit(line) = entry { Some(line) } else { None };
    all(ledger, &Select::Audit, 1000).await.into_iter().filter_map(line).collect()
}

pub(super) fn people(states: &[RowState]) -> Select {
    Select::Rows { mapping: "people".into(), pass: None, states: states.to_vec() }
}
