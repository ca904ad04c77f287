//! Faults in front of any HTTP server, for connectors whose vendor has no simulator here.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::{Effect, Fault, FaultScript};
use super::server::{Handler, Reply, Server, ServerThread};
use super::traffic::{InFlight, LoggedRequest, Traffic};
use crate::Clock;

/// A loopback reverse proxy that injects faults.
///
/// It answers the faults that are answers itself, with plain bodies; the rest it forwards.
#[derive(Debug)]
pub struct FaultProxy {
    server: Server,
    shared: Arc<Forwarder>,
}

#[derive(Debug)]
struct Forwarder {
    target: String,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    faults: FaultScript,
    traffic: Traffic,
}

impl FaultProxy {
    /// Starts in front of `target`, a base URL; what its paths are called stays the same.
    ///
    /// # Errors
    /// When no port can be bound or no HTTP client can be built.
    pub fn start(target: &str, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| io::Error::other(error.without_url()))?;
        let shared = Arc::new(Forwarder {
            target: target.trim_end_matches('/').to_owned(),
            client,
            clock,
            faults: FaultScript::default(),
            traffic: Traffic::new(100_000, 64 << 10),
        });
        let server = Server::start(0, ServerThread::Current, InFlight::default(), shared.clone())?;
        Ok(Self { server, shared })
    }

    /// The base URL to give to the connector, without a final slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Hits the next request.
    pub fn fail_next(&self, effect: Effect) {
        self.shared.faults.add(Fault::next(effect));
    }

    /// Adds faults.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.shared.faults.add(fault);
        }
    }

    /// The requests seen, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.traffic.requests()
    }

    /// The faults that have not fired.
    pub fn verify(&self) -> Vec<Fault> {
        self.shared.faults.verify()
    }
}

#[async_trait]
impl Handler for Forwarder {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        let mut entry = LoggedRequest {
            sequence: self.traffic.next_sequence(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            status: None,
            time: self.clock.now(),
            account: String::new(),
            body: self.traffic.capture(request.body()),
        };
        let effect = self.faults.take(&entry.method, &entry.path, request.body());
        let reply = self.apply(effect, request).await;
        entry.status = reply.status();
        self.traffic.record(entry);
        reply
    }
}

/// Where the answer comes from.
enum Target {
    /// From the server, when it is asked.
    Server(Request<Bytes>),
    /// It is there: the request was applied.
    Answered(Response<Bytes>),
}

impl Forwarder {
    async fn apply(&self, effect: Option<Effect>, request: Request<Bytes>) -> Reply {
        let Some(effect) = effect else { return Reply::Send(self.forward(request).await) };
        let (applied, effect) = effect.peeled();
        let target = if applied { Target::Answered(self.forward(request).await) } else { Target::Server(request) };
        match effect {
            Effect::CloseBeforeApply => Reply::Close,
            Effect::CloseAfterApply => {
                self.answer(target).await;
                Reply::Close
            }
            Effect::TruncateBody => Reply::Truncate(self.answer(target).await),
            Effect::Reset => Reply::Reset(None),
            Effect::ResetBody => Reply::Reset(Some(self.answer(target).await)),
            Effect::Hang => Reply::Hang,
            Effect::Stall => Reply::Stall(self.answer(target).await),
            Effect::Garbage => {
                let mut response = self.answer(target).await;
                *response.body_mut() = Bytes::from_static(b"{\"success\":tru");
                Reply::Send(response)
            }
            Effect::Delay { ms } => {
                let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                self.clock.sleep_until(self.clock.now() + TimeDelta::milliseconds(ms)).await;
                Reply::Send(self.answer(target).await)
            }
            Effect::Status { status, body, headers } => {
                let mut response = plain(status, &body.unwrap_or_else(|| json!({ "error": "injected" })));
                for (name, value) in headers {
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                        response.headers_mut().insert(name, value);
                    }
                }
                Reply::Send(response)
            }
            Effect::RetryAfter { value } => {
                let mut response = plain(429, &json!({ "error": "too many requests" }));
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response.headers_mut().insert("retry-after", value);
                }
                Reply::Send(response)
            }
            Effect::ExpiredToken => Reply::Send(plain(401, &json!({ "error": "unauthorized" }))),
            Effect::BudgetSpent => Reply::Send(plain(429, &json!({ "error": "budget spent" }))),
            Effect::Html { status, body } => {
                let mut response = plain(status, &Value::Null);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                *response.body_mut() = body.unwrap_or_else(|| "<html><body>error</body></html>".into()).into();
                Reply::Send(response)
            }
            Effect::AfterApply(_) => unreachable!("it was peeled off"),
        }
    }

    async fn answer(&self, target: Target) -> Response<Bytes> {
        match target {
            Target::Server(request) => self.forward(request).await,
            Target::Answered(response) => response,
        }
    }

    async fn forward(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        headers.remove(HOST);
        drop_hop_by_hop(&mut headers);
        let sent = self.client.request(parts.method, format!("{}{path}", self.target)).headers(headers).body(body);
        let answer = async {
            let answer = sent.send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answer.bytes().await?))
        };
        match answer.await {
            Ok((status, mut headers, body)) => {
                drop_hop_by_hop(&mut headers);
                let mut response = Response::new(body);
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                response
            }
            Err(error) => plain(502, &json!({ "error": error.without_url().to_string() })),
        }
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

fn plain(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
