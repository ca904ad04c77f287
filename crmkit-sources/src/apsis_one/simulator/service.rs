//! The gateway: token, limits, faults, then the call, then the answer on the wire, or not.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{
    Bytes, Effect, FaultScript, Handler, HeaderMap, LoggedRequest, Reply, Request, Response, header, steer,
    token_digest,
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::limits::Class;
use super::state::{Company, State};
use super::switches::Switches;
use super::{definitions, exports, profiles};

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<State>);

/// The bearer token; empty where there is none.
pub(super) fn token_of(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().trim()
}

/// A request in parts.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The path's segments, decoded.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    pub(super) base: String,
    pub(super) body: &'a [u8],
}

impl Ask<'_> {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn queries(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn accepts_gzip(&self) -> bool {
        let value = self.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains("gzip"))
    }

    fn class(&self) -> Class {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        match (self.method, &segments[..]) {
            ("POST", ["oauth", "token"]) => Class::Token,
            ("POST", ["audience", "profiles", "reports", _]) => Class::ProfileExport,
            ("POST", ["audience", "profiles", "exports"]) => Class::EventExport,
            ("GET", ["audience", "downloads", ..] | ["emails", "reports", ..]) => Class::Download,
            (_, ["audience", "keyspaces", keyspace, "profiles", key, ..])
            | (_, ["v2", "audience", "keyspaces", keyspace, "profiles", key, ..]) => {
                Class::Profile((*keyspace).to_owned(), (*key).to_owned())
            }
            _ => Class::Other,
        }
    }
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.0, &request));
        }
        let (parts, body) = request.into_parts();
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let path = parts.uri.path();
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let ask = Ask {
            method: parts.method.as_str(),
            path,
            segments: segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect(),
            query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            headers: &parts.headers,
            base: format!("http://{host}"),
            body: &body,
        };
        let (now, sequence) = (self.0.clock.now(), self.0.traffic.next_sequence());
        let token = token_of(&parts.headers);
        let reply = self.exchange(&ask, token, now).await;
        self.0.traffic.record(LoggedRequest {
            sequence,
            method: ask.method.to_owned(),
            path: ask.path.to_owned(),
            query: parts.uri.query().map(str::to_owned),
            status: reply.status(),
            time: now,
            account: if token.is_empty() { String::new() } else { token_digest(token) },
            body: self.0.traffic.capture(&body),
        });
        reply
    }
}

impl Service {
    async fn exchange(&self, ask: &Ask<'_>, token: &str, now: DateTime<Utc>) -> Reply {
        let class = ask.class();
        if class == Class::Token {
            return self.token(ask, now).await;
        }
        let Some(company) = self.0.by_token(token).filter(|company| company.issued(token).is_some_and(|end| now < end))
        else {
            return send(Answer::denied());
        };
        let switches = company.account().switches.clone();
        if ask.body.len() > switches.body_limit {
            return send(Answer::problem(&switches, 413, 0, "Payload too large"));
        }
        if let Err(wait) = self.0.admit(&company, &class) {
            return send(Answer::too_many(&switches, wait));
        }
        let run = || self.run(ask, &company, now);
        match self.fault(ask, &company) {
            None => send(run()),
            Some(effect) => match effect.peeled() {
                (true, effect) => {
                    let applied = run();
                    self.suffer(effect, &switches, || applied).await
                }
                (false, effect) => self.suffer(effect, &switches, run).await,
            },
        }
    }

    fn fault(&self, ask: &Ask<'_>, company: &Company) -> Option<Effect> {
        let take = |script: &FaultScript| script.take(ask.method, ask.path, ask.body);
        take(&company.faults).or_else(|| take(&self.0.faults))
    }

    /// The token endpoint, which takes JSON and forms.
    async fn token(&self, ask: &Ask<'_>, now: DateTime<Utc>) -> Reply {
        #[derive(Deserialize)]
        struct Grant {
            grant_type: String,
            client_id: String,
            client_secret: String,
        }
        let form = || {
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(ask.body).into_owned().collect();
            let get = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            Some(Grant {
                grant_type: get("grant_type")?,
                client_id: get("client_id")?,
                client_secret: get("client_secret")?,
            })
        };
        let switches = Switches::default();
        let grant = serde_json::from_slice::<Grant>(ask.body).ok().or_else(form);
        let Some(grant) = grant.filter(|grant| grant.grant_type == "client_credentials") else {
            return send(Answer::problem(&switches, 400, 0, "The grant cannot be read"));
        };
        let company = self.0.by_client(&grant.client_id);
        if let Some(company) = &company
            && let Err(wait) = self.0.admit(company, &Class::Token)
        {
            return send(Answer::too_many(&company.account().switches, wait));
        }
        let effect = match &company {
            Some(company) => self.fault(ask, company),
            None => self.0.faults.take(ask.method, ask.path, ask.body),
        };
        let run = || {
            let good =
                company.as_ref().filter(|company| {
                    company.account().clients.iter().any(|client| {
                        client.client_id == grant.client_id && client.client_secret == grant.client_secret
                    })
                });
            match good {
                Some(company) => {
                    let (token, seconds) = company.issue(&grant.client_id, now);
                    Answer::json(200, &json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" }))
                }
                None => Answer::problem(&switches, 401, 8, "Authorization failure"),
            }
        };
        match effect {
            None => send(run()),
            Some(effect) => self.suffer(effect.peeled().1, &switches, run).await,
        }
    }

    async fn suffer(&self, effect: Effect, switches: &Switches, run: impl FnOnce() -> Answer) -> Reply {
        match effect {
            Effect::Delay { ms } => {
                let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
                self.0.clock.sleep_until(self.0.clock.now() + wait).await;
                send(run())
            }
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                run();
                Reply::Close
            }
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(run().into_response())),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(run().into_response()),
            Effect::TruncateBody => Reply::Truncate(run().into_response()),
            Effect::Garbage => Reply::Send(run().into_response().map(|_| Bytes::from_static(b"{\"profiles\":{\"x"))),
            Effect::Status { status, body, headers } => {
                let usual = || Answer::problem(switches, status, 4, "Injected error");
                let answer = body.map_or_else(usual, |body| Answer::json(status, &body));
                with_headers(answer.into_response(), &headers)
            }
            Effect::RetryAfter { value } => {
                let silent = Switches { retry_after: false, ..switches.clone() };
                let answer = Answer::too_many(&silent, TimeDelta::zero());
                with_headers(answer.into_response(), &[("retry-after".to_owned(), value)])
            }
            Effect::ExpiredToken => send(Answer::denied()),
            Effect::BudgetSpent => send(Answer::too_many(switches, TimeDelta::hours(1))),
            Effect::Html { status, body } => {
                let page = body.unwrap_or_else(|| "<html><title>Bad Gateway</title></html>".to_owned());
                send(Answer { status, body: page.into_bytes(), content_type: "text/html", headers: Vec::new() })
            }
            _ => send(Answer::problem(switches, 500, 4, "an effect that this simulator does not know")),
        }
    }

    fn run(&self, ask: &Ask<'_>, company: &Company, now: DateTime<Utc>) -> Answer {
        if let Some(answer) = exports::answer(company, ask, now) {
            return answer;
        }
        let mut account = company.account();
        if let Some(answer) = definitions::answer(&account, ask) {
            return answer;
        }
        let answer = profiles::answer(&mut account, ask, now);
        let what = format!("{} {}", ask.method, ask.path);
        let answer = answer.unwrap_or_else(|| Answer::not_modelled(&what));
        if answer.status == 501 {
            self.0.note_unmodelled(&what);
        }
        answer
    }
}

fn send(answer: Answer) -> Reply {
    Reply::Send(answer.into_response())
}

fn with_headers(mut response: Response<Bytes>, headers: &[(String, String)]) -> Reply {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    Reply::Send(response)
}
