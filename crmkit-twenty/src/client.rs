//! Requests and answers, without knowing what they mean.

use crmkit_core::{
    Error, ErrorKind, FileStream, Result,
    chrono::{DateTime, Utc},
    http::{Request, Transport, reqwest::Method},
};
use serde_json::{Value as Json, json};
use url::Url;

use crate::{builder::RECORDS, refusal::Refusal};

/// One workspace's interface.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    transport: Transport,
}

/// A page of a list.
pub(crate) struct Listing {
    pub(crate) items: Vec<Json>,
    /// The place after it, where there is more.
    pub(crate) next: Option<String>,
}

impl Client {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport }
    }

    /// Names the workspace that shares the limit.
    pub(crate) fn bind(&self, workspace: &str) {
        self.transport.bind(workspace);
    }

    /// An answer, or the server's refusal.
    pub(crate) async fn ask(&self, request: Request) -> Result<Result<Json, Refusal>> {
        let answer = self.transport.send(request.clone()).await?;
        let body: Json = answer.json(&request)?;
        let failed = answer.status >= 400 || body["errors"][0].is_object();
        Ok(if failed { Err(Refusal::of(&body)) } else { Ok(body) })
    }

    /// An answer of which parts may be refused.
    pub(crate) async fn raw(&self, request: Request) -> Result<Json> {
        self.transport.send(request.clone()).await?.json(&request)
    }

    /// The answer to a request whose body is a stream.
    pub(crate) async fn upload(&self, request: Request, content_type: &str, bytes: FileStream) -> Result<Json> {
        let operation = request.operation();
        let answer = self.transport.upload(request.clone(), content_type, bytes).await?;
        let body: Json = answer.json(&request)?;
        let failed = answer.status >= 400 || body["errors"][0].is_object();
        if failed { Err(Refusal::of(&body).error(operation)) } else { Ok(body) }
    }

    /// Puts a file where the server said: an address that needs no key, at the server itself or at a store.
    pub(crate) async fn put(
        &self,
        url: &Url,
        content_type: &str,
        size: u64,
        bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let mut request =
            Request::new("twenty.file.store", Method::PUT, url.path()).send_before(send_before).length(size);
        for (name, value) in url.query_pairs() {
            request = request.query(name.into_owned(), value);
        }
        let store = self.transport.presigned(&url.origin().ascii_serialization())?;
        store.upload(request, content_type, bytes).await.map(drop)
    }

    /// The bytes behind an address of the server.
    pub(crate) async fn download(&self, request: Request) -> Result<FileStream> {
        self.transport.download(request).await
    }

    /// An answer; a refusal is an error.
    pub(crate) async fn done(&self, request: Request) -> Result<Json> {
        let operation = request.operation();
        self.ask(request).await?.map_err(|refusal| refusal.error(operation))
    }

    /// The only entry of an answer's `data`; newer servers leave the wrapper out.
    pub(crate) async fn data(&self, request: Request) -> Result<Json> {
        Ok(only(self.done(request).await?))
    }

    /// A page of a list.
    pub(crate) async fn page(&self, request: Request) -> Result<Listing> {
        let retry = request.uncertain(std::time::Duration::from_secs(5));
        let operation = request.operation();
        let mut body = self.done(request).await?;
        let info = body["pageInfo"].take();
        let Json::Array(items) = only(body) else {
            return Err(Error::new(ErrorKind::Protocol, operation, "the answer has no list", retry));
        };
        let more = info["hasNextPage"] == json!(true) && !items.is_empty();
        Ok(Listing { items, next: info["endCursor"].as_str().filter(|_| more).map(str::to_owned) })
    }

    /// All pages of a list.
    pub(crate) async fn all(&self, request: impl Fn() -> Request) -> Result<Vec<Json>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let request = match &cursor {
                Some(cursor) => request().query("starting_after", cursor),
                None => request(),
            };
            let page = self.page(request).await?;
            all.extend(page.items);
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }
}

fn only(mut body: Json) -> Json {
    match body["data"].take() {
        Json::Null => body,
        Json::Object(data) if data.len() == 1 => data.into_iter().next().map(|(_, value)| value).unwrap_or_default(),
        data => data,
    }
}

/// A request about records, which counts against the limit.
pub(crate) fn records(operation: &'static str, method: Method, path: String) -> Request {
    Request::new(operation, method, path).class(RECORDS.into())
}

/// A request about the schema, which does not.
pub(crate) fn metadata(operation: &'static str, method: Method, path: impl Into<String>) -> Request {
    Request::new(operation, method, path).class("metadata".into())
}
