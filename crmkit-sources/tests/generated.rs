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
        let folder = tempfile::tempdir().unwrap();
        let expected = AllegoryExport::new(seed).mess(0.4).write(&folder).unwrap();
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
            let found: Vec<_> = rejects.iter().map(|reject| (reject.line.unwrap(), reject.code.as_str())).collect();
            let rejected = expected.rejects.iter().filter(|reject| reject.object == *object);
            let rejected: Vec<_> = rejected.map(|ExpectedReject { line, code, .. }| (*line, *code)).collect();
            assert_eq!(found, rejected, "{object}");
            for record in &records {
                let Some(wanted) = wanted.get(&record.key) else { continue };
                for (field, value) in &wanted.fields {
                    assert_eq!(record.fields.get(field), Some(value), "{}.{field}", record.key);
                }
                for (field, to) in &wanted.links {
                    let found = record.fields.get(field).and_then(|value| value.as_ref_to());
                    assert_eq!(found, Some(to), "{}.{field}", record.key);
                }
                let doubts: Vec<&FieldName> = record.doubts.iter().map(|doubt| &doubt.field).collect();
                let meant = wanted.troubles.iter().filter_map(|trouble| match trouble {
                    Trouble::Doubt(field) => Some(field),
                    _ => None,
                });
                assert_eq!(doubts.first().copied(), meant.clone().next(), "{}", record.key);
                for doubt in &record.doubts {
                    assert_eq!(doubt.origin, format!("{object}.csv"), "{doubt:?}");
                    assert_eq!(doubt.line, Some(wanted.line), "{doubt:?}");
                }
                let missing = wanted.troubles.contains(&Trouble::MissingName);
                let named = record.fields.contains_key("name") || record.fields.contains_key("subject");
                assert!(object == "notes" || named != missing, "{}", record.key);
            }
        }
    }
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
