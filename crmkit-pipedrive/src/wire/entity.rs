//! Organizations, persons and deals: they share one shape.

use serde::Deserialize;

use super::Object;

/// An organization, person or deal of API v2.
#[derive(Debug, Deserialize)]
pub(crate) struct Entity {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) is_deleted: Option<bool>,
    /// Custom fields by key, in the same shape as they are written.
    #[serde(default)]
    pub(crate) custom_fields: Option<Object>,
    /// Everything else: standard fields and, where asked for, counters.
    #[serde(flatten)]
    pub(crate) fields: Object,
}
