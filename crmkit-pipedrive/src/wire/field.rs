//! Fields and their options.

use serde::{Deserialize, Serialize};

/// A field of API v2.
#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) field_code: String,
    pub(crate) field_name: String,
    pub(crate) field_type: String,
    #[serde(default)]
    pub(crate) is_custom_field: bool,
    #[serde(default)]
    pub(crate) options: Option<Vec<FieldOption>>,
}

/// An option: its id is a number in custom fields, a word in some standard ones.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldOption {
    pub(crate) id: serde_json::Value,
    #[serde(default)]
    pub(crate) label: String,
}

/// A field to create.
#[derive(Debug, Serialize)]
pub(crate) struct NewField<'a> {
    pub(crate) field_name: &'a str,
    pub(crate) field_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<Vec<NewOption<'a>>>,
}

/// An option to create.
#[derive(Debug, Serialize)]
pub(crate) struct NewOption<'a> {
    pub(crate) label: &'a str,
}

/// An option to delete.
#[derive(Debug, Serialize)]
pub(crate) struct OptionId {
    pub(crate) id: i64,
}
