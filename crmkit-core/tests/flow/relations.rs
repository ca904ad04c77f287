//! Deals with several people, watchers that are records of their own, files, and an object that the plan makes.

use std::sync::Arc;

use crmkit_core::{
    Abilities, Clock, CustomObject, Doubt, FieldConcept, FieldLine, FieldPlan, FieldSchema, FieldType, IdLedger,
    ItemKind, ItemPlan, LinkCarrier, Mapping, MemoryLedger, Migration, ObjectConcept, ObjectPlan, ObjectSchema,
    OptionSchema, Plan, PlanEnd, Record, RecordRef, Recovery, TransformCall, Unresolved, User, Value,
    testing::{ManualClock, MockDestination, MockFault, MockSource},
};

struct World {
    clock: ManualClock,
    source: Arc<MockSource>,
    crm: MockDestination,
    ledger: Arc<dyn IdLedger>,
    plan: Plan,
}

fn people(ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| Value::link(RecordRef::new("contacts", *id))).collect())
}

fn source() -> MockSource {
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let several = |field: &str| FieldSchema::new(field, field, FieldType::Links { to: vec!["contacts".into()] });
    let contact = |id: &str| Record::new(RecordRef::new("contacts", id)).with("name", Value::text(id));
    let deal = |id: &str, members: &[&str], watchers: &[&str]| {
        Record::new(RecordRef::new("deals", id))
            .with("name", Value::text(id))
            .with("members", people(members))
            .with("watchers", people(watchers))
    };
    let mut doubtful = deal("d3", &[], &[]);
    doubtful.doubts.push(Doubt {
        field: "caller".into(),
        origin: "deals".to_owned(),
        line: None,
        message: "nobody has this name".to_owned(),
        candidates: Vec::new(),
    });
    let file = |id: &str, bytes: i64| {
        Record::new(RecordRef::new("files", id))
            .with("name", Value::text(format!("{id}.txt")))
            .with("size", Value::Int(bytes))
            .with("deal", Value::link(RecordRef::new("deals", "d1")))
    };
    let pet = |id: &str| {
        Record::new(RecordRef::new("pets", id))
            .with("name", Value::text(id))
            .with("keeper", Value::link(RecordRef::new("contacts", "ann")))
            .with("kind", Value::text("Dog"))
    };
    MockSource::new("export-1")
        .with_object(
            ObjectSchema::new("contacts", "Contact", ObjectConcept::Person).with(name()),
            [contact("ann"), contact("ben"), contact("cid")],
        )
        .with_object(
            ObjectSchema::new("deals", "Deal", ObjectConcept::Deal)
                .with(name())
                .with(several("members"))
                .with(several("watchers"))
                .with(FieldSchema::new("caller", "Caller", FieldType::link("contacts"))),
            [deal("d1", &["ann", "ben", "ann"], &["cid", "ann"]), deal("d2", &["cid"], &[]), doubtful],
        )
        .with_object(
            ObjectSchema::new("files", "File", ObjectConcept::File)
                .with(name())
                .with(FieldSchema::new("size", "Size", FieldType::Int).means(FieldConcept::Size))
                .with(FieldSchema::new("deal", "Deal", FieldType::link("deals"))),
            [file("small", 5), file("large", 11), file("lost", 4)],
        )
        .with_file("small", *b"hello")
        .with_file("large", *b"hello world")
        .with_object(
            ObjectSchema::new("pets", "Pet", ObjectConcept::CustomObject)
                .with(name())
                .with(FieldSchema::new("kind", "Kind", FieldType::text()))
                .with(FieldSchema::new("keeper", "Keeper", FieldType::link("contacts"))),
            [pet("rex")],
        )
}

fn crm(clock: Arc<dyn Clock>) -> MockDestination {
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let plain = || Abilities::plain(Recovery::Witness { fields: vec!["name".into()] });
    let person = ObjectSchema::new("person", "Person", ObjectConcept::Person).with(name());
    let several = |field: &str| FieldSchema::new(field, field, FieldType::Links { to: vec!["person".into()] });
    let mut watchers = several("watchers");
    watchers.carrier = Some(LinkCarrier {
        object: "watch".into(),
        from: "deal".into(),
        to: "person".into(),
        constants: vec![("role".into(), Value::text("watcher"))],
    });
    let mut label = FieldSchema::new("label", "Label", FieldType::Option);
    label.options = vec![OptionSchema { id: "l1".to_owned(), label: "Known".to_owned() }];
    let deal = ObjectSchema::new("deal", "Deal", ObjectConcept::Deal)
        .with(name())
        .with(several("people"))
        .with(watchers)
        .with(FieldSchema::new("caller", "Caller", FieldType::link("person")))
        .with(label);
    let watch = ObjectSchema::new("watch", "Watch", ObjectConcept::Link)
        .with(FieldSchema::new("deal", "Deal", FieldType::link("deal")))
        .with(FieldSchema::new("person", "Person", FieldType::link("person")))
        .with(FieldSchema::new("role", "Role", FieldType::text()));
    let file = ObjectSchema::new("file", "File", ObjectConcept::File).with(name()).with(FieldSchema::new(
        "deal",
        "Deal",
        FieldType::link("deal"),
    ));
    let crm = MockDestination::new(
        clock,
        vec![
            (person, plain()),
            (deal, plain()),
            (watch, Abilities::plain(Recovery::Witness { fields: vec!["deal".into(), "person".into()] })),
            (file, Abilities { max_bytes: Some(10), ..plain() }),
        ],
        vec![User { id: "1".into(), email: "a@b.example".into(), name: "A".into(), active: true, importing: true }],
    );
    let mut made = ObjectSchema::new("new", "New", ObjectConcept::CustomObject).with(name());
    made.custom_fields = true;
    crm.custom_objects(CustomObject { schema: made, abilities: plain() });
    crm
}

fn plan() -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    let mut plan = Plan::new(end("mock"), end("mock"));
    plan.stop_when = 1.0;
    plan.objects = vec![ObjectPlan { id: "pets".into(), name: "Pet".into(), use_existing: None }];
    plan.fields = vec![FieldPlan {
        id: "keeper".into(),
        object: "custom:pets".into(),
        name: "Keeper".into(),
        ty: FieldType::link("person"),
        options: Vec::new(),
        use_existing: None,
    }];
    plan.items = vec![ItemPlan {
        kind: ItemKind::Option,
        object: "deal".into(),
        field: Some("label".into()),
        names: vec!["known".into(), "Moved".into()],
        conditions: Vec::new(),
    }];
    let line = |id: &str, from: &str, to: &str| FieldLine::new(id, [from], to);
    let mut caller = line("deals.caller", "caller", "caller").linking("contacts");
    caller.unresolved = Unresolved::Leave;
    let label =
        FieldLine::new("deals.label", Vec::<&str>::new(), "label").through(TransformCall::with("constant", "Moved"));
    plan.mappings = vec![
        Mapping::new("contacts", "contacts", "person").with(line("contacts.name", "name", "name")),
        Mapping::new("deals", "deals", "deal")
            .with(line("deals.name", "name", "name"))
            .with(line("deals.people", "members", "people").linking("contacts"))
            .with(line("deals.watchers", "watchers", "watchers").linking("contacts"))
            .with(caller)
            .with(label),
        Mapping::new("files", "files", "file")
            .with(line("files.name", "name", "name"))
            .with(line("files.deal", "deal", "deal").linking("deals")),
        Mapping::new("pets", "pets", "custom:pets")
            .with(line("pets.name", "name", "name"))
            .with(line("pets.keeper", "keeper", "custom:keeper").linking("contacts")),
    ];
    plan
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::jumping();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        Self {
            source: Arc::new(source()),
            crm: crm(shared.clone()),
            ledger: Arc::new(MemoryLedger::new(shared)),
            plan: plan(),
            clock,
        }
    }

    fn migration(&self) -> Migration {
        Migration::builder("test")
            .source(self.source.clone())
            .destination(Arc::new(self.crm.clone()))
            .ledger(self.ledger.clone())
            .clock(Arc::new(self.clock.clone()))
            .build()
            .expect("complete")
    }

    async fn run(&self) -> (Migration, crmkit_core::RunReport) {
        let migration = self.migration();
        let problems = self.plan.check(
            &crmkit_core::SourceConnector::describe(&*self.source).await.expect("described"),
            &crmkit_core::DestinationWriter::describe(&self.crm).await.expect("described"),
            &crmkit_core::Transforms::standard(),
        );
        assert_eq!(problems, []);
        let approval = migration.approve_plan(&self.plan, "ann").await.expect("approved");
        migration.prepare(&approval).await.expect("prepared");
        let sample = migration.sample(&approval).await.expect("sampled");
        let approval = migration.approve_sample(&sample, "ann").await.expect("approved");
        let report = migration.run(&approval).await.expect("run");
        assert!(report.finished, "{report:#?}");
        (migration, report)
    }

    fn of(&self, object: &str) -> Vec<(RecordRef, crmkit_core::Fields)> {
        self.crm.live().into_iter().filter(|(record, _)| record.object == *object).collect()
    }

    fn person(&self, name: &str) -> Value {
        let found = self.of("person").into_iter().find(|(_, fields)| fields["name"] == Value::text(name));
        Value::link(found.expect("moved").0)
    }
}

#[tokio::test]
async fn all_of_it_arrives_is_proved_and_taken_back() {
    let world = World::new();
    let before = world.crm.items();
    let (migration, report) = world.run().await;

    let deals = world.of("deal");
    let named = |name: &str| deals.iter().find(|(_, fields)| fields["name"] == Value::text(name)).expect("moved");
    let (d1, fields) = named("d1");
    let both = Value::List([world.person("ann"), world.person("ben")].into());
    assert_eq!(fields["people"], both, "once each");
    let mut watches: Vec<String> = world.of("watch").iter().map(|(_, fields)| fields["person"].to_string()).collect();
    let mut wanted = [world.person("cid").to_string(), world.person("ann").to_string()];
    watches.sort();
    wanted.sort();
    assert_eq!(watches, wanted, "a record each");
    assert!(world.of("watch").iter().all(|(_, fields)| fields["deal"] == Value::link(d1.clone())));
    assert!(!named("d3").1.contains_key("caller"), "a caller in doubt is left out");
    assert_eq!(world.crm.items().iter().filter(|item| item.item.kind == ItemKind::Option).count(), 1, "one was there");

    let files = world.of("file");
    assert_eq!(files.len(), 1, "one is too large, one cannot be read");
    let count = report.objects.iter().find(|count| count.mapping == "files").expect("planned");
    assert_eq!((count.created, count.held), (1, 2), "{report:#?}");
    let reasons: Vec<&str> = report.held.iter().map(|held| held.reason.as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("larger than the 10 bytes")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("cannot be read at the source")), "{reasons:?}");

    let pets: Vec<_> =
        world.crm.live().into_iter().filter(|(record, _)| record.object.as_str().starts_with("custom")).collect();
    let [(pet, fields)] = &pets[..] else { panic!("one pet: {pets:?}") };
    assert_eq!(fields.values().filter_map(Value::as_ref_to).count(), 1, "{pet}: {fields:?}");

    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.mismatches.is_empty(), "{reconciliation:#?}");

    let preview = migration.preview_rollback().await.expect("previewed");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let report = migration.rollback(&approval).await.expect("rolled back");
    assert!(report.clean, "{report:#?}");
    assert_eq!(world.crm.live().len(), 0);
    assert_eq!(world.crm.items(), before);
}

#[tokio::test]
async fn a_watcher_whose_answer_was_lost_is_there_once() {
    let world = World::new();
    world.crm.script(move |request| {
        let lost = request.object.as_ref().is_some_and(|object| object == "watch" || object == "file");
        (lost && request.call == crmkit_core::testing::MockCall::Create).then_some(MockFault::CloseAfterApply)
    });
    let (migration, report) = world.run().await;
    assert_eq!(world.of("watch").len(), 2);
    assert_eq!(world.of("file").len(), 1);
    assert!(report.uncertain.adopted >= 3, "{report:#?}");
    assert!(migration.reconcile().await.expect("reconciled").mismatches.is_empty());
}

#[tokio::test]
async fn a_file_that_broke_at_the_destination_is_a_mismatch() {
    let world = World::new();
    let (migration, _) = world.run().await;
    let (file, _) = world.of("file").remove(0);
    world.crm.corrupt("file", &file.id, *b"jello");
    let reconciliation = migration.reconcile().await.expect("reconciled");
    let [mismatch] = &reconciliation.mismatches[..] else { panic!("{reconciliation:#?}") };
    assert_eq!(mismatch.field, "content");
    assert_eq!(mismatch.source, RecordRef::new("files", "small"));
}

#[tokio::test]
async fn records_of_others_keep_an_object_that_we_made() {
    let world = World::new();
    let (migration, _) = world.run().await;
    let object = world.of("person")[0].0.clone();
    let made = world.crm.live().keys().find(|record| record.object.as_str().starts_with("custom")).cloned();
    let theirs =
        world.crm.put(made.expect("the pet").object, [("name".into(), Value::text("theirs"))].into_iter().collect());
    let preview = migration.preview_rollback().await.expect("previewed");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    migration.rollback(&approval).await.expect("rolled back");
    let left: Vec<RecordRef> = world.crm.live().into_keys().collect();
    assert_eq!(left.as_slice(), std::slice::from_ref(&theirs), "not {object}");
    assert!(world.crm.items().iter().any(|item| item.id == theirs.object.as_str()), "the object stays");
}
