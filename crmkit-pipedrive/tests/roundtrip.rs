//! What is written comes back equal, through the simulator.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    Address, Destination, DestinationWriter, ErrorKind, FieldName, FieldSchema, FieldType, Fields, ItemKind, Labelled,
    Markup, Money, ObjectName, Operation, OperationKind, PageRequest, Permission, Probe, Reader as _, RecordId,
    RecordRef, Retry, RichText, SchemaItem, SystemClock, Value, WriteBatch, Written,
    chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc},
    rust_decimal::Decimal,
};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig,
    simulator::{DueTimes, PipedriveSimulator, SetNotation, Stray, Switches},
};
use futures::{StreamExt, TryStreamExt, stream};

struct World {
    simulator: PipedriveSimulator,
    crm: Pipedrive,
}

impl World {
    async fn new() -> Self {
        let mut switches = Switches::default();
        (switches.firmographics, switches.contact_sync) = (true, true);
        let simulator = PipedriveSimulator::builder().limits(false).switches(switches).start().await.unwrap();
        let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
        config.unlimited = true;
        let crm = Pipedrive::builder(config, Arc::new(SystemClock)).build().unwrap();
        Self { simulator, crm }
    }

    async fn provision(&self, item: SchemaItem) -> String {
        self.crm.provisioner().unwrap().create(&item, soon()).await.unwrap()
    }

    async fn field(&self, object: &str, name: &str, ty: FieldType, options: &[&str]) -> String {
        let mut item = item(ItemKind::Field, object, None, name);
        item.ty = Some(ty);
        item.options = options.iter().map(|option| (*option).to_owned()).collect();
        self.provision(item).await
    }

    async fn write(&self, object: &str, kind: OperationKind, fields: Fields) -> crmkit_core::Result<Written> {
        let operations = vec![Operation { kind, fields }];
        let batch = WriteBatch { object: object.into(), operations, send_before: soon() };
        self.crm.write(&batch).await?.remove(0)
    }

    async fn create(&self, object: &str, fields: Fields) -> RecordId {
        self.write(object, OperationKind::Create, fields).await.unwrap().id
    }

    /// Writes a record and compares the answer and what is read back with it.
    async fn round(&self, object: &str, fields: Fields) -> RecordId {
        let written = self.write(object, OperationKind::Create, fields.clone()).await.unwrap();
        let answered = written.stored.unwrap();
        let read = self.crm.fetch(&object.into(), std::slice::from_ref(&written.id)).await.unwrap().remove(0).unwrap();
        for (name, value) in &fields {
            assert_eq!(answered.fields.get(name), Some(value), "{object}.{name} as answered");
            assert_eq!(read.fields.get(name), Some(value), "{object}.{name} as read back");
        }
        written.id
    }

    async fn describe(&self) -> Destination {
        self.crm.describe().await.unwrap()
    }
}

fn soon() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(60)
}

fn item(kind: ItemKind, object: &str, parent: Option<&str>, name: &str) -> SchemaItem {
    SchemaItem {
        kind,
        object: object.into(),
        parent: parent.map(str::to_owned),
        name: name.into(),
        ty: None,
        options: Vec::new(),
        probability: None,
        conditions: Vec::new(),
    }
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

fn link(object: &str, id: &RecordId) -> Value {
    Value::link(RecordRef::new(object, id.clone()))
}

fn user(id: &str) -> Value {
    Value::link(RecordRef::new("user", id))
}

fn moment(text: &str) -> Value {
    Value::Timestamp(text.parse().unwrap())
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn money(amount: &str, currency: &str) -> Value {
    Value::Money(Money { amount: amount.parse().unwrap(), currency: currency.into() })
}

fn labelled(pairs: &[(&str, &str)]) -> Value {
    let items = pairs.iter().map(|(value, label)| {
        Value::Labelled(Arc::new(Labelled { value: (*value).into(), label: Some((*label).into()) }))
    });
    Value::List(items.collect())
}

fn address() -> Value {
    Value::Address(Arc::new(Address {
        street: "12 Mill Lane".into(),
        city: "Leeds".into(),
        region: "Yorkshire".into(),
        postal_code: "LS1 4AP".into(),
        country: "United Kingdom".into(),
    }))
}

fn html(text: &str) -> Value {
    Value::Rich(Arc::new(RichText { markup: Markup::Html, text: text.into() }))
}

fn picks(ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| Value::option(*id)).collect())
}

/// One custom field of every type, with a value of it.
async fn customs(world: &World, object: &str) -> Vec<(String, Value)> {
    let plain = [
        ("short", FieldType::Text { max: Some(255) }, Value::text("ünïcode \"quoted\"")),
        ("long", FieldType::LongText, Value::text("x".repeat(4_000))),
        ("url", FieldType::Url, Value::text("https://acme.example/a?b=c")),
        ("number", FieldType::Decimal, decimal("1234.5678")),
        ("whole", FieldType::Int, decimal("42")),
        ("money", FieldType::Money, money("99.95", "USD")),
        ("day", FieldType::Date, day("2023-12-31")),
        ("time", FieldType::Time, Value::Time(NaiveTime::from_hms_opt(9, 30, 0).unwrap())),
        ("address", FieldType::Address, address()),
        ("user", FieldType::link("user"), user("2")),
    ];
    let mut customs = Vec::new();
    for (name, ty, value) in plain {
        customs.push((world.field(object, name, ty, &[]).await, value));
    }
    let pick = world.field(object, "pick", FieldType::Option, &["a", "b"]).await;
    let several = world.field(object, "several", FieldType::Options, &["x", "y", "z"]).await;
    let sure = world.field(object, "sure", FieldType::Bool, &[]).await;
    let schema = world.describe().await.schema;
    let option = |code: &str, label: &str| {
        let field = &schema.object(&object.into()).unwrap().fields[code];
        field.options.iter().find(|option| option.label == label).unwrap().id.clone()
    };
    assert_eq!(schema.object(&object.into()).unwrap().fields[sure.as_str()].ty, FieldType::Option);
    customs.push((pick.clone(), Value::option(option(&pick, "b"))));
    customs.push((several.clone(), picks(&[&option(&several, "x"), &option(&several, "z")])));
    customs.push((sure.clone(), Value::option(option(&sure, "Yes"))));
    customs
}

fn with(mut fields: Fields, customs: &[(String, Value)]) -> Fields {
    fields.extend(customs.iter().map(|(code, value)| (FieldName::from(code.as_str()), value.clone())));
    fields
}

#[tokio::test]
async fn every_writable_field_comes_back_equal() {
    let world = World::new().await;
    let labels = world.describe().await.schema;
    let label = |object: &str, index: usize| {
        labels.object(&object.into()).unwrap().fields["label_ids"].options[index].id.clone()
    };
    let industry = labels.object(&"organization".into()).unwrap().fields["industry"].options[0].id.clone();

    let organization = with(
        fields([
            ("name", Value::text("Acme & Søns")),
            ("owner_id", user("2")),
            ("add_time", moment("2019-05-06T07:08:09Z")),
            ("address", address()),
            ("label_ids", picks(&[&label("organization", 0), &label("organization", 2)])),
            ("website", Value::text("https://acme.example")),
            ("linkedin", Value::text("https://linkedin.example/acme")),
            ("industry", Value::option(industry)),
            ("annual_revenue", Value::Int(1_500_000)),
            ("employee_count", Value::Int(250)),
        ]),
        &customs(&world, "organization").await,
    );
    let org = world.round("organization", organization.clone()).await;

    let person = with(
        fields([
            ("name", Value::text("Ann Lee")),
            ("emails", labelled(&[("ann@acme.example", "work"), ("ann@home.example", "home")])),
            ("phones", labelled(&[("+44 113 496 0000", "mobile")])),
            ("org_id", link("organization", &org)),
            ("owner_id", user("3")),
            ("add_time", moment("2020-02-29T00:00:00Z")),
            ("label_ids", picks(&[&label("person", 1)])),
            ("job_title", Value::text("Head of Things")),
            ("birthday", day("1980-01-31")),
            ("notes", Value::text("met at a fair")),
            ("postal_address", address()),
        ]),
        &customs(&world, "person").await,
    );
    let ann = world.round("person", person.clone()).await;

    let stage = labels.object(&"deal".into()).unwrap().fields["stage_id"].options[2].id.clone();
    let deal = with(
        fields([
            ("title", Value::text("Renewal")),
            ("value", money("1999.5", "EUR")),
            ("stage_id", Value::option(stage)),
            ("status", Value::option("won")),
            ("won_time", moment("2023-05-06T07:08:09Z")),
            ("close_time", moment("2023-05-06T07:08:09Z")),
            ("expected_close_date", day("2023-06-01")),
            ("probability", decimal("75")),
            ("person_id", link("person", &ann)),
            ("org_id", link("organization", &org)),
            ("owner_id", user("2")),
            ("label_ids", picks(&[&label("deal", 0)])),
        ]),
        &customs(&world, "deal").await,
    );
    let renewal = world.round("deal", deal.clone()).await;
    let lost = fields([
        ("title", Value::text("Lost")),
        ("status", Value::option("lost")),
        ("lost_time", moment("2023-05-06T07:08:09Z")),
        ("lost_reason", Value::text("price")),
    ]);
    world.round("deal", lost.clone()).await;

    let hot = labels.object(&"lead".into()).unwrap().fields["label_ids"].options[0].id.clone();
    let lead_customs = deal.iter().filter(|(name, _)| name.as_str().len() == 40);
    let mut lead = fields([
        ("title", Value::text("Perhaps")),
        ("value", money("250", "USD")),
        ("expected_close_date", day("2027-06-01")),
        ("person_id", link("person", &ann)),
        ("organization_id", link("organization", &org)),
        ("owner_id", user("2")),
        ("label_ids", picks(&[&hot])),
        ("was_seen", Value::Bool(true)),
        ("origin_id", Value::text("source 7")),
    ]);
    lead.extend(lead_customs.map(|(name, value)| (name.clone(), value.clone())));
    let perhaps = world.round("lead", lead.clone()).await;

    let bob = world.create("person", fields([("name", Value::text("Bob"))])).await;
    let meeting = fields([
        ("subject", Value::text("Kick-off")),
        ("type", Value::option("meeting")),
        ("due", moment("2023-05-06T07:08:00Z")),
        ("due_date", day("2023-05-06")),
        ("end", moment("2023-05-06T08:38:00Z")),
        ("duration", Value::Duration(5400)),
        ("done", Value::Bool(true)),
        ("busy", Value::Bool(true)),
        ("note", html("<p>went <b>well</b></p>")),
        ("location", Value::text("12 Mill Lane, Leeds")),
        ("public_description", Value::text("all welcome")),
        ("deal_id", link("deal", &renewal)),
        ("person_id", link("person", &ann)),
        ("participants", Value::List([link("person", &ann), link("person", &bob)].into())),
        ("org_id", link("organization", &org)),
        ("owner_id", user("2")),
    ]);
    world.round("activity", meeting.clone()).await;
    let task = fields([
        ("subject", Value::text("Ask again")),
        ("type", Value::option("task")),
        ("due_date", day("2023-05-06")),
        ("lead_id", link("lead", &perhaps)),
    ]);
    world.round("activity", task.clone()).await;

    let pinned = |flag: &'static str, link: (&'static str, Value)| {
        fields([("content", html("<p>Pinned</p>")), link, (flag, Value::Bool(true))])
    };
    let pins = [
        pinned("pinned_to_deal_flag", ("deal_id", link("deal", &renewal))),
        pinned("pinned_to_person_flag", ("person_id", link("person", &ann))),
        pinned("pinned_to_organization_flag", ("org_id", link("organization", &org))),
        pinned("pinned_to_lead_flag", ("lead_id", link("lead", &perhaps))),
    ];
    for pin in &pins {
        world.round("note", pin.clone()).await;
    }
    let follower = fields([("org_id", link("organization", &org)), ("user_id", user("3"))]);
    world.round("organization_follower", follower.clone()).await;
    let person_follower = fields([("person_id", link("person", &ann)), ("user_id", user("2"))]);
    world.round("person_follower", person_follower.clone()).await;
    let deal_follower = fields([("deal_id", link("deal", &renewal)), ("user_id", user("3"))]);
    world.round("deal_follower", deal_follower.clone()).await;
    let participant = fields([("deal_id", link("deal", &renewal)), ("person_id", link("person", &bob))]);
    world.round("deal_participant", participant.clone()).await;

    let note = fields([
        ("content", html("<p>Hello <b>there</b></p>")),
        ("deal_id", link("deal", &renewal)),
        ("person_id", link("person", &ann)),
        ("org_id", link("organization", &org)),
        ("user_id", user("2")),
        ("add_time", moment("2018-01-02T03:04:05Z")),
    ]);
    world.round("note", note.clone()).await;

    let daughter = world.create("organization", fields([("name", Value::text("Daughter"))])).await;
    let parent = fields([
        ("type", Value::option("parent")),
        ("rel_owner_org_id", link("organization", &org)),
        ("rel_linked_org_id", link("organization", &daughter)),
    ]);
    world.round("organization_relationship", parent.clone()).await;

    // Nothing writable was left out.
    let tested = [
        ("organization", vec![&organization]),
        ("person", vec![&person]),
        ("deal", vec![&deal, &lost]),
        ("lead", vec![&lead]),
        ("activity", vec![&meeting, &task]),
        ("note", [&note].into_iter().chain(&pins).collect()),
        ("deal_participant", vec![&participant]),
        ("organization_follower", vec![&follower]),
        ("person_follower", vec![&person_follower]),
        ("deal_follower", vec![&deal_follower]),
        ("organization_relationship", vec![&parent]),
    ];
    let schema = world.describe().await.schema;
    for (object, records) in tested {
        for field in schema.object(&object.into()).unwrap().fields.values() {
            let covered = records.iter().any(|record| record.contains_key(&field.name));
            assert!(covered || !field.writable || field.carrier.is_some(), "{object}.{} is not tested", field.name);
        }
    }
    let attached = world.crm.fetch(&"organization".into(), &[org]).await.unwrap().remove(0).unwrap().attached;
    let counts: Vec<_> = ["note", "person", "deal", "activity"].iter().map(|object| attached[*object]).collect();
    assert_eq!(counts, [2, 1, 1, 1]);
}

#[tokio::test]
async fn an_update_changes_only_what_it_names() {
    let world = World::new().await;
    let code = world.field("person", "tier", FieldType::Text { max: Some(255) }, &[]).await;
    let mut record = fields([
        ("name", Value::text("Ann")),
        ("add_time", moment("2020-02-29T00:00:00Z")),
        ("emails", labelled(&[("ann@acme.example", "work")])),
    ]);
    record.insert(code.as_str().into(), Value::text("gold"));
    let id = world.create("person", record.clone()).await;
    let update = || OperationKind::Update { id: id.clone(), version: None };

    let change = fields([("name", Value::text("Ann Lee"))]);
    let stored = world.write("person", update(), change).await.unwrap().stored.unwrap();
    assert_eq!(stored.fields["name"], Value::text("Ann Lee"));
    assert_eq!(stored.fields["emails"], record["emails"]);
    assert_eq!(stored.fields[code.as_str()], Value::text("gold"));

    let mut clear = fields([("emails", Value::Null)]);
    clear.insert(code.as_str().into(), Value::Null);
    let stored = world.write("person", update(), clear).await.unwrap().stored.unwrap();
    assert!(!stored.fields.contains_key("emails") && !stored.fields.contains_key(code.as_str()));

    // A creation time may be named again, as when an adopted record gets all its values; it cannot change.
    let again = world.write("person", update(), record.clone()).await.unwrap().stored.unwrap();
    assert_eq!(again.fields["name"], Value::text("Ann"));
    let other = fields([("add_time", moment("2021-01-01T00:00:00Z"))]);
    let error = world.write("person", update(), other).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never));
    assert_eq!(error.context("field"), Some("add_time"));
    let null = world.write("person", update(), fields([("name", Value::Null)])).await.unwrap_err();
    assert_eq!(null.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn items_are_created_described_and_retired() {
    let world = World::new().await;
    let deal = "deal";
    let pipeline = world.provision(item(ItemKind::Pipeline, deal, None, "Migrated")).await;
    let mut stages = Vec::new();
    for (name, probability) in [("New", 10), ("Late", 90)] {
        let mut stage = item(ItemKind::Stage, deal, Some(&pipeline), name);
        stage.probability = Some(probability);
        stages.push(world.provision(stage).await);
    }
    let field = world.field(deal, "Source", FieldType::Option, &["web", "fair"]).await;
    let option = world.provision(item(ItemKind::Option, deal, Some(&field), "phone")).await;
    let label = world.provision(item(ItemKind::Label, deal, None, "VIP")).await;

    let described = world.describe().await;
    let of =
        |id: &str, kind| described.items.iter().find(|item| item.id == id && item.item.kind == kind).unwrap().clone();
    let made = [
        of(&stages[1], ItemKind::Stage),
        of(&stages[0], ItemKind::Stage),
        of(&pipeline, ItemKind::Pipeline),
        of(&option, ItemKind::Option),
        of(&field, ItemKind::Field),
        of(&label, ItemKind::Label),
    ];
    assert_eq!(made[0].item.probability, Some(90));
    assert_eq!(made[0].item.parent.as_deref(), Some(pipeline.as_str()));
    assert_eq!(made[4].item.options, ["web", "fair", "phone"]);
    let stage_options = &described.schema.object(&deal.into()).unwrap().fields["stage_id"].options;
    let labels: Vec<_> = stage_options.iter().rev().take(2).map(|option| option.label.as_str()).collect();
    assert_eq!(labels, ["Migrated/Late", "Migrated/New"]);

    // A freshly created option can be written at once: the schema that was kept is dropped.
    let mut record = fields([("title", Value::text("Deal")), ("stage_id", Value::option(stages[1].as_str()))]);
    record.insert(field.as_str().into(), Value::option(option.as_str()));
    let id = world.round(deal, record).await;
    let pipeline_id = world.crm.fetch(&deal.into(), std::slice::from_ref(&id)).await.unwrap().remove(0).unwrap();
    assert_eq!(pipeline_id.fields["pipeline_id"], Value::option(pipeline.as_str()));
    world.crm.remover().unwrap().remove(&deal.into(), &id, None, soon()).await.unwrap();

    for item in &made {
        for _ in 0..2 {
            world.crm.provisioner().unwrap().retire(item, soon()).await.unwrap();
        }
    }
    let after = world.describe().await;
    assert!(made.iter().all(|made| after.items.iter().all(|item| item != made)));
}

#[tokio::test]
async fn the_account_tells_who_it_is() {
    let world = World::new().await;
    let described = world.describe().await;
    assert_eq!(described.kind, crmkit_pipedrive::KIND);
    assert!(!described.account.is_empty());
    assert_eq!(described.users.iter().filter(|user| user.importing).count(), 1);
    assert_eq!(described.permissions["schema"], Permission::Yes);
    assert_eq!(described.permissions["see_all"], Permission::Unknown);
    let objects: Vec<_> = described.schema.objects.keys().map(ObjectName::as_str).collect();
    let expected = [
        "organization",
        "person",
        "deal",
        "lead",
        "activity",
        "note",
        "file",
        "organization_relationship",
        "deal_participant",
        "organization_follower",
        "person_follower",
        "deal_follower",
    ];
    assert_eq!(objects, expected);
    let requests = world.simulator.requests();
    assert_eq!(requests.len(), 9, "one request per list");
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_before_anything_is_sent() {
    let world = World::new().await;
    world.describe().await;
    let before = world.simulator.requests().len();
    let cases = [
        ("person", "name", Value::text("x".repeat(256))),
        ("person", "name", Value::Int(1)),
        ("person", "emails", Value::text("ann@acme.example")),
        ("person", "org_id", Value::link(RecordRef::new("deal", "1"))),
        ("person", "org_id", Value::link(RecordRef::new("organization", "x"))),
        ("person", "update_time", moment("2020-02-29T00:00:00Z")),
        ("person", "birthday", moment("2020-02-29T00:00:00Z")),
        ("person", "shoe_size", Value::Int(1)),
        ("person", "label_ids", picks(&["99999"])),
        ("organization", "parent", Value::link(RecordRef::new("organization", "1"))),
        ("organization", "employee_count", decimal("1.5")),
        ("deal", "stage_id", Value::option("99999")),
        ("deal", "value", Value::Decimal(Decimal::ONE)),
        ("deal", "value", money("0.1234567890123456789", "EUR")),
        ("deal", "add_time", moment("2020-02-29T00:00:00Z")),
        ("note", "content", Value::text("plain")),
        ("organization_relationship", "type", Value::option("cousin")),
    ];
    for (object, field, value) in cases {
        let mut record = fields([(if object == "deal" { "title" } else { "name" }, Value::text("Ann"))]);
        record.insert(field.into(), value);
        let error = world.write(object, OperationKind::Create, record).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never), "{object}.{field}: {error}");
    }
    let empty = world.write("deal", OperationKind::Create, Fields::new()).await.unwrap_err();
    assert_eq!(empty.context("field"), Some("title"));
    assert_eq!(world.simulator.requests().len(), before);
    let unknown = WriteBatch { object: "ghost".into(), operations: Vec::new(), send_before: soon() };
    assert_eq!(world.crm.write(&unknown).await.unwrap_err().kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn scans_give_every_live_record_once() {
    let world = World::new().await;
    let mut organizations = Vec::new();
    for index in 0..7 {
        organizations.push(world.create("organization", fields([("name", Value::text(format!("o{index}")))])).await);
    }
    for pair in organizations.windows(2) {
        let relation = fields([
            ("type", Value::option("parent")),
            ("rel_owner_org_id", link("organization", &pair[0])),
            ("rel_linked_org_id", link("organization", &pair[1])),
        ]);
        world.create("organization_relationship", relation).await;
        world.create("note", fields([("content", html("x")), ("org_id", link("organization", &pair[0]))])).await;
    }
    world.crm.remover().unwrap().remove(&"organization".into(), &organizations[6], None, soon()).await.unwrap();
    for (object, expected) in [("organization", 6), ("note", 6), ("organization_relationship", 6), ("deal", 0)] {
        let mut request = PageRequest::first(object, 3);
        let mut ids = Vec::new();
        loop {
            let page = world.crm.scan(&request).await.unwrap();
            ids.extend(page.items.into_iter().map(|stored| stored.id));
            match page.next {
                Some(next) => request = request.at(next),
                None => break,
            }
        }
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), unique.len()), (expected, expected), "{object}");
    }
}

#[tokio::test]
async fn probes_find_by_marker_and_by_witness() {
    let world = World::new().await;
    let marker = world.field("deal", "crmkit_id", FieldType::Text { max: Some(255) }, &[]).await;
    let sent_after = Utc::now() - TimeDelta::seconds(2);
    let mut ids = Vec::new();
    for index in 0..3 {
        let mut record = fields([("title", Value::text("Deal"))]);
        record.insert(marker.as_str().into(), Value::text(format!("key-{index}")));
        ids.push(world.create("deal", record).await);
    }
    world.crm.remover().unwrap().remove(&"deal".into(), &ids[2], None, soon()).await.unwrap();
    let probe = |fields: Fields| Probe { fields, sent_after };
    let keys = ["key-0", "key-1", "key-2", "key-3"]
        .map(|key| probe([(marker.as_str().into(), Value::text(key))].into_iter().collect()));
    let found = world.crm.find(&"deal".into(), &keys).await.unwrap();
    let counts: Vec<_> = found.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 1, 1, 0]);
    assert_eq!((&found[1][0].id, found[1][0].trashed, found[2][0].trashed), (&ids[1], false, true));
    assert_eq!(found[0][0].fields["title"], Value::text("Deal"));

    let note = fields([
        ("content", html("<p>Hi <script>x()</script><b>you</b></p>")),
        ("deal_id", link("deal", &ids[0])),
        ("add_time", moment("2018-01-02T03:04:05Z")),
    ]);
    let written = world.create("note", note.clone()).await;
    let other = fields([("content", html("other")), ("deal_id", link("deal", &ids[0]))]);
    let found = world.crm.find(&"note".into(), &[probe(note), probe(other)]).await.unwrap();
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
    assert_eq!(found[0][0].id, written);

    let (a, b) = (
        world.create("organization", fields([("name", Value::text("a"))])).await,
        world.create("organization", fields([("name", Value::text("b"))])).await,
    );
    let relation = |owner: &RecordId, linked: &RecordId| {
        fields([
            ("type", Value::option("parent")),
            ("rel_owner_org_id", link("organization", owner)),
            ("rel_linked_org_id", link("organization", linked)),
        ])
    };
    world.create("organization_relationship", relation(&a, &b)).await;
    let probes = [probe(relation(&a, &b)), probe(relation(&b, &a))];
    let found = world.crm.find(&"organization_relationship".into(), &probes).await.unwrap();
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
}

#[tokio::test]
async fn dates_of_the_calendar_stay_themselves() {
    let world = World::new().await;
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let deal = fields([("title", Value::text("Leap")), ("expected_close_date", Value::Date(date))]);
    world.round("deal", deal).await;
}

#[tokio::test]
async fn a_trashed_record_is_marked_or_gone_as_the_account_has_it() {
    for readable in [true, false] {
        let world = World::new().await;
        let mut switches = Switches::default();
        switches.deleted_is_readable = readable;
        world.simulator.set_switches(switches).unwrap();
        let [kept, removed] = [
            world.create("person", fields([("name", Value::text("kept"))])).await,
            world.create("person", fields([("name", Value::text("removed"))])).await,
        ];
        world.crm.remover().unwrap().remove(&"person".into(), &removed, None, soon()).await.unwrap();
        let found = world.crm.fetch(&"person".into(), &[removed, kept.clone()]).await.unwrap();
        assert_eq!(found[0].as_ref().map(|stored| stored.trashed), readable.then_some(true));
        assert_eq!(found[1].as_ref().map(|stored| &stored.id), Some(&kept));
    }
}

/// Who owns a record follows it, and a deal's contact takes part in it: adding them again is no error, and taking that back removes
/// nobody.
#[tokio::test]
async fn who_was_there_before_stays() {
    for again in [Stray::Refused, Stray::Ignored] {
        let world = World::new().await;
        let mut switches = Switches::default();
        switches.participant_again = again;
        world.simulator.set_switches(switches).unwrap();
        let ann = world.create("person", fields([("name", Value::text("Ann"))])).await;
        let deal =
            fields([("title", Value::text("Deal")), ("person_id", link("person", &ann)), ("owner_id", user("2"))]);
        let deal = world.create("deal", deal).await;
        let before = world.simulator.dump();
        let contact = fields([("deal_id", link("deal", &deal)), ("person_id", link("person", &ann))]);
        let owner = fields([("deal_id", link("deal", &deal)), ("user_id", user("2"))]);
        for (object, record) in [("deal_participant", contact), ("deal_follower", owner)] {
            let id = world.round(object, record).await;
            world.crm.remover().unwrap().remove(&object.into(), &id, None, soon()).await.unwrap();
            let found = world.crm.fetch(&object.into(), &[id]).await.unwrap();
            assert!(found[0].is_some(), "{object} is still there");
        }
        let rows = |dump: &serde_json::Value| dump["companies"][0]["store"]["tables"]["deals"].clone();
        assert_eq!(rows(&before), rows(&world.simulator.dump()));
    }
}

/// Where the documents leave a spelling open, the account decides.
#[tokio::test]
async fn spellings_that_the_documents_leave_open_are_found_out() {
    use DueTimes::{Minutes, Seconds};
    use SetNotation::{Array, Text};
    for (sets, times) in [(Text, Seconds), (Array, Minutes), (Text, Minutes), (Array, Seconds)] {
        let world = World::new().await;
        let mut switches = Switches::default();
        (switches.lead_sets, switches.due_times) = (sets, times);
        switches.times_have_seconds = times == Seconds;
        world.simulator.set_switches(switches).unwrap();
        let code = world.field("deal", "colours", FieldType::Options, &["red", "green"]).await;
        let org = world.create("organization", fields([("name", Value::text("Acme"))])).await;
        let schema = world.describe().await.schema;
        let ids: Vec<_> = schema.object(&"lead".into()).unwrap().fields[code.as_str()]
            .options
            .iter()
            .map(|it| it.id.clone())
            .collect();
        for n in 0..3 {
            let mut lead = fields([("title", Value::text("Lead")), ("organization_id", link("organization", &org))]);
            lead.insert(code.as_str().into(), picks(&[&ids[0], &ids[1]]));
            world.round("lead", lead).await;
            let call = fields([
                ("subject", Value::text(format!("Call {n}"))),
                ("type", Value::option("call")),
                ("due", moment("2023-05-06T07:08:00Z")),
                ("duration", Value::Duration(600)),
            ]);
            world.round("activity", call).await;
        }
        let refused = world.simulator.requests().iter().filter(|request| request.status == Some(400)).count();
        assert!(refused <= 2, "{refused}");
    }
}

#[tokio::test]
async fn files_are_streamed_and_read_back() {
    for redirects in [false, true] {
        let world = World::new().await;
        let mut switches = Switches::default();
        switches.download_redirects = redirects;
        world.simulator.set_switches(switches).unwrap();
        let org = world.create("organization", fields([("name", Value::text("Acme"))])).await;
        let deal = world
            .create("deal", fields([("title", Value::text("Deal")), ("org_id", link("organization", &org))]))
            .await;
        let lead = fields([("title", Value::text("Lead")), ("organization_id", link("organization", &org))]);
        let lead = world.create("lead", lead).await;
        let file = fields([
            ("name", Value::text("Plan \"B\" für Ann.pdf")),
            ("org_id", link("organization", &org)),
            ("deal_id", link("deal", &deal)),
            ("lead_id", link("lead", &lead)),
        ]);
        let content: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
        let chunks: Vec<_> = content.chunks(64 * 1024).map(|chunk| Ok(chunk.into())).collect();
        let sink = world.crm.file_sink().unwrap();
        let sent_after = Utc::now() - TimeDelta::seconds(2);
        let written = sink.store(&"file".into(), &file, stream::iter(chunks).boxed(), soon()).await.unwrap();
        let read = world.crm.fetch(&"file".into(), std::slice::from_ref(&written.id)).await.unwrap().remove(0).unwrap();
        for (name, value) in &file {
            let (field, stored) = (FieldSchema::new(name.clone(), "", FieldType::text()), read.fields.get(name));
            assert!(stored == Some(value) || world.crm.respells(&field, value, stored), "{name}: {stored:?}");
        }
        assert_eq!(read.fields["file_size"], Value::Int(700_000));
        let back: Vec<_> = sink.open(&"file".into(), &written.id).await.unwrap().try_collect().await.unwrap();
        assert!(back.concat() == content, "redirects: {redirects}");
        let found = world.crm.find(&"file".into(), &[Probe { fields: file.clone(), sent_after }]).await.unwrap();
        assert_eq!(found[0].iter().map(|stored| &stored.id).collect::<Vec<_>>(), [&written.id]);
        world.crm.remover().unwrap().remove(&"file".into(), &written.id, None, soon()).await.unwrap();
        let gone = world.crm.fetch(&"file".into(), &[written.id]).await.unwrap().remove(0);
        assert!(gone.is_none_or(|stored| stored.trashed));
    }
}

#[tokio::test]
async fn a_file_over_the_limit_is_broken_off_and_leaves_nothing() {
    let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    (config.unlimited, config.max_file_bytes) = (true, 1_000);
    let crm = Pipedrive::builder(config, Arc::new(SystemClock)).build().unwrap();
    assert_eq!(crm.describe().await.unwrap().abilities["file"].max_bytes, Some(1_000));
    let store = |bytes: usize| {
        let chunks: Vec<_> = vec![0_u8; bytes].chunks(300).map(|chunk| Ok(chunk.into())).collect();
        let file = fields([("name", Value::text("big.bin"))]);
        let sink = crm.file_sink().unwrap();
        async move { sink.store(&"file".into(), &file, stream::iter(chunks).boxed(), soon()).await }
    };
    let error = store(1_001).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never), "{error}");
    let files = || simulator.dump()["companies"][0]["store"]["tables"]["files"].as_array().map_or(0, Vec::len);
    assert_eq!(files(), 0);
    store(1_000).await.unwrap();
    assert_eq!(files(), 1);
    // An account that takes less than we thought says so, and is not asked again.
    let mut switches = Switches::default();
    switches.file_bytes = 500;
    simulator.set_switches(switches).unwrap();
    let error = store(900).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never), "{error}");
}

/// The interface knows HTML only: Markdown shows as it was typed, and is found and compared by that.
#[tokio::test]
async fn markdown_shows_as_it_was_typed() {
    let world = World::new().await;
    let org = world.create("organization", fields([("name", Value::text("Acme"))])).await;
    let typed = "# Plan\n\n1. a < b & *c*\n2. [two](https://a.example/)";
    let markdown = Value::Rich(Arc::new(RichText { markup: Markup::Markdown, text: typed.into() }));
    let note = fields([("content", markdown.clone()), ("org_id", link("organization", &org))]);
    let sent_after = Utc::now() - TimeDelta::seconds(2);
    let id = world.create("note", note.clone()).await;
    let found = world.crm.find(&"note".into(), &[Probe { fields: note, sent_after }]).await.unwrap();
    assert_eq!(found[0].iter().map(|stored| &stored.id).collect::<Vec<_>>(), [&id]);
    let stored = &found[0][0].fields["content"];
    let Value::Rich(shown) = stored else { panic!("{stored:?}") };
    assert_eq!(crmkit_core::visible_text(&shown.text), typed.split_whitespace().collect::<Vec<_>>().join(" "));
    let content = FieldSchema::new("content", "Content", FieldType::Rich);
    assert!(world.crm.respells(&content, &markdown, Some(stored)));
    assert!(!world.crm.respells(&content, &html("<p>other</p>"), Some(stored)));
}
