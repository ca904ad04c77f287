//! Requests and answers, without knowing what they mean.

use crmkit_core::{
    Error, FileStream, Result,
    chrono::{DateTime, Utc},
    http::{Request, Transport},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    builder::WRITE,
    endpoint::{Endpoint, Verb},
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

    /// A list that has no pages.
    pub(crate) async fn whole<T: DeserializeOwned>(&self, endpoint: Endpoint) -> Result<Vec<T>> {
        Ok(self.data::<Option<Vec<T>>>(endpoint.request()).await?.unwrap_or_default())
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

    /// The `data` of the answer to an upload. It is sent once: its bytes are gone then.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        request: Request,
        content_type: &str,
        body: FileStream,
    ) -> Result<T> {
        let answer = self.transport.upload(request.clone(), content_type, body).await?;
        Ok(answer.json::<Envelope<T>>(&request)?.data)
    }

    /// What a request is answered with, as it comes in.
    pub(crate) async fn download(&self, request: Request) -> Result<FileStream> {
        self.transport.download(request).await
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

    /// A request to this endpoint about an id, which can be nothing but an id. What is nested below another record has two: the
    /// parent's, an underscore, and its own.
    pub(crate) fn about(self, id: &str) -> Result<Request> {
        let plain = |id: &str| {
            let byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !id.is_empty() && id.len() <= 64 && id.bytes().all(byte)
        };
        let mut path = self.path.to_owned();
        let ids: Vec<&str> = match self.path.matches("{}").count() {
            2 => id.split('_').take(2).collect(),
            _ => vec![id],
        };
        if ids.len() != self.path.matches("{}").count() || !ids.iter().all(|id| plain(id)) {
            return Err(Error::input(self.operation, "an id has characters that no id of pipedrive has"));
        }
        for id in ids {
            path = path.replacen("{}", id, 1);
        }
        Ok(self.of(path))
    }

    fn of(self, path: String) -> Request {
        let request = Request::new(self.operation, self.verb.into(), path).cost(self.cost);
        let request = if matches!(self.verb, Verb::Post | Verb::Put) { request.class(WRITE.into()) } else { request };
        if self.creating { request.creating() } else { request }
    }
}

/// A request with a body that may not leave after a moment.
pub(crate) fn writing(request: Request, body: &impl Serialize, send_before: DateTime<Utc>) -> Request {
    request.json(body).send_before(send_before)
}
