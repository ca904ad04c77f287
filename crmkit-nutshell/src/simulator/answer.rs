//! What goes wrong, said once, and what goes back on the wire of either API.

use crmkit_core::simulator::{Bytes, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::ordered;
use super::switches::Switches;

pub(super) type Row = Map<String, Value>;

/// Why a call is refused; nothing was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The parameters have the wrong form.
    BadParams(String),
    /// A value is not accepted.
    Invalid(String),
    /// A value of this REST attribute is not accepted.
    InvalidField(&'static str, String),
    /// There is no such record.
    NotFound(String),
    /// The record was changed since.
    Stale,
    /// The user may not.
    Forbidden(String),
    /// The plan does not allow more.
    PlanCap(String),
    /// JSON-RPC has no such method.
    NoMethod,
    /// The vendor has this, the simulator does not.
    NotModelled(String),
    /// A title with a detail, as REST writes it, and the status.
    Rest(u16, String, Option<String>),
}

/// Shorthand for a value that is not accepted.
pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Invalid(message.into()))
}

/// A status, a body and further headers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Html(String),
    /// Bytes of this type.
    File(Vec<u8>, String),
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), headers: Vec::new() }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: Body::Empty, headers: Vec::new() }
    }

    /// The page that REST answers instead of JSON.
    pub(super) fn page(status: u16, what: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html><html><head><title>An Error Occurred: {what}</title></head><body><h1>Oops!</h1></body></html>"
        );
        Self { status, body: Body::Html(page), headers: Vec::new() }
    }

    pub(super) fn not_modelled(what: &str) -> Self {
        let mut answer = Self::json(501, json!({ "error": format!("{what} is not modelled") }));
        answer.headers.push(("x-simulator", "not modelled".into()));
        answer
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let (bytes, kind) = match self.body {
            Body::Empty => (Bytes::new(), None),
            Body::Json(body) => (Bytes::from(ordered::write(&body)), Some("application/json".to_owned())),
            Body::Html(page) => (Bytes::from(page), Some("text/html; charset=UTF-8".to_owned())),
            Body::File(bytes, kind) => (Bytes::from(bytes), Some(kind)),
        };
        let mut response = Response::new(bytes);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(Ok(kind)) = kind.map(|kind| kind.parse()) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A JSON-RPC error: its code, its text.
pub(super) fn rpc_error(failure: &Failure, switches: &Switches) -> (i64, String) {
    match failure {
        Failure::BadParams(message) => (switches.bad_params_code, message.clone()),
        Failure::Invalid(message) | Failure::InvalidField(_, message) => (switches.invalid_code, message.clone()),
        Failure::NotFound(message) => (404, message.clone()),
        Failure::Stale => (409, "rev key is out-of-date".into()),
        Failure::Forbidden(message) => (switches.forbidden_code, message.clone()),
        Failure::PlanCap(message) => (switches.plan_cap_code, message.clone()),
        Failure::NoMethod => (-32601, "Method not found".into()),
        Failure::NotModelled(message) => (501, message.clone()),
        Failure::Rest(status, title, _) => (i64::from(*status), title.clone()),
    }
}

/// The HTTP status of a JSON-RPC error.
pub(super) fn rpc_status(code: i64, switches: &Switches) -> u16 {
    let mapped = match code {
        -32601 => 404,
        400..=599 => u16::try_from(code).unwrap_or(400),
        _ => 400,
    };
    if switches.errors_in_status || matches!(mapped, 401 | 501) { mapped } else { 200 }
}

/// A JSON-RPC answer around an error.
pub(super) fn rpc_envelope(code: i64, message: &str, id: &Value) -> Value {
    json!({ "error": { "code": code, "message": message, "data": null }, "id": id, "jsonrpc": "2.0" })
}

/// A REST answer to a refused call about `resource`.
pub(super) fn rest_error(failure: Failure, resource: &str, meta: Value, switches: &Switches) -> Answer {
    let (status, title, detail, field) = match failure {
        Failure::NotFound(_) => return Answer::page(404, "Not Found"),
        Failure::Forbidden(_) => {
            let status = u16::try_from(switches.forbidden_code).unwrap_or(403);
            return Answer::page(status, "Forbidden");
        }
        Failure::NotModelled(what) => return Answer::not_modelled(&what),
        Failure::PlanCap(message) => (u16::try_from(switches.plan_cap_code).unwrap_or(403), message, None, None),
        Failure::BadParams(message) | Failure::Invalid(message) => (400, message, None, None),
        Failure::InvalidField(field, message) => (400, message, None, Some(field)),
        Failure::Rest(status, title, detail) => (status, title, detail, None),
        Failure::Stale => (409, "rev key is out-of-date".into(), None, None),
        Failure::NoMethod => return Answer::json(405, "Internal Error".into()),
    };
    let error = json!({
        "id": null, "type": "errors", "code": null, "detail": detail, "href": null, "status": status.to_string(),
        "title": title, "field": field,
    });
    let mut body = json!({ "meta": meta, "links": {}, "errors": [error] });
    if !resource.is_empty() {
        body[resource] = json!([]);
    }
    Answer::json(status, body)
}
