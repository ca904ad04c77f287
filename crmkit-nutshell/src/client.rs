//! Requests and answers, without knowing what they mean: JSON-RPC and REST over one transport, at a discovered address.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crmkit_core::{
    Clock, Error, ErrorKind, FileStream, Result, Retry,
    chrono::{DateTime, TimeDelta, Utc},
    http::{Answer, Request, Transport, reqwest::Method},
};
use futures::lock::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use crate::{NutshellConfig, wire::Response};

const RPC: &str = "/api/v1/json";
/// Lists and look-ups, which the vendor limits first.
pub(crate) const FIND: &str = "find";
const PATCH: &str = "application/json-patch+json";

pub(crate) type Maker = Box<dyn Fn(&str) -> Result<Transport> + Send + Sync>;

/// One instance's interfaces.
pub(crate) struct Client {
    make: Maker,
    clock: Arc<dyn Clock>,
    username: String,
    /// Where to ask for the address; none where it is given.
    discovery: Option<(Transport, TimeDelta)>,
    found: Mutex<Option<Found>>,
    /// Each held by one request under way: the key's requests do not run into each other.
    places: Box<[Mutex<()>]>,
    next: AtomicUsize,
}

/// The instance's address, its transport, and until when it holds.
struct Found {
    base: String,
    transport: Transport,
    until: DateTime<Utc>,
    company: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// How a call counts when its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Creates,
    Changes,
}

/// A JSON-RPC call with named parameters.
#[derive(Debug)]
pub(crate) struct Call {
    request: Request,
}

impl Call {
    /// `operation` is ours (`"contact.create"`), `method` theirs (`"newContact"`).
    pub(crate) fn new(operation: &'static str, method: &str, effect: Effect, params: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Body<'a, P> {
            jsonrpc: &'static str,
            method: &'a str,
            params: &'a P,
            id: &'static str,
        }
        let body = Body { jsonrpc: "2.0", method, params, id: "1" };
        let request = Request::new(operation, Method::POST, RPC).json(&body);
        let finds = ["find", "search"].iter().any(|verb| method.starts_with(verb));
        let request = if finds { request.class(FIND.into()) } else { request };
        Self {
            request: match effect {
                Effect::Reads => request,
                Effect::Creates => request.creating(),
                Effect::Changes => request.changing(),
            },
        }
    }

    /// A call that reads.
    pub(crate) fn read(operation: &'static str, method: &str, params: Json) -> Self {
        Self::new(operation, method, Effect::Reads, &params)
    }

    pub(crate) fn send_before(mut self, moment: DateTime<Utc>) -> Self {
        self.request = self.request.send_before(moment);
        self
    }

    /// In the name of another user.
    pub(crate) fn on_behalf_of(mut self, user: Option<&str>) -> Self {
        if let Some(user) = user {
            self.request = self.request.on_behalf_of(user);
        }
        self
    }
}

impl Client {
    pub(crate) fn new(make: Maker, config: &NutshellConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let hold = TimeDelta::seconds(i64::try_from(config.discovery_seconds).unwrap_or(i64::MAX / 2_000));
        let (discovery, found) = match &config.base_url {
            Some(base) => {
                let until = DateTime::<Utc>::MAX_UTC;
                let transport = make(base)?;
                (None, Some(Found { base: base.clone(), transport, until, company: None }))
            }
            None => (Some((make(&config.discovery_url)?, hold)), None),
        };
        let places = (0..config.in_flight.max(1)).map(|_| Mutex::default()).collect();
        let (found, next) = (Mutex::new(found), AtomicUsize::default());
        Ok(Self { make, clock, username: config.username.clone(), discovery, found, places, next })
    }

    /// Names the instance whose pace all keys share.
    pub(crate) async fn bind(&self, company: &str) {
        if let Some(found) = &mut *self.found.lock().await
            && found.company.as_deref() != Some(company)
        {
            found.transport.bind(company);
            found.company = Some(company.to_owned());
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The transport of the instance, whose address is asked for where none is known or the answer is too old.
    async fn transport(&self) -> Result<Transport> {
        let mut found = self.found.lock().await;
        let now = self.clock.now();
        if let Some(known) = found.as_ref().filter(|known| known.until > now) {
            return Ok(known.transport.clone());
        }
        let Some((discovery, hold)) = &self.discovery else {
            return Err(Error::state("nutshell.discover", "the address of the instance is not known"));
        };
        let body = json!({
            "jsonrpc": "2.0", "method": "getApiForUsername", "params": {"username": self.username}, "id": "1",
        });
        let request = Request::new("nutshell.discover", Method::POST, "/v1/json").json(&body);
        let answer = match discovery.send(request.clone()).await {
            Ok(answer) => answer,
            Err(error) => {
                // An address that was good a while ago is better than none.
                return match found.as_ref() {
                    Some(known) => Ok(known.transport.clone()),
                    None => Err(error),
                };
            }
        };
        let hosts: Hosts = result(&request, &answer)?;
        let base = base_of(&hosts.api)?;
        let until = now.checked_add_signed(*hold).unwrap_or(DateTime::<Utc>::MAX_UTC);
        match found.as_mut() {
            Some(known) if known.base == base => known.until = until,
            _ => {
                let company = found.as_ref().and_then(|known| known.company.clone());
                let transport = (self.make)(&base)?;
                if let Some(company) = &company {
                    transport.bind(company);
                }
                *found = Some(Found { base, transport, until, company });
            }
        }
        Ok(found.as_ref().expect("just set").transport.clone())
    }

    /// Sends a request when one of the key's places is free.
    async fn send(&self, request: Request) -> Result<Answer> {
        let transport = self.transport().await?;
        let _held = self.place().lock().await;
        transport.send(request).await
    }

    /// The result of a JSON-RPC call.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let answer = self.send(call.request.clone()).await?;
        result(&call.request, &answer)
    }

    /// The list under `key` of a REST answer, or the bare list.
    pub(crate) async fn rest<T: DeserializeOwned>(&self, request: Request, key: &str) -> Result<Vec<T>> {
        let answer = self.send(request.clone()).await?;
        let mut body: Json = answer.json(&request)?;
        let list = if body.is_array() { body } else { body[key].take() };
        if list.is_null() {
            return Err(unexpected(&request));
        }
        serde_json::from_value(list).map_err(|_| unexpected(&request))
    }

    /// How many records a REST list has in all.
    pub(crate) async fn total(&self, request: Request) -> Result<u64> {
        let answer = self.send(request.clone()).await?;
        let body: Json = answer.json(&request)?;
        body["meta"]["total"].as_u64().ok_or_else(|| unexpected(&request))
    }

    /// Sends a file.
    pub(crate) async fn upload(&self, request: Request, content_type: &str, bytes: FileStream) -> Result<()> {
        let transport = self.transport().await?;
        let _held = self.place().lock().await;
        transport.upload(request, content_type, bytes).await.map(drop)
    }

    /// Reads a file.
    pub(crate) async fn download(&self, request: Request) -> Result<FileStream> {
        let transport = self.transport().await?;
        let _held = self.place().lock().await;
        transport.download(request).await
    }

    fn place(&self) -> &Mutex<()> {
        &self.places[self.next.fetch_add(1, Ordering::Relaxed) % self.places.len()]
    }

    /// Sends a request of whose answer only the success matters.
    pub(crate) async fn done(&self, request: Request) -> Result<()> {
        self.send(request).await.map(drop)
    }
}

#[derive(Debug, serde::Deserialize)]
struct Hosts {
    api: String,
}

/// The address of a discovered host, which may carry a scheme and port on a simulator, and nothing else.
fn base_of(host: &str) -> Result<String> {
    let loopback = host.starts_with("127.0.0.1:") || host.starts_with("localhost:");
    let plain =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
    match (plain, loopback) {
        (false, _) => Err(Error::new(
            ErrorKind::Protocol,
            "nutshell.discover",
            "the discovery named something that is no host",
            Retry::Never,
        )),
        (true, true) => Ok(format!("http://{host}")),
        (true, false) => Ok(format!("https://{host}")),
    }
}

fn result<T: DeserializeOwned>(request: &Request, answer: &Answer) -> Result<T> {
    answer.json::<Response<T>>(request).map(|response| response.result)
}

fn unexpected(request: &Request) -> Error {
    let message = "the answer is not what the interface documents";
    let retry = if request.is_creating() { Retry::Verify } else { Retry::Never };
    Error::new(ErrorKind::Protocol, request.operation(), message, retry)
}

/// A REST request that reads a list.
pub(crate) fn get(operation: &'static str, path: impl Into<String>) -> Request {
    Request::new(operation, Method::GET, path).class(FIND.into())
}

/// A JSON-Patch of one record.
pub(crate) fn patch(operation: &'static str, path: String, operations: &Json) -> Request {
    Request::new(operation, Method::PATCH, path).json(operations).content_type(PATCH)
}

/// A REST request that creates.
pub(crate) fn post(operation: &'static str, path: impl Into<String>, body: &Json) -> Request {
    Request::new(operation, Method::POST, path).json(body).creating()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_are_discovered() {
        assert_eq!(base_of("app.nutshell.com").unwrap(), "https://app.nutshell.com");
        assert_eq!(base_of("127.0.0.1:80").unwrap(), "http://127.0.0.1:80");
        for bad in ["", "a/b", "x@y", "http://a", "a b", "a?b"] {
            assert!(base_of(bad).is_err(), "{bad}");
        }
    }
}
