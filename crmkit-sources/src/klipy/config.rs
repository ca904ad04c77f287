//! Plain data that says which workspace, which harvest, and how fast.

use std::{path::PathBuf, time::Duration};

use crmkit_core::{rust_decimal::Decimal, secrecy::SecretString};
use serde::{Deserialize, Serialize};

/// Which workspace, which harvest, and how fast.
///
/// ```
/// use crmkit_sources::klipy::KlipyConfig;
/// let config: KlipyConfig = serde_json::from_str(r#"{"key": "klipy_api_0123", "harvest": "harvest"}"#)?;
/// assert!(!format!("{config:?}").contains("klipy_api_0123"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KlipyConfig {
    /// The interface's address: the vendor's unless told.
    pub base_url: String,
    /// The API key. Without one, and without credentials of the host, the interface is not asked.
    pub key: Option<SecretString>,
    /// The header that carries the key.
    pub header: KeyHeader,
    /// The folder with the CSV files, if there are any.
    pub harvest: Option<PathBuf>,
    /// The file that keeps what was drawn over the interface, so that an interrupted extraction goes on. Without it the snapshot is
    /// in memory, and its pages are not declared repeatable.
    pub snapshot: Option<PathBuf>,
    /// The name of the account in markers; the workspace's own unless told.
    pub instance: Option<String>,
    /// The zone of times that carry none (IANA name).
    pub time_zone: Option<String>,
    /// The currency of amounts that carry none (ISO 4217).
    pub currency: Option<String>,
    /// What becomes of interactions that are neither mail, call, meeting nor message.
    pub loose_interactions: LooseInteractions,
    /// Further pipelines, and which deals go into them: the first rule that fits decides.
    pub spread: Vec<SpreadRule>,
    /// Hosts from which attachments may be fetched; of others the address is kept and listed.
    pub attachment_hosts: Vec<String>,
    /// Records asked for at once.
    pub page: usize,
    /// Calls that one key may make in a minute.
    pub per_key: u32,
    /// Calls that all keys of the organization may make in a minute.
    pub per_organization: u32,
    /// The share of both that this connector takes.
    pub share: f64,
    /// Keeps to no limit of its own. For simulators.
    pub unlimited: bool,
    /// How long an answer may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
}

/// The header that carries the key; the vendor takes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyHeader {
    /// `X-Klipy-Api-Key`.
    #[default]
    Own,
    /// `Authorization: Bearer`.
    Bearer,
}

/// What becomes of memos, manual entries and events of other programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LooseInteractions {
    /// Notes on the contact.
    #[default]
    Notes,
    /// Tasks.
    Tasks,
}

/// Which deals go into a pipeline of their own: those with the tag, or those whose value is in the range.
///
/// ```
/// use crmkit_sources::klipy::SpreadRule;
/// let rule: SpreadRule = serde_json::from_str(r#"{"pipeline": "Enterprise", "from": "50000"}"#)?;
/// assert_eq!(rule.pipeline, "Enterprise");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpreadRule {
    /// The pipeline that they go into.
    pub pipeline: String,
    /// The tag that they have, whatever its case.
    pub tag: Option<String>,
    /// The least value, that value included.
    pub from: Option<Decimal>,
    /// The value from which on it no longer fits.
    pub below: Option<Decimal>,
}

impl Default for KlipyConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.klipy.ai/api/v1".to_owned(),
            key: None,
            header: KeyHeader::default(),
            harvest: None,
            snapshot: None,
            instance: None,
            time_zone: None,
            currency: None,
            loose_interactions: LooseInteractions::default(),
            spread: Vec::new(),
            attachment_hosts: Vec::new(),
            page: 100,
            per_key: 200,
            per_organization: 1_000,
            share: 0.9,
            unlimited: false,
            timeout_seconds: 30,
            connect_timeout_seconds: 10,
        }
    }
}

impl KlipyConfig {
    /// The vendor's interface with a key.
    pub fn api(key: impl Into<String>) -> Self {
        Self { key: Some(SecretString::from(key.into())), ..Self::default() }
    }

    /// An interface at another address: a simulator, a proxy.
    pub fn at(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), ..Self::api(key) }
    }

    /// CSV files alone.
    pub fn harvested(folder: impl Into<PathBuf>) -> Self {
        Self { harvest: Some(folder.into()), ..Self::default() }
    }

    /// The JSON Schema of this configuration, for hosts that build connectors from their own settings.
    ///
    /// ```
    /// assert_eq!(crmkit_sources::klipy::KlipyConfig::json_schema()["type"], "object");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        let default = Self::default();
        let from_one = |default: u64| serde_json::json!({"type": "integer", "minimum": 1, "default": default});
        let text = || serde_json::json!({"type": "string"});
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "base_url": {"type": "string", "format": "uri", "default": default.base_url},
                "key": {"type": "string", "writeOnly": true},
                "header": {"enum": ["own", "bearer"], "default": "own"},
                "harvest": text(),
                "snapshot": text(),
                "instance": text(),
                "time_zone": text(),
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "loose_interactions": {"enum": ["notes", "tasks"], "default": "notes"},
                "spread": {"type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["pipeline"],
                    "properties": {"pipeline": text(), "tag": text(), "from": text(), "below": text()},
                }},
                "attachment_hosts": {"type": "array", "items": text()},
                "page": {"type": "integer", "minimum": 1, "maximum": 1000, "default": default.page},
                "per_key": from_one(default.per_key.into()),
                "per_organization": from_one(default.per_organization.into()),
                "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": default.share},
                "unlimited": {"type": "boolean", "default": default.unlimited},
                "timeout_seconds": from_one(default.timeout_seconds),
                "connect_timeout_seconds": from_one(default.connect_timeout_seconds),
            },
        })
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_what_is_read() {
        let schema = KlipyConfig::json_schema();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let error = serde_json::from_str::<KlipyConfig>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
