//! A file's JSON as values.

use crmkit_core::{Fields, Value};
use serde_json::Value as Json;

use super::from_wire::reference;
use crate::{object::Object, wire::Record};

/// How an activity went that only carries files: nobody wrote it, and it is nobody's text.
pub(crate) const FILES_NOTE: &str = "Files";

/// What a file of a record is. Of a carrier it hangs on whoever takes part.
pub(crate) fn file_fields(holder: Object, record: &Record, file: &Json, carrier: bool) -> Fields {
    let text = |key: &str| file[key].as_str().filter(|text| !text.is_empty()).map(Value::text);
    let size = file["size"].as_i64().or_else(|| file["size"].as_str()?.parse().ok()).map(Value::Int);
    let mut fields = Fields::new();
    for (name, value) in [("name", text("name")), ("size", size), ("mime", text("mime"))] {
        fields.extend(value.map(|value| (name.into(), value)));
    }
    let own = serde_json::json!({"id": record.id});
    if !carrier {
        fields.extend(reference(&own, holder.name()).map(|to| (holder.name().into(), to)));
        return fields;
    }
    let all = record.get("participants").as_array().into_iter().flatten();
    for (entity, name) in [("Contacts", "contact"), ("Accounts", "account")] {
        let parent = all.clone().find(|one| one["entityType"] == entity);
        fields.extend(parent.and_then(|parent| reference(parent, name)).map(|to| (name.into(), to)));
    }
    fields
}
