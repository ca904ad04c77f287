//! Building the connector: checked here, without any I/O.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{PlainDialect, TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};

use super::{AllegoryApi, AllegoryApiConfig, client::Client};

const OPERATION: &str = "allegory_api.build";

/// Adds to an [`AllegoryApiConfig`] what cannot be written down: the folder, clock, client, budget, credentials.
#[derive(Debug)]
pub struct AllegoryApiBuilder {
    config: AllegoryApiConfig,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    client: ClientBuilder,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

impl AllegoryApiBuilder {
    pub(super) fn new(config: AllegoryApiConfig, folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let folder = folder.to_owned();
        Self { config, folder, clock, client: ClientBuilder::new(), budget: None, credentials: None }
    }

    /// The host's HTTP client settings: proxy, roots, TLS backend. Redirects and timeouts are set by us.
    pub fn client(mut self, client: ClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// A budget shared with others; otherwise the connector has its own, of the configured requests a second.
    pub fn budget(mut self, budget: Arc<dyn RateBudget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The host's tokens, instead of the one in the configuration.
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Checks everything. Nothing is sent or written.
    ///
    /// # Errors
    /// `Input` for a configuration that cannot work, which it names.
    pub fn build(self) -> Result<AllegoryApi> {
        let config = self.config;
        if !(1..=1_000).contains(&config.page_rows) {
            return Err(Error::input(OPERATION, "`page_rows` is not from 1 to 1,000"));
        }
        if config.per_second == 0 {
            return Err(Error::input(OPERATION, "`per_second` is at least 1"));
        }
        let credentials = match (self.credentials, &config.token) {
            (Some(credentials), _) => credentials,
            (None, Some(token)) => Arc::new(FixedToken::new(token.expose_secret())),
            (None, None) => return Err(Error::input(OPERATION, "neither `token` nor credentials are given")),
        };
        let windows = match config.unlimited {
            true => Vec::new(),
            false => vec![Window::rolling(config.per_second, Duration::from_secs(1)).scope(Scope::Company)],
        };
        let budget = self.budget.unwrap_or_else(|| Arc::new(AccountBudget::new(windows, self.clock.clone())));
        let base = config.base_url.trim_end_matches('/');
        let dialect = Arc::new(PlainDialect::bearer());
        let transport = TransportBuilder::new(base, dialect, credentials, budget, self.clock)
            .client(self.client)
            .timeout(config.timeout())
            .connect_timeout(config.connect_timeout())
            .body_limit(64 << 20)
            .build()?;
        Ok(AllegoryApi::new(Client::new(transport, &config), config, self.folder))
    }
}
