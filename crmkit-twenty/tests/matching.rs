//! Records that the workspace has already: known by their values, changed where the plan says so, and given back as they were.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    FieldConcept, FieldLine, FieldSchema, FieldType, Mapping, MatchPolicy, MatchRule, MemoryLedger, Migration,
    ObjectConcept, ObjectSchema, Plan, PlanEnd, Record, RecordRef, Value, simulator::JumpingClock, testing::MockSource,
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};
use serde_json::json;

#[tokio::test]
async fn a_company_that_is_there_is_changed_and_given_back() {
    let clock = JumpingClock::new();
    let simulator = TwentySimulator::builder().jumping_clock(&clock).start().await.unwrap();
    let clock = Arc::new(clock);
    let theirs = json!({"id": "20202020-9999-4999-8999-000000000001", "name": "Old name", "updatedAt": "2020-01-02T03:04:05.000Z",
        "domainName": {"primaryLinkUrl": "https://acme.example"}});
    let made = format!("{}/rest/companies", simulator.url());
    let answer = reqwest::Client::new().post(made).bearer_auth(simulator.token()).json(&theirs).send().await.unwrap();
    assert!(answer.status().is_success());
    // Who changed it last is the key, whatever else is put back; and absent or null is the same to everybody who asks.
    let companies = || {
        let mut rows = simulator.rows("companies");
        for row in &mut rows {
            row.as_object_mut().unwrap().retain(|name, value| name != "updatedBy" && !value.is_null());
        }
        rows
    };
    let before = companies();

    let config = TwentyConfig::at(simulator.url(), simulator.token());
    let twenty = Arc::new(Twenty::builder(config, clock.clone()).build().unwrap());
    let company = |id: &str, site: &str| {
        let site = Value::text(site);
        Record::new(RecordRef::new("companies", id)).with("name", Value::text(id)).with("site", site)
    };
    let source = MockSource::new("export-1").with_object(
        ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
            .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name))
            .with(FieldSchema::new("site", "Site", FieldType::Url)),
        [company("Acme", "https://acme.example"), company("Other", "https://other.example")],
    );
    let migration = Migration::builder("match")
        .source(Arc::new(source))
        .destination(twenty)
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .build()
        .unwrap();
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    let mut plan = Plan::new(end("mock"), end("twenty"));
    plan.owners.unowned = Some("tim@apple.dev".into());
    let mut mapping = Mapping::new("companies", "companies", "company")
        .with(FieldLine::new("companies.name", ["name"], "name"))
        .with(FieldLine::new("companies.site", ["site"], "domainName"));
    mapping.matching = Some(MatchRule { by: "domainName".into(), found: MatchPolicy::Update });
    plan.mappings = vec![mapping];
    let approval = migration.approve_plan(&plan, "ann").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let sample = migration.sample(&approval).await.unwrap();
    assert_eq!(sample.differing, 0);
    assert_eq!(companies(), before, "the sample gave back what was there, with its time of change");
    let approval = migration.approve_sample(&sample, "ann").await.unwrap();
    let report = migration.run(&approval).await.unwrap();
    let count = &report.objects[0];
    assert_eq!((count.created, count.updated, count.held), (1, 1, 0), "{report:#?}");
    let rows = simulator.rows("companies");
    let changed = rows.iter().find(|row| row["id"] == theirs["id"]).unwrap();
    assert_eq!((rows.len(), &changed["name"]), (2, &json!("Acme")));

    let preview = migration.preview_rollback().await.unwrap();
    let approval = migration.approve_rollback(&preview, "ann").await.unwrap();
    assert!(migration.rollback(&approval).await.unwrap().clean);
    assert_eq!(companies(), before);
}
