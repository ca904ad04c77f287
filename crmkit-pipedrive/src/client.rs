//! Requests and answers, without knowing what they mean.

use crmkit_core::{
    Error, Result,
    chrono::{DateTime, Utc},
    http::{Request, Transport},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    endpoint::Endpoint,
    wire::{Envelope, Listing},
};

/// One account's interface.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    transport: Transport,
}

impl Client {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport }
    }

    /// Names the company that shares the day's tokens.
    pub(crate) fn bind(&self, company: &str) {
        self.transport.bind(company);
    }

    /// The `data` of an answer.
    pub(crate) async fn data<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        let answer = self.transport.send(request.clone()).await?;
        Ok(answer.json::<Envelope<T>>(&request)?.data)
    }

    /// A page of a list and the place of the next.
    pub(crate) async fn page<T: DeserializeOwned>(&self, request: Request) -> Result<(Vec<T>, Option<String>)> {
        let answer = self.transport.send(request.clone()).await?;
        let listing = answer.json::<Listing<T>>(&request)?;
        let next = listing.next();
        Ok((listing.data.unwrap_or_default(), next))
    }

    /// All pages of a short list.
    pub(crate) async fn all<T: DeserializeOwned>(&self, endpoint: Endpoint) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let request = endpoint.request().query("limit", 500);
            let request = match &cursor {
                Some(cursor) => request.query("cursor", cursor),
                None => request,
            };
            let (page, next) = self.page(request).await?;
            all.extend(page);
            match next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    /// Sends a request of whose answer only the success matters.
    pub(crate) async fn done(&self, request: Request) -> Result<()> {
        self.transport.send(request).await.map(drop)
    }
}

impl Endpoint {
    /// A request to this endpoint.
    pub(crate) fn request(self) -> Request {
        self.of(self.path.to_owned())
    }

    /// A request to this endpoint about `id`, which can be nothing but an id.
    pub(crate) fn about(self, id: &str) -> Result<Request> {
        let plain =
            !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain {
            return Err(Error::input(self.operation, "an id has characters that no id of pipedrive has"));
        }
        Ok(self.of(self.path.replacen("{}", id, 1)))
    }

    fn of(self, path: String) -> Request {
        let request = Request::new(self.operation, self.verb.into(), path).cost(self.cost);
        if self.creating { request.creating() } else { request }
    }
}

/// A request with a body that may not leave after a moment.
pub(crate) fn writing(request: Request, body: &impl Serialize, send_before: DateTime<Utc>) -> Request {
    request.json(body).send_before(send_before)
}
