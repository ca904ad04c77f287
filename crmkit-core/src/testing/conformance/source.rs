//! Rules for sources: what the engine relies on, each as a function that panics where a connector breaks it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use async_trait::async_trait;

use super::{Rule, skip};
use crate::{Cursor, ErrorKind, FieldType, ObjectName, Page, PageRequest, Record, RecordId, SourceConnector, Value};

/// A source under test, and what is in it.
#[async_trait]
pub trait SourceHarness: Sized + Send + Sync + 'static {
    /// A source with at least seven records of one object.
    async fn start() -> Self;
    /// The source.
    fn source(&self) -> Arc<dyn SourceConnector>;
    /// The object with records.
    fn object(&self) -> ObjectName;
    /// The ids of all its records.
    fn expected_ids(&self) -> Vec<RecordId>;
    /// An object that the schema names and that has no records, if there is one.
    fn empty_object(&self) -> Option<ObjectName> {
        None
    }
    /// Adds a record to the object, as people do between two pages. Says no where it cannot.
    async fn add_record(&self) -> bool {
        false
    }
    /// Requests that the source has sent so far, where they are counted.
    fn requests(&self) -> Option<u64> {
        None
    }
}

/// All rules, to run them by a loop.
pub fn rules<H: SourceHarness>() -> Vec<Rule> {
    crate::source_conformance!(@list H)
}

/// See [`conformance_tests!`](crate::conformance_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! source_conformance {
    ($harness:ty) => { $crate::source_conformance!(@tests $harness); };
    (@$what:ident $harness:ty) => {
        $crate::conformance_rules! { $what source $harness:
            every_record_comes_exactly_once
            every_row_is_a_record_or_a_reject
            reading_on_from_any_cursor_gives_the_rest
            the_same_request_gives_the_same_page
            records_added_meanwhile_do_not_shift_pages
            an_unknown_object_is_an_input_error
            an_empty_object_is_an_empty_last_page
            describing_twice_gives_the_same
            every_value_fits_the_schema
            nothing_is_requested_before_the_first_poll
            nothing_is_requested_after_a_drop
        }
    };
}

/// Page sizes that put borders in different places.
const LIMITS: [usize; 4] = [1, 2, 5, 1_000];

/// All pages of an object from `cursor` on, with the requests that gave them.
async fn walk(
    source: &Arc<dyn SourceConnector>,
    object: &ObjectName,
    cursor: Option<Cursor>,
    limit: usize,
) -> Vec<(PageRequest, Page<Record>)> {
    let mut request = PageRequest { object: object.clone(), cursor, limit };
    let mut pages = Vec::new();
    loop {
        let page = source.read(&request).await.expect("a page");
        let next = page.next.clone();
        pages.push((request.clone(), page));
        assert!(pages.len() < 100_000, "the pages have no end");
        match next {
            Some(next) => request = request.at(next),
            None => return pages,
        }
    }
}

/// "`read` gives every record of an object exactly once over the pages from the first to `next: None`", whatever the page size.
pub async fn every_record_comes_exactly_once<H: SourceHarness>() {
    let harness = H::start().await;
    let mut wanted = harness.expected_ids();
    wanted.sort();
    for limit in LIMITS {
        let pages = walk(&harness.source(), &harness.object(), None, limit).await;
        let mut found: Vec<_> =
            pages.iter().flat_map(|(_, page)| &page.items).map(|item| item.key.id.clone()).collect();
        found.sort();
        assert_eq!(found, wanted, "pages of {limit}");
    }
}

/// "A page's rows are its records and its rejects, and no more than asked for."
pub async fn every_row_is_a_record_or_a_reject<H: SourceHarness>() {
    let harness = H::start().await;
    for limit in LIMITS {
        for (_, page) in walk(&harness.source(), &harness.object(), None, limit).await {
            assert_eq!(page.rows, (page.items.len() + page.rejects.len()) as u64, "pages of {limit}");
            assert!(page.items.len() <= limit, "{} records in a page of {limit}", page.items.len());
        }
    }
}

/// "Reading on from any cursor, also in another process, gives the rest."
pub async fn reading_on_from_any_cursor_gives_the_rest<H: SourceHarness>() {
    let harness = H::start().await;
    let pages = walk(&harness.source(), &harness.object(), None, 2).await;
    for (place, (request, _)) in pages.iter().enumerate().skip(1) {
        let other = H::start().await;
        let rest = walk(&other.source(), &other.object(), request.cursor.clone(), 2).await;
        assert!(rest.as_slice() == &pages[place..], "from {:?}", request.cursor);
    }
}

/// "The same request gives the same page where the object's schema says `repeatable`", also after the following ones were read.
pub async fn the_same_request_gives_the_same_page<H: SourceHarness>() {
    let harness = H::start().await;
    let source = harness.source();
    let described = source.describe().await.expect("a description");
    if !described.schema.object(&harness.object()).is_some_and(|object| object.repeatable) {
        return skip("the object's pages are not repeatable");
    }
    for (request, page) in walk(&source, &harness.object(), None, 3).await {
        let again = source.read(&request).await.expect("the page again");
        assert!(again == page, "{request:?}");
    }
}

/// "Records added meanwhile do not shift the pages": those that were there come once each, whether the new one comes or not; or
/// the source "refuses to read on, with an `Input` error."
pub async fn records_added_meanwhile_do_not_shift_pages<H: SourceHarness>() {
    let harness = H::start().await;
    let mut wanted = harness.expected_ids();
    wanted.sort();
    let source = harness.source();
    let mut request = PageRequest::first(harness.object(), 2);
    let mut page = source.read(&request).await.expect("a page");
    if !harness.add_record().await {
        return skip("no record can be added while the source is read");
    }
    assert!(page.next.is_some(), "two of at least seven records are not all");
    let mut found: Vec<RecordId> = Vec::new();
    loop {
        found.extend(page.items.into_iter().map(|record| record.key.id));
        assert!(found.len() < 100_000, "the pages have no end");
        let Some(next) = page.next else { break };
        request = request.at(next);
        page = match source.read(&request).await {
            Ok(page) => page,
            Err(error) => return assert_eq!(error.kind(), ErrorKind::Input, "{error}"),
        };
    }
    found.retain(|id| wanted.contains(id));
    found.sort();
    assert_eq!(found, wanted);
}

/// "An object the schema does not name is an `Input` error", not an empty page.
pub async fn an_unknown_object_is_an_input_error<H: SourceHarness>() {
    let harness = H::start().await;
    let error = harness.source().read(&PageRequest::first("no such object", 10)).await.expect_err("an error");
    assert_eq!(error.kind(), ErrorKind::Input);
}

/// "An object without records one page without rows", and without a next one.
pub async fn an_empty_object_is_an_empty_last_page<H: SourceHarness>() {
    let harness = H::start().await;
    let Some(object) = harness.empty_object() else { return skip("the source has no empty object") };
    let page = harness.source().read(&PageRequest::first(object, 10)).await.expect("a page");
    assert_eq!((page.items.len(), page.rows, page.next), (0, 0, None));
}

/// "The same account gives the same instance id and schema."
pub async fn describing_twice_gives_the_same<H: SourceHarness>() {
    let harness = H::start().await;
    let first = harness.source().describe().await.expect("a description");
    let second = harness.source().describe().await.expect("a description");
    let other = H::start().await.source().describe().await.expect("a description");
    assert_eq!(first, second);
    assert_eq!((first.instance, first.schema), (other.instance, other.schema));
}

/// "Every field of a record is in the schema, its value of the field's type."
pub async fn every_value_fits_the_schema<H: SourceHarness>() {
    let harness = H::start().await;
    let source = harness.source();
    let described = source.describe().await.expect("a description");
    let schema = described.schema.object(&harness.object()).expect("the schema names the object");
    let mut wrong = BTreeMap::new();
    for (_, page) in walk(&source, &harness.object(), None, 100).await {
        for (name, value) in page.items.iter().flat_map(|record| &record.fields) {
            match schema.fields.get(name) {
                Some(field) if fits(&field.ty, value) => {}
                Some(field) => drop(wrong.insert(name.clone(), format!("{value:?} is no {}", field.ty.label()))),
                None => drop(wrong.insert(name.clone(), "not in the schema".to_owned())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// "No request is sent before a future is polled."
pub async fn nothing_is_requested_before_the_first_poll<H: SourceHarness>() {
    let harness = H::start().await;
    let Some(before) = harness.requests() else { return skip("requests are not counted") };
    let source = harness.source();
    let request = PageRequest::first(harness.object(), 2);
    drop((source.describe(), source.read(&request)));
    let unpolled = source.read(&request);
    quiet().await;
    assert_eq!(harness.requests(), Some(before), "a future that nobody polls does nothing");
    unpolled.await.expect("a page");
    assert!(harness.requests() > Some(before), "a page that was read is counted");
}

/// "… none after it is dropped."
pub async fn nothing_is_requested_after_a_drop<H: SourceHarness>() {
    let harness = H::start().await;
    if harness.requests().is_none() {
        return skip("requests are not counted");
    }
    let source = harness.source();
    let request = PageRequest::first(harness.object(), 1);
    let mut reading = source.read(&request);
    // One poll is enough to be under way, and what may leave at once is not asked about.
    drop(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    drop(reading);
    let at_the_drop = harness.requests();
    quiet().await;
    assert_eq!(harness.requests(), at_the_drop, "nobody reads on for a future that is gone");
}

/// Time enough for whoever works behind a future's back.
async fn quiet() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// Whether a value is of a type. A day fits where moments are expected, a plain number where money is: what a CRM left out
/// the plan adds.
fn fits(ty: &FieldType, value: &Value) -> bool {
    let all = |values: &[Value], fit: fn(&Value) -> bool| values.iter().all(fit);
    match (ty, value) {
        (FieldType::Any, _) | (_, Value::Null) => true,
        (FieldType::Bool, Value::Bool(_)) | (FieldType::Int, Value::Int(_)) => true,
        (FieldType::Decimal, Value::Decimal(_) | Value::Int(_)) => true,
        (FieldType::Money, Value::Money(_) | Value::Decimal(_)) => true,
        (FieldType::Text { .. } | FieldType::LongText | FieldType::Url, Value::Text(_)) => true,
        (FieldType::Rich, Value::Rich(_) | Value::Text(_)) => true,
        (FieldType::Date, Value::Date(_)) | (FieldType::Time, Value::Time(_)) => true,
        (FieldType::Local, Value::Local(_) | Value::Date(_) | Value::Timestamp(_)) => true,
        (FieldType::Timestamp, Value::Timestamp(_) | Value::Date(_)) => true,
        (FieldType::Duration, Value::Duration(_)) | (FieldType::Name, Value::Name(_)) => true,
        (FieldType::Address, Value::Address(_)) | (FieldType::Option, Value::Option(_)) => true,
        (FieldType::Emails | FieldType::Phones, Value::List(values)) => {
            all(values, |value| matches!(value, Value::Labelled(_)))
        }
        (FieldType::Options, Value::List(values)) => all(values, |value| matches!(value, Value::Option(_))),
        (FieldType::Link { to }, Value::Ref(one)) => to.contains(&one.object),
        _ => false,
    }
}
