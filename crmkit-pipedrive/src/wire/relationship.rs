//! Relations between organizations.

use serde::Deserialize;

/// A relation of API v1.
#[derive(Debug, Deserialize)]
pub(crate) struct Relationship {
    pub(crate) id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The parent.
    pub(crate) rel_owner_org_id: RelatedOrganization,
    /// The daughter.
    pub(crate) rel_linked_org_id: RelatedOrganization,
    #[serde(default)]
    pub(crate) add_time: Option<String>,
    #[serde(default)]
    pub(crate) update_time: Option<String>,
    /// The text `"true"`, not the word.
    #[serde(default)]
    pub(crate) active_flag: Option<serde_json::Value>,
}

/// An organization at one end.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum RelatedOrganization {
    /// With its name and address, as documented.
    Whole {
        /// Its id.
        value: i64,
    },
    /// Its id alone.
    Id(i64),
}

impl RelatedOrganization {
    pub(crate) fn id(&self) -> i64 {
        match self {
            Self::Whole { value } | Self::Id(value) => *value,
        }
    }
}
