//! What Nutshell's answers mean: status and body become a kind and a verdict here, and nowhere else.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
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
use serde_json::Value as Json;

use crate::object::Object;

const OUTAGE: Duration = Duration::from_secs(5);
const THROTTLED: Duration = Duration::from_secs(2);

/// How Nutshell is spoken to.
#[derive(Debug)]
pub(crate) struct NutshellDialect {
    username: String,
}

impl NutshellDialect {
    pub(crate) fn new(username: String) -> Self {
        Self { username }
    }

    fn basic(&self, user: &str, key: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        if user.contains(':') {
            return Err(Error::input("nutshell.authorize", "a user name with a colon cannot be sent"));
        }
        let pair = STANDARD.encode(format!("{user}:{}", key.expose_secret()));
        let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
            .map_err(|_| Error::input("nutshell.authorize", "the key has characters that no key has"))?;
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    }
}

impl Dialect for NutshellDialect {
    fn authorize(&self, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        self.basic(&self.username, token)
    }

    fn authorize_request(&self, request: &Request, token: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        self.basic(request.acting_user().unwrap_or(&self.username), token)
    }

    fn signals(&self, _answer: &Answer) -> Vec<LimitSignal> {
        Vec::new()
    }

    /// Errors come as HTTP status, in the body of a 200, or both: the body speaks first.
    fn verdict(&self, request: &Request, answer: &Answer, now: DateTime<Utc>) -> Verdict {
        let body = serde_json::from_slice::<Body>(&answer.body).ok();
        let told = body.as_ref().and_then(Body::error);
        let good = matches!(answer.status, 200..=299);
        let code = match &told {
            Some((Some(code), _)) => *code,
            // An error without a code under a good status: refused.
            Some((None, _)) if good => 400,
            _ => i64::from(answer.status),
        };
        if good && told.is_none() {
            // A PATCH, a DELETE or a new custom field may answer with nothing; who needs more than success asks for it.
            let empty = answer.body.iter().all(u8::is_ascii_whitespace);
            return if body.is_some() || empty {
                Verdict::Done
            } else {
                Verdict::Failed(fail(
                    request,
                    ErrorKind::Protocol,
                    request.uncertain(OUTAGE),
                    "the answer is not JSON",
                    code,
                ))
            };
        }
        let message = told.as_ref().map(|(_, message)| without_values(message)).filter(|text| !text.is_empty());
        let message = message.unwrap_or_else(|| "the request failed".to_owned());
        let wait = retry_after(&answer.headers, now);
        let (kind, retry) = match code {
            401 => {
                let message = match request.acting_user() {
                    Some(_) => "the key was refused for the user it was to speak for",
                    None => "the key or the user was refused",
                };
                return Verdict::Unauthorized(fail(request, ErrorKind::Auth, Retry::Never, message, code));
            }
            429 => {
                let pause = wait.unwrap_or_else(|| spread(THROTTLED, request.operation(), now));
                let error = fail(request, ErrorKind::Limited, Retry::After(pause), "too many requests", code);
                return Verdict::Throttled { pause, error };
            }
            // A read that the server has no room for now: asked again, each time after a longer pause.
            502..=504 if matches!(request.uncertain(OUTAGE), Retry::After(_)) => {
                let pause = wait.unwrap_or_else(|| spread(THROTTLED, request.operation(), now));
                let error = fail(request, ErrorKind::Unavailable, Retry::After(pause), &message, code);
                return Verdict::Throttled { pause, error };
            }
            // Nothing was applied: whoever reads the record again can decide, and then call again.
            409 => (ErrorKind::Conflict, Retry::After(Duration::from_secs(1))),
            402 => (ErrorKind::Capped, Retry::Never),
            403 if is_cap(&message) => (ErrorKind::Capped, Retry::Never),
            // By somebody else, or too late: this note only.
            403 if request.operation() == Object::Note.updating() => (ErrorKind::Rejected, Retry::Never),
            403 => (ErrorKind::Auth, Retry::Never),
            404 | 410 => (ErrorKind::NotFound, Retry::Never),
            -32601 => (ErrorKind::Protocol, Retry::Never),
            413 => {
                let message = "the file is larger than the instance takes";
                return Verdict::Failed(fail(request, ErrorKind::Rejected, Retry::Never, message, code));
            }
            400 | 415 | 422 if is_cap(&message) => (ErrorKind::Capped, Retry::Never),
            400 | 405 | 415 | 422 => (ErrorKind::Rejected, Retry::Never),
            // The other codes of JSON-RPC: parse, request, parameters.
            -32700 | -32600 | -32602 => (ErrorKind::Rejected, Retry::Never),
            408 | 425 | 500..=599 | -32603 => (ErrorKind::Unavailable, request.uncertain(wait.unwrap_or(OUTAGE))),
            _ => (ErrorKind::Protocol, request.uncertain(OUTAGE)),
        };
        Verdict::Failed(fail(request, kind, retry, &message, code))
    }
}

/// A pause, up to half as long again, so that programs that were throttled together do not come back together. What stretches it is
/// the moment and the operation: no random numbers, the same run pauses the same.
fn spread(pause: Duration, operation: &str, now: DateTime<Utc>) -> Duration {
    let bytes = now.timestamp_millis().to_le_bytes().into_iter().chain(operation.bytes());
    let mixed = bytes.fold(0x811c_9dc5_u32, |mixed, byte| (mixed ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    pause + pause.mul_f64(f64::from(mixed % 1000) / 2000.0)
}

fn fail(request: &Request, kind: ErrorKind, retry: Retry, message: &str, code: i64) -> Error {
    Error::new(kind, request.operation(), message, retry).with_context("status", code)
}

/// The plan's cap on open leads, contacts or custom fields. The words are not documented.
fn is_cap(text: &str) -> bool {
    let text = text.to_lowercase();
    ["plan", "upgrade", "maximum number"].iter().any(|word| text.contains(word))
        && ["limit", "allow", "cap", "upgrade", "maximum"].iter().any(|word| text.contains(word))
}

/// An error of either interface.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Body {
    Object {
        #[serde(default)]
        error: Option<Json>,
        #[serde(default)]
        errors: Option<Vec<Json>>,
        #[serde(default)]
        code: Option<Json>,
        #[serde(default)]
        message: Option<Json>,
    },
    Other(#[allow(dead_code, reason = "only that it is JSON matters")] Json),
}

impl Body {
    /// Code and message, if it says that something went wrong.
    fn error(&self) -> Option<(Option<i64>, String)> {
        let Self::Object { error, errors, code, message } = self else { return None };
        let number = |json: &Json| json.as_i64().or_else(|| json.as_str()?.parse().ok());
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        if let Some(error) = error.as_ref().filter(|error| !error.is_null()) {
            return Some((number(&error["code"]), text(&error["message"])));
        }
        if let Some(error) = errors.as_ref().and_then(|errors| errors.first()) {
            let field = error["field"].as_str().map(|field| format!(" ({field})")).unwrap_or_default();
            return Some((number(&error["status"]), format!("{}{field}", text(&error["title"]))));
        }
        let message = message.as_ref().map(text)?;
        Some((code.as_ref().and_then(number), message))
    }
}

/// The server's own words, without what may be a value of the record: addresses, numbers, quoted text.
fn without_values(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    let mut clean = Vec::new();
    let mut quoted = false;
    for word in text.split_whitespace() {
        let opens = word.starts_with(['"', '\'']) && !quoted;
        let closes =
            word.trim_end_matches(['.', ',', ':']).ends_with(['"', '\'']) && (quoted || (opens && word.len() > 1));
        if opens || quoted {
            if clean.last().is_none_or(|last| last != "…") {
                clean.push("…".to_owned());
            }
            quoted = !closes;
            continue;
        }
        let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
        let number = bare.len() > 4 && bare.bytes().all(|byte| byte.is_ascii_digit() || b"+-.:/".contains(&byte));
        clean.push(if bare.contains('@') || number { "…".to_owned() } else { word.to_owned() });
    }
    let clean = clean.join(" ");
    let mut chars = clean.trim_end_matches('.').chars();
    // Messages begin in lower case, as ours do.
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crmkit_core::http::reqwest::{Method, header::HeaderMap};

    use super::*;

    fn verdict(status: u16, body: &str, creating: bool) -> Verdict {
        let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        let request = Request::new("contact.create", Method::POST, "/");
        let request = if creating { request.creating() } else { request };
        NutshellDialect::new("a@b.c".to_owned()).verdict(&request, &answer, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn every_answer_has_its_verdict() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        let rpc = |code: i64, message: &str| {
            serde_json::json!({"error": {"code": code, "message": message, "data": null}, "id": "1"}).to_string()
        };
        let rest = r#"{"errors":[{"status":"400","title":"Invalid filter","field":"name"}],"accounts":[]}"#;
        let html = "<html><title>An Error Occurred: Not Found</title></html>";
        let cases: &[(u16, String, bool, ErrorKind, Retry)] = &[
            (200, rpc(409, "rev key is out-of-date"), false, ErrorKind::Conflict, after(1)),
            (409, rpc(409, "rev key is out-of-date"), false, ErrorKind::Conflict, after(1)),
            (404, rpc(-32601, "Method not found"), false, ErrorKind::Protocol, Retry::Never),
            (400, rpc(-32602, "x"), true, ErrorKind::Rejected, Retry::Never),
            (200, rpc(400, "'Foo' is not a custom field"), true, ErrorKind::Rejected, Retry::Never),
            (403, rpc(403, "You may not"), true, ErrorKind::Auth, Retry::Never),
            (403, rpc(403, "Your plan allows 100 open leads"), true, ErrorKind::Capped, Retry::Never),
            (400, rest.to_owned(), true, ErrorKind::Rejected, Retry::Never),
            (404, html.to_owned(), false, ErrorKind::NotFound, Retry::Never),
            (
                500,
                r#"{"code":500,"message":"Internal Server Error"}"#.to_owned(),
                true,
                ErrorKind::Unavailable,
                Retry::Verify,
            ),
            (
                200,
                r#"{"code":500,"message":"Internal Server Error"}"#.to_owned(),
                false,
                ErrorKind::Unavailable,
                after(5),
            ),
            (502, html.to_owned(), true, ErrorKind::Unavailable, Retry::Verify),
            (405, "\"Internal Error\"".to_owned(), true, ErrorKind::Rejected, Retry::Never),
            (200, html.to_owned(), true, ErrorKind::Protocol, Retry::Verify),
        ];
        for (status, body, creating, kind, retry) in cases {
            let Verdict::Failed(error) = verdict(*status, body, *creating) else { panic!("{status} {body}") };
            assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{status} {body}");
        }
        for (status, body) in
            [(200, r#"{"result":null,"error":null}"#), (204, ""), (200, "[]"), (201, r#"{"notes":[]}"#)]
        {
            assert!(matches!(verdict(status, body, false), Verdict::Done), "{status} {body}");
        }
        for (status, body) in [(401, html.to_owned()), (401, rpc(401, "API key not found")), (200, rpc(401, "x"))] {
            assert!(
                matches!(verdict(status, &body, true), Verdict::Unauthorized(error) if error.kind() == ErrorKind::Auth)
            );
        }
        assert!(matches!(verdict(429, html, true), Verdict::Throttled { .. }));
    }

    #[test]
    fn pauses_are_spread_and_repeatable() {
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("a moment");
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|second| spread(THROTTLED, "x", at(second))).collect();
        assert!(pauses.len() > 40, "{pauses:?}");
        assert!(pauses.iter().all(|pause| (THROTTLED..THROTTLED * 3 / 2).contains(pause)), "{pauses:?}");
        assert_eq!(spread(THROTTLED, "x", at(1)), spread(THROTTLED, "x", at(1)));
    }

    #[test]
    fn lists_wait_and_writes_are_looked_for() {
        let answer = Answer { status: 503, headers: HeaderMap::new(), body: Vec::new() };
        let verdict = |request: Request| {
            NutshellDialect::new("a@b.c".to_owned()).verdict(&request, &answer, DateTime::UNIX_EPOCH)
        };
        let list = Request::new("tag.list", Method::GET, "/");
        assert!(matches!(verdict(list), Verdict::Throttled { .. }));
        let Verdict::Failed(error) = verdict(Request::new("tag.create", Method::POST, "/").creating()) else {
            panic!("a create is not sent again")
        };
        assert_eq!(error.retry(), Retry::Verify);
    }

    #[test]
    fn messages_carry_no_values() {
        assert_eq!(without_values("'Ann Lee' is not a custom field."), "… is not a custom field");
        assert_eq!(without_values("Mail ann@acme.example or 12345678"), "mail … or …");
        assert_eq!(without_values("It isn't free"), "it isn't free");
    }
}
