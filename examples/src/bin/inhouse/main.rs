//! A connector and a transform of one's own: a few records move into an imaginary in-house CRM.

use std::{error::Error, sync::Arc};

use crmkit_core::{
    FieldConcept, FieldLine, FieldSchema, FieldType, Mapping, MemoryLedger, Migration, ObjectConcept, ObjectSchema,
    Plan, PlanEnd, Record, RecordRef, SystemClock, TransformCall, Transforms, Value, testing::MockSource,
};

mod connector;
mod customer;
mod server;
mod tier;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let server = server::start()?;
    let mut transforms = Transforms::standard();
    transforms.register(tier::Tier::NAME, 1, tier::Tier::new);
    let migration = Migration::builder("acme")
        .source(Arc::new(source()))
        .destination(Arc::new(connector::Inhouse::new(&server.url(), server::KEY, clock.clone())?))
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .transforms(transforms)
        .build()?;

    let approval = migration.approve_plan(&plan(), "ann").await?;
    migration.prepare(&approval).await?;
    let sample = migration.sample(&approval).await?;
    let approval = migration.approve_sample(&sample, "ann").await?;
    let report = migration.run(&approval).await?;
    let reconciliation = migration.reconcile().await?;
    for object in &report.objects {
        println!("{}: {} of {} created, {} held", object.mapping, object.created, object.source, object.held);
    }
    println!("every field verified: {}", reconciliation.clean);
    if report.finished && reconciliation.clean { Ok(()) } else { Err("the migration did not end clean".into()) }
}

fn plan() -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.to_owned(), instance: None };
    let mut plan = Plan::new(end(MockSource::KIND), end("inhouse"));
    let bands = serde_json::json!({ "gold": 100_000, "silver": 10_000, "below": "bronze" });
    let line = |from: &str, to: &str| FieldLine::new(format!("companies.{to}"), [from], to);
    plan.mappings = vec![
        Mapping::new("companies", "companies", "customer")
            .with(line("name", "name"))
            .with(line("email", "email"))
            .with(line("owner", "owner"))
            .with(line("revenue", "tier").through(TransformCall::with(tier::Tier::NAME, bands))),
    ];
    plan
}

fn source() -> MockSource {
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let users = ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails));
    let ann = Record::new(RecordRef::new("users", "ann")).with("email", Value::text("ann@inhouse.example"));
    let companies = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
        .with(text("name", FieldConcept::Name))
        .with(text("email", FieldConcept::Emails))
        .with(FieldSchema::new("revenue", "Revenue", FieldType::Int))
        .with(FieldSchema::new("owner", "Owner", FieldType::link("users")).means(FieldConcept::Owner));
    let company = |(id, name, revenue): (&str, &str, i64)| {
        Record::new(RecordRef::new("companies", id))
            .with("name", Value::text(name))
            .with("email", Value::text(format!("office@{id}.example")))
            .with("revenue", Value::Int(revenue))
            .with("owner", Value::link(RecordRef::new("users", "ann")))
    };
    let some = [("acme", "Acme AB", 250_000), ("bolt", "Bolt Ltd", 40_000), ("corner", "Corner Shop", 900)];
    MockSource::new("old-crm").with_object(users, [ann]).with_object(companies, some.map(company))
}
