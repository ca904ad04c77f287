//! What the folder keeps until it is delivered: per object a file to which every change of a record is appended, so that a
//! killed process loses nothing that was answered.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crmkit_core::{Digest, Error, ErrorKind, Result, Retry, indexmap::IndexMap};
use serde_json::{Map, Value as Json, json};

const FOLDER: &str = "twenty.csv.folder";

/// A change of one record.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) body: Map<String, Json>,
    /// Values that only one record may have, by their path.
    pub(super) unique: Vec<(String, String)>,
    pub(super) update: bool,
}

/// A folder with the records of a workspace to be.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    tables: IndexMap<String, Table>,
}

/// Where a record's last line is.
type Place = Option<(u64, usize)>;

/// The records of one object.
#[derive(Debug)]
struct Table {
    file: File,
    end: u64,
    /// In the order in which they came; none for those that were taken back.
    places: IndexMap<String, Place>,
    /// Which record had a unique value last; its line says whether it has it still.
    taken: HashMap<Digest, String>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let path = path.join("records");
        fs::create_dir_all(&path).map_err(failed)?;
        let mut folder = Self { path, tables: IndexMap::new() };
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(&folder.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")).map(str::to_owned));
        }
        names.sort();
        for name in names {
            folder.table(&name)?;
        }
        Ok(folder)
    }

    fn table(&mut self, object: &str) -> Result<&mut Table> {
        if !self.tables.contains_key(object) {
            let table = Table::open(&self.path.join(format!("{object}.jsonl")))?;
            self.tables.insert(object.to_owned(), table);
        }
        Ok(&mut self.tables[object])
    }

    /// The objects that have records.
    pub(super) fn objects(&self) -> Vec<String> {
        let filled = self.tables.iter().filter(|(_, table)| table.places.values().any(Option::is_some));
        filled.map(|(name, _)| name.clone()).collect()
    }

    /// Keeps changes, and gives each record as it is then. They are on disk when this returns.
    pub(super) fn keep(&mut self, object: &str, lines: Vec<Result<Line>>) -> Result<Vec<Result<Map<String, Json>>>> {
        let table = self.table(object)?;
        let kept = lines.into_iter().map(|line| line.and_then(|line| table.keep(line))).collect();
        table.file.sync_data().map_err(failed)?;
        Ok(kept)
    }

    /// Takes a record back.
    pub(super) fn remove(&mut self, object: &str, id: &str) -> Result<()> {
        let table = self.table(object)?;
        if table.places.get(id).is_none_or(Option::is_none) {
            return Ok(());
        }
        table.append(&json!({"id": id, "gone": true}))?;
        table.places.insert(id.to_owned(), None);
        table.file.sync_data().map_err(failed)
    }

    /// A record.
    pub(super) fn get(&mut self, object: &str, id: &str) -> Result<Option<Json>> {
        Ok(self.table(object)?.line(id)?.map(|mut line| line["body"].take()))
    }

    /// Ids from a place in the order of arrival, and the place after them.
    pub(super) fn ids(&self, object: &str, from: usize, limit: usize) -> (Vec<String>, Option<usize>) {
        let Some(table) = self.tables.get(object) else { return (Vec::new(), None) };
        let some = table.places.iter().skip(from).take(limit);
        let ids = some.filter(|(_, place)| place.is_some()).map(|(id, _)| id.clone()).collect();
        let next = from.saturating_add(limit);
        (ids, (next < table.places.len()).then_some(next))
    }
}

impl Table {
    fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed)?;
        let mut table = Self { file, end: 0, places: IndexMap::new(), taken: HashMap::new() };
        let mut reader = BufReader::new(table.file.try_clone().map_err(failed)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            // A line without an end was never answered for.
            let Some(json) =
                (line.last() == Some(&b'\n')).then(|| serde_json::from_slice::<Json>(&line).ok()).flatten()
            else {
                break;
            };
            table.note(&json, length);
            table.end += length as u64;
        }
        table.file.set_len(table.end).map_err(failed)?;
        Ok(table)
    }

    /// Takes a line that is in the file into account.
    fn note(&mut self, json: &Json, length: usize) {
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        if json["gone"] == true {
            self.places.insert(id, None);
            return;
        }
        for (path, value) in json["unique"].as_object().into_iter().flatten() {
            self.taken.insert(digest(path, value.as_str().unwrap_or_default()), id.clone());
        }
        self.places.insert(id, Some((self.end, length)));
    }

    fn keep(&mut self, line: Line) -> Result<Map<String, Json>> {
        let refuse = |kind, why: &str| Error::new(kind, "twenty.csv.write", why, Retry::Never);
        let known = self.line(&line.id)?;
        let (mut body, mut unique) = match (known, line.update) {
            (Some(known), true) => (parts(&known, "body"), parts(&known, "unique")),
            (None, false) => (Map::new(), Map::new()),
            (None, true) => return Err(refuse(ErrorKind::NotFound, "there is no such record")),
            (Some(_), false) => return Err(refuse(ErrorKind::Rejected, "a duplicate entry was detected")),
        };
        for (path, value) in &line.unique {
            if self.is_taken(&line.id, path, value)? {
                let error = refuse(ErrorKind::Rejected, "a duplicate entry was detected");
                return Err(error.with_context("field", path));
            }
        }
        unique.retain(|path, _| !path.split('.').next().is_some_and(|field| line.body.contains_key(field)));
        unique.extend(line.unique.into_iter().map(|(path, value)| (path, json!(value))));
        body.extend(line.body);
        body.insert("id".to_owned(), json!(line.id));
        let whole = json!({"id": line.id, "body": body, "unique": unique});
        let start = self.end;
        let length = self.append(&whole)?;
        for (path, value) in &unique {
            self.taken.insert(digest(path, value.as_str().unwrap_or_default()), line.id.clone());
        }
        self.places.insert(line.id, Some((start, length)));
        Ok(body)
    }

    /// Whether another record has a unique value, and has it still.
    fn is_taken(&mut self, id: &str, path: &str, value: &str) -> Result<bool> {
        let holder = self.taken.get(&digest(path, value)).filter(|holder| *holder != id).cloned();
        let Some(holder) = holder else { return Ok(false) };
        Ok(self.line(&holder)?.is_some_and(|line| line["unique"][path] == value))
    }

    fn append(&mut self, json: &Json) -> Result<usize> {
        let mut line = json.to_string().into_bytes();
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line must not stand before the next one.
            let _ = self.file.set_len(self.end);
            return Err(failed(error));
        }
        self.end += line.len() as u64;
        Ok(line.len())
    }

    fn line(&mut self, id: &str) -> Result<Option<Json>> {
        let Some(Some((start, length))) = self.places.get(id) else { return Ok(None) };
        let mut line = vec![0; *length];
        self.file.seek(SeekFrom::Start(*start)).map_err(failed)?;
        self.file.read_exact(&mut line).map_err(failed)?;
        serde_json::from_slice(&line).map(Some).map_err(failed)
    }
}

fn parts(line: &Json, name: &str) -> Map<String, Json> {
    line[name].as_object().cloned().unwrap_or_default()
}

fn digest(path: &str, value: &str) -> Digest {
    Digest::of_parts([path.as_bytes(), value.as_bytes()])
}

pub(super) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::storage(FOLDER, "the folder cannot be written or read").with_source(error)
}
