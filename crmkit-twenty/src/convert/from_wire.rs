//! JSON to values, by the schema's types; empty texts and parts are nothing.

use std::sync::Arc;

use crmkit_core::{
    Address, FieldSchema, FieldType, Fields, Labelled, Markup, Money, PersonName, RecordId, RecordRef, RichText,
    Stored, Value,
    chrono::{DateTime, NaiveDate, Utc},
    rust_decimal::{Decimal, prelude::ToPrimitive},
};
use serde_json::Value as Json;

use crate::connector::Target;

/// A record as it is stored; none where the answer has no id.
pub(crate) fn stored(target: Target<'_>, json: &Json) -> Option<Stored> {
    let id = RecordId::from(json["id"].as_str()?);
    let fields: Fields = target
        .schema
        .fields
        .values()
        .filter(|field| field.carrier.is_none())
        .filter_map(|field| {
            Some((field.name.clone(), value(field, target.wire(field.name.as_str()), &json[field.name.as_str()])?))
        })
        .collect();
    let mut stored = Stored::new(id, fields);
    stored.trashed = !json["deletedAt"].is_null();
    stored.modified = json["updatedAt"].as_str().and_then(moment);
    Some(stored)
}

fn value(field: &FieldSchema, wire: &str, json: &Json) -> Option<Value> {
    let text = |json: &Json| json.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let part = |name: &str| -> Arc<str> { json[name].as_str().unwrap_or_default().into() };
    Some(match &field.ty {
        FieldType::Text { .. } if wire == "ACTOR" => Value::text(text(&json["name"])?),
        FieldType::Text { .. } | FieldType::LongText => Value::text(text(json)?),
        FieldType::Url => {
            let more = json["secondaryLinks"].as_array().into_iter().flatten().filter_map(|link| text(&link["url"]));
            let all: Vec<Value> = text(&json["primaryLinkUrl"]).into_iter().chain(more).map(Value::text).collect();
            match &all[..] {
                [] => return None,
                [one] => one.clone(),
                _ => Value::List(all.into()),
            }
        }
        FieldType::Rich => {
            Value::Rich(Arc::new(RichText { markup: Markup::Markdown, text: text(&json["markdown"])?.into() }))
        }
        FieldType::Bool => Value::Bool(json.as_bool()?),
        FieldType::Int => Value::Int(decimal(json)?.to_i64()?),
        FieldType::Decimal => Value::Decimal(decimal(json)?),
        FieldType::Money => Value::Money(Money {
            amount: decimal(&json["amountMicros"])?.checked_div(Decimal::from(1_000_000))?.normalize(),
            currency: part("currencyCode"),
        }),
        FieldType::Date => Value::Date(NaiveDate::parse_from_str(json.as_str()?.get(..10)?, "%Y-%m-%d").ok()?),
        FieldType::Timestamp => Value::Timestamp(moment(json.as_str()?)?),
        FieldType::Name => {
            let name = PersonName { given: part("firstName"), family: part("lastName") };
            if name == PersonName::default() {
                return None;
            }
            Value::Name(Arc::new(name))
        }
        FieldType::Address => {
            let second = part("addressStreet2");
            let gap = if second.is_empty() { "" } else { ", " };
            let address = Address {
                street: format!("{}{gap}{second}", part("addressStreet1")).into(),
                city: part("addressCity"),
                region: part("addressState"),
                postal_code: part("addressPostcode"),
                country: part("addressCountry"),
            };
            if address == Address::default() {
                return None;
            }
            Value::Address(Arc::new(address))
        }
        FieldType::Emails => {
            let more = json["additionalEmails"].as_array().into_iter().flatten().filter_map(text);
            labelled(text(&json["primaryEmail"]).into_iter().chain(more))?
        }
        FieldType::Phones => {
            let number = |number: &Json, calling: &Json| {
                Some(format!("{}{}", calling.as_str().unwrap_or_default(), text(number)?))
            };
            let more = json["additionalPhones"].as_array().into_iter().flatten();
            let more = more.filter_map(|phone| number(&phone["number"], &phone["callingCode"]));
            let first = number(&json["primaryPhoneNumber"], &json["primaryPhoneCallingCode"]);
            labelled(first.into_iter().chain(more))?
        }
        FieldType::Option => Value::option(text(json)?),
        FieldType::Options => list(json.as_array()?.iter().filter_map(text).map(Value::option))?,
        FieldType::Link { to } => {
            Value::link(RecordRef { object: to.first()?.clone(), id: RecordId::from(text(json)?) })
        }
        FieldType::Any => match json {
            Json::Null => return None,
            Json::Array(items) => {
                list(items.iter().map(|item| Value::text(text(item).unwrap_or_else(|| item.to_string()))))?
            }
            Json::String(text) => Value::text(text.as_str()),
            other => Value::text(other.to_string()),
        },
        _ => return None,
    })
}

fn list(values: impl Iterator<Item = Value>) -> Option<Value> {
    let values: Vec<Value> = values.collect();
    (!values.is_empty()).then(|| Value::List(values.into()))
}

fn labelled(values: impl Iterator<Item = String>) -> Option<Value> {
    list(values.map(|value| Value::Labelled(Arc::new(Labelled { value: value.into(), label: None }))))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// A JSON number, or one in a text, as a decimal without trailing zeros.
pub(super) fn decimal(json: &Json) -> Option<Decimal> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    let number = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    Some(number.normalize())
}
