//! Building the connector: checked here, without any request.

use std::{fmt, sync::Arc, time::Duration};

use crmkit_core::{
    AccountBudget, Clock, Credentials, Error, FixedToken, RateBudget, Result, Scope, Window,
    http::{Transport, TransportBuilder, reqwest::ClientBuilder},
    secrecy::ExposeSecret,
};

use super::{Klipy, KlipyConfig, client::Client, error::KlipyDialect};

const OPERATION: &str = "klipy.build";

type ClientFactory = Box<dyn Fn() -> ClientBuilder + Send + Sync>;

/// Adds to a [`KlipyConfig`] what cannot be written down: clock, client, budget, credentials.
pub struct KlipyBuilder {
    config: KlipyConfig,
    clock: Arc<dyn Clock>,
    client: Option<ClientFactory>,
    budget: Option<Arc<dyn RateBudget>>,
    credentials: Option<Arc<dyn Credentials>>,
}

impl fmt::Debug for KlipyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlipyBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl KlipyBuilder {
    pub(super) fn new(config: KlipyConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, client: None, budget: None, credentials: None }
    }

    /// The host's HTTP client settings (proxy, roots, TLS backend), made anew for each of the few clients. Redirects and timeouts
    /// are set by us.
    pub fn client(mut self, client: impl Fn() -> ClientBuilder + Send + Sync + 'static) -> Self {
        self.client = Some(Box::new(client));
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

    /// Checks everything. Nothing is sent and no file is read.
    ///
    /// # Errors
    /// `Input` for a configuration that cannot work, which it names.
    pub fn build(self) -> Result<Klipy> {
        let config = self.config;
        let wrong = |message: &str| Err(Error::input(OPERATION, message));
        if !(1..=1_000).contains(&config.page) {
            return wrong("`page` is not from 1 to 1,000");
        }
        if config.per_key == 0 || config.per_organization == 0 {
            return wrong("`per_key` and `per_organization` are at least 1");
        }
        if !(config.share > 0.0 && config.share <= 1.0) {
            return wrong("`share` is more than 0 and not more than 1");
        }
        if config.time_zone.as_deref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
            return wrong("`time_zone` is no IANA name, like Europe/Stockholm");
        }
        if config
            .currency
            .as_deref()
            .is_some_and(|code| code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return wrong("`currency` is no ISO 4217 code, like EUR");
        }
        if config.spread.iter().any(|rule| rule.pipeline.trim().is_empty()) {
            return wrong("a rule of `spread` names no pipeline");
        }
        if config.spread.iter().any(|rule| rule.tag.is_none() && rule.from.is_none() && rule.below.is_none()) {
            return wrong("a rule of `spread` has neither a tag nor a range, and would take every deal");
        }
        let fixed =
            config.key.as_ref().map(|key| -> Arc<dyn Credentials> { Arc::new(FixedToken::new(key.expose_secret())) });
        let credentials = self.credentials.or(fixed);
        if credentials.is_none() && config.harvest.is_none() {
            return wrong("neither a key nor a harvest is given, so there is nothing to read");
        }
        let fresh = || self.client.as_ref().map_or_else(ClientBuilder::new, |client| client());
        let client = match credentials {
            None => None,
            Some(credentials) => {
                let own =
                    || -> Arc<dyn RateBudget> { Arc::new(AccountBudget::new(windows(&config), self.clock.clone())) };
                let budget = self.budget.clone().unwrap_or_else(own);
                let transport = |probing: bool| -> Result<Transport> {
                    let dialect = Arc::new(KlipyDialect { header: config.header, probing });
                    let base = config.base_url.trim_end_matches('/');
                    TransportBuilder::new(base, dialect, credentials.clone(), budget.clone(), self.clock.clone())
                        .client(fresh())
                        .timeout(config.timeout())
                        .connect_timeout(config.connect_timeout())
                        .build()
                };
                Some(Client::new(transport(false)?, transport(true)?, config.page))
            }
        };
        let download = fresh()
            .redirect(crmkit_core::http::reqwest::redirect::Policy::none())
            .connect_timeout(config.connect_timeout())
            .read_timeout(config.timeout())
            .build()
            .map_err(|error| {
                Error::input(OPERATION, "the HTTP client could not be built").with_source(error.without_url())
            })?;
        Ok(Klipy::new(config, client, download, self.clock))
    }
}

/// The windows of a workspace: 200 calls a minute for a key and 1,000 for the organization, unless the configuration says otherwise.
///
/// ```
/// use crmkit_sources::klipy::{KlipyConfig, windows};
/// assert_eq!(windows(&KlipyConfig::api("klipy_api_0123")).len(), 2);
/// ```
pub fn windows(config: &KlipyConfig) -> Vec<Window> {
    if config.unlimited {
        return Vec::new();
    }
    let minute = Duration::from_secs(60);
    vec![
        Window::rolling(config.per_key, minute).scope(Scope::Token).share(config.share),
        Window::rolling(config.per_organization, minute).scope(Scope::Company).share(config.share),
    ]
}
