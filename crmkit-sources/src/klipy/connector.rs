//! Klipy as a source.

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    Clock, FileSource, Page, PageRequest, Record, Result, Source, SourceConnector, http::reqwest::Client as Http,
};
use futures::lock::Mutex;

use super::{
    KlipyBuilder, KlipyConfig, Probe, Proposals, Unmoved,
    attachments::Files,
    client::Client,
    draw::{Drawing, Drawn},
    harvest::Harvest,
    probe,
    store::Store,
    workspace::Workspace,
};
use crate::allegory::off_executor;

/// A Klipy workspace: over the interface, from CSV files, or both put together.
///
/// The first call draws everything over the interface, at the vendor's pace, and reads the files; what was drawn before a failure is
/// kept, in memory and, where the configuration names a snapshot, on disk, and the next call goes on behind it. After that pages
/// are served from memory: about a kilobyte a record, beside the texts of interactions and notes.
///
/// What is served is the workspace as it was then. [`Klipy::refresh`] forgets it, so that a delta sees what changed since.
///
/// ```no_run
/// # async fn show() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use crmkit_core::{SourceConnector, SystemClock};
/// use crmkit_sources::klipy::{Klipy, KlipyConfig};
///
/// let mut config = KlipyConfig::api("klipy_api_…");
/// config.harvest = Some("harvest".into());
/// let klipy = Klipy::builder(config, Arc::new(SystemClock)).build()?;
/// println!("{:?}", klipy.probe().await?);
/// println!("{:?}", klipy.describe().await?.counts);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Klipy {
    inner: Arc<Inner>,
    files: Files,
}

/// What the source and its files share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: KlipyConfig,
    client: Option<Client>,
    pub(super) download: Http,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    drawn: Option<Drawn>,
    store: Option<Store>,
    workspace: Option<Arc<Workspace>>,
}

impl Klipy {
    /// The connector's kind in plans and markers.
    pub const KIND: &'static str = super::KIND;

    /// Begins to build one.
    pub fn builder(config: KlipyConfig, clock: Arc<dyn Clock>) -> KlipyBuilder {
        KlipyBuilder::new(config, clock)
    }

    pub(super) fn new(config: KlipyConfig, client: Option<Client>, download: Http, clock: Arc<dyn Clock>) -> Self {
        let inner = Arc::new(Inner { config, client, download, clock, state: Mutex::default() });
        Self { files: Files(inner.clone()), inner }
    }

    /// Looks what answers at the address, and what the key may read: what the interface gives, and what the files have to give.
    /// Writes nothing and reads two records at most.
    ///
    /// # Errors
    /// Those of a limit; whatever else answers, or does not, is in the report.
    pub async fn probe(&self) -> Result<Probe> {
        probe::probe(self.inner.client.as_ref()).await
    }

    /// What a person should decide: duplicates, tags, stages.
    ///
    /// # Errors
    /// As [`SourceConnector::describe`].
    pub async fn proposals(&self) -> Result<Proposals> {
        Ok(self.inner.workspace().await?.proposals.clone())
    }

    /// The attachments that have to be moved by hand, and where they are.
    ///
    /// # Errors
    /// As [`SourceConnector::describe`].
    pub async fn unmoved(&self) -> Result<Vec<Unmoved>> {
        Ok(self.inner.workspace().await?.unmoved.clone())
    }

    /// Forgets what was drawn and read, the snapshot's file included: the next call draws and reads everything again. For a delta.
    ///
    /// # Errors
    /// `Input` where the snapshot's file cannot be removed.
    pub async fn refresh(&self) -> Result<()> {
        let mut state = self.inner.state.lock().await;
        *state = State::default();
        if let Some(path) = &self.inner.config.snapshot {
            let store = Store::new(path);
            off_executor(move || store.remove()).await?;
        }
        Ok(())
    }
}

impl Inner {
    /// The workspace; draws and reads it the first time, and goes on after a failure.
    pub(super) async fn workspace(&self) -> Result<Arc<Workspace>> {
        let mut state = self.state.lock().await;
        if let Some(workspace) = &state.workspace {
            return Ok(workspace.clone());
        }
        if let Some(client) = &self.client {
            self.draw(client, &mut state).await?;
        }
        // The files first: where one cannot be read, what was drawn stays for the next call.
        let folder = self.config.harvest.clone();
        let harvest = off_executor(move || folder.as_deref().map(Harvest::read).transpose()).await?.unwrap_or_default();
        let (drawn, config) = (state.drawn.take(), self.config.clone());
        let workspace = off_executor(move || Ok(Workspace::of(&config, drawn, harvest))).await?;
        Ok(state.workspace.insert(Arc::new(workspace)).clone())
    }

    async fn draw(&self, client: &Client, state: &mut State) -> Result<()> {
        if state.drawn.is_none() {
            let mut drawn = Drawn::default();
            if let Some(path) = &self.config.snapshot {
                let store = Store::new(path);
                let loading = store.clone();
                let entries = off_executor(move || loading.load()).await?;
                entries.into_iter().for_each(|entry| drawn.apply(entry));
                state.store = Some(store);
            }
            state.drawn = Some(drawn);
        }
        let State { drawn, store, .. } = state;
        let drawn = drawn.as_mut().expect("just made");
        if !drawn.complete {
            Drawing { client, clock: &*self.clock, store: store.as_ref(), drawn }.run().await?;
        }
        if let Some(store) = store.take() {
            store.close();
        }
        Ok(())
    }
}

#[async_trait]
impl SourceConnector for Klipy {
    async fn describe(&self) -> Result<Source> {
        Ok(self.inner.workspace().await?.source.clone())
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        self.inner.workspace().await?.page(request)
    }

    fn files(&self) -> Option<&dyn FileSource> {
        Some(&self.files)
    }
}
