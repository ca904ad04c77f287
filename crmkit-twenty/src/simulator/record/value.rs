//! What may be written into a field and what is stored of it.

use chrono::{DateTime, NaiveDate};
use serde_json::{Number, Value};
use uuid::Uuid;

use super::super::call::timestamp;
use super::super::failure::{Failure, inspect};
use super::super::schema::{Field, FieldKind};
use super::super::store::Store;
use super::composite;

/// The stored form of what was given for a field that is neither a relation nor a list of files.
pub(super) fn normalise(field: &Field, given: &Value, store: &mut Store) -> Result<Value, Failure> {
    if given.is_null() {
        return Ok(Value::Null);
    }
    let name = &field.name;
    let invalid = |what: &str| Err(Failure::bad(format!("Invalid {what} {} for field \"{name}\"", inspect(given))));
    match field.kind {
        FieldKind::Text => match given {
            Value::String(text) => stored_text(text),
            other => Err(Failure::bad(format!("Invalid string value {} for text field \"{name}\"", inspect(other)))),
        },
        FieldKind::Number | FieldKind::Numeric => match given {
            Value::Number(number) if !is_whole(field) || number.as_f64().is_some_and(|value| value.fract() == 0.0) => {
                Ok(number.clone().into())
            }
            _ => invalid("number value"),
        },
        FieldKind::Boolean => {
            if given.is_boolean() {
                Ok(given.clone())
            } else {
                invalid("boolean value")
            }
        }
        FieldKind::Uuid => match uuid_text(given) {
            Some(id) => Ok(id.into()),
            None => invalid("UUID value"),
        },
        FieldKind::Date => match given.as_str() {
            Some(text) if is_date(text) => Ok(text.into()),
            _ => refuse_format(name, given, "date", "YYYY-MM-DD"),
        },
        FieldKind::DateTime => match given.as_str().and_then(moment) {
            Some(moment) => Ok(moment.into()),
            None => refuse_format(name, given, "date-time", "YYYY-MM-DDTHH:mm:ssZ"),
        },
        FieldKind::Select | FieldKind::Rating => {
            if given.as_str().is_some_and(|value| field.option_values().any(|option| option == value)) {
                return Ok(given.clone());
            }
            let shown = given.as_str().map_or_else(|| inspect(given), str::to_owned);
            let valid = field.option_values().collect::<Vec<_>>().join(", ");
            let message = format!("Invalid value \"{shown}\" for field \"{name}\". Valid values are: {valid}");
            Err(Failure::bad(message))
        }
        FieldKind::MultiSelect => {
            let list = if given.is_string() { Value::Array(vec![given.clone()]) } else { given.clone() };
            let known = |value: &Value| field.option_values().any(|option| value == option);
            match list.as_array() {
                Some(values) if values.is_empty() => Ok(Value::Null),
                Some(values) if values.iter().all(known) => Ok(list),
                _ => {
                    let shown = inspect(&list);
                    Err(Failure::bad(format!("Invalid value {shown} for multi select field \"{name}\"")))
                }
            }
        }
        FieldKind::Array => match given.as_array() {
            Some(values) if values.is_empty() => Ok(Value::Null),
            Some(values) if values.iter().all(Value::is_string) => Ok(given.clone()),
            _ => invalid("array value"),
        },
        FieldKind::RawJson => Ok(given.clone()),
        FieldKind::Position => match given {
            Value::Number(_) => Ok(given.clone()),
            Value::String(place) if place == "first" || place == "last" => Ok(given.clone()),
            _ => invalid("position value"),
        },
        _ => composite::normalise(field, given, store),
    }
}

fn is_whole(field: &Field) -> bool {
    matches!(field.settings["dataType"].as_str(), Some("int" | "bigint"))
}

fn refuse_format(name: &str, given: &Value, what: &str, format: &str) -> Result<Value, Failure> {
    let shown = inspect(given);
    Err(Failure::bad(format!("Invalid value {shown} for {what} field \"{name}\". Expected format: '{format}'")))
}

/// Text as a column keeps it: nothing for an empty one.
pub(super) fn stored_text(text: &str) -> Result<Value, Failure> {
    if text.contains('\0') {
        return Err(Failure::internal(500, "Data validation error."));
    }
    Ok(if text.is_empty() { Value::Null } else { text.into() })
}

/// A UUID as stored.
pub(super) fn uuid_text(given: &Value) -> Option<String> {
    given.as_str().and_then(|text| Uuid::try_parse(text).ok()).map(|id| id.to_string())
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// A moment as stored; a bare date is midnight UTC.
pub(super) fn moment(text: &str) -> Option<String> {
    if is_date(text) {
        return Some(format!("{text}T00:00:00.000Z"));
    }
    DateTime::parse_from_rfc3339(text).ok().map(|moment| timestamp(moment.to_utc()))
}

/// A whole number of something that counts in doubles.
pub(super) fn whole(given: f64) -> Option<Number> {
    // Every double of that size is a whole number already, and i64 holds it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "doubles beyond i64 saturate, as the vendor's do not fit either"
    )]
    let whole = given.trunc() as i64;
    given.is_finite().then(|| whole.into())
}
