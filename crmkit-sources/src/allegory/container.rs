//! The folder or the zip archive that an export is in.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use crmkit_core::{Problem, Severity};
use indexmap::IndexMap;
use zip::{CompressionMethod, ZipArchive};

use super::stored::{Damage, Entry, Stored, allowed};

/// Files that an archive may have.
const MOST_ENTRIES: u64 = 100_000;

/// A document that is read whole may have so many bytes.
const MOST_DOCUMENT: u64 = 16 << 20;

/// What the export's files are in.
#[derive(Clone, Debug)]
pub(super) enum Container {
    /// A folder, canonical.
    Folder(PathBuf),
    /// A zip archive of one.
    Archive(Archive),
}

/// A zip archive's files.
#[derive(Clone, Debug, Default)]
pub(super) struct Archive {
    entries: IndexMap<String, Entry>,
    /// What is wrong with single entries.
    pub(super) problems: Vec<Problem>,
}

impl Container {
    /// Opens a folder, or an archive.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        if path.is_dir() { Ok(Self::Folder(path)) } else { Archive::open(&path).map(Self::Archive) }
    }

    /// Names of a subfolder's files, in order.
    pub(super) fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        match self {
            Self::Folder(root) => {
                let entries = match fs::read_dir(root.join(folder)) {
                    Ok(entries) => entries,
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        return Ok(names);
                    }
                    Err(error) => return Err(error),
                };
                for entry in entries {
                    let entry = entry?;
                    if entry.path().is_file()
                        && let Some(name) = entry.file_name().to_str()
                    {
                        names.push(format!("{folder}{name}"));
                    }
                }
            }
            Self::Archive(archive) => {
                let here = |name: &&String| {
                    name.strip_prefix(folder).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
                };
                names.extend(archive.entries.keys().filter(here).cloned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// A file; `None` where the name leads out of the export.
    pub(super) fn find(&self, name: &str) -> io::Result<Option<Stored>> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || name.contains('\0') || !Path::new(name).components().all(plain) {
            return Ok(None);
        }
        let gzip = name.to_ascii_lowercase().ends_with(".gz");
        match self {
            Self::Folder(root) => {
                let path = root.join(name).canonicalize()?;
                if !path.starts_with(root) {
                    return Ok(None);
                }
                if !path.is_file() {
                    return Err(io::ErrorKind::NotFound.into());
                }
                Ok(Some(if gzip { Stored::Gzip(path) } else { Stored::Plain(path) }))
            }
            Self::Archive(archive) => {
                let name = name.trim_start_matches("./");
                let entry = archive.entries.get(name).ok_or(io::ErrorKind::NotFound)?;
                Ok(Some(Stored::Entry(Entry { gzip, ..entry.clone() })))
            }
        }
    }

    /// A document, whole; `None` where it is not there.
    pub(super) fn document(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let stored = match self.find(name) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        stored.open(0)?.take(MOST_DOCUMENT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_DOCUMENT {
            return Err(Damage::error("oversized_file", "the document has more than 16 MB", "make it smaller"));
        }
        Ok(Some(bytes))
    }
}

impl Archive {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        if declared_entries(&mut file)?.is_none_or(|count| count > MOST_ENTRIES) {
            let message = "it is neither a folder nor a zip archive of at most 100,000 files";
            return Err(Damage::error("unsupported_file", message, "name the folder or the archive of the export"));
        }
        let length = file.metadata()?.len();
        let damaged = |_| Damage::error("damaged_file", "the archive cannot be read", "make the archive again");
        let mut zip = ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
        let mut archive = Self::default();
        // Entries may overlap, each harmless by itself: all together are held against the archive too.
        let mut left = allowed(length);
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(damaged)?;
            if entry.is_dir() {
                continue;
            }
            let name = entry.name().map(|name| name.replace('\\', "/")).unwrap_or_default();
            let inside =
                !name.is_empty() && Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
            let deflated = match entry.compression() {
                CompressionMethod::Stored => Some(false),
                CompressionMethod::Deflated => Some(true),
                _ => None,
            };
            let mut refuse = |code: &str, message: &str, remedy: &str| {
                let problem = Problem::new(Severity::Block, code, message, remedy);
                archive.problems.push(problem.in_file(name.clone(), None));
            };
            if !inside {
                refuse("outside_folder", "the path leads out of the archive", "make the archive again without it");
                continue;
            }
            let (Some(deflated), Some(start), false) = (deflated, entry.data_start(), entry.encrypted()) else {
                let remedy = "make the archive with deflate and without a password";
                refuse("unsupported_file", "the file is packed in a way that cannot be read", remedy);
                continue;
            };
            if entry.size() > allowed(entry.compressed_size()) || entry.size() > left {
                let remedy = "unpack it where that does no harm, and look at what it is";
                refuse("archive_bomb", "the file unpacks to far more than a table of its size would", remedy);
                continue;
            }
            left -= entry.size();
            let found = Entry {
                archive: path.to_owned(),
                start,
                packed: entry.compressed_size(),
                bytes: entry.size(),
                deflated,
                crc: entry.crc32(),
                gzip: false,
            };
            drop(entry);
            archive.entries.insert(name, found);
        }
        archive.enter();
        Ok(archive)
    }

    /// Goes into the one folder that the archive has, where it was made of a folder.
    fn enter(&mut self) {
        let Some(folder) = self.entries.keys().next().and_then(|name| name.split_once('/')).map(|(first, _)| first)
        else {
            return;
        };
        let folder = format!("{folder}/");
        // A folder of the contract is no wrapping.
        if ["custom/", "links/", "workflows/", "attachments/"].contains(&folder.as_str())
            || !self.entries.keys().all(|name| name.starts_with(&folder))
        {
            return;
        }
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries.into_iter().map(|(name, entry)| (name[folder.len()..].to_owned(), entry)).collect();
    }
}

/// How many files the archive says it has, before any memory is taken for them; `None` where it is no archive.
fn declared_entries(file: &mut File) -> io::Result<Option<u64>> {
    const END: usize = 22;
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(END as u64 + u64::from(u16::MAX) + 20);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    (&mut *file).take(length - from).read_to_end(&mut tail)?;
    file.rewind()?;
    let Some(at) = memchr::memmem::rfind(&tail, b"PK\x05\x06").filter(|at| at + END <= tail.len()) else {
        return Ok(None);
    };
    let short = u16::from_le_bytes([tail[at + 10], tail[at + 11]]);
    if short != u16::MAX {
        return Ok(Some(short.into()));
    }
    // 65,535 stands for "see the other record", which lies where its locator says.
    let Some(locator) = at.checked_sub(20).filter(|locator| tail[*locator..].starts_with(b"PK\x06\x07")) else {
        return Ok(Some(short.into()));
    };
    let mut place = [0; 8];
    place.copy_from_slice(&tail[locator + 8..locator + 16]);
    let mut record = [0; 40];
    file.seek(SeekFrom::Start(u64::from_le_bytes(place)))?;
    let read = file.read_exact(&mut record);
    file.rewind()?;
    if read.is_err() || !record.starts_with(b"PK\x06\x06") {
        return Ok(None);
    }
    let mut count = [0; 8];
    count.copy_from_slice(&record[32..40]);
    Ok(Some(u64::from_le_bytes(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        fs::write(folder.path().join("a.csv"), "id").unwrap();
        let container = Container::open(folder.path()).unwrap();
        assert!(container.find("a.csv").unwrap().is_some());
        assert!(container.find("./a.csv").unwrap().is_some());
        for name in ["../a.csv", "/etc/passwd", "x/../../a.csv", "", "a\0", &outside.path().to_string_lossy()] {
            assert!(container.find(name).unwrap().is_none(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path(), folder.path().join("link.csv")).unwrap();
            assert!(container.find("link.csv").unwrap().is_none());
        }
        assert!(container.find("missing.csv").is_err());
        assert!(container.find(".").is_err(), "a folder is no file");
    }
}
