//! The rules.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use chrono::TimeDelta;
use tracing::instrument::WithSubscriber as _;

use super::{DestinationHarness, WriteFault, spans::Recorder};
use crate::{
    Abilities, Error, ErrorKind, FieldType, Fields, Operation, OperationKind, Probe, Result, Retry, Stored, Value,
    WriteBatch, Written, testing::conformance::skip,
};

const SKEW: TimeDelta = TimeDelta::seconds(2);

fn create(fields: Fields) -> Operation {
    Operation { kind: OperationKind::Create, fields }
}

async fn abilities<H: DestinationHarness>(crm: &H) -> Abilities {
    let described = crm.writer().describe().await.expect("the account describes itself");
    described.abilities.get(&crm.object()).cloned().expect("the object has abilities")
}

async fn write<H: DestinationHarness>(crm: &H, operations: Vec<Operation>) -> Result<Vec<Result<Written>>> {
    let send_before = crm.now() + TimeDelta::seconds(60);
    crm.writer().write(&WriteBatch { object: crm.object(), operations, send_before }).await
}

/// One operation; an error of the batch is an error of each.
async fn write_one<H: DestinationHarness>(crm: &H, operation: Operation) -> Result<Written> {
    let mut results = write(crm, vec![operation]).await?;
    assert_eq!(results.len(), 1, "one result per operation");
    results.remove(0)
}

async fn find<H: DestinationHarness>(
    crm: &H,
    fields: &Fields,
    sent_after: chrono::DateTime<chrono::Utc>,
) -> Vec<Stored> {
    let probe = Probe { fields: crm.probe(fields), sent_after };
    let writer = crm.writer();
    let reader = writer.reader().expect("a destination with recovery has a reader");
    let mut found = reader.find(&crm.object(), &[probe]).await.expect("find");
    assert_eq!(found.len(), 1, "one answer per probe");
    found.remove(0)
}

async fn fetch<H: DestinationHarness>(crm: &H, id: &crate::RecordId) -> Option<Stored> {
    let writer = crm.writer();
    let reader = writer.reader().expect("a reader");
    let mut found = reader.fetch(&crm.object(), std::slice::from_ref(id)).await.expect("fetch");
    assert_eq!(found.len(), 1, "one answer per id");
    found.remove(0)
}

fn retry_of(outcome: &Result<Written>) -> Option<Retry> {
    outcome.as_ref().err().map(Error::retry)
}

fn assert_holds(stored: &Stored, fields: &Fields) {
    for (name, value) in fields {
        match value {
            // What a CRM may clean is compared by the connector's own test.
            Value::Rich(_) => assert!(stored.fields.contains_key(name), "{name} is stored"),
            value => assert_eq!(stored.fields.get(name), Some(value), "{name} is stored as it was written"),
        }
    }
}

/// The outcome of a write that met a fault is either certain or asks to be verified; whatever it says, writing again after
/// looking leaves exactly one record.
async fn ends_with_exactly_one<H: DestinationHarness>(crm: &H, fields: Fields, outcome: Result<Written>) {
    let sent_after = crm.now() - TimeDelta::seconds(60);
    match retry_of(&outcome) {
        None | Some(Retry::Never) => {}
        Some(Retry::After(_)) => {
            assert!(crm.stored().await.is_empty(), "`After` says that nothing was applied");
            write_one(crm, create(fields.clone())).await.expect("the same write, later");
        }
        Some(Retry::Verify) => {
            if find(crm, &fields, sent_after).await.is_empty() {
                write_one(crm, create(fields.clone())).await.expect("the same write, after looking");
            }
        }
    }
    assert_eq!(crm.stored().await.len(), 1, "exactly one record");
    assert_eq!(find(crm, &fields, sent_after).await.len(), 1, "and it can be found");
}

/// "`write` gives one result per operation, in order", each naming the record that holds the operation's values.
pub async fn outcomes_are_in_order_and_complete<H: DestinationHarness>() {
    let crm = H::start().await;
    let batch = abilities(&crm).await.batch;
    let samples: Vec<Fields> = (0..5).map(|n| crm.sample(n)).collect();
    for some in samples.chunks(batch.max(1)) {
        let written = write(&crm, some.iter().cloned().map(create).collect()).await.expect("the batch");
        assert_eq!(written.len(), some.len(), "one result per operation");
        for (result, fields) in written.into_iter().zip(some) {
            let written = result.expect("a valid record is written");
            let stored = fetch(&crm, &written.id).await.expect("a written record is there at once");
            assert_holds(&stored, fields);
            if let Some(answered) = written.stored {
                assert_eq!(answered.id, written.id);
                assert_holds(&answered, fields);
            }
        }
    }
    assert_eq!(crm.stored().await.len(), samples.len());
}

/// "One bad record does not sink the others, unless the abilities say `atomic`."
pub async fn one_bad_record_does_not_sink_the_others<H: DestinationHarness>() {
    let crm = H::start().await;
    let abilities = abilities(&crm).await;
    if abilities.atomic {
        return skip("batches are atomic");
    }
    let operations = [create(crm.sample(0)), create(crm.invalid()), create(crm.sample(1))];
    let mut results = Vec::new();
    for some in operations.chunks(abilities.batch.max(1)) {
        results.extend(write(&crm, some.to_vec()).await.expect("the batch as such is fine"));
    }
    let states: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(states, [true, false, true]);
    let error = results.remove(1).expect_err("refused");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never));
    assert_eq!(crm.stored().await.len(), 2);
}

/// "`Verify` where a create may have been applied. … The connector itself never sends again what may have been applied": looking
/// leads back to exactly one record.
pub async fn a_lost_answer_creates_nothing_twice<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::CloseAfterApply).await {
        return skip("answers cannot be lost");
    }
    let sent_after = crm.now() - SKEW;
    let error = write_one(&crm, create(crm.sample(0))).await.expect_err("the answer was lost");
    assert_eq!(error.retry(), Retry::Verify, "it may have been applied");
    assert_eq!(find(&crm, &crm.sample(0), sent_after).await.len(), 1, "looking leads back to the record");
    assert_eq!(crm.stored().await.len(), 1, "nothing was created twice");
    assert!(find(&crm, &crm.sample(1), sent_after).await.is_empty(), "other records are not found");
}

/// "A call that may succeed later is never `Never`": the connection closed and nothing was applied. Whatever the error says, in the
/// end there is one record.
pub async fn a_lost_request_creates_nothing_twice<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::CloseBeforeApply).await {
        return skip("requests cannot be lost");
    }
    let outcome = write_one(&crm, create(crm.sample(0))).await;
    assert_ne!(retry_of(&outcome), Some(Retry::Never), "it can be tried again");
    ends_with_exactly_one(&crm, crm.sample(0), outcome).await;
}

/// "`Verify` where a create may have been applied": it was, and the answer is nonsense.
pub async fn an_unreadable_answer_creates_nothing_twice<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::Garbage).await {
        return skip("answers cannot be garbled");
    }
    let outcome = write_one(&crm, create(crm.sample(0))).await;
    assert!(matches!(retry_of(&outcome), None | Some(Retry::Verify)), "it may have been applied: {outcome:?}");
    ends_with_exactly_one(&crm, crm.sample(0), outcome).await;
}

/// "A call that may succeed later is never `Never`": a server error on a create is `Verify`, or certain to have applied nothing.
pub async fn a_server_error_leaves_no_doubt_unsaid<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::ServerError).await {
        return skip("the server cannot be made to fail");
    }
    let outcome = write_one(&crm, create(crm.sample(0))).await;
    assert_ne!(retry_of(&outcome), Some(Retry::Never), "the same call may succeed later");
    ends_with_exactly_one(&crm, crm.sample(0), outcome).await;
}

/// "`After` only where it certainly was not": a write that was throttled is repeated by the connector, or answered so as `Limited`.
pub async fn a_throttled_write_arrives_once_or_not_at_all<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::Throttled).await {
        return skip("writes cannot be throttled");
    }
    let outcome = write_one(&crm, create(crm.sample(0))).await;
    if let Err(error) = &outcome {
        assert!(matches!((error.kind(), error.retry()), (ErrorKind::Limited, Retry::After(_))), "{error:?}");
    }
    ends_with_exactly_one(&crm, crm.sample(0), outcome).await;
}

/// "Repeated, it changes nothing more": whoever replays a batch that was settled looks, finds each record once, gives it the full
/// update, and everything is as it was.
pub async fn a_settled_batch_replayed_changes_nothing<H: DestinationHarness>() {
    let crm = H::start().await;
    let abilities = abilities(&crm).await;
    let described = crm.writer().describe().await.expect("the account describes itself");
    let object = described.schema.object(&crm.object()).expect("the schema names the object");
    let sent_after = crm.now() - SKEW;
    let samples: Vec<Fields> = (0..3).map(|n| crm.sample(n)).collect();
    let mut ids = Vec::new();
    for fields in &samples {
        ids.push(write_one(&crm, create(fields.clone())).await.expect("created").id);
    }
    let values = |stored: Vec<Stored>| {
        let mut values: Vec<_> = stored.into_iter().map(|stored| (stored.id, stored.fields)).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, fields) in &mut values {
            fields.retain(|name, _| !abilities.volatile.contains(name));
            fields.sort_unstable_keys();
        }
        values
    };
    let before = values(crm.stored().await);
    for (fields, id) in samples.iter().zip(&ids) {
        let found: Vec<_> = find(&crm, fields, sent_after).await.into_iter().map(|stored| stored.id).collect();
        assert_eq!(found, std::slice::from_ref(id), "looking leads back to the record that was settled");
        if abilities.update {
            let kind = OperationKind::Update { id: id.clone(), version: None };
            let mut fields = fields.clone();
            fields.retain(|name, _| object.fields.get(name).is_some_and(|field| !field.create_only));
            let written = write_one(&crm, Operation { kind, fields }).await.expect("updated");
            assert_eq!(written.id, *id);
        }
    }
    assert_eq!(values(crm.stored().await), before);
}

/// "A field or option that the schema does not name is refused (`Rejected`, `Never`) before anything is sent, never dropped."
pub async fn an_unknown_field_is_refused_not_dropped<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    let before = crm.requests();
    let mut fields = crm.sample(0);
    fields.insert("no_such_field".into(), Value::text("x"));
    let error = write_one(&crm, create(fields)).await.expect_err("refused");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never));
    assert!(format!("{error}").contains("no_such_field"), "the error names the field");
    assert_eq!(crm.requests(), before, "nothing was sent");
    assert!(crm.stored().await.is_empty());
}

/// "A field or option that the schema does not name is refused (`Rejected`, `Never`) before anything is sent, never dropped."
pub async fn an_unknown_option_is_refused_not_dropped<H: DestinationHarness>() {
    let crm = H::start().await;
    let described = crm.writer().describe().await.expect("the account describes itself");
    let object = described.schema.object(&crm.object()).expect("the schema names the object");
    let mut choices = object.fields.values().filter(|field| field.writable && matches!(field.ty, FieldType::Option));
    let Some(field) = choices.next() else { return skip("the object has no field with options") };
    let before = crm.requests();
    let mut fields = crm.sample(0);
    fields.insert(field.name.clone(), Value::option("no such option"));
    let error = write_one(&crm, create(fields)).await.expect_err("refused");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never));
    assert!(format!("{error}").contains(field.name.as_str()), "the error names the field: {error}");
    assert_eq!(crm.requests(), before, "nothing was sent");
    assert!(crm.stored().await.is_empty());
}

/// "Wrong credentials are `Auth` with `Never` and are not retried": hammering on locks accounts.
pub async fn a_refused_token_is_never_retried<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    if !crm.fail_next(WriteFault::Unauthorized).await {
        return skip("tokens cannot be refused");
    }
    let before = crm.requests();
    let error = write_one(&crm, create(crm.sample(0))).await.expect_err("the token was refused");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never));
    if let (Some(before), Some(after)) = (before, crm.requests()) {
        assert_eq!(after - before, 1, "one request, no retry");
    }
    assert!(crm.stored().await.is_empty());
}

/// "Secrets appear in no `Debug`, error …"
pub async fn no_secret_is_shown<H: DestinationHarness>() {
    let crm = H::start().await;
    let Some(secret) = crm.secret() else { return skip("there is no secret") };
    assert!(!format!("{:?}", crm.writer()).contains(&secret));
    for fault in [
        WriteFault::Unauthorized,
        WriteFault::ServerError,
        WriteFault::CloseBeforeApply,
        WriteFault::CloseAfterApply,
        WriteFault::Garbage,
    ] {
        if !crm.fail_next(fault).await {
            continue;
        }
        let Err(error) = write_one(&crm, create(crm.sample(0))).await else { continue };
        let mut shown = format!("{error} {error:?}");
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(inner) = cause {
            shown.push_str(&format!("{inner} {inner:?}"));
            cause = inner.source();
        }
        assert!(!shown.contains(&secret), "{fault:?}");
    }
}

/// "Secrets appear in no … span": whatever is traced while writing, well or badly.
pub async fn no_secret_is_in_a_span<H: DestinationHarness>() {
    let crm = H::start().await;
    let Some(secret) = crm.secret() else { return skip("there is no secret") };
    let recorder = Recorder::default();
    let traced = async {
        tracing::info!("the recorder hears this");
        abilities(&crm).await;
        for fault in [None, Some(WriteFault::Unauthorized), Some(WriteFault::ServerError), Some(WriteFault::Garbage)] {
            if let Some(fault) = fault {
                crm.fail_next(fault).await;
            }
            // What becomes of it is for other rules.
            let _ = write_one(&crm, create(crm.sample(0))).await;
        }
        crm.stored().await;
    };
    traced.with_subscriber(recorder.clone()).await;
    let heard = recorder.heard();
    assert!(heard.contains("the recorder hears this"), "nothing was recorded");
    let lines: Vec<_> = heard.lines().filter(|line| line.contains(&secret)).collect();
    assert!(lines.is_empty(), "{} traced lines show the secret", lines.len());
}

/// "No request leaves after `send_before`; what cannot leave by then answers `After` and was not sent."
pub async fn what_cannot_leave_in_time_is_not_sent<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    let before = crm.requests();
    let send_before = crm.now() - TimeDelta::seconds(1);
    let batch = WriteBatch { object: crm.object(), operations: vec![create(crm.sample(0))], send_before };
    let result = crm.writer().write(&batch).await.and_then(|mut results| results.remove(0));
    let error = result.expect_err("too late");
    assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    assert_eq!(crm.requests(), before, "nothing was sent");
    assert!(crm.stored().await.is_empty());
}

/// "A dropped `write` may have been applied, once. The record can then be found with `Reader::find`."
pub async fn a_dropped_write_can_be_found<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    let sent_after = crm.now() - SKEW;
    for n in 0..6 {
        poll_and_drop(n, write_one(&crm, create(crm.sample(n)))).await;
    }
    // What was on its way arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stored = crm.stored().await;
    let mut found = 0;
    for n in 0..6 {
        let hits = find(&crm, &crm.sample(n), sent_after).await;
        assert!(hits.len() <= 1, "at most one record");
        found += hits.len();
    }
    assert_eq!(found, stored.len(), "what is there can be found");
}

/// Polls a future so many times, each time that it asks to be polled, then drops it.
async fn poll_and_drop<F: Future>(polls: usize, future: F) {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|cx| {
        if left == 0 || future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// "An update changes the fields it names and no other."
pub async fn an_update_changes_only_what_it_names<H: DestinationHarness>() {
    let crm = H::start().await;
    if !abilities(&crm).await.update {
        return skip("records cannot be updated");
    }
    let (old, new) = (crm.sample(0), crm.sample(1));
    let marker = crm.probe(&old);
    let mut differing: Vec<_> = old.keys().filter(|name| new.get(*name) != old.get(*name)).collect();
    // What the record is found by changes only where there is nothing else.
    differing.sort_by_key(|name| marker.contains_key(*name));
    let Some(name) = differing.first().copied() else { return skip("no field differs between two samples") };
    let id = write_one(&crm, create(old.clone())).await.expect("created").id;
    let fields: Fields = new.iter().filter(|(other, _)| *other == name).map(|(n, v)| (n.clone(), v.clone())).collect();
    let update = Operation { kind: OperationKind::Update { id: id.clone(), version: None }, fields: fields.clone() };
    let written = write_one(&crm, update).await.expect("updated");
    assert_eq!(written.id, id);
    let mut expected = old.clone();
    expected.extend(fields);
    assert_holds(&fetch(&crm, &id).await.expect("still there"), &expected);
    assert_eq!(crm.stored().await.len(), 1, "an update creates nothing");
}

/// "Removes a record. Already gone is success." The record is no longer live.
pub async fn removing_twice_is_success<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    let writer = crm.writer();
    let Some(remover) = writer.remover() else { return skip("nothing can be removed") };
    let id = write_one(&crm, create(crm.sample(0))).await.expect("created").id;
    let kept = write_one(&crm, create(crm.sample(1))).await.expect("created").id;
    for _ in 0..2 {
        let send_before = crm.now() + TimeDelta::seconds(60);
        remover.remove(&crm.object(), &id, None, send_before).await.expect("removed, or already gone");
    }
    assert!(fetch(&crm, &id).await.is_none_or(|stored| stored.trashed), "trashed or gone");
    let live: Vec<_> = crm.stored().await.into_iter().map(|stored| stored.id).collect();
    assert_eq!(live, [kept], "the other one stays");
}

/// "The records by id, in order; `None` where there is none."
pub async fn a_missing_record_is_none<H: DestinationHarness>() {
    let crm = H::start().await;
    abilities(&crm).await;
    let id = write_one(&crm, create(crm.sample(0))).await.expect("created").id;
    let writer = crm.writer();
    let Some(reader) = writer.reader() else { return skip("nothing can be read") };
    let found = reader.fetch(&crm.object(), &[crm.missing(), id.clone(), crm.missing()]).await.expect("fetch");
    let ids: Vec<_> = found.iter().map(|stored| stored.as_ref().map(|stored| stored.id.clone())).collect();
    assert_eq!(ids, [None, Some(id), None]);
}
