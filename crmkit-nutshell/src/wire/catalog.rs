//! What people set up: users, pipelines, outcomes, tags, markets, custom fields.

use serde::Deserialize;
use serde_json::Value as Json;

use super::id;

/// A user, in JSON-RPC.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) emails: Vec<String>,
    #[serde(default = "yes", rename = "isEnabled")]
    pub(crate) is_enabled: bool,
    #[serde(default, rename = "isAdministrator")]
    pub(crate) is_administrator: bool,
}

fn yes() -> bool {
    true
}

/// A user, in REST: only there permissions are told.
#[derive(Debug, Deserialize)]
pub(crate) struct RestUser {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) emails: Vec<String>,
    #[serde(default, rename = "isViewingRestricted")]
    pub(crate) is_viewing_restricted: Option<bool>,
    #[serde(default)]
    pub(crate) permissions: Json,
}

/// Anything with an id and a name: stagesets, sources, industries, account types, territories, teams, activity types.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) position: Option<i64>,
}

/// A stage.
#[derive(Debug, Deserialize)]
pub(crate) struct Milestone {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) position: Option<i64>,
    #[serde(rename = "stagesetId", deserialize_with = "id::deserialize")]
    pub(crate) stageset: i64,
}

/// How a lead can end. The type is 10 (won), 11 (lost) or 12 (cancelled).
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(rename = "type")]
    pub(crate) status: i64,
}

/// Tag names by what they are for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Tags {
    #[serde(default, rename = "Accounts")]
    pub(crate) accounts: Vec<String>,
    #[serde(default, rename = "Contacts")]
    pub(crate) contacts: Vec<String>,
    #[serde(default, rename = "Leads")]
    pub(crate) leads: Vec<String>,
}

/// A market decides a lead's currency.
#[derive(Debug, Deserialize)]
pub(crate) struct Market {
    #[serde(deserialize_with = "id::deserialize")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) currency: Option<String>,
}

/// A custom field.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attribute {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) choices: Vec<String>,
    #[serde(default, rename = "isMultiple")]
    pub(crate) is_multiple: bool,
}

impl Attribute {
    /// The name that values go by.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().or(self.title.as_deref()).unwrap_or_default()
    }
}
