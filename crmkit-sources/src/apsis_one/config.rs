//! Plain data that says which account, what in it, and how fast.

use std::time::Duration;

use crmkit_core::{
    chrono::{DateTime, Utc},
    secrecy::SecretString,
};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

/// Which account, what in it, and how fast.
///
/// ```
/// use crmkit_sources::apsis_one::ApsisOneConfig;
/// let config: ApsisOneConfig = serde_json::from_str(
///     r#"{"client_id": "0b5c", "client_secret": "hush", "organization": {"name": "Company name"}}"#,
/// )?;
/// assert!(!format!("{config:?}").contains("hush"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ApsisOneConfig {
    /// The interface's address: `https://api.apsis.one`, or `https://api-apac.apsis.one`.
    pub base_url: String,
    /// The API key's id.
    pub client_id: String,
    /// The API key's secret. A host that keeps tokens itself gives the builder its `Credentials` instead.
    pub client_secret: Option<SecretString>,
    /// What the account is called in markers and ledgers. The interface tells no name: without one it is the client id, and a new
    /// API key is then a new account.
    pub account: Option<String>,
    /// Discriminators or names of the sections to read, in order of precedence; all where empty.
    pub sections: Vec<String>,
    /// Where two sections hold different values of one profile, the first section's counts. Otherwise the profile is held.
    pub first_section_wins: bool,
    /// What separates several values in a text.
    pub delimiters: String,
    /// The most different values with which an attribute is a pick-list of several.
    pub most_options: usize,
    /// Decided types of attributes, by name or discriminator: what sections or data leave open.
    pub attribute_types: IndexMap<String, AttributeType>,
    /// Attributes that tell about the profile's company: from `name`, `domain`, `website`, `industry`, `employee_count`, `revenue`
    /// or a name of your own to the attribute's name or discriminator.
    pub organization: IndexMap<String, String>,
    /// Attributes that tell about the profile's deal: from `id`, `title`, `amount`, `stage`, `status`, `expected_close_date` or a
    /// name of your own to the attribute's name or discriminator.
    pub deal: IndexMap<String, String>,
    /// The currency of amounts (ISO 4217).
    pub currency: Option<String>,
    /// How tags are written.
    pub tag_names: TagNames,
    /// Which events are read, and what becomes of them.
    pub events: EventConfig,
    /// Consents are read, profile by profile: no export tells their times.
    pub consents: bool,
    /// Addresses and numbers that are suppressed: the interface does not tell them.
    pub suppressed: Vec<String>,
    /// Discriminators of segments whose members are kept as they are now.
    pub static_segments: Vec<String>,
    /// Segments are counted, by an export each.
    pub count_members: bool,
    /// The path of the inventory of automations, where the account has one. The vendor does not publish it.
    pub flows_path: Option<String>,
    /// Documents of automations that people wrote down: JSON objects with a `name`.
    pub flows: Vec<Json>,
    /// The vendor's limits.
    pub limits: Limits,
    /// Keeps to no limits. For simulators.
    pub unlimited: bool,
    /// Profiles asked about at once.
    pub parallel: usize,
    /// How long before its end a token is renewed, in seconds.
    pub refresh_margin_seconds: u64,
    /// How long an export may take before the read is given up for now, in seconds.
    pub export_wait_seconds: u64,
    /// How long an answer may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
}

/// A type that a person decided for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each name is the type it stands for")]
pub enum AttributeType {
    Text,
    Bool,
    Int,
    Decimal,
    Date,
    Timestamp,
    /// Several entries of a pick-list.
    Options,
}

/// How tags are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagNames {
    /// `summer_sale`.
    #[default]
    Underscore,
    /// `Summer Sale`.
    Title,
    /// As it is, without outer and repeated spaces.
    Keep,
}

/// Which events are read, and what becomes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EventConfig {
    /// The first moment of the history; without one no events are read.
    pub since: Option<DateTime<Utc>>,
    /// Days of history per export.
    pub window_days: u32,
    /// Where opens, clicks and the like come from.
    pub email: EmailEvents,
    /// What event types become, by a part of their discriminator or name, before the built-in table is asked.
    pub kinds: IndexMap<String, EventKind>,
}

/// Where opens, clicks and the like come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailEvents {
    /// From the e-mail reports, which tell the subject of the e-mail, too.
    #[default]
    Reports,
    /// From the profiles' own events.
    Profiles,
}

/// What an event type becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A done task.
    Task,
    /// A call.
    Call,
    /// A note.
    Note,
    /// Nothing: it is told elsewhere, as consents are.
    Leave,
}

/// The vendor's limits, which it may change without notice.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Requests of the account a second.
    pub account_per_second: u32,
    /// Requests about one profile a second.
    pub profile_per_second: u32,
    /// Tokens a minute.
    pub tokens_per_minute: u32,
    /// Requested exports of profiles a second.
    pub profile_exports_per_second: u32,
    /// Requested exports of events a minute.
    pub event_exports_per_minute: u32,
    /// Polls and downloads a minute.
    pub downloads_per_minute: u32,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of an export file that are held in memory.
    pub export_bytes: usize,
    /// The part of the account's limit that is ours, from 0 to 1: other integrations live on the rest.
    pub share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            account_per_second: 100,
            profile_per_second: 10,
            tokens_per_minute: 10,
            profile_exports_per_second: 1,
            event_exports_per_minute: 1,
            downloads_per_minute: 60,
            // The smaller reading of "100 kB".
            body_bytes: 100_000,
            export_bytes: 512 << 20,
            share: 0.9,
        }
    }
}

impl Default for EventConfig {
    fn default() -> Self {
        Self { since: None, window_days: 7, email: EmailEvents::default(), kinds: IndexMap::new() }
    }
}

impl Default for ApsisOneConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.apsis.one".to_owned(),
            client_id: String::new(),
            client_secret: None,
            account: None,
            sections: Vec::new(),
            first_section_wins: false,
            delimiters: ";|".to_owned(),
            most_options: 50,
            attribute_types: IndexMap::new(),
            organization: IndexMap::new(),
            deal: IndexMap::new(),
            currency: None,
            tag_names: TagNames::default(),
            events: EventConfig::default(),
            consents: true,
            suppressed: Vec::new(),
            static_segments: Vec::new(),
            count_members: true,
            flows_path: None,
            flows: Vec::new(),
            limits: Limits::default(),
            unlimited: false,
            parallel: 16,
            refresh_margin_seconds: 15 * 60,
            export_wait_seconds: 6 * 3600,
            timeout_seconds: 120,
            connect_timeout_seconds: 10,
        }
    }
}

impl ApsisOneConfig {
    /// An account at an address, by its API key.
    pub fn at(base_url: impl Into<String>, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            client_id: client_id.into(),
            client_secret: Some(SecretString::from(client_secret.into())),
            ..Self::default()
        }
    }

    /// What markers and ledgers call the account.
    pub(super) fn instance(&self) -> &str {
        self.account.as_deref().unwrap_or(&self.client_id)
    }

    pub(super) fn export_wait(&self) -> Duration {
        Duration::from_secs(self.export_wait_seconds)
    }
}
