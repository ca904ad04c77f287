//! Building the connector: checked here, without any I/O.

use std::sync::Arc;

use crmkit_core::{
    AccountBudget, AdaptiveBudget, Clock, Credentials, Error, FixedToken, Pace, RateBudget, Result,
    http::{TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};

use crate::{
    Nutshell, NutshellConfig,
    client::{Client, FIND, Maker},
    error::NutshellDialect,
};

const OPERATION: &str = "nutshell.build";

/// Adds to a [`NutshellConfig`] what cannot be written down: clock, client, budget, credentials.
#[derive(Debug)]
pub struct NutshellBuilder {
    config: NutshellConfig,
    clock: Arc<dyn Clock>,
    client: Box<dyn ClientSettings>,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

/// Gives the host's client settings: once for the discovery, once for the instance it names.
pub(crate) trait ClientSettings: std::fmt::Debug + Send + Sync {
    fn settings(&self) -> ClientBuilder;
}

#[derive(Debug)]
struct Plain;

impl ClientSettings for Plain {
    fn settings(&self) -> ClientBuilder {
        ClientBuilder::new()
    }
}

struct Given<F>(F);

impl<F> std::fmt::Debug for Given<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

impl<F: Fn() -> ClientBuilder + Send + Sync> ClientSettings for Given<F> {
    fn settings(&self) -> ClientBuilder {
        (self.0)()
    }
}

impl NutshellBuilder {
    pub(crate) fn new(config: NutshellConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, client: Box::new(Plain), budget: None, credentials: None }
    }

    /// The host's HTTP client settings: proxy, roots, TLS backend. Redirects and timeouts are set by us. Asked for again where the
    /// discovery names another host.
    pub fn client(mut self, client: impl Fn() -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.client = Box::new(Given(client));
        self
    }

    /// A budget shared with others; otherwise the connector feels its way by an [`AdaptiveBudget`] of its own.
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
    pub fn build(self) -> Result<Nutshell> {
        let config = self.config;
        let wrong = |message: &str| Err(Error::input(OPERATION, message));
        if config.username.trim().is_empty() || config.username.contains(':') {
            return wrong("`username` is missing, or has a colon");
        }
        if config.marker.trim().is_empty() || config.marker.chars().count() > 40 {
            return wrong("`marker` is empty or longer than 40 characters");
        }
        let rates = [config.start, config.ceiling, config.find_ceiling];
        if rates.iter().any(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return wrong("`start`, `ceiling` or `find_ceiling` is not above 0");
        }
        if config.in_flight == 0 {
            return wrong("`in_flight` is 0: nothing could be sent");
        }
        let credentials = match (self.credentials, &config.key) {
            (Some(credentials), _) => credentials,
            (None, Some(key)) => Arc::new(FixedToken::new(key.expose_secret())),
            (None, None) => return wrong("neither `key` nor credentials are given"),
        };
        let own: Arc<dyn RateBudget> = if config.unlimited {
            Arc::new(AccountBudget::unlimited(self.clock.clone()))
        } else {
            let pace = Pace { start: config.start, ceiling: config.ceiling, ..Pace::default() };
            let find = Pace { start: config.find_ceiling / 2.0, ceiling: config.find_ceiling, ..Pace::default() };
            Arc::new(AdaptiveBudget::new(pace, self.clock.clone()).with_class(FIND, find))
        };
        let budget = self.budget.unwrap_or(own);
        let dialect = Arc::new(NutshellDialect::new(config.username.clone()));
        let (clock, settings) = (self.clock.clone(), self.client);
        let (timeout, connect_timeout) = (config.timeout(), config.connect_timeout());
        let maker: Maker = Box::new(move |base| {
            TransportBuilder::new(base, dialect.clone(), credentials.clone(), budget.clone(), clock.clone())
                .client(settings.settings())
                .timeout(timeout)
                .connect_timeout(connect_timeout)
                .build()
        });
        Ok(Nutshell::new(Client::new(maker, &config, self.clock)?, config))
    }
}
