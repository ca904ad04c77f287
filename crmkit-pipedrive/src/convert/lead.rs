//! Leads: v1's notation, with custom fields among the others and their parts beside them.

use crmkit_core::{FieldSchema, FieldType, ObjectSchema};
use serde_json::{Value as Json, json};

use super::to_wire::{ADDRESS_PARTS, range_base};
use crate::wire::{Entity, Object};

/// The body in v1's notation; the field and the reason where it cannot be.
pub(super) fn write(schema: &ObjectSchema, body: &mut Object, creating: bool) -> Result<(), (&'static str, String)> {
    let linked = |name: &str| body.get(name).is_some_and(|link| !link.is_null());
    if creating && !linked("person_id") && !linked("organization_id") {
        return Err(("person_id", "a lead needs a person or an organization".to_owned()));
    }
    if let Some(amount) = body.remove("value") {
        let currency = body.remove("currency");
        let value = if amount.is_null() { Json::Null } else { json!({"amount": amount, "currency": currency}) };
        body.insert("value".to_owned(), value);
    }
    let Some(Json::Object(custom)) = body.remove("custom_fields") else { return Ok(()) };
    for (key, value) in custom {
        match (value, schema.fields.get(key.as_str()).map(|field| &field.ty)) {
            // v1 spells a set as text.
            (Json::Array(ids), Some(FieldType::Options)) => {
                let ids: Vec<String> = ids.iter().map(Json::to_string).collect();
                body.insert(key, json!(ids.join(",")));
            }
            (Json::Object(parts), _) => {
                for (part, value) in parts {
                    let name = if part == "value" { key.clone() } else { format!("{key}_{part}") };
                    body.insert(name, value);
                }
            }
            (value, _) => {
                body.insert(key, value);
            }
        }
    }
    Ok(())
}

/// The record in v2's notation.
pub(super) fn read(schema: &ObjectSchema, entity: &mut Entity) {
    if let Some(Json::Object(value)) = entity.fields.remove("value") {
        for (name, part) in [("value", "amount"), ("currency", "currency")] {
            entity.fields.insert(name.to_owned(), value.get(part).cloned().unwrap_or_default());
        }
    }
    for field in schema.fields.values().filter(|field| field.custom) {
        let key = range_base(field.name.as_str()).unwrap_or(field.name.as_str());
        let Some(value) = entity.fields.get(key).filter(|value| !value.is_null()) else { continue };
        let whole = whole(field, schema, key, value, &entity.fields);
        entity.custom_fields.insert(key.to_owned(), whole);
    }
}

/// A custom field with its parts.
fn whole(field: &FieldSchema, schema: &ObjectSchema, key: &str, value: &Json, fields: &Object) -> Json {
    let with = |parts: &[&str]| {
        let mut whole = json!({"value": value});
        for part in parts {
            if let Some(value) = fields.get(&format!("{key}_{part}")) {
                whole[*part] = value.clone();
            }
        }
        whole
    };
    let is_range = schema.fields.contains_key(format!("{key}.until").as_str());
    match (&field.ty, value) {
        _ if value.is_object() => value.clone(),
        _ if is_range => with(&["until"]),
        (FieldType::Money, _) => with(&["currency"]),
        (FieldType::Address, _) => with(&ADDRESS_PARTS),
        (FieldType::Options, Json::String(ids)) => {
            ids.split(',').filter_map(|id| id.trim().parse::<i64>().ok()).map(Json::from).collect()
        }
        _ => value.clone(),
    }
}
