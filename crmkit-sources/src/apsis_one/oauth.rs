//! Tokens: fetched by the API key, shared by everything in the process, renewed before their `exp` and after a refusal.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crmkit_core::{
    Clock, CostClass, Credentials, Error, ErrorKind, Result, Retry,
    chrono::{DateTime, TimeDelta, Utc},
    http::{Request, Transport, reqwest::Method},
    secrecy::{ExposeSecret, SecretString},
};
use futures::lock::Mutex;
use serde::Deserialize;
use serde_json::json;

const OPERATION: &str = "apsis_one.token";
/// How long a token is trusted that tells no end.
const UNTOLD: TimeDelta = TimeDelta::minutes(5);

/// The class of requests for tokens.
pub(super) const TOKENS: &str = "token";

/// Gives tokens for one API key.
pub(super) struct ClientCredentials {
    transport: Transport,
    clock: Arc<dyn Clock>,
    id: String,
    secret: SecretString,
    margin: TimeDelta,
    current: Mutex<Option<Token>>,
}

struct Token {
    text: SecretString,
    /// From here on it is renewed.
    until: DateTime<Utc>,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl ClientCredentials {
    pub(super) fn new(
        transport: Transport,
        clock: Arc<dyn Clock>,
        id: String,
        secret: SecretString,
        margin: Duration,
    ) -> Self {
        let margin = TimeDelta::from_std(margin).unwrap_or(TimeDelta::zero());
        Self { transport, clock, id, secret, margin, current: Mutex::default() }
    }

    async fn fetch(&self) -> Result<Token> {
        let body = json!({
            "grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret.expose_secret(),
        });
        // Asked for twice, it gives two tokens, of which one is forgotten.
        let request = Request::new(OPERATION, Method::POST, "/oauth/token").json(&body).class(CostClass::from(TOKENS));
        let answer = self.transport.send(request.clone()).await?;
        let granted: Granted = answer.json(&request)?;
        let now = self.clock.now();
        let told = expiry(&granted.access_token);
        let told = told.or_else(|| {
            granted.expires_in.and_then(|seconds| now.checked_add_signed(TimeDelta::try_seconds(seconds)?))
        });
        let end = told.unwrap_or(now + UNTOLD);
        if end <= now {
            let message = "the token is already over when it comes; check this machine's clock";
            return Err(Error::new(ErrorKind::Auth, OPERATION, message, Retry::Never));
        }
        // A token that lives less than the margin is used for most of its life all the same.
        let until = end - self.margin.min((end - now) / 4);
        Ok(Token { text: SecretString::from(granted.access_token), until })
    }
}

/// When a JWT says that it ends. The signature is the server's business.
fn expiry(token: &str) -> Option<DateTime<Utc>> {
    let claims = token.split('.').nth(1)?.trim_end_matches('=');
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    DateTime::from_timestamp(claims.exp, 0)
}

#[async_trait]
impl Credentials for ClientCredentials {
    async fn token(&self) -> Result<SecretString> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| token.until > self.clock.now()) {
            return Ok(token.text.clone());
        }
        let token = self.fetch().await?;
        Ok(current.insert(token).text.clone())
    }

    async fn refresh(&self, refused: &SecretString) -> Result<SecretString> {
        let mut current = self.current.lock().await;
        // Somebody else was refused with it before, and has a new one.
        if let Some(token) = current.as_ref().filter(|token| token.text.expose_secret() != refused.expose_secret()) {
            return Ok(token.text.clone());
        }
        *current = None;
        let token = self.fetch().await?;
        Ok(current.insert(token).text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_from_the_claims() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000,"sub":"x"}"#);
        assert_eq!(expiry(&format!("h.{claims}.s")).map(|end| end.timestamp()), Some(1_700_000_000));
        for bad in ["", "opaque", "a.b.c", "a.!.c"] {
            assert_eq!(expiry(bad), None, "{bad}");
        }
    }
}
