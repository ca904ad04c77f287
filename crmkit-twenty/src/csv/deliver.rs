//! The files of a delivery: what the dialog imports, in order; what it cannot import; and what an admin does with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{
    DestinationWriter, FieldName, ObjectName, Operation, OperationKind, Reader, RecordId, Result, Retry, WriteBatch,
    chrono::{DateTime, Utc},
};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    NOT_IMPORTED, TwentyCsv,
    cell::{cells, headers},
    folder::{Folder, failed},
};
use crate::{
    connector::Target,
    convert,
    schema::{JOINS, Workspace},
};

const DELIVER: &str = "twenty.csv.deliver";
const ATTACH: &str = "twenty.csv.attach";
/// How many records are read at once.
const SOME: usize = 500;
/// Where the records lie that no file can carry.
const AFTERWARDS: &str = "after-import";

/// A file to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveredFile {
    /// Its name. Names sort in the order of import.
    pub name: String,
    /// The object to import it into, by its name for people, in the plural.
    pub import_into: String,
    /// The object's name in the interface.
    pub object: ObjectName,
    /// How many records it has.
    pub records: usize,
    /// Its headers.
    pub columns: Vec<String>,
    /// It sets links of records that earlier files brought.
    pub links_only: bool,
}

/// What is in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Always `crmkit.twenty_csv`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// The files to import, in order.
    pub files: Vec<DeliveredFile>,
    /// Records that no file can carry, by object: [`TwentyCsv::attach`] makes them after the import.
    pub after_import: BTreeMap<ObjectName, usize>,
    /// What the dialog does not take, whatever a file says.
    pub not_imported: Vec<String>,
}

/// What became of the records that no file could carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// How many were made.
    pub made: usize,
    /// How many were there already.
    pub known: usize,
    /// The others, each with the reason.
    pub refused: Vec<(ObjectName, RecordId, String)>,
}

/// A column's field: its place in records, its type, its headers.
struct Column {
    name: FieldName,
    wire: String,
    headers: Vec<String>,
    /// The object that a relation leads to.
    to: Option<String>,
}

/// How records of one object become files.
struct Sheet<'a> {
    object: &'a str,
    label: &'a str,
    columns: Vec<Column>,
    /// Relations to what is imported later, or together with it.
    later: Vec<Column>,
}

impl TwentyCsv {
    /// Writes the files, a manifest and a README for the admin. Called again, it writes them anew.
    ///
    /// # Errors
    /// `Storage` where a file cannot be written.
    pub async fn deliver(&self) -> Result<Delivery> {
        let workspace = self.twenty.workspace().await?;
        let (path, rows) = (self.path.clone(), self.rows);
        self.with_folder(move |folder| deliver(folder, &workspace, &path, rows)).await
    }

    /// Makes what no file could carry (what notes and tasks are about) through the interface, after the files were imported.
    /// Called again, it makes what is missing.
    ///
    /// # Errors
    /// As [`DestinationWriter::write`]; `Verify` after a lost answer: call it again.
    pub async fn attach(&self, send_before: DateTime<Utc>) -> Result<Attached> {
        let workspace = self.twenty.workspace().await?;
        let mut attached = Attached::default();
        for join in JOINS {
            let object = ObjectName::from(join);
            let Some(schema) = workspace.schema.object(&object) else { continue };
            let target = Target::of(&workspace, &object, ATTACH)?;
            let mut from = Some(0);
            while let Some(place) = from {
                let batch = self.twenty.config.batch;
                let read = move |folder: &mut Folder| {
                    let (ids, next) = folder.ids(join, place, batch);
                    let records: Result<Vec<Option<Json>>> = ids.iter().map(|id| folder.get(join, id)).collect();
                    Ok((records?, next))
                };
                let (records, next) = self.with_folder(read).await?;
                from = next;
                let stored: Vec<_> =
                    records.into_iter().flatten().filter_map(|json| convert::stored(target, &json)).collect();
                let ids: Vec<RecordId> = stored.iter().map(|stored| stored.id.clone()).collect();
                let known = self.twenty.fetch(&object, &ids).await?;
                attached.known += known.iter().flatten().count();
                let missing = stored.into_iter().zip(known).filter(|(_, known)| known.is_none());
                let (ids, operations): (Vec<RecordId>, Vec<Operation>) = missing
                    .map(|(mut stored, _)| {
                        stored.fields.retain(|name, _| schema.fields.contains_key(name));
                        stored.fields.insert("id".into(), crmkit_core::Value::text(stored.id.as_str()));
                        (stored.id, Operation { kind: OperationKind::Create, fields: stored.fields })
                    })
                    .unzip();
                let batch = WriteBatch { object: object.clone(), operations, send_before };
                for (id, result) in ids.into_iter().zip(self.twenty.write(&batch).await?) {
                    match result {
                        Ok(_) => attached.made += 1,
                        Err(error) if error.retry() == Retry::Never => {
                            attached.refused.push((object.clone(), id, error.message().to_owned()));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(attached)
    }
}

fn deliver(folder: &mut Folder, workspace: &Arc<Workspace>, path: &Path, rows: usize) -> Result<Delivery> {
    clean(path)?;
    let mut delivery = Delivery {
        format: "crmkit.twenty_csv".to_owned(),
        version: 1,
        files: Vec::new(),
        after_import: BTreeMap::new(),
        not_imported: NOT_IMPORTED.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut sheets = Vec::new();
    for object in folder.objects() {
        if JOINS.contains(&object.as_str()) {
            let count = aside(folder, path, &object)?;
            delivery.after_import.insert(object.as_str().into(), count);
        } else if let Some((name, _)) = workspace.objects.get_key_value(&object) {
            sheets.push(sheet(folder, workspace, name)?);
        }
    }
    let mut number = 0;
    let sheets = in_order(sheets);
    for (later, sheet) in [false, true].into_iter().flat_map(|later| sheets.iter().map(move |sheet| (later, sheet))) {
        if later && sheet.later.is_empty() {
            continue;
        }
        number += 1;
        write(folder, sheet, later, number, path, rows, &mut delivery.files)?;
    }
    let manifest = serde_json::to_string_pretty(&delivery).map_err(failed)?;
    private(&path.join("manifest.json"))?.write_all(manifest.as_bytes()).map_err(failed)?;
    private(&path.join("README.md"))?.write_all(readme(&delivery).as_bytes()).map_err(failed)?;
    Ok(delivery)
}

/// Removes the files of an earlier delivery, and nothing else.
fn clean(path: &Path) -> Result<()> {
    let known: Json = match fs::read(path.join("manifest.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => return Ok(()),
    };
    for file in known["files"].as_array().into_iter().flatten() {
        let name = file["name"].as_str().unwrap_or_default();
        // What the manifest says is ours only if the name is one that we give.
        if name.ends_with(".csv") && !name.contains(['/', '\\']) && path.join(name).is_file() {
            fs::remove_file(path.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Every live record of an object, in the order in which they came.
fn each(folder: &mut Folder, object: &str, mut with: impl FnMut(Json) -> Result<()>) -> Result<()> {
    let mut from = Some(0);
    while let Some(place) = from {
        let (ids, next) = folder.ids(object, place, SOME);
        for id in ids {
            if let Some(record) = folder.get(object, &id)? {
                with(record)?;
            }
        }
        from = next;
    }
    Ok(())
}

/// The columns of an object: those that some record fills.
fn sheet<'a>(folder: &mut Folder, workspace: &'a Workspace, object: &'a str) -> Result<Sheet<'a>> {
    let name = ObjectName::from(object);
    let target = Target::of(workspace, &name, DELIVER)?;
    let mut filled: BTreeSet<String> = BTreeSet::new();
    each(folder, object, |record| {
        for (name, value) in record.as_object().into_iter().flatten() {
            if !filled.contains(name) && cells(target.wire(name), value).iter().any(|cell| !cell.is_empty()) {
                filled.insert(name.clone());
            }
        }
        Ok(())
    })?;
    let fields = target.schema.fields.values().filter(|field| field.name.as_str() != "id");
    let columns: Vec<Column> = fields
        .filter(|field| filled.contains(field.name.as_str()))
        .map(|field| {
            let same = |other: &&crmkit_core::FieldSchema| other.label == field.label && other.carrier.is_none();
            let twins = target.schema.fields.values().filter(same).count() > 1;
            // The dialog matches columns by label: of two that have the same, an admin has to say which is which.
            let label = if twins { format!("{} ({})", field.label, field.name) } else { field.label.clone() };
            let wire = target.wire(field.name.as_str()).to_owned();
            let to = target.meta.fields.iter().find(|meta| meta.column() == field.name.as_str());
            Column {
                headers: headers(&label, &wire),
                to: to.and_then(|meta| meta.target.clone()),
                name: field.name.clone(),
                wire,
            }
        })
        .collect();
    Ok(Sheet { object, label: &target.meta.label_plural, columns, later: Vec::new() })
}

/// What others link to comes before them; where that cannot be, the links come in a file of their own.
fn in_order(mut open: Vec<Sheet<'_>>) -> Vec<Sheet<'_>> {
    const STANDARD: [&str; 5] = ["company", "person", "opportunity", "task", "note"];
    let place = |object: &str| STANDARD.iter().position(|known| *known == object).unwrap_or(STANDARD.len());
    open.sort_by_key(|sheet| (place(sheet.object), sheet.object));
    let mut done: Vec<Sheet<'_>> = Vec::new();
    while !open.is_empty() {
        let waits = |sheet: &Sheet<'_>| {
            let to = sheet.columns.iter().filter_map(|column| column.to.as_deref());
            to.filter(|to| *to != sheet.object).any(|to| open.iter().any(|other| other.object == to))
        };
        let next = open.iter().position(|sheet| !waits(sheet)).unwrap_or(0);
        let mut sheet = open.remove(next);
        let early = |column: &Column| {
            let to = column.to.as_deref();
            to.is_none_or(|to| to != sheet.object && !open.iter().any(|other| other.object == to))
        };
        let (columns, later) = std::mem::take(&mut sheet.columns).into_iter().partition(early);
        done.push(Sheet { columns, later, ..sheet });
    }
    done
}

/// Writes the files of one object.
fn write(
    folder: &mut Folder,
    sheet: &Sheet<'_>,
    later: bool,
    number: usize,
    path: &Path,
    rows: usize,
    files: &mut Vec<DeliveredFile>,
) -> Result<()> {
    let columns = if later { &sheet.later } else { &sheet.columns };
    let mut head = vec!["Id".to_owned()];
    head.extend(columns.iter().flat_map(|column| column.headers.iter().cloned()));
    let mut part = 0;
    let mut open: Option<csv::Writer<File>> = None;
    each(folder, sheet.object, |record| {
        let mut row = vec![record["id"].as_str().unwrap_or_default().to_owned()];
        row.extend(columns.iter().flat_map(|column| cells(&column.wire, &record[column.name.as_str()])));
        if later && row[1..].iter().all(String::is_empty) {
            return Ok(());
        }
        if open.is_none() || files.last().is_some_and(|file| file.records == rows) {
            if let Some(mut full) = open.take() {
                full.flush().map_err(failed)?;
            }
            part += 1;
            let links = if later { "-links" } else { "" };
            let name = format!("{number:02}-{}{links}-{part:03}.csv", sheet.object);
            let mut writer = csv::Writer::from_writer(private(&path.join(&name))?);
            writer.write_record(&head).map_err(failed)?;
            open = Some(writer);
            files.push(DeliveredFile {
                name,
                import_into: sheet.label.to_owned(),
                object: sheet.object.into(),
                records: 0,
                columns: head.clone(),
                links_only: later,
            });
        }
        if let (Some(writer), Some(file)) = (&mut open, files.last_mut()) {
            writer.write_record(&row).map_err(failed)?;
            file.records += 1;
        }
        Ok(())
    })?;
    open.map_or(Ok(()), |mut writer| writer.flush().map_err(failed))
}

/// Puts the records of an object aside, one JSON a line, and counts them.
fn aside(folder: &mut Folder, path: &Path, object: &str) -> Result<usize> {
    fs::create_dir_all(path.join(AFTERWARDS)).map_err(failed)?;
    let file: PathBuf = path.join(AFTERWARDS).join(format!("{object}.jsonl"));
    let mut file = std::io::BufWriter::new(private(&file)?);
    let mut count = 0;
    each(folder, object, |record| {
        count += 1;
        writeln!(file, "{record}").map_err(failed)
    })?;
    file.flush().map_err(failed)?;
    Ok(count)
}

/// A file for nobody but its owner.
fn private(path: &Path) -> Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(failed)
}

/// What an admin does, in order.
fn readme(delivery: &Delivery) -> String {
    let mut page = String::from(
        "# Importing these files into Twenty\n\n\
         Fields, options and custom objects are in the workspace already: do not make any by hand.\n\
         Do not open the files in a spreadsheet program, which may change numbers and dates.\n\n\
         Before you begin: switch workflows and webhooks off, and see that everybody who owns records has accepted the\n\
         invitation. The import updates a record that has the same id, e-mail address or domain, and brings it back from\n\
         the trash if it lies there.\n\n\
         Import one file after the other, in this order. Wait for each to end.\n\n",
    );
    for (place, file) in delivery.files.iter().enumerate() {
        let what = if file.links_only { ", links only" } else { "" };
        let _ = write!(
            page,
            "{}. Open **{}**, click the three dots at the top right, **Import records**, choose `{}` ({} records{what}).\n   \
             The columns are matched by themselves: check that each has its field, **Id** among them, and confirm. If the\n   \
             dialog marks rows, note them and leave the import: correct the source or the plan, deliver again, upload again.\n",
            place + 1,
            file.import_into,
            file.name,
            file.records,
        );
    }
    page.push_str("\nAfterwards, compare the count that Twenty shows for each object with these:\n\n");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in delivery.files.iter().filter(|file| !file.links_only) {
        *counts.entry(&file.import_into).or_default() += file.records;
    }
    for (object, count) in counts {
        let _ = writeln!(page, "- {object}: {count}");
    }
    if !delivery.after_import.is_empty() {
        page.push_str("\nNot in these files, because the dialog cannot import them:\n\n");
        for (object, count) in &delivery.after_import {
            let _ = writeln!(page, "- {object}: {count}, in `{AFTERWARDS}/{object}.jsonl`");
        }
        page.push_str(
            "\nThey tie notes and tasks to what they are about. Once all files are imported, the migration program makes\n\
             them through the interface (`TwentyCsv::attach`). Attachments are uploaded then, too.\n",
        );
    }
    let _ = write!(page, "\nThe dialog does not take: {}.\n", delivery.not_imported.join(", "));
    page
}
