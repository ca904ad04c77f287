//! The gateway: token, limit, faults, then the call, then the answer on the wire, or not.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use chrono::TimeDelta;
use crmkit_core::simulator::{
    Bytes, Effect, Handler, LoggedRequest, Reply, Request, Response, header, json_response, steer, token_digest,
};
use serde_json::{Value, json};

use super::{
    account::Content,
    state::{Company, State},
    steering::token_of,
};

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<State>);

/// A request in parts.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    /// The path's segments below `/v1`, decoded.
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Ask<'_> {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.0, &request));
        }
        let (parts, _) = request.into_parts();
        let pairs = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        // A plus is one in a path, and a space in a query only.
        let decoded = |segment: &str| pairs(&segment.replace('+', "%2B").replace('=', "%3D")).into_iter().next();
        let path = parts.uri.path();
        let segments = path.strip_prefix("/v1/").unwrap_or_default().split('/');
        let ask = Ask {
            method: parts.method.as_str(),
            path,
            segments: segments.filter_map(decoded).map(|(segment, _)| segment).collect(),
            query: pairs(parts.uri.query().unwrap_or_default()),
        };
        let (time, sequence) = (self.0.clock.now(), self.0.traffic.next_sequence());
        let token = token_of(&parts.headers);
        let reply = self.exchange(&ask, token).await;
        self.0.traffic.record(LoggedRequest {
            sequence,
            method: ask.method.to_owned(),
            path: path.to_owned(),
            query: parts.uri.query().map(str::to_owned),
            status: reply.status(),
            time,
            account: if token.is_empty() { String::new() } else { token_digest(token) },
            body: None,
        });
        reply
    }
}

impl Service {
    async fn exchange(&self, ask: &Ask<'_>, token: &str) -> Reply {
        let Some(company) = self.0.by_token(token) else { return Reply::Send(refusal(401, "the token is not valid")) };
        if let Err(wait) = self.0.admit(&company) {
            return Reply::Send(throttled(&company, wait));
        }
        let fault = company.faults.take(ask.method, ask.path, b"");
        match fault.or_else(|| self.0.faults.take(ask.method, ask.path, b"")) {
            None => Reply::Send(self.run(ask, &company)),
            Some(effect) => self.suffer(effect.peeled().1, ask, &company).await,
        }
    }

    async fn suffer(&self, effect: Effect, ask: &Ask<'_>, company: &Company) -> Reply {
        let run = || self.run(ask, company);
        match effect {
            Effect::Delay { ms } => {
                let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
                self.0.clock.sleep_until(self.0.clock.now() + wait).await;
                Reply::Send(run())
            }
            Effect::CloseBeforeApply | Effect::CloseAfterApply => Reply::Close,
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(run())),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(run()),
            Effect::TruncateBody => Reply::Truncate(run()),
            Effect::Garbage => Reply::Send(run().map(|_| Bytes::from_static(b"{\"data\":[{\"i"))),
            Effect::Status { status, body, headers } => {
                let answer = body.map_or_else(|| refusal(status, "scripted"), |body| json_response(status, &body));
                Reply::Send(with_headers(answer, &headers))
            }
            Effect::RetryAfter { value } => {
                Reply::Send(with_headers(refusal(429, "too many requests"), &[("retry-after".to_owned(), value)]))
            }
            Effect::ExpiredToken => Reply::Send(refusal(401, "the token is not valid any more")),
            Effect::BudgetSpent => Reply::Send(throttled(company, TimeDelta::hours(1))),
            Effect::Html { status, body } => {
                let page = body.unwrap_or_else(|| "<html><title>Bad Gateway</title></html>".to_owned());
                let answer = refusal(status, "").map(|_| Bytes::from(page));
                Reply::Send(with_headers(answer, &[("content-type".to_owned(), "text/html".to_owned())]))
            }
            _ => Reply::Send(refusal(500, "an effect that this simulator does not know")),
        }
    }

    fn run(&self, ask: &Ask<'_>, company: &Company) -> Response<Bytes> {
        let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
        match (ask.method, &segments[..]) {
            ("GET", ["schema"]) => json_response(200, &company.schema()),
            ("GET", ["attachments", id, "content"]) => content(company, id),
            ("GET", [object]) => rows(ask, company, object),
            ("GET", ["custom" | "links", _]) => rows(ask, company, &segments.join("/")),
            _ => {
                self.0.note_unmodelled(format!("{} {}", ask.method, ask.path));
                let unknown = ("x-simulator".to_owned(), "not modelled".to_owned());
                with_headers(refusal(501, "not modelled"), &[unknown])
            }
        }
    }
}

fn rows(ask: &Ask<'_>, company: &Company, object: &str) -> Response<Bytes> {
    let limit = match ask.query("limit").map_or(Ok(200), str::parse::<usize>) {
        Ok(limit) if limit > 0 => limit,
        _ => return refusal(400, "`limit` is no number from 1 on"),
    };
    let since = ask.query("updated_since");
    if since.is_some_and(|since| chrono::DateTime::parse_from_rfc3339(since).is_err()) {
        return refusal(400, "`updated_since` is no RFC 3339 time");
    }
    match company.page(object, ask.query("cursor"), limit, since) {
        None => refusal(404, "there is no such object"),
        Some(Err(())) => refusal(410, "the cursor is not known any more"),
        Some(Ok(page)) => json_response(200, &json!({ "data": page.rows, "next_cursor": page.next })),
    }
}

fn content(company: &Company, id: &str) -> Response<Bytes> {
    let bytes = match company.file(id) {
        Some(Content::Text(text)) => Some(text.into_bytes()),
        Some(Content::Path(path)) => fs::read(path).ok(),
        None => None,
    };
    match bytes {
        None => refusal(404, "there is no such file"),
        Some(bytes) => {
            let mut answer = Response::new(Bytes::from(bytes));
            let kind = header::HeaderValue::from_static("application/octet-stream");
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer
        }
    }
}

fn refusal(status: u16, message: &str) -> Response<Bytes> {
    json_response(status, &json!({ "error": { "message": Value::from(message) } }))
}

fn throttled(company: &Company, wait: TimeDelta) -> Response<Bytes> {
    let answer = refusal(429, "too many requests");
    let seconds = (wait.num_milliseconds().max(1) as u64).div_ceil(1_000);
    match company.switches().retry_after {
        true => with_headers(answer, &[("retry-after".to_owned(), seconds.to_string())]),
        false => answer,
    }
}

fn with_headers(mut response: Response<Bytes>, headers: &[(String, String)]) -> Response<Bytes> {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
