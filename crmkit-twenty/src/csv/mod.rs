//! Files for Twenty's import dialog: for admins who import by hand, and for volumes beyond the API's limits.

mod cell;
mod deliver;
mod folder;
mod thread;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use crmkit_core::{
    Abilities, Cursor, Destination, DestinationWriter, Error, ErrorKind, FieldSchema, ObjectConcept, ObjectName,
    Operation, OperationKind, Page, PageRequest, Probe, Provisioner, Reader, RecordId, Recovery, Removal, Remover,
    Result, Retry, Stored, Value, WriteBatch, Written,
    chrono::{DateTime, Utc},
};
use serde_json::{Map, Value as Json};

use crate::{
    Twenty,
    connector::{Target, uuid},
    convert,
    writer::{unique_paths, unique_value},
};

pub use deliver::{Attached, DeliveredFile, Delivery};

use folder::{Folder, Line};

/// The kind of the CSV writer in configurations and documents.
pub const CSV_KIND: &str = "twenty_csv";
const WRITE: &str = "twenty.csv.write";
/// What the import dialog takes in one file.
const ROWS: usize = 10_000;
/// System fields, which the import dialog does not offer.
const NOT_IMPORTED: [&str; 3] = ["createdAt", "updatedAt", "createdBy"];

/// A folder of files that an admin imports into a Twenty workspace.
///
/// Schema and members are the workspace's own, asked through its interface, and `prepare` makes fields there: an import makes none.
/// Records go into the folder only. What is read back is the folder, so a run is delivered, and nobody can say here what became
/// of the files: [`delivers`](DestinationWriter::delivers) tells core so.
///
/// Each record has the id that it would have had through the interface. [`TwentyCsv::deliver`] writes the files, and
/// [`TwentyCsv::attach`] what no file can carry, once they are imported.
#[derive(Debug)]
pub struct TwentyCsv {
    twenty: Arc<Twenty>,
    folder: Arc<Mutex<Folder>>,
    path: PathBuf,
    rows: usize,
}

impl TwentyCsv {
    /// Opens a folder for a workspace, or makes it. What an earlier run left there is known again.
    ///
    /// # Errors
    /// `Storage` where the folder cannot be made or read.
    pub fn open(twenty: Arc<Twenty>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let folder = Arc::new(Mutex::new(Folder::open(&path)?));
        Ok(Self { twenty, folder, path, rows: ROWS })
    }

    /// Records of one file: 10,000 unless told, which is what the dialog takes.
    pub fn rows_per_file(mut self, rows: usize) -> Self {
        self.rows = rows.clamp(1, ROWS);
        self
    }

    /// Works with the folder off the host's executor.
    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = self.folder.clone();
        thread::run(move || work(&mut folder.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    async fn stored(&self, object: &ObjectName, ids: Vec<String>) -> Result<Vec<Option<Stored>>> {
        let workspace = self.twenty.workspace().await?;
        let target = Target::of(&workspace, object, "twenty.csv.read")?;
        let name = object.to_string();
        let found = self.with_folder(move |folder| ids.iter().map(|id| folder.get(&name, id)).collect()).await;
        let found: Vec<Option<Json>> = found?;
        Ok(found.into_iter().map(|json| json.and_then(|json| convert::stored(target, &json))).collect())
    }

    /// What the folder is to keep of an operation.
    fn line(&self, target: Target<'_>, operation: &Operation) -> Result<Line> {
        let refuse = |why: &str| Error::new(ErrorKind::Rejected, WRITE, why, Retry::Never);
        if let Some(name) = NOT_IMPORTED.iter().find(|name| operation.fields.contains_key(**name)) {
            return Err(refuse("the import dialog does not take this field").with_context("field", name));
        }
        let body = self.twenty.body(target, operation)?;
        let (id, update) = match &operation.kind {
            OperationKind::Create => (body.get("id").and_then(Json::as_str).map(str::to_owned), false),
            OperationKind::Update { id, .. } => (uuid(id.as_str()), true),
        };
        let id = id.ok_or_else(|| refuse("a record of a file needs an id"))?;
        let taken = unique_paths(target).into_iter().filter(|path| path != "id");
        let unique = taken.filter_map(|path| Some((path.clone(), unique_value(&body, &path)?))).collect();
        Ok(Line { id, body, unique, update })
    }
}

#[async_trait]
impl DestinationWriter for TwentyCsv {
    async fn describe(&self) -> Result<Destination> {
        let mut destination = self.twenty.load().await?;
        destination.kind = CSV_KIND.to_owned();
        // What was written into a folder is not in the workspace: one ledger cannot be used for both.
        destination.account.push_str("/csv");
        for abilities in destination.abilities.values_mut() {
            *abilities = Abilities {
                batch: 200,
                atomic: false,
                recovery: Recovery::ClientUuid { field: "id".into() },
                update: true,
                remove: Removal::Hard,
                volatile: Vec::new(),
                max_bytes: None,
            };
        }
        // The dialog takes no files: they are uploaded after the import.
        destination.schema.objects.retain(|_, object| object.concept != Some(ObjectConcept::File));
        for object in destination.schema.objects.values_mut() {
            for field in object.fields.values_mut() {
                field.writable &= !NOT_IMPORTED.contains(&field.name.as_str());
            }
        }
        destination.gotchas = GOTCHAS.iter().map(|text| (*text).to_owned()).collect();
        Ok(destination)
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let workspace = self.twenty.workspace().await?;
        let target = Target::of(&workspace, &batch.object, WRITE)?;
        let lines: Vec<Result<Line>> = batch.operations.iter().map(|operation| self.line(target, operation)).collect();
        let name = batch.object.to_string();
        let kept = self.with_folder(move |folder| folder.keep(&name, lines)).await?;
        let written = |json: Map<String, Json>| {
            let stored = convert::stored(target, &Json::Object(json));
            let stored = stored.ok_or_else(|| Error::storage(WRITE, "the folder lost a record"))?;
            Ok(Written { id: stored.id.clone(), stored: Some(stored) })
        };
        Ok(kept.into_iter().map(|kept| kept.and_then(written)).collect())
    }

    fn respells(&self, field: &FieldSchema, written: &Value, stored: Option<&Value>) -> bool {
        self.twenty.respells(field, written, stored)
    }

    fn delivers(&self) -> bool {
        true
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
        self.twenty.provisioner()
    }
}

#[async_trait]
impl Reader for TwentyCsv {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let ids = probes.iter().map(|probe| probe.fields.get("id").and_then(|id| uuid(id.as_text()?)));
        let ids: Option<Vec<String>> = ids.collect();
        let ids = ids.ok_or_else(|| Error::input("twenty.csv.find", "records are found by their id alone"))?;
        Ok(self.stored(object, ids).await?.into_iter().map(|found| found.into_iter().collect()).collect())
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let ids = ids.iter().map(|id| uuid(id.as_str()).unwrap_or_default()).collect();
        self.stored(object, ids).await
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let from = request.cursor.as_ref().map_or(Ok(0), |cursor| cursor.0.parse::<usize>());
        let from = from.map_err(|_| Error::input("twenty.csv.scan", "the cursor is none of this folder"))?;
        let (name, limit) = (request.object.to_string(), request.limit.max(1));
        let (ids, next) = self.with_folder(move |folder| Ok(folder.ids(&name, from, limit))).await?;
        let items = self.stored(&request.object, ids).await?.into_iter().flatten().collect();
        Ok(Page::of(items, next.map(|next| Cursor(next.to_string()))))
    }
}

#[async_trait]
impl Remover for TwentyCsv {
    async fn remove(&self, object: &ObjectName, id: &RecordId, _: Option<&str>, _: DateTime<Utc>) -> Result<()> {
        let (name, id) = (object.to_string(), uuid(id.as_str()));
        self.with_folder(move |folder| id.map_or(Ok(()), |id| folder.remove(&name, &id))).await
    }
}

const GOTCHAS: &[&str] = &[
    "nothing is written into the workspace but what `prepare` makes: an admin imports the files, and only they see what became of them",
    "the import updates records that have the same e-mail address, domain or id, and brings back those in the trash",
    "the dialog does not take creation time, change time and author",
    "ties of notes and tasks cannot be imported: they are made through the interface, after the import",
];
