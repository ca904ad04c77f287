//! Plain data that says which server, how fast, and what of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;

/// Which server, how fast, and what of it.
///
/// ```
/// use crmkit_sources::allegory_api::AllegoryApiConfig;
/// let config: AllegoryApiConfig =
///     serde_json::from_str(r#"{"base_url": "https://export.acme.example", "token": "0123456789abcdef"}"#)?;
/// assert!(!format!("{config:?}").contains("0123456789abcdef"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AllegoryApiConfig {
    /// The server's address. There is no public one.
    pub base_url: String,
    /// The token. A host that rotates tokens gives the builder its `Credentials` instead.
    pub token: Option<SecretString>,
    /// Names the account where the server does not. It is part of every marker, so a delta needs the same name.
    pub instance: Option<String>,
    /// Reads only what changed since then, and what was deleted: a delta.
    pub since: Option<DateTime<Utc>>,
    /// Rows of one page, 1 to 1,000.
    pub page_rows: u32,
    /// Requests a second. None is published; 10 is the assumption until somebody confirms another.
    pub per_second: u32,
    /// Keeps to no limit of its own. For simulators.
    pub unlimited: bool,
    /// How long an answer may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
}

impl Default for AllegoryApiConfig {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            token: None,
            instance: None,
            since: None,
            page_rows: 200,
            per_second: 10,
            unlimited: false,
            timeout_seconds: 30,
            connect_timeout_seconds: 10,
        }
    }
}

impl AllegoryApiConfig {
    /// A server at an address.
    pub fn at(base_url: impl Into<String>, token: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), token: Some(SecretString::from(token.into())), ..Self::default() }
    }

    /// The JSON Schema of this configuration, for hosts that build connectors from their own settings.
    ///
    /// ```
    /// assert_eq!(crmkit_sources::allegory_api::AllegoryApiConfig::json_schema()["type"], "object");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        let default = Self::default();
        let from_one = |default: u64| serde_json::json!({"type": "integer", "minimum": 1, "default": default});
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["base_url"],
            "properties": {
                "base_url": {"type": "string", "format": "uri"},
                "token": {"type": "string", "writeOnly": true},
                "instance": {"type": "string"},
                "since": {"type": "string", "format": "date-time"},
                "page_rows": {"type": "integer", "minimum": 1, "maximum": 1000, "default": default.page_rows},
                "per_second": from_one(default.per_second.into()),
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
        let schema = AllegoryApiConfig::json_schema();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let error = serde_json::from_str::<AllegoryApiConfig>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
