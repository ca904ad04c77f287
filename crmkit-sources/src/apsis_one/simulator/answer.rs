//! What goes back on the wire: JSON, files, problem details, and the gateway's own words.

use crmkit_core::simulator::{Bytes, Response, StatusCode, header};
use serde_json::{Value, json};

use super::switches::Switches;

/// A status, a body of a type, further headers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

pub(super) const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), content_type: JSON, headers: Vec::new() }
    }

    pub(super) fn items(items: Vec<Value>) -> Self {
        Self::json(200, &json!({ "items": items }))
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: Vec::new(), content_type: "", headers: Vec::new() }
    }

    pub(super) fn file(body: Vec<u8>, content_type: &'static str) -> Self {
        Self { status: 200, body, content_type, headers: Vec::new() }
    }

    /// Problem details, with the code where the account has them.
    pub(super) fn problem(switches: &Switches, status: u16, code: u16, title: &str) -> Self {
        let mut body = json!({ "status": status, "title": title, "detail": title });
        if switches.error_codes {
            body["code"] = json!(format!("AUD-{code:04}"));
        }
        Self { content_type: PROBLEM, ..Self::json(status, &body) }
    }

    /// What the gateway says to a token that is not good, whatever is wrong with it.
    pub(super) fn denied() -> Self {
        Self::json(403, &json!({ "message": "User is not authorized to access this resource with an explicit deny" }))
    }

    pub(super) fn too_many(switches: &Switches, wait: chrono::TimeDelta) -> Self {
        let mut answer = Self::json(429, &json!({ "message": "Too Many Requests" }));
        if switches.retry_after {
            answer.headers.push(("retry-after", (wait.num_seconds() + 1).to_string()));
        }
        answer
    }

    pub(super) fn not_modelled(what: &str) -> Self {
        let mut answer = Self::json(501, &json!({ "title": format!("{what} is not modelled") }));
        answer.headers.push(("x-simulator", "not modelled".to_owned()));
        answer
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if !self.content_type.is_empty() {
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(self.content_type));
        }
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
