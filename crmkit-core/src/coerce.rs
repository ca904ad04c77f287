//! The lossless conversions that need no transform: from what a line gives to what a destination field takes.

use std::sync::Arc;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Utc};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{
    Address, FieldSchema, FieldType, Labelled, Markup, Money, OptionSchema, RichText, TransformSettings, Value,
};

/// Whether values of one type can become values of another without a transform.
///
/// A single value can still fail: a text that is too long or names no option. [`FieldType::Any`] is checked value by value.
///
/// ```
/// use crmkit_core::{FieldType, can_coerce};
/// assert!(can_coerce(&FieldType::text(), &FieldType::Option));
/// assert!(!can_coerce(&FieldType::Timestamp, &FieldType::Date), "a day needs the transform `date_of`");
/// ```
pub fn can_coerce(from: &FieldType, to: &FieldType) -> bool {
    use FieldType as T;
    let same = std::mem::discriminant(from) == std::mem::discriminant(to);
    if same || matches!(from, T::Any) || matches!(to, T::Any) {
        return true;
    }
    match to {
        T::Text { .. } | T::LongText => is_plain(from),
        T::Rich => is_plain(from),
        T::Int => matches!(from, T::Decimal),
        T::Decimal => matches!(from, T::Int | T::Money),
        T::Money => matches!(from, T::Int | T::Decimal),
        T::Url | T::Emails | T::Phones | T::Address => matches!(from, T::Text { .. } | T::LongText | T::Url),
        T::Option => matches!(from, T::Text { .. } | T::LongText | T::Bool),
        T::Options => matches!(from, T::Text { .. } | T::LongText | T::Option),
        T::Timestamp => matches!(from, T::Local),
        _ => false,
    }
}

/// Types with one plain spelling that tells everything.
fn is_plain(ty: &FieldType) -> bool {
    use FieldType as T;
    matches!(
        ty,
        T::Bool
            | T::Int
            | T::Decimal
            | T::Text { .. }
            | T::LongText
            | T::Url
            | T::Date
            | T::Time
            | T::Local
            | T::Timestamp
            | T::Duration
            | T::Money
            | T::Name
            | T::Address
            | T::Option
    )
}

/// The value as the destination field takes it; a value that fits passes as it is.
///
/// A text names an option by its label: exactly, then trimmed and without regard to case where only one fits. The answer is
/// the option's id. It looks at values alone, and an e-mail address and a phone number are one kind of value: that a phone number
/// does not become an address is for [`can_coerce`] to say. A [`Value::Option`] is read as an id first, so a source's options become texts before
/// ([`label_options`]).
///
/// # Errors
/// Says what does not fit, without the value.
///
/// ```
/// use crmkit_core::{FieldSchema, FieldType, OptionSchema, TransformSettings, Value, coerce};
/// let mut size = FieldSchema::new("size", "Size", FieldType::Option);
/// size.options.push(OptionSchema { id: "71".into(), label: "Large".into() });
/// let settings = TransformSettings::default();
/// assert_eq!(coerce(Value::text("large"), &size, &settings), Ok(Value::option("71")));
/// assert!(coerce(Value::text("huge"), &size, &settings).is_err());
/// ```
pub fn coerce(value: Value, to: &FieldSchema, settings: &TransformSettings) -> Result<Value, String> {
    if matches!(value, Value::Null) {
        return Ok(value);
    }
    match &to.ty {
        FieldType::Any => Ok(value),
        FieldType::Text { max } => as_text(value, to).and_then(|value| within(value, *max)),
        FieldType::LongText => as_text(value, to),
        FieldType::Url => match value {
            Value::Text(_) => Ok(value),
            other => Err(mismatch(&other, to)),
        },
        FieldType::Rich => as_rich(value, to),
        FieldType::Bool => keep(value, to, |value| matches!(value, Value::Bool(_))),
        FieldType::Date => keep(value, to, |value| matches!(value, Value::Date(_))),
        FieldType::Time => keep(value, to, |value| matches!(value, Value::Time(_))),
        FieldType::Local => keep(value, to, |value| matches!(value, Value::Local(_))),
        FieldType::Duration => keep(value, to, |value| matches!(value, Value::Duration(_))),
        FieldType::Name => keep(value, to, |value| matches!(value, Value::Name(_))),
        FieldType::Link { .. } => keep(value, to, is_link),
        // Links are filled by the engine, from what the ledger knows.
        FieldType::Links { .. } => keep(value, to, |value| matches!(value, Value::List(_))),
        FieldType::Int => as_int(value, to),
        FieldType::Decimal => as_decimal(value, to, settings),
        FieldType::Money => as_money(value, to, settings),
        FieldType::Timestamp => as_timestamp(value, to, settings),
        FieldType::Address => as_address(value, to),
        FieldType::Emails | FieldType::Phones => as_labelled(value, to),
        FieldType::Option => as_option(value, to),
        FieldType::Options => as_options(value, to),
    }
}

/// A source's value with the labels of its pick-list entries in place of their keys.
///
/// A key the schema does not name stays as text.
///
/// ```
/// use crmkit_core::{FieldSchema, FieldType, OptionSchema, Value, label_options};
/// let mut stage = FieldSchema::new("stage", "Stage", FieldType::Option);
/// stage.options.push(OptionSchema { id: "s1".into(), label: "Prospecting".into() });
/// assert_eq!(label_options(Value::option("s1"), &stage), Value::text("Prospecting"));
/// ```
pub fn label_options(value: Value, field: &FieldSchema) -> Value {
    match value {
        Value::Option(key) => {
            let label = field.options.iter().find(|option| *option.id == *key).map(|option| option.label.as_str());
            Value::Text(label.map_or(key.clone(), Arc::from))
        }
        Value::List(values) if values.iter().any(|value| matches!(value, Value::Option(_))) => {
            Value::List(values.iter().map(|value| label_options(value.clone(), field)).collect())
        }
        other => other,
    }
}

fn keep(value: Value, to: &FieldSchema, fits: impl Fn(&Value) -> bool) -> Result<Value, String> {
    if fits(&value) { Ok(value) } else { Err(mismatch(&value, to)) }
}

fn mismatch(value: &Value, to: &FieldSchema) -> String {
    format!("{} does not fit {}, which takes {}", kind(value), to.name, to.ty.label())
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a bool",
        Value::Int(_) => "an int",
        Value::Decimal(_) => "a decimal",
        Value::Text(_) => "a text",
        Value::Date(_) => "a date",
        Value::Time(_) => "a time",
        Value::Local(_) => "a time without a zone",
        Value::Timestamp(_) => "a timestamp",
        Value::Duration(_) => "a duration",
        Value::Money(_) => "an amount of money",
        Value::Name(_) => "a name",
        Value::Address(_) => "an address",
        Value::Labelled(_) => "a labelled value",
        Value::Rich(_) => "a formatted text",
        Value::Option(_) => "an option",
        Value::Ref(_) => "a link",
        Value::List(_) => "a list",
    }
}

fn is_link(value: &Value) -> bool {
    match value {
        Value::Ref(_) => true,
        Value::List(values) => values.iter().all(|value| matches!(value, Value::Ref(_))),
        _ => false,
    }
}

fn as_text(value: Value, to: &FieldSchema) -> Result<Value, String> {
    match value {
        Value::Text(_) => Ok(value),
        Value::Rich(_) | Value::Labelled(_) | Value::List(_) | Value::Ref(_) => Err(mismatch(&value, to)),
        other => Ok(Value::text(other.to_string())),
    }
}

fn within(value: Value, max: Option<u32>) -> Result<Value, String> {
    match (&value, max) {
        (Value::Text(text), Some(max)) if text.chars().count() > max as usize => {
            Err(format!("the text is longer than {max} characters; the transform truncate shortens it"))
        }
        _ => Ok(value),
    }
}

fn as_rich(value: Value, to: &FieldSchema) -> Result<Value, String> {
    if matches!(value, Value::Rich(_)) {
        return Ok(value);
    }
    let text = as_text(value, to)?.to_string();
    Ok(Value::Rich(Arc::new(RichText { markup: Markup::Html, text: escape_html(&text).into() })))
}

/// Plain text as HTML that shows the same.
pub(crate) fn escape_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\r' => {}
            '\n' => html.push_str("<br>"),
            other => html.push(other),
        }
    }
    html
}

fn as_int(value: Value, to: &FieldSchema) -> Result<Value, String> {
    match value {
        Value::Int(_) => Ok(value),
        Value::Decimal(number) if number.fract().is_zero() => number
            .to_i64()
            .map(Value::Int)
            .ok_or_else(|| format!("the number is too large for {}, which takes int", to.name)),
        Value::Decimal(_) => Err(format!("the number has decimals, and {} takes int", to.name)),
        other => Err(mismatch(&other, to)),
    }
}

fn as_decimal(value: Value, to: &FieldSchema, settings: &TransformSettings) -> Result<Value, String> {
    match value {
        Value::Decimal(_) => Ok(value),
        Value::Int(number) => Ok(Value::Decimal(Decimal::from(number))),
        Value::Money(money) if settings.currency.as_ref() == Some(&money.currency) => Ok(Value::Decimal(money.amount)),
        Value::Money(_) => Err(format!("the amount's currency is not the plan's, and {} keeps none", to.name)),
        other => Err(mismatch(&other, to)),
    }
}

fn as_money(value: Value, to: &FieldSchema, settings: &TransformSettings) -> Result<Value, String> {
    let amount = match value {
        Value::Money(_) => return Ok(value),
        Value::Int(number) => Decimal::from(number),
        Value::Decimal(number) => number,
        other => return Err(mismatch(&other, to)),
    };
    let currency = settings.currency.clone().ok_or("the amount has no currency, and the plan names none")?;
    Ok(Value::Money(Money { amount, currency }))
}

fn as_timestamp(value: Value, to: &FieldSchema, settings: &TransformSettings) -> Result<Value, String> {
    match value {
        Value::Timestamp(_) => Ok(value),
        Value::Local(local) => {
            let zone = settings.time_zone.ok_or("the time has no zone, and the plan names no time_zone")?;
            match moment(local, zone) {
                LocalResult::Single(moment) => Ok(Value::Timestamp(moment)),
                LocalResult::Ambiguous(..) => {
                    Err("the time comes twice in the plan's time_zone; the transform timestamp takes the first".into())
                }
                LocalResult::None => {
                    Err("the time does not exist in the plan's time_zone; the transform timestamp moves it".into())
                }
            }
        }
        other => Err(mismatch(&other, to)),
    }
}

/// A local time in a zone, as a moment.
pub(crate) fn moment(local: NaiveDateTime, zone: chrono_tz::Tz) -> LocalResult<DateTime<Utc>> {
    zone.from_local_datetime(&local).map(|moment| moment.with_timezone(&Utc))
}

fn as_address(value: Value, to: &FieldSchema) -> Result<Value, String> {
    match value {
        Value::Address(_) => Ok(value),
        Value::Text(street) => Ok(Value::Address(Arc::new(Address { street, ..Address::default() }))),
        other => Err(mismatch(&other, to)),
    }
}

fn as_labelled(value: Value, to: &FieldSchema) -> Result<Value, String> {
    let one = |value: &Value| match value {
        Value::Labelled(_) => Ok(value.clone()),
        Value::Text(text) => Ok(Value::Labelled(Arc::new(Labelled { value: text.clone(), label: None }))),
        other => Err(mismatch(other, to)),
    };
    let list: Vec<Value> = match &value {
        Value::List(values) => values.iter().map(one).collect::<Result<_, _>>()?,
        single => vec![one(single)?],
    };
    Ok(Value::List(list.into()))
}

fn as_option(value: Value, to: &FieldSchema) -> Result<Value, String> {
    match &value {
        Value::Option(id) if to.options.iter().any(|option| *option.id == **id) => Ok(value),
        Value::Option(text) | Value::Text(text) => by_label(text, to),
        Value::Bool(yes) => by_label(if *yes { "Yes" } else { "No" }, to),
        other => Err(mismatch(other, to)),
    }
}

fn as_options(value: Value, to: &FieldSchema) -> Result<Value, String> {
    let one = |value: &Value| match value {
        Value::Option(_) | Value::Text(_) => as_option(value.clone(), to),
        other => Err(mismatch(other, to)),
    };
    let mut list: Vec<Value> = Vec::new();
    match &value {
        Value::List(values) => {
            for value in values.iter() {
                let option = one(value)?;
                if !list.contains(&option) {
                    list.push(option);
                }
            }
        }
        single => list.push(one(single)?),
    }
    Ok(Value::List(list.into()))
}

fn by_label(text: &str, to: &FieldSchema) -> Result<Value, String> {
    let exact: Vec<&OptionSchema> = to.options.iter().filter(|option| option.label == text).collect();
    let found = if exact.is_empty() {
        let folded = text.trim().to_lowercase();
        to.options.iter().filter(|option| option.label.trim().to_lowercase() == folded).collect()
    } else {
        exact
    };
    match found[..] {
        [one] => Ok(Value::option(one.id.as_str())),
        [] => Err(format!("{} has no option of that name", to.name)),
        _ => Err(format!("{} has several options of that name", to.name)),
    }
}

#[cfg(test)]
mod tests;
