//! Plain data that says which account and how fast.

use std::time::Duration;

use crmkit_core::secrecy::SecretString;
use serde::Deserialize;

/// The account's plan: decides limits and caps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Lite (formerly Essential).
    #[default]
    Lite,
    /// Growth (formerly Advanced).
    Growth,
    /// Premium (formerly Professional and Power).
    Premium,
    /// Ultimate (formerly Enterprise).
    Ultimate,
}

impl Tier {
    /// Requests in any two seconds.
    pub fn burst(self, auth: Auth) -> u32 {
        let of_a_token = match self {
            Self::Lite => 20,
            Self::Growth => 40,
            Self::Premium => 100,
            Self::Ultimate => 120,
        };
        match auth {
            Auth::ApiToken => of_a_token,
            Auth::Oauth => of_a_token * 4,
        }
    }

    /// Tokens a day for each seat.
    pub fn tokens_per_seat(self) -> u64 {
        let multiplier = match self {
            Self::Lite => 1,
            Self::Growth => 2,
            Self::Premium => 5,
            Self::Ultimate => 7,
        };
        30_000 * multiplier
    }

    /// Custom fields of the whole account.
    pub fn custom_fields(self) -> u64 {
        match self {
            Self::Lite => 30,
            Self::Growth => 100,
            Self::Premium => 300,
            Self::Ultimate => 500,
        }
    }

    /// Open deals and leads of the whole account.
    pub fn deals(self, seats: u32) -> u64 {
        let per_seat = match self {
            Self::Lite => 2_500,
            Self::Growth => 5_000,
            Self::Premium => 15_000,
            Self::Ultimate => 20_000,
        };
        (per_seat * u64::from(seats.max(1))).min(300_000)
    }
}

/// What a token is: decides how it is sent, and how many requests it is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A user's API token. It does not expire.
    #[default]
    ApiToken,
    /// An app's access token. It lasts an hour; [`OAuth`](crate::OAuth) renews it.
    Oauth,
}

/// Which account and how fast.
///
/// ```
/// use crmkit_pipedrive::PipedriveConfig;
/// let config: PipedriveConfig =
///     serde_json::from_str(r#"{"company_domain": "acme", "token": "0123456789abcdef", "tier": "growth", "seats": 5}"#)?;
/// assert!(!format!("{config:?}").contains("0123456789abcdef"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PipedriveConfig {
    /// The company's host name without `.pipedrive.com`.
    pub company_domain: Option<String>,
    /// The whole address instead of the domain: `https://api.pipedrive.com`, or a simulator's.
    pub base_url: Option<String>,
    /// The API token. A host that rotates tokens gives the builder its `Credentials` instead.
    pub token: Option<SecretString>,
    /// What the token is.
    pub auth: Auth,
    /// The account's plan. No interface tells it.
    pub tier: Tier,
    /// Paid seats: the day's tokens are a multiple of them.
    pub seats: u32,
    /// Requests in any two seconds, where the account's contract says another number than its plan.
    pub burst: Option<u32>,
    /// Tokens a day for the whole account, where its contract says another number or more were bought.
    pub tokens_per_day: Option<u64>,
    /// `POST` and `PUT` requests a day, for accounts that are still held to the fair-use rule of old (10 000 a user).
    pub writes_per_day: Option<u32>,
    /// The most notes of one deal, where the account's is known: the vendor publishes none.
    pub notes_per_deal: Option<u64>,
    /// The largest file sent, in bytes. The vendor publishes no limit.
    pub max_file_bytes: u64,
    /// Keeps to no limit of its own. For accounts without limits and simulators.
    pub unlimited: bool,
    /// The part of a burst that is ours, from 0 to 1.
    pub burst_share: f64,
    /// The part of a day's tokens that is ours, from 0 to 1.
    pub day_share: f64,
    /// The hour (UTC) at which the day's tokens are whole again, where it is known.
    pub reset_hour: Option<u32>,
    /// How long an answer may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a connection may take, in seconds.
    pub connect_timeout_seconds: u64,
    /// Writes the attendees of activities. Off unless told: the account may send each of them an invitation.
    pub attendees: bool,
    /// The name of the text field that carries the key of a migrated record.
    pub marker: String,
}

impl Default for PipedriveConfig {
    fn default() -> Self {
        Self {
            company_domain: None,
            base_url: None,
            token: None,
            auth: Auth::default(),
            tier: Tier::default(),
            seats: 1,
            burst: None,
            tokens_per_day: None,
            writes_per_day: None,
            notes_per_deal: None,
            max_file_bytes: 25 * 1024 * 1024,
            unlimited: false,
            burst_share: 0.9,
            day_share: 0.8,
            reset_hour: None,
            timeout_seconds: 30,
            connect_timeout_seconds: 10,
            attendees: false,
            marker: "crmkit_id".to_owned(),
        }
    }
}

impl PipedriveConfig {
    /// The account of a company, by its host name without `.pipedrive.com`.
    pub fn company(domain: impl Into<String>, token: impl Into<String>) -> Self {
        Self { company_domain: Some(domain.into()), token: Some(SecretString::from(token.into())), ..Self::default() }
    }

    /// An account at an address: a simulator, a proxy.
    pub fn at(base_url: impl Into<String>, token: impl Into<String>) -> Self {
        Self { base_url: Some(base_url.into()), token: Some(SecretString::from(token.into())), ..Self::default() }
    }

    /// The JSON Schema of this configuration, for hosts that build connectors from their own settings.
    ///
    /// ```
    /// assert_eq!(crmkit_pipedrive::PipedriveConfig::json_schema()["type"], "object");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        let default = Self::default();
        let share = |default: f64| serde_json::json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": default});
        let count = serde_json::json!({"type": "integer", "minimum": 1});
        let seconds = |default: u64| serde_json::json!({"type": "integer", "minimum": 1, "default": default});
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "company_domain": {"type": "string", "pattern": "^[A-Za-z0-9-]+$"},
                "base_url": {"type": "string", "format": "uri"},
                "token": {"type": "string", "writeOnly": true},
                "auth": {"enum": ["api_token", "oauth"], "default": "api_token"},
                "tier": {"enum": ["lite", "growth", "premium", "ultimate"], "default": "lite"},
                "seats": {"type": "integer", "minimum": 1, "default": default.seats},
                "burst": count.clone(),
                "tokens_per_day": count.clone(),
                "writes_per_day": count.clone(),
                "notes_per_deal": count,
                "max_file_bytes": {"type": "integer", "minimum": 1, "default": default.max_file_bytes},
                "unlimited": {"type": "boolean", "default": default.unlimited},
                "burst_share": share(default.burst_share),
                "day_share": share(default.day_share),
                "reset_hour": {"type": "integer", "minimum": 0, "maximum": 23},
                "timeout_seconds": seconds(default.timeout_seconds),
                "connect_timeout_seconds": seconds(default.connect_timeout_seconds),
                "attendees": {"type": "boolean", "default": default.attendees},
                "marker": {"type": "string", "minLength": 1, "default": default.marker},
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
        let schema = PipedriveConfig::json_schema();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let error = serde_json::from_str::<PipedriveConfig>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
