//! The export folder as a source.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use async_trait::async_trait;
use crmkit_core::{Error, FileSource, Page, PageRequest, Record, Result, Source, SourceConnector};

use super::{
    attachments::Attachments,
    blocking,
    container::Container,
    export::Export,
    manifest::{self, Manifest, SchemaFile},
    stored::Damage,
    walk::Ranges,
};

/// A CRM's export folder, or a zip archive of one.
///
/// Reads Allegory's layout (`companies.csv`, `contacts.csv` …, with `manifest.json` and `schema.json` where they are
/// there) and, through a manifest that names files and columns, the files of any CRM as they are. A file is CSV or JSON
/// lines (`.jsonl`), either one behind gzip (`.gz`) or not.
///
/// The first call walks over every file once, to count rows, mark repeated ids, infer types and check digests; after
/// that pages are read from byte places, so any page can be read again. Packed files have no such places: pages are read
/// on in order, and their objects are not declared repeatable. Files are read on a thread of their own.
///
/// Memory does not grow with what a file says: a row of more than 8 MB is rejected, a page ends early after 16 MB, and a
/// packed file may unpack to 250 times its size, or to 64 MB if that is more.
///
/// ```
/// use crmkit_core::{PageRequest, SourceConnector};
/// use crmkit_sources::allegory::ExportFolder;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("companies.csv"), "id,name\n1,Acme\n")?;
///
/// let export = ExportFolder::open(folder.path())?;
/// let source = export.describe().await?;
/// assert_eq!(source.counts["companies"], 1);
/// let page = export.read(&PageRequest::first("companies", 100)).await?;
/// assert_eq!(page.items[0].fields["name"].to_string(), "Acme");
/// # Ok(()) })
/// # }
/// ```
#[derive(Debug)]
pub struct ExportFolder {
    pub(super) shared: Arc<Shared>,
    attachments: Attachments,
}

/// What the threads that read share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) root: Container,
    pub(super) manifest: Option<Manifest>,
    pub(super) schema: SchemaFile,
    pub(super) instance: String,
    pub(super) ranges: Ranges,
    /// The files of attachments are not in the export, and nobody misses them there.
    pub(super) files_elsewhere: bool,
    export: OnceLock<Arc<Export>>,
    walking: Mutex<()>,
}

impl ExportFolder {
    /// The connector's kind in plans and markers.
    pub const KIND: &'static str = "allegory";

    /// Opens a folder or a zip archive and reads its manifest, if it has one.
    ///
    /// # Errors
    /// `Input` where it is neither, or `manifest.json` or `schema.json` cannot be read: with file, line and pointer.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let root = Container::open(path.as_ref()).map_err(|error| {
            let message = match Damage::of(&error) {
                Some(damage) => format!("{damage}; {}", damage.remedy),
                None => "there is no such folder or archive".to_owned(),
            };
            Error::input("allegory.open", message).with_context("folder", path.as_ref().display()).with_source(error)
        })?;
        let manifest: Option<Manifest> = manifest::load(&root, manifest::FILE)?;
        if let Some(manifest) = &manifest
            && (manifest.format != "crm-export" || manifest.version != 1)
        {
            let message = "the manifest's `format` must be \"crm-export\" and its `version` 1";
            return Err(Error::input("allegory.open", message).with_context("file", manifest::FILE));
        }
        let schema = manifest::load(&root, manifest::SCHEMA_FILE)?.unwrap_or_default();
        let named = manifest.as_ref().and_then(|manifest| manifest.instance.clone().or(manifest.source.clone()));
        let instance = named.unwrap_or_else(|| Self::KIND.to_owned());
        let (ranges, export, walking) = (Ranges::default(), OnceLock::new(), Mutex::new(()));
        let files_elsewhere = false;
        let shared = Arc::new(Shared { root, manifest, schema, instance, ranges, files_elsewhere, export, walking });
        Ok(Self { attachments: Attachments::of(Arc::clone(&shared)), shared })
    }

    /// Names the account that the export is of, where the manifest does not. A delta's folder needs the same name as the
    /// full one: it is part of every marker.
    pub fn with_instance(self, instance: impl Into<String>) -> Self {
        let shared = Arc::new(Shared { instance: instance.into(), ..self.shared.unwalked() });
        Self { attachments: Attachments::of(Arc::clone(&shared)), shared }
    }

    /// How many threads walk over a file at once, each over at least so many bytes: as many as the machine has cores and
    /// 4 MB unless told. Whatever is told, the same records come in the same order. Files behind gzip, in an archive or in
    /// UTF-16 are walked by one.
    pub fn with_ranges(self, threads: usize, bytes: u64) -> Self {
        let ranges = Ranges { threads: threads.max(1), bytes: bytes.max(1) };
        let shared = Arc::new(Shared { ranges, ..self.shared.unwalked() });
        Self { attachments: Attachments::of(Arc::clone(&shared)), shared }
    }
}

#[cfg(feature = "allegory-api")]
impl ExportFolder {
    /// The same, whose attachments' files come from elsewhere.
    pub(crate) fn with_files_elsewhere(self) -> Self {
        let shared = Arc::new(Shared { files_elsewhere: true, ..self.shared.unwalked() });
        Self { attachments: Attachments::of(Arc::clone(&shared)), shared }
    }

    /// What an attachment's row says about its file.
    pub(crate) async fn attachment(
        &self,
        id: &crmkit_core::RecordId,
    ) -> Result<Option<super::attachments::Attachment>> {
        self.attachments.known(id).await
    }
}

impl Shared {
    /// The same, not walked yet.
    fn unwalked(&self) -> Self {
        Self {
            root: self.root.clone(),
            manifest: self.manifest.clone(),
            schema: self.schema.clone(),
            instance: self.instance.clone(),
            ranges: self.ranges,
            files_elsewhere: self.files_elsewhere,
            export: OnceLock::new(),
            walking: Mutex::new(()),
        }
    }

    /// The walked export; walks it the first time.
    pub(super) fn export(&self) -> Result<Arc<Export>> {
        let _walking = self.walking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(export) = self.export.get() {
            return Ok(Arc::clone(export));
        }
        let export = Arc::new(Export::walk(self)?);
        Ok(Arc::clone(self.export.get_or_init(|| export)))
    }
}

#[async_trait]
impl SourceConnector for ExportFolder {
    async fn describe(&self) -> Result<Source> {
        let shared = Arc::clone(&self.shared);
        blocking::run(move || Ok(shared.export()?.source.clone())).await
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        let shared = Arc::clone(&self.shared);
        let request = request.clone();
        blocking::run(move || shared.export()?.page(&request)).await
    }

    fn files(&self) -> Option<&dyn FileSource> {
        Some(&self.attachments)
    }
}
