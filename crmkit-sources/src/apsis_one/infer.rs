//! Types of attributes by their values: the interface does not say for sure what they are.

use std::collections::BTreeSet;

use crmkit_core::{
    FieldType, Value,
    chrono::{DateTime, NaiveDate, NaiveDateTime},
    rust_decimal::Decimal,
};
use serde_json::Value as Json;

use super::config::AttributeType;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    LongText,
    Bool,
    Int,
    Decimal,
    Date,
    Timestamp,
    /// Several entries of a pick-list, in a list or in a text.
    Options,
}

impl From<AttributeType> for Kind {
    fn from(ty: AttributeType) -> Self {
        match ty {
            AttributeType::Text => Self::LongText,
            AttributeType::Bool => Self::Bool,
            AttributeType::Int => Self::Int,
            AttributeType::Decimal => Self::Decimal,
            AttributeType::Date => Self::Date,
            AttributeType::Timestamp => Self::Timestamp,
            AttributeType::Options => Self::Options,
        }
    }
}

impl Kind {
    pub(super) fn field_type(self) -> FieldType {
        match self {
            Self::Text => FieldType::text(),
            Self::LongText => FieldType::LongText,
            Self::Bool => FieldType::Bool,
            Self::Int => FieldType::Int,
            Self::Decimal => FieldType::Decimal,
            Self::Date => FieldType::Date,
            Self::Timestamp => FieldType::Timestamp,
            Self::Options => FieldType::Options,
        }
    }

    /// What people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text | Self::LongText => "text",
            Self::Bool => "true or false",
            Self::Int => "whole numbers",
            Self::Decimal => "numbers",
            Self::Date => "dates",
            Self::Timestamp => "times",
            Self::Options => "several values",
        }
    }

    /// The kind that values of both are of, where there is one.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        use Kind::{Decimal, Int, LongText, Text};
        match (self, other) {
            (one, two) if one == two => Some(one),
            (Int, Decimal) | (Decimal, Int) => Some(Decimal),
            (Text, LongText) | (LongText, Text) => Some(LongText),
            _ => None,
        }
    }
}

/// The longest text that is a short one.
const SHORT: usize = 255;

/// What was seen of one attribute in one section.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bools: u64,
    ints: u64,
    decimals: u64,
    dates: u64,
    times: u64,
    texts: u64,
    lists: u64,
    /// Texts with a delimiter.
    delimited: u64,
    longest: usize,
    /// Parts of texts and lists, up to one more than fit a pick-list.
    parts: BTreeSet<String>,
    part_count: u64,
}

impl Seen {
    pub(super) fn see(&mut self, value: &Json, delimiters: &str, most: usize) {
        match value {
            Json::Null => {}
            Json::Bool(_) => self.bools += 1,
            Json::Number(number) if number.is_i64() || number.is_u64() => self.ints += 1,
            Json::Number(_) => self.decimals += 1,
            Json::Array(_) => {
                self.lists += 1;
                self.keep(&parts(value, delimiters), most);
            }
            Json::String(text) => self.see_text(text.trim(), delimiters, most),
            Json::Object(_) => self.see_text(&value.to_string(), "", most),
        }
    }

    fn see_text(&mut self, text: &str, delimiters: &str, most: usize) {
        if text.is_empty() {
            return;
        }
        self.longest = self.longest.max(text.chars().count());
        let split = parts(&Json::from(text), delimiters);
        match Kind::of(text) {
            Kind::Bool => self.bools += 1,
            Kind::Int => self.ints += 1,
            Kind::Decimal => self.decimals += 1,
            Kind::Date => self.dates += 1,
            Kind::Timestamp => self.times += 1,
            _ => {
                self.texts += 1;
                self.delimited += u64::from(split.len() > 1);
            }
        }
        self.keep(&split, most);
    }

    fn keep(&mut self, parts: &[String], most: usize) {
        self.part_count += parts.len() as u64;
        for part in parts {
            if self.parts.len() <= most {
                self.parts.insert(part.clone());
            }
        }
    }

    /// The kind, if there was any value.
    pub(super) fn kind(&self, most: usize) -> Option<Kind> {
        let Self { bools, ints, decimals, dates, times, texts, lists, .. } = *self;
        let all = bools + ints + decimals + dates + times + texts + lists;
        let only = |some: u64| some > 0 && some == all;
        let text = if self.longest > SHORT { Kind::LongText } else { Kind::Text };
        // A closed vocabulary: few values, and some of them again and again.
        let closed = self.parts.len() <= most && self.part_count > self.parts.len() as u64;
        match () {
            () if all == 0 => None,
            () if only(bools) => Some(Kind::Bool),
            () if only(ints) => Some(Kind::Int),
            () if only(ints + decimals) => Some(Kind::Decimal),
            () if only(dates) => Some(Kind::Date),
            () if only(times) => Some(Kind::Timestamp),
            () if lists > 0 && only(lists + texts) && self.parts.len() <= most => Some(Kind::Options),
            () if lists > 0 => Some(Kind::LongText),
            () if self.delimited > 0 && only(texts) && closed => Some(Kind::Options),
            () => Some(text),
        }
    }

    /// The entries of the pick-list, where it is one.
    pub(super) fn parts(&self) -> &BTreeSet<String> {
        &self.parts
    }
}

impl Kind {
    /// What a text alone looks like. Numbers with leading zeros or signs are codes and phone numbers.
    fn of(text: &str) -> Self {
        let canonical = |digits: &str| {
            !digits.is_empty()
                && digits.len() <= 15
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.len() == 1 || !digits.starts_with('0'))
        };
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            return Self::Bool;
        }
        if canonical(unsigned) {
            return Self::Int;
        }
        if let Some((whole, fraction)) = unsigned.split_once('.')
            && canonical(whole)
            && !fraction.is_empty()
            && fraction.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Self::Decimal;
        }
        if date(text).is_some() {
            return Self::Date;
        }
        if moment(text).is_some() { Self::Timestamp } else { Self::Text }
    }

    /// The kind that the vendor's word for a type means.
    pub(super) fn declared(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let has = |part: &str| word.contains(part);
        match () {
            () if word.ends_with("[]") => Some(Self::Options),
            () if has("yyyy") || has("timestamp") || has("datetime") => Some(Self::Timestamp),
            () if has("bool") => Some(Self::Bool),
            () if has("date") => Some(Self::Date),
            () if has("decimal") || has("double") || has("float") => Some(Self::Decimal),
            () if has("int") || has("number") || has("long") => Some(Self::Int),
            () if has("text") || has("string") => Some(Self::Text),
            () => None,
        }
    }

    /// A value of this kind; nothing where there is none; the error says what it is not.
    pub(super) fn value(self, json: &Json, delimiters: &str) -> Result<Option<Value>, String> {
        if json.is_null() {
            return Ok(None);
        }
        if self == Self::Options {
            let list: Vec<Value> = parts(json, delimiters).into_iter().map(Value::option).collect();
            return Ok((!list.is_empty()).then(|| Value::List(list.into())));
        }
        let text = plain(json);
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let value = match self {
            Self::Text | Self::LongText => Some(Value::text(text)),
            Self::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(Value::Bool(true)),
                "false" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Int => text.parse().ok().map(Value::Int),
            Self::Decimal => decimal(text).map(Value::Decimal),
            Self::Date => date(text).map(Value::Date),
            Self::Timestamp => moment(text).map(Value::Timestamp),
            Self::Options => None,
        };
        value.map(Some).ok_or_else(|| format!("a value is not of the kind {}", self.word()))
    }
}

/// The plain text of a value.
pub(super) fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The entries of a list, or of a text with delimiters.
fn parts(json: &Json, delimiters: &str) -> Vec<String> {
    let mut parts: Vec<String> = match json {
        Json::Array(list) => list.iter().map(plain).collect(),
        other => plain(other).split(|letter| delimiters.contains(letter)).map(str::to_owned).collect(),
    };
    parts.iter_mut().for_each(|part| *part = part.trim().to_owned());
    parts.retain(|part| !part.is_empty());
    let mut known = BTreeSet::new();
    parts.retain(|part| known.insert(part.clone()));
    parts
}

pub(super) fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

pub(super) fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// RFC 3339, or seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<DateTime<crmkit_core::chrono::Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    // The interface speaks UTC, so a time without a zone is in it.
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return Some(time.and_utc());
    }
    let number: i64 = text.parse().ok()?;
    const YEAR_5000_IN_SECONDS: i64 = 95_000_000_000;
    if number.abs() > YEAR_5000_IN_SECONDS {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(values: &[Json]) -> Option<Kind> {
        let mut seen = Seen::default();
        values.iter().for_each(|value| seen.see(value, ";|", 5));
        seen.kind(5)
    }

    #[test]
    fn kinds_are_told_by_values() {
        let cases = [
            (vec![], None),
            (vec![json!(null), json!("")], None),
            (vec![json!(true), json!("False")], Some(Kind::Bool)),
            (vec![json!(7), json!("8")], Some(Kind::Int)),
            (vec![json!(7), json!(8.5)], Some(Kind::Decimal)),
            (vec![json!("0046"), json!("7")], Some(Kind::Text)),
            (vec![json!("2024-02-29")], Some(Kind::Date)),
            (vec![json!("2024-02-30")], Some(Kind::Text)),
            (vec![json!("2024-02-29T10:00:00Z")], Some(Kind::Timestamp)),
            (vec![json!("2024-02-29"), json!("2024-02-29T10:00:00Z")], Some(Kind::Text)),
            (vec![json!(["a", "b"]), json!(["a"])], Some(Kind::Options)),
            (vec![json!("a;b"), json!("b"), json!("a")], Some(Kind::Options)),
            (vec![json!("one; two"), json!("three")], Some(Kind::Text)),
            (vec![json!("a;b;c;d"), json!("e;f;a;a")], Some(Kind::Text)),
            (vec![json!("x".repeat(300))], Some(Kind::LongText)),
        ];
        for (values, expected) in cases {
            assert_eq!(kind(&values), expected, "{values:?}");
        }
    }

    #[test]
    fn values_fit_their_kind_or_say_so() {
        let value = |kind: Kind, json: Json| kind.value(&json, ";").map_err(|_| ());
        assert_eq!(value(Kind::Int, json!("12")), Ok(Some(Value::Int(12))));
        assert_eq!(value(Kind::Int, json!("twelve")), Err(()));
        assert_eq!(value(Kind::Int, json!("")), Ok(None));
        assert_eq!(value(Kind::Timestamp, json!(0)), Ok(Some(Value::Timestamp(DateTime::UNIX_EPOCH))));
        assert_eq!(value(Kind::Timestamp, json!(1_000_000_000_000_i64)), value(Kind::Timestamp, json!(1_000_000_000)));
        let two = Value::List([Value::option("a"), Value::option("b")].into());
        assert_eq!(value(Kind::Options, json!("a; b;a")), Ok(Some(two.clone())));
        assert_eq!(value(Kind::Options, json!(["a", "b"])), Ok(Some(two)));
    }
}
