//! Requests and answers, without knowing what they mean. All of them read.

use std::fmt::Write as _;

use crmkit_core::{
    Error, ErrorKind, Result, Retry,
    http::{Answer, Request, Transport, reqwest::Method},
};
use serde_json::{Value as Json, json};

use super::wire::{self, Listing};

/// One workspace's interface.
#[derive(Clone, Debug)]
pub(super) struct Client {
    transport: Transport,
    probing: Transport,
    page: usize,
}

impl Client {
    pub(super) fn new(transport: Transport, probing: Transport, page: usize) -> Self {
        Self { transport, probing, page }
    }

    /// The team of the key; calls are counted for it from now on.
    pub(super) async fn team(&self) -> Result<String> {
        let request = Request::new("klipy.authenticate", Method::GET, "/authenticate");
        let body: Json = self.transport.send(request.clone()).await?.json(&request)?;
        let team = wire::team(&body).ok_or_else(|| {
            let message = "the answer names no team; check that the base address is not that of another service";
            Error::new(ErrorKind::Protocol, "klipy.authenticate", message, Retry::Never)
        })?;
        // One name for both transports: they share the windows.
        self.transport.bind(&team);
        self.probing.bind(&team);
        Ok(team)
    }

    /// A page of people or interactions.
    pub(super) async fn query(&self, list: &'static str, cursor: Option<&str>) -> Result<Listing> {
        let operation = if list == "people" { "klipy.people" } else { "klipy.interactions" };
        let request = query(operation, list, cursor, self.page);
        let body: Json = self.transport.send(request.clone()).await?.json(&request)?;
        wire::list(body, list)
            .ok_or_else(|| Error::new(ErrorKind::Protocol, operation, "the answer has no list", Retry::Never))
    }

    /// A company, if it is still there.
    pub(super) async fn company(&self, id: &str) -> Result<Option<Json>> {
        let request = Request::new("klipy.company", Method::GET, format!("/companies/{}", encoded(id)));
        match self.transport.send(request.clone()).await {
            Ok(answer) => {
                let body: Json = answer.json(&request)?;
                Ok(wire::data(&body).cloned())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What answers at the address, whatever it is.
    pub(super) async fn look(&self, path: &'static str) -> Result<Answer> {
        let request = match path {
            "/authenticate" => Request::new("klipy.probe", Method::GET, path),
            "/people/query" => query("klipy.probe", "people", None, 1),
            _ => query("klipy.probe", "interactions", None, 1),
        };
        self.probing.send(request).await
    }

    /// Whether a company can be read, by its status.
    pub(super) async fn look_at_company(&self, id: &str) -> Result<Answer> {
        let path = format!("/companies/{}", encoded(id));
        self.probing.send(Request::new("klipy.probe", Method::GET, path)).await
    }
}

fn query(operation: &'static str, list: &str, cursor: Option<&str>, limit: usize) -> Request {
    let body = json!({ "cursor": cursor, "limit": limit });
    Request::new(operation, Method::POST, format!("/{list}/query")).json(&body)
}

/// An id as one segment of a path.
fn encoded(id: &str) -> String {
    let mut path = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}
