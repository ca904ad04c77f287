//! Definitions of fields and their options (v2).

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::table::{flag, text};
use crate::simulator::view::absent_fields;

const MAX_OPTIONS: usize = 10_000;
const SETTINGS: [&str; 3] = ["ui_visibility", "important_fields", "required_fields"];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    let (name, rest) = template.strip_prefix("/api/v2/")?.split_once("Fields")?;
    let writable = matches!(name, "deal" | "person" | "organization" | "product");
    if !writable && (name != "activity" || method != "GET") {
        return None;
    }
    Some(match (method, rest) {
        ("GET", "") => list,
        ("POST", "") => create,
        ("GET", "/{field_code}") => get,
        ("PATCH", "/{field_code}") => update,
        ("DELETE", "/{field_code}") => delete,
        ("POST", "/{field_code}/options") => add_options,
        ("PATCH", "/{field_code}/options") => rename_options,
        ("DELETE", "/{field_code}/options") => delete_options,
        _ => return None,
    })
}

/// The table of definitions and the kind of record they are for.
fn entities(call: &Call<'_>) -> (Entity, Entity) {
    let name = call.endpoint.template.split('/').nth(3).unwrap_or_default();
    match name.trim_end_matches("Fields") {
        "deal" => (Entity::DealFields, Entity::Deals),
        "person" => (Entity::PersonFields, Entity::Persons),
        "product" => (Entity::ProductFields, Entity::Products),
        "activity" => (Entity::ActivityFields, Entity::Activities),
        _ => (Entity::OrganizationFields, Entity::Organizations),
    }
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let included = call.list_param("include_fields");
    let (fields, _) = entities(call);
    let written = matches!(&*call.endpoint.method, "POST" | "PATCH");
    let mut shown = Row::new();
    for (key, value) in row {
        let internal = matches!(key.as_str(), "id" | "is_deleted" | "add_time" | "update_time");
        let optional = SETTINGS.contains(&key.as_str()) && !written && !included.contains(&key.as_str());
        let unknown = match (fields, key.as_str()) {
            (Entity::DealFields, _) => false,
            (_, "description") => true,
            (Entity::ProductFields, key) => matches!(key, "important_fields" | "required_fields"),
            _ => false,
        };
        if !internal && !optional && !unknown {
            shown.insert(key.clone(), value.clone());
        }
    }
    let subfield = |(code, kind): &(&str, &str)| json!({"field_code": code, "field_name": code, "field_type": kind});
    let subfields: Vec<Value> = subfields(text(row, "field_type").unwrap_or_default()).iter().map(subfield).collect();
    shown.insert("subfields".into(), if subfields.is_empty() { Value::Null } else { subfields.into() });
    let written_by_server = matches!(text(row, "field_code"), Some("id" | "update_time" | "creator_user_id"))
        || flag(row, "is_optional_response_field");
    shown.insert("is_writable".into(), (!written_by_server).into());
    Value::Object(shown)
}

fn subfields(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "monetary" => &[("value", "double"), ("currency", "varchar")],
        "daterange" => &[("value", "date"), ("until", "date")],
        "time" => &[("value", "time"), ("timezone_id", "int"), ("timezone_name", "varchar")],
        "timerange" => &[("value", "time"), ("until", "time"), ("timezone_id", "int"), ("timezone_name", "varchar")],
        "address" => &[
            ("value", "varchar"),
            ("street_number", "varchar"),
            ("route", "varchar"),
            ("subpremise", "varchar"),
            ("locality", "varchar"),
            ("sublocality", "varchar"),
            ("admin_area_level_1", "varchar"),
            ("admin_area_level_2", "varchar"),
            ("country", "varchar"),
            ("postal_code", "varchar"),
            ("formatted_address", "varchar"),
        ],
        _ => &[],
    }
}

fn list(call: &mut Call<'_>) -> Answered {
    let (fields, records) = entities(call);
    let absent = absent_fields(call, records);
    let listing = Listing::read(call, fields, &[])?;
    let present = |row: &Row| !text(row, "field_code").is_some_and(|code| absent.contains(&code));
    let (page, cursor) = listing.page(call.store.table(fields), false, present);
    let rows: Value = page.into_iter().map(|stored| show(call, &stored.row)).collect();
    Ok(Answer::with(rows, next_cursor(cursor)))
}

/// The field in the path.
fn field(call: &Call<'_>, fields: Entity) -> Result<Row, Answer> {
    let code = call.segments.first().copied().unwrap_or_default();
    call.store.field(fields, code).cloned().ok_or_else(Answer::not_found)
}

fn get(call: &mut Call<'_>) -> Answered {
    let (fields, _) = entities(call);
    Ok(Answer::ok(show(call, &field(call, fields)?)))
}

/// 40 hexadecimal digits that are the same in every run.
fn code(company: &str, fields: Entity, id: i64) -> String {
    let digest = Sha256::digest(format!("{company}/{}/{id}", fields.name()));
    digest.iter().take(20).fold(String::new(), |mut code, byte| {
        let _ = write!(code, "{byte:02x}");
        code
    })
}

fn create(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, records) = entities(call);
    let mut row = call.take_body();
    let all = [Entity::DealFields, Entity::PersonFields, Entity::OrganizationFields, Entity::ProductFields];
    let count: usize = all.into_iter().map(|fields| call.store.custom_fields(fields).count()).sum();
    if count >= call.profile.tier.custom_fields() {
        let message = format!("Couldn't add the {} field. Custom fields limit reached.", records.singular());
        return Err(Answer::capped(&message, "feature_capping_custom_fields_limit"));
    }
    let kind = text(&row, "field_type").unwrap_or_default().to_owned();
    let given = row.remove("options");
    let options = match (kind.as_str(), given) {
        ("enum" | "set", Some(Value::Array(given))) if !given.is_empty() => new_options(call, &given, 0)?.into(),
        ("enum" | "set", _) => return Err(Answer::invalid("options", "This field is required.")),
        (_, None) => Value::Null,
        (_, Some(_)) => return Err(Answer::invalid("options", "Options are only for enum and set fields.")),
    };
    let id = call.store.table(fields).next_id();
    let code = code(&call.profile.name, fields, id);
    row.insert("id".into(), id.into());
    row.insert("field_code".into(), code.into());
    row.insert("options".into(), options);
    row.entry("description").or_insert(Value::Null);
    row.entry("ui_visibility").or_insert_with(|| json!({"add_visible_flag": false, "details_visible_flag": true}));
    row.entry("important_fields").or_insert_with(|| json!({"enabled": false, "stage_ids": []}));
    row.entry("required_fields").or_insert_with(|| json!({"enabled": false}));
    row.insert("is_custom_field".into(), true.into());
    row.insert("is_optional_response_field".into(), false.into());
    row.insert("is_deleted".into(), false.into());
    row.insert("add_time".into(), call.stamp().into());
    row.insert("update_time".into(), call.stamp().into());
    call.store.put(fields, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, _) = entities(call);
    let mut row = custom_field(call, fields)?;
    row.extend(call.take_body());
    save(call, fields, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

fn custom_field(call: &Call<'_>, fields: Entity) -> Result<Row, Answer> {
    let row = field(call, fields)?;
    if flag(&row, "is_custom_field") { Ok(row) } else { Err(Answer::error(400, "Only custom fields can be changed.")) }
}

fn save(call: &mut Call<'_>, fields: Entity, mut row: Row) {
    row.insert("update_time".into(), call.stamp().into());
    call.store.put(fields, row);
}

fn delete(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, _) = entities(call);
    let row = custom_field(call, fields)?;
    let code = text(&row, "field_code").unwrap_or_default().to_owned();
    let shown = show(call, &row);
    call.delete(fields, row);
    call.store.drop_values(fields, &code, None);
    Ok(Answer::ok(shown))
}

/// A field whose options may change, with these.
fn with_options(call: &Call<'_>, fields: Entity) -> Result<(Row, Vec<Value>), Answer> {
    let row = field(call, fields)?;
    let labels = text(&row, "field_code") == Some("label_ids") && call.profile.switches.label_options_writable;
    if !flag(&row, "is_custom_field") && !labels {
        return Err(Answer::error(400, "Only options of custom fields can be changed."));
    }
    match row.get("options") {
        Some(Value::Array(options)) => Ok((row.clone(), options.clone())),
        _ => Err(Answer::error(400, "The field has no options.")),
    }
}

fn new_options(call: &mut Call<'_>, given: &[Value], present: usize) -> Result<Vec<Value>, Answer> {
    if given.len() + present > MAX_OPTIONS {
        return Err(Answer::invalid("options", "A field can have at most 10000 options."));
    }
    if given.iter().any(|option| option["label"].as_str().is_none_or(|label| label.trim().is_empty())) {
        return Err(Answer::invalid("options.label", "This value should not be blank."));
    }
    let option = |option: &Value| json!({ "id": call.store.next_option(), "label": option["label"] });
    Ok(given.iter().map(option).collect())
}

fn add_options(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, _) = entities(call);
    let (mut row, mut options) = with_options(call, fields)?;
    let given = call.body.take();
    let added = new_options(call, given.as_array().map_or(&[], Vec::as_slice), options.len())?;
    options.extend(added.iter().cloned());
    row.insert("options".into(), options.into());
    save(call, fields, row);
    Ok(Answer::ok(added))
}

/// The places of the options that the body names: all or none.
fn places(body: &Value, options: &[Value]) -> Result<Vec<usize>, Answer> {
    let place = |given: &Value| {
        let unknown = || Answer::error(400, &format!("Option with id {} was not found", given["id"]));
        options.iter().position(|option| option["id"] == given["id"]).ok_or_else(unknown)
    };
    body.as_array().into_iter().flatten().map(place).collect()
}

fn rename_options(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, _) = entities(call);
    let (mut row, mut options) = with_options(call, fields)?;
    let body = call.body.take();
    let places = places(&body, &options)?;
    let mut renamed = Vec::new();
    for (place, given) in places.into_iter().zip(body.as_array().into_iter().flatten()) {
        options[place]["label"] = given["label"].clone();
        renamed.push(options[place].clone());
    }
    row.insert("options".into(), options.into());
    save(call, fields, row);
    Ok(Answer::ok(renamed))
}

fn delete_options(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let (fields, _) = entities(call);
    let (mut row, options) = with_options(call, fields)?;
    let places = places(&call.body.take(), &options)?;
    if places.is_empty() {
        return Err(Answer::invalid("options", "This field is required."));
    }
    let code = text(&row, "field_code").unwrap_or_default().to_owned();
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for (place, option) in options.into_iter().enumerate() {
        if places.contains(&place) { gone.push(option) } else { left.push(option) }
    }
    row.insert("options".into(), left.into());
    save(call, fields, row);
    for option in &gone {
        call.store.drop_values(fields, &code, option["id"].as_i64());
    }
    Ok(Answer::ok(gone))
}
