//! Tokens of an OAuth app: they last an hour, and each renewal may give a new refresh token.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use crmkit_core::{
    Credentials, Error, ErrorKind, Result, Retry,
    http::reqwest::{
        Client, ClientBuilder, Url,
        header::{ACCEPT, CONTENT_TYPE},
        redirect::Policy,
    },
    secrecy::{ExposeSecret, SecretString},
};
use futures::lock::Mutex as AsyncMutex;
use serde::Deserialize;

const OPERATION: &str = "pipedrive.renew_token";
/// <https://pipedrive.readme.io/docs/marketplace-oauth-authorization>
const TOKEN_URL: &str = "https://oauth.pipedrive.com/oauth/token";

/// An access token and the refresh token that renews it.
#[derive(Clone, Debug)]
pub struct OAuthTokens {
    /// The access token. It lasts an hour.
    pub access: SecretString,
    /// What the next access token is asked for with.
    pub refresh: SecretString,
}

type Keep = Arc<dyn Fn(&OAuthTokens) + Send + Sync>;

/// Credentials of an OAuth app, renewed when the account refuses them.
///
/// ```
/// use crmkit_pipedrive::{OAuth, OAuthTokens};
/// let tokens = OAuthTokens { access: "first".into(), refresh: "second".into() };
/// let credentials = OAuth::new("client id", "client secret", tokens)?.on_renewal(|tokens| {
///     // The host keeps them for its next process.
///     let _ = tokens;
/// });
/// assert!(!format!("{credentials:?}").contains("secret"));
/// # Ok::<(), crmkit_core::Error>(())
/// ```
pub struct OAuth {
    client: Client,
    url: Url,
    id: String,
    secret: SecretString,
    tokens: Mutex<OAuthTokens>,
    /// Held while tokens are renewed: several requests that were refused at once renew them once.
    renewing: AsyncMutex<()>,
    keep: Option<Keep>,
}

/// Without the secret and the tokens.
impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl OAuth {
    /// An app with its id, its secret, and the tokens that a user gave it.
    ///
    /// # Errors
    /// `Input` where the client cannot be built.
    pub fn new(id: impl Into<String>, secret: impl Into<SecretString>, tokens: OAuthTokens) -> Result<Self> {
        Self::at(TOKEN_URL, ClientBuilder::new(), id, secret, tokens)
    }

    /// The same with another token address (a simulator, a proxy) and the host's client settings.
    ///
    /// # Errors
    /// `Input` for an address that is none or not encrypted (but for loopback), or where the client cannot be built.
    pub fn at(
        url: &str,
        client: ClientBuilder,
        id: impl Into<String>,
        secret: impl Into<SecretString>,
        tokens: OAuthTokens,
    ) -> Result<Self> {
        let url = Url::parse(url).map_err(|_| Error::input(OPERATION, "the token address is not a URL"))?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(Error::input(OPERATION, "the token address is not encrypted; use https"));
        }
        let client = client.redirect(Policy::none()).build().map_err(|error| {
            Error::input(OPERATION, "the HTTP client could not be built").with_source(error.without_url())
        })?;
        let (tokens, renewing) = (Mutex::new(tokens), AsyncMutex::new(()));
        Ok(Self { client, url, id: id.into(), secret: secret.into(), tokens, renewing, keep: None })
    }

    /// Called with every new pair of tokens, before they are used: the old refresh token may be void by then.
    pub fn on_renewal(mut self, keep: impl Fn(&OAuthTokens) + Send + Sync + 'static) -> Self {
        self.keep = Some(Arc::new(keep));
        self
    }

    fn current(&self) -> OAuthTokens {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn renew(&self, refresh: &SecretString) -> Result<OAuthTokens> {
        let sent = self
            .client
            .post(self.url.clone())
            .basic_auth(&self.id, Some(self.secret.expose_secret()))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form(refresh))
            .send()
            .await;
        let response = sent.map_err(|error| {
            let message = "the token could not be renewed; check the network";
            Error::new(ErrorKind::Unavailable, OPERATION, message, Retry::After(PAUSE)).with_source(error.without_url())
        })?;
        let status = response.status().as_u16();
        let failed =
            |kind, message: &str, retry| Error::new(kind, OPERATION, message, retry).with_context("status", status);
        match status {
            200 => {}
            429 | 500.. => {
                return Err(failed(ErrorKind::Unavailable, "the token could not be renewed now", Retry::After(PAUSE)));
            }
            _ => {
                let message = "the refresh token was refused; let a user authorize the app again";
                return Err(failed(ErrorKind::Auth, message, Retry::Never));
            }
        }
        let answer: Renewed = response.json().await.map_err(|_| {
            let message = "the answer is not what the interface documents; let a user authorize the app again";
            failed(ErrorKind::Protocol, message, Retry::Never)
        })?;
        // Where no new refresh token comes, the old one stays good.
        let refresh = answer.refresh_token.map_or_else(|| refresh.clone(), SecretString::from);
        Ok(OAuthTokens { access: answer.access_token.into(), refresh })
    }
}

fn form(refresh: &SecretString) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh.expose_secret());
    form.finish()
}

/// The pause after a renewal that may succeed later.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Deserialize)]
struct Renewed {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[async_trait]
impl Credentials for OAuth {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.current().access)
    }

    async fn refresh(&self, refused: &SecretString) -> Result<SecretString> {
        let _renewing = self.renewing.lock().await;
        let known = self.current();
        if known.access.expose_secret() != refused.expose_secret() {
            // Another request renewed it meanwhile.
            return Ok(known.access);
        }
        let renewed = self.renew(&known.refresh).await?;
        if let Some(keep) = &self.keep {
            keep(&renewed);
        }
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = renewed.clone();
        Ok(renewed.access)
    }
}
