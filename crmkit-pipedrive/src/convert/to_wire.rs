//! Values to JSON: strict, and every refusal names the field.

use std::{borrow::Cow, collections::BTreeSet};

use crmkit_core::{
    Address, Error, ErrorKind, FieldName, FieldSchema, FieldType, Fields, Markup, ObjectName, ObjectSchema, RecordRef,
    Result, Retry, RichText, Value,
    chrono::{DateTime, Utc},
};
use serde_json::{Value as Json, json};

use super::{activity, lead, number};
use crate::{object::Object, wire};

/// What the name of a range's second end has after the field's key.
pub(crate) const UNTIL: &str = ".until";
/// The most characters of a text that has formatting.
pub(crate) const RICH: usize = 100_000;
/// The most characters of a large text field.
pub(crate) const LARGE: usize = 65_000;

/// The body of a write: exactly the named fields.
///
/// # Errors
/// `Rejected` with `Never` for a field or option that the schema does not name, a value of another type, and anything that
/// the other side would keep differently.
pub(crate) fn body(object: Object, schema: &ObjectSchema, fields: &Fields, creating: bool) -> Result<wire::Object> {
    let endpoint = object.update().filter(|_| !creating).unwrap_or(object.create());
    let operation = endpoint.operation;
    let refuse = |field: &FieldName, why: String| {
        Err(Error::new(ErrorKind::Rejected, operation, why, Retry::Never).with_context("field", field))
    };
    let mut body = wire::Object::new();
    let mut custom = wire::Object::new();
    for (name, value) in fields {
        let Some(field) = schema.fields.get(name) else {
            return refuse(name, "the account has no such field".to_owned());
        };
        if let Some(carrier) = &field.carrier {
            return refuse(name, format!("the link is a record of its own: write an {}", carrier.object));
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
    if let Err((name, why)) = ranges(schema, &mut custom) {
        return refuse(&name, why);
    }
    if !custom.is_empty() {
        body.insert("custom_fields".to_owned(), Json::Object(custom));
    }
    let shaped = match object {
        Object::Activity => activity::write(&mut body),
        Object::Lead => lead::write(schema, &mut body, creating),
        _ => Ok(()),
    };
    match shaped {
        Ok(()) => Ok(body),
        Err((name, why)) => refuse(&name.into(), why),
    }
}

/// The same body in the other of two spellings that the documents leave open, and the keys that differ.
pub(crate) fn respelled(object: Object, schema: &ObjectSchema, body: &wire::Object) -> (wire::Object, Vec<String>) {
    let mut other = body.clone();
    for (key, value) in &mut other {
        match (object, &*value) {
            // Times of day with or without seconds.
            (Object::Activity, Json::String(text)) if matches!(key.as_str(), "due_time" | "duration") => {
                if let Some(short) = text.strip_suffix(":00").filter(|short| short.len() == 5) {
                    *value = json!(short);
                }
            }
            // Sets as text or as a list.
            (Object::Lead, Json::String(text)) => {
                let is_set = schema.fields.get(key.as_str()).is_some_and(|field| field.ty == FieldType::Options);
                if is_set {
                    let ids = text.split(',').filter_map(|id| id.parse::<i64>().ok());
                    *value = ids.map(Json::from).collect();
                }
            }
            _ => {}
        }
    }
    let differs = body.keys().filter(|key| body[*key] != other[*key]).cloned().collect();
    (other, differs)
}

/// Fields that have to go along with those that are written, because the interface keeps them as one.
pub(crate) fn lacks_companions(object: Object, schema: &ObjectSchema, fields: &Fields) -> bool {
    let halves = fields.keys().filter_map(|name| other_half(schema, name)).any(|other| !fields.contains_key(&other));
    halves || object == Object::Activity && !activity::companions(fields).is_empty()
}

/// Puts what goes along beside what is written, as it is stored.
pub(crate) fn with_companions(object: Object, schema: &ObjectSchema, mut fields: Fields, stored: &Fields) -> Fields {
    if object == Object::Activity {
        activity::complete(&mut fields, stored);
    }
    let others: Vec<FieldName> = fields.keys().filter_map(|name| other_half(schema, name)).collect();
    for other in others {
        if let Some(value) = stored.get(&other).filter(|_| !fields.contains_key(&other)) {
            fields.insert(other, value.clone());
        }
    }
    fields
}

/// The name of the other end of a range.
fn other_half(schema: &ObjectSchema, name: &FieldName) -> Option<FieldName> {
    let other = match range_base(name.as_str()) {
        Some(base) => FieldName::from(base),
        None => FieldName::from(format!("{name}{UNTIL}")),
    };
    schema.fields.contains_key(&other).then_some(other)
}

/// The field whose range ends with this one.
pub(super) fn range_base(name: &str) -> Option<&str> {
    name.strip_suffix(UNTIL)
}

/// Both ends of a range are one field over there.
fn ranges(schema: &ObjectSchema, custom: &mut wire::Object) -> Result<(), (FieldName, String)> {
    let bases: BTreeSet<String> = custom
        .keys()
        .filter_map(|name| {
            let other = other_half(schema, &FieldName::from(name.as_str()))?;
            Some(range_base(name).map_or_else(|| name.clone(), |_| other.to_string()))
        })
        .collect();
    for base in bases {
        let (Some(value), Some(until)) = (custom.remove(&base), custom.remove(&format!("{base}{UNTIL}"))) else {
            return Err((base.into(), "a range is written with both ends".to_owned()));
        };
        let part = |end: Json| end.get("value").cloned().unwrap_or(end);
        let range = match (part(value), part(until)) {
            (Json::Null, Json::Null) => Json::Null,
            (Json::Null, _) | (_, Json::Null) => {
                return Err((base.into(), "a range is cleared with both ends".to_owned()));
            }
            (value, until) => json!({"value": value, "until": until}),
        };
        custom.insert(base, range);
    }
    Ok(())
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
        (FieldType::LongText | FieldType::Url, Value::Text(text)) => short_enough(text, Some(LARGE as u32)),
        (FieldType::Rich, Value::Rich(rich)) => short_enough(&html_of(rich), Some(RICH as u32)),
        (FieldType::Int | FieldType::Decimal, Value::Int(int)) => number::int_to_json(*int).ok_or_else(inexact),
        (FieldType::Int, Value::Decimal(decimal)) if !decimal.is_integer() => {
            Err("the field takes whole numbers only".to_owned())
        }
        (FieldType::Int | FieldType::Decimal, Value::Decimal(decimal)) => number::to_json(*decimal).ok_or_else(inexact),
        // Flags of v1 are numbers.
        (FieldType::Bool, Value::Bool(yes)) if object == Object::Note => Ok(json!(u8::from(*yes))),
        (FieldType::Bool, Value::Bool(yes)) => Ok(json!(yes)),
        (FieldType::Duration, Value::Duration(seconds)) => activity::duration(*seconds)
            .ok_or_else(|| "the interface spells lengths from 00:00:00 to 99:59:59 only".to_owned()),
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
        (FieldType::Link { to }, Value::Ref(target)) => link_json(to, target),
        (FieldType::Links { to }, Value::List(items)) => {
            let links = items.iter().map(|item| match item {
                Value::Ref(target) => link_json(to, target),
                _ => wrong(),
            });
            Ok(Json::Array(links.collect::<Result<Vec<_>, _>>()?))
        }
        _ => wrong(),
    }
}

fn link_json(to: &[ObjectName], target: &RecordRef) -> Result<Json, String> {
    if !to.contains(&target.object) {
        return Err("the link points to an object that this field does not link to".to_owned());
    }
    match target.id.as_str() {
        // Leads have UUIDs.
        id if target.object == Object::Lead.name() => Ok(json!(id)),
        id => id.parse::<i64>().map(Json::from).map_err(|_| "the link's id is not a number".to_owned()),
    }
}

/// The HTML that shows a text. Markdown shows as it was typed: the interface knows none.
pub(crate) fn html_of(rich: &RichText) -> Cow<'_, str> {
    match rich.markup {
        Markup::Html => Cow::Borrowed(&*rich.text),
        Markup::Markdown => {
            let signs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", ""), ("\n", "<br>")];
            Cow::Owned(signs.iter().fold(rich.text.to_string(), |text, (sign, html)| text.replace(sign, html)))
        }
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
pub(crate) fn rfc3339(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The parts of an address that core knows, in its order.
pub(super) const ADDRESS_PARTS: [&str; 5] = ["route", "locality", "admin_area_level_1", "postal_code", "country"];

/// The whole address as one line, and its parts: parts that are not sent are emptied.
fn address_json(address: &Address) -> Json {
    let mut json = json!({"value": address.to_string()});
    let parts = ADDRESS_PARTS.into_iter().zip([
        &address.street,
        &address.city,
        &address.region,
        &address.postal_code,
        &address.country,
    ]);
    for (name, part) in parts {
        if !part.is_empty() {
            json[name] = json!(&**part);
        }
    }
    json
}
