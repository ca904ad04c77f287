//! What the values of one field are like, seen once and in bounded memory.
//!
//! A value costs a hash and a look into a small table; it is copied only when it is new to that table, or one of a few hundred
//! samples.

use std::{
    cmp::Ordering,
    collections::HashSet,
    fmt::Write as _,
    hash::{BuildHasher, Hash, Hasher},
};

use foldhash::quality::FixedState;
use hyperloglockless::HyperLogLog;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::inference::{Shape, Shapes, of_text, shape};
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
    /// Values that are a fiftieth of all or more, where `top` is empty, with their numbers estimated from a sample. Masked unless
    /// asked for.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub frequent: IndexMap<String, u64>,
    /// A few values. Masked unless asked for: letters are `x`, digits `0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// The smallest number or earliest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The largest number or latest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// Characters of the longest text.
    pub longest: u32,
    /// What most values are, where the schema does not say it better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inferred: Option<FieldType>,
    /// The share of values that are what is inferred, from 0.5 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

impl FieldProfile {
    /// Whether every value that occurs is in `top`.
    pub fn is_complete(&self) -> bool {
        self.distinct.exact && self.top.len() as u64 == self.distinct.count
    }

    /// The type that every single value has, where the schema does not say it better.
    pub fn certain(&self) -> Option<&FieldType> {
        self.inferred.as_ref().filter(|_| self.confidence == Some(1.0))
    }
}

/// How many different values there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// The number.
    pub count: u64,
    /// Otherwise it is an estimate, mostly within two in a hundred.
    pub exact: bool,
}

/// Longest text that is kept as a value.
const LONGEST_KEPT: usize = 200;
/// Longest example, in characters.
const EXAMPLE: usize = 60;
/// Examples shown.
const EXAMPLES: usize = 3;
/// Values sampled at most.
const SAMPLE: usize = 512;
/// 4096 registers of a byte: a standard error of 1.6 %.
const PRECISION: u8 = 12;

/// The hash of a value in this document: the same in every run of one build.
pub(super) fn hash(of: &(impl Hash + ?Sized)) -> u64 {
    FixedState::with_seed(0).hash_one(of)
}

/// A hasher of what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Keys are hashes already.
pub(super) type ByHash = std::hash::BuildHasherDefault<Hashed>;

/// What was seen of the different values: all of them, then only about how many.
#[derive(Debug)]
enum Values {
    /// Texts, with their counts.
    Texts(IndexMap<Box<str>, u64, FixedState>),
    /// Hashes of other values.
    Hashes(HashSet<u64, ByHash>),
    Many(Box<HyperLogLog<FixedState>>),
}

/// Sees values and forms the profile. It keeps at most `bound` values and a sample.
#[derive(Debug)]
pub(super) struct Profiler {
    ty: FieldType,
    bound: usize,
    filled: u64,
    /// Single values: those of lists one by one.
    seen: u64,
    values: Values,
    min: Option<Value>,
    max: Option<Value>,
    longest: usize,
    shapes: Shapes,
    /// One value in `step`, by lot; when it is full about half of it goes, and the step doubles.
    sample: Vec<(u64, Box<str>)>,
    step: u64,
    scratch: String,
}

impl Profiler {
    pub(super) fn new(field: &FieldSchema, bound: usize) -> Self {
        Self {
            ty: field.ty.clone(),
            bound,
            filled: 0,
            seen: 0,
            values: if is_textual(&field.ty) || is_listed(&field.ty) {
                Values::Texts(IndexMap::with_hasher(FixedState::with_seed(0)))
            } else {
                Values::Hashes(HashSet::default())
            },
            min: None,
            max: None,
            longest: 0,
            shapes: Shapes::default(),
            sample: Vec::new(),
            step: 1,
            scratch: String::new(),
        }
    }

    /// Takes a value into account; an empty one is none.
    pub(super) fn see(&mut self, value: &Value) {
        if value.is_empty() {
            return;
        }
        self.filled += 1;
        match value {
            Value::List(values) => values.iter().for_each(|value| self.one(value)),
            single => self.one(single),
        }
    }

    fn one(&mut self, value: &Value) {
        match value {
            Value::Text(text) => return self.text(text, of_text(text)),
            Value::Bool(yes) => return self.text(if *yes { "true" } else { "false" }, Shape::Bool),
            other => {
                if let Some(text) = other.as_text() {
                    return self.text(text, Shape::Other);
                }
            }
        }
        self.rank(value);
        if matches!(self.values, Values::Texts(_)) {
            let mut text = std::mem::take(&mut self.scratch);
            text.clear();
            let _ = write!(text, "{value}");
            self.text(&text, shape(value));
            self.scratch = text;
            return;
        }
        self.shapes.add(shape(value));
        self.count(hash_of(value));
        if let Some(lot) = self.lot() {
            let text = value.to_string();
            self.longest = self.longest.max(text.chars().count());
            self.keep(lot, &text);
        }
    }

    fn text(&mut self, text: &str, shape: Shape) {
        self.shapes.add(shape);
        // There are no more characters than bytes.
        if text.len() > self.longest {
            self.longest = self.longest.max(text.chars().count());
        }
        match &mut self.values {
            Values::Texts(values) => {
                if let Some(count) = values.get_mut(text) {
                    *count += 1;
                } else if values.len() < self.bound && text.len() <= LONGEST_KEPT {
                    values.insert(text.into(), 1);
                } else {
                    let many = estimate(values.keys().map(|known| hash(&**known)));
                    self.values = Values::Many(many);
                    self.count(hash(text));
                }
            }
            _ => self.count(hash(text)),
        }
        if let Some(lot) = self.lot() {
            self.keep(lot, text);
        }
    }

    fn count(&mut self, hash: u64) {
        match &mut self.values {
            Values::Hashes(hashes) => {
                hashes.insert(hash);
                if hashes.len() > self.bound {
                    self.values = Values::Many(estimate(hashes.iter().copied()));
                }
            }
            Values::Many(many) => many.insert_hash(hash),
            Values::Texts(_) => {}
        }
    }

    fn rank(&mut self, value: &Value) {
        let past = |known: &Option<Value>, wanted| match known {
            Some(known) => order(value, known) == Some(wanted),
            None => order(value, value).is_some(),
        };
        if past(&self.min, Ordering::Less) {
            self.min = Some(value.clone());
        }
        if past(&self.max, Ordering::Greater) {
            self.max = Some(value.clone());
        }
    }

    /// The lot of a value that goes into the sample: by its number, so that the sample is the same every time.
    fn lot(&mut self) -> Option<u64> {
        self.seen += 1;
        let lot =
            self.seen.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20;
        (lot & (self.step - 1) == 0).then_some(lot)
    }

    fn keep(&mut self, lot: u64, text: &str) {
        if self.sample.len() == SAMPLE {
            self.step *= 2;
            self.sample.retain(|(lot, _)| lot & (self.step - 1) == 0);
            if lot & (self.step - 1) != 0 {
                return;
            }
        }
        let end = text.char_indices().nth(EXAMPLE).map_or(text.len(), |(at, _)| at);
        self.sample.push((lot, text[..end].into()));
    }

    /// Values that occur fewer than `least` times, with their counts; none where there are too many to tell.
    pub(super) fn rare(&self, least: u64) -> IndexMap<String, u64> {
        let Values::Texts(values) = &self.values else { return IndexMap::new() };
        let mut rare: IndexMap<String, u64> = values
            .iter()
            .filter(|(_, count)| **count < least)
            .map(|(value, count)| (value.to_string(), *count))
            .collect();
        rare.sort_keys();
        rare
    }

    /// The profile among `records`; `catalogue` keeps values that occur once, of objects that list things and not people.
    pub(super) fn finish(self, records: u64, top: usize, catalogue: bool, shown: bool) -> FieldProfile {
        let (listed, textual) = (is_listed(&self.ty), is_textual(&self.ty));
        let shown_as = |text: &str| if shown { text.to_owned() } else { masked(text) };
        let mut kept = IndexMap::new();
        let distinct = match self.values {
            Values::Texts(mut values) => {
                let count = values.len() as u64;
                let repeated = values.len() <= top && (catalogue || self.filled >= 2 * count);
                if listed || (textual && repeated) {
                    values.sort_by(|a, x, b, y| y.cmp(x).then_with(|| a.cmp(b)));
                    kept = values.into_iter().take(top).map(|(value, count)| (value.into_string(), count)).collect();
                }
                Distinct { count, exact: true }
            }
            Values::Hashes(hashes) => Distinct { count: hashes.len() as u64, exact: true },
            Values::Many(many) => Distinct { count: many.count() as u64, exact: false },
        };
        let (mut frequent, mut examples) = (IndexMap::new(), Vec::new());
        if kept.is_empty() {
            frequent = self::frequent(&self.sample, self.seen)
                .into_iter()
                .map(|(value, count)| (shown_as(value), count))
                .collect();
            for text in self.sample.iter().map(|(_, text)| shown_as(text)) {
                if examples.len() < EXAMPLES && !examples.contains(&text) {
                    examples.push(text);
                }
            }
        }
        let inferred = if textual { self.shapes.infer() } else { None };
        FieldProfile {
            filled: self.filled,
            missing: records.saturating_sub(self.filled),
            distinct,
            top: kept,
            frequent,
            examples,
            min: self.min,
            max: self.max,
            longest: u32::try_from(self.longest).unwrap_or(u32::MAX),
            confidence: inferred.as_ref().map(|(_, share)| *share),
            inferred: inferred.map(|(ty, _)| ty),
        }
    }
}

fn is_listed(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Option | FieldType::Options | FieldType::Bool)
}

fn is_textual(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Text { .. } | FieldType::Any)
}

fn estimate(hashes: impl Iterator<Item = u64>) -> Box<HyperLogLog<FixedState>> {
    let mut many = Box::new(HyperLogLog::with_hasher(PRECISION, FixedState::with_seed(0)));
    hashes.for_each(|hash| many.insert_hash(hash));
    many
}

/// Values that are at least a fiftieth of the sample, with what that makes of all.
fn frequent(sample: &[(u64, Box<str>)], seen: u64) -> Vec<(&str, u64)> {
    let mut counts: IndexMap<&str, u64> = IndexMap::new();
    sample.iter().for_each(|(_, text)| *counts.entry(text).or_default() += 1);
    let size = sample.len() as u64;
    let mut frequent: Vec<(&str, u64)> =
        counts.into_iter().filter(|(_, count)| *count > 1 && count * 50 >= size).collect();
    frequent.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    frequent.truncate(10);
    frequent.into_iter().map(|(text, count)| (text, count * seen / size.max(1))).collect()
}

/// A text whose content nobody can read, but its form: letters are `x`, digits `0`.
pub(super) fn masked(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            letter if letter.is_uppercase() => 'X',
            letter if letter.is_alphabetic() => 'x',
            letter if letter.is_numeric() => '0',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}

/// Equal values have equal hashes; no text is made of them.
fn hash_of(value: &Value) -> u64 {
    match value {
        Value::Int(number) | Value::Duration(number) => hash(number),
        Value::Decimal(number) => hash(number),
        Value::Date(date) => hash(date),
        Value::Time(time) => hash(time),
        Value::Local(time) => hash(time),
        Value::Timestamp(time) => hash(&(time.timestamp(), time.timestamp_subsec_nanos())),
        Value::Money(money) => hash(&(money.amount, &money.currency)),
        Value::Name(name) => hash(&(&name.given, &name.family)),
        Value::Address(at) => hash(&(&at.street, &at.city, &at.region, &at.postal_code, &at.country)),
        Value::Ref(to) => hash(&(to.object.as_str(), to.id.as_str())),
        other => hash(other.to_string().as_str()),
    }
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
        values.iter().flatten().for_each(|value| profiler.see(value));
        profiler.finish(values.len() as u64, 2, false, false)
    }

    fn texts(texts: &[&str]) -> Vec<Option<Value>> {
        texts.iter().map(|text| Some(Value::text(*text))).collect()
    }

    #[test]
    fn pick_lists_show_their_values_and_others_do_not() {
        let text = |text: &str| Some(Value::text(text));
        let option = profile(FieldType::Option, &[text("a"), text("b"), text("b"), None, text("c")]);
        assert_eq!((option.filled, option.missing, option.longest), (4, 1, 1));
        assert_eq!(option.top.iter().next(), Some((&"b".to_owned(), &2)));
        assert_eq!(option.distinct, Distinct { count: 3, exact: true });
        assert!(!option.is_complete(), "only two of three are kept");
        let names = profile(FieldType::text(), &texts(&["Ada 1", "Böb"]));
        assert!(names.top.is_empty() && names.frequent.is_empty());
        assert_eq!(names.examples, ["Xxx 0", "Xxx"]);
        let many = profile(FieldType::text(), &texts(&["a", "b", "c", "d", "e"]));
        assert_eq!(many.distinct, Distinct { count: 5, exact: false });
    }

    #[test]
    fn texts_show_their_type() {
        for (values, ty, share) in [
            (["1", "-2", "3"], Some(FieldType::Int), Some(1.0)),
            (["1", "2.5", "3"], Some(FieldType::Decimal), Some(1.0)),
            (["2024-01-01", "2024-12-31", "2024-01-02"], Some(FieldType::Date), Some(1.0)),
            (["007", "12", "013"], None, None),
            (["1", "2", "x"], Some(FieldType::Int), Some(2.0 / 3.0)),
        ] {
            let profile = profile(FieldType::text(), &texts(&values));
            assert_eq!((profile.inferred.clone(), profile.confidence), (ty.clone(), share), "{values:?}");
            assert_eq!(profile.certain().is_some(), share == Some(1.0), "{values:?}");
        }
    }

    #[test]
    fn many_values_are_estimated_and_the_frequent_ones_are_sampled() {
        let field = FieldSchema::new("f", "F", FieldType::text());
        let mut profiler = Profiler::new(&field, 1_000);
        for number in 0..100_000 {
            let text = if number % 4 == 0 { "Anna".to_owned() } else { format!("n{number}") };
            profiler.see(&Value::text(text));
        }
        assert!(profiler.sample.len() <= SAMPLE && profiler.sample.len() > SAMPLE / 4);
        let profile = profiler.finish(100_000, 100, false, true);
        assert!(!profile.distinct.exact);
        assert!((73_000..77_000).contains(&profile.distinct.count), "{}", profile.distinct.count);
        let (name, count) = profile.frequent.first().expect("one in four is frequent");
        assert!(name == "Anna" && (15_000..35_000).contains(count), "{count}");
        assert_eq!(profile.examples.len(), 3);
    }

    #[test]
    fn rare_values_are_told_by_name() {
        let mut profiler = Profiler::new(&FieldSchema::new("f", "F", FieldType::Options), 10);
        for tags in [&["vip", "old"][..], &["vip"], &["vip", "new"]] {
            profiler.see(&Value::List(tags.iter().map(|tag| Value::option(*tag)).collect()));
        }
        assert_eq!(profiler.rare(2), IndexMap::from([("new".to_owned(), 1), ("old".to_owned(), 1)]));
    }

    proptest! {
        #[test]
        fn counts_add_up(values in proptest::collection::vec(proptest::option::of(-5..5_i64), 0..40)) {
            let values: Vec<_> = values.into_iter().map(|value| value.map(Value::Int)).collect();
            let profile = profile(FieldType::Int, &values);
            prop_assert_eq!(profile.filled + profile.missing, values.len() as u64);
            let numbers = values.iter().flatten().filter_map(|value| match value { Value::Int(n) => Some(*n), _ => None });
            prop_assert_eq!(profile.min, numbers.clone().min().map(Value::Int));
            prop_assert_eq!(profile.max, numbers.clone().max().map(Value::Int));
            let different = numbers.collect::<std::collections::HashSet<_>>().len() as u64;
            if profile.distinct.exact {
                prop_assert_eq!(profile.distinct.count, different);
            } else {
                prop_assert!(profile.distinct.count.abs_diff(different) <= 1);
            }
        }

        #[test]
        fn nothing_readable_is_left_of_a_masked_text(text in ".{0,30}") {
            prop_assert!(masked(&text).chars().all(|letter| "xX0".contains(letter) || !letter.is_alphanumeric()));
        }
    }
}
