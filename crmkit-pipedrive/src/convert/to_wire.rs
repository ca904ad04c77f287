//! Values to JSON: strict, and every refusal names the field.

use crmkit_core::{
    Address, Error, ErrorKind, FieldName, FieldSchema, FieldType, Fields, Markup, ObjectSchema, Result, Retry, Value,
    chrono::{DateTime, Utc},
};
use serde_json::{Value as Json, json};

use super::number;
use crate::{object::Object, wire};

/// The body of a write: exactly the named fields.
///
/// # Errors
/// `Rejected` with `Never` for a field or option that the schema does not name, a value of another type, and anything that
/// the other side would keep differently.
pub(crate) fn body(object: Object, schema: &ObjectSchema, fields: &Fields, creating: bool) -> Result<wire::Object> {
    let operation = if creating { object.create().operation } else { object.update().operation };
    let refuse = |field: &FieldName, why: String| {
        Err(Error::new(ErrorKind::Rejected, operation, why, Retry::Never).with_context("field", field))
    };
    let mut body = wire::Object::new();
    let mut custom = wire::Object::new();
    for (name, value) in fields {
        let Some(field) = schema.fields.get(name) else {
            return refuse(name, "the account has no such field".to_owned());
        };
        if field.carrier.is_some() {
            return refuse(name, "the link is a record of its own: write an organization_relationship".to_owned());
        }
        if !field.writable {
            return refuse(name, "the field cannot be set".to_owned());
        }
        let json = match to_json(object, field, value) {
            Ok(json) => json,
            Err(why) => return refuse(name, why),
        };
        if field.custom {
            custom.insert(name.to_string(), json);
        } else if let (Json::Object(money), FieldType::Money) = (&json, &field.ty) {
            // A deal has amount and currency side by side.
            body.extend(money.iter().map(|(key, part)| (key.clone(), part.clone())));
        } else {
            body.insert(name.to_string(), json);
        }
    }
    if creating {
        let missing =
            schema.fields.values().find(|field| field.required && fields.get(&field.name).is_none_or(Value::is_empty));
        if let Some(missing) = missing {
            return refuse(&missing.name, "the field is required".to_owned());
        }
    }
    if !custom.is_empty() {
        body.insert("custom_fields".to_owned(), Json::Object(custom));
    }
    Ok(body)
}

fn to_json(object: Object, field: &FieldSchema, value: &Value) -> Result<Json, String> {
    let wrong = || Err(format!("a {} field does not take a value of this type", field.ty.label()));
    if *value == Value::Null {
        return match &field.ty {
            _ if !field.clearable => Err("the interface cannot clear this field".to_owned()),
            // Standard lists are cleared by an empty list, custom sets only by null.
            FieldType::Options | FieldType::Emails | FieldType::Phones if !field.custom => Ok(json!([])),
            _ => Ok(Json::Null),
        };
    }
    match (&field.ty, value) {
        (FieldType::Text { max }, Value::Text(text)) => short_enough(text, *max),
        // Fields for moments do not exist: custom ones keep them as text.
        (FieldType::Text { .. }, Value::Timestamp(time)) if field.custom => Ok(json!(rfc3339(time))),
        (FieldType::LongText | FieldType::Url, Value::Text(text)) => Ok(json!(&**text)),
        (FieldType::Rich, Value::Rich(rich)) => match rich.markup {
            Markup::Html if rich.text.chars().count() <= 100_000 => Ok(json!(&*rich.text)),
            Markup::Html => Err("the text is longer than 100000 characters".to_owned()),
            Markup::Markdown => Err("the text must be HTML, not Markdown".to_owned()),
        },
        (FieldType::Int | FieldType::Decimal, Value::Int(int)) => number::int_to_json(*int).ok_or_else(inexact),
        (FieldType::Int, Value::Decimal(decimal)) if !decimal.is_integer() => {
            Err("the field takes whole numbers only".to_owned())
        }
        (FieldType::Int | FieldType::Decimal, Value::Decimal(decimal)) => number::to_json(*decimal).ok_or_else(inexact),
        (FieldType::Money, Value::Money(money)) => {
            let amount = number::to_json(money.amount).ok_or_else(inexact)?;
            Ok(json!({"value": amount, "currency": &*money.currency}))
        }
        (FieldType::Date, Value::Date(date)) => Ok(json!(date.format("%Y-%m-%d").to_string())),
        (FieldType::Time, Value::Time(time)) => Ok(json!({"value": time.format("%H:%M:%S").to_string()})),
        (FieldType::Timestamp, Value::Timestamp(time)) => Ok(json!(match object {
            Object::Note => time.format("%Y-%m-%d %H:%M:%S").to_string(),
            _ => rfc3339(time),
        })),
        (FieldType::Address, Value::Address(address)) => Ok(address_json(address)),
        (FieldType::Emails | FieldType::Phones, Value::List(items)) => {
            let entries = items.iter().enumerate().map(|(index, item)| match item {
                Value::Labelled(labelled) => {
                    let mut entry = json!({"value": &*labelled.value, "primary": index == 0});
                    if let Some(label) = &labelled.label {
                        entry["label"] = json!(&**label);
                    }
                    Some(entry)
                }
                _ => None,
            });
            entries.collect::<Option<Vec<_>>>().map_or_else(wrong, |entries| Ok(Json::Array(entries)))
        }
        (FieldType::Option, Value::Option(key)) => option_json(field, key),
        (FieldType::Options, Value::List(items)) => {
            let ids = items.iter().map(|item| match item {
                Value::Option(key) => option_json(field, key),
                _ => wrong(),
            });
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            Ok(if ids.is_empty() && field.custom { Json::Null } else { Json::Array(ids) })
        }
        (FieldType::Link { to }, Value::Ref(target)) => {
            if !to.contains(&target.object) {
                return Err("the link points to an object that this field does not link to".to_owned());
            }
            target.id.as_str().parse::<i64>().map(Json::from).map_err(|_| "the link's id is not a number".to_owned())
        }
        _ => wrong(),
    }
}

fn short_enough(text: &str, max: Option<u32>) -> Result<Json, String> {
    match max {
        Some(max) if text.chars().count() > max as usize => Err(format!("the text is longer than {max} characters")),
        _ => Ok(json!(text)),
    }
}

fn inexact() -> String {
    "the number has more digits than the interface keeps".to_owned()
}

/// Options that exist: numbers in most fields, words in some standard ones.
fn option_json(field: &FieldSchema, key: &str) -> Result<Json, String> {
    if !field.options.iter().any(|option| option.id == key) {
        return Err("the field has no such option".to_owned());
    }
    Ok(key.parse::<i64>().map_or_else(|_| json!(key), Json::from))
}

/// Whole seconds: fractions are refused by some endpoints and dropped by others.
pub(super) fn rfc3339(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The whole address as one line, and its parts: parts that are not sent are emptied.
fn address_json(address: &Address) -> Json {
    let mut json = json!({"value": address.to_string()});
    let parts = [
        ("route", &address.street),
        ("locality", &address.city),
        ("admin_area_level_1", &address.region),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ];
    for (name, part) in parts {
        if !part.is_empty() {
            json[name] = json!(&**part);
        }
    }
    json
}
