//! Digests of what is written, over one canonical form, and keyed digests of what must not be readable.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, cut to 128 bits; hexadecimal in documents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::cut(Sha256::digest(bytes).as_slice())
    }

    /// The digest of several byte strings; where one ends and the next begins matters.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut sha = Sha256::new();
        for part in parts {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
        Self::cut(sha.finalize().as_slice())
    }

    /// The digest of field values; the order of the fields does not matter.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = (&'a crate::FieldName, &'a crate::Value)>) -> Self {
        let mut sorted: Vec<_> = fields.into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(b.0));
        // Most records fit: growing from nothing would copy each of them several times.
        let mut json = Vec::with_capacity(1_024);
        serde_json::to_writer(&mut json, &sorted).expect("values are serialisable");
        Self::of(&json)
    }

    /// The digest of a document: canonical JSON, so TOML, JSON, comments and key order make no difference.
    pub fn of_document(document: &impl Serialize) -> Self {
        let json = serde_json::to_value(document).expect("documents are serialisable");
        Self::of(canonical(&json).as_bytes())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A digest from its bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn cut(bytes: &[u8]) -> Self {
        let mut cut = [0; 16];
        cut.copy_from_slice(&bytes[..16]);
        Self(cut)
    }
}

/// JSON text with sorted keys, whatever map the host's `serde_json` uses.
fn canonical(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let inner: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", serde_json::Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        for (byte, digits) in self.0.iter().zip(text.chunks_exact_mut(2)) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "a digest is 32 hexadecimal digits".to_owned();
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
