//! What the values of one field are like, seen once and in bounded memory.

use std::cmp::Ordering;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{FieldSchema, FieldType, Value};

/// What the values of one field are like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldProfile {
    /// Records that have a value.
    pub filled: u64,
    /// Records that have none.
    pub missing: u64,
    /// How many different values there are.
    pub distinct: Distinct,
    /// Values of fields that work like a pick-list with their counts, most frequent first; empty for all others.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub top: IndexMap<String, u64>,
    /// The smallest number or earliest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The largest number or latest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// Characters of the longest value.
    pub longest: u32,
    /// What the values are, where the schema does not say it better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inferred: Option<FieldType>,
}

impl FieldProfile {
    /// Whether every value that occurs is in `top`.
    pub fn is_complete(&self) -> bool {
        self.distinct.exact && self.top.len() as u64 == self.distinct.count
    }
}

/// How many different values there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// The number.
    pub count: u64,
    /// Otherwise there are more than that.
    pub exact: bool,
}

/// Longest text that is kept as a value.
const LONGEST_KEPT: usize = 200;

/// Sees values and forms the profile. It keeps at most `bound` values.
#[derive(Debug)]
pub(super) struct Profiler {
    ty: FieldType,
    bound: usize,
    filled: u64,
    missing: u64,
    values: IndexMap<Box<str>, u64>,
    many: bool,
    min: Option<Value>,
    max: Option<Value>,
    longest: usize,
    shapes: IndexMap<Shape, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Bool,
    Int,
    Decimal,
    Date,
    Timestamp,
    Local,
    Text,
    Other,
}

impl Profiler {
    pub(super) fn new(field: &FieldSchema, bound: usize) -> Self {
        Self {
            ty: field.ty.clone(),
            bound,
            filled: 0,
            missing: 0,
            values: IndexMap::new(),
            many: false,
            min: None,
            max: None,
            longest: 0,
            shapes: IndexMap::new(),
        }
    }

    pub(super) fn see(&mut self, value: Option<&Value>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            self.missing += 1;
            return;
        };
        self.filled += 1;
        match value {
            Value::List(values) => values.iter().for_each(|value| self.one(value)),
            single => self.one(single),
        }
    }

    fn one(&mut self, value: &Value) {
        let text = value.to_string();
        self.longest = self.longest.max(text.chars().count());
        *self.shapes.entry(shape(value)).or_default() += 1;
        if self.min.as_ref().is_none_or(|min| order(value, min) == Some(Ordering::Less)) && ranks(value) {
            self.min = Some(value.clone());
        }
        if self.max.as_ref().is_none_or(|max| order(value, max) == Some(Ordering::Greater)) && ranks(value) {
            self.max = Some(value.clone());
        }
        if self.many {
            return;
        }
        if let Some(count) = self.values.get_mut(text.as_str()) {
            *count += 1;
        } else if self.values.len() < self.bound && text.len() <= LONGEST_KEPT {
            self.values.insert(text.into(), 1);
        } else {
            self.many = true;
            self.values.sort_by(|_, a, _, b| b.cmp(a));
        }
    }

    /// The profile; `catalogue` keeps values that occur once, of objects that list things and not people.
    pub(super) fn finish(mut self, top: usize, catalogue: bool) -> FieldProfile {
        let count = self.values.len() as u64;
        let listed = matches!(self.ty, FieldType::Option | FieldType::Options | FieldType::Bool);
        let textual = matches!(self.ty, FieldType::Text { .. } | FieldType::Any);
        let repeated = !self.many && self.values.len() <= top && (catalogue || self.filled >= 2 * count);
        let keep = listed || (textual && repeated);
        self.values.sort_by(|a, x, b, y| y.cmp(x).then_with(|| a.cmp(b)));
        let kept = self.values.iter().take(if keep { top } else { 0 });
        FieldProfile {
            filled: self.filled,
            missing: self.missing,
            distinct: Distinct { count, exact: !self.many },
            top: kept.map(|(value, count)| (value.to_string(), *count)).collect(),
            min: self.min,
            max: self.max,
            longest: u32::try_from(self.longest).unwrap_or(u32::MAX),
            inferred: if textual { infer(&self.shapes) } else { None },
        }
    }
}

/// The one type that all values have.
fn infer(shapes: &IndexMap<Shape, u64>) -> Option<FieldType> {
    let has = |shape: Shape| shapes.contains_key(&shape);
    match shapes.len() {
        1 if has(Shape::Bool) => Some(FieldType::Bool),
        1 if has(Shape::Int) => Some(FieldType::Int),
        1 if has(Shape::Date) => Some(FieldType::Date),
        1 if has(Shape::Timestamp) => Some(FieldType::Timestamp),
        1 if has(Shape::Local) => Some(FieldType::Local),
        1 if has(Shape::Decimal) => Some(FieldType::Decimal),
        2 if has(Shape::Decimal) && has(Shape::Int) => Some(FieldType::Decimal),
        _ => None,
    }
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Bool(_) => Shape::Bool,
        Value::Int(_) => Shape::Int,
        Value::Decimal(_) => Shape::Decimal,
        Value::Date(_) => Shape::Date,
        Value::Timestamp(_) => Shape::Timestamp,
        Value::Local(_) => Shape::Local,
        Value::Text(text) => of_text(text),
        _ => Shape::Other,
    }
}

fn of_text(text: &str) -> Shape {
    let text = text.trim();
    // Leading zeros are spelling, not number: postal codes, part numbers.
    let padded = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    match () {
        () if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => Shape::Bool,
        () if padded => Shape::Text,
        () if text.parse::<i64>().is_ok() => Shape::Int,
        () if text.parse::<rust_decimal::Decimal>().is_ok() => Shape::Decimal,
        () if text.parse::<chrono::NaiveDate>().is_ok() => Shape::Date,
        () if chrono::DateTime::parse_from_rfc3339(text).is_ok() => Shape::Timestamp,
        () if text.parse::<chrono::NaiveDateTime>().is_ok() => Shape::Local,
        () => Shape::Text,
    }
}

fn ranks(value: &Value) -> bool {
    order(value, value).is_some()
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Local(a), Value::Local(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Money(a), Value::Money(b)) if a.currency == b.currency => Some(a.amount.cmp(&b.amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(ty: FieldType, values: &[Option<Value>]) -> FieldProfile {
        let mut profiler = Profiler::new(&FieldSchema::new("f", "F", ty), 3);
        values.iter().for_each(|value| profiler.see(value.as_ref()));
        profiler.finish(2, false)
    }

    #[test]
    fn pick_lists_show_their_values_and_others_do_not() {
        let text = |text: &str| Some(Value::text(text));
        let option = profile(FieldType::Option, &[text("a"), text("b"), text("b"), None, text("c")]);
        assert_eq!((option.filled, option.missing, option.longest), (4, 1, 1));
        assert_eq!(option.top.iter().next(), Some((&"b".to_owned(), &2)));
        assert_eq!(option.distinct, Distinct { count: 3, exact: true });
        assert!(!option.is_complete(), "only two of three are kept");
        assert!(profile(FieldType::text(), &[text("ada"), text("bob")]).top.is_empty());
        let many = profile(FieldType::text(), &["a", "b", "c", "d", "e"].map(|value| Some(Value::text(value))));
        assert_eq!(many.distinct, Distinct { count: 3, exact: false });
    }

    #[test]
    fn texts_show_their_type() {
        for (texts, ty) in [
            (["1", "-2"], Some(FieldType::Int)),
            (["1", "2.5"], Some(FieldType::Decimal)),
            (["2024-01-01", "2024-12-31"], Some(FieldType::Date)),
            (["007", "12"], None),
            (["1", "x"], None),
        ] {
            assert_eq!(
                profile(FieldType::text(), &texts.map(|text| Some(Value::text(text)))).inferred,
                ty,
                "{texts:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn counts_add_up(values in proptest::collection::vec(proptest::option::of(-5..5_i64), 0..40)) {
            let values: Vec<_> = values.into_iter().map(|value| value.map(Value::Int)).collect();
            let profile = profile(FieldType::Int, &values);
            prop_assert_eq!(profile.filled + profile.missing, values.len() as u64);
            let numbers = values.iter().flatten().filter_map(|value| match value { Value::Int(n) => Some(*n), _ => None });
            prop_assert_eq!(profile.min, numbers.clone().min().map(Value::Int));
            prop_assert_eq!(profile.max, numbers.max().map(Value::Int));
        }
    }
}
