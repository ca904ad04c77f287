//! The server as a source.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use crmkit_core::{Clock, FileSource, Page, PageRequest, Record, Result, Source, SourceConnector};
use futures::lock::Mutex;

use super::{AllegoryApiBuilder, AllegoryApiConfig, client::Client, files::Files, harvest::harvest};
use crate::allegory::ExportFolder;

/// Allegory's export over REST.
///
/// The first call harvests every object into the folder it was given, under the limit of requests, and finds an earlier harvest
/// where it stopped. From then on pages come out of the folder: they read the same twice, and the records are those of an
/// [`ExportFolder`] with the same rows. Attachments are not harvested: their bytes come from the server when they are wanted.
/// The folder holds the customer's records; whoever named it deletes it when the migration is accepted.
///
/// ```
/// # #[cfg(feature = "simulator")] {
/// use std::sync::Arc;
/// use crmkit_core::{PageRequest, SourceConnector, SystemClock};
/// use crmkit_sources::allegory_api::{AllegoryApi, AllegoryApiConfig, simulator::AllegorySimulator};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let seed = serde_json::json!({ "objects": { "companies": [{ "id": "1", "name": "Acme" }] } });
/// let server = AllegorySimulator::builder().seed(seed).start().await?;
/// let folder = tempfile::tempdir()?;
///
/// let config = AllegoryApiConfig::at(server.url(), server.token());
/// let api = AllegoryApi::builder(config, folder.path(), Arc::new(SystemClock)).build()?;
/// let page = api.read(&PageRequest::first("companies", 100)).await?;
/// assert_eq!(page.items[0].fields["name"].to_string(), "Acme");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AllegoryApi {
    shared: Arc<Shared>,
    files: Files,
}

/// What records and files share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: Client,
    config: AllegoryApiConfig,
    folder: PathBuf,
    opened: Mutex<Option<Arc<ExportFolder>>>,
}

impl AllegoryApi {
    /// The connector's kind in plans and markers: a migration that began with a folder may go on with the server.
    pub const KIND: &'static str = ExportFolder::KIND;

    /// Configures one that harvests into `folder`, which has to be empty or hold an earlier harvest of the same server.
    pub fn builder(config: AllegoryApiConfig, folder: impl AsRef<Path>, clock: Arc<dyn Clock>) -> AllegoryApiBuilder {
        AllegoryApiBuilder::new(config, folder.as_ref(), clock)
    }

    pub(super) fn new(client: Client, config: AllegoryApiConfig, folder: PathBuf) -> Self {
        let shared = Arc::new(Shared { client, config, folder, opened: Mutex::new(None) });
        Self { files: Files(Arc::clone(&shared)), shared }
    }

    /// Harvests what is not yet in the folder. Every other call does so first; this one is for hosts that choose when.
    ///
    /// # Errors
    /// As the transport's; called again, it goes on where it was. `Storage` where the folder cannot be used.
    pub async fn harvest(&self) -> Result<()> {
        self.shared.folder().await.map(drop)
    }
}

impl Shared {
    /// The harvested folder.
    pub(super) async fn folder(&self) -> Result<Arc<ExportFolder>> {
        let mut opened = self.opened.lock().await;
        if let Some(folder) = &*opened {
            return Ok(Arc::clone(folder));
        }
        harvest(&self.client, &self.config, &self.folder).await?;
        let folder = Arc::new(ExportFolder::open(&self.folder)?.with_files_elsewhere());
        *opened = Some(Arc::clone(&folder));
        Ok(folder)
    }
}

#[async_trait]
impl SourceConnector for AllegoryApi {
    async fn describe(&self) -> Result<Source> {
        let mut source = self.shared.folder().await?.describe().await?;
        let config = &self.shared.config;
        let limit = match config.unlimited {
            true => "without a limit of our own".to_owned(),
            false => format!("{} requests a second, which nobody published: confirm it", config.per_second),
        };
        source.gotchas.push(format!("records are read over REST into a folder first, {limit}"));
        Ok(source)
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        self.shared.folder().await?.read(request).await
    }

    fn files(&self) -> Option<&dyn FileSource> {
        Some(&self.files)
    }
}
