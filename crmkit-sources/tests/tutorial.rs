//! What `docs/bring-your-own-csv.md` shows is what happens: its files are read, and its outputs are the outputs.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{fs, path::Path};

use crmkit_core::{PageRequest, SourceConnector};
use crmkit_sources::allegory::ExportFolder;

const PAGE: &str = include_str!("../../docs/bring-your-own-csv.md");

/// The fenced blocks of the page: what is in front of each, its language, its text.
fn blocks() -> Vec<(String, String, String)> {
    let mut blocks = Vec::new();
    let mut parts = PAGE.split("```");
    let mut before = parts.next().unwrap();
    while let (Some(block), Some(after)) = (parts.next(), parts.next()) {
        let (language, text) = block.split_once('\n').unwrap();
        let line = before.trim_end().lines().last().unwrap_or_default();
        blocks.push((line.to_owned(), language.to_owned(), text.to_owned()));
        before = after;
    }
    blocks
}

/// A file of the page: the block behind a line that is its name.
fn file(name: &str) -> String {
    let (.., text) = blocks().into_iter().find(|(line, ..)| *line == format!("`{name}`:")).unwrap();
    text
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (line, ..) in blocks() {
        if let Some(name) = line.strip_prefix("`crm/").and_then(|line| line.strip_suffix("`:")) {
            fs::write(folder.path().join(name), file(&format!("crm/{name}"))).unwrap();
        }
    }
    folder
}

#[tokio::test]
async fn the_page_shows_what_is_printed() {
    let folder = folder();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    // What the page's program does, its output kept.
    let export = ExportFolder::open(&folder).unwrap();
    let source = export.describe().await.unwrap();
    let mut printed = String::new();
    for problem in &source.problems {
        printed += &format!("{problem}\n");
    }
    for (object, count) in &source.counts {
        printed += &format!("{count} {object}\n");
    }
    let people = export.read(&PageRequest::first("people", 100)).await.unwrap();
    printed += &format!("{}\n", people.items[0].fields["since"]);
    let shown = blocks().into_iter().find(|(_, language, _)| language == "text").unwrap().2;
    assert_eq!(printed, shown);
    // The lines of that program are the page's.
    let program = blocks().into_iter().find(|(_, language, _)| language == "rust").unwrap().2;
    let source = include_str!("tutorial.rs");
    for line in program.lines().map(str::trim).filter(|line| line.starts_with("for ") || line.contains("describe")) {
        let same = line.replace("?;", ".unwrap();");
        assert!(source.contains(&same), "{line}");
    }
}

#[tokio::test]
async fn the_page_s_records_are_read_as_it_says() {
    let folder = folder();
    let export = ExportFolder::open(&folder).unwrap();
    let people = export.read(&PageRequest::first("people", 100)).await.unwrap().items;
    let text = |record: usize, field: &str| people[record].fields[field].to_string();
    assert_eq!(text(0, "name"), "Ann Berg");
    assert_eq!(text(0, "account"), "accounts/Acme Ltd");
    assert_eq!(text(0, "owner"), "reps/eva@us.example");
    let doubts: Vec<_> = people.iter().map(|person| person.doubts.len()).collect();
    assert_eq!(doubts, [0, 0, 1], "only Cy's account is in doubt");
    assert_eq!(people[2].doubts[0].field, "account");
    let deals = export.read(&PageRequest::first("opportunities", 100)).await.unwrap();
    assert_eq!(deals.items[1].fields["contact"].to_string(), "people/2");
    assert_eq!(deals.items[1].fields["value"].to_string(), "950.50 EUR");
    assert_eq!(deals.rejects.len(), 1);
}

#[tokio::test]
async fn the_page_s_quarantine_is_what_is_written() {
    let (folder, rejected) = (folder(), tempfile::tempdir().unwrap());
    ExportFolder::open(&folder).unwrap().write_quarantine(rejected.path()).await.unwrap();
    let written = fs::read_to_string(rejected.path().join("Opportunities.csv")).unwrap();
    assert_eq!(written, file("rejected/Opportunities.csv"));
}

/// Every file and option that the pages name exists.
#[test]
fn the_pages_lead_somewhere() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for page in ["allegory.md", "bring-your-own-csv.md"] {
        let text = fs::read_to_string(docs.join(page)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            assert!(docs.join(link).is_file(), "{page}: {link}");
        }
    }
}
