//! The operations on objects, fields and files.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::files;
use super::super::schema::{self, Field, FieldKind, Object};
use super::super::switches::LegacyUpload;
use super::core::{file_of, pick};
use super::document::Operation;
use super::kind::{FIELD, FIELDS, Kind, LEGACY_FILE, Meta, OBJECT, OBJECTS, RECORD_COUNT, SIGNED_FILE, UPLOAD_TARGET};
use super::selection::Node;
use super::{Refusal, check, unknown};

/// The most objects or fields of a page, and how many there are when nothing is said.
const PAGE_MAX: usize = 1000;
const PAGE: usize = 10;

/// Fields at the root that the vendor has and a migration does not need.
const NOT_MODELLED: [&str; 22] = [
    "apiKey",
    "apiKeys",
    "createApiKey",
    "updateApiKey",
    "revokeApiKey",
    "generateApiKeyToken",
    "assignRoleToApiKey",
    "webhook",
    "webhooks",
    "createWebhook",
    "updateWebhook",
    "deleteWebhook",
    "currentUser",
    "currentWorkspace",
    "getRoles",
    "getView",
    "getViews",
    "createView",
    "index",
    "indexMetadatas",
    "createOneIndex",
    "deleteOneIndex",
];

/// Result type, arguments, and which of them must be there.
type Signature = (Kind, &'static [&'static str], &'static [&'static str]);

fn find(call: &Call<'_>, name: &str, mutation: bool) -> Option<Signature> {
    let kind = |meta: &'static Meta| Kind::Meta(meta);
    let uploads = call.switches.files_upload;
    let legacy = call.switches.legacy_upload;
    Some(match (mutation, name) {
        (false, "objects") => (kind(&OBJECTS), &["paging", "filter"], &[]),
        (false, "fields") => (kind(&FIELDS), &["paging", "filter"], &[]),
        (false, "object") => (kind(&OBJECT), &["id"], &["id"]),
        (false, "field") => (kind(&FIELD), &["id"], &["id"]),
        (false, "objectRecordCounts") => (kind(&RECORD_COUNT), &[], &[]),
        (true, "createOneObject" | "updateOneObject" | "deleteOneObject") => (kind(&OBJECT), &["input"], &["input"]),
        (true, "createOneField" | "updateOneField" | "deleteOneField") => (kind(&FIELD), &["input"], &["input"]),
        (true, "uploadFilesFieldFile") if uploads => {
            (kind(&SIGNED_FILE), &["file", "fieldMetadataId"], &["file", "fieldMetadataId"])
        }
        (true, "uploadFilesFieldFileByUniversalIdentifier") if uploads => {
            let arguments = &["file", "fieldMetadataUniversalIdentifier"];
            (kind(&SIGNED_FILE), arguments, arguments)
        }
        (true, "createFileUpload") if uploads => (
            kind(&UPLOAD_TARGET),
            &["filename", "size", "fileFolder", "fieldMetadataId", "fieldMetadataUniversalIdentifier"],
            &["filename", "size", "fileFolder"],
        ),
        (true, "completeFileUpload") if uploads => (kind(&SIGNED_FILE), &["fileId"], &["fileId"]),
        (true, "uploadFile") if legacy == LegacyUpload::Path => (Kind::Leaf, &["file", "fileFolder"], &["file"]),
        (true, "uploadFile") if legacy == LegacyUpload::SignedFile => {
            (kind(&LEGACY_FILE), &["file", "fileFolder"], &["file"])
        }
        _ => return None,
    })
}

/// The keys that an input object may have, below the path to it.
fn input_keys(name: &str) -> (&'static str, &'static [&'static str]) {
    match name {
        "createOneObject" => (
            "object",
            &[
                "nameSingular",
                "namePlural",
                "labelSingular",
                "labelPlural",
                "description",
                "icon",
                "shortcut",
                "color",
                "skipNameField",
                "isRemote",
                "primaryKeyColumnType",
                "primaryKeyFieldMetadataSettings",
                "isLabelSyncedWithName",
            ],
        ),
        "updateOneObject" => (
            "update",
            &[
                "labelSingular",
                "labelPlural",
                "nameSingular",
                "namePlural",
                "description",
                "icon",
                "shortcut",
                "color",
                "isActive",
                "labelIdentifierFieldMetadataId",
                "imageIdentifierFieldMetadataId",
                "isLabelSyncedWithName",
                "isSearchable",
            ],
        ),
        "createOneField" => (
            "field",
            &[
                "type",
                "name",
                "label",
                "description",
                "icon",
                "isActive",
                "isSystem",
                "isUIEditable",
                "isUIReadOnly",
                "isNullable",
                "isUnique",
                "defaultValue",
                "options",
                "settings",
                "objectMetadataId",
                "isLabelSyncedWithName",
                "isRemoteCreation",
                "relationCreationPayload",
                "morphRelationsCreationPayload",
            ],
        ),
        "updateOneField" => (
            "update",
            &[
                "universalIdentifier",
                "name",
                "label",
                "description",
                "icon",
                "isActive",
                "isSystem",
                "isUIEditable",
                "isUIReadOnly",
                "isNullable",
                "isUnique",
                "defaultValue",
                "options",
                "settings",
                "objectMetadataId",
                "isLabelSyncedWithName",
                "morphRelationsUpdatePayload",
            ],
        ),
        _ => ("", &[]),
    }
}

/// The type of a field at the root, once its arguments have been checked.
pub(super) fn signature(
    call: &Call<'_>,
    operation: &Operation<'_>,
    root: &Node<'_>,
    mutation: bool,
) -> Result<Kind, Refusal> {
    let parent = if mutation { "Mutation" } else { "Query" };
    let Some((kind, known, required)) = find(call, root.name, mutation) else {
        let known = NOT_MODELLED.contains(&root.name);
        return Err(if known { Refusal::NotModelled(root.name.to_owned()) } else { unknown(root, parent) });
    };
    check::arguments(root, parent, known)?;
    let arguments = root.arguments(operation)?;
    let invalid = |message: String| Refusal::Invalid(message, root.place);
    if let Some(missing) = required.iter().find(|name| !arguments.contains_key(**name)) {
        let field = root.name;
        return Err(invalid(format!("Field \"{field}\" argument \"{missing}\" is required, but it was not provided.")));
    }
    let (inner, keys) = input_keys(root.name);
    if !inner.is_empty() {
        let given = arguments.get("input").and_then(|input| input[inner].as_object());
        let given = given.ok_or_else(|| invalid(format!("Field \"{inner}\" of required type was not provided.")))?;
        if let Some(strange) = given.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(invalid(format!("Field \"{strange}\" is not defined by the input type of {}.", root.name)));
        }
    }
    Ok(kind)
}

/// Runs a field at the root of a checked document.
pub(super) fn execute(call: &mut Call<'_>, operation: &Operation<'_>, root: &Node<'_>) -> Result<Value, Failure> {
    let arguments = root.arguments(operation).unwrap_or_default();
    let input = arguments.get("input").cloned().unwrap_or_default();
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    let id = input["id"].as_str().or_else(|| text("id")).unwrap_or_default().to_owned();
    let upload = matches!(root.name, "completeFileUpload" | "createFileUpload") || root.name.starts_with("upload");
    let counts = root.name == "objectRecordCounts";
    if !upload && !counts && !call.key.data_model {
        return Err(Failure::permission(403));
    }
    let missing = |what: &'static str, message: &str| Failure::metadata_not_found(what, message);
    let no_object = || missing("OBJECT_METADATA_NOT_FOUND", "Object metadata not found");
    match root.name {
        "objects" => {
            let mut all: Vec<Arc<Object>> = call.store.objects().cloned().collect();
            all.retain(|object| {
                fits(
                    &json!({ "id": object.id, "isActive": object.is_active, "isSystem": object.is_system }),
                    &arguments,
                )
            });
            let show = |object: &Arc<Object>, node: &Node<'_>| object_value(call, operation, object, node);
            Ok(connection(operation, root, OBJECTS.name, &all, |object| &object.id, &show))
        }
        "fields" => {
            let mut all: Vec<Field> = call.store.objects().flat_map(|object| object.fields.clone()).collect();
            all.retain(|field| fits(&field_facts(field), &arguments));
            all.sort_by(|a, b| a.id.cmp(&b.id));
            let show = |field: &Field, node: &Node<'_>| field_value(call, operation, field, node);
            Ok(connection(operation, root, FIELDS.name, &all, |field| &field.id, &show))
        }
        "object" => {
            let object = call.store.object(&id).ok_or_else(no_object)?;
            Ok(object_value(call, operation, &object, root))
        }
        "field" => {
            let found = call.store.field(&id);
            let (_, field) = found.ok_or_else(|| missing("FIELD_METADATA_NOT_FOUND", "Field metadata not found"))?;
            Ok(field_value(call, operation, &field, root))
        }
        "objectRecordCounts" => {
            let count = |object: &Arc<Object>| {
                let total = call.store.table(&object.id).live();
                json!({ "objectNamePlural": object.name_plural, "totalCount": total })
            };
            let counts = call.store.objects().map(count).collect();
            Ok(pick(operation, root, RECORD_COUNT.name, &counts))
        }
        "createOneObject" => {
            let made = schema::create_object(call, &input["object"])?;
            Ok(object_value(call, operation, &made, root))
        }
        "updateOneObject" => {
            let changed = schema::update_object(call, &id, &input["update"])?;
            Ok(object_value(call, operation, &changed, root))
        }
        "deleteOneObject" => {
            let gone = schema::delete_object(call, &id)?;
            Ok(object_value(call, operation, &gone, root))
        }
        "createOneField" => {
            let made = schema::create_field(call, &input["field"])?;
            Ok(field_value(call, operation, &made, root))
        }
        "updateOneField" => {
            let changed = schema::update_field(call, &id, &input["update"])?;
            Ok(field_value(call, operation, &changed, root))
        }
        "deleteOneField" => {
            let gone = schema::delete_field(call, &id)?;
            Ok(field_value(call, operation, &gone, root))
        }
        "createFileUpload" => {
            let target = files::announce(call, &Value::Object(arguments.clone()))?;
            Ok(pick(operation, root, UPLOAD_TARGET.name, &target))
        }
        "completeFileUpload" => {
            let file = files::complete(call, text("fileId").unwrap_or_default())?;
            Ok(pick(operation, root, SIGNED_FILE.name, &file))
        }
        "uploadFile" => {
            let signed = call.switches.legacy_upload == LegacyUpload::SignedFile;
            let stored = files::store_legacy(call, file_of(operation, &arguments)?, signed)?;
            Ok(pick(operation, root, LEGACY_FILE.name, &stored))
        }
        _ => {
            let (field, universal) = (text("fieldMetadataId"), text("fieldMetadataUniversalIdentifier"));
            let file = files::store(call, file_of(operation, &arguments)?, field, universal)?;
            Ok(pick(operation, root, SIGNED_FILE.name, &file))
        }
    }
}

fn field_facts(field: &Field) -> Value {
    json!({
        "id": field.id,
        "isActive": field.is_active,
        "isSystem": field.is_system,
        "objectMetadataId": field.object_metadata_id,
    })
}

/// Whether something fits the `filter` of a list.
fn fits(facts: &Value, arguments: &Map<String, Value>) -> bool {
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
fn connection<T>(
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

fn object_value(call: &Call<'_>, operation: &Operation<'_>, object: &Object, node: &Node<'_>) -> Value {
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

fn field_value(call: &Call<'_>, operation: &Operation<'_>, field: &Field, node: &Node<'_>) -> Value {
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
