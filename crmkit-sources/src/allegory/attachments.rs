//! The export's attachments, streamed.

use std::{
    collections::HashMap,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use crmkit_core::{Chunk, Error, ErrorKind, FileSource, FileStream, Problem, RecordId, Result, Retry, Severity, Value};
use futures::stream;
use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use super::{
    blocking,
    connector::Shared,
    container::Container,
    encoding,
    rows::Rows,
    stored::Bytes,
    table::{Row, Table, Verdict},
};

const CHUNK: usize = 64 * 1024;

/// Opens attachments by their records.
#[derive(Debug)]
pub(super) struct Attachments {
    shared: Arc<Shared>,
    known: Arc<Mutex<Option<HashMap<RecordId, Attachment>>>>,
}

/// What an attachment's row says about its file.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    path: String,
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<String>,
}

impl Attachments {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared, known: Arc::default() }
    }

    /// What the attachment's row says, if there is one.
    pub(super) async fn known(&self, id: &RecordId) -> Result<Option<Attachment>> {
        let (shared, known, id) = (Arc::clone(&self.shared), Arc::clone(&self.known), id.clone());
        blocking::run(move || {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.is_none() {
                *known = Some(index(&shared)?);
            }
            Ok(known.as_ref().and_then(|known| known.get(&id)).cloned())
        })
        .await
    }
}

#[async_trait]
impl FileSource for Attachments {
    async fn open(&self, id: &RecordId) -> Result<FileStream> {
        let attachment = self.known(id).await?.ok_or_else(|| missing("the export has no such attachment", id))?;
        let (shared, id) = (Arc::clone(&self.shared), id.clone());
        let reading = blocking::run(move || Reading::open(&shared, &attachment, &id)).await?;
        Ok(Box::pin(stream::try_unfold(Some(reading), |reading| async move {
            match reading {
                Some(reading) => blocking::run(move || reading.chunk()).await,
                None => Ok(None),
            }
        })))
    }
}

fn missing(message: &str, id: &RecordId) -> Error {
    Error::new(ErrorKind::NotFound, "allegory.file", message, Retry::Never).with_context("attachment", id)
}

/// Reads what the attachments' rows say.
fn index(shared: &Shared) -> Result<HashMap<RecordId, Attachment>> {
    let export = shared.export()?;
    let mut found = HashMap::new();
    let mut request = crmkit_core::PageRequest::first("attachments", 1_000);
    loop {
        let page = export.page(&request)?;
        for record in page.items {
            let text = |field: &str| record.fields.get(field).and_then(Value::as_text);
            let name = text("file_name").unwrap_or_default();
            let path = text("path_or_url").map(str::to_owned);
            let path = path.unwrap_or_else(|| format!("attachments/{}/{name}", record.key.id));
            let bytes = match record.fields.get("size_bytes") {
                Some(Value::Int(bytes)) => u64::try_from(*bytes).ok(),
                _ => None,
            };
            let sha256 = text("sha256").map(str::to_ascii_lowercase);
            found.insert(record.key.id.clone(), Attachment { path, bytes, sha256 });
        }
        match page.next {
            Some(next) => request = request.at(next),
            None => return Ok(found),
        }
    }
}

/// Findings of one kind that are told one by one.
const SHOWN: usize = 20;

/// Looks for every attachment's file, without reading it.
pub(super) fn check(table: &Table, root: &Container, problems: &mut Vec<Problem>) -> io::Result<()> {
    let slots = ["path_or_url", "file_name", "size_bytes"].map(|field| table.slot(field));
    let mut counts = IndexMap::<&str, usize>::new();
    for (number, file) in table.parts.iter().enumerate() {
        let mut rows = Rows::open(&file.part, file.part.first)?;
        while let Some(at) = rows.advance()? {
            let Verdict::Record(id) = table.verdict(number, &rows, at) else { continue };
            let row = Row { rows: &rows, cells: &file.cells };
            let [path, name, size] = slots.map(|slot| slot.and_then(|slot| row.trimmed(slot)));
            let path = path.unwrap_or_else(|| format!("attachments/{id}/{}", name.unwrap_or_default()));
            let length = match path.contains("://") {
                true => continue,
                false => root.find(&path).and_then(|stored| stored.map(|stored| stored.length()).transpose()),
            };
            let size = size.and_then(|size| size.parse::<u64>().ok());
            let (code, message) = match length {
                Ok(None) => ("outside_folder", "the attachment's path leads out of the export"),
                Err(_) => ("missing_attachment", "the attachment's file is not in the export"),
                Ok(Some(Some(length))) if size.is_some_and(|size| size != length) => {
                    ("attachment_size", "the attachment's file has not the declared size")
                }
                Ok(Some(_)) => continue,
            };
            let count = counts.entry(code).or_default();
            *count += 1;
            if *count <= SHOWN {
                let problem = Problem::new(Severity::Hold, code, message, "add the right file, or leave it behind");
                problems.push(problem.at("/objects/attachments").in_file(file.part.file.clone(), at.line));
            }
        }
    }
    for (code, count) in counts.into_iter().filter(|(_, count)| *count > SHOWN) {
        let message = format!("{} more attachments have this problem", count - SHOWN);
        let problem = Problem::new(Severity::Hold, code, message, "add the right files, or leave them behind");
        problems.push(problem.at("/objects/attachments"));
    }
    Ok(())
}

/// A file on its way.
struct Reading {
    file: Bytes,
    left: Option<u64>,
    sha: Option<(Sha256, String)>,
    id: RecordId,
}

impl Reading {
    fn open(shared: &Shared, attachment: &Attachment, id: &RecordId) -> Result<Self> {
        if attachment.path.contains("://") {
            return Err(missing("the attachment is an address outside the export and is not fetched", id));
        }
        let stored = shared.root.find(&attachment.path);
        let stored =
            stored.map_err(|error| missing("the attachment's file is not in the export", id).with_source(error))?;
        let Some(stored) = stored else {
            let message = "the attachment's path leads out of the export";
            return Err(Error::input("allegory.file", message).with_context("attachment", id));
        };
        let file = stored
            .as_kept()
            .map_err(|error| missing("the attachment's file cannot be opened", id).with_source(error))?;
        let sha = attachment.sha256.clone().map(|wanted| (Sha256::new(), wanted));
        Ok(Self { file, left: attachment.bytes, sha, id: id.clone() })
    }

    /// The next chunk; at the end the check of size and digest.
    fn chunk(mut self) -> Result<Option<(Chunk, Option<Self>)>> {
        let wrong = |what: &str| Error::input("allegory.file", what).with_context("attachment", &self.id);
        let mut chunk = vec![0; CHUNK];
        let read = self.file.read(&mut chunk).map_err(|error| wrong("the file cannot be read").with_source(error))?;
        if let Some(left) = self.left {
            self.left = Some(left.checked_sub(read as u64).ok_or_else(|| wrong("the file is longer than declared"))?);
        }
        if read > 0 {
            chunk.truncate(read);
            if let Some((sha, _)) = &mut self.sha {
                sha.update(&chunk);
            }
            return Ok(Some((chunk.into(), Some(self))));
        }
        if self.left.is_some_and(|left| left > 0) {
            return Err(wrong("the file is shorter than declared"));
        }
        if let Some((sha, wanted)) = self.sha.take() {
            let found = encoding::hexadecimal(sha);
            if found != wanted {
                let message = "the file's digest is not the declared one";
                return Err(Error::input("allegory.file", message).with_context("attachment", &self.id));
            }
        }
        Ok(None)
    }
}
