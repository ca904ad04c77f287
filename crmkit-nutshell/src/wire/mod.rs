//! Nutshell's JSON, as far as its shape is fixed: everything else is read with care in `convert`.

mod catalog;
mod record;
mod response;

pub(crate) use catalog::{Attribute, Market, Milestone, Named, Outcome, RestUser, Tags, User};
pub(crate) use record::{Multi, Record};
pub(crate) use response::Response;

use serde_json::Value as Json;

/// A JSON object.
pub(crate) type Object = serde_json::Map<String, Json>;

/// An id: a number, digits, or a REST id, `7-accounts`.
pub(crate) fn id_of(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.split('-').next()?.parse().ok(),
        _ => None,
    }
}

pub(crate) mod id {
    //! Ids as numbers, whatever they came as.

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        super::id_of(&serde_json::Value::deserialize(from)?).ok_or_else(|| D::Error::custom("an id is a number"))
    }
}
