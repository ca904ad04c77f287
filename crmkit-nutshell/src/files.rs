//! Files in two steps: announced in a list of their record, then sent to the address that the answer names.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, Fields, FileSink, FileStream, ObjectName, RecordId, Result, Retry, Stored, Value, Written,
    chrono::{DateTime, Utc},
    http::{Request, file_form, reqwest::Method},
};
use futures::{StreamExt, stream};
use serde_json::{Value as Json, json};

use crate::{
    Nutshell,
    client::{Call, Effect},
    connector::Known,
    convert::{FILES_NOTE, check, file_fields, is_gone},
    object::{Object, object_named},
    wire::{Record, id_of},
};

const STORE: &str = "file.store";
/// The subject of the activities that carry the files of people and companies, who take none themselves.
pub(crate) const CARRIER: &str = "Files from the previous CRM";

/// A file by its record: the interface knows it by nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// A lead or an activity.
    pub(crate) holder: Object,
    pub(crate) record: i64,
    pub(crate) file: i64,
}

impl FileId {
    /// `lead.1000.8`.
    pub(crate) fn parse(id: &RecordId) -> Option<Self> {
        let mut parts = id.as_str().split('.');
        let holder = match parts.next()? {
            "lead" => Object::Lead,
            "activity" => Object::Activity,
            _ => return None,
        };
        let mut number = || parts.next()?.parse::<i64>().ok().filter(|number| *number > 0);
        let id = Self { holder, record: number()?, file: number()? };
        parts.next().is_none().then_some(id)
    }

    pub(crate) fn id(self) -> RecordId {
        RecordId::from(format!("{}.{}.{}", self.holder.name(), self.record, self.file))
    }
}

/// The files in a record's list: a lead's own, an activity's with how it went.
pub(crate) fn listed(holder: Object, record: &Record) -> Vec<&Json> {
    let list = match holder {
        Object::Lead => record.get("file"),
        _ => &record.get("logNote")["files"],
    };
    list.as_array().into_iter().flatten().filter(|file| file["deletedTime"].is_null()).collect()
}

/// A file of a record as it is stored; none where it was announced and never arrived.
pub(crate) fn stored_file(holder: Object, record: &Record, file: &Json) -> Option<Stored> {
    let id = FileId { holder, record: record.id, file: id_of(&file["id"])? };
    if size_of(file) == 0 {
        return None;
    }
    let mut stored = Stored::new(id.id(), file_fields(holder, record, file, is_carrier(record)));
    stored.trashed = is_gone(record);
    stored.version = file["rev"].as_str().map(str::to_owned);
    Some(stored)
}

fn size_of(file: &Json) -> u64 {
    file["size"].as_u64().or_else(|| file["size"].as_str()?.parse().ok()).unwrap_or(0)
}

pub(crate) fn is_carrier(record: &Record) -> bool {
    record.get("name").as_str().is_some_and(|name| name.trim() == CARRIER)
}

#[async_trait]
impl FileSink for Nutshell {
    /// What was announced and never arrived is sent again, not announced again. One file at a time: two of one name would be taken
    /// for each other.
    async fn store(
        &self,
        object: &ObjectName,
        fields: &Fields,
        mut bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<Written> {
        let known = self.known().await?;
        let (_, schema) = known.object(object, STORE)?;
        check(schema, fields, STORE, true)?;
        let (parent, id) = parent_in(fields)?;
        let name = fields.get("name").and_then(Value::as_text).unwrap_or_default().trim().to_owned();
        // Bytes that cannot be had are known before anything is announced.
        let first = match bytes.next().await {
            Some(Err(error)) => return Err(error),
            first => first,
        };
        let _alone = self.filing.lock().await;
        let (holder, record) = match parent {
            Object::Lead | Object::Activity => (parent, id),
            _ => (Object::Activity, self.carrier(&known, parent, id, send_before).await?),
        };
        let record = self.holder(holder, record).await?;
        let waiting = listed(holder, &record)
            .into_iter()
            .find(|file| size_of(file) == 0 && file["name"].as_str().map(str::trim) == Some(&name))
            .cloned();
        let announced = match waiting {
            Some(file) => file,
            None => self.announce(holder, &record, &name, send_before).await?,
        };
        let missing = || Error::new(ErrorKind::Protocol, STORE, "the file has no id", Retry::Verify);
        let file = id_of(&announced["id"]).ok_or_else(missing)?;
        let id = FileId { holder, record: record.id, file };
        let media_type = fields.get("mime").and_then(Value::as_text).unwrap_or("application/octet-stream");
        let (sent, broken) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, breaks) = (sent.clone(), broken.clone());
        let watched = stream::iter(first).chain(bytes).inspect(move |chunk| match chunk {
            Ok(chunk) => {
                counted.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
            Err(_) => breaks.store(true, Ordering::Relaxed),
        });
        let (content_type, body) = file_form("file", &name, media_type, watched.boxed());
        let request = Request::new(STORE, Method::POST, address(&announced)?).changing().send_before(send_before);
        if let Err(error) = self.client.upload(request, &content_type, body).await {
            if broken.load(Ordering::Relaxed) || error.retry() == Retry::Never {
                // It will not come: an empty file would stay. Where that fails too, the next attempt uses it.
                let _ = self.withdraw(id, send_before).await;
            }
            return Err(error);
        }
        let record = self.holder(holder, record.id).await.map_err(|error| error.with_retry(Retry::Verify))?;
        let there = listed(holder, &record).into_iter().find(|there| id_of(&there["id"]) == Some(file));
        let size = there.map(size_of).unwrap_or_default();
        let stored = there.and_then(|there| stored_file(holder, &record, there));
        match stored.filter(|_| size == sent.load(Ordering::Relaxed)) {
            Some(stored) => Ok(Written { id: stored.id.clone(), stored: Some(stored) }),
            None if sent.load(Ordering::Relaxed) == 0 => {
                let _ = self.withdraw(id, send_before).await;
                let message = "an empty file cannot be told from one that never arrived";
                Err(Error::new(ErrorKind::Rejected, STORE, message, Retry::Never))
            }
            None => {
                let message = "the file did not arrive whole";
                Err(Error::new(ErrorKind::Protocol, STORE, message, Retry::Verify))
            }
        }
    }

    async fn open(&self, object: &ObjectName, id: &RecordId) -> Result<FileStream> {
        object_named(object, "file.open")?;
        let missing = || Error::new(ErrorKind::NotFound, "file.open", "there is no such file", Retry::Never);
        let id = FileId::parse(id).ok_or_else(missing)?;
        let record = self.read_one(id.holder, id.record).await?.ok_or_else(missing)?;
        let file = listed(id.holder, &record).into_iter().find(|file| id_of(&file["id"]) == Some(id.file));
        let path = address(file.ok_or_else(missing)?)?;
        self.client.download(Request::new("file.open", Method::GET, path)).await
    }
}

impl Nutshell {
    async fn holder(&self, holder: Object, id: i64) -> Result<Record> {
        let record = self.read_one(holder, id).await?.filter(|record| !is_gone(record));
        record.ok_or_else(|| {
            Error::new(ErrorKind::Rejected, STORE, "the record that the file hangs on is gone", Retry::Never)
        })
    }

    /// Adds a file to the list of its record, under the revision that was read: the others are sent along.
    async fn announce(&self, holder: Object, record: &Record, name: &str, send_before: DateTime<Utc>) -> Result<Json> {
        let there = listed(holder, record);
        let mut files: Vec<Json> = there.iter().map(|file| known_file(file)).collect();
        files.push(json!({"entityType": "Files", "name": name}));
        let after = self.list_files(holder, record, files, send_before).await?;
        let known = |file: &Json| there.iter().any(|before| id_of(&before["id"]) == id_of(&file["id"]));
        let new = listed(holder, &after).into_iter().find(|file| !known(file)).cloned();
        new.ok_or_else(|| Error::new(ErrorKind::Protocol, STORE, "the file was not announced", Retry::Verify))
    }

    async fn list_files(
        &self,
        holder: Object,
        record: &Record,
        files: Vec<Json>,
        send_before: DateTime<Utc>,
    ) -> Result<Record> {
        let body = match holder {
            Object::Lead => json!({ "file": files }),
            // Only what says how an activity went takes files; where nothing does, the text is one that we know for our own.
            _ if record.get("logNote").is_null() => json!({"logNote": {"note": FILES_NOTE, "files": files}}),
            _ => json!({"logNote": {"files": files}}),
        };
        let mut params = holder.params(record.id);
        params.insert("rev".to_owned(), json!(record.rev()));
        params.insert(holder.name().to_owned(), body);
        let call = Call::new(STORE, &holder.method("edit"), Effect::Changes, &params);
        self.client.call(call.send_before(send_before)).await
    }

    /// Takes a file out of its record's list. A carrier goes with its last one.
    ///
    /// # Errors
    /// `Rejected` where the instance does not remove what is left out of a list.
    pub(crate) async fn withdraw(&self, id: FileId, send_before: DateTime<Utc>) -> Result<()> {
        let Some(record) = self.read_one(id.holder, id.record).await?.filter(|record| !is_gone(record)) else {
            return Ok(());
        };
        let ours = |file: &&Json| id_of(&file["id"]) == Some(id.file);
        let there = listed(id.holder, &record);
        if !there.iter().any(ours) {
            return Ok(());
        }
        if id.holder == Object::Activity && is_carrier(&record) && there.len() == 1 {
            // In one call: whoever lost the answer finds either both or none.
            let mut params = id.holder.params(record.id);
            params.insert("rev".to_owned(), json!(record.rev()));
            let call = Call::new("file.remove", "deleteActivity", Effect::Changes, &params);
            self.carriers.lock().await.retain(|_, carrier| *carrier != Some(record.id));
            return self.client.call::<Json>(call.send_before(send_before)).await.map(drop);
        }
        let others = there.into_iter().filter(|file| !ours(file)).map(known_file).collect();
        let after = self.list_files(id.holder, &record, others, send_before).await?;
        if listed(id.holder, &after).iter().any(ours) {
            let message = "the instance does not remove files; they go with their lead or activity";
            return Err(Error::new(ErrorKind::Rejected, "file.remove", message, Retry::Never));
        }
        Ok(())
    }

    /// The activity that carries the files of a person or company: found, or made in their owner's name.
    async fn carrier(&self, known: &Known, parent: Object, id: i64, send_before: DateTime<Utc>) -> Result<i64> {
        let mut carriers = self.carriers.lock().await;
        match carriers.get(&(parent, id)) {
            Some(Some(carrier)) => return Ok(*carrier),
            // It may have been made a moment ago, and not be listed yet.
            Some(None) => self.wait_for_lists().await,
            None => {}
        }
        let found = match self.carriers_of(parent, id).await?.first() {
            Some(record) => record.id,
            None => {
                let owner = self.holder(parent, id).await?;
                let owner = id_of(&owner.get("owner")["id"]);
                let user = known.destination.users.iter().find(|user| {
                    user.active && !user.email.is_empty() && Some(user.id.to_string()) == owner.map(|id| id.to_string())
                });
                let kind = known.catalog.activity_types.iter().map(|kind| kind.id).min();
                let mut participants = vec![json!({"entityType": parent.entity(), "id": id})];
                participants.extend(
                    user.map(|user| json!({"entityType": "Users", "id": user.id.as_str().parse::<i64>().ok()})),
                );
                let activity = json!({
                    "name": CARRIER, "activityTypeId": kind, "participants": participants, "status": 1,
                    "logNote": {"note": FILES_NOTE},
                });
                let call = Call::new(STORE, "newActivity", Effect::Creates, &json!({ "activity": activity }));
                let author = user.filter(|_| self.config.impersonate).map(|user| user.email.as_str());
                carriers.insert((parent, id), None);
                let made: Record = self.client.call(call.on_behalf_of(author).send_before(send_before)).await?;
                made.id
            }
        };
        carriers.insert((parent, id), Some(found));
        Ok(found)
    }

    /// The live activities that carry files of a person or company.
    pub(crate) async fn carriers_of(&self, parent: Object, id: i64) -> Result<Vec<Record>> {
        let stubs = self.activity_stubs(parent.name(), id).await?;
        let named = stubs.iter().filter(|stub| stub["name"].as_str().is_none_or(|name| name.trim() == CARRIER));
        let ids: Vec<i64> = named.filter_map(|stub| id_of(&stub["id"])).collect();
        let records = self.read_all(Object::Activity, ids).await?;
        Ok(records.into_iter().filter(|record| is_carrier(record) && !is_gone(record)).collect())
    }
}

/// The one record that a file hangs on.
pub(crate) fn parent_in(fields: &Fields) -> Result<(Object, i64)> {
    let named: Vec<(Object, i64)> = [Object::Lead, Object::Activity, Object::Contact, Object::Account]
        .into_iter()
        .filter_map(|object| Some((object, fields.get(object.name())?.as_ref_to()?.id.as_str().parse().ok()?)))
        .collect();
    let message = match named[..] {
        [one] => return Ok(one),
        [] => "a file must be attached to a lead, an activity, a person or a company",
        _ => "a file hangs on one record, and several are named; map one of them",
    };
    Err(Error::new(ErrorKind::Rejected, STORE, message, Retry::Never))
}

fn known_file(file: &Json) -> Json {
    json!({"entityType": "Files", "id": file["id"], "name": file["name"]})
}

/// Where a file is sent to and read from: a path on the instance itself, whatever host the answer names.
fn address(file: &Json) -> Result<String> {
    let uri = file["uri"].as_str().unwrap_or_default();
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if path.starts_with("/file/") && plain && !path.contains("..") {
        return Ok(path.to_owned());
    }
    Err(Error::new(ErrorKind::Protocol, STORE, "the file's address is none of the instance", Retry::Never))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_records() {
        let id = FileId { holder: Object::Lead, record: 1000, file: 8 };
        assert_eq!((id.id().as_str(), FileId::parse(&id.id())), ("lead.1000.8", Some(id)));
        for bad in ["lead.1000", "note.1.2", "lead.0.1", "lead.1.2.3", "8"] {
            assert_eq!(FileId::parse(&bad.into()), None, "{bad}");
        }
    }

    #[test]
    fn credentials_go_to_no_other_host() {
        let at = |uri: &str| address(&json!({ "uri": uri })).ok();
        assert_eq!(at("https://elsewhere.example/file/api/8").as_deref(), Some("/file/api/8"));
        for bad in ["https://elsewhere.example", "/rest/users", "/file/../rest", "/file/api/8?x=1", ""] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
