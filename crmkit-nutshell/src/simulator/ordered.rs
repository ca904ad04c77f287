//! Label maps keep the order in which they were written, which our JSON values do not: they travel as lists of pairs inside.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

/// The key under which an ordered map keeps its pairs.
const PAIRS: &str = "--pairs";

/// The keys of JSON-RPC whose maps are in order.
const LABELLED: [&str; 4] = ["email", "phone", "url", "address"];

/// A map with its order.
pub(super) fn map(pairs: Vec<(String, Value)>) -> Value {
    json!({ PAIRS: pairs })
}

/// The pairs of a map: in their order, if it has one.
pub(super) fn pairs(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    match map.get(PAIRS) {
        Some(kept) => {
            let kept = kept.as_array().into_iter().flatten();
            kept.filter_map(|pair| Some((pair[0].as_str()?, &pair[1]))).collect()
        }
        None => map.iter().map(|(key, value)| (key.as_str(), value)).collect(),
    }
}

/// Reads JSON with the order of label maps.
pub(super) fn read(body: &[u8]) -> serde_json::Result<Value> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let value = Reading { labelled: false }.deserialize(&mut from)?;
    from.end()?;
    Ok(value)
}

/// Writes JSON with the order of label maps.
pub(super) fn write(value: &Value) -> String {
    serde_json::to_string(&Writing(value)).unwrap_or_default()
}

struct Reading {
    labelled: bool,
}

impl<'de> DeserializeSeed<'de> for Reading {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = from.next_element_seed(Reading { labelled: false })? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all: Vec<(String, Value)> = Vec::new();
        while let Some(key) = from.next_key::<String>()? {
            let value = from.next_value_seed(Reading { labelled: LABELLED.contains(&key.as_str()) })?;
            all.push((key, value));
        }
        Ok(if self.labelled { map(all) } else { Value::Object(all.into_iter().collect()) })
    }
}

struct Writing<'a>(&'a Value);

impl Serialize for Writing<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                let mut shown = to.serialize_map(None)?;
                for (key, value) in pairs(object) {
                    shown.serialize_entry(key, &Writing(value))?;
                }
                shown.end()
            }
            Value::Array(all) => to.collect_seq(all.iter().map(Writing)),
            other => other.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_maps_keep_their_order_and_others_are_values() {
        let text = r#"{"a":[1,-2,1.5,null,true],"email":{"work":"b","0":"a"},"phone":["1"]}"#;
        let value = read(text.as_bytes()).unwrap();
        assert_eq!(write(&value), text);
        assert_eq!(value["email"], map(vec![("work".into(), "b".into()), ("0".into(), "a".into())]));
        for broken in ["", "{", r#"{"a":1} x"#] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
