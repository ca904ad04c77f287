//! What goes back: the vendor's envelopes and error bodies, built in one place.

use crmkit_core::simulator::Bytes;
use serde_json::{Map, Value, json};

use super::entity::Entity;
use super::switches::Switches;

pub(super) type Row = Map<String, Value>;

const VALIDATION: &str = "ERR_SCHEMA_VALIDATION_FAILED";
const INFO: &str = "Please check developers.pipedrive.com";

/// A status, a JSON body and further headers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What goes out instead of the JSON body, with its media type.
    pub(super) raw: Option<(Bytes, &'static str)>,
}

/// What a route returns: an answer either way, the error being one that applied nothing.
pub(super) type Answered = Result<Answer, Answer>;

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new(), raw: None }
    }

    /// A success without additional data.
    pub(super) fn ok(data: impl Into<Value>) -> Self {
        Self::with(data, Value::Null)
    }

    /// The content of a file.
    pub(super) fn raw(content: Bytes, disposition: String) -> Self {
        let mut answer = Self::new(200, Value::Null);
        answer.raw = Some((content, "application/octet-stream"));
        if !disposition.is_empty() {
            answer.headers.push(("content-disposition", disposition));
        }
        answer
    }

    /// The content is elsewhere.
    pub(super) fn redirect(location: String) -> Self {
        let mut answer = Self::raw(Bytes::new(), String::new());
        answer.status = 302;
        answer.headers.push(("location", location));
        answer
    }

    /// A success with additional data.
    pub(super) fn with(data: impl Into<Value>, additional: Value) -> Self {
        let mut body = Row::new();
        body.insert("success".into(), true.into());
        body.insert("data".into(), data.into());
        body.insert("additional_data".into(), additional);
        Self::new(200, Value::Object(body))
    }

    /// An error with the usual hint.
    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::error_with(status, message, INFO)
    }

    fn error_with(status: u16, message: &str, info: &str) -> Self {
        let body = json!({
            "success": false, "error": message, "error_info": info, "data": null, "additional_data": null,
        });
        Self::new(status, body)
    }

    /// A further key in the body.
    pub(super) fn key(mut self, key: &str, value: &str) -> Self {
        if let Value::Object(body) = &mut self.body {
            body.insert(key.into(), value.into());
        }
        self
    }

    /// v2 refuses a value.
    pub(super) fn invalid(path: &str, reason: &str) -> Self {
        Self::error(400, &format!("Validation failed: {path}: {reason}")).key("code", VALIDATION)
    }

    /// An error without the key that not every account may send.
    pub(super) fn worded(mut self, switches: &Switches) -> Self {
        if !switches.errors_have_code
            && let Value::Object(body) = &mut self.body
            && body.get("code").is_some_and(|code| code == VALIDATION)
        {
            body.remove("code");
        }
        self
    }

    /// v2 does not know a key.
    pub(super) fn unknown_key(path: &str, key: &str) -> Self {
        Self::invalid(path, &format!("Unknown key '{key}'"))
    }

    /// A reference to something that does not exist.
    pub(super) fn missing_link(key: &str, what: &str) -> Self {
        Self::invalid(key, &format!("{what} not found or not accessible."))
    }

    pub(super) fn not_found() -> Self {
        Self::error_with(404, "Entity was not found", "Object was not found.")
    }

    /// There is no such record of this kind.
    pub(super) fn gone(entity: Entity) -> Self {
        let kind = match entity {
            Entity::Leads => "lead",
            Entity::LeadLabels => "lead label",
            _ => return Self::not_found(),
        };
        Self::error_with(404, &format!("requested {kind} not found"), "Object was not found.")
    }

    pub(super) fn forbidden() -> Self {
        Self::error(403, "You do not have permissions to do this.")
    }

    /// A plan's cap is reached.
    pub(super) fn capped(message: &str, code: &str) -> Self {
        let info = "Please check developers.pipedrive.com for more information about Pipedrive API.";
        Self::error_with(403, message, info).key("code", code)
    }

    /// The gateway does not know the token.
    pub(super) fn unauthorized() -> Self {
        let body = json!({ "success": false, "error": "unauthorized access", "errorCode": 401, "error_info": INFO });
        let mut answer = Self::new(401, body);
        answer.headers.push(("x-401-by-gw", "true".into()));
        answer
    }

    /// A limit is reached.
    pub(super) fn over_limit() -> Self {
        let body = json!({ "success": false, "error": "request over limit", "errorCode": 429, "error_info": INFO });
        Self::new(429, body)
    }

    /// A limit is reached, said in plain text.
    pub(super) fn over_limit_in_text() -> Self {
        let mut answer = Self::new(429, Value::Null);
        answer.raw = Some((Bytes::from_static(b"Too Many Requests"), "text/plain"));
        answer
    }

    /// The simulator does not know this route.
    pub(super) fn not_modelled(method: &str, path: &str) -> Self {
        let mut answer = Self::error(501, &format!("{method} {path} is not modelled"));
        answer.headers.push(("x-simulator", "not modelled".into()));
        answer
    }
}

/// The page that a hammering client gets instead of JSON.
pub(super) const CLOUDFLARE: &str = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head>\
<body><h1>Sorry, you have been blocked</h1></body></html>";
