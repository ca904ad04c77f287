//! What is particular to one vendor's interface.

use std::{fmt::Debug, time::Duration};

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::SecretString;

use super::{Answer, Request};
use crate::{Error, LimitSignal, Result};

/// What is particular to one vendor's interface: how it is told the token, what it says about limits, what its answers mean.
pub trait Dialect: Debug + Send + Sync + 'static {
    /// The header that carries the token.
    ///
    /// # Errors
    /// `Input` where the token cannot stand in a header.
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)>;

    /// The header that carries the token on this request: [`Dialect::authorize`]'s, unless the vendor lets a request speak for
    /// [another user](Request::on_behalf_of).
    ///
    /// # Errors
    /// As [`Dialect::authorize`].
    fn authorize_request(&self, _request: &Request, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        self.authorize(token)
    }

    /// What an answer, good or bad, says about limits.
    fn signals(&self, answer: &Answer) -> Vec<LimitSignal>;

    /// What an answer means.
    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict;
}

/// What an answer means.
#[derive(Debug)]
pub enum Verdict {
    /// It was done.
    Done,
    /// The token was refused: it is renewed once, and the request sent again.
    Unauthorized(Error),
    /// Nothing was applied; everybody pauses, and the request is sent again.
    Throttled {
        /// How long.
        pause: Duration,
        /// The error where the caller cannot wait that long.
        error: Error,
    },
    /// Nothing was applied; everybody pauses, and nothing is sent again before somebody asks anew.
    Blocked {
        /// How long.
        pause: Duration,
        /// What to tell the caller.
        error: Error,
    },
    /// The day's budget is spent.
    Spent {
        /// Until when, if the answer tells.
        until: Option<DateTime<Utc>>,
        /// What to tell the caller.
        error: Error,
    },
    /// It failed.
    Failed(Error),
}

const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// The wait that a `retry-after` header asks for, in seconds or as a date. Nonsense is `None`, and no wait is longer than a day.
///
/// ```
/// use crmkit_core::http::{reqwest::header::{HeaderMap, RETRY_AFTER}, retry_after};
/// let mut headers = HeaderMap::new();
/// headers.insert(RETRY_AFTER, "7".parse().unwrap());
/// assert_eq!(retry_after(&headers, crmkit_core::chrono::DateTime::UNIX_EPOCH).unwrap().as_secs(), 7);
/// ```
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            let date = DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?);
            (date - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_and_bounded() {
        let now: DateTime<Utc> = "2026-03-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("3", Some(3)),
            ("0.5", Some(0)),
            ("-1", None),
            ("soon", None),
            ("NaN", None),
            ("999999999999", Some(24 * 3600)),
            ("Sun, 01 Mar 2026 10:00:09 GMT", Some(9)),
            ("Sun, 01 Mar 2026 09:00:00 GMT", Some(0)),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), expected, "{text}");
        }
    }
}
