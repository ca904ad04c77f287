//! The contract of a CRM that records are read from.

use std::fmt::Debug;

use async_trait::async_trait;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{FileSource, ObjectName, Page, PageRequest, Problem, Record, Result, Schema};

/// What a source says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The connector's kind: `"allegory"`.
    pub kind: String,
    /// Which account or export this is: stable across reads, part of every marker.
    pub instance: String,
    /// Objects and fields, with concepts.
    pub schema: Schema,
    /// Records per object, where the source knows without reading.
    pub counts: IndexMap<ObjectName, u64>,
    /// The zone of times that carry none (IANA name), if declared.
    pub time_zone: Option<String>,
    /// The currency of amounts that carry none (ISO 4217), if declared.
    pub currency: Option<String>,
    /// What is wrong with the export or account before any record is read.
    pub problems: Vec<Problem>,
    /// What a person should know about this CRM before moving off it.
    pub gotchas: Vec<String>,
}

impl Source {
    /// An account or export that nothing is known about yet.
    pub fn new(kind: impl Into<String>, instance: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            instance: instance.into(),
            schema: Schema::default(),
            counts: IndexMap::new(),
            time_zone: None,
            currency: None,
            problems: Vec::new(),
            gotchas: Vec::new(),
        }
    }
}

/// Reads a CRM.
///
/// # Contract
/// - `describe` is stable: the same account gives the same instance id and schema.
/// - `read` gives every record of an object exactly once over the pages from the first to `next: None`; an object the
///   schema does not name is an [`Input`](crate::ErrorKind::Input) error, an object without records one page without rows.
/// - A page's rows are its records and its rejects, and no more than asked for.
/// - Reading on from any cursor, also in another process, gives the rest. Records added meanwhile do not shift the pages; a
///   source that could not help it refuses to read on, with an `Input` error.
/// - The same request gives the same page where the object's schema says `repeatable`; the next cursor is usable while
///   its page is still being written.
/// - Every field of a record is in the schema, its value of the field's type.
/// - No request is sent before a future is polled, none after it is dropped.
/// - A record's links ([`Value::Ref`](crate::Value::Ref)) are in source terms. What the source cannot decide is a
///   [`Doubt`](crate::Doubt), what it cannot read a [`Reject`](crate::Reject); nothing is left out silently.
///
/// # Errors
/// A wrong credential is `Auth` with `Never`; a limit or an outage carries `After`.
///
/// # Cancellation
/// Dropping a future loses nothing: reads have no effect.
#[async_trait]
pub trait SourceConnector: Debug + Send + Sync + 'static {
    /// Instance id, schema, known counts, gotchas.
    async fn describe(&self) -> Result<Source>;

    /// The page after `request.cursor`.
    async fn read(&self, request: &PageRequest) -> Result<Page<Record>>;

    /// The source's files, if it has any.
    fn files(&self) -> Option<&dyn FileSource> {
        None
    }
}
