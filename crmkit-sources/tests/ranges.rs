//! A file that is walked by ranges at once tells what a single walk tells, wherever its borders fall.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{fs, path::Path};

use crmkit_core::{
    Page, PageRequest, Record, SourceConnector,
    testing::generate::{AllegoryExport, SplitMix64},
};
use crmkit_sources::allegory::ExportFolder;

/// Everything that the source tells: its description, every page of a few sizes, its quarantine.
async fn told(folder: &Path, threads: usize, bytes: u64) -> String {
    let source = ExportFolder::open(folder).unwrap().with_ranges(threads, bytes);
    let described = source.describe().await.unwrap();
    let mut told = format!("{described:#?}");
    for object in described.schema.objects.keys() {
        for limit in [3, 1_000] {
            let mut request = PageRequest::first(object.clone(), limit);
            loop {
                let page: Page<Record> = source.read(&request).await.unwrap();
                told += &format!("{page:?}\n");
                match page.next {
                    Some(next) => request = request.at(next),
                    None => break,
                }
            }
        }
    }
    let quarantine = tempfile::tempdir().unwrap();
    let files = source.write_quarantine(quarantine.path()).await.unwrap();
    for file in files.keys() {
        told += &fs::read_to_string(quarantine.path().join(file)).unwrap_or_default();
    }
    told
}

async fn the_same(folder: &Path, name: &str) {
    let one = told(folder, 1, 1).await;
    for (threads, bytes) in [(2, 1), (7, 1), (64, 1), (64, 40), (500, 7)] {
        assert!(told(folder, threads, bytes).await == one, "{name}: {threads} ranges of {bytes} bytes");
    }
}

fn folder(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    folder
}

/// Rows with quoted ends of line, commas and quotes, empty lines, ids that come again, cells too many.
fn nasty(seed: u64, end: &str) -> String {
    let mut rng = SplitMix64::new(seed);
    let mut text = format!("id,name,cf_note,cf_size{end}");
    for row in 0..80 {
        let id = if rng.chance(0.1) { rng.below(20) } else { row };
        let note = match rng.below(6) {
            0 => format!("\"{end}a,{end}{end}b \"\"quoted\"\"{end}\""),
            1 => format!("\"1,x,2{end}7,fake row,,{end}\""),
            2 => "\"\"".to_owned(),
            3 => String::new(),
            4 => "x".repeat(rng.below(60) as usize),
            _ => "a \"b\" c".to_owned(),
        };
        let size = *rng.pick(&["1", "2.5", "x", "", "1,5"]);
        match rng.below(12) {
            0 => text += &format!("{id},ragged{end}"),
            1 => text += &format!("{end}{end},no id,{note},1{end}"),
            2 => text += &format!("{id},\"mis\"quoted,,{end}"),
            _ => text += &format!("{id},N{row},{note},{}{end}", if size.contains(',') { "\"1,5\"" } else { size }),
        }
    }
    if rng.chance(0.5) {
        text.truncate(text.trim_end().len());
    }
    text
}

#[tokio::test]
async fn ranges_tell_what_one_walk_tells() {
    for seed in 0..12 {
        let end = ["\n", "\r\n", "\r"][seed as usize % 3];
        the_same(folder("contacts.csv", &nasty(seed, end)).path(), &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn an_open_quote_is_found_whichever_range_it_is_in() {
    let rows: String = (0..60).map(|row| format!("{row},N{row},x\n")).collect();
    for at in [0, 30, 59] {
        let open = format!("id,name,cf_note\n{}", rows.replace(&format!("{at},N{at},x"), &format!("{at},N{at},\"x")));
        the_same(folder("contacts.csv", &open).path(), &format!("row {at}")).await;
    }
}

#[tokio::test]
async fn json_lines_pick_lists_and_columns_of_many_values_are_put_together() {
    let json: String = (0..90).map(|row| format!("{{\"id\":{},\"name\":\"a\\nb{row}\"}}\n", row % 80)).collect();
    the_same(folder("contacts.jsonl", &json).path(), "JSON lines").await;
    // More values than a pick-list may have, of which no range alone has as many.
    let many: String = (0..700).map(|row| format!("{row},N,L{}\n", row % 600)).collect();
    the_same(folder("contacts.csv", &format!("id,name,lead_status\n{many}")).path(), "many values").await;
    the_same(folder("contacts.csv", "id,name\n").path(), "no rows").await;
    the_same(folder("contacts.csv", "").path(), "nothing").await;
}

#[tokio::test]
async fn a_whole_export_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    AllegoryExport::full(3).companies(20).contacts(40).deals(20).mess(0.5).file_limit(1_000).write(&folder).unwrap();
    let one = told(folder.path(), 1, 1).await;
    for threads in [3, 50] {
        assert!(told(folder.path(), threads, 1).await == one, "{threads} ranges");
    }
}
