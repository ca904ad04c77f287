//! Accounts, contacts, leads and notes: maps of which many keys may be absent.

use crmkit_core::indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Object, id};

/// A whole record.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    rev: Json,
    #[serde(default)]
    pub(crate) email: Multi,
    #[serde(default)]
    pub(crate) phone: Multi,
    #[serde(default)]
    pub(crate) url: Multi,
    #[serde(default)]
    pub(crate) address: Multi,
    #[serde(flatten)]
    pub(crate) fields: Object,
}

impl Record {
    /// The revision: text or number.
    pub(crate) fn rev(&self) -> String {
        self.rev.as_str().map_or_else(|| self.rev.to_string(), str::to_owned)
    }

    pub(crate) fn get(&self, key: &str) -> &Json {
        self.fields.get(key).unwrap_or(&Json::Null)
    }
}

/// Several labelled values: a map in which the primary one is repeated, or a list, which an empty map may be, too.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Multi {
    #[default]
    None,
    Map(IndexMap<String, Json>),
    List(Vec<Json>),
}

const PRIMARY: &str = "--primary";

impl Multi {
    /// Label and value, the primary one first, none twice.
    pub(crate) fn entries(&self) -> Vec<(Option<&str>, &Json)> {
        match self {
            Self::None => Vec::new(),
            Self::List(list) => list.iter().map(|value| (None, value)).collect(),
            Self::Map(map) => {
                let mut entries: Vec<_> = map
                    .iter()
                    .filter(|(label, _)| *label != PRIMARY)
                    .map(|(label, value)| (label.as_str(), value))
                    .collect();
                if let Some(place) =
                    map.get(PRIMARY).and_then(|primary| entries.iter().position(|(_, value)| *value == primary))
                {
                    let first = entries.remove(place);
                    entries.insert(0, first);
                }
                let named = |label: &str| !label.bytes().all(|byte| byte.is_ascii_digit());
                entries.into_iter().map(|(label, value)| (Some(label).filter(|label| named(label)), value)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_value_comes_first_and_once() {
        let read = |text: &str| {
            let multi: Multi = serde_json::from_str(text).unwrap();
            multi.entries().iter().map(|(label, value)| format!("{label:?} {value}")).collect::<Vec<_>>()
        };
        assert_eq!(read(r#"{"0":"a","home":"b","--primary":"b"}"#), [r#"Some("home") "b""#, r#"None "a""#]);
        assert_eq!(read(r#"["a"]"#), [r#"None "a""#]);
        assert!(read("[]").is_empty() && read("{}").is_empty() && read("null").is_empty());
    }
}
