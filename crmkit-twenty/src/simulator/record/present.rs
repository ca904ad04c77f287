//! Records as the API shows them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::files::url_of;
use super::super::schema::{Field, FieldKind, Object, Part};
use super::super::store::{Row, Store};
use super::super::table::is_deleted;
use super::filter::related;
use super::sort::Order;

/// The most records of a to-many relation inside another record.
const NESTED_MAX: usize = 60;

/// A record with all its columns; with `depth` 1 also what it is related to.
pub(in super::super) fn present(call: &Call<'_>, object: &Object, row: &Row, depth: u8) -> Value {
    let mut shown = Map::new();
    for field in object.fields.iter().filter(|field| field.is_active) {
        if let Some(column) = field.join_column() {
            shown.insert(column.into(), row.get(column).cloned().unwrap_or_default());
        }
        if !field.is_relation() {
            shown.insert(field.name.clone(), field_value(call, object, field, row));
        } else if depth > 0
            && let Some(target) = field.target.as_ref().and_then(|target| call.store.object(&target.object))
        {
            let related = if field.join_column().is_some() {
                related_one(call.store, field, row).map_or(Value::Null, |row| present(call, &target, &row, 0))
            } else {
                let rows = related_many(call.store, field, row);
                rows.iter().take(NESTED_MAX).map(|row| present(call, &target, row, 0)).collect()
            };
            shown.insert(field.name.clone(), related);
        }
    }
    Value::Object(shown)
}

/// The live record that a to-one relation leads to.
pub(in super::super) fn related_one(store: &Store, field: &Field, row: &Row) -> Option<Arc<Row>> {
    related(store, field, row).map(|(_, row)| row).find(|row| !is_deleted(row)).cloned()
}

/// The live records at the other side of a to-many relation, by id.
pub(in super::super) fn related_many(store: &Store, field: &Field, row: &Row) -> Vec<Arc<Row>> {
    related(store, field, row).map(|(_, row)| row).filter(|row| !is_deleted(row)).cloned().collect()
}

/// The place of a record in a list.
pub(in super::super) fn cursor_of(order: &Order, row: &Row) -> String {
    order.cursor(row)
}

/// The value of a field that is no relation.
pub(in super::super) fn field_value(call: &Call<'_>, object: &Object, field: &Field, row: &Row) -> Value {
    let held = row.get(&field.name).unwrap_or(&Value::Null);
    match field.kind {
        FieldKind::Text => {
            if held.is_null() {
                "".into()
            } else {
                held.clone()
            }
        }
        FieldKind::TsVector => search_vector(object, row).into(),
        FieldKind::Files => held.as_array().map_or(Value::Null, |items| {
            let shown = |item: &Value| {
                let mut item = item.clone();
                item["url"] = url_of(call, item["fileId"].as_str().unwrap_or_default()).into();
                item
            };
            items.iter().map(shown).collect()
        }),
        kind if !kind.parts().is_empty() => {
            let column = |(name, part): &(&str, Part)| {
                let value = match (&held[name], part) {
                    (Value::Null, Part::Text) => "".into(),
                    (Value::Null, Part::List) => json!([]),
                    (value, _) => value.clone(),
                };
                ((*name).to_owned(), value)
            };
            Value::Object(kind.parts().iter().map(column).collect())
        }
        _ => held.clone(),
    }
}

fn search_vector(object: &Object, row: &Row) -> String {
    let identifier =
        object.fields.iter().find(|field| object.label_identifier_field_metadata_id.as_ref() == Some(&field.id));
    let text = match identifier.and_then(|field| row.get(&field.name)) {
        Some(Value::String(text)) => text.to_lowercase(),
        Some(Value::Object(parts)) => {
            parts.values().filter_map(Value::as_str).collect::<Vec<_>>().join(" ").to_lowercase()
        }
        _ => String::new(),
    };
    let words = text.split_whitespace().enumerate().map(|(place, word)| format!("'{word}':{}", place + 1));
    words.collect::<Vec<_>>().join(" ")
}
