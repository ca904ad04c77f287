//! Sending: budget first, deadline last, and nothing twice that may have been applied.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{
    TryStreamExt,
    lock::{Mutex as AsyncMutex, OwnedMutexGuard},
    stream,
};
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;

use super::{Answer, Dialect, Request, Verdict, failure};
use crate::{
    AccountBudget, AccountKey, Chunk, Clock, Credentials, Digest, Error, FileStream, FixedToken, Hold, LimitSignal,
    RateBudget, Result, Retry,
};

/// Sends requests for a connector. Clones share client, pause and account.
///
/// # Contract
/// - Budget is reserved per request, waited for on the injected clock, and no request leaves after its
///   [`send_before`](Request::send_before).
/// - Only what is certainly not applied is sent again: what the dialect calls throttled, and once what a renewed token may cure.
/// - Whoever is throttled again after a pause pauses twice as long, up to five minutes; after a pause one request goes ahead, and
///   the others follow once it was let through.
/// - Errors and spans carry the operation, status and attempt: no address, query, header or value.
///
/// # Errors
/// `After` where nothing was applied; `Verify` where a [creating](Request::creating) or [changing](Request::changing) request may
/// have been; else what the dialect says.
///
/// # Cancellation
/// A request whose future is dropped may have been applied.
#[derive(Clone)]
pub struct Transport(Arc<Inner>);

struct Inner {
    client: Client,
    base: Url,
    dialect: Arc<dyn Dialect>,
    credentials: Arc<dyn Credentials>,
    budget: Arc<dyn RateBudget>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    body_limit: usize,
    company: RwLock<String>,
    /// The token of the last request and the account it stands for.
    account: Mutex<Option<(SecretString, AccountKey)>>,
    paused: Mutex<Pause>,
    /// Held by the request that goes ahead after a pause.
    ahead: Arc<AsyncMutex<()>>,
}

/// How long nobody sends, and how often in a row waiting did not help.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    until: Option<DateTime<Utc>>,
    strikes: u32,
    /// The last strike: what left before it belongs to it.
    struck: Option<DateTime<Utc>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("host", &self.0.base.host_str()).finish_non_exhaustive()
    }
}

/// Tries of one request against a server that keeps throttling.
const ATTEMPTS: u32 = 8;
/// How long the answer to a download may take.
const FILE: Duration = Duration::from_secs(3600);
/// The longest pause that is ours and not the server's.
const LONGEST: Duration = Duration::from_secs(300);

impl Transport {
    #[allow(clippy::too_many_arguments, reason = "called by the builder only")]
    pub(super) fn new(
        client: Client,
        base: Url,
        dialect: Arc<dyn Dialect>,
        credentials: Arc<dyn Credentials>,
        budget: Arc<dyn RateBudget>,
        clock: Arc<dyn Clock>,
        patience: Duration,
        body_limit: usize,
    ) -> Self {
        let company = RwLock::new(base.host_str().unwrap_or_default().to_owned());
        let (account, paused) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner {
            client,
            base,
            dialect,
            credentials,
            budget,
            clock,
            patience,
            body_limit,
            company,
            account,
            paused,
            ahead: Arc::default(),
        }))
    }

    /// The clock that it waits on.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The same client towards an address that says by itself who may use it, as stores of files give out: no token is sent there, and
    /// no budget asked.
    ///
    /// # Errors
    /// `Input` for an address that is not encrypted and not loopback.
    pub fn presigned(&self, origin: &str) -> Result<Self> {
        let inner = &*self.0;
        Ok(Self::new(
            inner.client.clone(),
            super::builder::check(origin)?,
            Arc::new(Presigned(inner.dialect.clone())),
            Arc::new(FixedToken::new(String::new())),
            Arc::new(AccountBudget::unlimited(inner.clock.clone())),
            inner.clock.clone(),
            inner.patience,
            inner.body_limit,
        ))
    }

    /// Names the company whose windows all tokens share, once it is known; until then it is the host.
    pub fn bind(&self, company: &str) {
        *self.0.company.write().unwrap_or_else(PoisonError::into_inner) = company.to_owned();
        *self.0.account.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends a request and gives the answer that the dialect calls done.
    ///
    /// # Errors
    /// As the type says.
    pub async fn send(&self, request: Request) -> Result<Answer> {
        self.deliver(request, false).await.map(|(answer, _)| answer)
    }

    /// Sends a request and gives the body of a good answer as it comes, of any length: for files.
    ///
    /// # Errors
    /// As the type says. The stream fails where the connection is lost before the body is whole; nothing is asked for again.
    pub async fn download(&self, request: Request) -> Result<FileStream> {
        let (answer, response) = self.deliver(request.clone(), true).await?;
        let Some(response) = response else {
            let whole = Chunk::from(answer.body);
            return Ok(Box::pin(stream::once(async move { Ok(whole) })));
        };
        Ok(Box::pin(stream::try_unfold((response, request), |(mut response, request)| async move {
            match response.chunk().await {
                Ok(Some(chunk)) => Ok(Some((Chunk::from(&*chunk), (response, request)))),
                Ok(None) => Ok(None),
                Err(error) => Err(failure::lost(&request, error)),
            }
        })))
    }

    /// The answer that the dialect calls done; the body of a good one is left to come, where that is asked for.
    async fn deliver(&self, request: Request, later: bool) -> Result<(Answer, Option<Response>)> {
        let inner = &*self.0;
        let deadline = inner.deadline(&request);
        let mut token = inner.credentials.token().await?;
        let mut renewed = false;
        for attempt in 1.. {
            let account = inner.account(&token);
            let (hold, ahead) = inner.wait_for_slot(&request, &account, deadline).await?;
            let span =
                tracing::debug_span!("http", operation = request.operation, attempt, status = tracing::field::Empty);
            let left = inner.clock.now();
            let (answer, rest) = inner.exchange(&request, &token, later).instrument(span).await?;
            drop(hold);
            let took = (inner.clock.now() - left).to_std().unwrap_or_default();
            inner.budget.report(&account, &request.class, &LimitSignal::Answered { status: answer.status, took }).await;
            for signal in inner.dialect.signals(&answer) {
                inner.budget.report(&account, &request.class, &signal).await;
            }
            let verdict = inner.dialect.verdict(&request, &answer, inner.clock.now());
            if !matches!(verdict, Verdict::Throttled { .. } | Verdict::Blocked { .. } | Verdict::Spent { .. }) {
                inner.let_through(left);
            }
            match verdict {
                Verdict::Done => return Ok((answer, rest)),
                Verdict::Failed(error) => return Err(error),
                Verdict::Unauthorized(error) if renewed => return Err(error),
                Verdict::Unauthorized(_) => {
                    token = inner.credentials.refresh(&token).await?;
                    renewed = true;
                }
                Verdict::Throttled { pause, error } => {
                    tracing::debug!(operation = request.operation, attempt, seconds = pause.as_secs_f64(), "throttled");
                    let (pause, until) = inner.throttled(pause, left);
                    inner.budget.report(&account, &request.class, &LimitSignal::Pause(pause)).await;
                    if attempt >= ATTEMPTS || until > deadline {
                        return Err(error.with_until(until));
                    }
                }
                Verdict::Blocked { pause, error } => {
                    let until = inner.pause(pause);
                    inner.budget.report(&account, &request.class, &LimitSignal::Pause(pause)).await;
                    return Err(error.with_until(until));
                }
                Verdict::Spent { until, error } => {
                    inner.budget.report(&account, &request.class, &LimitSignal::Exhausted(until)).await;
                    return Err(inner.until_refilled(&request, &account, error, until).await);
                }
            }
            drop(ahead);
        }
        unreachable!("the loop ends by returning")
    }

    /// Sends a request with this body, once: a stream cannot be sent again. What is throttled answers `After`, and so does a token that
    /// was renewed. An error of the stream breaks the request off.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn upload(&self, request: Request, content_type: &str, bytes: FileStream) -> Result<Answer> {
        let inner = &*self.0;
        let bytes = bytes.map_ok(|chunk| Bytes::from_owner(ChunkBytes(chunk)));
        let body = (content_type.to_owned(), reqwest::Body::wrap_stream(bytes));
        let asked = inner.ask_once(&request, Some(body)).await?;
        let answer = inner.read(&request, asked.response).await?;
        inner.judge_once(&request, &asked.account, asked.left, asked.token, &answer).await?;
        Ok(answer)
    }
}

/// A dialect without its token.
#[derive(Debug)]
struct Presigned(Arc<dyn Dialect>);

impl Dialect for Presigned {
    fn authorize(&self, _token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        // Says nothing about anybody.
        Ok((CACHE_CONTROL, HeaderValue::from_static("no-store")))
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        match answer.status {
            200..=299 => Verdict::Done,
            _ => self.0.verdict(request, answer, now),
        }
    }
}

/// A chunk as bytes, without a copy.
struct ChunkBytes(Chunk);

impl AsRef<[u8]> for ChunkBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A request that was sent, and what began to come back.
struct Asked {
    response: Response,
    account: AccountKey,
    token: SecretString,
    left: DateTime<Utc>,
}

impl Inner {
    fn account(&self, token: &SecretString) -> AccountKey {
        let mut last = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, account)) = last.as_ref().filter(|(known, _)| known.expose_secret() == token.expose_secret()) {
            return account.clone();
        }
        let digest = Digest::of(token.expose_secret().as_bytes()).to_string();
        let account = AccountKey::of(&self.company.read().unwrap_or_else(PoisonError::into_inner), &digest[..16]);
        *last = Some((token.clone(), account.clone()));
        account
    }

    /// Waits until the budget and every pause let the request leave, and gives up where that is after its deadline. The slot is
    /// for now: time is held until the request is answered. Who goes ahead after a pause holds the others back until then.
    async fn wait_for_slot(
        &self,
        request: &Request,
        account: &AccountKey,
        deadline: DateTime<Utc>,
    ) -> Result<(Hold, Option<OwnedMutexGuard<()>>)> {
        let mut ahead = None;
        loop {
            let before = self.pauses().until;
            if let Some(until) = before.filter(|until| *until > deadline) {
                return Err(failure::too_late(request).with_until(until));
            }
            if self.pauses().strikes == 0 {
                ahead = None;
            } else if ahead.is_none() {
                ahead = Some(self.ahead.clone().lock_owned().await);
                continue;
            }
            let Ok(patience) = (deadline - self.clock.now()).to_std() else { return Err(failure::too_late(request)) };
            let wait = self.budget.reserve(account, &request.class, request.cost, patience).await?;
            if !wait.is_zero() {
                self.clock.sleep_until(self.clock.now() + delta(wait)).await;
            }
            let hold = self.clock.hold();
            let now = self.clock.now();
            let pause = self.pauses().until;
            let paused = pause != before || pause.is_some_and(|until| until > now);
            // Somebody was throttled while this request waited: its place is void, it asks for another.
            if !paused {
                return if now > deadline { Err(failure::too_late(request)) } else { Ok((hold, ahead)) };
            }
        }
    }

    fn pauses(&self) -> MutexGuard<'_, Pause> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody who shares this transport pauses, for the longest pause anybody was told.
    fn pause(&self, pause: Duration) -> DateTime<Utc> {
        let until = self.clock.now().checked_add_signed(delta(pause)).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut paused = self.pauses();
        let until = paused.until.map_or(until, |before| before.max(until));
        paused.until = Some(until);
        until
    }

    /// A pause for a throttled request that left at `left`: twice as long each time that the last pause did not help.
    fn throttled(&self, told: Duration, left: DateTime<Utc>) -> (Duration, DateTime<Utc>) {
        let mut paused = self.pauses();
        if paused.struck.is_none_or(|struck| left > struck) {
            paused.strikes = paused.strikes.saturating_add(1);
            paused.struck = Some(self.clock.now());
        }
        let longer = told.saturating_mul(1 << (paused.strikes - 1).min(16)).min(LONGEST);
        drop(paused);
        let pause = told.max(longer);
        (pause, self.pause(pause))
    }

    /// A request that left after the last pause was not throttled: waiting helped.
    fn let_through(&self, left: DateTime<Utc>) {
        let mut paused = self.pauses();
        if paused.struck.is_some_and(|struck| left > struck) {
            paused.strikes = 0;
            paused.struck = None;
        }
    }

    /// The same error, with the moment at which the budget expects tokens again.
    async fn until_refilled(
        &self,
        request: &Request,
        account: &AccountKey,
        error: Error,
        told: Option<DateTime<Utc>>,
    ) -> Error {
        let refused = self.budget.reserve(account, &request.class, request.cost, Duration::ZERO).await.err();
        match told.or_else(|| refused.and_then(|refused| refused.until())) {
            Some(until) => error.with_until(until),
            None => error,
        }
    }

    /// The moment after which a request may not leave any more.
    fn deadline(&self, request: &Request) -> DateTime<Utc> {
        let limit = self.clock.now().checked_add_signed(delta(self.patience)).unwrap_or(DateTime::<Utc>::MAX_UTC);
        request.send_before.unwrap_or(limit)
    }

    /// One request, whose answer is still to be read.
    async fn ask_once(&self, request: &Request, body: Option<(String, reqwest::Body)>) -> Result<Asked> {
        let deadline = self.deadline(request);
        let token = self.credentials.token().await?;
        let account = self.account(&token);
        let (_hold, _ahead) = self.wait_for_slot(request, &account, deadline).await?;
        let left = self.clock.now();
        let span =
            tracing::debug_span!("http", operation = request.operation, attempt = 1, status = tracing::field::Empty);
        // No longer than any other request: whoever looks for a lost one has to know by when it was applied or not.
        let response = self.open(request, &token, body, false).instrument(span).await?;
        Ok(Asked { response, account, token, left })
    }

    /// What the answer to a request that is not sent again says.
    async fn judge_once(
        &self,
        request: &Request,
        account: &AccountKey,
        left: DateTime<Utc>,
        token: SecretString,
        answer: &Answer,
    ) -> Result<()> {
        let took = (self.clock.now() - left).to_std().unwrap_or_default();
        self.budget.report(account, &request.class, &LimitSignal::Answered { status: answer.status, took }).await;
        for signal in self.dialect.signals(answer) {
            self.budget.report(account, &request.class, &signal).await;
        }
        match self.dialect.verdict(request, answer, self.clock.now()) {
            Verdict::Done => {
                self.let_through(left);
                Ok(())
            }
            Verdict::Failed(error) => Err(error),
            Verdict::Unauthorized(error) => match self.credentials.refresh(&token).await {
                Ok(renewed) if renewed.expose_secret() != token.expose_secret() => {
                    Err(error.with_retry(Retry::After(Duration::ZERO)))
                }
                _ => Err(error),
            },
            Verdict::Throttled { pause, error } => {
                let (pause, until) = self.throttled(pause, left);
                self.budget.report(account, &request.class, &LimitSignal::Pause(pause)).await;
                Err(error.with_until(until))
            }
            Verdict::Blocked { pause, error } => {
                let until = self.pause(pause);
                self.budget.report(account, &request.class, &LimitSignal::Pause(pause)).await;
                Err(error.with_until(until))
            }
            Verdict::Spent { until, error } => {
                self.budget.report(account, &request.class, &LimitSignal::Exhausted(until)).await;
                Err(self.until_refilled(request, account, error, until).await)
            }
        }
    }

    /// One request, one answer.
    async fn exchange(
        &self,
        request: &Request,
        token: &SecretString,
        later: bool,
    ) -> Result<(Answer, Option<Response>)> {
        let mut response = self.open(request, token, None, later).await?;
        if later && response.status().is_success() {
            let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
            return Ok((Answer { status, headers, body: Vec::new() }, Some(response)));
        }
        Ok((self.read(request, response).await?, None))
    }

    /// One request, up to the head of its answer.
    async fn open(
        &self,
        request: &Request,
        token: &SecretString,
        body: Option<(String, reqwest::Body)>,
        lasting: bool,
    ) -> Result<Response> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let (name, value) = self.dialect.authorize_request(request, token)?;
        let mut call = self
            .client
            .request(request.method.clone(), url)
            .header(name, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((content_type, body)) = body {
            call = call.header(CONTENT_TYPE, content_type).body(body);
            if let Some(length) = request.length {
                call = call.header(CONTENT_LENGTH, length);
            }
        } else if let Some(json) = &request.json {
            call = call.header(CONTENT_TYPE, HeaderValue::from_static(request.content_type)).body(json.clone());
        }
        if lasting {
            call = call.timeout(FILE);
        }
        let response = call.send().await.map_err(|error| failure::lost(request, error))?;
        let status = response.status().as_u16();
        tracing::Span::current().record("status", status);
        if !response.status().is_redirection() {
            return Ok(response);
        }
        match request.follows && lasting {
            true => self.follow(request, &response).await,
            false => Err(failure::redirected(request, status)),
        }
    }

    /// What the address says that an answer leads to. It is signed by itself: the token is nobody's business there.
    async fn follow(&self, request: &Request, from: &Response) -> Result<Response> {
        let refused = || failure::redirected(request, from.status().as_u16());
        let place = from.headers().get(LOCATION).and_then(|place| place.to_str().ok()).ok_or_else(refused)?;
        let url = from.url().join(place).map_err(|_| refused())?;
        if url.scheme() != "https" && url.origin() != self.base.origin() {
            return Err(refused());
        }
        let call = self.client.get(url).timeout(FILE);
        let response = call.send().await.map_err(|error| failure::lost(request, error))?;
        if response.status().is_success() { Ok(response) } else { Err(refused()) }
    }

    /// The answer's body, within bounds.
    async fn read(&self, request: &Request, mut response: Response) -> Result<Answer> {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.body_limit => {
                    return Err(failure::too_long(request, self.body_limit));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Answer { status, headers, body }),
                Err(error) => return Err(failure::lost(request, error)),
            }
        }
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
