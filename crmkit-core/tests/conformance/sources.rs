//! The mock source keeps the rules, and each saboteur breaks exactly its own.

use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use crmkit_core::{
    Cursor, FieldSchema, FieldType, ObjectConcept, ObjectName, ObjectSchema, Page, PageRequest, Record, RecordId,
    RecordRef, Reject, Result, Source, SourceConnector, Value,
    testing::{
        MockSource,
        conformance::{
            broken,
            source::{SourceHarness, rules},
        },
    },
};

thread_local! {
    /// The rule that sources made on this thread break.
    static BREAKS: Cell<&'static str> = const { Cell::new("") };
}

/// Seven contacts with links, one row that is none, and an object without records.
pub(crate) struct Contacts(Arc<Counted>);

#[async_trait]
impl SourceHarness for Contacts {
    async fn start() -> Self {
        let contacts = ObjectSchema::new("contacts", "Contacts", ObjectConcept::Person)
            .with(FieldSchema::new("name", "Name", FieldType::text()))
            .with(FieldSchema::new("company", "Company", FieldType::link("companies")));
        let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization);
        let reject = Reject {
            origin: "contacts.csv".to_owned(),
            line: Some(9),
            field: None,
            code: "missing_id".to_owned(),
            message: "the row has no id".to_owned(),
        };
        let source = MockSource::new("crm-1")
            .with_object(contacts, ids().into_iter().map(contact))
            .with_object(companies, [])
            .with_rejects("contacts", [reject]);
        static INSTANCES: AtomicU64 = AtomicU64::new(0);
        let number = INSTANCES.fetch_add(1, Relaxed);
        let (source, requests) = (Arc::new(source), Arc::default());
        let described = AtomicU64::new(0);
        Self(Arc::new(Counted { source, requests, number, described, asked: Mutex::default(), breaks: BREAKS.get() }))
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.0.clone()
    }

    async fn add_record(&self) -> bool {
        let mut ids = ids();
        ids.push("p8".into());
        self.0.source.set("contacts", ids.into_iter().map(contact));
        true
    }

    fn requests(&self) -> Option<u64> {
        Some(self.0.requests.load(Relaxed))
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        ids()
    }

    fn empty_object(&self) -> Option<ObjectName> {
        Some("companies".into())
    }
}

fn ids() -> Vec<RecordId> {
    (1..=7).map(|n| RecordId::from(format!("p{n}"))).collect()
}

fn contact(id: RecordId) -> Record {
    Record::new(RecordRef::new("contacts", id))
        .with("name", Value::text("Ann"))
        .with("company", Value::link(RecordRef::new("companies", "1")))
}

mod mock {
    crmkit_core::conformance_tests!(source, super::Contacts);
}

/// Counts what is asked of the mock as requests, and breaks the rule it is told to.
struct Counted {
    source: Arc<MockSource>,
    requests: Arc<AtomicU64>,
    number: u64,
    described: AtomicU64,
    asked: Mutex<HashMap<String, u32>>,
    breaks: &'static str,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Counted {
    fn breaks(&self, rule: &str) -> bool {
        self.breaks == rule
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<Record>> {
        let known = self.source.describe().await?;
        let mut request = request.clone();
        match self.breaks {
            "an_unknown_object_is_an_input_error" if known.schema.object(&request.object).is_none() => {
                return Ok(Page::of(Vec::new(), None));
            }
            "reading_on_from_any_cursor_gives_the_rest" => {
                if let Some(cursor) = &mut request.cursor {
                    let of_this_instance = cursor.0.strip_prefix(&format!("{}/", self.number));
                    cursor.0 = of_this_instance.unwrap_or("7").to_owned();
                }
            }
            // The newest first, by places that count from the newest.
            "records_added_meanwhile_do_not_shift_pages" => return self.newest_first(&request).await,
            _ => {}
        }
        let mut page = self.source.read(&request).await?;
        match self.breaks {
            // Of larger pages the last record, where another page follows.
            "every_record_comes_exactly_once" if request.limit > 3 && page.next.is_some() => {
                page.items.pop();
                page.rows = page.items.len() as u64 + page.rejects.len() as u64;
            }
            "every_row_is_a_record_or_a_reject" if !page.items.is_empty() => page.rows += 1,
            "reading_on_from_any_cursor_gives_the_rest" => {
                page.next = page.next.map(|next| Cursor(format!("{}/{next}", self.number)));
            }
            "the_same_request_gives_the_same_page" => {
                let mut asked = self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let times = asked.entry(format!("{request:?}")).or_default();
                *times += 1;
                if *times > 1 {
                    page.items.reverse();
                }
            }
            "an_empty_object_is_an_empty_last_page" if page.rows == 0 => page.next = Some(Cursor("0".to_owned())),
            "every_value_fits_the_schema" => {
                page.items = page.items.into_iter().map(|record| record.with("shoe_size", Value::Int(39))).collect();
            }
            _ => {}
        }
        Ok(page)
    }

    async fn newest_first(&self, request: &PageRequest) -> Result<Page<Record>> {
        let mut all = self.source.read(&PageRequest { cursor: None, limit: 1000, ..request.clone() }).await?;
        all.items.reverse();
        let start = request.cursor.as_ref().and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let end = (start + request.limit).min(all.items.len());
        let next = (end < all.items.len()).then(|| Cursor(end.to_string()));
        Ok(Page::of(all.items.drain(start..end).collect(), next))
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl SourceConnector for Counted {
    fn describe<'a: 'f, 'f>(&'a self) -> Answer<'f, Source> {
        Box::pin(async {
            self.requests.fetch_add(1, Relaxed);
            let mut source = self.source.describe().await?;
            if self.breaks("describing_twice_gives_the_same") && self.described.fetch_add(1, Relaxed) > 0 {
                source.gotchas.push("asked before".to_owned());
            }
            Ok(source)
        })
    }

    fn read<'a: 'f, 'b: 'f, 'f>(&'a self, request: &'b PageRequest) -> Answer<'f, Page<Record>> {
        if self.breaks("nothing_is_requested_before_the_first_poll") {
            self.requests.fetch_add(1, Relaxed);
        }
        Box::pin(async {
            self.requests.fetch_add(1, Relaxed);
            if self.breaks("nothing_is_requested_after_a_drop") {
                let requests = self.requests.clone();
                tokio::spawn(async move { requests.fetch_add(1, Relaxed) });
            }
            self.page(request).await
        })
    }
}

#[tokio::test]
async fn each_saboteur_fails_exactly_its_rule() {
    assert_eq!(broken(rules::<Contacts>()).await, [""; 0], "unbroken, the source keeps them all");
    for rule in rules::<Contacts>() {
        BREAKS.set(rule.name);
        assert_eq!(broken(rules::<Contacts>()).await, [rule.name], "by the saboteur of {}", rule.name);
    }
}
