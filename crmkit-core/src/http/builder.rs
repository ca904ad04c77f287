//! Building a transport: checked here, without any I/O.

use std::{net::IpAddr, sync::Arc, time::Duration};

use reqwest::{ClientBuilder, Url, redirect::Policy};

use super::{Dialect, Transport};
use crate::{Clock, Credentials, Error, ErrorKind, RateBudget, Result, Retry};

const OPERATION: &str = "transport.build";

/// Builds a [`Transport`].
#[derive(Debug)]
pub struct TransportBuilder {
    pub(super) base: String,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) budget: Arc<dyn RateBudget>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) client: ClientBuilder,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) patience: Duration,
    pub(super) body_limit: usize,
}

impl TransportBuilder {
    /// A transport to `base` (scheme, host and perhaps a port and path).
    pub fn new(
        base: impl Into<String>,
        dialect: Arc<dyn Dialect>,
        credentials: Arc<dyn Credentials>,
        budget: Arc<dyn RateBudget>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            base: base.into(),
            dialect,
            credentials,
            budget,
            clock,
            client: ClientBuilder::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(300),
            body_limit: 16 << 20,
        }
    }

    /// The host's client settings: proxy, roots, pool. Redirects, retries and timeouts are set by us.
    pub fn client(mut self, client: ClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// How long an answer may take; 60 s unless told.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a connection may take; 10 s unless told.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request without a deadline waits for the budget; 5 minutes unless told.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The longest body read; 16 MiB unless told.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Checks everything and builds the client. Nothing is sent.
    ///
    /// # Errors
    /// `Input` for an address that is none, is not encrypted and not loopback, or carries credentials; and where the client
    /// cannot be built.
    pub fn build(self) -> Result<Transport> {
        let base = check(&self.base)?;
        let client = self
            .client
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(self.timeout)
            // A download may take longer altogether; silence may not.
            .read_timeout(self.timeout)
            .connect_timeout(self.connect_timeout)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Input, OPERATION, "the HTTP client could not be built", Retry::Never)
                    .with_source(error.without_url())
            })?;
        Ok(Transport::new(
            client,
            base,
            self.dialect,
            self.credentials,
            self.budget,
            self.clock,
            self.patience,
            self.body_limit,
        ))
    }
}

/// TLS everywhere but on loopback, and nothing in the address that belongs elsewhere.
pub(super) fn check(base: &str) -> Result<Url> {
    let wrong = |message: &str| Err(Error::input(OPERATION, message));
    let Ok(url) = Url::parse(base) else { return wrong("the base address is not a URL") };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return wrong("the base address carries credentials, a query or a fragment");
    }
    let Some(host) = url.host_str() else { return wrong("the base address has no host") };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(host) => Ok(url),
        "http" => wrong("the base address is not encrypted; use https, http is for loopback only"),
        _ => wrong("the base address is neither https nor http"),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_goes_without_tls() {
        let good = ["https://acme.example", "http://127.0.0.1:9", "http://localhost:80/x", "http://[::1]:1"];
        let bad = [
            "http://acme.example",
            "http://127.0.0.1.acme.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:secret@acme.example",
            "https://acme.example/?api_token=secret",
            "acme.example",
            "",
        ];
        assert!(good.iter().all(|base| check(base).is_ok()));
        for base in bad {
            let error = check(base).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{base}");
        }
    }
}
