//! Records of every kind: an id, whether they are in the trash, and their fields.

use serde::Deserialize;
use serde_json::Value;

use super::Object;

/// A record of API v1 or v2.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Object")]
pub(crate) struct Entity {
    /// A number, or a lead's UUID.
    pub(crate) id: String,
    pub(crate) is_deleted: bool,
    /// Custom fields by key, in the same shape as they are written. v1 has them among the others.
    pub(crate) custom_fields: Object,
    /// Everything else: standard fields and, where asked for, counters.
    pub(crate) fields: Object,
}

/// Read whole and then taken apart: `flatten` would keep every value twice on the way, and this is every record's way.
impl TryFrom<Object> for Entity {
    type Error = &'static str;

    fn try_from(mut fields: Object) -> Result<Self, Self::Error> {
        let id = match fields.remove("id") {
            Some(Value::Number(id)) if id.is_i64() => id.to_string(),
            Some(Value::String(id)) if !id.is_empty() => id,
            _ => return Err("an id is a whole number or a text"),
        };
        let is_deleted = match fields.remove("is_deleted") {
            Some(Value::Bool(deleted)) => deleted,
            Some(Value::Null) | None => false,
            Some(_) => return Err("is_deleted is true or false"),
        };
        // v1 keeps what was deleted readable, with a flag that relations spell as text.
        let inactive = match fields.remove("active_flag") {
            Some(Value::Bool(active)) => !active,
            Some(Value::String(active)) => active == "false",
            _ => false,
        };
        let custom_fields = match fields.remove("custom_fields") {
            Some(Value::Object(custom)) => custom,
            Some(Value::Null) | None => Object::new(),
            Some(_) => return Err("custom_fields is an object"),
        };
        let is_deleted = is_deleted || inactive || fields.get("status").and_then(Value::as_str) == Some("deleted");
        Ok(Self { id, is_deleted, custom_fields, fields })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_trash_is_told_in_four_ways() {
        let cases = [
            (json!({"id": 1}), false),
            (json!({"id": "a-b", "is_deleted": null, "active_flag": true}), false),
            (json!({"id": 1, "is_deleted": true}), true),
            (json!({"id": 1, "active_flag": false}), true),
            (json!({"id": 1, "active_flag": "true"}), false),
            (json!({"id": 1, "active_flag": "false"}), true),
            (json!({"id": 1, "status": "deleted"}), true),
        ];
        for (json, deleted) in cases {
            let entity: Entity = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(entity.is_deleted, deleted, "{json}");
        }
        assert!(serde_json::from_value::<Entity>(json!({"id": null})).is_err());
        assert!(serde_json::from_value::<Entity>(json!({"name": "x"})).is_err());
    }
}
