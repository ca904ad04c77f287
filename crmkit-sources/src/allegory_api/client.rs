//! Requests and answers: the schema, pages of rows, the bytes of attachments.

use chrono::{DateTime, SecondsFormat, Utc};
use crmkit_core::{
    Error, ErrorKind, FileStream, RecordId, Result, Retry,
    http::{Request, Transport, reqwest::Method},
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::AllegoryApiConfig;

/// Tries of a request that did not reach the server, or found it down.
const ATTEMPTS: u32 = 5;

/// The server's interface.
#[derive(Clone, Debug)]
pub(super) struct Client {
    transport: Transport,
    rows: u32,
    since: Option<DateTime<Utc>>,
}

/// What the server says about itself and its objects: the folder's manifest and `schema.json` in one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    pub(super) source: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) objects: IndexMap<String, Object>,
}

/// An object, as `schema.json` has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    pub(super) fields: IndexMap<String, serde_json::Value>,
}

/// A page of rows, each as the server wrote it: numbers keep their digits.
#[derive(Debug, Deserialize)]
pub(super) struct Rows {
    pub(super) data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

impl Client {
    pub(super) fn new(transport: Transport, config: &AllegoryApiConfig) -> Self {
        Self { transport, rows: config.page_rows, since: config.since }
    }

    /// The server's objects and their fields.
    pub(super) async fn schema(&self) -> Result<Account> {
        let request = Request::new("allegory_api.schema", Method::GET, "/v1/schema");
        self.get(request).await
    }

    /// A page of an object's rows.
    pub(super) async fn rows(&self, object: &str, cursor: Option<&str>) -> Result<Rows> {
        let path = format!("/v1/{}", object.split('/').map(segment).collect::<Vec<_>>().join("/"));
        let mut request = Request::new("allegory_api.rows", Method::GET, path).query("limit", self.rows);
        if let Some(cursor) = cursor {
            request = request.query("cursor", cursor);
        }
        if let Some(since) = self.since {
            request = request.query("updated_since", since.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        let page: Rows = self.get(request).await?;
        let wrong = |message: &str| {
            Err(Error::new(ErrorKind::Protocol, "allegory_api.rows", message, Retry::Never)
                .with_context("object", object))
        };
        if page.next_cursor.is_some() && page.next_cursor.as_deref() == cursor {
            return wrong("the server gives the same cursor again, so the pages would never end");
        }
        if page.data.iter().any(|row| !row.get().starts_with('{')) {
            return wrong("a row is no JSON object");
        }
        Ok(page)
    }

    /// The bytes of an attachment.
    pub(super) async fn content(&self, id: &RecordId) -> Result<FileStream> {
        let path = format!("/v1/attachments/{}/content", segment(id.as_str()));
        let request = Request::new("allegory_api.content", Method::GET, path);
        self.transport.download(request).await
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, request: Request) -> Result<T> {
        let mut attempt = 1;
        loop {
            let error = match self.transport.send(request.clone()).await {
                Ok(answer) => return answer.json(&request),
                Err(error) => error,
            };
            match error.retry() {
                Retry::After(wait) if attempt < ATTEMPTS && error.kind() == ErrorKind::Unavailable => {
                    let clock = self.transport.clock();
                    clock.sleep_until(clock.now() + wait * attempt).await;
                    attempt += 1;
                }
                _ => return Err(error),
            }
        }
    }
}

/// A segment of a path, with everything escaped that could be more than one.
fn segment(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    // A segment of dots only leads elsewhere, escaped or not.
    if text.bytes().all(|byte| byte == b'.') {
        return text.replace('.', "%252E");
    }
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one() {
        let cases = [("f1", "f1"), ("a/b", "a%2Fb"), ("é?", "%C3%A9%3F"), ("..", "%252E%252E"), ("a..b", "a..b")];
        for (text, wanted) in cases {
            assert_eq!(segment(text), wanted);
        }
    }
}
