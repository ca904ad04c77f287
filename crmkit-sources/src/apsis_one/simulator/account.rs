//! What one account holds: definitions, profiles, consents, events; read from a seed and written into a dump.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::switches::Switches;

/// One account with everything in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Account {
    /// What it is called here.
    pub(super) name: String,
    pub(super) clients: Vec<ApiClient>,
    pub(super) switches: Switches,
    pub(super) keyspaces: Vec<Keyspace>,
    pub(super) channels: Vec<Named>,
    pub(super) sections: Vec<Section>,
    pub(super) segments: Vec<Segment>,
    /// The inventory of marketing automation.
    pub(super) flows: Vec<Value>,
    /// By export key.
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) email_events: Vec<EmailEvent>,
}

/// An API key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiClient {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) discriminator: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyspace {
    pub(super) discriminator: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) manage_subscriptions: bool,
    /// The attribute that holds its keys, in every section.
    #[serde(default)]
    pub(super) attribute: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    pub(super) discriminator: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) attributes: Vec<Definition>,
    pub(super) tags: Vec<Named>,
    pub(super) events: Vec<Definition>,
    pub(super) topics: Vec<Topic>,
}

/// An attribute or event type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    pub(super) discriminator: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    /// The type of its values: `text`, `boolean`, `date`, `timestamp`, `integer`, `decimal`.
    #[serde(default, rename = "type")]
    pub(super) ty: Option<String>,
    pub(super) versions: Vec<Version>,
}

impl Definition {
    /// The version that new values are kept under.
    pub(super) fn current(&self) -> &str {
        let current = self.versions.iter().rev().find(|version| version.deprecated_at.is_none());
        current.or(self.versions.last()).map_or("", |version| &version.id)
    }

    pub(super) fn has_version(&self, id: &str) -> bool {
        self.versions.iter().any(|version| version.id == id)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Version {
    pub(super) id: String,
    #[serde(default)]
    pub(super) deprecated_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Topic {
    pub(super) discriminator: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) folder_discriminator: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    pub(super) discriminator: String,
    pub(super) name: String,
    /// The definition's text or rules, as the vendor keeps them: nobody outside knows the syntax.
    pub(super) definition: Value,
    /// Export keys of those it fits: the simulator does not evaluate definitions. Absent: everybody.
    #[serde(default)]
    pub(super) members: Option<Vec<String>>,
}

impl Segment {
    pub(super) fn has(&self, export_key: &str) -> bool {
        self.members.as_ref().is_none_or(|members| members.iter().any(|member| member == export_key))
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Profile {
    /// By keyspace.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) locked: bool,
    /// By section.
    pub(super) sections: BTreeMap<String, SectionData>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SectionData {
    /// By discriminator.
    pub(super) attributes: Map<String, Value>,
    /// Values under a version that is not current any more, by version.
    pub(super) deprecated: Map<String, Value>,
    pub(super) tags: Vec<String>,
    pub(super) events: Vec<Event>,
    pub(super) consents: Vec<Consent>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) discriminator: String,
    pub(super) event_time: DateTime<Utc>,
    #[serde(default)]
    pub(super) data: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consent {
    pub(super) topic_discriminator: String,
    pub(super) channel_discriminator: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) modified_at: DateTime<Utc>,
}

/// A row of the e-mail events report; times in milliseconds since 1970, 0 where unknown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailEvent {
    pub(super) activity_id: String,
    #[serde(default)]
    pub(super) activity_name: String,
    #[serde(default)]
    pub(super) sender: String,
    #[serde(default)]
    pub(super) subject: String,
    pub(super) address: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) correlation_id: String,
    pub(super) event_time: i64,
    pub(super) server_time: i64,
    #[serde(default)]
    pub(super) device: String,
}

impl Account {
    pub(super) fn section(&self, discriminator: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.discriminator == discriminator)
    }

    /// The export key of the profile with a key in a keyspace.
    pub(super) fn find(&self, keyspace: &str, key: &str) -> Option<String> {
        if keyspace == EXPORT_KEYSPACE {
            return self.profiles.contains_key(key).then(|| key.to_owned());
        }
        let mut profiles = self.profiles.iter();
        profiles
            .find(|(_, profile)| profile.keys.get(keyspace).is_some_and(|own| own == key))
            .map(|(own, _)| own.clone())
    }

    /// An export key that nobody has.
    pub(super) fn new_export_key(&self) -> String {
        (self.profiles.len() + 1..)
            .map(|number| format!("x{number:09}"))
            .find(|key| !self.profiles.contains_key(key))
            .unwrap_or_default()
    }
}

pub(super) const EXPORT_KEYSPACE: &str = "com.apsis1.keyspaces.export";
