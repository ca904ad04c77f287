//! What a JSON-RPC answer is wrapped in.

use serde::{Deserialize, Deserializer};

/// `{"result": …}`. The result may be null, but not absent.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Response<T> {
    #[serde(deserialize_with = "present")]
    pub(crate) result: T,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::deserialize(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_a_result_and_absence_is_none() {
        let read = |text: &str| serde_json::from_str::<Response<Option<i64>>>(text).map(|answer| answer.result);
        assert_eq!(read(r#"{"result":null,"id":"1"}"#).unwrap(), None);
        assert_eq!(read(r#"{"result":7,"error":null}"#).unwrap(), Some(7));
        assert!(read(r#"{"id":"1"}"#).is_err());
    }
}
