//! Objects and fields as the metadata API shows them.

use serde_json::{Map, Value, json};

use super::super::switches::Switches;
use super::{Field, FieldKind, Object};

fn map_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A field; lists leave absent keys out, the answer to a change has them as null.
pub(in super::super) fn field_view(field: &Field, workspace: &str, switches: &Switches, nulls: bool) -> Value {
    let mut view = map_of(json!(field));
    view.remove("target");
    if field.kind == FieldKind::RichText && switches.rich_text_v2 {
        view.insert("type".into(), "RICH_TEXT_V2".into());
    }
    let editable = !field.is_system;
    view.insert("isUIEditable".into(), editable.into());
    view.insert("isUIReadOnly".into(), (!editable).into());
    view.insert("workspaceId".into(), workspace.into());
    if switches.is_custom {
        view.insert("isCustom".into(), (field.application_id != super::STANDARD_APPLICATION).into());
    }
    if !nulls {
        view.retain(|_, value| !value.is_null());
    }
    Value::Object(view)
}

/// An object with its fields.
pub(in super::super) fn object_view(object: &Object, workspace: &str, switches: &Switches, nulls: bool) -> Value {
    let mut view = map_of(json!(object));
    let fields = object.fields.iter().map(|field| field_view(field, workspace, switches, nulls)).collect();
    view.insert("fields".into(), Value::Array(fields));
    view.insert("isRemote".into(), false.into());
    view.insert("isUIEditable".into(), (!object.is_system).into());
    view.insert("isUICreatable".into(), (!object.is_system).into());
    view.insert("isUIReadOnly".into(), object.is_system.into());
    view.insert("workspaceId".into(), workspace.into());
    if switches.is_custom {
        view.insert("isCustom".into(), object.is_custom().into());
    }
    if !nulls {
        view.retain(|_, value| !value.is_null());
    }
    Value::Object(view)
}
