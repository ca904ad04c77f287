//! How far a harvest came, in a file beside what it wrote: after every page, so that an interrupted one goes on.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::client::Account;

const FILE: &str = "harvest.json";

/// How far a harvest came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What is harvested: another server, or another delta, needs another folder.
    pub(super) of: Subject,
    /// What the server said first, which everything after is read by.
    pub(super) account: Account,
    pub(super) objects: IndexMap<String, Written>,
    pub(super) done: bool,
}

/// What a harvest is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) address: String,
    pub(super) since: Option<chrono::DateTime<chrono::Utc>>,
}

/// What of an object was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Where the next page begins.
    pub(super) cursor: Option<String>,
    pub(super) done: bool,
}

impl Progress {
    /// What an earlier attempt left in the folder. What cannot be read was lost with the machine's power: nothing is known then.
    pub(super) fn load(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(folder.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps it: whole or not at all.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        write_whole(&folder.join(FILE), &serde_json::to_vec(self)?, self.done)
    }
}

/// Writes a file that is there whole, or as it was before. With `durable` it is on the disk afterwards.
pub(super) fn write_whole(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = private(&new, true)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    fs::rename(new, path)
}

/// Adds lines behind the first `from` bytes of a file, and forgets what an interrupted attempt left there. `false` where the file
/// lost some of them.
///
/// Not every page waits for the disk: a killed process loses nothing by that, and after a loss of power an object that lost rows
/// is read again.
pub(super) fn append(path: &Path, from: u64, lines: &[u8]) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = private(path, false)?;
    if file.metadata()?.len() < from {
        return Ok(false);
    }
    file.set_len(from)?;
    io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    file.write_all(lines)?;
    Ok(true)
}

/// Waits until a file is on the disk.
pub(super) fn settle(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that its owner alone can read: a customer's records are in it.
fn private(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(truncate);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
