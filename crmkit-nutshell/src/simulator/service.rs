//! The gateway: credentials, throttle, faults, then the method or route, then the answer on the wire, or not.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{
    Bytes, Effect, FaultScript, Handler, HeaderMap, LoggedRequest, Reply, Request, Response, header, steer,
    token_digest,
};
use serde_json::json;

use super::account::{ApiKey, Company, Profile};
use super::answer::{Answer, rpc_envelope};
use super::call::Call;
use super::entity::{Entity, email_term};
use super::files;
use super::rest::{self, Asked};
use super::rpc::{self, Requests};
use super::state::State;
use super::store::{Store, flag};
use super::switches::Switches;

/// The endpoint of JSON-RPC.
const RPC: &str = "/api/v1/json";

/// Where the endpoint of JSON-RPC is asked for.
const DISCOVERY: &str = "/v1/json";

/// Answers every request of one simulator.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<State>);

/// Username and API key of HTTP Basic; empty where there are none.
pub(super) fn credentials_of(headers: &HeaderMap) -> (String, String) {
    let read = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let text = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?).ok()?;
        text.split_once(':').map(|(user, key)| (user.to_owned(), key.to_owned()))
    };
    read().unwrap_or_default()
}

/// What is asked for.
enum Target<'a> {
    Rpc(Requests),
    Rest(&'a str),
    File(&'a str),
    Nothing,
}

impl Target<'_> {
    fn resource(&self) -> &'static str {
        match self {
            Self::Rpc(_) => "rpc",
            Self::Rest(_) => "rest",
            Self::File(_) | Self::Nothing => "",
        }
    }
}

/// A request in parts.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    base: String,
    host: String,
    key: String,
    username: String,
    now: DateTime<Utc>,
    sequence: u64,
    body: &'a [u8],
}

impl Ask<'_> {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[async_trait]
impl Handler for Service {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        if request.uri().path().starts_with("/_simulator/") {
            return Reply::Send(steer(&*self.0, &request));
        }
        let (parts, body) = request.into_parts();
        let (username, key) = credentials_of(&parts.headers);
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let query = parts.uri.query().unwrap_or_default();
        let ask = Ask {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: &parts.headers,
            base: format!("http://{host}"),
            host: host.to_owned(),
            key,
            username,
            now: self.0.clock.now(),
            sequence: self.0.traffic.next_sequence(),
            body: &body,
        };
        let reply = self.exchange(&ask).await;
        let status = reply.status();
        self.0.traffic.record(LoggedRequest {
            sequence: ask.sequence,
            method: ask.method.to_owned(),
            path: ask.path.to_owned(),
            query: parts.uri.query().map(str::to_owned),
            status,
            time: ask.now,
            account: if ask.key.is_empty() { String::new() } else { token_digest(&ask.key) },
            body: self.0.traffic.capture(&body),
        });
        reply
    }
}

impl Service {
    async fn exchange(&self, ask: &Ask<'_>) -> Reply {
        let target = match (ask.method, ask.path) {
            ("POST", DISCOVERY) => {
                let switches = &self.0.default.switches;
                return send(ask, rpc::discover(&Requests::read(ask.body), &ask.host, switches));
            }
            ("GET", RPC) => return send(ask, Answer::json(200, rpc::description(&ask.base))),
            ("POST", RPC) => Target::Rpc(Requests::read(ask.body)),
            (_, "/") => return send(ask, Answer::json(404, json!({ "message": "Not Found" }))),
            (_, path) => match (path.strip_prefix("/rest/"), path.strip_prefix("/file/api/")) {
                (Some(path), _) => Target::Rest(path),
                (_, Some(id)) if matches!(ask.method, "GET" | "POST") => Target::File(id),
                _ => Target::Nothing,
            },
        };
        let known = self.0.by_key(&ask.key);
        let user = known.as_ref().and_then(|(company, key)| user_of(company, key, &ask.username));
        let (Some((company, key)), Some(user)) = (known, user) else {
            return send(ask, unauthorized(&target));
        };
        let profile = company.profile();
        let full_find = matches!(&target, Target::Rpc(requests) if requests.is_full_find());
        if let Err(seconds) = company.admit(&profile.switches, full_find, ask.now) {
            return send(ask, throttled(&target, &profile.switches, seconds));
        }
        let run = || self.run(ask, &target, (&company, &key, &profile), user);
        match self.fault(ask, &company) {
            None => {
                let (answer, wrote) = run();
                let lost = wrote && answer.status < 300 && self.0.drop_every.hits();
                if lost { Reply::Close } else { send(ask, answer) }
            }
            Some(effect) => match effect.peeled() {
                (true, effect) => {
                    let applied = run();
                    self.suffer(effect, ask, &target, &profile.switches, || applied).await
                }
                (false, effect) => self.suffer(effect, ask, &target, &profile.switches, run).await,
            },
        }
    }

    fn fault(&self, ask: &Ask<'_>, company: &Company) -> Option<Effect> {
        let take = |script: &FaultScript| script.take(ask.method, ask.path, ask.body);
        take(&company.faults).or_else(|| take(&self.0.faults))
    }

    async fn suffer(
        &self,
        effect: Effect,
        ask: &Ask<'_>,
        target: &Target<'_>,
        switches: &Switches,
        run: impl FnOnce() -> (Answer, bool),
    ) -> Reply {
        match effect {
            Effect::Delay { ms } => {
                let wait = TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX));
                self.0.clock.sleep_until(self.0.clock.now() + wait).await;
                send(ask, run().0)
            }
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                run();
                Reply::Close
            }
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(respond(ask, run().0))),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(respond(ask, run().0)),
            Effect::TruncateBody => Reply::Truncate(respond(ask, run().0)),
            Effect::Garbage => Reply::Send(respond(ask, run().0).map(|_| Bytes::from_static(b"{\"result\":{\"id"))),
            Effect::Status { status, body, headers } => {
                let usual = || failure(target, status, "Injected error");
                let answer = body.map_or_else(usual, |body| Answer::json(status, body));
                with_headers(respond(ask, answer), &headers)
            }
            Effect::RetryAfter { value } => {
                let answer = throttled(target, &Switches { retry_after: false, ..switches.clone() }, 0);
                with_headers(respond(ask, Answer { status: 429, ..answer }), &[("retry-after".into(), value)])
            }
            Effect::ExpiredToken => send(ask, unauthorized(target)),
            Effect::BudgetSpent => send(ask, throttled(target, switches, 3600)),
            Effect::Html { status, body } => {
                let mut answer = Answer::page(status, "Bad Gateway");
                if let Some(body) = body {
                    answer.body = super::answer::Body::Html(body);
                }
                send(ask, answer)
            }
            _ => send(ask, failure(target, 500, "an effect that this simulator does not know")),
        }
    }

    /// Applies a call and writes it to the journal before anybody hears of it.
    fn run(
        &self,
        ask: &Ask<'_>,
        target: &Target<'_>,
        (company, key, profile): (&Company, &ApiKey, &Profile),
        user: i64,
    ) -> (Answer, bool) {
        let impersonates = key.impersonation && profile.switches.impersonation_sets_author;
        let mut guard = company.store();
        let store: &mut Store = &mut guard;
        store.begin();
        let mut call = Call {
            store,
            profile,
            actor: user,
            author: if impersonates { user } else { key.user },
            now: ask.now.timestamp_millis(),
            base: &ask.base,
        };
        let answer = match target {
            Target::Rpc(requests) => {
                requests.unmodelled().for_each(|method| self.0.note_unmodelled(method));
                rpc::answer(&mut call, requests)
            }
            Target::Rest(path) => self.rest(ask, &mut call, path),
            Target::File(id) if ask.method == "POST" => {
                files::upload(&mut call, id, ask.header(header::CONTENT_TYPE), ask.body)
            }
            Target::File(id) => {
                let range = ask.header(header::RANGE);
                files::download(&call, id, (!range.is_empty()).then_some(range))
            }
            Target::Nothing => {
                let what = format!("{} {}", ask.method, ask.path);
                self.0.note_unmodelled(&what);
                Answer::not_modelled(&what)
            }
        };
        let wrote = guard.is_changed();
        match self.0.record_changes(&profile.name, &mut guard) {
            Ok(()) => (answer, wrote),
            Err(error) => (failure(target, 500, &format!("the journal could not be written: {error}")), wrote),
        }
    }

    fn rest(&self, ask: &Ask<'_>, call: &mut Call<'_>, path: &str) -> Answer {
        match rest::find(ask.method, path) {
            rest::Found::Route(route, segment) => {
                let mut asked = Asked {
                    call,
                    segment,
                    query: &ask.query,
                    content_type: ask.header(header::CONTENT_TYPE),
                    body: ask.body,
                    entity: route.entity,
                };
                let answer = rest::answer(route, &mut asked);
                if answer.status == 501 {
                    self.0.note_unmodelled(&format!("{} {}", ask.method, ask.path));
                }
                answer
            }
            rest::Found::OtherMethod => Answer::json(405, "Internal Error".into()),
            rest::Found::Nothing => {
                let what = format!("{} {}", ask.method, ask.path);
                self.0.note_unmodelled(&what);
                Answer::not_modelled(&what)
            }
        }
    }
}

/// The user for whom a key and a username speak: any user of the company, or its domain for the key itself.
fn user_of(company: &Company, key: &ApiKey, username: &str) -> Option<i64> {
    let profile = company.profile();
    let store = company.store();
    if username.eq_ignore_ascii_case(&profile.name) {
        return Some(key.user);
    }
    let (user, row) = store.with_term(Entity::Users, &email_term(username)).next()?;
    let enabled = flag(row, "isEnabled") && store.live(Entity::Users, user).is_some();
    let admitted = enabled || profile.switches.disabled_users_may_write;
    admitted.then_some(if key.impersonation { user } else { key.user })
}

fn unauthorized(target: &Target<'_>) -> Answer {
    match target {
        Target::Rpc(requests) => Answer::json(401, rpc_envelope(401, "API key not found", &requests.id())),
        _ => Answer::page(401, "Unauthorized"),
    }
}

fn failure(target: &Target<'_>, status: u16, message: &str) -> Answer {
    match target {
        Target::Rpc(requests) => Answer::json(status, rpc_envelope(i64::from(status), message, &requests.id())),
        _ if target.resource().is_empty() => Answer::page(status, message),
        _ => Answer::json(status, json!({ "code": status, "message": message })),
    }
}

fn throttled(target: &Target<'_>, switches: &Switches, seconds: i64) -> Answer {
    let mut answer = failure(target, switches.throttle_status, "Too Many Requests");
    if switches.retry_after {
        answer.headers.push(("retry-after", seconds.max(1).to_string()));
    }
    answer
}

fn respond(ask: &Ask<'_>, answer: Answer) -> Response<Bytes> {
    let mut response = answer.into_response();
    if ask.path.starts_with("/rest")
        && let Ok(id) = format!("{:032x}", ask.sequence).parse()
    {
        response.headers_mut().insert("x-nutshell-request-id", id);
    }
    response
}

fn send(ask: &Ask<'_>, answer: Answer) -> Reply {
    Reply::Send(respond(ask, answer))
}

fn with_headers(mut response: Response<Bytes>, headers: &[(String, String)]) -> Reply {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    Reply::Send(response)
}
