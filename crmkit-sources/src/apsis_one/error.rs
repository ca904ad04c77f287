//! What the vendor's answers mean: status and body become a kind and a verdict here, and nowhere else.

use std::time::Duration;

use crmkit_core::{
    Error, ErrorKind, LimitSignal, Result, Retry,
    chrono::{DateTime, Utc},
    http::{
        Answer, Dialect, Request, Verdict,
        reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue},
        retry_after,
    },
    secrecy::{ExposeSecret, SecretString},
};
use serde::Deserialize;

const OUTAGE: Duration = Duration::from_secs(5);
const THROTTLED: Duration = Duration::from_secs(1);

/// How the interface is spoken to.
#[derive(Debug)]
pub(super) struct ApsisDialect {
    /// The request for a token carries none.
    pub(super) bearer: bool,
}

impl Dialect for ApsisDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        if !self.bearer {
            return Ok((HeaderName::from_static("x-requested-with"), HeaderValue::from_static("crmkit")));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Error::input("apsis_one.authorize", "the token has characters that no token has"))?;
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        let status = answer.status;
        if (200..=299).contains(&status) {
            return Verdict::Done;
        }
        let told = serde_json::from_slice::<Told>(&answer.body).unwrap_or_default();
        let wait = retry_after(&answer.headers, now);
        let fail = |kind, retry, message: &str| {
            let error = Error::new(kind, request.operation(), message, retry).with_context("status", status);
            match told.code() {
                Some(code) => error.with_context("code", code),
                None => error,
            }
        };
        let expired = || Verdict::Unauthorized(fail(ErrorKind::Auth, Retry::Never, "the token was refused"));
        let (kind, retry, message) = match status {
            401 | 403 if !self.bearer => {
                (ErrorKind::Auth, Retry::Never, "the API key was refused; check the client id and secret")
            }
            401 => return expired(),
            // The gateway knows no problem details: it refuses the token. With details it is the account that refuses.
            403 if told.message.is_some() && told.title.is_none() => return expired(),
            403 => (ErrorKind::Auth, Retry::Never, "the API key may not read this; give it the permission"),
            404 => (ErrorKind::NotFound, Retry::Never, "it is not there"),
            410 => (ErrorKind::NotFound, Retry::Never, "it is locked or gone"),
            409 => (ErrorKind::Conflict, Retry::Never, "it is in another state"),
            429 => {
                // Full jitter from the clock: whoever was throttled together does not come back together.
                let jitter = Duration::from_millis(u64::from(now.timestamp_subsec_millis()));
                let pause = wait.unwrap_or(THROTTLED + jitter);
                let error = fail(ErrorKind::Limited, Retry::After(pause), "too many requests");
                return Verdict::Throttled { pause, error };
            }
            413 => (
                ErrorKind::Rejected,
                Retry::Never,
                "the request is longer than the account takes; lower limits.body_bytes",
            ),
            400..=407 | 411..=499 if status != 408 => (ErrorKind::Rejected, Retry::Never, "the request was refused"),
            408 | 500..=599 => (ErrorKind::Unavailable, request.uncertain(wait.unwrap_or(OUTAGE)), "the server failed"),
            _ => (ErrorKind::Protocol, Retry::Never, "the answer is not what the interface documents"),
        };
        Verdict::Failed(fail(kind, retry, message))
    }
}

/// What an error tells, in either of its forms.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    /// The gateway's.
    message: Option<serde_json::Value>,
    /// Problem details'.
    title: Option<serde_json::Value>,
    code: Option<String>,
    #[serde(rename = "type")]
    ty: Option<String>,
}

impl Told {
    /// The vendor's own code, which names no value.
    fn code(&self) -> Option<&str> {
        let codes = [self.code.as_deref(), self.ty.as_deref()];
        codes.into_iter().flatten().find(|code| {
            let digits = code.strip_prefix("AUD-");
            digits.is_some_and(|digits| digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }
}

/// The status that an error came with.
pub(super) fn status(error: &Error) -> Option<u16> {
    error.context("status")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crmkit_core::http::reqwest::{Method, header::HeaderMap};

    use super::*;

    fn verdict(bearer: bool, status: u16, body: &str) -> Verdict {
        let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        let request = Request::new("profile.read", Method::GET, "/");
        ApsisDialect { bearer }.verdict(&request, &answer, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn every_answer_has_its_verdict() {
        let gateway = r#"{"message":"User is not authorized to access this resource with an explicit deny"}"#;
        let problem = r#"{"status":403,"title":"Keyspace may not read this","code":"AUD-0009"}"#;
        for (bearer, status, body) in [(true, 401, ""), (true, 403, gateway)] {
            assert!(matches!(verdict(bearer, status, body), Verdict::Unauthorized(_)), "{status} {body}");
        }
        let cases = [
            (true, 403, problem, ErrorKind::Auth, Retry::Never),
            (false, 401, problem, ErrorKind::Auth, Retry::Never),
            (false, 403, gateway, ErrorKind::Auth, Retry::Never),
            (true, 400, "", ErrorKind::Rejected, Retry::Never),
            (true, 404, problem, ErrorKind::NotFound, Retry::Never),
            (true, 409, "", ErrorKind::Conflict, Retry::Never),
            (true, 410, "", ErrorKind::NotFound, Retry::Never),
            (true, 413, "", ErrorKind::Rejected, Retry::Never),
            (true, 408, "", ErrorKind::Unavailable, Retry::After(OUTAGE)),
            (true, 500, "", ErrorKind::Unavailable, Retry::After(OUTAGE)),
            (true, 501, "", ErrorKind::Unavailable, Retry::After(OUTAGE)),
            (true, 503, "<html>", ErrorKind::Unavailable, Retry::After(OUTAGE)),
            (true, 302, "", ErrorKind::Protocol, Retry::Never),
        ];
        for (bearer, status, body, kind, retry) in cases {
            let Verdict::Failed(error) = verdict(bearer, status, body) else { panic!("{status} {body}") };
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{status} {body}");
            assert_eq!(super::status(&error), Some(status));
        }
        let Verdict::Failed(error) = verdict(true, 403, problem) else { panic!("a permission") };
        assert_eq!(error.context("code"), Some("AUD-0009"));
        assert!(!error.to_string().contains("Keyspace"), "the server's words may name people");
        assert!(matches!(verdict(true, 429, gateway), Verdict::Throttled { .. }));
        assert!(matches!(verdict(true, 202, ""), Verdict::Done));
    }
}
