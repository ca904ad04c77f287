//! The operations on objects, fields and files.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::files;
use super::super::schema::{self, Field, Object};
use super::super::switches::LegacyUpload;
use super::core::{file_of, pick};
use super::document::Operation;
use super::kind::{FIELD, FIELDS, Kind, LEGACY_FILE, Meta, OBJECT, OBJECTS, RECORD_COUNT, SIGNED_FILE, UPLOAD_TARGET};
use super::metadata_view::{connection, field_facts, field_value, fits, object_value};
use super::selection::Node;
use super::{Refusal, check, unknown};

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
