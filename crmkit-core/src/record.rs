//! A record on its way, and what a source or destination says beside it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{FieldName, RecordId, RecordRef, Value};

/// A record of a source, in source terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Object and id at the source.
    pub key: RecordRef,
    /// Values by field, in the source's order. Absent means the source says nothing.
    pub fields: IndexMap<FieldName, Value>,
    /// Values the source could not decide. A record with a doubt in a mapped field is held, never guessed.
    pub doubts: Vec<Doubt>,
}

impl Record {
    /// A record without fields.
    pub fn new(key: RecordRef) -> Self {
        Self { key, fields: IndexMap::new(), doubts: Vec::new() }
    }

    /// The same record with one more field.
    ///
    /// ```
    /// use crmkit_core::{Record, RecordRef, Value};
    /// let record = Record::new(RecordRef::new("companies", "1")).with("name", Value::text("Acme"));
    /// assert_eq!(record.fields["name"], Value::text("Acme"));
    /// ```
    pub fn with(mut self, field: impl Into<FieldName>, value: Value) -> Self {
        self.fields.insert(field.into(), value);
        self
    }
}

/// A value that fits several records or nothing, so that a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The field in doubt.
    pub field: FieldName,
    /// File name or address of the record's origin.
    pub origin: String,
    /// Line in a file, from 1, if it has one.
    pub line: Option<u64>,
    /// Why, in words, without the record's values: records with the same trouble have the same words.
    pub message: String,
    /// What it might mean, if anything.
    pub candidates: Vec<RecordId>,
}

/// A row that could not become a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// File name or address of the row's origin.
    pub origin: String,
    /// Line in a file, from 1, if it has one.
    pub line: Option<u64>,
    /// Field, if the trouble is in one.
    pub field: Option<FieldName>,
    /// Short code of the reason: `ragged_row`, `missing_id`, `duplicate_id`.
    pub code: String,
    /// Why, in words, without the row's values.
    pub message: String,
}
