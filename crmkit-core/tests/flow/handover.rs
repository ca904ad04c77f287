//! What a company gets in hand: guides, what did not move, the map, and a log that proves itself.

use std::sync::Arc;

use crmkit_core::{
    Clock, FieldConcept, FieldSchema, FieldType, GuideKind, IdLedger, LogFormat, MemoryLedger, Migration,
    ObjectConcept, ObjectSchema, Record, RecordRef, Value,
    testing::{ManualClock, MockDestination, MockSource},
};

use crate::world::{World, company, contact};

#[tokio::test]
async fn the_handover_says_what_moved_what_did_not_and_what_to_rebuild() {
    let flow = r#"{"trigger": {"event": "deal_won"}, "nodes": [{"type": "send_email", "template": "Thanks"}]}"#;
    let flows = ObjectSchema::new("flows", "Flow", ObjectConcept::Automation)
        .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name))
        .with(FieldSchema::new("definition", "Definition", FieldType::LongText).means(FieldConcept::Definition));
    let tags = ObjectSchema::new("tags", "Tag", ObjectConcept::Tag)
        .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name));
    let record = |object: &str, id: &str| Record::new(RecordRef::new(object, id)).with("name", Value::text(id));
    let mut world =
        World::new([company("c1", "Acme"), company("c2", "Old")], [contact("p1", "Ann", "=cmd()@a.example")]);
    world.plan.mappings[0].exclude = vec!["c2".into()];
    let source = Arc::into_inner(world.source).expect("nobody else has it");
    world.source = Arc::new(
        source
            .with_object(flows, [record("flows", "Thank you").with("definition", Value::text(flow))])
            .with_object(tags, [record("tags", "vip"), record("tags", "old")]),
    );
    let (migration, _) = world.run().await;
    let handover = migration.handover().await.expect("handed over");
    let not: Vec<_> = handover.not_moved.iter().map(|not| (not.what.as_str(), not.records)).collect();
    assert_eq!(not, [("companies", 1), ("Tag", 2)]);
    let [guide] = &handover.guides[..] else { panic!("{handover:#?}") };
    assert_eq!((guide.kind, guide.name.as_str()), (GuideKind::Automation, "Thank you"));
    let steps: Vec<&str> = guide.steps.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(steps, ["send_email", "deal_won"]);
    assert_eq!(guide.definition["trigger"]["event"], "deal_won");
    assert!(handover.map.iter().any(|line| line.from == "companies: name" && line.to == "Organization: Name"));
    assert!(handover.configuration.iter().all(|item| item.made && item.name == "crmkit_id"), "{handover:#?}");
    let markdown = handover.to_markdown();
    for wanted in ["Automations to rebuild", "send\\_email", "template = Thanks", "Which field went where"] {
        assert!(markdown.contains(wanted), "{wanted} in {markdown}");
    }

    let head = migration.verify_audit().await.expect("the chain holds");
    assert_eq!(Some(head.chain), handover.observed.audit_head);
    let mut table = String::new();
    let write = |line: &str| {
        table.push_str(line);
        Ok(())
    };
    assert_eq!(migration.export_audit(LogFormat::Csv, write).await.expect("exported"), head);
    let created = table.lines().filter(|line| line.contains(",create,companies,companies/c1,")).count();
    assert_eq!(created, 2, "once in the sample, once in the run: {table}");
    let mut lines = 0;
    let count = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(json["sequence"].is_u64());
        lines += 1;
        Ok(())
    };
    migration.export_audit(LogFormat::JsonLines, count).await.expect("exported");
    assert_eq!(lines, head.sequence);
    let full = |_: &str| Err(std::io::Error::other("disk full"));
    assert!(migration.export_audit(LogFormat::Csv, full).await.is_err());
}

#[tokio::test]
async fn nothing_is_handed_over_before_a_plan_is_approved() {
    let clock = ManualClock::jumping();
    let shared: Arc<dyn Clock> = Arc::new(clock);
    let ledger: Arc<dyn IdLedger> = Arc::new(MemoryLedger::new(shared.clone()));
    let migration = Migration::builder("test")
        .source(Arc::new(MockSource::new("export-1")))
        .destination(Arc::new(MockDestination::crm(shared.clone())))
        .ledger(ledger)
        .clock(shared)
        .build()
        .expect("complete");
    assert_eq!(migration.handover().await.expect_err("nothing is approved").kind(), crmkit_core::ErrorKind::State);
}
