//! Building the connector: checked here, without any I/O.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};
use phonenumber::country;

use crate::{Twenty, TwentyConfig, client::Client, error::TwentyDialect};

const OPERATION: &str = "twenty.build";
/// Twenty counts calls of the record interface only; those of the schema's are not limited.
pub(crate) const RECORDS: &str = "records";

/// Adds to a [`TwentyConfig`] what cannot be written down: clock, client, budget, credentials.
#[derive(Debug)]
pub struct TwentyBuilder {
    config: TwentyConfig,
    clock: Arc<dyn Clock>,
    client: ClientBuilder,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

impl TwentyBuilder {
    pub(crate) fn new(config: TwentyConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, client: ClientBuilder::new(), budget: None, credentials: None }
    }

    /// The host's HTTP client settings: proxy, roots, TLS backend. Redirects and timeouts are set by us.
    pub fn client(mut self, client: ClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// A budget shared with others; otherwise the connector has its own, after [`windows`].
    pub fn budget(mut self, budget: Arc<dyn RateBudget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The host's keys, instead of the one in the configuration.
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Checks everything. Nothing is sent.
    ///
    /// # Errors
    /// `Input` for a configuration that cannot work, which it names.
    pub fn build(self) -> Result<Twenty> {
        let config = self.config;
        if !(1..=200).contains(&config.batch) {
            return Err(Error::input(OPERATION, "`batch` is not from 1 to 200"));
        }
        if config.calls == 0 || config.per_seconds == 0 {
            return Err(Error::input(OPERATION, "`calls` and `per_seconds` are at least 1"));
        }
        if config.phone_region.as_deref().is_some_and(|region| region.parse::<country::Id>().is_err()) {
            return Err(Error::input(OPERATION, "`phone_region` is no country of ISO 3166, like DE"));
        }
        let credentials = match (self.credentials, &config.token) {
            (Some(credentials), _) => credentials,
            (None, Some(token)) => Arc::new(FixedToken::new(token.expose_secret())),
            (None, None) => return Err(Error::input(OPERATION, "neither `token` nor credentials are given")),
        };
        let budget = self.budget.unwrap_or_else(|| Arc::new(AccountBudget::new(windows(&config), self.clock.clone())));
        let base = config.base_url.trim_end_matches('/');
        let transport = TransportBuilder::new(base, Arc::new(TwentyDialect), credentials, budget, self.clock)
            .client(self.client)
            .timeout(config.timeout())
            .connect_timeout(config.connect_timeout())
            .body_limit(64 << 20)
            .build()?;
        Ok(Twenty::new(Client::new(transport), config))
    }
}

/// The windows of a workspace: one call after another, as far apart as makes `calls` in `per_seconds`.
///
/// ```
/// use crmkit_twenty::{TwentyConfig, windows};
/// assert_eq!(windows(&TwentyConfig::cloud("key")).len(), 1);
/// ```
pub fn windows(config: &TwentyConfig) -> Vec<Window> {
    if config.unlimited {
        return Vec::new();
    }
    let apart = Duration::from_secs(config.per_seconds.max(1)) / config.calls.max(1);
    vec![Window::rolling(1, apart).scope(Scope::Company).only(RECORDS.into())]
}
