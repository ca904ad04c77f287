//! Values of custom fields: each type has one JSON shape, and one bad key fails the whole request.

use serde_json::{Value, json};

use super::answer::{Answer, Row};
use super::call::Call;
use super::entity::Entity;
use super::routes::currencies;
use super::table::{int, text};
use super::time;

const ADDRESS: [&str; 10] = [
    "admin_area_level_1",
    "admin_area_level_2",
    "country",
    "formatted_address",
    "locality",
    "postal_code",
    "route",
    "street_number",
    "sublocality",
    "subpremise",
];

/// Checks the given values and puts them into `stored`; null takes a value away.
pub(super) fn apply(call: &Call<'_>, entity: Entity, given: &Row, stored: &mut Row) -> Result<(), Answer> {
    let fields = entity.fields().expect("only records with fields have custom fields");
    for (code, value) in given {
        let field = call.store.field(fields, code).filter(|field| is_ready(call, field));
        let Some(field) = field else {
            return Err(Answer::unknown_key("custom_fields", code).key("field_code", code));
        };
        if value.is_null() {
            stored.remove(code);
            continue;
        }
        let value = read(call, field, value).map_err(|expected| {
            let singular = entity.singular();
            let reason = format!("Expected '{expected}' as value for {singular} custom field '{code}'");
            Answer::invalid("custom_fields", &reason).key("field_code", code)
        })?;
        stored.insert(code.clone(), value);
    }
    Ok(())
}

fn is_ready(call: &Call<'_>, field: &Row) -> bool {
    let added = text(field, "add_time").map_or(0, time::seconds) * 1000;
    let custom = field.get("is_custom_field") == Some(&Value::Bool(true));
    let lag = call.profile.switches.field_lag_ms;
    custom && (lag == 0 || added + lag <= call.now.timestamp_millis())
}

/// The value as stored, or what was expected.
fn read(call: &Call<'_>, field: &Row, value: &Value) -> Result<Value, &'static str> {
    let short = |text: &str| text.chars().count() <= 255;
    match text(field, "field_type").unwrap_or_default() {
        "text" => value.as_str().filter(|text| text.chars().count() <= 65_000).map(Value::from).ok_or("string"),
        "double" => {
            if value.is_number() {
                Ok(value.clone())
            } else {
                Err("number")
            }
        }
        "monetary" => monetary(value).ok_or("object with value and currency"),
        "enum" => value.as_i64().filter(|id| has_option(field, *id)).map(Value::from).ok_or("option id"),
        "set" => option_set(field, value).ok_or("non-empty array of option ids"),
        "date" => value.as_str().filter(|text| time::is_date(text)).map(Value::from).ok_or("date"),
        "daterange" => range(value, time::is_date, &[]).ok_or("date range"),
        "time" => moment(value).ok_or("time"),
        "timerange" => range(value, time::is_time, &["timezone_name", "timezone_id"]).ok_or("time range"),
        "address" => address(value).ok_or("address"),
        "user" => reference(call, Entity::Users, value).ok_or("user id"),
        "org" => reference(call, Entity::Organizations, value).ok_or("organization id"),
        "people" => reference(call, Entity::Persons, value).ok_or("person id"),
        _ => value.as_str().filter(|text| short(text)).map(Value::from).ok_or("string"),
    }
}

fn members<'a>(value: &'a Value, allowed: &[&str]) -> Option<&'a Row> {
    value.as_object().filter(|members| members.keys().all(|key| allowed.contains(&key.as_str())))
}

fn monetary(value: &Value) -> Option<Value> {
    let members = members(value, &["value", "currency"])?;
    let amount = members.get("value").filter(|amount| amount.is_number())?;
    let currency = text(members, "currency").filter(|code| currencies::is_known(code))?;
    Some(json!({ "value": amount, "currency": currency }))
}

fn has_option(field: &Row, id: i64) -> bool {
    field.get("options").and_then(Value::as_array).into_iter().flatten().any(|option| option["id"] == id)
}

fn option_set(field: &Row, value: &Value) -> Option<Value> {
    let ids = value.as_array().filter(|ids| !ids.is_empty())?;
    ids.iter().all(|id| id.as_i64().is_some_and(|id| has_option(field, id))).then(|| value.clone())
}

fn range(value: &Value, valid: impl Fn(&str) -> bool, more: &[&str]) -> Option<Value> {
    let mut allowed = vec!["value", "until"];
    allowed.extend(more);
    let members = members(value, &allowed)?;
    let (from, until) = (text(members, "value")?, text(members, "until")?);
    (valid(from) && valid(until)).then_some(())?;
    if more.is_empty() { Some(value.clone()) } else { with_zone(members) }
}

fn moment(value: &Value) -> Option<Value> {
    let members = members(value, &["value", "timezone_name", "timezone_id"])?;
    text(members, "value").filter(|text| time::is_time(text))?;
    with_zone(members)
}

fn with_zone(members: &Row) -> Option<Value> {
    let mut members = members.clone();
    let zone = members.get("timezone_name").cloned().unwrap_or_else(|| "Europe/Tallinn".into());
    let id = zone.as_str()?.bytes().map(i64::from).sum::<i64>() % 400 + 1;
    members.insert("timezone_name".into(), zone);
    members.insert("timezone_id".into(), id.into());
    Some(Value::Object(members))
}

/// An address with all its parts; those not given are null.
pub(super) fn address(value: &Value) -> Option<Value> {
    let mut allowed = ADDRESS.to_vec();
    allowed.push("value");
    let given = members(value, &allowed)?;
    given.get("value").filter(|value| value.is_string())?;
    let mut address = Row::new();
    for part in allowed {
        let value = given.get(part).cloned().unwrap_or_default();
        if !value.is_string() && !value.is_null() {
            return None;
        }
        address.insert(part.to_owned(), value);
    }
    Some(Value::Object(address))
}

fn reference(call: &Call<'_>, entity: Entity, value: &Value) -> Option<Value> {
    value.as_i64().filter(|id| call.store.table(entity).live(*id).is_some()).map(Value::from)
}

/// What the options of a field are called.
pub(super) fn option_label(field: &Row, id: &Value) -> Option<Value> {
    let options = field.get("options").and_then(Value::as_array)?;
    let option = options.iter().find(|option| option["id"] == *id)?;
    Some(json!({ "id": id, "label": option["label"] }))
}

/// Whether every label exists.
pub(super) fn check_labels(call: &Call<'_>, entity: Entity, labels: &Value) -> Result<(), Answer> {
    let fields = entity.fields().expect("only records with fields have labels");
    let Some(field) = call.store.field(fields, "label_ids") else { return Ok(()) };
    let known = |label: &Value| label.as_i64().is_some_and(|id| has_option(field, id));
    match labels.as_array().into_iter().flatten().find(|label| !known(label)) {
        Some(label) => Err(Answer::invalid("label_ids", &format!("Unknown option id {label}"))),
        None => Ok(()),
    }
}

/// The id under `key` of a row, as a JSON value.
pub(super) fn id_or_null(row: &Row, key: &str) -> Value {
    int(row, key).map_or(Value::Null, Value::from)
}
