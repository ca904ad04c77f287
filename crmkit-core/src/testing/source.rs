//! A source in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use indexmap::IndexMap;

use crate::{
    Cursor, Error, ObjectName, ObjectSchema, Page, PageRequest, Record, RecordRef, Result, Schema, Source,
    SourceConnector,
};

/// A source in memory. Clones share the records.
///
/// ```
/// use crmkit_core::{FieldSchema, FieldType, ObjectConcept, ObjectSchema, Record, RecordRef, Value, testing::MockSource};
/// let companies = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
///     .with(FieldSchema::new("name", "Name", FieldType::text()));
/// let source = MockSource::new("export-1").object(companies);
/// source.put(Record::new(RecordRef::new("companies", "1")).with("name", Value::text("Acme")));
/// ```
#[derive(Clone, Debug)]
pub struct MockSource {
    instance: String,
    schema: Schema,
    records: Arc<Mutex<IndexMap<RecordRef, Record>>>,
}

impl MockSource {
    /// A source without objects.
    pub fn new(instance: impl Into<String>) -> Self {
        Self { instance: instance.into(), schema: Schema::default(), records: Arc::default() }
    }

    /// The same source with one more object, whose pages are repeatable.
    pub fn object(mut self, mut object: ObjectSchema) -> Self {
        object.repeatable = true;
        self.schema.objects.insert(object.name.clone(), object);
        self
    }

    /// Adds or replaces a record. New ones come last.
    pub fn put(&self, record: Record) {
        self.records.lock().expect("no test panics while it holds the records").insert(record.key.clone(), record);
    }
}

#[async_trait]
impl SourceConnector for MockSource {
    async fn describe(&self) -> Result<Source> {
        let records = self.records.lock().expect("no test panics while it holds the records");
        let count = |name: &ObjectName| records.keys().filter(|key| key.object == *name).count() as u64;
        Ok(Source {
            kind: "mock".to_owned(),
            instance: self.instance.clone(),
            counts: self.schema.objects.keys().map(|name| (name.clone(), count(name))).collect(),
            schema: self.schema.clone(),
            time_zone: None,
            currency: None,
            problems: Vec::new(),
            gotchas: Vec::new(),
        })
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        if self.schema.object(&request.object).is_none() {
            return Err(Error::input("mock.read", "there is no such object").with_context("object", &request.object));
        }
        let skip: usize = request.cursor.as_ref().and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let records = self.records.lock().expect("no test panics while it holds the records");
        let mut of_object = records.values().filter(|record| record.key.object == request.object).skip(skip);
        let items: Vec<Record> = of_object.by_ref().take(request.limit).cloned().collect();
        let next = of_object.next().map(|_| Cursor((skip + items.len()).to_string()));
        Ok(Page::of(items, next))
    }
}
