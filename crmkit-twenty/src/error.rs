//! What Twenty's answers mean: status and body become a kind and a verdict here, and nowhere else.

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
use serde_json::Value as Json;

use crate::files::OPEN;

/// No header tells how long. The bucket fills again once calls are 600 ms apart.
const THROTTLED: Duration = Duration::from_secs(2);
const OUTAGE: Duration = Duration::from_secs(5);

/// How Twenty is spoken to.
#[derive(Debug)]
pub(crate) struct TwentyDialect;

impl Dialect for TwentyDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Error::input("twenty.authorize", "the API key has characters that no key has"))?;
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    /// A 400 is done, too: who sent a batch reads which of its records the server names.
    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        let json = serde_json::from_slice::<Json>(&answer.body).ok();
        let error = |kind, retry, message: &str| {
            Error::new(kind, request.operation(), message, retry).with_context("status", answer.status)
        };
        let wait = retry_after(&answer.headers, now);
        let throttled = || {
            let pause = wait.unwrap_or_default().max(THROTTLED);
            Verdict::Throttled { pause, error: error(ErrorKind::Limited, Retry::After(pause), "too many requests") }
        };
        let refused = || Verdict::Unauthorized(error(ErrorKind::Auth, Retry::Never, "the API key was refused"));
        match answer.status {
            // The bytes of a file.
            200..=299 if request.operation() == OPEN => Verdict::Done,
            200..=299 => match json.as_ref() {
                None => {
                    Verdict::Failed(error(ErrorKind::Protocol, request.uncertain(OUTAGE), "the answer is not JSON"))
                }
                // The other interface answers everything with 200. Where some of it was done, the sender reads what was not.
                Some(json) if json["data"].as_object().is_some_and(|data| !data.values().all(Json::is_null)) => {
                    Verdict::Done
                }
                Some(json) => {
                    match (&json["errors"][0]["extensions"]["code"], &json["errors"][0]["extensions"]["subCode"]) {
                        (_, Json::String(code)) if code == "LIMIT_REACHED" => throttled(),
                        (Json::String(code), _) if code == "UNAUTHENTICATED" => refused(),
                        _ => Verdict::Done,
                    }
                }
            },
            // Neither key nor password: the gateway in front says something else.
            400 | 404 if json.is_none() => Verdict::Failed(error(
                ErrorKind::Protocol,
                request.uncertain(OUTAGE),
                "the answer is not JSON; check that the base address leads to a Twenty server",
            )),
            400 => Verdict::Done,
            401 => refused(),
            403 => Verdict::Failed(error(ErrorKind::Auth, Retry::Never, "the API key's role may not do this")),
            404 => Verdict::Failed(error(ErrorKind::NotFound, Retry::Never, "it is not there")),
            409 | 413 | 422 | 431 => {
                Verdict::Failed(error(ErrorKind::Rejected, Retry::Never, "the server refused the request"))
            }
            429 => throttled(),
            408 | 425 | 500..=599 => Verdict::Failed(error(
                ErrorKind::Unavailable,
                request.uncertain(wait.unwrap_or(OUTAGE)),
                "the server failed",
            )),
            _ => Verdict::Failed(error(ErrorKind::Protocol, Retry::Never, "no document describes this answer")),
        }
    }
}

/// The same error, for another record.
pub(crate) fn again(error: &Error) -> Error {
    let told = Error::new(error.kind(), error.operation(), error.message(), error.retry());
    match error.until() {
        Some(until) => told.with_until(until),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use crmkit_core::http::reqwest::{Method, header::HeaderMap};

    use super::*;

    fn verdict(status: u16, body: &str, creating: bool) -> Verdict {
        let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        let request = Request::new("person.create", Method::POST, "/");
        let request = if creating { request.creating() } else { request };
        TwentyDialect.verdict(&request, &answer, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn every_status_has_its_verdict() {
        let after = Retry::After(OUTAGE);
        let cases: &[(u16, &str, bool, ErrorKind, Retry)] = &[
            (201, "<html>", true, ErrorKind::Protocol, Retry::Verify),
            (200, "<html>", false, ErrorKind::Protocol, after),
            (403, "{}", true, ErrorKind::Auth, Retry::Never),
            (404, "{}", false, ErrorKind::NotFound, Retry::Never),
            (404, "<html>", true, ErrorKind::Protocol, Retry::Verify),
            (431, "", false, ErrorKind::Rejected, Retry::Never),
            (500, "{}", true, ErrorKind::Unavailable, Retry::Verify),
            (502, "<html>", false, ErrorKind::Unavailable, after),
            (418, "{}", true, ErrorKind::Protocol, Retry::Never),
        ];
        for (status, body, creating, kind, retry) in cases {
            let Verdict::Failed(error) = verdict(*status, body, *creating) else { panic!("{status} {body}") };
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
        assert!(matches!(verdict(201, "{}", true), Verdict::Done));
        assert!(matches!(verdict(400, "{}", true), Verdict::Done));
        assert!(matches!(verdict(401, "{}", true), Verdict::Unauthorized(_)));
        assert!(matches!(verdict(429, "{}", true), Verdict::Throttled { .. }));
        let limited = r#"{"errors":[{"extensions":{"code":"BAD_USER_INPUT","subCode":"LIMIT_REACHED"}}]}"#;
        assert!(matches!(verdict(200, limited, false), Verdict::Throttled { .. }));
        let partly = limited.replacen('{', r#"{"data":{"r0":{"id":"1"},"r1":null},"#, 1);
        assert!(matches!(verdict(200, &partly, false), Verdict::Done));
        let refused = r#"{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]}"#;
        assert!(matches!(verdict(200, refused, false), Verdict::Unauthorized(_)));
    }
}
