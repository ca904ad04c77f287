//! The connectors that a host's build has, by kind: so that a migration can be put together from rows of its database.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::Value as Json;

use crate::{DestinationWriter, Error, Result, SourceConnector};

type Make<T> = Arc<dyn Fn(Json) -> Result<Arc<T>> + Send + Sync>;

struct Known<T: ?Sized> {
    schema: Json,
    make: Make<T>,
}

impl<T: ?Sized> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { schema: self.schema.clone(), make: self.make.clone() }
    }
}

/// The connectors of a build, by kind, each made from a configuration in JSON.
///
/// A plain value: a host makes one and keeps it where it likes. What a configuration cannot carry (a clock, a budget, a client) the
/// factory brings.
///
#[cfg_attr(feature = "testing", doc = "```")]
#[cfg_attr(not(feature = "testing"), doc = "```ignore")]
/// use std::sync::Arc;
/// use crmkit_core::{Connectors, testing::{ManualClock, MockDestination, MockSource}};
/// let clock = Arc::new(ManualClock::jumping());
/// let connectors = Connectors::new()
///     .with_source("mock", serde_json::json!({"type": "object"}), |config| {
///         Ok(Arc::new(MockSource::new(config["instance"].as_str().unwrap_or("1"))))
///     })
///     .with_destination("mock", serde_json::json!({"type": "object"}), move |_| Ok(Arc::new(MockDestination::crm(clock.clone()))));
/// let source = connectors.source("mock", serde_json::json!({"instance": "crm-1"}))?;
/// assert_eq!(connectors.pairs().collect::<Vec<_>>(), [("mock", "mock")]);
/// let error = connectors.destination("mok", serde_json::json!({})).unwrap_err();
/// assert!(error.to_string().contains("mock"));
/// # Ok::<(), crmkit_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Connectors {
    sources: BTreeMap<String, Known<dyn SourceConnector>>,
    destinations: BTreeMap<String, Known<dyn DestinationWriter>>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connectors")
            .field("sources", &self.sources.keys())
            .field("destinations", &self.destinations.keys())
            .finish()
    }
}

impl Connectors {
    /// No connectors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source: its kind, the JSON Schema of its configuration, and what makes one of a configuration.
    pub fn with_source(
        mut self,
        kind: impl Into<String>,
        schema: Json,
        make: impl Fn(Json) -> Result<Arc<dyn SourceConnector>> + Send + Sync + 'static,
    ) -> Self {
        self.sources.insert(kind.into(), Known { schema, make: Arc::new(make) });
        self
    }

    /// Adds a destination, as [`Connectors::with_source`] does a source.
    pub fn with_destination(
        mut self,
        kind: impl Into<String>,
        schema: Json,
        make: impl Fn(Json) -> Result<Arc<dyn DestinationWriter>> + Send + Sync + 'static,
    ) -> Self {
        self.destinations.insert(kind.into(), Known { schema, make: Arc::new(make) });
        self
    }

    /// Makes a source.
    ///
    /// # Errors
    /// `Input` for a kind that nobody added, naming those there are; else what its factory says.
    pub fn source(&self, kind: &str, config: Json) -> Result<Arc<dyn SourceConnector>> {
        (find(&self.sources, kind, "source")?.make)(config)
    }

    /// Makes a destination.
    ///
    /// # Errors
    /// As [`Connectors::source`].
    pub fn destination(&self, kind: &str, config: Json) -> Result<Arc<dyn DestinationWriter>> {
        (find(&self.destinations, kind, "destination")?.make)(config)
    }

    /// The kinds of sources, each with the JSON Schema of its configuration.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.sources.iter().map(|(kind, known)| (kind.as_str(), &known.schema))
    }

    /// The kinds of destinations, each with the JSON Schema of its configuration.
    pub fn destinations(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.destinations.iter().map(|(kind, known)| (kind.as_str(), &known.schema))
    }

    /// Every way that this build can move: each source with each destination.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.keys().flat_map(|from| self.destinations.keys().map(move |to| (from.as_str(), to.as_str())))
    }
}

fn find<'a, T: ?Sized>(known: &'a BTreeMap<String, Known<T>>, kind: &str, what: &str) -> Result<&'a Known<T>> {
    known.get(kind).ok_or_else(|| {
        let kinds: Vec<&str> = known.keys().map(String::as_str).collect();
        Error::input("connectors", format!("this build has no {what} {kind:?}, but {}", kinds.join(", ")))
    })
}
