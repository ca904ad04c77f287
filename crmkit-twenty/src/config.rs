//! Plain data that says which workspace and how fast.

use std::time::Duration;

use crmkit_core::secrecy::SecretString;
use serde::Deserialize;

/// Which workspace and how fast.
///
/// ```
/// use crmkit_twenty::TwentyConfig;
/// let config: TwentyConfig = serde_json::from_str(r#"{"token": "0123456789abcdef", "calls": 50}"#)?;
/// assert!(!format!("{config:?}").contains("0123456789abcdef"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TwentyConfig {
    /// The server's address: the cloud's unless told.
    pub base_url: String,
    /// The API key. A host that rotates keys gives the builder its `Credentials` instead.
    pub token: Option<SecretString>,
    /// Records of one create, 1 to 200. The vendor promises 60.
    pub batch: usize,
    /// Calls that the workspace allows in `per_seconds`. They are sent evenly: a bucket that is emptied in a burst fills again
    /// only after a pause.
    pub calls: u32,
    /// See `calls`.
    pub per_seconds: u64,
    /// Keeps to no limit of its own. For servers without limits and simulators.
    pub unlimited: bool,
    /// The country of phone numbers that name none, as ISO 3166 has it: `DE`. Without it such numbers are refused.
    pub phone_region: Option<String>,
    /// How long an answer may take, in seconds. Changes of the schema take several.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
}

impl Default for TwentyConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.twenty.com".to_owned(),
            token: None,
            batch: 60,
            calls: 100,
            per_seconds: 60,
            unlimited: false,
            phone_region: None,
            timeout_seconds: 30,
            connect_timeout_seconds: 10,
        }
    }
}

impl TwentyConfig {
    /// A workspace of the vendor's cloud.
    pub fn cloud(token: impl Into<String>) -> Self {
        Self { token: Some(SecretString::from(token.into())), ..Self::default() }
    }

    /// A workspace of a server at an address: self-hosted, a simulator, a proxy.
    pub fn at(base_url: impl Into<String>, token: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), ..Self::cloud(token) }
    }

    /// The JSON Schema of this configuration, for hosts that build connectors from their own settings.
    ///
    /// ```
    /// assert_eq!(crmkit_twenty::TwentyConfig::json_schema()["type"], "object");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        let default = Self::default();
        let from_one = |default: u64| serde_json::json!({"type": "integer", "minimum": 1, "default": default});
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "base_url": {"type": "string", "format": "uri", "default": default.base_url},
                "token": {"type": "string", "writeOnly": true},
                "batch": {"type": "integer", "minimum": 1, "maximum": 200, "default": default.batch},
                "calls": from_one(default.calls.into()),
                "per_seconds": from_one(default.per_seconds),
                "unlimited": {"type": "boolean", "default": default.unlimited},
                "phone_region": {"type": "string", "pattern": "^[A-Z]{2}$"},
                "timeout_seconds": from_one(default.timeout_seconds),
                "connect_timeout_seconds": from_one(default.connect_timeout_seconds),
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
        let schema = TwentyConfig::json_schema();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let error = serde_json::from_str::<TwentyConfig>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
