//! A transform as a plan names it: `"trim"`, or `{ template = "{product} for {account}" }`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::Value as Json;

/// A transform named in a plan, with its arguments.
///
/// ```
/// use crmkit_core::TransformCall;
/// let calls: Vec<TransformCall> = serde_json::from_str(r#"["trim", {"template": "{name}"}]"#)?;
/// assert_eq!(calls[0], TransformCall::bare("trim"));
/// assert_eq!(calls[1].arguments, "{name}");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TransformCall {
    /// The registered name.
    pub name: String,
    /// The arguments; `null` where there are none.
    pub arguments: Json,
}

impl TransformCall {
    /// A call without arguments.
    pub fn bare(name: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: Json::Null }
    }

    /// A call with arguments.
    pub fn with(name: impl Into<String>, arguments: impl Into<Json>) -> Self {
        Self { name: name.into(), arguments: arguments.into() }
    }
}

impl Serialize for TransformCall {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.arguments.is_null() {
            return to.serialize_str(&self.name);
        }
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, &self.arguments)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for TransformCall {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = TransformCall;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a transform's name, or one name with its arguments")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<TransformCall, E> {
                Ok(TransformCall::bare(name))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<TransformCall, A::Error> {
                let (name, arguments) =
                    map.next_entry::<String, Json>()?.ok_or_else(|| de::Error::custom("a transform needs a name"))?;
                if map.next_key::<String>()?.is_some() {
                    return Err(de::Error::custom("one transform per entry; write several entries"));
                }
                Ok(TransformCall { name, arguments })
            }
        }

        from.deserialize_any(Visitor)
    }
}
