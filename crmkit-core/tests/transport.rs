//! The transport against a server that answers whatever a test wants.
#![cfg(all(feature = "http", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, ErrorKind, FixedToken, LimitSignal, RateBudget, Result, Retry,
    SystemClock, Window,
    http::{
        Answer, Dialect, Request, Transport, TransportBuilder, Verdict,
        reqwest::{
            Method,
            header::{AUTHORIZATION, HeaderName, HeaderValue},
        },
    },
    secrecy::{ExposeSecret, SecretString},
    simulator::{self, Bytes, Handler, InFlight, JumpingClock, Reply, Response, Server, ServerThread},
};

/// 401, 429 and 400 mean what they mean; everything else is done.
#[derive(Debug)]
struct Plain;

impl Dialect for Plain {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        Ok((AUTHORIZATION, HeaderValue::from_str(token.expose_secret()).unwrap()))
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    fn verdict(&self, request: &Request, answer: &Answer, _now: DateTime<Utc>) -> Verdict {
        let error = |kind| Error::new(kind, request.operation(), "refused", Retry::Never);
        match answer.status {
            401 => Verdict::Unauthorized(error(ErrorKind::Auth)),
            403 => {
                let wait = Duration::from_secs(300);
                Verdict::Blocked { pause: wait, error: error(ErrorKind::Limited).with_retry(Retry::After(wait)) }
            }
            429 => Verdict::Throttled {
                pause: Duration::from_secs(2),
                error: error(ErrorKind::Limited).with_retry(Retry::After(Duration::from_secs(2))),
            },
            400 => Verdict::Failed(error(ErrorKind::Rejected)),
            _ => Verdict::Done,
        }
    }
}

/// Answers the next of its script, then 200.
#[derive(Debug, Default)]
struct Script {
    replies: Mutex<Vec<Scripted>>,
    seen: Mutex<Vec<String>>,
}

#[derive(Clone, Copy, Debug)]
enum Scripted {
    Status(u16),
    Redirect,
    Long(usize),
    Close,
    Truncate,
    Reset,
    ResetBody,
    Hang,
    Stall,
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, request: simulator::Request<Bytes>) -> Reply {
        let token = request.headers().get("authorization").map(|token| token.to_str().unwrap().to_owned());
        self.seen.lock().unwrap().push(token.unwrap_or_default());
        let next = self.replies.lock().unwrap().pop();
        let answer =
            |status: u16, body: &str| Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        match next {
            None => Reply::Send(answer(200, "{}")),
            Some(Scripted::Status(status)) => Reply::Send(answer(status, "{}")),
            Some(Scripted::Long(length)) => Reply::Send(answer(200, &"x".repeat(length))),
            Some(Scripted::Close) => Reply::Close,
            Some(Scripted::Truncate) => Reply::Truncate(answer(200, &"x".repeat(64))),
            Some(Scripted::Reset) => Reply::Reset(None),
            Some(Scripted::ResetBody) => Reply::Reset(Some(answer(200, &"x".repeat(64)))),
            Some(Scripted::Hang) => Reply::Hang,
            Some(Scripted::Stall) => Reply::Stall(answer(200, &"x".repeat(64))),
            Some(Scripted::Redirect) => {
                let mut moved = answer(302, "");
                moved.headers_mut().insert("location", "http://evil.example/".parse().unwrap());
                Reply::Send(moved)
            }
        }
    }
}

/// Gives a new token once.
#[derive(Debug, Default)]
struct Rotating(AtomicUsize);

#[async_trait]
impl Credentials for Rotating {
    async fn token(&self) -> Result<SecretString> {
        Ok(SecretString::from(format!("token-{}", self.0.load(Ordering::SeqCst))))
    }

    async fn refresh(&self, _refused: &SecretString) -> Result<SecretString> {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.token().await
    }
}

struct Bench {
    script: Arc<Script>,
    _server: Server,
    url: String,
}

impl Bench {
    fn new(replies: &[Scripted]) -> Self {
        Self::counted(replies, InFlight::default())
    }

    fn counted(replies: &[Scripted], in_flight: InFlight) -> Self {
        let replies = Mutex::new(replies.iter().rev().copied().collect());
        let script = Arc::new(Script { replies, seen: Mutex::default() });
        let server = Server::start(0, ServerThread::Current, in_flight, script.clone()).unwrap();
        Self { script, url: server.url(), _server: server }
    }

    fn builder(&self, credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> TransportBuilder {
        let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
        TransportBuilder::new(&self.url, Arc::new(Plain), credentials, budget, clock)
            .timeout(Duration::from_millis(300))
            .body_limit(100)
    }

    fn transport(&self) -> Transport {
        self.builder(Arc::new(FixedToken::new("hush-hush")), Arc::new(SystemClock)).build().unwrap()
    }

    fn seen(&self) -> Vec<String> {
        self.script.seen.lock().unwrap().clone()
    }
}

fn read() -> Request {
    Request::new("thing.get", Method::GET, "/thing").query("name", "Ann Lee")
}

fn create() -> Request {
    Request::new("thing.create", Method::POST, "/thing").json(&serde_json::json!({"name": "Ann Lee"})).creating()
}

#[tokio::test]
async fn what_is_lost_is_verified_when_it_changes() {
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let bench = Bench::new(&[Scripted::Reset]);
        let error = bench.transport().send(Request::new("thing.change", method, "/thing")).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Verify, "it may have been applied");
        assert_eq!(bench.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_is_lost_is_verified_when_it_creates_and_repeated_when_it_reads() {
    use Scripted::{Close, Hang, Reset, ResetBody, Stall, Truncate};
    for lost in [Close, Truncate, Reset, ResetBody, Hang, Stall] {
        let bench = Bench::new(&[lost, lost]);
        let transport = bench.transport();
        let created = transport.send(create()).await.unwrap_err();
        let read = transport.send(read()).await.unwrap_err();
        assert_eq!((created.kind(), created.retry()), (ErrorKind::Unavailable, Retry::Verify), "{lost:?}");
        assert!(matches!(read.retry(), Retry::After(_)), "{lost:?}");
        assert_eq!(bench.seen().len(), 2, "nothing was sent twice");
        let shown = format!("{created:?} {read:?} {transport:?}");
        assert!(!shown.contains("hush") && !shown.contains("Ann") && !shown.contains("/thing"), "{shown}");
    }
}

#[tokio::test]
async fn a_refused_connection_applied_nothing() {
    let url = { Bench::new(&[]).url };
    let clock = Arc::new(SystemClock);
    let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
    let token = Arc::new(FixedToken::new("t"));
    let transport = TransportBuilder::new(url, Arc::new(Plain), token, budget, clock).build().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = transport.send(create()).await.unwrap_err();
    assert!(matches!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::After(_))), "{error:?}");
}

#[tokio::test]
async fn a_missing_tls_backend_is_named() {
    let clock = Arc::new(SystemClock);
    let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
    let token = Arc::new(FixedToken::new("t"));
    let transport = TransportBuilder::new("https://127.0.0.1:9", Arc::new(Plain), token, budget, clock).build();
    let error = transport.unwrap().send(create()).await.unwrap_err();
    // With a TLS backend compiled in by others, the connection is simply refused.
    let named = error.kind() == ErrorKind::Input && error.to_string().contains("rustls");
    assert!(named || error.kind() == ErrorKind::Unavailable, "{error:?}");
}

#[tokio::test]
async fn redirects_and_endless_answers_are_refused() {
    let bench = Bench::new(&[Scripted::Redirect, Scripted::Long(101), Scripted::Long(100)]);
    let transport = bench.transport();
    let redirected = transport.send(read()).await.unwrap_err();
    assert_eq!((redirected.kind(), redirected.retry()), (ErrorKind::Protocol, Retry::Never));
    assert_eq!(transport.send(read()).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(transport.send(read()).await.unwrap().body.len(), 100);
}

#[tokio::test]
async fn a_download_comes_as_it_is_sent_and_is_never_half() {
    use futures::TryStreamExt;
    let bench = Bench::new(&[Scripted::Status(429), Scripted::Long(500), Scripted::Truncate, Scripted::Status(400)]);
    let transport = bench.transport();
    let whole = transport.download(read()).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(whole.concat().len(), 500, "longer than the answers that are kept");
    let half = transport.download(read()).await.unwrap().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!((half.kind(), half.retry()), (ErrorKind::Unavailable, Retry::After(_))), "{half:?}");
    assert_eq!(transport.download(read()).await.err().unwrap().kind(), ErrorKind::Rejected);
    assert_eq!(bench.seen().len(), 4, "what was throttled was asked for again, what was cut was not");
}

#[tokio::test]
async fn a_token_is_renewed_once() {
    let refused = Scripted::Status(401);
    let bench = Bench::new(&[refused]);
    let transport = bench.builder(Arc::new(Rotating::default()), Arc::new(SystemClock)).build().unwrap();
    transport.send(create()).await.unwrap();
    assert_eq!(bench.seen(), ["token-0", "token-1"]);

    let bench = Bench::new(&[refused; 5]);
    let transport = bench.builder(Arc::new(Rotating::default()), Arc::new(SystemClock)).build().unwrap();
    assert_eq!(transport.send(create()).await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(bench.seen().len(), 2);

    let bench = Bench::new(&[refused; 5]);
    assert_eq!(bench.transport().send(create()).await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(bench.seen().len(), 1, "a fixed token is not tried twice");
}

#[tokio::test]
async fn who_is_throttled_again_pauses_longer() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[Scripted::Status(429); 60], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let start = clock.now();
    // An hour of a caller who comes back whenever it was told to.
    while clock.now() - start < TimeDelta::hours(1) {
        let error = transport.send(create().send_before(clock.now() + TimeDelta::seconds(60))).await.unwrap_err();
        clock.sleep_until(error.until().expect("when to come back")).await;
    }
    let seen = bench.seen().len();
    assert!((10..=25).contains(&seen), "{seen} requests in an hour");
    // The first answer that is none of these ends it.
    while transport.send(create()).await.is_err() {
        clock.advance(Duration::from_secs(300));
    }
    let bench =
        Bench::counted(&[Scripted::Status(429), Scripted::Status(200), Scripted::Status(429)], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let start = clock.now();
    transport.send(create()).await.unwrap();
    transport.send(create()).await.unwrap();
    assert!(clock.now() - start < TimeDelta::seconds(6), "two pauses of two seconds");
}

#[tokio::test]
async fn after_a_pause_one_request_goes_ahead() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[Scripted::Status(429); 12 + 3], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let sends = (0..12).map(|_| transport.send(create()));
    assert!(futures::future::join_all(sends).await.iter().all(Result::is_ok));
    // Twelve were under way, three went ahead of the others in vain, then all twelve arrived.
    assert_eq!(bench.seen().len(), 12 + 3 + 12);
}

#[tokio::test]
async fn a_block_holds_everybody_and_nothing_is_sent_again() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[Scripted::Status(403)], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let start = clock.now();
    let blocked = transport.send(create().send_before(start + TimeDelta::days(1))).await.unwrap_err();
    assert!(matches!((blocked.kind(), blocked.retry()), (ErrorKind::Limited, Retry::After(_))));
    let until = blocked.until().expect("when to come back");
    assert!(until >= start + TimeDelta::seconds(300));
    let soon = clock.now() + TimeDelta::seconds(60);
    let others = (0..10).map(|_| transport.send(create().send_before(soon)));
    let others = futures::future::join_all(others).await;
    assert!(others.iter().all(|other| matches!(other.as_ref().unwrap_err().retry(), Retry::After(_))));
    assert_eq!(bench.seen().len(), 1, "nobody asks a wall");
    transport.send(create().send_before(until + TimeDelta::seconds(60))).await.unwrap();
    assert!(clock.now() >= until);
}

#[tokio::test]
async fn a_throttled_request_waits_on_the_clock_and_is_sent_again() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[Scripted::Status(429), Scripted::Status(429)], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let (start, real) = (clock.now(), std::time::Instant::now());
    transport.send(create()).await.unwrap();
    assert_eq!(bench.seen().len(), 3);
    assert!(clock.now() - start >= TimeDelta::seconds(4));
    assert!(real.elapsed() < Duration::from_secs(3));

    let bench = Bench::counted(&[Scripted::Status(429); 9], clock.in_flight());
    let transport = bench.builder(Arc::new(FixedToken::new("t")), Arc::new(clock.clone())).build().unwrap();
    let error = transport.send(create().send_before(clock.now() + TimeDelta::seconds(3))).await.unwrap_err();
    assert!(matches!((error.kind(), error.retry()), (ErrorKind::Limited, Retry::After(_))));
    assert_eq!(bench.seen().len(), 2, "it does not wait beyond its deadline");
}

#[tokio::test]
async fn one_pause_holds_whoever_waits_already() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[Scripted::Status(429)], clock.in_flight());
    let window = Window::rolling(1, Duration::from_secs(1)).gap(Duration::ZERO);
    let budget: Arc<dyn RateBudget> = Arc::new(AccountBudget::new(vec![window], Arc::new(clock.clone())));
    let token = Arc::new(FixedToken::new("t"));
    let transport = TransportBuilder::new(&bench.url, Arc::new(Plain), token, budget, Arc::new(clock.clone()));
    let transport = transport.build().unwrap();
    let start = clock.now();
    let sends = (0..3).map(|_| transport.send(create()));
    assert!(futures::future::join_all(sends).await.iter().all(std::result::Result::is_ok));
    assert_eq!(bench.seen().len(), 4, "one was throttled, once");
    // The pause of 2 s, then one request a second.
    let took = clock.now() - start;
    assert!(took >= TimeDelta::seconds(4), "{took}");
}

#[tokio::test]
async fn nothing_leaves_after_its_moment() {
    let clock = JumpingClock::new();
    let bench = Bench::counted(&[], clock.in_flight());
    let window = Window::rolling(1, Duration::from_secs(10));
    let budget: Arc<dyn RateBudget> = Arc::new(AccountBudget::new(vec![window], Arc::new(clock.clone())));
    let token = Arc::new(FixedToken::new("t"));
    let transport = TransportBuilder::new(&bench.url, Arc::new(Plain), token, budget, Arc::new(clock.clone()));
    let transport = transport.build().unwrap();
    let late = transport.send(create().send_before(clock.now() - TimeDelta::seconds(1))).await.unwrap_err();
    assert!(matches!(late.retry(), Retry::After(_)));
    transport.send(create()).await.unwrap();
    let start = clock.now();
    let full = transport.send(create().send_before(start + TimeDelta::seconds(5))).await.unwrap_err();
    assert!(matches!((full.kind(), full.retry()), (ErrorKind::Limited, Retry::After(_))));
    assert!(clock.now() - start < TimeDelta::seconds(5), "it does not wait in vain");
    assert_eq!(bench.seen().len(), 1);
}
