//! Activity types: what an activity's `type` names by key.

use serde::{Deserialize, Serialize};

/// An activity type of API v1.
#[derive(Debug, Deserialize)]
pub(crate) struct ActivityType {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Made of the name when the type was created; never changes.
    pub(crate) key_string: String,
    #[serde(default)]
    pub(crate) active_flag: Option<bool>,
}

/// An activity type to create.
#[derive(Debug, Serialize)]
pub(crate) struct NewActivityType<'a> {
    pub(crate) name: &'a str,
    pub(crate) icon_key: &'a str,
}
