//! Which files the folder has, and which object each is of.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crmkit_core::{ObjectName, Problem, Severity};
use indexmap::IndexMap;

use super::{
    foreign, header, layout,
    manifest::{self, DeclaredFile, Manifest},
};

/// Deleted records of a delta.
pub(super) const DELETED: &str = "deleted.csv";

/// The folder's files by what they are.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Objects of the contract with their files.
    pub(super) objects: IndexMap<ObjectName, Found>,
    /// Automation definitions.
    pub(super) workflows: usize,
    pub(super) problems: Vec<Problem>,
}

/// An object's files and the name of its id column, where the manifest gives one.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<DeclaredFile>,
    pub(super) id_column: Option<String>,
}

/// Looks through the folder.
pub(super) fn list(root: &Path, manifest: Option<&Manifest>) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut files = names(root, "")?;
    files.extend(names(root, "custom/")?);
    files.extend(names(root, "links/")?);
    listing.workflows = names(root, "workflows/")?.iter().filter(|name| name.ends_with(".json")).count();
    match manifest {
        Some(manifest) => declared(&mut listing, manifest, &files),
        None => undeclared(&mut listing, &files),
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
    for file in files.iter().filter(|file| is_data(file) && *file != DELETED && !named.contains(&file.as_str())) {
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
    for file in files.iter().filter(|file| is_data(file) && *file != DELETED) {
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
    let stem = stem.strip_suffix(".csv").unwrap_or(stem);
    if stem.contains('/') {
        return Some(stem.into());
    }
    let object = header::object(stem);
    layout::standard(&object).map(|standard| standard.name.into())
}

/// Whether a file is one that records come from.
fn is_data(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    [".csv", ".jsonl", ".csv.gz", ".jsonl.gz", ".zip", ".tsv"].iter().any(|end| file.ends_with(end))
}

/// Files of a subfolder, in order.
fn names(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().is_file()
            && let Some(name) = entry.file_name().to_str()
        {
            names.push(format!("{folder}{name}"));
        }
    }
    names.sort();
    Ok(names)
}

/// The path of a file of the folder; `None` where the name leads out of it.
pub(super) fn inside(root: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let name = Path::new(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.as_os_str().is_empty() || !name.components().all(plain) {
        return Ok(None);
    }
    let path = root.join(name).canonicalize()?;
    Ok(path.starts_with(root).then_some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        fs::write(root.join("a.csv"), "id").unwrap();
        assert!(inside(&root, "a.csv").unwrap().is_some());
        assert!(inside(&root, "./a.csv").unwrap().is_some());
        for name in ["../a.csv", "/etc/passwd", "x/../../a.csv", "", &outside.path().to_string_lossy()] {
            assert_eq!(inside(&root, name).unwrap(), None, "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path(), root.join("link.csv")).unwrap();
            assert_eq!(inside(&root, "link.csv").unwrap(), None);
        }
        assert!(inside(&root, "missing.csv").is_err());
    }

    #[test]
    fn file_names_mean_objects() {
        let cases = [
            ("contacts.csv", Some("contacts")),
            ("Contacts.part-0001.csv", Some("contacts")),
            ("matters.csv", Some("deals")),
            ("custom/widgets.csv", Some("custom/widgets")),
            ("links/companies__tags.csv", Some("links/companies__tags")),
            ("readme.csv", None),
        ];
        for (file, wanted) in cases {
            assert_eq!(object_of(file).as_ref().map(ObjectName::as_str), wanted, "{file}");
        }
    }
}
