//! Attachments: files of the harvest's folder or behind addresses, streamed and checked, and those that cannot move.

use std::{io::Read as _, sync::Arc};

use async_trait::async_trait;
use crmkit_core::{
    Chunk, Error, ErrorKind, FileSource, FileStream, RecordId, Reject, Result, Retry, Value,
    http::reqwest::{Client as Http, Url},
};
use futures::{StreamExt as _, stream};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    activities::Activities,
    combine::{Columns, Draft, Ids, link, row_id},
    connector::Inner,
    harvest::{Harvest, reject},
    people::People,
};
use crate::allegory::{Bytes, Kind, Sheets, off_executor};

const CHUNK: usize = 64 * 1024;

/// An attachment that has to be moved by hand, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmoved {
    /// The attachment.
    pub id: RecordId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its address or path at the source.
    pub place: Option<String>,
    /// Why it cannot be moved.
    pub reason: String,
}

/// All attachments.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    pub(super) drafts: Vec<Draft>,
    pub(super) rejects: Vec<Reject>,
    pub(super) files: IndexMap<String, Stored>,
    pub(super) unmoved: Vec<Unmoved>,
}

/// Where a file is and what it should be.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    place: String,
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Attachments {
    pub(super) fn of(harvest: &Harvest, people: &mut People, activities: &Activities, hosts: &[String]) -> Self {
        let mut found = Self::default();
        let Some(table) = harvest.table("attachments.csv") else { return found };
        let wanted = [
            ("File Name", "name", Kind::Text),
            ("URL or Path", "place", Kind::Text),
            ("Size Bytes", "size", Kind::Int),
            ("SHA-256", "sha256", Kind::Text),
            ("Content Type", "content_type", Kind::Text),
        ];
        let columns = Columns::new("attachments", table, None, &wanted, &[]);
        let mut ids = Ids::default();
        for row in &table.rows {
            let (name, place) = (table.get(row, "File Name"), table.get(row, "URL or Path"));
            let id = match table.get(row, "Attachment ID") {
                Some(own) if found.files.contains_key(own) => {
                    found.rejects.push(reject(&table.file, row.line, "duplicate_id", "an earlier row has the same id"));
                    continue;
                }
                Some(own) => own.to_owned(),
                None if name.is_none() && place.is_none() => {
                    let message = "the row has neither id nor name nor address";
                    found.rejects.push(reject(&table.file, row.line, "missing_id", message));
                    continue;
                }
                None => ids.free(row_id(&[name, place])),
            };
            let mut draft = Draft::new(id.clone(), &table.file, Some(row.line));
            columns.fill(&mut draft, row, &mut people.conflicts);
            draft.offer("deal", table.get(row, "Deal ID").map(|deal| link("deals", deal)));
            if let Some(activity) = table.get(row, "Activity ID") {
                match activities.object(activity) {
                    Some(object) => drop(draft.offer("activity", link(object, activity))),
                    None => draft.doubt("activity", "nothing has the activity id that the row gives", Vec::new()),
                }
            }
            let stored = Stored {
                place: place.map_or_else(|| name.unwrap_or_default().to_owned(), str::to_owned),
                bytes: match draft.fields.get("size") {
                    Some(Value::Int(bytes)) => u64::try_from(*bytes).ok(),
                    _ => None,
                },
                sha256: draft.text("sha256").map(str::to_ascii_lowercase),
            };
            if let Some(reason) = immovable(&stored, harvest.sheets.as_ref(), hosts) {
                let (name, place) = (name.map(str::to_owned), place.map(str::to_owned));
                found.unmoved.push(Unmoved { id: id.as_str().into(), name, place, reason: reason.to_owned() });
            }
            found.files.insert(id, stored);
            found.drafts.push(draft);
        }
        found
    }
}

/// Why a file cannot be moved, as far as that is known without reading it.
fn immovable(stored: &Stored, sheets: Option<&Sheets>, hosts: &[String]) -> Option<&'static str> {
    if stored.place.contains("://") {
        return allowed(&stored.place, hosts).err();
    }
    let length = sheets.and_then(|sheets| sheets.length(&stored.place));
    match (length, stored.bytes) {
        (None, _) => Some("the file is not in the harvest's folder"),
        (Some(length), Some(bytes)) if length != bytes => Some("the file has not the declared size"),
        _ => None,
    }
}

/// An address that may be fetched: of a host that somebody allowed, encrypted unless it is on this machine.
fn allowed(place: &str, hosts: &[String]) -> Result<Url, &'static str> {
    let url = Url::parse(place).map_err(|_| "the address is none")?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address carries credentials");
    }
    if !hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
        return Err("the address is of a host from which nobody allowed attachments to be fetched");
    }
    let loopback = matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]");
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        _ => Err("the address is not encrypted"),
    }
}

/// Opens the workspace's attachments.
#[derive(Clone, Debug)]
pub(super) struct Files(pub(super) Arc<Inner>);

#[async_trait]
impl FileSource for Files {
    async fn open(&self, id: &RecordId) -> Result<FileStream> {
        let workspace = self.0.workspace().await?;
        let Some(stored) = workspace.files.get(id.as_str()).cloned() else {
            return Err(missing("there is no such attachment", id));
        };
        let check = Check {
            left: stored.bytes,
            sha: stored.sha256.clone().map(|wanted| (Sha256::new(), wanted)),
            id: id.clone(),
        };
        if stored.place.contains("://") {
            let hosts = &self.0.config.attachment_hosts;
            let url = allowed(&stored.place, hosts).map_err(|message| missing(message, id))?;
            return fetch(&self.0.download, url, check).await;
        }
        let sheets = workspace.sheets.clone();
        let opened = id.clone();
        let bytes = off_executor(move || {
            let sheets = sheets.ok_or_else(|| missing("there is no harvest", &opened))?;
            let outside = || Error::input("klipy.file", "the attachment's path leads out of the folder");
            sheets.bytes(&stored.place)?.ok_or_else(|| outside().with_context("attachment", &opened))
        })
        .await?;
        Ok(read(bytes, check))
    }
}

fn missing(message: &str, id: &RecordId) -> Error {
    Error::new(ErrorKind::NotFound, "klipy.file", message, Retry::Never).with_context("attachment", id)
}

/// Size and digest of a file under way.
struct Check {
    left: Option<u64>,
    sha: Option<(Sha256, String)>,
    id: RecordId,
}

impl Check {
    fn wrong(&self, what: &str) -> Error {
        Error::input("klipy.file", what).with_context("attachment", &self.id)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        if let Some(left) = self.left {
            let after = left.checked_sub(chunk.len() as u64);
            self.left = Some(after.ok_or_else(|| self.wrong("the file is longer than declared"))?);
        }
        if let Some((sha, _)) = &mut self.sha {
            sha.update(chunk);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(self.wrong("the file is shorter than declared"));
        }
        if let Some((sha, wanted)) = self.sha.take()
            && hexadecimal(&sha.finalize()) != wanted
        {
            return Err(self.wrong("the file's digest is not the declared one"));
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of the folder.
fn read(bytes: Bytes, check: Check) -> FileStream {
    Box::pin(stream::try_unfold(Some((bytes, check)), |reading| async move {
        let Some((mut bytes, mut check)) = reading else { return Ok(None) };
        off_executor(move || {
            let mut chunk = vec![0; CHUNK];
            let read =
                bytes.read(&mut chunk).map_err(|error| check.wrong("the file cannot be read").with_source(error))?;
            if read == 0 {
                return check.end().map(|()| None);
            }
            chunk.truncate(read);
            check.take(&chunk)?;
            Ok(Some((Chunk::from(chunk), Some((bytes, check)))))
        })
        .await
    }))
}

/// A file behind an address. Redirects are not followed: they may lead anywhere.
async fn fetch(http: &Http, url: Url, check: Check) -> Result<FileStream> {
    let failed = |message: &str, retry| Error::new(ErrorKind::Unavailable, "klipy.file", message, retry);
    let soon = Retry::After(std::time::Duration::from_secs(5));
    let id = check.id.clone();
    let answer = http.get(url).send().await.map_err(|error| {
        failed("the attachment's address does not answer", soon)
            .with_context("attachment", &id)
            .with_source(error.without_url())
    })?;
    let status = answer.status().as_u16();
    if status != 200 {
        let message = "the attachment's address does not give the file";
        let error = match status {
            408 | 429 | 500..=599 => failed(message, soon),
            _ => Error::new(ErrorKind::NotFound, "klipy.file", message, Retry::Never),
        };
        return Err(error.with_context("attachment", &id).with_context("status", status));
    }
    let body = answer.bytes_stream().boxed();
    Ok(Box::pin(stream::try_unfold(Some((body, check)), move |reading| async move {
        let Some((mut body, mut check)) = reading else { return Ok(None) };
        match body.next().await {
            None => check.end().map(|()| None),
            Some(Ok(bytes)) => {
                check.take(&bytes)?;
                Ok(Some((Chunk::from(&bytes[..]), Some((body, check)))))
            }
            Some(Err(error)) => {
                let error = error.without_url();
                Err(Error::new(ErrorKind::Unavailable, "klipy.file", "the file broke off", soon)
                    .with_context("attachment", &check.id)
                    .with_source(error))
            }
        }
    })))
}
