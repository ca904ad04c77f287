//! JSON to values, by the schema's types.

use std::sync::Arc;

use crmkit_core::{
    Address, FieldSchema, FieldType, Fields, Labelled, Markup, Money, ObjectName, ObjectSchema, RecordId, RecordRef,
    RichText, Stored, Value,
    chrono::{DateTime, NaiveDate, Utc},
    indexmap::IndexMap,
    rust_decimal::Decimal,
};
use serde_json::Value as Json;

use super::{activity, shown, unstamped};
use crate::{
    object::Object,
    schema::{OPEN, bare_name, is_nothing},
    wire::{Multi, Record, id_of},
};

/// Whether it lies in the trash.
pub(crate) fn is_gone(record: &Record) -> bool {
    !record.get("deletedTime").is_null()
}

/// A record as it is stored.
pub(crate) fn stored(object: Object, schema: &ObjectSchema, record: &Record) -> Stored {
    let mut fields = Fields::with_capacity(schema.fields.len());
    for field in schema.fields.values() {
        let value = match object {
            _ if field.custom => custom(field, &record.get("customFields")[bare_name(&field.name)]),
            Object::Note => of_note(field, record),
            Object::Activity => activity::read(field, record),
            _ => standard(field, record),
        };
        if let Some(value) = value {
            fields.insert(field.name.clone(), value);
        }
    }
    Stored {
        id: RecordId::from(record.id.to_string()),
        fields,
        trashed: is_gone(record),
        modified: record.get("modifiedTime").as_str().and_then(moment),
        version: Some(record.rev()),
        attached: attached(object, record),
    }
}

/// How many live records hang on it, by the lists it comes with. A company lists its first 100 leads only.
fn attached(object: Object, record: &Record) -> IndexMap<ObjectName, u64> {
    let lists: &[(&str, &str)] = match object {
        Object::Account => &[("notes", "note"), ("contacts", "contact"), ("leads", "lead")],
        Object::Contact => &[("notes", "note"), ("leads", "lead")],
        Object::Lead => &[("notes", "note"), ("file", "file")],
        Object::Note | Object::Activity | Object::File => &[],
    };
    let live = |list: &str| {
        let items = record.get(list).as_array().into_iter().flatten();
        items.filter(|item| item["deletedTime"].is_null()).count() as u64
    };
    let mut attached: IndexMap<ObjectName, u64> =
        lists.iter().map(|(list, object)| (ObjectName::from(*object), live(list))).collect();
    if object == Object::Activity {
        attached.insert("file".into(), crate::files::listed(object, record).len() as u64);
    }
    if object == Object::Lead {
        let counts = record.get("activitiesCount").as_object().into_iter().flat_map(|counts| counts.values());
        attached.insert("activity".into(), counts.filter_map(Json::as_u64).sum());
    }
    attached
}

fn standard(field: &FieldSchema, record: &Record) -> Option<Value> {
    let json = record.get(field.name.as_str());
    let text = |json: &Json| json.as_str().filter(|text| !text.is_empty()).map(Value::text);
    match field.name.as_str() {
        // A contact's name comes in parts, a company's as it is.
        "name" => text(json).or_else(|| text(&json["displayName"])),
        "email" => many(&record.email, |json| json.as_str().map(str::to_owned)),
        "phone" => many(&record.phone, phone),
        "url" => record.url.entries().first().and_then(|(_, json)| text(json)),
        "address" => record.address.entries().first().and_then(|(_, json)| address(json)),
        "owner" | "assignee" => {
            // A team is no user.
            let user = json["entityType"].as_str().is_none_or(|kind| kind == "Users");
            reference(json, "user").filter(|_| user)
        }
        "account" => {
            let first = record.get("accounts").as_array().and_then(|accounts| accounts.first());
            let primary = Some(record.get("primaryAccount")).filter(|primary| !primary.is_null());
            reference(primary.or(first)?, "account")
        }
        "contact" => reference(record.get("contacts").as_array()?.first()?, "contact"),
        "people" => people(record.get("contacts").as_array()?.iter()),
        "industryId" => option(record.get("industry")),
        "accountTypeId" => option(record.get("accountType")),
        "territoryId" => option(record.get("territory")),
        "milestoneId" => option(record.get("milestone")),
        "sources" => list(json.as_array()?.iter().filter_map(option)),
        "tags" => {
            list(json.as_array()?.iter().filter_map(|tag| tag.as_str().or(tag["name"].as_str())).map(Value::option))
        }
        "status" => match json.as_i64().or_else(|| id_of(&json["id"]))? {
            10..=12 => option(record.get("outcome")),
            _ => Some(Value::option(OPEN)),
        },
        "value" => money(json),
        "dueTime" => json.as_str().and_then(moment).map(|time| Value::Date(time.date_naive())),
        "confidence" | "number" => json.as_i64().map(Value::Int),
        "createdTime" | "modifiedTime" | "closedTime" => json.as_str().and_then(moment).map(Value::Timestamp),
        _ => text(json),
    }
}

fn of_note(field: &FieldSchema, record: &Record) -> Option<Value> {
    let (text, written) = unstamped(record.get("note").as_str().unwrap_or_default());
    match field.name.as_str() {
        "note" => Some(text)
            .filter(|text| !text.is_empty())
            .map(|text| Value::Rich(Arc::new(RichText { markup: Markup::Html, text: shown(&text).into() }))),
        "written" => written.map(Value::Timestamp),
        "date" => record.get("date").as_str().and_then(moment).map(Value::Timestamp),
        name => reference(record.get(name), name),
    }
}

fn custom(field: &FieldSchema, json: &Json) -> Option<Value> {
    if is_nothing(json) {
        return None;
    }
    let text = || json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    match &field.ty {
        FieldType::Date => match json {
            Json::Number(seconds) => {
                DateTime::from_timestamp(seconds.as_i64()?, 0).map(|time| Value::Date(time.date_naive()))
            }
            _ => NaiveDate::parse_from_str(json.as_str()?.get(..10)?, "%Y-%m-%d").ok().map(Value::Date),
        },
        FieldType::Money => money(json),
        FieldType::Option => Some(Value::option(text())),
        FieldType::Options => match json {
            Json::Array(choices) => list(choices.iter().filter_map(Json::as_str).map(Value::option)),
            // Some instances answer with one text, in which a choice with a comma has to be found again.
            _ => split(field, json.as_str()?),
        },
        _ => Some(Value::text(text())),
    }
}

fn split(field: &FieldSchema, text: &str) -> Option<Value> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let fits = |label: &&str| {
            rest.strip_prefix(*label).is_some_and(|after| after.is_empty() || after.trim_start().starts_with(','))
        };
        let labels = field.options.iter().map(|option| option.label.as_str());
        let known = labels.filter(|label| fits(label)).max_by_key(|label| label.len());
        let choice = known.unwrap_or_else(|| rest.split(',').next().unwrap_or(rest));
        found.push(Value::option(choice.trim()));
        rest = rest[choice.len()..].trim_start().trim_start_matches(',').trim_start();
    }
    list(found.into_iter())
}

fn list(values: impl Iterator<Item = Value>) -> Option<Value> {
    let values: Vec<_> = values.collect();
    if values.is_empty() { None } else { Some(Value::List(values.into())) }
}

pub(super) fn reference(json: &Json, object: &str) -> Option<Value> {
    Some(Value::link(RecordRef::new(object, id_of(&json["id"])?.to_string())))
}

/// Several people, in their order.
pub(super) fn people<'a>(items: impl Iterator<Item = &'a Json>) -> Option<Value> {
    list(items.filter_map(|item| reference(item, "contact")))
}

pub(super) fn option(json: &Json) -> Option<Value> {
    Some(Value::option(id_of(&json["id"])?.to_string()))
}

/// Amounts are numbers or texts, and the currency has two names.
fn money(json: &Json) -> Option<Value> {
    let amount = match &json["amount"] {
        Json::String(text) => text.parse().ok()?,
        Json::Number(number) => {
            let text = number.to_string();
            text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?
        }
        _ => return None,
    };
    let currency = json["currency"].as_str().or(json["currency_shortname"].as_str()).filter(|text| !text.is_empty())?;
    Some(Value::Money(Money { amount, currency: currency.into() }))
}

/// A number as people write it: the digits are those that were sent.
fn phone(json: &Json) -> Option<String> {
    let part = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
    let number =
        json.as_str().or_else(|| part("numberFormatted")).or_else(|| part("E164")).or_else(|| part("number"))?;
    Some(match part("extension") {
        Some(extension) if !json.is_string() && !number.ends_with(extension) => format!("{number} x{extension}"),
        _ => number.to_owned(),
    })
}

fn many(multi: &Multi, text: impl Fn(&Json) -> Option<String>) -> Option<Value> {
    let entries = multi.entries().into_iter().filter_map(|(label, json)| {
        let value = text(json).filter(|text| !text.is_empty())?;
        // What was told apart by a number is one label.
        let label = label.map(|label| label.trim_end_matches(|char: char| char.is_ascii_digit()).trim_end());
        let label = label.filter(|label| !label.is_empty()).map(Arc::from);
        Some(Value::Labelled(Arc::new(Labelled { value: value.into(), label })))
    });
    list(entries)
}

fn address(json: &Json) -> Option<Value> {
    let part = |name: &str| json[name].as_str().unwrap_or_default();
    let lines: Vec<_> =
        ["address_1", "address_2", "address_3"].into_iter().map(part).filter(|line| !line.is_empty()).collect();
    let address = Address {
        street: lines.join("\n").into(),
        city: part("city").into(),
        region: part("state").into(),
        postal_code: part("postalCode").into(),
        country: part("country").into(),
    };
    (address != Address::default()).then(|| Value::Address(Arc::new(address)))
}

/// `2010-01-13T23:08:06+0000`, `…+00:00` or `…Z`.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let atom = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z").ok();
    DateTime::parse_from_rfc3339(text).ok().or_else(atom).map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_values_are_read_kindly() {
        let mut field = FieldSchema::new("cf.x", "x", FieldType::Options);
        field.options = ["A", "A, B", "C"]
            .map(|label| crmkit_core::OptionSchema { id: label.to_owned(), label: label.to_owned() })
            .to_vec();
        let typed = |ty| FieldSchema { ty, ..field.clone() };
        let cases = [
            (FieldType::Date, json!(1_709_251_200), Some("2024-03-01")),
            (FieldType::Date, json!("2024-03-01T00:00:00+0000"), Some("2024-03-01")),
            (FieldType::Money, json!({"currency_shortname": "EUR", "amount": 1.5}), Some("1.5 EUR")),
            (FieldType::Money, json!({"currency": "EUR", "amount": "2.50"}), Some("2.50 EUR")),
            (FieldType::Options, json!("C, A, B"), Some("C; A, B")),
            (FieldType::Options, json!(["A", "C"]), Some("A; C")),
            (FieldType::text(), json!(""), None),
            (FieldType::text(), json!(7), Some("7")),
        ];
        for (ty, json, expected) in cases {
            assert_eq!(custom(&typed(ty), &json).map(|value| value.to_string()).as_deref(), expected, "{json}");
        }
        assert_eq!(
            phone(&json!({"numberFormatted": "(734) 555-9090", "extension": "12"})).unwrap(),
            "(734) 555-9090 x12"
        );
        for text in ["2010-01-13T23:08:06+0000", "2010-01-13T23:08:06Z", "2010-01-14T00:08:06+01:00"] {
            assert_eq!(moment(text), Some("2010-01-13T23:08:06Z".parse().unwrap()));
        }
    }
}
