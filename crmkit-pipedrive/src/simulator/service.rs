//! The gateway: tokens, limits, faults, then the route, then the answer on the wire, or not.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{Bytes, Effect, Handler, HeaderMap, LoggedRequest, Reply, Request, steer, token_digest};
use serde_json::{Value, json};

use super::account::{Company, Fare, Profile, Standing, Verdict};
use super::answer::{Answer, CLOUDFLARE};
use super::call::Call;
use super::endpoints::{self, Endpoint, Found};
use super::oauth;
use super::reply::{html, send, with_headers};
use super::routes::{conversions, files};
use super::shape::Shape;
use super::state::State;
use super::switches::{LimitModel, Stray};
use super::upload::{self, Form};

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<State>);

/// A request in parts.
struct Asked {
    method: String,
    /// With `/api/v1` or `/api/v2` in front.
    path: String,
    query: Vec<(String, String)>,
    token: String,
    oauth: bool,
    sequence: u64,
    now: DateTime<Utc>,
    body: Bytes,
    host: String,
    /// What a multipart body holds.
    form: Option<Form>,
}

/// The token of a request and whether it is one of OAuth.
pub(super) fn token_of(headers: &HeaderMap) -> (String, bool) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text("x-api-token") {
        return (token.to_owned(), false);
    }
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    bearer.map_or_else(Default::default, |token| (token.to_owned(), true))
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.0, &request));
        }
        let (parts, body) = request.into_parts();
        let (token, oauth) = token_of(&parts.headers);
        let header_text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header_text("content-type");
        let path = parts.uri.path();
        let path = if path.starts_with("/v1/") { format!("/api{path}") } else { path.to_owned() };
        let query = parts.uri.query().unwrap_or_default();
        let asked = Asked {
            method: parts.method.to_string(),
            path,
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            token,
            oauth,
            sequence: self.0.traffic.next_sequence(),
            now: self.0.clock.now(),
            form: match content_type.filter(|kind| kind.starts_with("multipart/")) {
                Some(kind) => upload::read(kind, body.clone()).await,
                None => None,
            },
            body,
            host: header_text("host").unwrap_or_default().to_owned(),
        };
        let reply = match (&*asked.method, &*asked.path) {
            (_, path) if path.starts_with("/_storage/") => self.storage(&asked, parts.uri.query()),
            ("GET", "/oauth/authorize") => send(asked.sequence, oauth::authorize(&self.0, &asked.query)),
            ("POST", "/oauth/token" | "/oauth/token/") => self.grant(&asked, &parts.headers).await,
            _ => self.exchange(&asked).await,
        };
        let status = reply.status();
        self.0.traffic.record(LoggedRequest {
            sequence: asked.sequence,
            account: token_digest(&asked.token),
            body: self.0.traffic.capture(&asked.body),
            query: parts.uri.query().map(str::to_owned),
            time: asked.now,
            method: asked.method,
            path: asked.path,
            status,
        });
        reply
    }
}

impl Service {
    /// Where downloads may be redirected to: a signed address, which takes no other credentials.
    fn storage(&self, asked: &Asked, query: Option<&str>) -> Reply {
        if !asked.token.is_empty() {
            return send(asked.sequence, files::storage_refusal());
        }
        let signed = files::signed(&asked.path, query);
        let company = signed.and_then(|(company, file)| Some((self.0.by_name(&company)?, file)));
        let content = company.and_then(|(company, file)| company.store().blob(file).cloned());
        send(asked.sequence, content.map_or_else(Answer::not_found, |content| Answer::raw(content, String::new())))
    }

    /// The token endpoint, at which faults may be scripted like anywhere else.
    async fn grant(&self, asked: &Asked, headers: &HeaderMap) -> Reply {
        let answer = || oauth::token(&self.0, headers, &asked.body, &asked.host);
        let (Some(company), Some(effect)) =
            (self.0.default_company(), self.0.faults.take(&asked.method, &asked.path, &asked.body))
        else {
            return send(asked.sequence, answer());
        };
        let profile = Profile { limits: false, ..(*company.profile()).clone() };
        let gate = Gate { profile: &profile, standing: Standing::default(), write: true };
        self.play(asked, &gate, effect, answer).await
    }

    /// The company and user of a request, and the scopes it is limited to.
    fn known(&self, asked: &Asked) -> Option<(Arc<Company>, i64, Option<Vec<String>>)> {
        if asked.oauth {
            let (company, user, scopes) = self.0.by_access(&asked.token, asked.now)?;
            return Some((company, user, Some(scopes)));
        }
        let (company, user) = match self.0.by_token(&asked.token) {
            Some(known) => known,
            None if !asked.token.is_empty() => return None,
            None => {
                let (_, token) = asked.query.iter().find(|(key, _)| key == "api_token")?;
                self.0.by_token(token).filter(|(company, _)| company.profile().switches.query_token)?
            }
        };
        Some((company, user, None))
    }

    async fn exchange(&self, asked: &Asked) -> Reply {
        let Some((company, user, scopes)) = self.known(asked) else {
            return send(asked.sequence, Answer::unauthorized());
        };
        let profile = company.profile();
        let Some((endpoint, segments)) = endpoints::find(&asked.method, &asked.path) else {
            self.0.note_unmodelled(&asked.method, &asked.path);
            return send(asked.sequence, Answer::not_modelled(&asked.method, &asked.path));
        };
        let granted = |scopes: &Vec<String>| scopes.iter().any(|scope| endpoint.scopes.contains(scope));
        if scopes.is_some_and(|scopes| !endpoint.scopes.is_empty() && !granted(&scopes)) {
            return send(asked.sequence, Answer::error(403, "Scope and URL mismatch"));
        }
        let windows = if asked.oauth { format!("oauth of {user}") } else { asked.token.clone() };
        let fare = Fare {
            token: &windows,
            oauth: asked.oauth,
            search: endpoint.is_search(),
            write: asked.method != "GET",
            cost: endpoint.cost,
            now: asked.now,
        };
        let (verdict, standing) = company.admit(&profile, fare);
        let gate = Gate { profile: &profile, standing, write: fare.write };
        match verdict {
            Verdict::Blocked => return html(asked.sequence, 403, CLOUDFLARE),
            Verdict::OverLimit => return gate.send(asked, gate.over_limit()),
            Verdict::Admitted => {}
        }
        let take = |script: &crmkit_core::simulator::FaultScript| script.take(&asked.method, &asked.path, &asked.body);
        let effect = take(&company.faults).or_else(|| take(&self.0.faults));
        let run = || self.run(asked, &company, &profile, user, (endpoint, segments.clone()));
        let Some(effect) = effect else {
            let answer = run();
            let lost = gate.write && answer.status < 300 && self.0.drop_every.hits();
            return if lost { Reply::Close } else { gate.send(asked, answer) };
        };
        let (applied, effect) = effect.peeled();
        match applied.then(run) {
            Some(answer) => self.play(asked, &gate, effect, || answer).await,
            None => self.play(asked, &gate, effect, run).await,
        }
    }

    /// Answers as a fault wants it; `answer` is what would be said without it, and applies the call if that is still to do.
    async fn play(
        &self,
        asked: &Asked,
        gate: &Gate<'_>,
        effect: Effect,
        answer: impl FnOnce() -> Answer + Send,
    ) -> Reply {
        let whole = |answer| match gate.send(asked, answer) {
            Reply::Send(response) => response,
            other => unreachable!("an answer is sent whole: {other:?}"),
        };
        match effect {
            Effect::Delay { ms } => {
                let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
                self.0.clock.sleep_until(self.0.clock.now() + wait).await;
                gate.send(asked, answer())
            }
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                answer();
                Reply::Close
            }
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(whole(answer()))),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(whole(answer())),
            Effect::TruncateBody => Reply::Truncate(whole(answer())),
            Effect::Garbage => Reply::Send(whole(answer()).map(|_| Bytes::from_static(b"{\"success\":tru"))),
            Effect::Status { status, body, headers } => {
                let mut answer = Answer::error(status, "injected error");
                if let Some(body) = body {
                    answer.body = body;
                }
                with_headers(gate.send(asked, answer), &headers)
            }
            Effect::RetryAfter { value } => {
                let reply = gate.send(asked, Answer::over_limit());
                with_headers(reply, &[("retry-after".into(), value)])
            }
            Effect::ExpiredToken => send(asked.sequence, Answer::unauthorized()),
            Effect::BudgetSpent => {
                let mut standing = gate.standing;
                standing.daily_remaining = 0;
                standing.day_is_spent = true;
                let gate = Gate { standing, ..*gate };
                gate.send(asked, gate.over_limit())
            }
            Effect::Html { status, body } => html(asked.sequence, status, body.as_deref().unwrap_or(CLOUDFLARE)),
            _ => send(asked.sequence, Answer::error(500, "an effect that this simulator does not know")),
        }
    }

    /// Applies a call and writes it to the journal before anybody hears of it.
    fn run(&self, asked: &Asked, company: &Company, profile: &Profile, user: i64, found: Found<'_>) -> Answer {
        let (endpoint, segments) = found;
        let Some(route) = endpoint.route else {
            self.0.note_unmodelled(&endpoint.method, &endpoint.template);
            return Answer::not_modelled(&endpoint.method, &endpoint.template);
        };
        let body = match read_body(asked, endpoint, profile) {
            Ok(body) => body,
            Err(answer) => return self.failed(company, profile, endpoint, answer),
        };
        let mut store = company.store();
        let mut call = Call {
            store: &mut store,
            profile,
            endpoint,
            segments: &segments,
            query: &asked.query,
            body,
            file: asked.form.as_ref().and_then(|form| form.file.clone()),
            host: &asked.host,
            user,
            now: asked.now,
        };
        conversions::settle(&mut call);
        let answered = route(&mut call);
        if let Err(error) = self.0.record_changes(&profile.name, &mut store) {
            return Answer::error(500, &format!("the journal could not be written: {error}"));
        }
        drop(store);
        match answered {
            Ok(answer) if answer.raw.is_some() => answer,
            Ok(answer) => Answer { status: endpoint.status, ..answer },
            Err(answer) => self.failed(company, profile, endpoint, answer),
        }
    }

    fn failed(&self, company: &Company, profile: &Profile, endpoint: &Endpoint, answer: Answer) -> Answer {
        if !profile.switches.failed_calls_cost {
            company.refund(endpoint.cost);
        }
        answer.worded(&profile.switches)
    }
}

/// Reads the body and, in v2, holds body and query to the specification.
fn read_body(asked: &Asked, endpoint: &Endpoint, profile: &Profile) -> Result<Value, Answer> {
    let mut body = if asked.body.is_empty() || !matches!(asked.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") {
        Value::Null
    } else if let Some(form) = &asked.form {
        Value::Object(form.texts.clone())
    } else {
        match serde_json::from_slice(&asked.body) {
            Ok(body) => body,
            Err(_) if endpoint.v2 => return Err(Answer::error(400, "Invalid JSON in the request body.")),
            Err(_) => form(&asked.body),
        }
    };
    if !endpoint.v2 {
        return Ok(body);
    }
    endpoint.check_query(&asked.query)?;
    if let Some(shape) = &endpoint.body {
        let switches = &profile.switches;
        if endpoint.template.starts_with("/api/v2/deals")
            && let Some(given) = body.as_object_mut()
            && given.contains_key("add_time")
        {
            match switches.deal_add_time {
                Stray::Refused => return Err(Answer::unknown_key("add_time", "add_time")),
                Stray::Ignored => given.remove("add_time"),
            };
        }
        if body.is_null() && matches!(shape, Shape::Object(_)) {
            body = json!({});
        }
        shape.check_body(&mut body, switches.unknown_keys == Stray::Ignored)?;
    }
    Ok(body)
}

/// v1 takes forms, too.
fn form(body: &[u8]) -> Value {
    url::form_urlencoded::parse(body).map(|(key, value)| (key.into_owned(), Value::from(value.into_owned()))).collect()
}

/// What every answer of one call says about limits.
#[derive(Clone, Copy)]
struct Gate<'a> {
    profile: &'a Profile,
    standing: Standing,
    write: bool,
}

impl Gate<'_> {
    fn over_limit(&self) -> Answer {
        let json = self.profile.switches.over_limit_is_json;
        let mut answer = if json { Answer::over_limit() } else { Answer::over_limit_in_text() };
        if self.profile.switches.retry_after {
            let spent = self.standing.day_is_spent;
            let seconds = if spent { 3600 } else { self.standing.reset_seconds.max(1) };
            answer.headers.push(("retry-after", seconds.to_string()));
        }
        answer
    }

    fn send(&self, asked: &Asked, mut answer: Answer) -> Reply {
        if self.profile.limits {
            let standing = self.standing;
            answer.headers.extend([
                ("x-ratelimit-limit", standing.limit.to_string()),
                ("x-ratelimit-remaining", standing.remaining.to_string()),
                ("x-ratelimit-reset", standing.reset_seconds.to_string()),
            ]);
            if self.profile.switches.daily_headers && self.profile.switches.limit_model == LimitModel::DailyTokens {
                answer.headers.extend([
                    ("x-daily-ratelimit-token-limit", standing.daily_limit.to_string()),
                    ("x-daily-ratelimit-token-remaining", standing.daily_remaining.to_string()),
                ]);
            }
            if self.write && !asked.oauth {
                answer.headers.push(("x-daily-requests-left", standing.writes_left.to_string()));
            }
        }
        send(asked.sequence, answer)
    }
}
