//! A source in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use indexmap::IndexMap;

use crate::{
    Cursor, Error, FileSource, FileStream, ObjectName, ObjectSchema, Page, PageRequest, Problem, Record, RecordId,
    Reject, Result, Source, SourceConnector,
};

/// A source in memory, with the objects and records a test gives it.
///
/// ```
/// use crmkit_core::{FieldSchema, FieldType, ObjectConcept, ObjectSchema, Record, RecordRef, Value};
/// use crmkit_core::testing::MockSource;
///
/// let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
///     .with(FieldSchema::new("name", "Name", FieldType::text()));
/// let acme = Record::new(RecordRef::new("companies", "1")).with("name", Value::text("Acme"));
/// let source = MockSource::new("crm-1").with_object(companies, [acme]);
/// ```
#[derive(Debug)]
pub struct MockSource {
    source: Source,
    content: Mutex<IndexMap<ObjectName, Content>>,
    files: Mutex<IndexMap<RecordId, Arc<[u8]>>>,
}

#[derive(Debug, Default)]
struct Content {
    records: Vec<Record>,
    rejects: Vec<Reject>,
    gone: Vec<RecordId>,
}

impl MockSource {
    /// The kind it describes itself with.
    pub const KIND: &'static str = "mock";

    /// A source without objects.
    pub fn new(instance: impl Into<String>) -> Self {
        let source = Source::new(Self::KIND, instance);
        Self { source, content: Mutex::default(), files: Mutex::default() }
    }

    /// The same source with one more object. Its pages are repeatable.
    pub fn with_object(mut self, mut schema: ObjectSchema, records: impl IntoIterator<Item = Record>) -> Self {
        schema.repeatable = true;
        let name = schema.name.clone();
        self.source.schema.objects.insert(name.clone(), schema);
        self.content().entry(name).or_default().records = records.into_iter().collect();
        self
    }

    /// The same source with rows of an object that cannot become records; they come with its first page.
    pub fn with_rejects(self, object: impl Into<ObjectName>, rejects: impl IntoIterator<Item = Reject>) -> Self {
        self.reject(object, rejects);
        self
    }

    /// The same source with a finding about the account.
    pub fn with_problem(mut self, problem: Problem) -> Self {
        self.source.problems.push(problem);
        self
    }

    /// The same source with the zone of times that carry none.
    pub fn with_time_zone(mut self, zone: impl Into<String>) -> Self {
        self.source.time_zone = Some(zone.into());
        self
    }

    /// The same source with the currency of amounts that carry none.
    pub fn with_currency(mut self, code: impl Into<String>) -> Self {
        self.source.currency = Some(code.into());
        self
    }

    /// The same source with the bytes of an attachment record.
    pub fn with_file(self, id: impl Into<RecordId>, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(id.into(), bytes.into());
        self
    }

    /// Replaces the records of an object, as people do between two reads.
    pub fn set(&self, object: impl Into<ObjectName>, records: impl IntoIterator<Item = Record>) {
        self.content().entry(object.into()).or_default().records = records.into_iter().collect();
    }

    /// Replaces the rows of an object that cannot become records; they come with its first page.
    pub fn reject(&self, object: impl Into<ObjectName>, rejects: impl IntoIterator<Item = Reject>) {
        self.content().entry(object.into()).or_default().rejects = rejects.into_iter().collect();
    }

    /// Replaces the ids that the source says were deleted; they come with the object's first page.
    pub fn set_gone(&self, object: impl Into<ObjectName>, ids: impl IntoIterator<Item = RecordId>) {
        self.content().entry(object.into()).or_default().gone = ids.into_iter().collect();
    }

    fn content(&self) -> MutexGuard<'_, IndexMap<ObjectName, Content>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SourceConnector for MockSource {
    async fn describe(&self) -> Result<Source> {
        let mut source = self.source.clone();
        let content = self.content();
        let known = source.schema.objects.keys();
        source.counts = known
            .map(|name| (name.clone(), content.get(name).map_or(0, |content| content.records.len() as u64)))
            .collect();
        Ok(source)
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        let content = self.content();
        let known = content.get(&request.object).filter(|_| self.source.schema.object(&request.object).is_some());
        let known = known.ok_or_else(|| Error::input("mock.read", "the source has no such object"))?;
        let start = match &request.cursor {
            Some(cursor) => cursor.0.parse().map_err(|_| Error::input("mock.read", "the cursor is not a number"))?,
            None => 0,
        };
        let items: Vec<_> = known.records.iter().skip(start).take(request.limit.max(1)).cloned().collect();
        let end = start + items.len();
        let mut page = Page::of(items, (end < known.records.len()).then(|| Cursor(end.to_string())));
        if request.cursor.is_none() {
            page.rejects.clone_from(&known.rejects);
            page.gone.clone_from(&known.gone);
            page.rows += page.rejects.len() as u64;
        }
        Ok(page)
    }

    fn files(&self) -> Option<&dyn FileSource> {
        Some(self)
    }
}

#[async_trait]
impl FileSource for MockSource {
    async fn open(&self, id: &RecordId) -> Result<FileStream> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = files.get(id).cloned().ok_or_else(|| Error::input("mock.open", "the source has no such file"))?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }
}
