//! Building the connector: checked here, without any I/O.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};

use crate::{Pipedrive, PipedriveConfig, client::Client, error::PipedriveDialect};

const OPERATION: &str = "pipedrive.build";

/// Adds to a [`PipedriveConfig`] what cannot be written down: clock, client, budget, credentials.
#[derive(Debug)]
pub struct PipedriveBuilder {
    config: PipedriveConfig,
    clock: Arc<dyn Clock>,
    client: ClientBuilder,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

impl PipedriveBuilder {
    pub(crate) fn new(config: PipedriveConfig, clock: Arc<dyn Clock>) -> Self {
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

    /// The host's tokens, instead of the one in the configuration.
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Checks everything. Nothing is sent.
    ///
    /// # Errors
    /// `Input` for a configuration that cannot work, which it names.
    pub fn build(self) -> Result<Pipedrive> {
        let config = self.config;
        let base = match (&config.base_url, &config.company_domain) {
            (Some(base), None) => base.clone(),
            (None, Some(domain)) if is_label(domain) => format!("https://{domain}.pipedrive.com"),
            (None, Some(_)) => return Err(Error::input(OPERATION, "`company_domain` is one host name label")),
            (Some(_), Some(_)) => return Err(Error::input(OPERATION, "give `base_url` or `company_domain`, not both")),
            (None, None) => return Err(Error::input(OPERATION, "`company_domain` is missing")),
        };
        if config.marker.trim().is_empty() {
            return Err(Error::input(OPERATION, "`marker` is empty"));
        }
        for (name, share) in [("burst_share", config.burst_share), ("day_share", config.day_share)] {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::input(OPERATION, format!("`{name}` is not above 0 and at most 1")));
            }
        }
        let credentials = match (self.credentials, &config.token) {
            (Some(credentials), _) => credentials,
            (None, Some(token)) => Arc::new(FixedToken::new(token.expose_secret())),
            (None, None) => return Err(Error::input(OPERATION, "neither `token` nor credentials are given")),
        };
        let budget = self.budget.unwrap_or_else(|| Arc::new(AccountBudget::new(windows(&config), self.clock.clone())));
        let transport = TransportBuilder::new(base, Arc::new(PipedriveDialect), credentials, budget, self.clock)
            .client(self.client)
            .timeout(config.timeout())
            .connect_timeout(config.connect_timeout())
            .build()?;
        Ok(Pipedrive::new(Client::new(transport), config))
    }
}

/// The windows of an account: bursts of two seconds per token, searches, tokens per company and day.
///
/// ```
/// use crmkit_pipedrive::{PipedriveConfig, windows};
/// assert_eq!(windows(&PipedriveConfig::company("acme", "token")).len(), 3);
/// ```
///
/// <https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting>
pub fn windows(config: &PipedriveConfig) -> Vec<Window> {
    if config.unlimited {
        return Vec::new();
    }
    let per = Duration::from_secs(2);
    let tokens = config.tier.tokens_per_seat() * u64::from(config.seats.max(1));
    let day = Window::daily(tokens).scope(Scope::Company).share(config.day_share);
    vec![
        Window::rolling(config.tier.burst(), per).share(config.burst_share),
        Window::rolling(10, per).share(config.burst_share).only("search".into()),
        match config.reset_hour {
            Some(hour) => day.reset_hour(hour),
            None => day,
        },
    ]
}

/// A host name label, so that nothing else can slip into the address.
fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
