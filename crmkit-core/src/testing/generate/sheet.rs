//! A CSV file on its way out, with what a manifest says about it.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};

/// Writes rows and counts them.
pub(super) struct Sheet {
    out: BufWriter<File>,
    sha: Sha256,
    file: String,
    width: usize,
    line: u64,
    rows: u64,
    id: bool,
    buffer: Vec<u8>,
}

impl Sheet {
    /// A file with its header.
    pub(super) fn create(folder: &Path, file: &str, header: &[&str]) -> io::Result<Self> {
        let path = folder.join(file);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let out = BufWriter::new(File::create(path)?);
        let (sha, file, buffer) = (Sha256::new(), file.to_owned(), Vec::new());
        let mut sheet = Self { out, sha, file, width: header.len(), line: 1, rows: 0, id: header[0] == "id", buffer };
        sheet.write(header.iter().copied())?;
        Ok(sheet)
    }

    /// Adds a row and says on which line it begins.
    pub(super) fn row(&mut self, cells: &[String]) -> io::Result<u64> {
        debug_assert_eq!(cells.len(), self.width);
        self.rows += 1;
        self.write(cells.iter().map(String::as_str))
    }

    /// Adds a row with a cell too many.
    pub(super) fn ragged(&mut self, cells: &[String]) -> io::Result<u64> {
        self.rows += 1;
        self.write(cells.iter().map(String::as_str).chain(["one too many"]))
    }

    /// Whether its first column alone is the id.
    pub(super) fn has_id(&self) -> bool {
        self.id
    }

    fn write<'a>(&mut self, cells: impl Iterator<Item = &'a str>) -> io::Result<u64> {
        self.buffer.clear();
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                self.buffer.push(b',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                write!(self.buffer, "\"{}\"", cell.replace('"', "\"\""))?;
            } else {
                self.buffer.extend_from_slice(cell.as_bytes());
            }
        }
        self.buffer.push(b'\n');
        self.sha.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        let begins = self.line;
        self.line += self.buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(begins)
    }

    /// Ends the file and gives its entry of the manifest.
    pub(super) fn finish(mut self) -> io::Result<serde_json::Value> {
        self.out.flush()?;
        let sha: String = self.sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = self.file.trim_end_matches(".csv");
        let mut entry = serde_json::json!({ "name": name, "file": self.file, "rows": self.rows, "sha256": sha });
        if self.id {
            entry["id_column"] = "id".into();
        }
        Ok(entry)
    }
}
