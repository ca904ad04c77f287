//! One request and its answer.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::{Method, header::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};

use crate::{CostClass, Error, ErrorKind, Result, Retry};

/// One request: what, where to, what it costs, and until when it may leave.
///
/// ```
/// use crmkit_core::http::{Request, reqwest::Method};
/// let request = Request::new("person.write", Method::POST, "/api/v2/persons")
///     .json(&serde_json::json!({"name": "Ann"}))
///     .cost(5)
///     .creating();
/// assert!(!format!("{request:?}").contains("Ann"));
/// ```
#[derive(Clone)]
pub struct Request {
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(Cow<'static, str>, String)>,
    /// Shared by all attempts.
    pub(super) json: Option<Bytes>,
    pub(super) content_type: &'static str,
    /// The length of a body that is a stream, where it is known.
    pub(super) length: Option<u64>,
    /// Whom it speaks for, where that is not the token's own user.
    pub(super) on_behalf_of: Option<String>,
    pub(super) class: CostClass,
    pub(super) cost: u32,
    pub(super) creating: bool,
    pub(super) changing: bool,
    pub(super) send_before: Option<DateTime<Utc>>,
    pub(super) follows: bool,
}

/// Without path, query and body: they may name people.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("creating", &self.creating)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request of `operation` (`"person.write"`) to `path`, which begins with a slash and follows the base URL.
    pub fn new(operation: &'static str, method: Method, path: impl Into<String>) -> Self {
        let changing = matches!(method, Method::PUT | Method::PATCH | Method::DELETE);
        Self {
            operation,
            method,
            path: path.into(),
            query: Vec::new(),
            json: None,
            content_type: "application/json",
            length: None,
            on_behalf_of: None,
            class: CostClass::from("api"),
            cost: 1,
            creating: false,
            changing,
            send_before: None,
            follows: false,
        }
    }

    /// The same request with one more query parameter.
    pub fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl fmt::Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// The same request with a JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.json = Some(serde_json::to_vec(body).expect("request bodies are serialisable").into());
        self
    }

    /// The same request, whose JSON body is of another content type: `application/json-patch+json`.
    pub fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    /// The same request, whose streamed body has this many bytes: some stores take no stream of unknown length.
    pub fn length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    /// The same request in the name of another user of the account, where the vendor lets one token speak for several. The
    /// [`Dialect`](super::Dialect) says how.
    pub fn on_behalf_of(mut self, user: impl Into<String>) -> Self {
        self.on_behalf_of = Some(user.into());
        self
    }

    /// Which windows of the budget it draws on; `"api"` unless told.
    pub fn class(mut self, class: CostClass) -> Self {
        self.class = class;
        self
    }

    /// What it costs in tokens; 1 unless told.
    pub fn cost(mut self, tokens: u32) -> Self {
        self.cost = tokens;
        self
    }

    /// It creates something: sent twice, it would create two. A lost answer is [`Retry::Verify`].
    pub fn creating(mut self) -> Self {
        self.creating = true;
        self
    }

    /// It changes or removes what is there: sent twice, it does the same, but whoever lost its answer has to know that it may
    /// have been applied. A lost answer is [`Retry::Verify`]. `PUT`, `PATCH` and `DELETE` are, unless told.
    pub fn changing(mut self) -> Self {
        self.changing = true;
        self
    }

    /// It may not leave after this moment.
    pub fn send_before(mut self, moment: DateTime<Utc>) -> Self {
        self.send_before = Some(moment);
        self
    }

    /// Its answer may send a [download](super::Transport::download) on to another address, as vendors do that keep files in a storage.
    /// That is followed once, over TLS, and without the token.
    pub fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// The operation it belongs to.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The user it speaks for, where that is not the token's own.
    pub fn acting_user(&self) -> Option<&str> {
        self.on_behalf_of.as_deref()
    }

    /// Which windows of the budget it draws on.
    pub fn cost_class(&self) -> &CostClass {
        &self.class
    }

    /// What it costs in tokens.
    pub fn tokens(&self) -> u32 {
        self.cost
    }

    /// Whether it creates something.
    pub fn is_creating(&self) -> bool {
        self.creating
    }

    /// What to do after an answer that leaves open whether the request was applied.
    pub fn uncertain(&self, wait: std::time::Duration) -> Retry {
        if self.creating || self.changing { Retry::Verify } else { Retry::After(wait) }
    }
}

/// A status, its headers and a body within bounds.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Without headers and body: they may name people.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON. An answer that cannot be read leaves open whether a creating request was applied.
    ///
    /// # Errors
    /// `Protocol`, with the place but without the text: the body may name people.
    pub fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let retry = if request.creating { Retry::Verify } else { Retry::Never };
            Error::new(ErrorKind::Protocol, request.operation, "the answer is not what the interface documents; check that the base address leads to it and to nothing in between", retry)
                .with_context("status", self.status)
                .with_context("line", error.line())
                .with_context("column", error.column())
        })
    }
}
