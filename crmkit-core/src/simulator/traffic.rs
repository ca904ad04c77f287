//! What went over the wire, so that a test can ask what was sent, and whether anything is still under way.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One answered (or dropped) request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// Position in the order of arrival, from 1.
    pub sequence: u64,
    /// The method, upper case.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without the question mark, if there was one.
    pub query: Option<String>,
    /// The status sent; `None` when the connection was closed without an answer.
    pub status: Option<u16>,
    /// When the request had been read, by the injected clock.
    pub time: DateTime<Utc>,
    /// A digest of the token, or empty.
    pub account: String,
    /// The request body, if captured and text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A short digest that tells tokens apart without revealing them.
///
/// ```
/// use crmkit_core::simulator::token_digest;
/// assert_eq!(token_digest("secret").len(), 12);
/// ```
pub fn token_digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A bounded log of requests.
#[derive(Debug)]
pub struct Traffic {
    sequence: AtomicU64,
    capacity: usize,
    body_bytes: usize,
    log: Mutex<VecDeque<LoggedRequest>>,
}

impl Traffic {
    /// A log that keeps the last `capacity` requests and at most `body_bytes` of each body (0: no bodies).
    pub fn new(capacity: usize, body_bytes: usize) -> Self {
        Self { sequence: AtomicU64::new(0), capacity, body_bytes, log: Mutex::new(VecDeque::new()) }
    }

    /// The number of the next request.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many requests have been numbered so far, kept or not.
    pub fn count(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// The part of `body` that the log keeps.
    pub fn capture(&self, body: &[u8]) -> Option<String> {
        if self.body_bytes == 0 || body.is_empty() {
            return None;
        }
        let end = body.len().min(self.body_bytes);
        Some(String::from_utf8_lossy(&body[..end]).into_owned())
    }

    /// Keeps one request, forgetting the oldest when full.
    pub fn record(&self, request: LoggedRequest) {
        if self.capacity == 0 {
            return;
        }
        let mut log = self.lock();
        if log.len() == self.capacity {
            log.pop_front();
        }
        log.push_back(request);
    }

    /// The requests kept, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().iter().cloned().collect()
    }

    /// Forgets the requests kept; numbering goes on.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<LoggedRequest>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what is under way, shared by a server and a clock that must not jump meanwhile.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<InFlightState>);

#[derive(Debug)]
struct InFlightState {
    count: AtomicUsize,
    last: Mutex<Instant>,
}

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(InFlightState { count: AtomicUsize::new(0), last: Mutex::new(Instant::now()) }))
    }
}

impl InFlight {
    /// Counts one more until the guard is dropped.
    pub fn enter(&self) -> InFlightGuard {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        InFlightGuard(self.clone())
    }

    /// How many guards are alive.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// How long nothing has been under way; `None` while something is.
    pub fn idle_for(&self) -> Option<Duration> {
        let last = *self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        (self.count() == 0).then(|| last.elapsed())
    }
}

/// One thing under way.
#[derive(Debug)]
pub struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        *self.0.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(sequence: u64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            method: "GET".into(),
            path: "/".into(),
            query: None,
            status: Some(200),
            time: DateTime::UNIX_EPOCH,
            account: String::new(),
            body: None,
        }
    }

    #[test]
    fn the_log_is_bounded() {
        let traffic = Traffic::new(2, 3);
        for _ in 0..3 {
            traffic.record(request(traffic.next_sequence()));
        }
        let kept: Vec<u64> = traffic.requests().iter().map(|request| request.sequence).collect();
        assert_eq!(kept, [2, 3]);
        assert_eq!(traffic.count(), 3);
        assert_eq!(traffic.capture(b"abcdef").as_deref(), Some("abc"));
    }

    #[test]
    fn guards_are_counted() {
        let in_flight = InFlight::default();
        let guard = in_flight.enter();
        assert_eq!(in_flight.count(), 1);
        assert!(in_flight.idle_for().is_none());
        drop(guard);
        assert!(in_flight.idle_for().is_some());
    }
}
