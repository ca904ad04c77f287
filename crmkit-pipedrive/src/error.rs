//! What Pipedrive's answers mean: status and body become a kind and a verdict here, and nowhere else.

use std::time::Duration;

use crmkit_core::{
    Error, ErrorKind, LimitSignal, Result, Retry,
    chrono::{DateTime, Utc},
    http::{
        Answer, Dialect, Request, Verdict,
        reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
        retry_after,
    },
    secrecy::{ExposeSecret, SecretString},
};
use serde::Deserialize;

use crate::{Auth, endpoint::FILE_DOWNLOAD};

/// The header of API tokens. <https://pipedrive.readme.io/docs/core-api-concepts-authentication>
const TOKEN: HeaderName = HeaderName::from_static("x-api-token");
const DAY_LEFT: &str = "x-daily-ratelimit-token-remaining";
const BURST_LEFT: &str = "x-ratelimit-remaining";
const BURST_RESET: &str = "x-ratelimit-reset";

/// A token that hammers on after a 429 meets a wall of HTML for minutes.
const BLOCKED: Duration = Duration::from_secs(300);
const OUTAGE: Duration = Duration::from_secs(5);
/// The length of the burst window.
const WINDOW: Duration = Duration::from_secs(2);

/// How Pipedrive is spoken to.
#[derive(Debug)]
pub(crate) struct PipedriveDialect {
    auth: Auth,
}

impl PipedriveDialect {
    pub(crate) fn new(auth: Auth) -> Self {
        Self { auth }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    success: Option<bool>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

impl Dialect for PipedriveDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        let (name, text) = match self.auth {
            Auth::ApiToken => (TOKEN, token.expose_secret().to_owned()),
            Auth::Oauth => (AUTHORIZATION, format!("Bearer {}", token.expose_secret())),
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::input("pipedrive.authorize", "the token has characters that no token has"))?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    fn signals(&self, answer: &Answer) -> Vec<LimitSignal> {
        let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
        let day = number(DAY_LEFT).map(LimitSignal::DailyLeft);
        let burst = number(BURST_LEFT).and_then(|left| u32::try_from(left).ok()).map(LimitSignal::BurstLeft);
        day.into_iter().chain(burst).collect()
    }

    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        // A file's bytes are what they are, and come later.
        if request.operation() == FILE_DOWNLOAD.operation && matches!(answer.status, 200..=299) {
            return Verdict::Done;
        }
        let html = answer.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("html"));
        let body = serde_json::from_slice::<Body>(&answer.body).ok();
        let answer = Reading {
            status: answer.status,
            json: body.is_some() && !html,
            body: body.unwrap_or_default(),
            retry_after: retry_after(&answer.headers, now),
            // Seconds until the window is whole again: a duration, not a moment.
            burst_reset: answer
                .header(BURST_RESET)
                .and_then(|text| text.trim().parse::<u64>().ok())
                .filter(|seconds| *seconds <= 60)
                .map(Duration::from_secs),
            // The day is over for whoever needs more than is left of it, not only at nought.
            day_spent: answer
                .header(DAY_LEFT)
                .and_then(|left| left.trim().parse::<u64>().ok())
                .is_some_and(|left| left < u64::from(request.tokens().max(1))),
        };
        answer.verdict(request)
    }
}

/// What an answer said, apart from its data.
struct Reading {
    status: u16,
    json: bool,
    body: Body,
    retry_after: Option<Duration>,
    burst_reset: Option<Duration>,
    day_spent: bool,
}

impl Reading {
    fn verdict(&self, request: &Request) -> Verdict {
        if matches!(self.status, 200..=299) {
            return match (self.json, self.body.success) {
                (true, Some(false)) => Verdict::Failed(self.error(request, ErrorKind::Rejected, Retry::Never)),
                // Whatever it is, it is not an answer of theirs: perhaps a proxy's, after the request went through.
                (false, _) => Verdict::Failed(self.error(request, ErrorKind::Protocol, request.uncertain(OUTAGE))),
                _ => Verdict::Done,
            };
        }
        if self.status == 429 {
            if self.day_spent {
                let error = self.error(request, ErrorKind::Limited, Retry::After(self.retry_after.unwrap_or(BLOCKED)));
                return Verdict::Spent { until: None, error };
            }
            let pause = self.retry_after.unwrap_or_default().max(self.burst_reset.unwrap_or_default()).max(WINDOW);
            return Verdict::Throttled { pause, error: self.error(request, ErrorKind::Limited, Retry::After(pause)) };
        }
        let (kind, retry) = self.kind(request);
        let error = self.error(request, kind, retry);
        match self.status {
            401 => Verdict::Unauthorized(error),
            403 if kind == ErrorKind::Limited => Verdict::Blocked { pause: BLOCKED, error },
            _ => Verdict::Failed(error),
        }
    }

    fn kind(&self, request: &Request) -> (ErrorKind, Retry) {
        let text = self.body.error.as_deref().unwrap_or_default().to_lowercase();
        match self.status {
            400 | 413 | 415 | 422 => (ErrorKind::Rejected, Retry::Never),
            401 => (ErrorKind::Auth, Retry::Never),
            // The account is not open: trial over, unpaid.
            402 => (ErrorKind::Capped, Retry::Never),
            403 if !self.json => (ErrorKind::Limited, Retry::After(BLOCKED)),
            403 if self.capped(&text) => (ErrorKind::Capped, Retry::Never),
            403 if text.contains("permission") && !text.contains("visib") => (ErrorKind::Auth, Retry::Never),
            403 => (ErrorKind::Rejected, Retry::Never),
            404 | 410 => (ErrorKind::NotFound, Retry::Never),
            409 => (ErrorKind::Conflict, Retry::Never),
            408 | 425 | 500 | 502..=599 => {
                (ErrorKind::Unavailable, request.uncertain(self.retry_after.unwrap_or(OUTAGE)))
            }
            _ => (ErrorKind::Protocol, Retry::Never),
        }
    }

    fn capped(&self, text: &str) -> bool {
        let code = self.body.code.as_deref().unwrap_or_default();
        code.starts_with("feature_capping_") || text.contains("limit reached") || text.contains("reached the")
    }

    fn error(&self, request: &Request, kind: ErrorKind, retry: Retry) -> Error {
        let words = self.body.error.as_deref().map(without_values).filter(|words| !words.is_empty());
        let words = || {
            let silent = match kind {
                ErrorKind::NotFound => "it is not there any more, or hidden from the token's user",
                _ => "the request was refused without a reason",
            };
            words.unwrap_or_else(|| silent.to_owned())
        };
        let message = match (self.status, kind) {
            (401, _) => "the token was refused; give a valid token and go on".to_owned(),
            (402, _) => "the company's account is not open; its trial is over or it has to be paid".to_owned(),
            (403, ErrorKind::Limited) => {
                "the gateway blocks this token for a while; let other programs with this token pause, too".to_owned()
            }
            (403, ErrorKind::Capped) => {
                format!("{}; raise the account's plan or leave records out", words())
            }
            (403, ErrorKind::Auth) => format!("{}; give the token's user this permission", words()),
            (429, _) if self.day_spent => {
                "the day's tokens are spent; they are whole again at the account's reset".to_owned()
            }
            (429, _) => "too many requests; where that lasts, other programs use this account".to_owned(),
            (200..=299, ErrorKind::Protocol) => {
                "the answer is not JSON; check that the base address leads to pipedrive and to nothing in between"
                    .to_owned()
            }
            (_, ErrorKind::Unavailable) => {
                "pipedrive's servers failed; where that lasts, look at its status page".to_owned()
            }
            (405 | 501, _) => "pipedrive does not know this request any more; a newer release may".to_owned(),
            _ => words(),
        };
        let error = Error::new(kind, request.operation(), message, retry).with_context("status", self.status);
        match &self.body.code {
            Some(code) if is_word(code) => error.with_context("code", code),
            _ => error,
        }
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The server's own words, without what may be a value of the record: addresses, numbers, quoted text other than names.
fn without_values(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    let mut clean = Vec::new();
    for word in unquoted(&text).split_whitespace() {
        let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
        let number = bare.len() > 4 && bare.bytes().all(|byte| byte.is_ascii_digit() || b"+-.:/".contains(&byte));
        clean.push(if bare.contains('@') || number { "…".to_owned() } else { word.to_owned() });
    }
    let clean = clean.join(" ");
    let mut chars = clean.trim_end_matches('.').chars();
    // Messages begin in lower case, as ours do.
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Quoted text other than a field's name becomes an ellipsis. Apostrophes within words are not quotes.
fn unquoted(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(char) = rest.chars().next() {
        let after = &rest[char.len_utf8()..];
        let opens = (char == '\'' || char == '"') && !before.is_alphanumeric();
        if !opens {
            clean.push(char);
            rest = after;
            before = char;
            continue;
        }
        let end = after
            .char_indices()
            .find(|(at, other)| *other == char && !after[at + 1..].chars().next().is_some_and(char::is_alphanumeric));
        let quoted = end.map_or(after, |(at, _)| &after[..at]);
        clean.push_str(&if is_word(quoted) { format!("'{quoted}'") } else { "…".to_owned() });
        rest = end.map_or("", |(at, _)| &after[at + 1..]);
        before = char;
    }
    clean
}

#[cfg(test)]
mod tests {
    use crmkit_core::http::reqwest::{Method, header::HeaderMap};

    use super::*;

    type Headers = &'static [(&'static str, &'static str)];

    const NEVER: Retry = Retry::Never;

    fn verdict(status: u16, headers: Headers, body: &str, creating: bool) -> Verdict {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let answer = Answer { status, headers: headers.collect::<HeaderMap>(), body: body.as_bytes().to_vec() };
        let request = Request::new("person.create", Method::POST, "/").cost(5);
        let request = if creating { request.creating() } else { request };
        PipedriveDialect::new(Auth::ApiToken).verdict(&request, &answer, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn every_status_has_its_verdict() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        let capped = r#"{"success":false,"error":"Open deals limit reached.","code":"feature_capping_deals_limit"}"#;
        let types = r#"{"success":false,"error":"You've reached the activity type per company limit."}"#;
        let rights = r#"{"success":false,"error":"You do not have permissions to do this."}"#;
        let sight = r#"{"success":false,"error":"Insufficient visibility to the associated deal"}"#;
        let invalid = r#"{"success":false,"error":"Validation failed: x","code":"ERR_SCHEMA_VALIDATION_FAILED"}"#;
        let plain = r#"{"success":false,"error":"no"}"#;
        let cases: &[(u16, &str, bool, ErrorKind, Retry)] = &[
            (200, r#"{"success":false,"error":"no"}"#, true, ErrorKind::Rejected, NEVER),
            (200, "not json", true, ErrorKind::Protocol, Retry::Verify),
            (200, "not json", false, ErrorKind::Protocol, after(5)),
            (400, invalid, true, ErrorKind::Rejected, NEVER),
            (402, plain, true, ErrorKind::Capped, NEVER),
            (403, capped, true, ErrorKind::Capped, NEVER),
            (403, types, true, ErrorKind::Capped, NEVER),
            (403, rights, true, ErrorKind::Auth, NEVER),
            (403, sight, true, ErrorKind::Rejected, NEVER),
            (404, plain, false, ErrorKind::NotFound, NEVER),
            (405, plain, false, ErrorKind::Protocol, NEVER),
            (409, plain, false, ErrorKind::Conflict, NEVER),
            (410, plain, false, ErrorKind::NotFound, NEVER),
            (413, "", true, ErrorKind::Rejected, NEVER),
            (415, plain, true, ErrorKind::Rejected, NEVER),
            (500, plain, true, ErrorKind::Unavailable, Retry::Verify),
            (500, plain, false, ErrorKind::Unavailable, after(5)),
            (501, plain, true, ErrorKind::Protocol, NEVER),
            (502, "<html>", true, ErrorKind::Unavailable, Retry::Verify),
            (503, "<html>", false, ErrorKind::Unavailable, after(5)),
        ];
        for (status, body, creating, kind, retry) in cases {
            let Verdict::Failed(error) = verdict(*status, &[], body, *creating) else { panic!("{status} {body}") };
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
        let Verdict::Blocked { pause, error } = verdict(403, &[], "<html>blocked</html>", true) else { panic!() };
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Limited, after(300)));
        assert_eq!(pause, Duration::from_secs(300));
        assert!(matches!(verdict(200, &[], r#"{"success":true}"#, true), Verdict::Done));
        assert!(matches!(verdict(201, &[], r#"{"success":true}"#, true), Verdict::Done));
        assert!(
            matches!(verdict(401, &[], plain, true), Verdict::Unauthorized(error) if error.kind() == ErrorKind::Auth)
        );
    }

    #[test]
    fn a_429_is_a_burst_or_a_spent_day() {
        let cases: &[(Headers, Option<u64>)] = &[
            (&[], Some(2)),
            (&[("x-ratelimit-reset", "1"), ("retry-after", "7")], Some(7)),
            (&[("x-ratelimit-reset", "9")], Some(9)),
            (&[("x-ratelimit-reset", "1700000000")], Some(2)),
            (&[("retry-after", "soon")], Some(2)),
            (&[("x-daily-ratelimit-token-remaining", "0")], None),
            // The request costs 5.
            (&[("x-daily-ratelimit-token-remaining", "4")], None),
            (&[("x-daily-ratelimit-token-remaining", "5")], Some(2)),
            (&[("x-daily-ratelimit-token-remaining", "10")], Some(2)),
        ];
        for (headers, pause) in cases {
            let found = match verdict(429, headers, "{}", true) {
                Verdict::Throttled { pause, .. } => Some(pause.as_secs()),
                Verdict::Spent { .. } => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(found, *pause, "{headers:?}");
        }
    }

    #[test]
    fn messages_name_fields_but_no_values() {
        let cases = [
            (
                "Validation failed: custom_fields: Unknown key 'title'",
                "validation failed: custom_fields: Unknown key 'title'",
            ),
            ("Email 'ann@acme.example' is invalid.", "email … is invalid"),
            ("Phone +4912345678 is invalid", "phone … is invalid"),
            ("Name 'Ann Lee' isn't free", "name … isn't free"),
            ("Name \"Ann Lee", "name …"),
            ("Couldn't add. You've reached 'x'", "couldn't add. You've reached 'x'"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_values(text), expected);
        }
    }
}
