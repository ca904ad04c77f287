//! Which files the folder has, and which object each is of.

use std::io;

use crmkit_core::{ObjectName, Problem, Severity};
use indexmap::IndexMap;

use super::{
    container::Container,
    foreign, header, layout,
    manifest::{self, DeclaredFile, Manifest},
};

/// Deleted records of a delta, before the ending.
const DELETED: &str = "deleted.";

/// The folder's files by what they are.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Objects of the contract with their files.
    pub(super) objects: IndexMap<ObjectName, Found>,
    /// The list of deleted records.
    pub(super) deleted: Option<String>,
    pub(super) problems: Vec<Problem>,
}

/// An object's files and the name of its id column, where the manifest gives one.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<DeclaredFile>,
    pub(super) id_column: Option<String>,
}

/// Looks through the folder.
pub(super) fn list(root: &Container, manifest: Option<&Manifest>) -> io::Result<Listing> {
    let mut listing = Listing::default();
    if let Container::Archive(archive) = root {
        listing.problems.extend(archive.problems.iter().cloned());
    }
    let mut files = root.names("")?;
    listing.deleted = files.iter().find(|file| is_deleted(file)).cloned();
    files.extend(root.names("custom/")?);
    files.extend(root.names("links/")?);
    match manifest {
        Some(manifest) => declared(&mut listing, manifest, &files),
        None => undeclared(&mut listing, &files),
    }
    // Automations are files of their own, which a manifest need not name.
    let workflows = root.names("workflows/")?.into_iter().filter(|file| is_document(file));
    let workflows: Vec<_> = workflows.map(|file| DeclaredFile { file, rows: None, sha256: None }).collect();
    if !workflows.is_empty() {
        let found = listing.objects.entry("workflows".into()).or_default();
        if found.files.is_empty() {
            found.files = workflows;
        }
    }
    // Described in the contract's order, custom objects and links after it.
    let order = |name: &ObjectName| layout::STANDARD.iter().position(|known| known.name == name.as_str());
    listing.objects.sort_by(|a, _, b, _| order(a).unwrap_or(usize::MAX).cmp(&order(b).unwrap_or(usize::MAX)));
    Ok(listing)
}

fn declared(listing: &mut Listing, manifest: &Manifest, files: &[String]) {
    for object in &manifest.objects {
        let name = match object.name.split_once('/') {
            Some(_) => object.name.clone(),
            None => header::object(&object.name),
        };
        let found = listing.objects.entry(name.into()).or_default();
        found.files.extend(object.all_files());
        found.id_column = found.id_column.take().or_else(|| object.id_column.clone());
    }
    let named: Vec<&str> = listing
        .objects
        .values()
        .flat_map(|found| found.files.iter().map(|file| file.file.as_str()))
        .chain(foreign::files(&manifest.foreign))
        .chain(manifest.ignore.iter().map(String::as_str))
        .collect();
    for file in files.iter().filter(|file| is_data(file) && !is_deleted(file) && !named.contains(&file.as_str())) {
        let message = "the manifest does not name this file, so it is not read";
        let remedy = "add it to the manifest's `objects`, `foreign` or `ignore`";
        let problem = Problem::new(Severity::Warn, "undeclared_file", message, remedy);
        listing.problems.push(problem.in_file(file.clone(), None));
    }
}

fn undeclared(listing: &mut Listing, files: &[String]) {
    let message = "the folder has no manifest; files are read by their names and nothing checks that they are complete";
    let remedy = "add a manifest.json with rows and sha256 of each file";
    listing.problems.push(Problem::new(Severity::Warn, "no_manifest", message, remedy).in_file(manifest::FILE, None));
    for file in files.iter().filter(|file| is_data(file) && !is_deleted(file)) {
        let Some(object) = object_of(file) else {
            let message = "no object of the contract has this name, so the file is not read";
            let remedy = "name it in a manifest";
            let problem = Problem::new(Severity::Warn, "undeclared_file", message, remedy);
            listing.problems.push(problem.in_file(file.clone(), None));
            continue;
        };
        let found = listing.objects.entry(object).or_default();
        found.files.push(DeclaredFile { file: file.clone(), rows: None, sha256: None });
    }
}

/// The object that a file's name means.
fn object_of(file: &str) -> Option<ObjectName> {
    let stem =
        file.split_once(".part-").map(|(stem, _)| stem).or_else(|| file.rsplit_once('.').map(|(stem, _)| stem))?;
    let stem = [".csv", ".jsonl", ".ndjson"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    if stem.contains('/') {
        return Some(stem.into());
    }
    let object = header::object(stem);
    layout::standard(&object).map(|standard| standard.name.into())
}

/// Whether a file is one that records come from.
fn is_data(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    let file = file.strip_suffix(".gz").unwrap_or(&file);
    [".csv", ".jsonl", ".ndjson", ".tsv", ".zip"].iter().any(|end| file.ends_with(end))
}

/// Whether a file is one record.
pub(super) fn is_document(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    file.strip_suffix(".gz").unwrap_or(&file).ends_with(".json")
}

fn is_deleted(file: &str) -> bool {
    is_data(file) && file.starts_with(DELETED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_mean_objects() {
        let cases = [
            ("contacts.csv", Some("contacts")),
            ("Contacts.part-0001.csv", Some("contacts")),
            ("matters.csv", Some("deals")),
            ("contacts.jsonl.gz", Some("contacts")),
            ("contacts.part-0001.csv.gz", Some("contacts")),
            ("custom/widgets.csv", Some("custom/widgets")),
            ("links/companies__tags.csv", Some("links/companies__tags")),
            ("readme.csv", None),
        ];
        for (file, wanted) in cases {
            assert_eq!(object_of(file).as_ref().map(ObjectName::as_str), wanted, "{file}");
        }
    }
}
