//! What the vendor's documents leave open, each with both positions.

use serde::{Deserialize, Serialize};

/// What the vendor's documents leave open, and how this account does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// What values of attributes are listed under.
    pub attribute_keys: AttributeKeys,
    /// Tags of a profile as a map to true and false; otherwise a list.
    pub tags_as_map: bool,
    /// Lists of values come in `{"items": …}`; otherwise bare.
    pub values_in_items: bool,
    /// Events of a profile carry the type's discriminator beside the version.
    pub event_discriminator: bool,
    /// The property of an attribute's version that tells its type; empty: nothing tells.
    pub type_property: String,
    /// Which poll addresses an answer to an export request holds.
    pub poll: PollStyle,
    /// How often a job is asked for before it is ready.
    pub polls_until_ready: u32,
    /// Bytes of a request body from which on it is refused.
    pub body_limit: usize,
    /// Error bodies carry an `AUD-` code.
    pub error_codes: bool,
    /// How long a token lives, in seconds.
    pub token_seconds: i64,
    /// A 429 says how long to wait.
    pub retry_after: bool,
}

/// What values of attributes are listed under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKeys {
    /// The id of the version they were written under.
    #[default]
    Version,
    /// The attribute's discriminator.
    Discriminator,
}

/// Which poll addresses an answer to an export request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollStyle {
    /// Both, while the old one is not switched off.
    #[default]
    Both,
    /// The old one alone: 404 while running.
    Legacy,
    /// The new one alone: 202 while running.
    V2,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            attribute_keys: AttributeKeys::default(),
            tags_as_map: false,
            values_in_items: true,
            event_discriminator: true,
            type_property: String::new(),
            poll: PollStyle::default(),
            polls_until_ready: 2,
            body_limit: 100_000,
            error_codes: true,
            token_seconds: 24 * 3600,
            retry_after: false,
        }
    }
}
