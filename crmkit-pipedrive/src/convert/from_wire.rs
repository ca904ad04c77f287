//! JSON to values, by the schema's types. What was written comes back equal; numbers without trailing zeros.

use std::sync::Arc;

use crmkit_core::{
    Address, FieldSchema, FieldType, Fields, Labelled, Markup, Money, ObjectName, ObjectSchema, RecordId, RecordRef,
    RichText, Stored, Value,
    chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc},
    rust_decimal::prelude::ToPrimitive,
};
use serde_json::{Value as Json, json};

use super::{activity, lead, number, to_wire::range_base};
use crate::{object::Object, wire};

/// A record as it is stored.
pub(crate) fn stored(object: Object, schema: &ObjectSchema, mut entity: wire::Entity) -> Stored {
    match object {
        Object::Activity => activity::read(&mut entity.fields),
        Object::Lead => lead::read(schema, &mut entity),
        _ => {}
    }
    let value_of = |field: &FieldSchema| {
        if let Some(base) = range_base(field.name.as_str()) {
            from_json(field, entity.custom_fields.get(base)?.get("until")?)
        } else if field.custom {
            from_json(field, entity.custom_fields.get(field.name.as_str())?)
        } else if field.ty == FieldType::Money {
            let (amount, currency) = (entity.fields.get("value")?, entity.fields.get("currency")?);
            from_json(field, &json!({"value": amount, "currency": currency}))
        } else {
            from_json(field, entity.fields.get(field.name.as_str())?)
        }
    };
    let mut fields = Fields::with_capacity(schema.fields.len());
    for field in schema.fields.values().filter(|field| field.carrier.is_none()) {
        if let Some(value) = value_of(field) {
            fields.insert(field.name.clone(), value);
        }
    }
    let mut stored = Stored::new(entity.id, fields);
    stored.trashed = entity.is_deleted;
    stored.modified = entity.fields.get("update_time").and_then(Json::as_str).and_then(moment);
    for (counter, counted) in object.counters() {
        if let Some(count) = entity.fields.get(*counter).and_then(Json::as_u64) {
            *stored.attached.entry(ObjectName::from(*counted)).or_default() += count;
        }
    }
    stored
}

/// The value of a field; `None` where it has none, or one that its type does not have.
fn from_json(field: &FieldSchema, json: &Json) -> Option<Value> {
    let text = || json.as_str().filter(|text| !text.is_empty());
    let value = match &field.ty {
        FieldType::Text { .. } | FieldType::LongText | FieldType::Url => Value::text(text()?),
        FieldType::Rich => Value::Rich(Arc::new(RichText { markup: Markup::Html, text: text()?.into() })),
        FieldType::Int => Value::Int(number::from_json(json)?.to_i64()?),
        FieldType::Decimal => Value::Decimal(number::from_json(json)?),
        FieldType::Money => Value::Money(Money {
            amount: number::from_json(&json["value"])?,
            currency: json["currency"].as_str().filter(|currency| !currency.is_empty())?.into(),
        }),
        FieldType::Bool => Value::Bool(json.as_bool().or_else(|| Some(json.as_i64()? != 0))?),
        FieldType::Duration => Value::Duration(activity::seconds(text()?)?),
        // A range's first end is in its value.
        FieldType::Date => {
            let day = json["value"].as_str().or_else(text)?;
            Value::Date(NaiveDate::parse_from_str(day.get(..10)?, "%Y-%m-%d").ok()?)
        }
        FieldType::Time => Value::Time(time_of_day(json["value"].as_str().or_else(|| json.as_str())?)?),
        FieldType::Timestamp => Value::Timestamp(moment(text()?)?),
        FieldType::Address => Value::Address(Arc::new(address(json)?)),
        FieldType::Emails | FieldType::Phones => labelled(json.as_array()?)?,
        FieldType::Option => Value::option(id_text(json)?),
        FieldType::Options => {
            let ids: Vec<_> = json.as_array()?.iter().filter_map(id_text).map(Value::option).collect();
            if ids.is_empty() {
                return None;
            }
            Value::List(ids.into())
        }
        FieldType::Links { to } => {
            let to = to.first()?;
            let link = |id| Value::link(RecordRef { object: to.clone(), id: RecordId::from(id) });
            let links: Vec<_> = json.as_array()?.iter().filter_map(id_text).map(link).collect();
            if links.is_empty() {
                return None;
            }
            Value::List(links.into())
        }
        FieldType::Link { to } => {
            Value::link(RecordRef { object: to.first()?.clone(), id: RecordId::from(id_text(json)?) })
        }
        // Ranges and unknown types: shown, never compared with anything of ours.
        FieldType::Any if !json.is_null() => Value::text(json.to_string()),
        _ => return None,
    };
    Some(value)
}

/// An id: a number, a word, or an object around either.
fn id_text(json: &Json) -> Option<String> {
    match json {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Object(object) => id_text(object.get("id").or_else(|| object.get("value"))?),
        _ => None,
    }
}

/// RFC 3339 of v2 or `YYYY-MM-DD HH:MM:SS` UTC of v1; `0000-00-00 00:00:00` is none.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let spaced = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc());
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(spaced)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

/// The parts; the whole line as the street where the account has no parts.
fn address(json: &Json) -> Option<Address> {
    let part = |name: &str| json[name].as_str().unwrap_or_default();
    let street = match (part("route"), part("street_number")) {
        (route, "") => route.to_owned(),
        ("", number) => number.to_owned(),
        (route, number) => format!("{route} {number}"),
    };
    let address = Address {
        street: street.into(),
        city: part("locality").into(),
        region: part("admin_area_level_1").into(),
        postal_code: part("postal_code").into(),
        country: part("country").into(),
    };
    if address != Address::default() {
        return Some(address);
    }
    let line = json["value"].as_str().filter(|line| !line.is_empty())?;
    Some(Address { street: line.into(), ..Address::default() })
}

/// The primary entry first.
fn labelled(items: &[Json]) -> Option<Value> {
    let mut entries: Vec<_> = items
        .iter()
        .filter_map(|item| {
            let value = item["value"].as_str().filter(|value| !value.is_empty())?;
            let label = item["label"].as_str().filter(|label| !label.is_empty()).map(Arc::from);
            let rank = item["primary"] != json!(true);
            Some((rank, Value::Labelled(Arc::new(Labelled { value: value.into(), label }))))
        })
        .collect();
    entries.sort_by_key(|(rank, _)| *rank);
    let values: Vec<_> = entries.into_iter().map(|(_, value)| value).collect();
    if values.is_empty() { None } else { Some(Value::List(values.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_are_read_kindly() {
        let field = |ty| FieldSchema::new("x", "X", ty);
        let cases = [
            (FieldType::Timestamp, json!("0000-00-00 00:00:00"), None),
            (FieldType::Timestamp, json!("2024-01-02 03:04:05"), Some("2024-01-02T03:04:05Z")),
            (FieldType::Timestamp, json!("2024-01-02T03:04:05.000Z"), Some("2024-01-02T03:04:05Z")),
            (FieldType::Date, json!("0000-00-00"), None),
            (FieldType::Decimal, json!(10.50), Some("10.5")),
            (FieldType::Int, json!(10.0), Some("10")),
            (FieldType::Option, json!({"id": 7, "label": "VIP"}), Some("7")),
            (FieldType::link("user"), json!({"id": 7, "name": "x"}), Some("user/7")),
            (FieldType::text(), json!(""), None),
            (FieldType::text(), Json::Null, None),
        ];
        for (ty, json, expected) in cases {
            let value = from_json(&field(ty), &json).map(|value| value.to_string());
            assert_eq!(value.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn a_deal_without_amount_has_none() {
        let schema = ObjectSchema::new("deal", "Deal", None)
            .with(FieldSchema::new("title", "Title", FieldType::text()))
            .with(FieldSchema::new("value", "Value", FieldType::Money));
        let entity: wire::Entity =
            serde_json::from_value(json!({"id": 1, "title": "x", "value": null, "currency": "EUR"})).unwrap();
        let stored = stored(Object::Deal, &schema, entity);
        assert!(stored.fields.keys().eq(["title"].iter()));
    }
}
