//! JSON shaped as the interface gives it. What its documents leave open is read in every shape that was seen or is likely.

use std::collections::HashMap;

use crmkit_core::chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value as Json, value::RawValue};

/// A list, which may name the next page.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    #[serde(default, alias = "next_page", alias = "next_cursor", alias = "cursor")]
    pub(super) next: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    pub(super) discriminator: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) versions: Vec<Version>,
}

impl Named {
    /// The name for people.
    pub(super) fn label(&self) -> &str {
        self.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(&self.discriminator)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    #[serde(deserialize_with = "text")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) deprecated_at: Option<Json>,
    /// Which property tells the type is not published.
    #[serde(flatten)]
    pub(super) rest: Map<String, Json>,
}

impl Version {
    pub(super) fn is_current(&self) -> bool {
        self.deprecated_at.as_ref().is_none_or(Json::is_null)
    }

    /// The type of its values, if it tells.
    pub(super) fn declared(&self) -> Option<&str> {
        ["type", "data_type", "value_type", "render_hint"].iter().find_map(|name| self.rest.get(*name)?.as_str())
    }
}

/// Ids are strings; numbers are let pass.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(text) => Ok(text),
        Json::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom("an id is a text")),
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Consent {
    #[serde(default)]
    pub(super) topic_discriminator: Option<String>,
    #[serde(default)]
    pub(super) channel_discriminator: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: String,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) modified_at: Option<DateTime<Utc>>,
}

/// The answer to a request for an export.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) file_download_url_v2: Option<String>,
    #[serde(default, alias = "poll_url", alias = "url")]
    pub(super) file_download_url: Option<String>,
    #[serde(default)]
    pub(super) report_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) status: String,
    #[serde(default)]
    pub(super) file_download_url: Option<String>,
}

/// The file of a profile export, whose profiles are read one by one.
#[derive(Debug, Deserialize)]
pub(super) struct ProfileFile<'a> {
    #[serde(borrow)]
    pub(super) profiles: HashMap<String, &'a RawValue>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Profile {
    #[serde(default)]
    pub(super) sections: IndexMap<String, SectionData>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct SectionData {
    #[serde(default)]
    pub(super) attributes: Map<String, Json>,
    /// A list of discriminators or objects, or a map to yes and no.
    #[serde(default)]
    pub(super) tags: Json,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

impl SectionData {
    /// Discriminators or names of the tags that are on.
    pub(super) fn tags_on(&self) -> Vec<&str> {
        match &self.tags {
            Json::Array(list) => list
                .iter()
                .filter_map(|tag| {
                    tag.as_str().or_else(|| tag["discriminator"].as_str()).or_else(|| tag["name"].as_str())
                })
                .collect(),
            Json::Object(map) => {
                map.iter().filter(|(_, on)| **on == Json::Bool(true)).map(|(name, _)| name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.tags_on().is_empty() && self.events.is_empty()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) version_id: Option<Json>,
    #[serde(default)]
    pub(super) discriminator: Option<String>,
    pub(super) event_time: DateTime<Utc>,
    #[serde(default)]
    pub(super) data: Map<String, Json>,
}
