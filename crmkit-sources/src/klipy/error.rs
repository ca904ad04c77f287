//! What Klipy's answers mean: status and body become a kind and a verdict here, and nowhere else.

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

use super::{KeyHeader, wire};

/// No header tells how long: the windows are of a minute.
const THROTTLED: Duration = Duration::from_secs(5);
const OUTAGE: Duration = Duration::from_secs(5);
/// A reset farther away than a window is long is no number of seconds but a moment, or nonsense.
const WINDOW: i64 = 120;

/// How Klipy is spoken to.
#[derive(Debug)]
pub(super) struct KlipyDialect {
    pub(super) header: KeyHeader,
    /// Who looks what answers at all reads refusals, too.
    pub(super) probing: bool,
}

impl Dialect for KlipyDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        let (name, text) = match self.header {
            KeyHeader::Own => (HeaderName::from_static("x-klipy-api-key"), token.expose_secret().to_owned()),
            KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {}", token.expose_secret())),
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| Error::input("klipy.authorize", "the API key has characters that no key has"))?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// A window of which nothing is left pauses everybody who shares it until it is whole again.
    fn signals(&self, answer: &Answer) -> Vec<LimitSignal> {
        let number = |names: [&str; 2]| {
            names.iter().find_map(|name| answer.header(name)).and_then(|text| text.trim().parse::<i64>().ok())
        };
        let spent = number(["x-ratelimit-remaining", "ratelimit-remaining"]) == Some(0);
        let reset = number(["x-ratelimit-reset", "ratelimit-reset"]).filter(|reset| (1..=WINDOW).contains(reset));
        match reset.filter(|_| spent && answer.status < 400) {
            Some(seconds) => vec![LimitSignal::Pause(Duration::from_secs(seconds.unsigned_abs()))],
            None => Vec::new(),
        }
    }

    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        let error = |kind, retry, message: &str| {
            let error = Error::new(kind, request.operation(), message, retry).with_context("status", answer.status);
            match wire::refusal(&answer.body) {
                Some(code) => error.with_context("code", code),
                None => error,
            }
        };
        let failed = |kind, retry, message: &str| Verdict::Failed(error(kind, retry, message));
        match answer.status {
            429 => {
                let pause = retry_after(&answer.headers, now).or_else(|| reset(answer, now)).unwrap_or(THROTTLED);
                let pause = pause.max(Duration::from_secs(1));
                Verdict::Throttled { pause, error: error(ErrorKind::Limited, Retry::After(pause), "too many requests") }
            }
            408 | 425 | 500..=599 => {
                let wait = retry_after(&answer.headers, now).unwrap_or(OUTAGE);
                failed(ErrorKind::Unavailable, request.uncertain(wait), "the server failed")
            }
            _ if self.probing => Verdict::Done,
            200..=299 if wire::is_success(&answer.body) => Verdict::Done,
            200..=299 if wire::is_json(&answer.body) => failed(
                ErrorKind::Protocol,
                Retry::Never,
                "the answer is none of Klipy's; check that the base address is not that of another service",
            ),
            // Cut off, or a page of whatever stands in between.
            200..=299 => failed(ErrorKind::Protocol, request.uncertain(OUTAGE), "the answer is not JSON"),
            401 => Verdict::Unauthorized(error(
                ErrorKind::Auth,
                Retry::Never,
                "the API key was refused; it may be wrong, expired or revoked",
            )),
            403 => {
                failed(ErrorKind::Auth, Retry::Never, "the API key lacks the scope for this; give it the read scopes")
            }
            404 => failed(ErrorKind::NotFound, Retry::Never, "it is not there"),
            400..=499 => failed(ErrorKind::Rejected, Retry::Never, "the server refused the request"),
            _ => failed(ErrorKind::Protocol, Retry::Never, "no document describes this answer"),
        }
    }
}

/// How long until the window is whole again, as either header style tells it: in seconds, or as a Unix time.
fn reset(answer: &Answer, now: DateTime<Utc>) -> Option<Duration> {
    let text = answer.header("x-ratelimit-reset").or_else(|| answer.header("ratelimit-reset"))?;
    let number: i64 = text.trim().parse().ok()?;
    let seconds = if number > WINDOW { number - now.timestamp() } else { number };
    (0..=WINDOW).contains(&seconds).then(|| Duration::from_secs(seconds.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use crmkit_core::http::reqwest::{Method, header::HeaderMap};

    use super::*;

    fn answer(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Answer { status, headers: HeaderMap::from_iter(headers), body: body.as_bytes().to_vec() }
    }

    fn verdict(answer: &Answer, probing: bool) -> Verdict {
        let request = Request::new("klipy.people", Method::POST, "/people/query");
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        KlipyDialect { header: KeyHeader::Own, probing }.verdict(&request, answer, now)
    }

    #[test]
    fn every_status_has_its_verdict() {
        let after = Retry::After(OUTAGE);
        let gifs = r#"{"result":true,"data":{"data":[]}}"#;
        let cases: &[(u16, &str, ErrorKind, Retry)] = &[
            (200, "<html>", ErrorKind::Protocol, after),
            (200, r#"{"object":"success","da"#, ErrorKind::Protocol, after),
            (200, gifs, ErrorKind::Protocol, Retry::Never),
            (400, "{}", ErrorKind::Rejected, Retry::Never),
            (403, "{}", ErrorKind::Auth, Retry::Never),
            (404, "{}", ErrorKind::NotFound, Retry::Never),
            (500, "", ErrorKind::Unavailable, after),
            (301, "", ErrorKind::Protocol, Retry::Never),
        ];
        for (status, body, kind, retry) in cases {
            let Verdict::Failed(error) = verdict(&answer(*status, body, &[]), false) else { panic!("{status} {body}") };
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
        assert!(matches!(verdict(&answer(200, r#"{"object":"success","data":[]}"#, &[]), false), Verdict::Done));
        assert!(matches!(verdict(&answer(200, r#"{"success":true,"data":{}}"#, &[]), false), Verdict::Done));
        assert!(matches!(verdict(&answer(401, "{}", &[]), false), Verdict::Unauthorized(_)));
        assert!(matches!(verdict(&answer(401, "{}", &[]), true), Verdict::Done));
        let refused = answer(403, r#"{"object":"error","error":{"code":"FORBIDDEN","message":"Ann may not"}}"#, &[]);
        let Verdict::Failed(error) = verdict(&refused, false) else { panic!() };
        assert_eq!(error.context("code"), Some("FORBIDDEN"));
        assert!(!error.to_string().contains("Ann"));
    }

    #[test]
    fn a_throttled_call_waits_as_either_header_style_says() {
        let pause = |headers: &[(&'static str, &str)]| match verdict(&answer(429, "", headers), false) {
            Verdict::Throttled { pause, .. } => pause.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(pause(&[("retry-after", "7")]), 7);
        assert_eq!(pause(&[("x-ratelimit-reset", "1700000042")]), 42);
        assert_eq!(pause(&[("ratelimit-reset", "31")]), 31);
        assert_eq!(pause(&[("x-ratelimit-reset", "99999999999")]), THROTTLED.as_secs());
        assert_eq!(pause(&[]), THROTTLED.as_secs());
    }
}
