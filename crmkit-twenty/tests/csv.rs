//! Files for the import dialog: a reader that goes by the vendor's words alone imports them, and the workspace is then the same as
//! one that was filled through the interface.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{path::Path, sync::Arc};

use crmkit_core::{
    Clock, DestinationWriter, FieldConcept, FieldLine, FieldPlan, FieldSchema, FieldType, Labelled, Mapping,
    MemoryLedger, Migration, Money, ObjectConcept, ObjectSchema, Plan, PlanEnd, Record, RecordRef, TransformCall,
    Value, chrono::TimeDelta, simulator::JumpingClock, testing::MockSource,
};
use crmkit_twenty::{Delivery, Twenty, TwentyConfig, TwentyCsv, simulator::TwentySimulator};
use serde_json::{Map, Value as Json, json};

const TABLES: [&str; 6] = ["companies", "people", "opportunities", "notes", "noteTargets", "advisors"];

fn source() -> MockSource {
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let link = |field: &str, to: &str| FieldSchema::new(field, field, FieldType::link(to));
    let record = |object: &str, id: &str| Record::new(RecordRef::new(object, id)).with("name", Value::text(id));
    let to = |object: &str, id: &str| Value::link(RecordRef::new(object, id));
    let list = |values: &[&str]| {
        let one = |value: &&str| Value::Labelled(Arc::new(Labelled { value: (*value).into(), label: None }));
        Value::List(values.iter().map(one).collect())
    };
    let company = |n: usize| {
        record("companies", &format!("Company, \"{n}\"\nAB"))
            .with("site", Value::text(format!("HTTPS://C{n}.example/")))
            .with("parent", to("companies", &format!("Company, \"{}\"\nAB", (n + 1) % 25)))
            .with("advisors", Value::List([to("contacts", "Ada Lovelace")].into()))
    };
    MockSource::new("export-1")
        .with_object(
            ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
                .with(name())
                .with(FieldSchema::new("site", "Site", FieldType::Url))
                .with(link("parent", "companies").means(FieldConcept::Parent))
                .with(FieldSchema::new("advisors", "Advisors", FieldType::Links { to: vec!["contacts".into()] })),
            (0..25).map(company),
        )
        .with_object(
            ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
                .with(name())
                .with(FieldSchema::new("emails", "E-mails", FieldType::Emails))
                .with(FieldSchema::new("phones", "Phones", FieldType::Phones))
                .with(link("company", "companies")),
            [
                record("contacts", "Ada Lovelace")
                    .with("emails", list(&["Ada@example.com", "ada2@example.com"]))
                    .with("phones", list(&["+33 6 12 34 56 78", "+46 70 123 45 67"]))
                    .with("company", to("companies", "Company, \"3\"\nAB")),
                record("contacts", "Bob Twin").with("emails", list(&["ada@EXAMPLE.com"])),
            ],
        )
        .with_object(
            ObjectSchema::new("deals", "Deal", ObjectConcept::Deal)
                .with(name())
                .with(FieldSchema::new("amount", "Amount", FieldType::Money))
                .with(link("contact", "contacts")),
            [record("deals", "=1+1")
                .with("amount", Value::Money(Money { amount: "1234.56".parse().unwrap(), currency: "EUR".into() }))
                .with("contact", to("contacts", "Ada Lovelace"))],
        )
        .with_object(
            ObjectSchema::new("notes", "Note", ObjectConcept::Note).with(name()).with(link("about", "contacts")),
            [record("notes", "call").with("about", to("contacts", "Ada Lovelace"))],
        )
}

fn plan(kind: &str) -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    let mut plan = Plan::new(end("mock"), end(kind));
    plan.stop_when = 1.0;
    plan.owners.unowned = Some("tim@apple.dev".into());
    let field = |id: &str, name: &str, ty: FieldType| FieldPlan {
        id: id.into(),
        object: "company".into(),
        name: name.into(),
        ty,
        options: Vec::new(),
        use_existing: None,
    };
    plan.fields = vec![
        field("parent", "Parent company", FieldType::link("company")),
        field("advisors", "Advisor", FieldType::Links { to: vec!["person".into()] }),
    ];
    let line = |id: &str, from: &str, to: &str| FieldLine::new(id, [from], to);
    plan.mappings = vec![
        Mapping::new("companies", "companies", "company")
            .with(line("companies.name", "name", "name"))
            .with(line("companies.site", "site", "domainName"))
            .with(line("companies.parent", "parent", "custom:parent").linking("companies"))
            .with(line("companies.advisors", "advisors", "custom:advisors").linking("contacts")),
        Mapping::new("contacts", "contacts", "person")
            .with(line("contacts.name", "name", "name").through(TransformCall::bare("split_name")))
            .with(line("contacts.emails", "emails", "emails"))
            .with(line("contacts.phones", "phones", "phones"))
            .with(line("contacts.company", "company", "companyId").linking("companies")),
        Mapping::new("deals", "deals", "opportunity")
            .with(line("deals.name", "name", "name"))
            .with(line("deals.amount", "amount", "amount"))
            .with(line("deals.contact", "contact", "pointOfContactId").linking("contacts")),
        Mapping::new("notes", "notes", "note")
            .with(line("notes.name", "name", "title"))
            .with(line("notes.about", "about", "targetPersonId").linking("contacts")),
    ];
    plan
}

struct World {
    simulator: TwentySimulator,
    twenty: Arc<Twenty>,
    clock: Arc<JumpingClock>,
}

impl World {
    async fn start() -> Self {
        let clock = JumpingClock::new();
        let simulator = TwentySimulator::builder().jumping_clock(&clock).start().await.unwrap();
        let clock = Arc::new(clock);
        let config = TwentyConfig::at(simulator.url(), simulator.token());
        let twenty = Arc::new(Twenty::builder(config, clock.clone()).build().unwrap());
        Self { simulator, twenty, clock }
    }

    fn migration(&self, destination: Arc<dyn DestinationWriter>) -> Migration {
        let builder = Migration::builder("same").source(Arc::new(source())).destination(destination);
        let ledger = Arc::new(MemoryLedger::new(self.clock.clone()));
        builder.ledger(ledger).clock(self.clock.clone()).build().unwrap()
    }

    async fn run(&self, migration: &Migration, kind: &str) -> crmkit_core::RunReport {
        let approval = migration.approve_plan(&plan(kind), "ann").await.unwrap();
        migration.prepare(&approval).await.unwrap();
        let sample = migration.sample(&approval).await.unwrap();
        assert_eq!(sample.differing, 0, "{:#?}", sample.records);
        let approval = migration.approve_sample(&sample, "ann").await.unwrap();
        migration.run(&approval).await.unwrap()
    }

    fn rows(&self) -> Vec<Vec<Json>> {
        let plain = |table: &&str| {
            let mut rows = self.simulator.rows(table);
            for row in &mut rows {
                for moving in ["createdAt", "updatedAt", "createdBy", "updatedBy", "position", "searchVector"] {
                    row.as_object_mut().unwrap().remove(moving);
                }
                bare(row);
            }
            rows.sort_by_key(|row| row["id"].to_string());
            rows
        };
        TABLES.iter().map(plain).collect()
    }
}

/// Without what is null: to everybody who asks that is the same as absent.
fn bare(value: &mut Json) {
    if let Json::Object(parts) = value {
        parts.values_mut().for_each(bare);
        parts.retain(|_, part| !part.is_null());
    }
}

/// What the dialog makes of a row, after §12 of the vendor's documents: headers are labels, parts come after a slash.
fn record(heads: &csv::StringRecord, row: &csv::StringRecord) -> Json {
    let mut record = Map::new();
    let mut set = |path: &str, value: Json| {
        let (field, part) = path.split_once('.').unwrap_or((path, ""));
        match part {
            "" => drop(record.insert(field.to_owned(), value)),
            part => record.entry(field).or_insert_with(|| json!({}))[part] = value,
        }
    };
    for (head, cell) in heads.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let list = || serde_json::from_str::<Json>(cell).unwrap();
        match head {
            "Id" => set("id", json!(cell)),
            "Name" => set("name", json!(cell)),
            "Title" => set("title", json!(cell)),
            "Stage" => set("stage", json!(cell)),
            "Name / First Name" => set("name.firstName", json!(cell)),
            "Name / Last Name" => set("name.lastName", json!(cell)),
            "Emails / Primary Email" => set("emails.primaryEmail", json!(cell)),
            "Emails / Additional Emails" => set("emails.additionalEmails", list()),
            "Phones / Primary Phone Number" => set("phones.primaryPhoneNumber", json!(cell)),
            "Phones / Primary Phone Country Code" => set("phones.primaryPhoneCountryCode", json!(cell)),
            "Phones / Primary Phone Calling Code" => set("phones.primaryPhoneCallingCode", json!(cell)),
            "Phones / Additional Phones" => set("phones.additionalPhones", list()),
            "Domain Name / Link URL" => set("domainName.primaryLinkUrl", json!(cell)),
            "Amount / Amount" => set("amount.amountMicros", json!((cell.parse::<f64>().unwrap() * 1e6).round())),
            "Amount / Currency" => set("amount.currencyCode", json!(cell)),
            "Company / Id" => set("companyId", json!(cell)),
            "Person / Id" => set("personId", json!(cell)),
            "Account Owner / Id" | "AccountOwner / Id" => set("accountOwnerId", json!(cell)),
            "Owner / Id" => set("ownerId", json!(cell)),
            "Point of Contact / Id" | "PointOfContact / Id" => set("pointOfContactId", json!(cell)),
            "Parent company / Id" => set("parentCompanyId", json!(cell)),
            other => panic!("no column is called {other:?}"),
        }
    }
    Json::Object(record)
}

async fn import(simulator: &TwentySimulator, folder: &Path, delivery: &Delivery) {
    let client = reqwest::Client::new();
    for file in &delivery.files {
        let mut reader = csv::Reader::from_path(folder.join(&file.name)).unwrap();
        let heads = reader.headers().unwrap().clone();
        let rows: Vec<Json> = reader.records().map(|row| record(&heads, &row.unwrap())).collect();
        assert_eq!(rows.len(), file.records, "{}", file.name);
        let plural = match file.object.as_str() {
            "company" => "companies",
            "person" => "people",
            "opportunity" => "opportunities",
            "note" => "notes",
            "advisor" => "advisors",
            other => panic!("{other}"),
        };
        let url = format!("{}/rest/batch/{plural}?upsert=true", simulator.url());
        let answer = client.post(url).bearer_auth(simulator.token()).json(&rows).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{}: {}", file.name, answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn imported_files_make_the_same_workspace() {
    let (direct, by_hand) = (World::start().await, World::start().await);
    let report = direct.run(&direct.migration(direct.twenty.clone()), "twenty").await;
    assert!(report.finished && !report.delivered);

    let folder = tempfile::tempdir().unwrap();
    let files = TwentyCsv::open(by_hand.twenty.clone(), folder.path()).unwrap().rows_per_file(10);
    let files = Arc::new(files);
    let migration = by_hand.migration(files.clone());
    let report = by_hand.run(&migration, crmkit_twenty::CSV_KIND).await;
    assert!(report.finished && report.delivered && report.to_markdown().contains("Delivered, not verified"));
    assert!(by_hand.rows().iter().take(5).all(Vec::is_empty), "nothing is in the workspace before somebody imports it");
    // What is in the files is what should be, and that is no proof of an import.
    let reconciliation = migration.reconcile().await.unwrap();
    assert!(reconciliation.mismatches.is_empty() && reconciliation.delivered && !reconciliation.clean);

    let delivery = files.deliver().await.unwrap();
    let names: Vec<&str> = delivery.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "01-company-001.csv",
            "01-company-002.csv",
            "01-company-003.csv",
            "02-person-001.csv",
            "03-opportunity-001.csv",
            "04-note-001.csv",
            "05-advisor-001.csv",
            "05-advisor-002.csv",
            "05-advisor-003.csv",
            "06-company-links-001.csv",
            "06-company-links-002.csv",
            "06-company-links-003.csv",
        ]
    );
    assert_eq!(
        delivery.after_import.iter().map(|(object, count)| (object.as_str(), *count)).collect::<Vec<_>>(),
        [("noteTarget", 1)]
    );
    let people = std::fs::read_to_string(folder.path().join("02-person-001.csv")).unwrap();
    let head = "Id,Company / Id,Emails / Primary Email,Emails / Additional Emails,Name / First Name,Name / Last Name,\
                Phones / Primary Phone Number,Phones / Primary Phone Country Code,Phones / Primary Phone Calling Code,\
                Phones / Additional Phones";
    let mut heads: Vec<&str> = people.lines().next().unwrap().split(',').collect();
    heads.sort_unstable();
    let mut expected: Vec<&str> = head.split(',').collect();
    expected.sort_unstable();
    assert_eq!(heads, expected);
    let readme = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    let places: Vec<usize> = names.iter().map(|name| readme.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{readme}");
    assert!(readme.contains("- Companies: 25") && readme.contains("noteTarget: 1"), "{readme}");
    let manifest: Json = serde_json::from_slice(&std::fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["files"].as_array().unwrap().len(), names.len());

    import(&by_hand.simulator, folder.path(), &delivery).await;
    let soon = || by_hand.clock.now() + TimeDelta::seconds(600);
    let attached = files.attach(soon()).await.unwrap();
    assert_eq!((attached.made, attached.known, attached.refused.len()), (1, 0, 0));
    let again = files.attach(soon()).await.unwrap();
    assert_eq!((again.made, again.known), (0, 1));
    for ((table, imported), direct) in TABLES.iter().zip(by_hand.rows()).zip(direct.rows()) {
        assert_eq!(imported.len(), direct.len(), "{table}");
        for (imported, direct) in imported.iter().zip(&direct) {
            let (one, two) = (imported.as_object().unwrap(), direct.as_object().unwrap());
            for (name, value) in one {
                // The workspaces have their own members and fields.
                if !["accountOwnerId", "ownerId"].contains(&name.as_str()) {
                    assert_eq!(Some(value), two.get(name), "{table} {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_killed_run_goes_on_with_what_was_answered() {
    let world = World::start().await;
    world.twenty.describe().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let id = |n: usize| format!("20202020-0000-5000-8000-{n:012}");
    let company = |n: usize, site: &str| {
        let fields = [
            ("id".into(), Value::text(id(n))),
            ("name".into(), Value::text("Acme")),
            ("domainName".into(), Value::text(site)),
        ];
        crmkit_core::Operation { kind: crmkit_core::OperationKind::Create, fields: fields.into_iter().collect() }
    };
    let write = |files: Arc<TwentyCsv>, operations| async move {
        let send_before = chrono::Utc::now();
        let batch = crmkit_core::WriteBatch { object: "company".into(), operations, send_before };
        files.write(&batch).await.unwrap()
    };
    let open = || Arc::new(TwentyCsv::open(world.twenty.clone(), folder.path()).unwrap());
    let files = open();
    let results = write(files.clone(), vec![company(1, "https://a.example"), company(2, "https://A.example")]).await;
    assert!(results[0].is_ok() && results[1].is_err(), "a domain is there once: {results:?}");
    drop(files);
    // The process died in the middle of a line.
    let path = folder.path().join("records/company.jsonl");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"{\"id\":\"2020");
    std::fs::write(&path, bytes).unwrap();
    let files = open();
    let found = files.reader().unwrap().fetch(&"company".into(), &[id(1).into(), id(2).into()]).await.unwrap();
    assert!(found[0].is_some() && found[1].is_none());
    let results = write(files.clone(), vec![company(1, "https://b.example"), company(3, "https://a.example")]).await;
    assert!(results.iter().all(Result::is_err), "{results:?}");
    files.remover().unwrap().remove(&"company".into(), &id(1).into(), None, chrono::Utc::now()).await.unwrap();
    assert!(write(files.clone(), vec![company(3, "https://a.example")]).await[0].is_ok());
    let delivery = open().deliver().await.unwrap();
    assert_eq!((delivery.files.len(), delivery.files[0].records), (1, 1));
}
