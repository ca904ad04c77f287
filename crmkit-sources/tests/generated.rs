//! What the generator says should become of each record is what the export folder reads.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::collections::BTreeMap;

use crmkit_core::{
    FieldName, PageRequest, Record, RecordRef, Reject, SourceConnector,
    testing::generate::{AllegoryExport, ExpectedReject, Trouble},
};
use crmkit_sources::allegory::ExportFolder;

async fn all(source: &ExportFolder, object: &str) -> (Vec<Record>, Vec<Reject>, u64) {
    let (mut records, mut rejects, mut rows) = (Vec::new(), Vec::new(), 0);
    let mut request = PageRequest::first(object, 37);
    loop {
        let page = source.read(&request).await.unwrap();
        records.extend(page.items);
        rejects.extend(page.rejects);
        rows += page.rows;
        match page.next {
            Some(next) => request = request.at(next),
            None => return (records, rejects, rows),
        }
    }
}

#[tokio::test]
async fn every_record_is_read_as_it_was_meant() {
    for seed in [1, 2, 3] {
        reads_as_meant(AllegoryExport::new(seed).mess(0.4)).await;
    }
}

#[tokio::test]
async fn every_record_of_a_full_export_is_read_as_it_was_meant() {
    for seed in [1, 2, 3] {
        reads_as_meant(AllegoryExport::full(seed).mess(0.3).file_limit(100_000)).await;
    }
    reads_as_meant(AllegoryExport::full(4).mess(0.0).file_limit(1_000)).await;
    // Without companies a call's unknown name leaves nothing to hang it on.
    reads_as_meant(AllegoryExport::full(5).companies(0).custom(0).file_limit(1_000)).await;
}

async fn reads_as_meant(export: AllegoryExport) {
    let folder = tempfile::tempdir().unwrap();
    let expected = export.write(&folder).unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let described = source.describe().await.unwrap();
    let blocking = described.problems.iter().filter(|problem| problem.severity == crmkit_core::Severity::Block);
    assert_eq!(blocking.count(), 0, "{:?}", described.problems);

    let wanted: BTreeMap<&RecordRef, _> = expected.records.iter().map(|record| (&record.key, record)).collect();
    for (object, counts) in &expected.objects {
        let (records, rejects, rows) = all(&source, object.as_str()).await;
        assert_eq!(rows, counts.rows, "{object}");
        assert_eq!(records.len() as u64, counts.records, "{object}");
        assert_eq!(described.counts[object], counts.records, "{object}");
        assert!(all(&source, object.as_str()).await == (records.clone(), rejects.clone(), rows), "{object} read again");
        let found: Vec<_> = rejects.iter().map(|reject| (reject.line.unwrap(), reject.code.as_str())).collect();
        let rejected = expected.rejects.iter().filter(|reject| reject.object == *object);
        let rejected: Vec<_> = rejected.map(|ExpectedReject { line, code, .. }| (*line, *code)).collect();
        assert_eq!(found, rejected, "{object}");
        let told = expected.records.iter().filter(|record| record.key.object == *object).count();
        assert!(told == 0 || told == records.len(), "{object}");
        for record in &records {
            let Some(wanted) = wanted.get(&record.key) else {
                assert_eq!(told, 0, "{} was not generated", record.key);
                continue;
            };
            for (field, value) in &wanted.fields {
                assert_eq!(record.fields.get(field), Some(value), "{}.{field}", record.key);
            }
            for (field, to) in wanted.links.iter().chain(&wanted.later) {
                let found = record.fields.get(field).and_then(|value| value.as_ref_to());
                assert_eq!(found, Some(to), "{}.{field}", record.key);
            }
            let doubts: Vec<&FieldName> = record.doubts.iter().map(|doubt| &doubt.field).collect();
            let meant = wanted.troubles.iter().filter_map(|trouble| match trouble {
                Trouble::Doubt(field) | Trouble::AmbiguousLink(field) => Some(field),
                _ => None,
            });
            assert_eq!(doubts.first().copied(), meant.clone().next(), "{}", record.key);
            for doubt in &record.doubts {
                assert_eq!(doubt.origin, format!("{object}.csv"), "{doubt:?}");
                assert_eq!(doubt.line, Some(wanted.line), "{doubt:?}");
                let several = wanted.troubles.contains(&Trouble::AmbiguousLink(doubt.field.clone()));
                assert_eq!(doubt.candidates.len() > 1, several, "{doubt:?}");
            }
            let missing = wanted.troubles.contains(&Trouble::MissingName);
            let has_name = source_name(object.as_str());
            assert!(has_name.is_none_or(|name| record.fields.contains_key(name) != missing), "{}", record.key);
        }
    }
}

#[tokio::test]
async fn automations_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let expected = AllegoryExport::full(1).file_limit(1_000).write(&folder).unwrap();
    let (records, ..) = all(&ExportFolder::open(&folder).unwrap(), "workflows").await;
    assert_eq!(records.len(), expected.workflows.len());
    for (record, workflow) in records.iter().zip(&expected.workflows) {
        assert_eq!(record.key, RecordRef::new("workflows", workflow.id.as_str()));
        let text = |field: &str| record.fields[field].as_text().unwrap().to_owned();
        assert_eq!((text("name"), text("definition")), (workflow.name.clone(), workflow.definition.clone()));
    }
}

/// The field that records of an object are called by, if any.
fn source_name(object: &str) -> Option<&'static str> {
    match object {
        "notes" | "tags" | "attachments" | "deal_contacts" => None,
        links if links.starts_with("links/") => None,
        "tasks" | "calls" | "emails" => Some("subject"),
        "meetings" => Some("title"),
        _ => Some("name"),
    }
}

/// Files of attachments can be read exactly where the generator says so, with the bytes it wrote.
#[tokio::test]
async fn attachments_open_as_they_were_meant() {
    use futures::TryStreamExt;
    use sha2::{Digest as _, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let expected = AllegoryExport::full(6).mess(0.5).attachments(200).file_limit(100_000).write(&folder).unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let files = source.files().unwrap();
    let mut seen = BTreeMap::<&str, u64>::new();
    for record in expected.records.iter().filter(|record| record.key.object == "attachments") {
        let read = match files.open(&record.key.id).await {
            Ok(stream) => stream.try_collect::<Vec<_>>().await,
            Err(error) => Err(error),
        };
        match (&record.file, read) {
            (Some(file), Ok(chunks)) => {
                let bytes = chunks.concat();
                assert_eq!(bytes.len() as u64, file.bytes, "{}", record.key);
                let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                assert!(file.sha256.as_ref().is_none_or(|wanted| *wanted == digest), "{}", record.key);
                *seen.entry("read").or_default() += 1;
            }
            (None, Err(_)) => {
                let trouble = record.troubles.iter().find(|trouble| trouble.code().starts_with("file_"));
                *seen.entry(trouble.unwrap_or_else(|| panic!("{} cannot be read", record.key)).code()).or_default() +=
                    1;
            }
            (wanted, read) => panic!("{}: {wanted:?} but {read:?}", record.key),
        }
    }
    let codes: Vec<_> = seen.keys().copied().collect();
    assert_eq!(codes, ["file_digest", "file_missing", "file_outside", "file_remote", "file_size", "read"]);
}

#[tokio::test]
async fn stages_are_told_apart_by_their_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    AllegoryExport::new(5).write(&folder).unwrap();
    let source = ExportFolder::open(&folder).unwrap();
    let schema = source.describe().await.unwrap().schema;
    let stages = &schema.objects["deals"].fields["stage_id"].options;
    let labels: Vec<_> = stages.iter().map(|option| option.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "Sales/Qualified",
            "Sales/Proposal",
            "Sales/Won",
            "Sales/Lost",
            "Renewals/Qualified",
            "Renewals/Proposal",
            "Renewals/Won",
            "Renewals/Lost"
        ]
    );
    let contacts = &schema.objects["contacts"].fields;
    assert_eq!((contacts["cf_tier"].ty.label(), contacts["cf_score"].ty.label()), ("option", "int"));
}
