//! Objects and fields as a selection wants them.

use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::schema::{self, Field, FieldKind, Object};
use super::core::pick;
use super::document::Operation;
use super::kind::{FIELD, OBJECT};
use super::selection::Node;

/// The most objects or fields of a page, and how many there are when nothing is said.
const PAGE_MAX: usize = 1000;
const PAGE: usize = 10;

/// What a filter can ask of a field.
pub(super) fn field_facts(field: &Field) -> Value {
    json!({
        "id": field.id,
        "isActive": field.is_active,
        "isSystem": field.is_system,
        "objectMetadataId": field.object_metadata_id,
    })
}

/// Whether something fits the `filter` of a list.
pub(super) fn fits(facts: &Value, arguments: &Map<String, Value>) -> bool {
    arguments.get("filter").is_none_or(|filter| fits_filter(facts, filter))
}

fn fits_filter(facts: &Value, filter: &Value) -> bool {
    filter.as_object().into_iter().flatten().all(|(key, condition)| match (key.as_str(), condition.as_array()) {
        ("and", Some(parts)) => parts.iter().all(|part| fits_filter(facts, part)),
        ("or", Some(parts)) => parts.iter().any(|part| fits_filter(facts, part)),
        (key, _) => condition.as_object().into_iter().flatten().all(|(operator, wanted)| {
            let held = &facts[key];
            match operator.as_str() {
                "eq" | "is" => held == wanted,
                "neq" | "isNot" => held != wanted,
                "in" => wanted.as_array().is_some_and(|list| list.contains(held)),
                "notIn" => wanted.as_array().is_some_and(|list| !list.contains(held)),
                _ => true,
            }
        }),
    })
}

/// A list cut by `paging`; cursors are ids.
pub(super) fn connection<T>(
    operation: &Operation<'_>,
    node: &Node<'_>,
    name: &str,
    all: &[T],
    id: impl Fn(&T) -> &String,
    show: &dyn Fn(&T, &Node<'_>) -> Value,
) -> Value {
    let arguments = node.arguments(operation).unwrap_or_default();
    let paging = arguments.get("paging").cloned().unwrap_or_default();
    let first = paging["first"].as_u64().and_then(|first| usize::try_from(first).ok()).unwrap_or(PAGE).min(PAGE_MAX);
    let after = paging["after"].as_str();
    let from = after.and_then(|after| all.iter().position(|item| id(item) == after)).map_or(0, |place| place + 1);
    let page = &all[from..all.len().min(from + first)];
    let mut shown = Map::new();
    for child in node.checked_children(operation, name) {
        let value = match child.name {
            "__typename" => name.into(),
            "pageInfo" => {
                let info = json!({
                    "hasNextPage": from + page.len() < all.len(),
                    "hasPreviousPage": from > 0,
                    "startCursor": page.first().map(&id),
                    "endCursor": page.last().map(&id),
                });
                pick(operation, &child, "PageInfo", &info)
            }
            _ => page.iter().map(|item| edge(operation, &child, item, &id, show)).collect(),
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

fn edge<T>(
    operation: &Operation<'_>,
    node: &Node<'_>,
    item: &T,
    id: &impl Fn(&T) -> &String,
    show: &dyn Fn(&T, &Node<'_>) -> Value,
) -> Value {
    let part = |child: Node<'_>| {
        let value = match child.name {
            "cursor" => id(item).clone().into(),
            "__typename" => "Edge".into(),
            _ => show(item, &child),
        };
        (child.key, value)
    };
    Value::Object(node.checked_children(operation, "").into_iter().map(part).collect())
}

/// An object.
pub(super) fn object_value(call: &Call<'_>, operation: &Operation<'_>, object: &Object, node: &Node<'_>) -> Value {
    let view =
        schema::object_view(&Object { fields: Vec::new(), ..object.clone() }, call.workspace, call.switches, true);
    let show = |field: &Field, node: &Node<'_>| field_value(call, operation, field, node);
    let mut shown = Map::new();
    for child in node.checked_children(operation, OBJECT.name) {
        let value = match child.name {
            "__typename" => OBJECT.name.into(),
            "fieldsList" => object.fields.iter().map(|field| show(field, &child)).collect(),
            "fields" => {
                connection(operation, &child, "ObjectFieldsConnection", &object.fields, |field| &field.id, &show)
            }
            name => view[name].clone(),
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

/// A field.
pub(super) fn field_value(call: &Call<'_>, operation: &Operation<'_>, field: &Field, node: &Node<'_>) -> Value {
    let view = schema::field_view(field, call.workspace, call.switches, true);
    let mut shown = Map::new();
    for child in node.checked_children(operation, FIELD.name) {
        let value = match child.name {
            "__typename" => FIELD.name.into(),
            "object" => match call.store.object(&field.object_metadata_id) {
                Some(object) => object_value(call, operation, &object, &child),
                None => Value::Null,
            },
            "relation" if field.kind == FieldKind::Relation => relation_value(call, operation, field, &child),
            "morphRelations" if field.kind == FieldKind::MorphRelation => {
                let object = call.store.object(&field.object_metadata_id);
                let fields = object.iter().flat_map(|object| object.fields.iter());
                let group = fields.filter(|other| other.morph_id == field.morph_id);
                group.map(|other| relation_value(call, operation, other, &child)).collect()
            }
            name => view[name].clone(),
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

fn relation_value(call: &Call<'_>, operation: &Operation<'_>, field: &Field, node: &Node<'_>) -> Value {
    let Some(target) = &field.target else { return Value::Null };
    let object = |id: &str, child: &Node<'_>| {
        call.store.object(id).map_or(Value::Null, |object| object_value(call, operation, &object, child))
    };
    let part = |child: Node<'_>| {
        let value = match child.name {
            "__typename" => "Relation".into(),
            "type" => field.settings["relationType"].clone(),
            "sourceObjectMetadata" => object(&field.object_metadata_id, &child),
            "targetObjectMetadata" => object(&target.object, &child),
            "sourceFieldMetadata" => field_value(call, operation, field, &child),
            _ => call
                .store
                .field(&target.field)
                .map_or(Value::Null, |(_, field)| field_value(call, operation, &field, &child)),
        };
        (child.key, value)
    };
    Value::Object(node.checked_children(operation, "Relation").into_iter().map(part).collect())
}
