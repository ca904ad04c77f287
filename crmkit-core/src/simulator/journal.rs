//! Applied writes on disk before their answers leave, so that a killed simulator comes back with what it acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// An append-only file of JSON lines.
///
/// ```
/// use crmkit_core::simulator::Journal;
/// use serde_json::json;
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("journal");
/// Journal::open(&path)?.0.append(&json!({"name": "Acme"}))?;
/// let (_journal, entries) = Journal::open(&path)?;
/// assert_eq!(entries, [json!({"name": "Acme"})]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Journal(Mutex<File>);

impl Journal {
    /// Opens or creates the file and returns its entries. A last line that was cut short is removed.
    ///
    /// # Errors
    /// When the file cannot be read or written, or a whole line in it is not JSON.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<Value>)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = content[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self(Mutex::new(file)), entries))
    }

    /// Hands one entry to the operating system.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn append(&self, entry: &Value) -> io::Result<()> {
        let mut line = entry.to_string();
        line.push('\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_torn_line_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path).unwrap().0.append(&json!({"a": 1})).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"b\":").unwrap();
        let (journal, entries) = Journal::open(&path).unwrap();
        assert_eq!(entries, [json!({"a": 1})]);
        journal.append(&json!({"c": 2})).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, [json!({"a": 1}), json!({"c": 2})]);
    }
}
