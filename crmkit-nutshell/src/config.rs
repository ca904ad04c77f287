//! Plain data that says which instance and how fast.

use std::time::Duration;

use crmkit_core::secrecy::SecretString;
use serde::Deserialize;

/// Which instance and how fast.
///
/// ```
/// use crmkit_nutshell::NutshellConfig;
/// let config: NutshellConfig =
///     serde_json::from_str(r#"{"username": "ann@acme.example", "key": "0123456789abcdef", "ceiling": 6.0}"#)?;
/// assert!(!format!("{config:?}").contains("0123456789abcdef"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NutshellConfig {
    /// The address of the instance where it is known: a simulator's, a proxy's. Otherwise it is discovered.
    pub base_url: Option<String>,
    /// Where the address of an instance is asked for.
    pub discovery_url: String,
    /// How long a discovered address is kept, in seconds; the vendor says 10 to 90 minutes.
    pub discovery_seconds: u64,
    /// The e-mail of the user whose permissions apply.
    pub username: String,
    /// The API key. A host that rotates keys gives the builder its `Credentials` instead.
    pub key: Option<SecretString>,
    /// The key may speak for any user, so notes and tasks carry their real author.
    pub impersonate: bool,
    /// Requests a second to begin with.
    pub start: f64,
    /// Requests a second that are never exceeded.
    pub ceiling: f64,
    /// Lists and look-ups a second that are never exceeded: the vendor says that these are limited first. They begin at half of it.
    pub find_ceiling: f64,
    /// Requests of the key that are under way at once.
    pub in_flight: usize,
    /// Keeps to no pace of its own. For simulators.
    pub unlimited: bool,
    /// How far lists lag behind what was written, in seconds.
    pub lag_seconds: u64,
    /// How long an answer may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
    /// The name of the text field that carries the key of a migrated record.
    pub marker: String,
    /// How many leads may be open under the account's plan: 100 under Foundation, any number under the others. No interface tells.
    pub open_lead_cap: Option<u64>,
    /// How many people the account's tier allows, where it has a tier. No interface tells.
    pub contact_cap: Option<u64>,
    /// The largest file that is sent, in bytes; any where none is given. The vendor does not tell.
    pub max_file_bytes: Option<u64>,
    /// How many custom fields the account's plan allows, where that is known. No interface tells.
    pub custom_field_cap: Option<u64>,
}

impl Default for NutshellConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            discovery_url: "https://api.nutshell.com".to_owned(),
            discovery_seconds: 30 * 60,
            username: String::new(),
            key: None,
            impersonate: true,
            start: 4.0,
            ceiling: 10.0,
            find_ceiling: 4.0,
            in_flight: 1,
            unlimited: false,
            lag_seconds: 6,
            timeout_seconds: 30,
            connect_timeout_seconds: 10,
            marker: "crmkit_id".to_owned(),
            open_lead_cap: None,
            contact_cap: None,
            max_file_bytes: None,
            custom_field_cap: None,
        }
    }
}

impl NutshellConfig {
    /// The instance of a user, whose address is discovered.
    pub fn user(username: impl Into<String>, key: impl Into<String>) -> Self {
        Self { username: username.into(), key: Some(SecretString::from(key.into())), ..Self::default() }
    }

    /// An instance at an address: a simulator, a proxy.
    pub fn at(base_url: impl Into<String>, username: impl Into<String>, key: impl Into<String>) -> Self {
        Self { base_url: Some(base_url.into()), ..Self::user(username, key) }
    }

    /// The JSON Schema of this configuration, for hosts that build connectors from their own settings.
    ///
    /// ```
    /// assert_eq!(crmkit_nutshell::NutshellConfig::json_schema()["type"], "object");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        let default = Self::default();
        let rate = |default: f64| serde_json::json!({"type": "number", "exclusiveMinimum": 0, "default": default});
        let count = serde_json::json!({"type": ["integer", "null"], "minimum": 0});
        let whole = |default: u64| serde_json::json!({"type": "integer", "minimum": 1, "default": default});
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["username"],
            "properties": {
                "base_url": {"type": "string", "format": "uri"},
                "discovery_url": {"type": "string", "format": "uri", "default": default.discovery_url},
                "discovery_seconds": whole(default.discovery_seconds),
                "username": {"type": "string", "minLength": 1},
                "key": {"type": "string", "writeOnly": true},
                "impersonate": {"type": "boolean", "default": default.impersonate},
                "start": rate(default.start),
                "ceiling": rate(default.ceiling),
                "find_ceiling": rate(default.find_ceiling),
                "in_flight": whole(default.in_flight as u64),
                "unlimited": {"type": "boolean", "default": default.unlimited},
                "lag_seconds": whole(default.lag_seconds),
                "timeout_seconds": whole(default.timeout_seconds),
                "connect_timeout_seconds": whole(default.connect_timeout_seconds),
                "open_lead_cap": count,
                "contact_cap": count,
                "max_file_bytes": count,
                "custom_field_cap": count,
                "marker": {"type": "string", "minLength": 1, "maxLength": 40, "default": default.marker},
            },
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_what_is_read() {
        let schema = NutshellConfig::json_schema();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let error = serde_json::from_str::<NutshellConfig>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
