//! What goes back on the wire.

use crmkit_core::simulator::{Bytes, Response, StatusCode, header, json_response};
use serde_json::{Value, json};

use super::failure::Failure;

/// A status, a body and further headers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(String, String)>,
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Value),
    Bytes(&'static str, Vec<u8>),
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), headers: Vec::new() }
    }

    pub(super) fn bytes(status: u16, mime: &'static str, content: Vec<u8>) -> Self {
        Self { status, body: Body::Bytes(mime, content), headers: Vec::new() }
    }

    pub(super) fn rest(failure: &Failure) -> Self {
        Self::json(failure.status, failure.rest())
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The simulator does not know this.
    pub(super) fn not_modelled(what: &str) -> Self {
        let body =
            json!({ "statusCode": 501, "error": "NotModelled", "messages": [format!("{what} is not modelled")] });
        Self::json(501, body).header("x-simulator", "not modelled")
    }

    pub(super) fn response(self) -> Response<Bytes> {
        let mut response = match self.body {
            Body::Json(body) => json_response(self.status, &body),
            Body::Bytes(mime, content) => {
                let mut response = Response::new(Bytes::from(content));
                *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(mime));
                response
            }
        };
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
