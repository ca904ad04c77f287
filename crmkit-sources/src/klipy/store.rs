//! What was drawn over the interface, in a file that a killed process leaves readable: one line for each answer.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crmkit_core::{Error, ErrorKind, Result, Retry};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub(super) const FORMAT: &str = "crmkit.klipy-snapshot";
pub(super) const VERSION: u32 = 1;

/// A step of an extraction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Entry {
    /// Of which workspace it is.
    Begun { format: String, version: u32, team: String },
    /// A page of a list, and where the next one is; nowhere at the end.
    Page { list: String, items: Vec<Json>, next: Option<String> },
    /// The key may not read a list or the companies.
    Refused { list: String },
    /// A company, if it was there.
    Company { id: String, row: Option<Json> },
    /// Nothing is left to draw.
    Complete {},
}

/// The file of one extraction.
#[derive(Clone, Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// Open and locked while something is being drawn.
    file: Arc<Mutex<Option<File>>>,
}

impl Store {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: Arc::default() }
    }

    /// Reads what is there, cuts off a line that was not written to its end, and locks the file for whoever draws on.
    pub(super) fn load(&self) -> Result<Vec<Entry>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path).map_err(|error| self.failed(error))?;
        if file.try_lock().is_err() {
            let message = "another process draws into the snapshot; wait for it, or name another file";
            let busy = Error::new(ErrorKind::Busy, "klipy.snapshot", message, Retry::Never);
            return Err(busy.with_context("file", self.path.display()));
        }
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(|error| self.failed(error))?;
        file.read_to_end(&mut text).map_err(|error| self.failed(error))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut entries = Vec::new();
        for (place, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            entries.push(serde_json::from_slice(line).map_err(|_| {
                let message = "the file is no snapshot of this version; remove it, and everything is drawn again";
                Error::input("klipy.snapshot", message)
                    .with_context("file", self.path.display())
                    .with_context("line", place + 1)
            })?);
        }
        file.set_len(whole as u64).map_err(|error| self.failed(error))?;
        *self.lock() = Some(file);
        Ok(entries)
    }

    /// Adds a step, durably.
    pub(super) fn append(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry).expect("entries are serialisable");
        line.push(b'\n');
        let mut file = self.lock();
        let Some(file) = file.as_mut() else {
            return Err(Error::state("klipy.snapshot", "the snapshot is not open"));
        };
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(|error| self.failed(error))
    }

    /// Lets others draw into it.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    /// Removes it.
    pub(super) fn remove(&self) -> Result<()> {
        self.close();
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::input("klipy.snapshot", "the snapshot cannot be read or written")
            .with_context("file", self.path.display())
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_cut_off_and_drawn_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot");
        let page = Entry::Page { list: "people".into(), items: vec![serde_json::json!({"id": "c_1"})], next: None };
        let store = Store::new(&path);
        assert!(store.load().unwrap().is_empty());
        store.append(&page).unwrap();
        assert!(Store::new(&path).load().is_err(), "locked while somebody draws");
        store.close();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"complete\":").unwrap();
        drop(file);
        let again = Store::new(&path);
        assert_eq!(again.load().unwrap(), std::slice::from_ref(&page));
        again.append(&Entry::Complete {}).unwrap();
        again.close();
        assert_eq!(Store::new(&path).load().unwrap(), [page, Entry::Complete {}]);
        fs::write(&path, "nonsense\n").unwrap();
        assert_eq!(Store::new(&path).load().unwrap_err().context("line"), Some("1"));
    }
}
