//! What every source keeps to.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures::future::BoxFuture;

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
}

/// A rule with its name.
pub struct SourceRule {
    /// The rule's function.
    pub name: &'static str,
    /// Runs it; breaking it panics.
    pub run: fn() -> BoxFuture<'static, ()>,
}

impl std::fmt::Debug for SourceRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! rules {
    ($($rule:ident),* $(,)?) => {
        /// The names of all rules.
        pub const SOURCE_RULES: &[&str] = &[$(stringify!($rule)),*];

        /// All rules, to run them by a loop.
        pub fn source_rules<H: SourceHarness>() -> Vec<SourceRule> {
            vec![$(SourceRule { name: stringify!($rule), run: || Box::pin($rule::<H>()) }),*]
        }
    };
}

rules! {
    every_record_comes_exactly_once,
    every_row_is_a_record_or_a_reject,
    reading_on_from_any_cursor_gives_the_rest,
    the_same_request_gives_the_same_page,
    an_unknown_object_is_an_input_error,
    an_empty_object_is_an_empty_last_page,
    describing_twice_gives_the_same,
    every_value_fits_the_schema,
}

/// Turns each rule for sources into a test of its own: `source_conformance!(Harness);`.
#[macro_export]
macro_rules! source_conformance {
    ($harness:ty) => {
        $crate::source_conformance! { $harness:
            every_record_comes_exactly_once,
            every_row_is_a_record_or_a_reject,
            reading_on_from_any_cursor_gives_the_rest,
            the_same_request_gives_the_same_page,
            an_unknown_object_is_an_input_error,
            an_empty_object_is_an_empty_last_page,
            describing_twice_gives_the_same,
            every_value_fits_the_schema,
        }
    };
    ($harness:ty: $($rule:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::testing::conformance::source::$rule::<$harness>().await;
            }
        )*
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

/// Over the pages from the first to the last every record comes once, whatever the page size.
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

/// A page's rows are its records and its rejects, and no page has more than asked for.
pub async fn every_row_is_a_record_or_a_reject<H: SourceHarness>() {
    let harness = H::start().await;
    for limit in LIMITS {
        for (_, page) in walk(&harness.source(), &harness.object(), None, limit).await {
            assert_eq!(page.rows, (page.items.len() + page.rejects.len()) as u64, "pages of {limit}");
            assert!(page.items.len() <= limit, "{} records in a page of {limit}", page.items.len());
        }
    }
}

/// Whoever goes on from a cursor, perhaps in another process, reads what the first reader would have.
pub async fn reading_on_from_any_cursor_gives_the_rest<H: SourceHarness>() {
    let harness = H::start().await;
    let pages = walk(&harness.source(), &harness.object(), None, 2).await;
    let other = H::start().await;
    for (place, (request, _)) in pages.iter().enumerate().skip(1) {
        let rest = walk(&other.source(), &other.object(), request.cursor.clone(), 2).await;
        assert!(rest.as_slice() == &pages[place..], "from {:?}", request.cursor);
    }
}

/// Where pages are repeatable, asking again gives the same page, also after the following ones were read.
pub async fn the_same_request_gives_the_same_page<H: SourceHarness>() {
    let harness = H::start().await;
    let source = harness.source();
    let described = source.describe().await.expect("a description");
    if !described.schema.object(&harness.object()).is_some_and(|object| object.repeatable) {
        println!("skipped: the pages of `{}` are not repeatable", harness.object());
        return;
    }
    for (request, page) in walk(&source, &harness.object(), None, 3).await {
        let again = source.read(&request).await.expect("the page again");
        assert!(again == page, "{request:?}");
    }
}

/// An object that the schema does not name is an input error, not an empty page.
pub async fn an_unknown_object_is_an_input_error<H: SourceHarness>() {
    let harness = H::start().await;
    let error = harness.source().read(&PageRequest::first("no such object", 10)).await.expect_err("an error");
    assert_eq!(error.kind(), ErrorKind::Input);
}

/// An object without records is one page without rows and without a next one.
pub async fn an_empty_object_is_an_empty_last_page<H: SourceHarness>() {
    let harness = H::start().await;
    let Some(object) = harness.empty_object() else {
        println!("skipped: the source has no empty object");
        return;
    };
    let page = harness.source().read(&PageRequest::first(object, 10)).await.expect("a page");
    assert_eq!((page.items.len(), page.rows, page.next), (0, 0, None));
}

/// The same account gives the same description.
pub async fn describing_twice_gives_the_same<H: SourceHarness>() {
    let harness = H::start().await;
    let first = harness.source().describe().await.expect("a description");
    let second = harness.source().describe().await.expect("a description");
    let other = H::start().await.source().describe().await.expect("a description");
    assert_eq!(first, second);
    assert_eq!((first.instance, first.schema), (other.instance, other.schema));
}

/// Every field of a record is in the schema and its value of the field's type.
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

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{FieldSchema, ObjectConcept, ObjectSchema, RecordRef, Result, Source, testing::MockSource};

    fn mock() -> MockSource {
        let schema = |name: &str| {
            ObjectSchema::new(name, "Companies", ObjectConcept::Organization).with(FieldSchema::new(
                "name",
                "Name",
                FieldType::text(),
            ))
        };
        let record = |number: usize| {
            Record::new(RecordRef::new("companies", number.to_string())).with("name", Value::text("Acme"))
        };
        MockSource::new("crm-1").with_object(schema("companies"), (1..=11).map(record)).with_object(schema("empty"), [])
    }

    struct Mock(Arc<dyn SourceConnector>);

    #[async_trait]
    impl SourceHarness for Mock {
        async fn start() -> Self {
            Self(Arc::new(mock()))
        }
        fn source(&self) -> Arc<dyn SourceConnector> {
            Arc::clone(&self.0)
        }
        fn object(&self) -> ObjectName {
            "companies".into()
        }
        fn expected_ids(&self) -> Vec<RecordId> {
            (1..=11).map(|number| RecordId::from(number.to_string())).collect()
        }
        fn empty_object(&self) -> Option<ObjectName> {
            Some("empty".into())
        }
    }

    mod the_mock_keeps_the_rules {
        crate::source_conformance!(super::Mock);
    }

    /// Loses the last record of every page that has a next one.
    #[derive(Debug)]
    struct SkipsAtPageBorders(MockSource);

    #[async_trait]
    impl SourceConnector for SkipsAtPageBorders {
        async fn describe(&self) -> Result<Source> {
            self.0.describe().await
        }
        async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
            let mut page = self.0.read(request).await?;
            if page.next.is_some() && page.items.pop().is_some() {
                page.rows -= 1;
            }
            Ok(page)
        }
    }

    struct Saboteur(Mock);

    #[async_trait]
    impl SourceHarness for Saboteur {
        async fn start() -> Self {
            Self(Mock(Arc::new(SkipsAtPageBorders(mock()))))
        }
        fn source(&self) -> Arc<dyn SourceConnector> {
            self.0.source()
        }
        fn object(&self) -> ObjectName {
            self.0.object()
        }
        fn expected_ids(&self) -> Vec<RecordId> {
            self.0.expected_ids()
        }
        fn empty_object(&self) -> Option<ObjectName> {
            self.0.empty_object()
        }
    }

    #[tokio::test]
    async fn a_source_that_skips_at_page_borders_fails_exactly_its_rule() {
        let mut failed = Vec::new();
        for rule in source_rules::<Saboteur>() {
            if std::panic::AssertUnwindSafe((rule.run)()).catch_unwind().await.is_err() {
                failed.push(rule.name);
            }
        }
        assert_eq!(failed, ["every_record_comes_exactly_once"]);
    }
}
