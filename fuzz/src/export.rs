//! Export folders, read to the end and held against what every source promises.

use std::{fs, path::Path};

use crmkit_core::{ErrorKind, Page, PageRequest, Record, Result, SourceConnector};
use crmkit_sources::allegory::ExportFolder;
use futures::{TryStreamExt, executor::block_on};

/// Names that a file of the input may have: an input cannot write elsewhere.
const NAMES: [&str; 20] = [
    "manifest.json",
    "schema.json",
    "users.csv",
    "companies.csv",
    "contacts.csv",
    "contacts.part-0001.csv",
    "contacts.part-0002.jsonl",
    "leads.csv",
    "pipelines.csv",
    "stages.csv",
    "deals.csv",
    "deal_contacts.csv",
    "tasks.csv",
    "calls.csv",
    "notes.csv",
    "attachments.csv",
    "tags.csv",
    "deleted.csv",
    "links/companies__deals.csv",
    "custom/widgets.csv",
];

/// A folder: files, each after a line `=== NAME`; what comes before the first is `contacts.csv`.
pub fn folder(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let name = line.strip_prefix(b"=== ").and_then(|name| std::str::from_utf8(name).ok()).map(str::trim);
        match name.and_then(|name| NAMES.iter().find(|known| **known == name)) {
            Some(name) => files.push((name, Vec::new())),
            None if files.is_empty() => files.push(("contacts.csv", line.to_vec())),
            None => files.last_mut().expect("one at least").1.extend_from_slice(line),
        }
    }
    for (name, bytes) in files {
        write(folder.path(), name, &bytes);
    }
    read(folder.path());
}

/// The lines of `contacts.jsonl`.
pub fn json_lines(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "contacts.jsonl", bytes);
    read(folder.path());
}

/// A manifest beside two files that it may speak of.
pub fn foreign_manifest(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "manifest.json", bytes);
    write(
        folder.path(),
        "accounts.csv",
        b"account,parent,street,city,revenue,since\nAcme,,1 Road,Oslo,5.50,2024-01-02\nBolt,Acme,,,7,\n",
    );
    write(
        folder.path(),
        "people.csv",
        b"id;who;mail;account;joined\n1;Ann;ann@a.example;Acme;02.03.2024\n2;Bo;bo@b.example;Nobody;x\n2;Bo\n",
    );
    read(folder.path());
}

/// An archive, and the same bytes as a gzip file.
pub fn archive(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "export.zip", bytes);
    read(&folder.path().join("export.zip"));
    fs::remove_file(folder.path().join("export.zip")).expect("it is there");
    write(folder.path(), "contacts.csv.gz", bytes);
    read(folder.path());
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

/// Whatever cannot be read is an error about the input, never a panic, which would look like a reader that stopped.
fn told<T>(result: Result<T>) -> Option<T> {
    result.map_err(|error| assert_eq!(error.kind(), ErrorKind::Input, "{error}")).ok()
}

fn read(path: &Path) {
    let Some(export) = told(ExportFolder::open(path)) else { return };
    let Some(source) = told(block_on(export.describe())) else { return };
    for object in source.schema.objects.values() {
        let whole = pages(&export, object.name.as_str(), 1_000);
        let (records, rejects, rows) = sum(&whole);
        assert_eq!(rows, (records.len() + rejects) as u64, "every row is a record or a reject");
        assert_eq!(records.len() as u64, source.counts[&object.name], "as many records as were counted");
        let (again, ..) = sum(&pages(&export, object.name.as_str(), 2));
        assert!(records == again, "pages of another size give the same records");
        for record in records.iter().filter(|_| object.name == "attachments") {
            let files = export.files().expect("an export has files");
            if let Ok(stream) = block_on(files.open(&record.key.id)) {
                let _ = block_on(stream.try_for_each(|_| async { Ok(()) }));
            }
        }
    }
    let quarantine = tempfile::tempdir().expect("a folder");
    told(block_on(export.write_quarantine(quarantine.path())));
}

fn pages(export: &ExportFolder, object: &str, limit: usize) -> Vec<Page<Record>> {
    let mut request = PageRequest::first(object, limit);
    let mut pages = Vec::new();
    while let Some(page) = told(block_on(export.read(&request))) {
        let next = page.next.clone();
        pages.push(page);
        match next {
            Some(next) => request = request.at(next),
            None => break,
        }
    }
    pages
}

fn sum(pages: &[Page<Record>]) -> (Vec<Record>, usize, u64) {
    let records = pages.iter().flat_map(|page| page.items.clone()).collect();
    let rejects = pages.iter().map(|page| page.rejects.len()).sum();
    (records, rejects, pages.iter().map(|page| page.rows).sum())
}
