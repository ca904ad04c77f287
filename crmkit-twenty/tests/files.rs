//! Attachments: sent in a form or straight into the store, once each, proved byte by byte and taken back.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    DestinationWriter, FieldConcept, FieldLine, FieldSchema, FieldType, Mapping, MemoryLedger, Migration,
    ObjectConcept, ObjectSchema, Plan, PlanEnd, Record, RecordRef, SourceConnector, Transforms, Value,
    simulator::{Effect, Fault, JumpingClock},
    testing::MockSource,
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};

/// Bytes that begin at a number, so that no two files are the same.
fn bytes(count: usize, from: u8) -> Vec<u8> {
    (0..count).map(|n| (n as u8).wrapping_mul(31).wrapping_add(from)).collect()
}

/// Name, bytes, and whether the source knows the size.
fn files() -> Vec<(&'static str, Vec<u8>, bool)> {
    vec![
        ("empty.txt", Vec::new(), true),
        ("hello \"world\".txt", b"hello --crmkit-- \r\n".to_vec(), true),
        ("unknown.bin", bytes(70_000, 1), false),
        ("form.pdf", bytes(1_000_000, 2), true),
        ("direct.zip", bytes(10_500_000, 3), true),
    ]
}

fn source() -> MockSource {
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let company = Record::new(RecordRef::new("companies", "c1")).with("name", Value::text("Acme"));
    let record = |(name, bytes, known): &(&'static str, Vec<u8>, bool)| {
        let record = Record::new(RecordRef::new("files", *name))
            .with("name", Value::text(*name))
            .with("company", Value::link(RecordRef::new("companies", "c1")));
        let record =
            record.with("type", Value::text(if name.ends_with(".pdf") { "application/pdf" } else { "text/plain" }));
        if *known { record.with("size", Value::Int(bytes.len() as i64)) } else { record }
    };
    let mut records: Vec<Record> = files().iter().map(record).collect();
    let lost = Record::new(RecordRef::new("files", "lost")).with("name", Value::text("lost"));
    records.push(lost.with("company", Value::link(RecordRef::new("companies", "c1"))));
    let mut source = MockSource::new("export-1")
        .with_object(ObjectSchema::new("companies", "Company", ObjectConcept::Organization).with(name()), [company])
        .with_object(
            ObjectSchema::new("files", "File", ObjectConcept::File)
                .with(name())
                .with(FieldSchema::new("size", "Size", FieldType::Int).means(FieldConcept::Size))
                .with(FieldSchema::new("type", "Type", FieldType::text()).means(FieldConcept::MediaType))
                .with(FieldSchema::new("company", "Company", FieldType::link("companies"))),
            records,
        );
    for (name, bytes, _) in files() {
        source = source.with_file(name, bytes);
    }
    source
}

fn plan() -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    let mut plan = Plan::new(end("mock"), end("twenty"));
    plan.stop_when = 1.0;
    plan.owners.unowned = Some("tim@apple.dev".into());
    let line = |id: &str, from: &str, to: &str| FieldLine::new(id, [from], to);
    plan.mappings = vec![
        Mapping::new("companies", "companies", "company").with(line("companies.name", "name", "name")),
        Mapping::new("files", "files", "attachment")
            .with(line("files.name", "name", "name"))
            .with(line("files.size", "size", "size"))
            .with(line("files.type", "type", "mediaType"))
            .with(line("files.company", "company", "targetCompanyId").linking("companies")),
    ];
    plan
}

async fn migrated(faults: Vec<Fault>, drop_every: u64) -> (TwentySimulator, Arc<Twenty>, Migration) {
    let clock = JumpingClock::new();
    let builder = TwentySimulator::builder().jumping_clock(&clock).drop_every(drop_every);
    let simulator = builder.start().await.unwrap();
    faults.into_iter().for_each(|fault| simulator.fault(fault));
    let clock = Arc::new(clock);
    let config = TwentyConfig::at(simulator.url(), simulator.token());
    let twenty = Arc::new(Twenty::builder(config, clock.clone()).build().unwrap());
    let source = Arc::new(source());
    let migration = Migration::builder("files")
        .source(source.clone())
        .destination(twenty.clone())
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .build()
        .unwrap();
    let (from, to) = (source.describe().await.unwrap(), twenty.describe().await.unwrap());
    let problems = plan().check(&from, &to, &Transforms::standard());
    assert!(problems.iter().all(|problem| problem.severity != crmkit_core::Severity::Block), "{problems:#?}");
    let approval = migration.approve_plan(&plan(), "ann").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let sample = migration.sample(&approval).await.unwrap();
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    let approval = migration.approve_sample(&sample, "ann").await.unwrap();
    let report = migration.run(&approval).await.unwrap();
    assert!(report.finished, "{report:#?}");
    (simulator, twenty, migration)
}

async fn arrived(simulator: &TwentySimulator, twenty: &Twenty) {
    use futures::TryStreamExt;
    let rows = simulator.rows("attachments");
    let company = simulator.rows("companies").remove(0)["id"].clone();
    assert_eq!(rows.len(), files().len());
    for (name, content, _) in files() {
        let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(row["targetCompanyId"], company);
        assert_eq!((row["file"].as_array().unwrap().len(), &row["file"][0]["label"]), (1, &name.into()));
        let sink = twenty.file_sink().unwrap();
        let stream = sink.open(&"attachment".into(), &row["id"].as_str().unwrap().into()).await.unwrap();
        let chunks: Vec<_> = stream.try_collect().await.unwrap();
        assert!(chunks.concat() == content, "{name}");
    }
    let pdf = rows.iter().find(|row| row["name"] == "form.pdf").unwrap();
    assert_eq!(pdf["fileCategory"], "TEXT_DOCUMENT");
}

#[tokio::test]
async fn files_arrive_byte_by_byte_and_are_taken_back() {
    let (simulator, twenty, migration) = migrated(Vec::new(), 0).await;
    arrived(&simulator, &twenty).await;
    let reconciliation = migration.reconcile().await.unwrap();
    assert_eq!(reconciliation.mismatches, []);
    // The one whose bytes nobody has waits, and says so.
    assert_eq!(reconciliation.held.len(), 1, "{:#?}", reconciliation.held);
    let preview = migration.preview_rollback().await.unwrap();
    let approval = migration.approve_rollback(&preview, "ann").await.unwrap();
    let back = migration.rollback(&approval).await.unwrap();
    assert!(back.clean, "{back:#?}");
    assert_eq!((simulator.rows("attachments").len(), simulator.rows("companies").len()), (0, 0));
}

#[tokio::test]
async fn lost_answers_store_nothing_twice() {
    // Not fewer than the four steps of an upload, or one of them would be lost each time.
    for every in [5, 7] {
        let (simulator, twenty, _) = migrated(Vec::new(), every).await;
        arrived(&simulator, &twenty).await;
    }
    let lost = |path: &str, effect| Fault::on("POST", path, effect);
    let faults = vec![
        lost("/rest/attachments", Effect::CloseAfterApply),
        lost("/rest/attachments", Effect::Status { status: 500, body: None, headers: Vec::new() }),
        Fault::on("PUT", "/file-upload", Effect::CloseAfterApply),
    ];
    let (simulator, twenty, _) = migrated(faults, 0).await;
    arrived(&simulator, &twenty).await;
}
