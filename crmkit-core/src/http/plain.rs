//! The dialect of interfaces that mean by a status what the standard says.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{Answer, Dialect, Request, Verdict, retry_after};
use crate::{Error, ErrorKind, LimitSignal, Result, Retry};

/// What a server that fails or throttles without saying for how long is given.
const SOON: Duration = Duration::from_secs(2);

/// The dialect of interfaces that mean by a status what the standard says, and take the token in a header of its own.
///
/// A 429 was not applied; a 5xx, 408 or 425 may have been. Errors carry the status and nothing of the body.
///
/// ```
/// use crmkit_core::http::{PlainDialect, reqwest::header::HeaderName};
/// let dialect = PlainDialect::new(HeaderName::from_static("x-key"));
/// let bearer = PlainDialect::bearer();
/// # let _ = (dialect, bearer);
/// ```
#[derive(Clone, Debug)]
pub struct PlainDialect {
    header: HeaderName,
    scheme: &'static str,
}

impl PlainDialect {
    /// The token alone in this header.
    pub fn new(header: HeaderName) -> Self {
        Self { header, scheme: "" }
    }

    /// `authorization: Bearer …`.
    pub fn bearer() -> Self {
        Self { header: reqwest::header::AUTHORIZATION, scheme: "Bearer " }
    }
}

impl Dialect for PlainDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        let mut value = HeaderValue::try_from(format!("{}{}", self.scheme, token.expose_secret()))
            .map_err(|_| Error::input("http.authorize", "the token has characters that a header cannot carry"))?;
        value.set_sensitive(true);
        Ok((self.header.clone(), value))
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        let wait = retry_after(&answer.headers, now).unwrap_or(SOON);
        let error = |kind, retry, message: &str| {
            Error::new(kind, request.operation(), message, retry).with_context("status", answer.status)
        };
        let (kind, retry, message) = match answer.status {
            200..=299 => return Verdict::Done,
            401 => return Verdict::Unauthorized(error(ErrorKind::Auth, Retry::Never, "the token was refused")),
            429 => {
                let error = error(ErrorKind::Limited, Retry::After(wait), "too many requests");
                return Verdict::Throttled { pause: wait, error };
            }
            403 => (ErrorKind::Auth, Retry::Never, "the token may not do this"),
            404 | 410 => (ErrorKind::NotFound, Retry::Never, "there is no such record"),
            409 | 412 => (ErrorKind::Conflict, Retry::Never, "the record is in another state"),
            408 | 425 | 500..=599 => (ErrorKind::Unavailable, request.uncertain(wait), "the server failed"),
            400..=499 => (ErrorKind::Rejected, Retry::Never, "the request was refused"),
            _ => (ErrorKind::Protocol, request.uncertain(wait), "the answer is not what the interface documents"),
        };
        Verdict::Failed(error(kind, retry, message))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, header::HeaderMap};

    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let never = [
            (400, ErrorKind::Rejected),
            (403, ErrorKind::Auth),
            (404, ErrorKind::NotFound),
            (409, ErrorKind::Conflict),
        ];
        let verdict = |status, creating: bool| {
            let answer = Answer { status, headers: HeaderMap::new(), body: b"secret".to_vec() };
            let request = Request::new("x.write", Method::POST, "/");
            let request = if creating { request.creating() } else { request };
            PlainDialect::bearer().verdict(&request, &answer, DateTime::UNIX_EPOCH)
        };
        for (status, kind) in never {
            let Verdict::Failed(error) = verdict(status, true) else { panic!("{status}") };
            assert_eq!((error.kind(), error.retry()), (kind, Retry::Never), "{status}");
            assert!(!format!("{error:?}").contains("secret"));
        }
        for status in [408, 425, 500, 503] {
            let Verdict::Failed(error) = verdict(status, true) else { panic!("{status}") };
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Verify), "{status}");
            let Verdict::Failed(error) = verdict(status, false) else { panic!("{status}") };
            assert_eq!(error.retry(), Retry::After(SOON), "{status}");
        }
        assert!(matches!(verdict(204, true), Verdict::Done));
        assert!(matches!(verdict(401, true), Verdict::Unauthorized(_)));
        assert!(matches!(verdict(429, true), Verdict::Throttled { pause: SOON, .. }));
        assert!(matches!(verdict(302, true), Verdict::Failed(error) if error.retry() == Retry::Verify));
    }

    #[test]
    fn a_token_is_never_shown() {
        let (name, value) = PlainDialect::bearer().authorize(&SecretString::from("abc")).unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer abc"));
        assert!(!format!("{value:?}").contains("abc"));
    }
}
