//! JSON lines: an object a line, its keys the columns.

use std::{collections::HashMap, fmt, io};

use crmkit_core::rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    encoding::Encoding,
    lines::Lines,
    rows::{Fault, MOST_COLUMNS, too_many_columns},
};

/// Reads objects into cells.
#[derive(Debug)]
pub(super) struct Objects {
    places: HashMap<String, usize>,
    cells: Vec<String>,
    filled: Vec<bool>,
}

impl Objects {
    /// A reader of objects with these keys.
    pub(super) fn new(keys: &[String]) -> Self {
        let places = keys.iter().enumerate().map(|(place, key)| (key.clone(), place)).collect();
        Self { places, cells: vec![String::new(); keys.len()], filled: vec![false; keys.len()] }
    }

    /// The keys of all objects, in order of appearance.
    pub(super) fn keys(mut lines: Lines, encoding: Encoding) -> io::Result<Vec<String>> {
        let mut keys = indexmap::IndexSet::new();
        while lines.pass_empty()? {
            let Ok(length) = lines.line()? else { continue };
            let text = encoding.text(&lines.bytes()[..length]);
            if let Ok(object) = serde_json::from_str::<Object<'_>>(&text) {
                for (key, _) in object.0 {
                    if !keys.contains(&key) {
                        keys.insert(key);
                    }
                }
            }
            if keys.len() > MOST_COLUMNS {
                return Err(too_many_columns());
            }
            lines.pass(length);
        }
        Ok(keys.into_iter().collect())
    }

    /// Cells of each row.
    pub(super) fn width(&self) -> usize {
        self.cells.len()
    }

    /// Reads a line into `text` and the ends of its cells.
    pub(super) fn read(&mut self, line: &str, text: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<(), Fault> {
        self.cells.iter_mut().for_each(String::clear);
        self.filled.fill(false);
        let read = self.fill(line);
        text.clear();
        ends.clear();
        for cell in &self.cells {
            text.extend_from_slice(cell.as_bytes());
            ends.push(text.len());
        }
        read
    }

    fn fill(&mut self, line: &str) -> Result<(), Fault> {
        let object: Object<'_> = serde_json::from_str(line).map_err(|_| Fault::NotJson)?;
        for (key, value) in object.0 {
            let Some(place) = self.places.get(&key).copied() else { return Err(Fault::NotJson) };
            if std::mem::replace(&mut self.filled[place], true) {
                return Err(Fault::RepeatedKey(place));
            }
            self.cells[place] = cell(value.get()).map_err(|bad| match bad {
                Bad::Separator => Fault::Separator(place),
                Bad::Json => Fault::NotJson,
            })?;
        }
        Ok(())
    }
}

enum Bad {
    Separator,
    Json,
}

/// The text that a CSV cell would have for a value.
fn cell(value: &str) -> Result<String, Bad> {
    let bad = |_| Bad::Json;
    Ok(match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).map_err(bad)?,
        Some(b'n') | None => String::new(),
        Some(b'[') => {
            let entries: Vec<&RawValue> = serde_json::from_str(value).map_err(bad)?;
            let entries: Result<Vec<_>, _> = entries.into_iter().map(|entry| self::entry(entry.get())).collect();
            let entries = entries?;
            if entries.iter().any(|entry| entry.contains(';')) {
                return Err(Bad::Separator);
            }
            entries.join(";")
        }
        // Exponents are no business of a table's.
        Some(b'-' | b'0'..=b'9') if value.contains(['e', 'E']) => {
            Decimal::from_scientific(value).map_or_else(|_| value.to_owned(), |number| number.to_string())
        }
        _ => value.to_owned(),
    })
}

/// An entry of a list: a text, or a value with its label.
fn entry(value: &str) -> Result<String, Bad> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Labelled {
        label: Option<String>,
        value: String,
    }
    if value.starts_with('{')
        && let Ok(labelled) = serde_json::from_str::<Labelled>(value)
    {
        let label = labelled.label.map(|label| label + ":").unwrap_or_default();
        return Ok(label + &labelled.value);
    }
    if value.starts_with(['{', '[']) { Ok(value.to_owned()) } else { cell(value) }
}

/// An object's members in order, repeated keys included.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
