//! The gateway: token, limits, faults, then the API, then the answer on the wire, or not.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{
    Bytes, Effect, Handler, HeaderMap, LoggedRequest, Reply, Request, header, steer, token_digest,
};
use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::bucket::Refusal;
use super::call::Call;
use super::failure::Failure;
use super::files;
use super::graphql;
use super::rest;
use super::routes::Place;
use super::state::State;
use super::workspace::{Key, Profile, Workspace};

const GATEWAY: &str = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>\
<body><center><h1>502 Bad Gateway</h1></center></body></html>";

/// The longest request line and headers, in bytes.
const HEAD_MAX: usize = 16 << 10;
/// The longest JSON body, in bytes.
const BODY_MAX: usize = 10 << 20;

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) state: Arc<State>,
    pub(super) base: std::sync::OnceLock<String>,
}

/// A request in parts.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) content_type: String,
    pub(super) body: Bytes,
    now: DateTime<Utc>,
}

impl Asked {
    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let position = column.saturating_sub(1);
            let message =
                format!("Expected property name or '}}' in JSON at position {position} (line {line} column {column})");
            Failure::framework(400, message)
        })
    }
}

/// The token of a request: `None` without the header, nothing for one that is no bearer token.
pub(super) fn token_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ").unwrap_or_default().to_owned())
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.state, &request));
        }
        let (parts, body) = request.into_parts();
        let token = token_of(&parts.headers);
        let sequence = self.state.traffic.next_sequence();
        let query = parts.uri.query().unwrap_or_default();
        let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let head = parts.uri.path().len() + query.len() + headers.sum::<usize>();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let asked = Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body,
            now: self.state.clock.now(),
        };
        let reply = if head > HEAD_MAX {
            Reply::Send(Answer::bytes(431, "text/plain", Vec::new()).response())
        } else {
            self.exchange(&asked, token.as_deref()).await
        };
        let status = reply.status();
        self.state.traffic.record(LoggedRequest {
            sequence,
            account: token.as_deref().map(token_digest).unwrap_or_default(),
            body: self.state.traffic.capture(&asked.body),
            query: parts.uri.query().map(str::to_owned),
            time: asked.now,
            method: asked.method,
            path: asked.path,
            status,
        });
        reply
    }
}

/// A failure in the envelope of the place where it happened.
fn refuse(place: &Place<'_>, failure: &Failure) -> Answer {
    if place.is_graphql() { Answer::json(200, json!({ "errors": [failure.graphql()] })) } else { Answer::rest(failure) }
}

impl Service {
    async fn exchange(&self, asked: &Asked, token: Option<&str>) -> Reply {
        let place = Place::of(&asked.method, &asked.path);
        let send = |answer: Answer| Reply::Send(answer.response());
        if let Place::Upload(id) | Place::Download(id) = place {
            let effect = self.state.faults.take(&asked.method, &asked.path, &asked.body);
            return self.carry_out(asked, &place, effect, || self.transfer(asked, id)).await;
        }
        let Some(token) = token else {
            return send(match &place {
                place if place.is_graphql() => graphql::unauthenticated(asked),
                _ => Answer::rest(&Failure::no_token()),
            });
        };
        let found = self.state.by_token(token).map(|workspace| (workspace.profile(), workspace));
        let key = found.as_ref().and_then(|(profile, _)| profile.key(token));
        let (Some((profile, workspace)), Some(key)) = (&found, key) else {
            return send(refuse(&place, &Failure::bad_token()));
        };
        if place == Place::Unknown {
            return send(self.not_modelled(&format!("{} {}", asked.method, asked.path)));
        }
        let form = asked.content_type.starts_with("multipart/");
        if asked.body.len() > BODY_MAX && !form {
            return send(Answer::rest(&Failure::framework(413, "request entity too large")));
        }
        if place.is_limited()
            && let Err(refusal) = workspace.admit(asked.now)
        {
            return send(limited(&place, profile, refusal));
        }
        if matches!(place, Place::MetadataRest(_) | Place::MetadataGraphql) && profile.switches.metadata_delay_ms > 0 {
            self.wait(profile.switches.metadata_delay_ms).await;
        }
        let request = match graphql::Request::read(asked, &place).await {
            Ok(request) => request,
            Err(failure) => return send(refuse(&place, &failure)),
        };
        let take = |script: &crmkit_core::simulator::FaultScript| script.take(&asked.method, &asked.path, &asked.body);
        let effect = take(&workspace.faults).or_else(|| take(&self.state.faults));
        self.carry_out(asked, &place, effect, || self.run(asked, &place, workspace, profile, key, request.as_ref()))
            .await
    }

    async fn wait(&self, ms: u64) {
        let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
        self.state.clock.sleep_until(self.state.clock.now() + wait).await;
    }

    fn not_modelled(&self, what: &str) -> Answer {
        self.state.note_unmodelled(what);
        Answer::not_modelled(what)
    }

    /// Runs a call as its fault wants it.
    async fn carry_out(
        &self,
        asked: &Asked,
        place: &Place<'_>,
        effect: Option<Effect>,
        run: impl FnOnce() -> (Answer, bool),
    ) -> Reply {
        match effect.map(Effect::peeled) {
            None => {
                let (answer, changed) = run();
                let lost = changed && self.state.drop_every.hits();
                if lost { Reply::Close } else { Reply::Send(answer.response()) }
            }
            Some((true, effect)) => {
                let applied = run();
                self.suffer(asked, place, effect, || applied).await
            }
            Some((false, effect)) => self.suffer(asked, place, effect, run).await,
        }
    }

    /// Answers as a fault wants it; `run` applies the call, if that is still to do.
    async fn suffer(
        &self,
        asked: &Asked,
        place: &Place<'_>,
        effect: Effect,
        run: impl FnOnce() -> (Answer, bool),
    ) -> Reply {
        let send = |answer: Answer| Reply::Send(answer.response());
        match effect {
            Effect::Delay { ms } => {
                self.wait(ms).await;
                send(run().0)
            }
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                run();
                Reply::Close
            }
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(run().0.response())),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(run().0.response()),
            Effect::TruncateBody => Reply::Truncate(run().0.response()),
            Effect::Garbage => Reply::Send(run().0.response().map(|_| Bytes::from_static(b"{\"data\":{\"create"))),
            Effect::Status { status, body, headers } => {
                let usual = || Failure::internal(status, "Data validation error.").rest();
                let mut answer = Answer::json(status, body.unwrap_or_else(usual));
                answer.headers = headers;
                send(answer)
            }
            Effect::RetryAfter { value } => {
                send(Answer::rest(&Failure::limit(100, 60_000)).header("retry-after", &value))
            }
            Effect::ExpiredToken => send(refuse(place, &Failure::bad_token())),
            Effect::BudgetSpent => send(refuse(place, &Failure::limit(100, 60_000))),
            Effect::Html { status, body } => {
                let page = body.unwrap_or_else(|| GATEWAY.into());
                send(Answer::bytes(status, "text/html", page.into_bytes()))
            }
            _ => {
                let what = format!("this effect on {} {}", asked.method, asked.path);
                send(self.not_modelled(&what))
            }
        }
    }

    /// Applies a call and writes it to the journal before anybody hears of it; says whether it changed anything.
    fn run(
        &self,
        asked: &Asked,
        place: &Place<'_>,
        workspace: &Workspace,
        profile: &Profile,
        key: &Key,
        request: Option<&graphql::Request>,
    ) -> (Answer, bool) {
        let mut store = workspace.store();
        let mut call = Call {
            store: &mut store,
            switches: &profile.switches,
            workspace: &workspace.id,
            key,
            now: asked.now,
            base: self.base.get().map_or("", String::as_str),
            limits: (profile.switches.calls_by_root_field && place.is_limited()).then_some(workspace),
        };
        files::collect(&mut call);
        let answer = match (place, request) {
            (Place::CoreGraphql | Place::MetadataGraphql, Some(request)) => graphql::answer(&mut call, place, request),
            (Place::MetadataRest(segments), _) => rest::metadata(&mut call, asked, segments),
            (Place::CoreRest(segments), _) => rest::core(&mut call, asked, segments),
            _ => Ok(Answer::not_modelled(&asked.path)),
        };
        let answer = answer.unwrap_or_else(|failure| refuse(place, &failure));
        if answer.status == 501 {
            let operation = request.map(graphql::Request::operations).unwrap_or_default();
            self.state.note_unmodelled(format!("{} {} {operation}", asked.method, asked.path).trim());
        }
        let changed = store.mark() != (0, 0);
        match self.state.settle(&profile.name, &mut store) {
            Ok(()) => (answer, changed),
            Err(error) => {
                (Answer::rest(&Failure::internal(500, format!("the journal could not be written: {error}"))), false)
            }
        }
    }

    /// Takes or gives the bytes of a file: no key, the address says it all.
    fn transfer(&self, asked: &Asked, id: &str) -> (Answer, bool) {
        let token = asked.parameter("token").unwrap_or_default();
        let (purpose, writes) = if asked.method == "PUT" { ("write", true) } else { ("read", false) };
        let holds = |workspace: &Arc<Workspace>| {
            files::is_signed(&workspace.id, purpose, id, token, asked.now) && workspace.store().file(id).is_some()
        };
        let Some(workspace) = self.state.all().into_iter().find(holds) else {
            let body = json!({ "statusCode": 403, "message": "Invalid or expired token", "error": "Forbidden" });
            return (Answer::json(403, body), false);
        };
        let mut store = workspace.store();
        let Some(mut file) = store.file(id).map(|file| (**file).clone()) else {
            return (Answer::json(404, json!({ "statusCode": 404, "message": "File not found" })), false);
        };
        if !writes {
            let mut answer = Answer::bytes(200, "application/octet-stream", file.content.unwrap_or_default());
            answer.headers.push(("content-type".into(), file.mime));
            return (answer.header("content-disposition", "inline"), false);
        }
        if asked.content_type.contains('/') {
            asked.content_type.clone_into(&mut file.mime);
        }
        file.content = Some(asked.body.to_vec());
        store.put_file(file);
        let name = workspace.profile().name.clone();
        match self.state.settle(&name, &mut store) {
            Ok(()) => (Answer { status: 204, body: Body::Bytes("text/plain", Vec::new()), headers: Vec::new() }, true),
            Err(error) => (Answer::rest(&Failure::internal(500, error)), false),
        }
    }
}

fn limited(place: &Place<'_>, profile: &Profile, refusal: Refusal) -> Answer {
    let answer = refuse(place, &Failure::limit(refusal.limit, refusal.window_ms));
    if profile.switches.retry_after {
        return answer.header("retry-after", &refusal.wait_ms.div_ceil(1000).max(1).to_string());
    }
    answer
}
