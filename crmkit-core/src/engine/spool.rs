//! The spool: pages of a source that cannot read them twice the same, kept until the migration is accepted.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use futures::channel::oneshot;
use serde::{Deserialize, Serialize};

use crate::{
    Change, Digest, Error, ErrorKind, MigrationId, Page, Record, Result, Retry, UnitKey,
    engine::{Core, Facts, facts::keep, pass::pass_key},
};

/// A folder of the host's for pages that are read once: one gzip file a page, readable by its owner alone.
///
/// The ledger holds each page's digest. A page that is missing or changed is an error, never read from the source again.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
}

/// What the ledger knows of a page in the spool.
#[derive(Debug, Serialize, Deserialize)]
struct Spooled {
    /// Digest of the page before it was compressed.
    digest: Digest,
}

/// The kind under which the ledger knows the pages of a walk over the source.
pub(crate) fn kind(walk: u32) -> String {
    format!("spool/{}", pass_key(walk))
}

/// All phases of a pass see the same page, and so do the passes that look at its records.
fn key(unit: &UnitKey) -> String {
    format!("{}/{:010}", unit.mapping, unit.page)
}

impl Spool {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The page of a unit as a walk read it first, if it did.
    pub(super) async fn load(&self, core: &Core, walk: u32, unit: &UnitKey) -> Result<Option<Page<Record>>> {
        let Some(known) = Facts(&*core.ledger).get::<Spooled>(&kind(walk), &key(unit)).await? else { return Ok(None) };
        let (file, named) = (self.file(&unit.migration, walk, unit), unit.clone());
        let page = off_the_executor(move || {
            let unusable = |message: &str| {
                Error::storage("spool.load", message).with_context("unit", &named).with_context("file", file.display())
            };
            let json = unpack(&file).map_err(|error| {
                unusable("a page in the spool cannot be read; the source would not give the same again")
                    .with_source(error)
            })?;
            if Digest::of(&json) != known.digest {
                return Err(unusable("a page in the spool is not the one that was written"));
            }
            serde_json::from_slice(&json)
                .map_err(|error| unusable("a page in the spool is of another version").with_source(error))
        });
        page.await.map(Some)
    }

    /// Keeps a page, durably, and gives the change that makes the ledger know it. Until that is committed nothing is spooled: the
    /// file is overwritten by the next attempt.
    pub(super) async fn keep(&self, walk: u32, unit: &UnitKey, page: &Page<Record>) -> Result<Change> {
        let json = serde_json::to_vec(page).expect("records are serialisable");
        let known = Spooled { digest: Digest::of(&json) };
        let file = self.file(&unit.migration, walk, unit);
        off_the_executor(move || {
            pack(&file, &json).map_err(|error| {
                Error::storage("spool.keep", "a page cannot be written into the spool folder")
                    .with_context("file", file.display())
                    .with_source(error)
            })
        })
        .await?;
        Ok(keep(&kind(walk), key(unit), &known))
    }

    /// Removes pages, named by walk and by what [`key`] gave. What is gone already is no error.
    pub(crate) async fn remove(&self, migration: &MigrationId, pages: Vec<(u32, String)>) -> Result<()> {
        let name = |(walk, key): (u32, String)| {
            let (mapping, page) = key.rsplit_once('/').unwrap_or_default();
            let page: u64 = page.parse().unwrap_or_default();
            self.named(migration, walk, mapping, page)
        };
        let files: Vec<PathBuf> = pages.into_iter().map(name).collect();
        off_the_executor(move || {
            for file in files {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::storage("spool.remove", "a page cannot be removed from the spool folder")
                            .with_context("file", file.display())
                            .with_source(error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    fn file(&self, migration: &MigrationId, walk: u32, unit: &UnitKey) -> PathBuf {
        self.named(migration, walk, unit.mapping.as_str(), unit.page)
    }

    /// Named by digest: ids of migrations and mappings need not be file names.
    fn named(&self, migration: &MigrationId, walk: u32, mapping: &str, page: u64) -> PathBuf {
        let (walk, page) = (walk.to_string(), page.to_string());
        let name = Digest::of_parts([migration.as_str(), &walk, mapping, &page].map(str::as_bytes));
        self.folder.join(format!("{name}.page.gz"))
    }
}

/// Written beside its place and moved there when it is whole.
fn pack(file: &Path, json: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let whole = file.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut packed = GzEncoder::new(options.open(&whole)?, Compression::fast());
    io::Write::write_all(&mut packed, json)?;
    packed.finish()?.sync_all()?;
    fs::rename(&whole, file)?;
    // The name has to survive as well as the content.
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn unpack(file: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    io::Read::read_to_end(&mut GzDecoder::new(fs::File::open(file)?), &mut json)?;
    Ok(json)
}

/// Runs file work on a thread of its own: the host's executor, whichever it is, must not wait for a disk.
async fn off_the_executor<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let failed = || Error::new(ErrorKind::Unavailable, "spool", "no thread to reach the spool with", Retry::Never);
    let (answer, answered) = oneshot::channel();
    let spawned = thread::Builder::new().name("crmkit-spool".to_owned()).spawn(move || drop(answer.send(work())));
    spawned.map_err(|error| failed().with_source(error))?;
    answered.await.map_err(|_| failed())?
}
