//! Objects, fields, relations and ties that the plan asks for: made, filled, proved and taken back, with answers lost on the way.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use crmkit_core::{
    DestinationWriter, FieldConcept, FieldLine, FieldPlan, FieldSchema, FieldType, Mapping, MemoryLedger, Migration,
    ObjectConcept, ObjectPlan, ObjectSchema, OptionSchema, PipelinePlan, Plan, PlanEnd, Record, RecordRef, RunReport,
    SourceConnector, StagePlan, Transforms, Value, simulator::JumpingClock, testing::MockSource,
};
use crmkit_twenty::{
    Twenty, TwentyConfig,
    simulator::{TwentySimulator, Version},
};
use serde_json::{Value as Json, json};

const TABLES: [&str; 7] = ["companies", "people", "opportunities", "notes", "noteTargets", "tasks", "taskTargets"];

fn links(object: &str, ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| Value::link(RecordRef::new(object, *id))).collect())
}

fn source() -> MockSource {
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let link = |field: &str, to: &str| FieldSchema::new(field, field, FieldType::link(to));
    let several = |field: &str, to: &str| FieldSchema::new(field, field, FieldType::Links { to: vec![to.into()] });
    let record = |object: &str, id: &str| Record::new(RecordRef::new(object, id)).with("name", Value::text(id));
    let to = |object: &str, id: &str| Value::link(RecordRef::new(object, id));
    let mut kind = FieldSchema::new("kind", "Kind", FieldType::Option);
    kind.options = ["Dog", "Cat, small"].map(|label| OptionSchema { id: label.into(), label: label.into() }).into();
    MockSource::new("export-1")
        .with_object(
            ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
                .with(name())
                .with(link("parent", "companies").means(FieldConcept::Parent))
                .with(several("advisors", "contacts"))
                .with(several("partners", "companies"))
                .with(FieldSchema::new("changed", "Changed", FieldType::Timestamp).means(FieldConcept::ModifiedAt)),
            [
                record("companies", "daughter")
                    .with("parent", to("companies", "mother"))
                    .with("advisors", links("contacts", &["ann", "ben"]))
                    .with("partners", links("companies", &["mother"]))
                    .with("changed", Value::Timestamp("2020-05-06T07:08:09Z".parse().unwrap())),
                record("companies", "mother")
                    .with("advisors", links("contacts", &["ann"]))
                    .with("changed", Value::Timestamp("2019-05-06T07:08:09Z".parse().unwrap())),
                record("companies", "one").with("parent", to("companies", "two")),
                record("companies", "two").with("parent", to("companies", "one")),
            ],
        )
        .with_object(
            ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
                .with(name())
                .with(link("company", "companies")),
            [record("contacts", "ann").with("company", to("companies", "mother")), record("contacts", "ben")],
        )
        .with_object(
            ObjectSchema::new("pets", "Pet", ObjectConcept::CustomObject)
                .with(name())
                .with(kind)
                .with(link("keeper", "contacts")),
            [
                record("pets", "rex").with("keeper", to("contacts", "ann")).with("kind", Value::option("Dog")),
                record("pets", "tom").with("keeper", to("contacts", "ben")).with("kind", Value::option("Cat, small")),
            ],
        )
        .with_object(
            ObjectSchema::new("notes", "Note", ObjectConcept::Note)
                .with(name())
                .with(several("about", "contacts"))
                .with(link("pet", "pets")),
            [
                record("notes", "both").with("about", links("contacts", &["ann", "ben"])),
                record("notes", "vet").with("pet", to("pets", "rex")),
            ],
        )
}

fn plan(target: &str) -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    let mut plan = Plan::new(end("mock"), end("twenty"));
    plan.stop_when = 1.0;
    plan.owners.unowned = Some("tim@apple.dev".into());
    plan.objects = vec![ObjectPlan { id: "pets".into(), name: "Pet".into(), use_existing: None }];
    let field = |id: &str, object: &str, name: &str, ty: FieldType| FieldPlan {
        id: id.into(),
        object: object.into(),
        name: name.into(),
        ty,
        options: Vec::new(),
        use_existing: None,
    };
    let mut kind = field("kind", "custom:pets", "Type", FieldType::Option);
    kind.options = vec!["Dog".into(), "Cat, small".into()];
    plan.fields = vec![
        field("parent", "company", "Parent company", FieldType::link("company")),
        field("advisors", "company", "Advisor", FieldType::Links { to: vec!["person".into()] }),
        field("partners", "company", "Partner", FieldType::Links { to: vec!["company".into()] }),
        kind,
        field("keeper", "custom:pets", "Keeper", FieldType::link("person")),
    ];
    plan.pipelines = vec![PipelinePlan {
        object: "opportunity".into(),
        name: "Sales".into(),
        use_existing: None,
        stages: ["Qualified", "Won", "Lost"].map(|name| StagePlan { name: name.into(), probability: None }).into(),
    }];
    let line = |id: &str, from: &str, to: &str| FieldLine::new(id, [from], to);
    let full_name = line("contacts.name", "name", "name").through(crmkit_core::TransformCall::bare("split_name"));
    plan.mappings = vec![
        Mapping::new("companies", "companies", "company")
            .with(line("companies.name", "name", "name"))
            .with(line("companies.changed", "changed", "updatedAt"))
            .with(line("companies.parent", "parent", "custom:parent").linking("companies"))
            .with(line("companies.advisors", "advisors", "custom:advisors").linking("contacts"))
            .with(line("companies.partners", "partners", "custom:partners").linking("companies")),
        Mapping::new("contacts", "contacts", "person")
            .with(full_name)
            .with(line("contacts.company", "company", "companyId").linking("companies")),
        Mapping::new("pets", "pets", "custom:pets")
            .with(line("pets.name", "name", "name"))
            .with(line("pets.kind", "kind", "custom:kind"))
            .with(line("pets.keeper", "keeper", "custom:keeper").linking("contacts")),
        Mapping::new("notes", "notes", "note")
            .with(line("notes.name", "name", "title"))
            .with(line("notes.about", "about", target).linking("contacts")),
    ];
    plan
}

/// The column by which a note is about a person.
fn target_of(version: Version) -> &'static str {
    if version < Version::V2_19 { "personId" } else { "targetPersonId" }
}

struct World {
    simulator: TwentySimulator,
    source: Arc<MockSource>,
    twenty: Arc<Twenty>,
    migration: Migration,
    plan: Plan,
}

impl World {
    async fn start(version: Version, drop_every: u64) -> Self {
        let clock = JumpingClock::new();
        let builder = TwentySimulator::builder().version(version).jumping_clock(&clock).drop_every(drop_every);
        let simulator = builder.start().await.unwrap();
        let clock = Arc::new(clock);
        let config = TwentyConfig::at(simulator.url(), simulator.token());
        let twenty = Arc::new(Twenty::builder(config, clock.clone()).build().unwrap());
        let source = Arc::new(source());
        let migration = Migration::builder("relations")
            .source(source.clone())
            .destination(twenty.clone())
            .ledger(Arc::new(MemoryLedger::new(clock.clone())))
            .clock(clock)
            .build()
            .unwrap();
        Self { simulator, source, twenty, migration, plan: plan(target_of(version)) }
    }

    async fn run(&self) -> RunReport {
        let (source, destination) = (self.source.describe().await.unwrap(), self.twenty.describe().await.unwrap());
        let problems = self.plan.check(&source, &destination, &Transforms::standard());
        assert!(problems.iter().all(|problem| problem.severity != crmkit_core::Severity::Block), "{problems:#?}");
        let approval = self.migration.approve_plan(&self.plan, "ann").await.unwrap();
        self.migration.prepare(&approval).await.unwrap();
        let sample = self.migration.sample(&approval).await.unwrap();
        assert_eq!(sample.differing, 0, "{:#?}", sample.records);
        let approval = self.migration.approve_sample(&sample, "ann").await.unwrap();
        let report = self.migration.run(&approval).await.unwrap();
        assert!(report.finished, "{report:#?}");
        report
    }

    fn rows(&self, table: &str) -> Vec<Json> {
        self.simulator.rows(table)
    }

    /// Ids of a table by name.
    fn ids(&self, table: &str) -> BTreeMap<String, Json> {
        let name = |row: &Json| match &row["name"] {
            Json::Object(parts) => parts["firstName"].as_str().unwrap_or_default().to_owned(),
            name => name.as_str().unwrap_or_default().to_owned(),
        };
        self.rows(table).iter().map(|row| (name(row), row["id"].clone())).collect()
    }

    /// Pairs of ids in a table of ties.
    fn pairs(&self, table: &str, from: &str, to: &str) -> Vec<(Json, Json)> {
        let mut pairs: Vec<_> = self.rows(table).iter().map(|row| (row[from].clone(), row[to].clone())).collect();
        pairs.sort_by_key(|pair| format!("{pair:?}"));
        pairs
    }

    /// The names of all objects and fields, and the options of each.
    async fn schema(&self) -> Vec<String> {
        let described = self.twenty.describe().await.unwrap();
        let objects = described.schema.objects.values();
        let fields = objects.flat_map(|object| object.fields.values().map(move |field| (object, field)));
        fields.map(|(object, field)| format!("{} {} {:?}", object.name, field.name, field.options)).collect()
    }
}

fn sorted(mut pairs: Vec<(Json, Json)>) -> Vec<(Json, Json)> {
    pairs.sort_by_key(|pair| format!("{pair:?}"));
    pairs
}

async fn there_and_back(version: Version, drop_every: u64) {
    let world = World::start(version, drop_every).await;
    let schema = world.schema().await;
    world.run().await;

    let (companies, people, pets) = (world.ids("companies"), world.ids("people"), world.ids("pets"));
    assert_eq!((companies.len(), people.len(), pets.len()), (4, 2, 2));
    for row in world.rows("companies") {
        let name = row["name"].as_str().unwrap();
        let expected = match name {
            "daughter" => (&companies["mother"], "2020-05-06T07:08:09.000Z"),
            "mother" => (&Json::Null, "2019-05-06T07:08:09.000Z"),
            // A circle of parents is held at one of its links: no hierarchy has one.
            _ => continue,
        };
        assert_eq!((&row["parentCompanyId"], row["updatedAt"].as_str().unwrap()), expected, "{name}");
    }
    let circle = ["one", "two"].map(|name| {
        world.rows("companies").into_iter().find(|row| row["name"] == name).unwrap()["parentCompanyId"].is_null()
    });
    assert_eq!(circle.iter().filter(|empty| **empty).count(), 1, "{circle:?}");
    // The ties are records of objects named after the relations.
    let tie = |one: &Json, two: &Json| (one.clone(), two.clone());
    assert_eq!(
        world.pairs("advisors", "companyId", "personId"),
        sorted(vec![
            tie(&companies["daughter"], &people["ann"]),
            tie(&companies["daughter"], &people["ben"]),
            tie(&companies["mother"], &people["ann"]),
        ])
    );
    assert_eq!(
        world.pairs("partners", "companyId", "relatedCompanyId"),
        [tie(&companies["daughter"], &companies["mother"])]
    );
    for row in world.rows("pets") {
        let rex = row["name"] == "rex";
        // `type` is a word of the server's own.
        assert_eq!(row["typeCustom"], if rex { "DOG" } else { "CAT_SMALL" });
        assert_eq!(row["keeperId"], people[if rex { "ann" } else { "ben" }]);
    }
    let notes = world.rows("notes");
    let both = notes.iter().find(|row| row["title"] == "both").unwrap();
    let about = world.pairs("noteTargets", "noteId", target_of(version));
    assert_eq!(about, sorted(vec![tie(&both["id"], &people["ann"]), tie(&both["id"], &people["ben"])]));
    // Stages are appended in order, after those that were there.
    let described = world.twenty.describe().await.unwrap();
    let stages: Vec<String> = described.schema.objects["opportunity"].fields["stage"]
        .options
        .iter()
        .map(|option| option.label.clone())
        .collect();
    assert_eq!(stages[5..], ["Sales/Qualified", "Sales/Won", "Sales/Lost"]);

    let reconciliation = world.migration.reconcile().await.unwrap();
    assert_eq!(reconciliation.mismatches, []);
    let preview = world.migration.preview_rollback().await.unwrap();
    assert_eq!(preview.kept, []);
    let approval = world.migration.approve_rollback(&preview, "ann").await.unwrap();
    let back = world.migration.rollback(&approval).await.unwrap();
    assert!(back.clean && back.kept.is_empty() && back.kept_items.is_empty(), "{back:#?}");
    for table in TABLES {
        assert_eq!(world.rows(table), Vec::<Json>::new(), "{table}");
    }
    assert_eq!(world.schema().await, schema);
}

#[tokio::test]
async fn what_the_plan_asks_for_is_made_filled_proved_and_taken_back() {
    there_and_back(Version::V2_19, 0).await;
}

#[tokio::test]
async fn lost_answers_make_nothing_twice() {
    for every in [2, 3] {
        there_and_back(Version::V2_19, every).await;
    }
}

#[tokio::test]
async fn other_releases_do_it_too() {
    for version in [Version::V1_10, Version::Later] {
        there_and_back(version, 0).await;
    }
}

/// What somebody put into an object that we made keeps the object, and what they tied keeps the tie's object.
#[tokio::test]
async fn what_others_use_stays() {
    let world = World::start(Version::V2_19, 0).await;
    world.run().await;
    let theirs = json!({"id": "20202020-9999-4999-8999-000000000001", "name": "Theirs"});
    world.simulator.put("pets", &theirs).unwrap();
    world.simulator.put("advisors", &json!({"id": "20202020-9999-4999-8999-000000000002", "name": "Theirs"})).unwrap();
    let preview = world.migration.preview_rollback().await.unwrap();
    let approval = world.migration.approve_rollback(&preview, "ann").await.unwrap();
    let back = world.migration.rollback(&approval).await.unwrap();
    let kept: Vec<String> = back.kept_items.iter().map(|kept| format!("{kept:?}")).collect();
    assert!(
        kept.iter().any(|kept| kept.contains("object:pets"))
            && kept.iter().any(|kept| kept.contains("company/advisors")),
        "{kept:?}"
    );
    assert_eq!((world.rows("pets").len(), world.rows("advisors").len()), (1, 1));
    let described = world.twenty.describe().await.unwrap();
    assert!(described.schema.objects.contains_key("pet") && !described.schema.objects.contains_key("partner"));
}
