//! Answers: one content, two envelopes.

use crmkit_core::simulator::{Bytes, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    switches::{CursorName, Envelope, ListPlace, RateHeaders, Switches},
    workspace::Room,
};

/// What goes back, before its envelope.
#[derive(Debug)]
pub(super) enum Answer {
    /// A record or a fact.
    One(u16, Value),
    /// A page of a list, called so in the older form.
    List { name: &'static str, items: Vec<Value>, asked: Option<String>, next: Option<String>, last: Option<String> },
    /// Nothing to say.
    Empty,
    /// A refusal: status, code, message.
    Refused(u16, &'static str, String),
    /// JSON of somebody else.
    Foreign(u16, Value),
    /// A page of HTML.
    Page(u16, String),
}

impl Answer {
    pub(super) fn refused(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(status, code, message.into())
    }

    /// The response in the envelope of the switches.
    pub(super) fn into_response(self, switches: &Switches, sequence: u64, now: &str) -> Response<Bytes> {
        let meta = json!({ "request_id": format!("req_{sequence:08}"), "api_version": "1", "timestamp": now });
        let current = switches.envelope == Envelope::Current;
        let (status, body) = match self {
            Self::One(status, data) if current => (status, json!({ "object": "success", "data": data, "meta": meta })),
            Self::One(status, data) => (status, json!({ "success": true, "data": data })),
            Self::List { name, items, asked, next, last } => {
                let info = match switches.cursors {
                    CursorName::NextCursor => json!({ "next_cursor": next }),
                    CursorName::EndCursor => json!({ "end_cursor": last, "has_next": next.is_some() }),
                    CursorName::Repeats => json!({ "next_cursor": next.or(asked) }),
                };
                let data = match switches.lists {
                    ListPlace::Data => Value::Array(items),
                    ListPlace::Named => json!({ name: items }),
                };
                let body = match current {
                    true => json!({ "object": "success", "data": data, "page_info": info, "meta": meta }),
                    false => json!({ "success": true, "data": data, "page_info": info }),
                };
                (200, body)
            }
            Self::Empty => (204, Value::Null),
            Self::Refused(status, code, message) => {
                let error = json!({ "code": code, "message": message, "details": null });
                let body = match current {
                    true => json!({ "object": "error", "error": error, "meta": meta }),
                    false => json!({ "success": false, "error": error }),
                };
                (status, body)
            }
            Self::Foreign(status, body) => (status, body),
            Self::Page(status, page) => return respond(status, "text/html; charset=utf-8", page.into()),
        };
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        respond(status, "application/json; charset=utf-8", bytes)
    }
}

fn respond(status: u16, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Tells in headers what is left of the minute.
pub(super) fn tell(
    response: &mut Response<Bytes>,
    switches: &Switches,
    room: Room,
    now: chrono::DateTime<chrono::Utc>,
) {
    let seconds = (room.reset.num_milliseconds().max(0) + 999) / 1_000;
    let (names, reset) = match switches.rate_headers {
        RateHeaders::Absent => return,
        RateHeaders::Epoch => (PREFIXED, now.timestamp() + seconds),
        RateHeaders::Seconds => (PREFIXED, seconds),
        RateHeaders::Plain => (["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"], seconds),
    };
    let values = [room.limit.to_string(), room.remaining.to_string(), reset.to_string()];
    for (name, value) in names.into_iter().zip(values) {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    if !room.admitted
        && switches.retry_after
        && let Ok(value) = seconds.max(1).to_string().parse()
    {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
}

const PREFIXED: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
