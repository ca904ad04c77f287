//! Organizations, persons and deals: they share one shape.

use serde::Deserialize;

use serde_json::Value;

use super::Object;

/// An organization, person or deal of API v2.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Object")]
pub(crate) struct Entity {
    pub(crate) id: i64,
    pub(crate) is_deleted: Option<bool>,
    /// Custom fields by key, in the same shape as they are written.
    pub(crate) custom_fields: Option<Object>,
    /// Everything else: standard fields and, where asked for, counters.
    pub(crate) fields: Object,
}

/// Read whole and then taken apart: `flatten` would keep every value twice on the way, and this is every record's way.
impl TryFrom<Object> for Entity {
    type Error = &'static str;

    fn try_from(mut fields: Object) -> Result<Self, Self::Error> {
        let id = fields.remove("id").and_then(|id| id.as_i64()).ok_or("an id is a whole number")?;
        let is_deleted = match fields.remove("is_deleted") {
            Some(Value::Bool(deleted)) => Some(deleted),
            Some(Value::Null) | None => None,
            Some(_) => return Err("is_deleted is true or false"),
        };
        let custom_fields = match fields.remove("custom_fields") {
            Some(Value::Object(custom)) => Some(custom),
            Some(Value::Null) | None => None,
            Some(_) => return Err("custom_fields is an object"),
        };
        Ok(Self { id, is_deleted, custom_fields, fields })
    }
}
