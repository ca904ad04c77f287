//! Values to JSON: strict, and every refusal names the field.

use crmkit_core::{
    Address, Error, ErrorKind, FieldName, FieldSchema, FieldType, Fields, ObjectSchema, Result, Retry, Value,
    chrono::NaiveDate, indexmap::IndexMap,
};
use serde_json::{Value as Json, json};

/// Values by label, in their order: the first becomes the primary one.
pub(crate) type Labelled = IndexMap<String, Json>;

/// Refuses what the schema does not name, what cannot be set, options that are not there, and values of another type.
///
/// # Errors
/// `Rejected` with `Never`.
pub(crate) fn check(schema: &ObjectSchema, fields: &Fields, operation: &'static str, creating: bool) -> Result<()> {
    for (name, value) in fields {
        let Some(field) = schema.fields.get(name) else {
            return Err(refuse(operation, name, "the instance has no such field"));
        };
        if !field.writable {
            return Err(refuse(operation, name, "the field cannot be set"));
        }
        fits(field, value).map_err(|why| refuse(operation, name, why))?;
    }
    let lacks = |field: &&FieldSchema| field.required && fields.get(&field.name).is_none_or(Value::is_empty);
    match schema.fields.values().find(lacks).filter(|_| creating) {
        Some(missing) => Err(refuse(operation, &missing.name, "the field is required")),
        None => Ok(()),
    }
}

fn refuse(operation: &'static str, field: &FieldName, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Rejected, operation, why, Retry::Never).with_context("field", field)
}

fn fits(field: &FieldSchema, value: &Value) -> Result<(), String> {
    let known = |key: &str| field.options.iter().any(|option| option.id == key);
    let unknown = || Err("the field has no such option".to_owned());
    match (&field.ty, value) {
        (_, Value::Null) if field.clearable => Ok(()),
        (_, Value::Null) => Err("the interface cannot clear this field".to_owned()),
        (FieldType::Text { max: Some(max) }, value)
            if text_of(value).is_some_and(|text| text.chars().count() > *max as usize) =>
        {
            Err(format!("the text is longer than {max} characters"))
        }
        (FieldType::Text { .. } | FieldType::LongText | FieldType::Url, value) if text_of(value).is_some() => Ok(()),
        (FieldType::Int, Value::Int(_)) | (FieldType::Bool, Value::Bool(_)) => Ok(()),
        (FieldType::Duration, Value::Duration(_)) => Ok(()),
        (FieldType::Rich, Value::Rich(_)) => Ok(()),
        (FieldType::Date, Value::Date(_)) | (FieldType::Timestamp, Value::Timestamp(_)) => Ok(()),
        (FieldType::Money, Value::Money(_)) | (FieldType::Address, Value::Address(_)) => Ok(()),
        (FieldType::Emails | FieldType::Phones, Value::List(items))
            if items.iter().all(|item| matches!(item, Value::Labelled(_))) =>
        {
            Ok(())
        }
        (FieldType::Option, Value::Option(key)) => {
            if known(key) {
                Ok(())
            } else {
                unknown()
            }
        }
        (FieldType::Options, Value::List(items)) => {
            let listed = |item: &Value| matches!(item, Value::Option(key) if known(key));
            if items.iter().all(listed) { Ok(()) } else { unknown() }
        }
        (FieldType::Link { to }, Value::Ref(target)) => {
            match (to.contains(&target.object), target.id.as_str().parse::<i64>()) {
                (false, _) => Err("the link points to an object that this field does not link to".to_owned()),
                (true, Err(_)) => Err("the link's id is not a number".to_owned()),
                (true, Ok(_)) => Ok(()),
            }
        }
        (FieldType::Links { to }, Value::List(items)) => {
            let link = |item: &Value| {
                let target = item.as_ref_to()?;
                (to.contains(&target.object) && target.id.as_str().parse::<i64>().is_ok()).then_some(())
            };
            if items.iter().all(|item| link(item).is_some()) {
                Ok(())
            } else {
                Err("a link of the list points to no record that this field links to".to_owned())
            }
        }
        _ => Err(format!("a {} field does not take a value of this type", field.ty.label())),
    }
}

/// A value as text, for fields that have no type of their own: numbers and moments among them.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Int(_) | Value::Decimal(_) | Value::Timestamp(_) | Value::Duration(_) | Value::Time(_) => {
            Some(value.to_string())
        }
        _ => None,
    }
}

/// A custom field's value.
pub(crate) fn custom_value(value: &Value) -> Json {
    match value {
        Value::Money(money) => json!({"currency": &*money.currency, "amount": money.amount.to_string()}),
        Value::Option(key) => json!(&**key),
        Value::List(items) => items.iter().filter_map(Value::as_text).map(Json::from).collect(),
        Value::Date(date) => json!(date.to_string()),
        other => text_of(other).map_or(Json::Null, Json::from),
    }
}

/// Labelled values in their order. Numbers stand for no label, and tell equal labels apart.
pub(crate) fn labelled(items: &[Value]) -> Labelled {
    let mut map = Labelled::new();
    for (place, item) in items.iter().enumerate() {
        let Value::Labelled(entry) = item else { continue };
        let label =
            entry.label.as_deref().map(str::trim).filter(|label| label.chars().any(|char| !char.is_ascii_digit()));
        let key = match label {
            None => place.to_string(),
            Some(label) if !map.contains_key(label) => label.to_owned(),
            Some(label) => format!("{label} {}", place + 1),
        };
        map.insert(key, json!(&*entry.value));
    }
    map
}

/// An amount for `manualValue`.
pub(crate) fn money_text(value: &Value) -> Option<(String, &str)> {
    match value {
        Value::Money(money) => Some((money.amount.to_string(), &money.currency)),
        _ => None,
    }
}

/// A day as the moment at which it begins.
pub(crate) fn day(date: &NaiveDate) -> Json {
    json!(format!("{date}T00:00:00+0000"))
}

impl From<&Address> for Wired {
    fn from(address: &Address) -> Self {
        let mut lines = address.street.splitn(3, '\n');
        let mut line = || lines.next().unwrap_or_default().to_owned();
        Self(json!({
            "address_1": line(), "address_2": line(), "address_3": line(),
            "city": &*address.city, "state": &*address.region, "postalCode": &*address.postal_code,
            "country": &*address.country,
        }))
    }
}

/// An address as it is sent.
pub(crate) struct Wired(pub(crate) Json);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn equal_labels_are_told_apart() {
        let item = |value: &str, label: Option<&str>| {
            Value::Labelled(Arc::new(crmkit_core::Labelled { value: value.into(), label: label.map(Into::into) }))
        };
        let items = [item("a", Some("work")), item("b", None), item("c", Some("work")), item("d", Some("2"))];
        let keys: Vec<_> = labelled(&items).into_iter().map(|(label, value)| format!("{label}={value}")).collect();
        assert_eq!(keys, [r#"work="a""#, r#"1="b""#, r#"work 3="c""#, r#"3="d""#]);
    }
}
