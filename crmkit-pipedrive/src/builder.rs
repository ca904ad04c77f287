//! Building the connector: checked here, without any I/O.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};

use crate::{Pipedrive, PipedriveConfig, client::Client, error::PipedriveDialect};

/// The class of requests that the fair-use rule of old counts.
pub(crate) const WRITE: &str = "write";
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
        let counts = [
            ("seats", Some(u64::from(config.seats))),
            ("burst", config.burst.map(u64::from)),
            ("tokens_per_day", config.tokens_per_day),
            ("writes_per_day", config.writes_per_day.map(u64::from)),
            ("notes_per_deal", config.notes_per_deal),
            ("max_file_bytes", Some(config.max_file_bytes)),
            ("timeout_seconds", Some(config.timeout_seconds)),
            ("connect_timeout_seconds", Some(config.connect_timeout_seconds)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(Error::input(OPERATION, format!("`{name}` is nought")));
        }
        if config.reset_hour.is_some_and(|hour| hour > 23) {
            return Err(Error::input(OPERATION, "`reset_hour` is an hour from 0 to 23"));
        }
        if self.credentials.is_some() && config.token.as_ref().is_some_and(|token| !token.expose_secret().is_empty()) {
            return Err(Error::input(OPERATION, "give `token` or credentials, not both"));
        }
        let credentials = match (self.credentials, &config.token) {
            (Some(credentials), _) => credentials,
            (None, Some(token)) => Arc::new(FixedToken::new(token.expose_secret())),
            (None, None) => return Err(Error::input(OPERATION, "neither `token` nor credentials are given")),
        };
        let budget = self.budget.unwrap_or_else(|| Arc::new(AccountBudget::new(windows(&config), self.clock.clone())));
        let transport =
            TransportBuilder::new(base, Arc::new(PipedriveDialect::new(config.auth)), credentials, budget, self.clock)
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
    let burst = config.burst.unwrap_or(config.tier.burst(config.auth));
    let tokens = config.tier.tokens_per_seat() * u64::from(config.seats.max(1));
    let day = Window::daily(config.tokens_per_day.unwrap_or(tokens)).scope(Scope::Company).share(config.day_share);
    let mut windows = vec![
        Window::rolling(burst, per).share(config.burst_share),
        Window::rolling(10, per).share(config.burst_share).only("search".into()),
        match config.reset_hour {
            Some(hour) => day.reset_hour(hour),
            None => day,
        },
    ];
    if let Some(writes) = config.writes_per_day {
        let day = Duration::from_secs(24 * 3600);
        windows.push(Window::rolling(writes, day).share(config.day_share).only(WRITE.into()));
    }
    windows
}

/// A host name label, so that nothing else can slip into the address.
fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
