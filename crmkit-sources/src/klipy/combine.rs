//! Records in the making: what the interface and the files say about the same thing, put together.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use chrono_tz::Tz;
use crmkit_core::{Digest, Doubt, FieldName, Labelled, Record, RecordId, RecordRef, Value};
use indexmap::IndexMap;

use super::{
    custom::CustomField,
    harvest::{Row, Table},
};
use crate::allegory::{Column, Kind};

/// A record in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) fields: IndexMap<FieldName, Value>,
    pub(super) doubts: Vec<Doubt>,
    /// The file or list that it is from, and the line.
    origin: String,
    line: Option<u64>,
}

impl Draft {
    pub(super) fn new(id: impl Into<String>, origin: &str, line: Option<u64>) -> Self {
        let (fields, doubts) = (IndexMap::new(), Vec::new());
        Self { id: id.into(), fields, doubts, origin: origin.to_owned(), line }
    }

    /// Gives a field its value, unless it has one: what comes first is believed. Says whether another value was there.
    pub(super) fn offer(&mut self, field: &str, value: impl Into<Option<Value>>) -> bool {
        let Some(value) = value.into().filter(|value| !value.is_empty()) else { return false };
        match self.fields.get_mut(field) {
            None => drop(self.fields.insert(field.into(), value)),
            Some(Value::List(known)) => {
                let Value::List(new) = value else { return false };
                let key = |value: &Value| value.as_text().map(str::to_lowercase);
                let more = new.iter().filter(|value| !known.iter().any(|old| key(old) == key(value))).cloned();
                *known = known.iter().cloned().chain(more.collect::<Vec<_>>()).collect();
            }
            Some(known) => return *known != value,
        }
        false
    }

    /// Puts a link behind those that a list has.
    pub(super) fn join(&mut self, field: &str, to: Value) -> bool {
        let known = match self.fields.get(field) {
            Some(Value::List(known)) => known.to_vec(),
            _ => Vec::new(),
        };
        self.fields.insert(field.into(), Value::List(known.into_iter().chain([to]).collect()));
        false
    }

    pub(super) fn doubt(&mut self, field: &str, message: &str, candidates: Vec<RecordId>) {
        if !self.fields.contains_key(field) {
            self.doubt_at(field, message, candidates, self.origin.clone(), self.line);
        }
    }

    fn doubt_at(&mut self, field: &str, message: &str, candidates: Vec<RecordId>, origin: String, line: Option<u64>) {
        let (field, message) = (field.into(), message.to_owned());
        self.doubts.push(Doubt { field, origin, line, message, candidates });
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_text)
    }

    /// The entries of a list.
    pub(super) fn list(&self, field: &str) -> impl Iterator<Item = &str> {
        let list = match self.fields.get(field) {
            Some(Value::List(list)) => &list[..],
            _ => &[],
        };
        list.iter().filter_map(Value::as_text)
    }

    pub(super) fn record(self, object: &str) -> Record {
        let key = RecordRef::new(object, self.id.as_str());
        Record { key, fields: self.fields, doubts: self.doubts }
    }
}

/// Values that the interface and a file tell differently, counted by field.
pub(super) type Conflicts = IndexMap<(&'static str, String), u64>;

/// Which columns of a file become which fields, and how they are read.
pub(super) struct Columns<'a> {
    object: &'static str,
    table: &'a Table,
    read: Vec<(&'static str, usize, Kind, Column)>,
    custom: Vec<&'a CustomField>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(
        object: &'static str,
        table: &'a Table,
        zone: Option<Tz>,
        wanted: &[(&str, &'static str, Kind)],
        custom: &'a [CustomField],
    ) -> Self {
        let column = |(column, field, kind): &(&str, &'static str, Kind)| {
            let place = table.place(column)?;
            let cells = table.rows.iter().filter_map(|row| row.at(place)).map(Cow::Borrowed);
            Some((*field, place, *kind, Column::of(*kind, zone, cells)))
        };
        let read = wanted.iter().filter_map(column).collect();
        let custom = custom.iter().filter(|field| field.object == object).collect();
        Self { object, table, read, custom }
    }

    /// Fills a draft from a row; what cannot be read is a doubt.
    pub(super) fn fill(&self, draft: &mut Draft, row: &Row, conflicts: &mut Conflicts) {
        let mut take = |field: &str, value: Result<Value, &'static str>| match value {
            Ok(value) => {
                if draft.offer(field, value) {
                    *conflicts.entry((self.object, field.to_owned())).or_default() += 1;
                }
            }
            Err(message) => draft.doubt_at(field, message, Vec::new(), self.table.file.clone(), Some(row.line)),
        };
        for (field, place, kind, column) in &self.read {
            if let Some(cell) = row.at(*place) {
                take(field, column.value(cell).and_then(|value| timed(*kind, value)));
            }
        }
        for field in &self.custom {
            if let Some(value) = field.value(row) {
                take(field.name.as_str(), value);
            }
        }
    }
}

/// A day where days are wanted, a moment where moments are. One without a zone is nobody's to guess.
fn timed(kind: Kind, value: Value) -> Result<Value, &'static str> {
    match (kind, value) {
        (Kind::Date, Value::Timestamp(time)) => Ok(Value::Date(time.date_naive())),
        (Kind::Date, Value::Local(time)) => Ok(Value::Date(time.date())),
        (Kind::Moment, Value::Local(_)) => Err("a time without a zone; give the configuration a time_zone"),
        (_, value) => Ok(value),
    }
}

/// An id for a row that has none: by what is in it.
pub(super) fn row_id(parts: &[Option<&str>]) -> String {
    let text: Vec<String> = parts.iter().map(|part| part.unwrap_or_default().to_lowercase()).collect();
    format!("row:{}", &Digest::of(text.join("\u{1f}").as_bytes()).to_string()[..16])
}

/// Gives an id that is taken a number.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, u32>);

impl Ids {
    pub(super) fn free(&mut self, id: String) -> String {
        let count = self.0.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1 { id } else { format!("{id}#{count}") }
    }
}

/// A list of one address or number.
pub(super) fn labelled(values: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Option<Value> {
    let one = |value: _| Value::Labelled(Arc::new(Labelled { value, label: None }));
    let list: Vec<Value> = values.into_iter().map(|value| one(value.into())).collect();
    (!list.is_empty()).then(|| Value::List(list.into()))
}

/// A link.
pub(super) fn link(object: &str, id: &str) -> Value {
    Value::link(RecordRef::new(object, id))
}

/// Formatted text where it has markup, plain text otherwise.
pub(super) fn rich(text: &str) -> Value {
    if is_html(text) {
        let rich = crmkit_core::RichText { markup: crmkit_core::Markup::Html, text: text.into() };
        return Value::Rich(Arc::new(rich));
    }
    Value::text(text)
}

/// Whether a text has a tag that closes or stands alone.
pub(super) fn is_html(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [
        "</p>",
        "</div>",
        "</b>",
        "</i>",
        "</a>",
        "</li>",
        "</span>",
        "</strong>",
        "</em>",
        "</td>",
        "<br>",
        "<br/>",
        "<br />",
    ]
    .iter()
    .any(|tag| lower.contains(tag))
}

/// A moment as the interface writes one: RFC 3339, or milliseconds.
pub(super) fn moment(value: &serde_json::Value) -> Option<Value> {
    use crmkit_core::chrono::{DateTime, Utc};
    let time = match value {
        serde_json::Value::String(text) => DateTime::parse_from_rfc3339(text.trim()).ok()?.with_timezone(&Utc),
        serde_json::Value::Number(number) => DateTime::from_timestamp_millis(number.as_i64()?)?,
        _ => return None,
    };
    Some(Value::Timestamp(time))
}
