//! Building the connector: checked here, without any I/O.

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, Clock, CostClass, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{
        TransportBuilder,
        reqwest::{ClientBuilder, Url},
    },
};

use super::{
    ApsisOne, ApsisOneConfig,
    client::{Client, DOWNLOADS, EVENT_EXPORTS, PROFILE_EXPORTS},
    error::ApsisDialect,
    oauth::{ClientCredentials, TOKENS},
};

const OPERATION: &str = "apsis_one.build";

/// Adds to an [`ApsisOneConfig`] what cannot be written down: clock, client, budget, credentials.
#[derive(Debug)]
pub struct ApsisOneBuilder {
    config: ApsisOneConfig,
    clock: Arc<dyn Clock>,
    client: fn() -> ClientBuilder,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

impl ApsisOneBuilder {
    pub(super) fn new(config: ApsisOneConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, client: ClientBuilder::new, budget: None, credentials: None }
    }

    /// The host's client settings: proxy, roots, TLS backend. Redirects and timeouts are set by us. Asked for twice: tokens have a
    /// client of their own.
    pub fn client(mut self, client: fn() -> ClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// A budget shared with others who talk to the account.
    pub fn budget(mut self, budget: Arc<dyn RateBudget>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The host's tokens, instead of those fetched with the API key.
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Checks everything. Nothing is sent.
    ///
    /// # Errors
    /// `Input` for a configuration that cannot work, which it names.
    pub fn build(self) -> Result<ApsisOne> {
        let config = self.config;
        let wrong = |message: &str| Err(Error::input(OPERATION, message));
        if config.client_id.trim().is_empty() && config.account.is_none() {
            return wrong("`client_id` is missing");
        }
        if config.events.window_days == 0 || config.events.window_days > 366 {
            return wrong("`events.window_days` is not between 1 and 366");
        }
        if config.parallel == 0 {
            return wrong("`parallel` is 0");
        }
        if config.flows.iter().any(|flow| !flow.is_object()) {
            return wrong("an entry of `flows` is no JSON object");
        }
        let base = Url::parse(&config.base_url).map_err(|_| Error::input(OPERATION, "`base_url` is no address"))?;
        let budget = self.budget.unwrap_or_else(|| own_budget(&config, self.clock.clone()));
        let transport = |bearer: bool, credentials: Arc<dyn Credentials>| {
            let dialect = Arc::new(ApsisDialect { bearer });
            TransportBuilder::new(&config.base_url, dialect, credentials, budget.clone(), self.clock.clone())
                .client((self.client)())
                .timeout(Duration::from_secs(config.timeout_seconds))
                .connect_timeout(Duration::from_secs(config.connect_timeout_seconds))
                .body_limit(config.limits.export_bytes)
                .build()
        };
        let credentials: Arc<dyn Credentials> = match (self.credentials, &config.client_secret) {
            (Some(credentials), _) => credentials,
            (None, Some(secret)) => {
                let tokens = transport(false, Arc::new(FixedToken::new("")))?;
                tokens.bind(config.instance());
                let margin = Duration::from_secs(config.refresh_margin_seconds);
                let (clock, id) = (self.clock.clone(), config.client_id.clone());
                Arc::new(ClientCredentials::new(tokens, clock, id, secret.clone(), margin))
            }
            (None, None) => return wrong("neither `client_secret` nor credentials are given"),
        };
        let client = Client::new(transport(true, credentials)?, base, config.export_wait(), config.limits.body_bytes);
        client.bind(config.instance());
        Ok(ApsisOne::new(client, config, self.clock))
    }
}

/// The account's limits, which all its keys share.
fn own_budget(config: &ApsisOneConfig, clock: Arc<dyn Clock>) -> Arc<dyn RateBudget> {
    if config.unlimited {
        return Arc::new(AccountBudget::unlimited(clock));
    }
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let limits = &config.limits;
    let own =
        |count: u32, per, class: &str| Window::rolling(count, per).scope(Scope::Company).only(CostClass::from(class));
    let windows = vec![
        Window::rolling(limits.account_per_second, second).share(limits.share).scope(Scope::Company),
        own(limits.tokens_per_minute, minute, TOKENS),
        own(limits.profile_exports_per_second, second, PROFILE_EXPORTS),
        own(limits.event_exports_per_minute, minute, EVENT_EXPORTS),
        own(limits.downloads_per_minute, minute, DOWNLOADS),
    ];
    Arc::new(AccountBudget::new(windows, clock))
}
