//! Answers on the wire.

use crmkit_core::simulator::{Bytes, Reply, header, json_response};
use serde_json::json;
use uuid::Uuid;

use super::answer::Answer;

/// An answer as it leaves, with the number of its request.
pub(super) fn send(sequence: u64, answer: Answer) -> Reply {
    let mut response = json_response(answer.status, &answer.body);
    if let Some(content) = answer.raw {
        let (content, kind) = content;
        response = response.map(|_| content);
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    let id = Uuid::from_u128(u128::from(sequence)).to_string();
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("x-correlation-id", id);
    }
    Reply::Send(response)
}

/// A page of HTML instead of JSON.
pub(super) fn html(sequence: u64, status: u16, page: &str) -> Reply {
    match send(sequence, Answer::new(status, json!(null))) {
        Reply::Send(response) => {
            let mut response = response.map(|_| Bytes::from(page.to_owned()));
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
            Reply::Send(response)
        }
        other => other,
    }
}

/// A reply with further headers.
pub(super) fn with_headers(reply: Reply, headers: &[(String, String)]) -> Reply {
    let Reply::Send(mut response) = reply else { return reply };
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    Reply::Send(response)
}
