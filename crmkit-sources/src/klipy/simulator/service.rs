//! The gateway: who answers at all, key, limits, scope, faults, then the route, then the answer on the wire, or not.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{
    Bytes, Effect, Handler, HeaderMap, LoggedRequest, Reply, Request, Response, header, steer, token_digest,
};
use serde_json::json;

use super::{
    BASE,
    answer::{Answer, tell},
    routes::{self, Asked},
    state::State,
    switches::{Impostor, Switches},
    workspace::{ApiKey, Workspace},
};

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<State>);

/// The key of a request, in either header; empty where there is none.
pub(super) fn key_of(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = || text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    text("x-klipy-api-key").or_else(bearer).unwrap_or_default().trim().to_owned()
}

/// A request in parts.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    key: String,
    now: DateTime<Utc>,
    sequence: u64,
    body: &'a [u8],
}

impl Ask<'_> {
    fn respond(&self, answer: Answer, switches: &Switches) -> Response<Bytes> {
        answer.into_response(switches, self.sequence, &self.now.to_rfc3339())
    }
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.0, &request));
        }
        let (parts, body) = request.into_parts();
        let ask = Ask {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            key: key_of(&parts.headers),
            now: self.0.clock.now(),
            sequence: self.0.traffic.next_sequence(),
            body: &body,
        };
        let reply = self.exchange(&ask).await;
        self.0.traffic.record(LoggedRequest {
            sequence: ask.sequence,
            method: ask.method.to_owned(),
            path: ask.path.to_owned(),
            query: parts.uri.query().map(str::to_owned),
            status: reply.status(),
            time: ask.now,
            account: if ask.key.is_empty() { String::new() } else { token_digest(&ask.key) },
            body: self.0.traffic.capture(&body),
        });
        reply
    }
}

impl Service {
    async fn exchange(&self, ask: &Ask<'_>) -> Reply {
        let known = self.0.by_key(&ask.key);
        let usual = match &known {
            Some((workspace, _)) => workspace.profile().switches.clone(),
            None => self.0.default_workspace().map(|own| own.profile().switches.clone()).unwrap_or_default(),
        };
        if let Some(answer) = impostor(&usual, ask.path) {
            return Reply::Send(ask.respond(answer, &usual));
        }
        let unexpired = |key: &ApiKey| key.expires_at.is_none_or(|end| end > ask.now);
        let Some((workspace, key)) = known.filter(|(_, key)| unexpired(key)) else {
            return Reply::Send(ask.respond(unauthorized(), &usual));
        };
        let room = workspace.admit(&key.key, &usual, ask.now);
        let respond = |answer: Answer| {
            let mut response = ask.respond(answer, &usual);
            if let Some(room) = room {
                tell(&mut response, &usual, room, ask.now);
            }
            response
        };
        if room.is_some_and(|room| !room.admitted) {
            return Reply::Send(respond(throttled()));
        }
        let run = || respond(self.run(ask, &workspace, &key, &usual));
        let fault = workspace.faults.take(ask.method, ask.path, ask.body);
        match fault.or_else(|| self.0.faults.take(ask.method, ask.path, ask.body)) {
            None => Reply::Send(run()),
            Some(effect) => match effect.peeled() {
                (true, effect) => {
                    let applied = run();
                    self.suffer(effect, ask, &usual, || applied).await
                }
                (false, effect) => self.suffer(effect, ask, &usual, run).await,
            },
        }
    }

    async fn suffer(
        &self,
        effect: Effect,
        ask: &Ask<'_>,
        switches: &Switches,
        run: impl FnOnce() -> Response<Bytes>,
    ) -> Reply {
        match effect {
            Effect::Delay { ms } => {
                let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
                self.0.clock.sleep_until(self.0.clock.now() + wait).await;
                Reply::Send(run())
            }
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                run();
                Reply::Close
            }
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(run())),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(run()),
            Effect::TruncateBody => Reply::Truncate(run()),
            Effect::Garbage => Reply::Send(run().map(|_| Bytes::from_static(b"{\"object\":\"success\",\"da"))),
            Effect::Status { status, body, headers } => {
                let usual = Answer::refused(status, "INJECTED", "Injected error");
                let answer = body.map_or(usual, |body| Answer::Foreign(status, body));
                with_headers(ask.respond(answer, switches), &headers)
            }
            Effect::RetryAfter { value } => {
                with_headers(ask.respond(throttled(), switches), &[("retry-after".into(), value)])
            }
            Effect::ExpiredToken => Reply::Send(ask.respond(unauthorized(), switches)),
            Effect::BudgetSpent => {
                with_headers(ask.respond(throttled(), switches), &[("retry-after".into(), "60".into())])
            }
            Effect::Html { status, body } => {
                let page = body.unwrap_or_else(|| "<html><body>Bad Gateway</body></html>".to_owned());
                Reply::Send(ask.respond(Answer::Page(status, page), switches))
            }
            _ => Reply::Send(ask.respond(Answer::refused(500, "INJECTED", "an unknown effect"), switches)),
        }
    }

    fn run(&self, ask: &Ask<'_>, workspace: &Workspace, key: &ApiKey, switches: &Switches) -> Answer {
        let Some(path) = ask.path.strip_prefix(BASE) else { return self.unmodelled(ask) };
        let Some((route, id)) = routes::find(ask.method, path) else { return self.unmodelled(ask) };
        if let Some(scope) = route.scope.filter(|scope| !key.may(scope)) {
            return Answer::refused(403, "FORBIDDEN", format!("The API key lacks the scope {scope}"));
        }
        let name = workspace.profile().name.clone();
        let asked = Asked { id, body: ask.body, now: ask.now, switches, name: &name };
        routes::answer(route, &asked, &mut workspace.tables())
    }

    fn unmodelled(&self, ask: &Ask<'_>) -> Answer {
        self.0.note_unmodelled(format!("{} {}", ask.method, ask.path));
        Answer::Foreign(501, json!({ "error": "x-simulator: not modelled" }))
    }
}

/// What others answer at the same address.
fn impostor(switches: &Switches, path: &str) -> Option<Answer> {
    Some(match switches.impostor {
        Impostor::Nobody => return None,
        Impostor::Gifs => {
            let gif = json!({ "slug": "hello-1", "title": "Hello", "file": { "gif": { "url": "https://static.example/1.gif" } } });
            let page = json!({ "data": [gif], "current_page": 1, "per_page": 24, "has_next": false });
            Answer::Foreign(200, json!({ "result": true, "data": page }))
        }
        Impostor::GifsNotFound => {
            Answer::Foreign(404, json!({ "result": false, "errors": { "message": ["Not found"] } }))
        }
        Impostor::Website => Answer::Page(200, format!("<!doctype html><html><body>Welcome to {path}</body></html>")),
    })
}

fn unauthorized() -> Answer {
    Answer::refused(401, "UNAUTHORIZED", "The API key is invalid, expired or revoked")
}

fn throttled() -> Answer {
    Answer::refused(429, "RATE_LIMITED", "Too many requests")
}

fn with_headers(mut response: Response<Bytes>, headers: &[(String, String)]) -> Reply {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    Reply::Send(response)
}
