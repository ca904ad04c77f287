//! The engine against mocks: whole migrations, lost answers, process death, rollback.
#![cfg(feature = "testing")]

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{
    Action, Clock, FieldConcept, FieldLine, FieldSchema, FieldType, Fields, Mapping, MappingId, MemoryLedger,
    Migration, ObjectConcept, ObjectSchema, PipelinePlan, Plan, PlanEnd, Record, RecordRef, StagePlan, TransformCall,
    Value,
    testing::{ManualClock, MockDestination, MockFault, MockSource},
};

/// A world in which a migration can be rebuilt from what survives a process: source, destination, ledger, clock.
struct World {
    clock: ManualClock,
    source: Arc<MockSource>,
    crm: MockDestination,
    ledger: MemoryLedger,
}

impl World {
    fn new(companies: usize) -> Self {
        let clock = ManualClock::jumping();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let owner = || Value::link(RecordRef::new("users", "ann"));
        let user = Record::new(RecordRef::new("users", "ann")).with("email", Value::text("Ann@CRM.example"));
        let company = |n: usize| {
            let company = Record::new(RecordRef::new("companies", format!("c{n}")))
                .with("name", Value::text(format!("Company {n}")))
                .with("owner", owner());
            let parent = |above: usize| Value::link(RecordRef::new("companies", format!("c{above}")));
            n.checked_sub(1).map_or(company.clone(), |above| company.with("parent", parent(above)))
        };
        let deal = |n: usize| {
            Record::new(RecordRef::new("deals", format!("d{n}")))
                .with("name", Value::text(format!("Deal {n}")))
                .with("stage", Value::text("Won"))
                .with("company", Value::link(RecordRef::new("companies", format!("c{n}"))))
                .with("owner", owner())
        };
        let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
        let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
        let users = ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails));
        let organizations = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
            .with(text("name", FieldConcept::Name))
            .with(link("parent", "companies", FieldConcept::Parent))
            .with(link("owner", "users", FieldConcept::Owner));
        let deals = ObjectSchema::new("deals", "Deal", ObjectConcept::Deal)
            .with(text("name", FieldConcept::Name))
            .with(text("stage", FieldConcept::Stage))
            .with(link("company", "companies", FieldConcept::Organization))
            .with(link("owner", "users", FieldConcept::Owner));
        let source = MockSource::new("export-1")
            .with_object(users, [user])
            .with_object(organizations, (0..companies).map(company))
            .with_object(deals, (0..companies).map(deal));
        let source = Arc::new(source);
        Self { crm: MockDestination::crm(shared.clone()), ledger: MemoryLedger::new(shared), clock, source }
    }

    /// A fresh process.
    fn migration(&self) -> Migration {
        Migration::builder("test")
            .source(self.source.clone())
            .destination(Arc::new(self.crm.clone()))
            .ledger(Arc::new(self.ledger.clone()))
            .clock(Arc::new(self.clock.clone()))
            .settings(|settings| settings.page_size = 5)
            .build()
            .expect("complete")
    }

    async fn sampled(&self) -> Migration {
        let migration = self.migration();
        let approval = migration.approve_plan(&plan(), "ann").await.expect("approved");
        migration.prepare(&approval).await.expect("prepared");
        let sample = migration.sample(&approval).await.expect("sampled");
        assert!(sample.clean, "{sample:#?}");
        migration.approve_sample(&sample, "ann").await.expect("approved");
        migration
    }

    fn names(&self, object: &str) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for (_, fields) in self.crm.live().into_iter().filter(|(record, _)| record.object == *object) {
            *names.entry(fields["name"].to_string()).or_insert(0) += 1;
        }
        names
    }
}

fn line(id: &str, from: &str, to: &str) -> FieldLine {
    FieldLine {
        id: id.to_owned(),
        from: vec![from.into()],
        to: to.to_owned(),
        transforms: Vec::new(),
        link: None,
        unresolved: Default::default(),
        required: false,
        overwrite: Default::default(),
        badge: None,
        confidence: None,
        reason: None,
        origin: None,
    }
}

fn mapping(id: &str, to: &str, fields: Vec<FieldLine>) -> Mapping {
    Mapping {
        id: id.into(),
        from: id.into(),
        to: to.into(),
        when: None,
        exclude: Vec::new(),
        merge: Default::default(),
        matching: None,
        fields,
    }
}

fn plan() -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.to_owned(), instance: None };
    let mut plan = Plan::new(end("mock"), end("mock"));
    plan.stop_when = 0.5;
    plan.sample.size = 6;
    let stage = |name: &str| StagePlan { name: name.to_owned(), probability: None };
    plan.pipelines = vec![PipelinePlan {
        object: "deal".into(),
        name: "Sales".to_owned(),
        use_existing: None,
        stages: vec![stage("Won"), stage("Lost")],
    }];
    let mut parent = line("companies.parent", "parent", "parent");
    parent.link = Some(MappingId::from("companies"));
    let mut company = line("deals.company", "company", "organization");
    company.link = Some(MappingId::from("companies"));
    let mut staged = line("deals.stage", "stage", "stage");
    staged.transforms = vec![TransformCall::with("value_map", serde_json::json!({"Won": "Sales/Won"}))];
    plan.mappings = vec![
        mapping(
            "companies",
            "organization",
            vec![line("companies.name", "name", "name"), line("companies.owner", "owner", "owner"), parent],
        ),
        mapping(
            "deals",
            "deal",
            vec![line("deals.name", "name", "name"), line("deals.owner", "owner", "owner"), staged, company],
        ),
    ];
    plan
}

fn once_each(prefix: &str, count: usize) -> BTreeMap<String, usize> {
    (0..count).map(|n| (format!("{prefix} {n}"), 1)).collect()
}

#[tokio::test]
async fn a_whole_migration_ends_clean_and_rolls_back_to_nothing() {
    let world = World::new(23);
    let before = (world.crm.live(), world.crm.items());
    let migration = world.sampled().await;
    assert!(world.crm.live().is_empty(), "the sample was taken back");
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert_eq!(world.names("organization"), once_each("Company", 23));
    assert_eq!(world.names("deal"), once_each("Deal", 23));
    for object in &report.objects {
        assert!(object.balances() && object.created == 23, "{object:?}");
    }
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    assert_eq!(reconciliation.objects[0].verified, 23);

    let preview = migration.preview_rollback().await.expect("previewed");
    assert_eq!((preview.remove, preview.kept.len()), (2 * 23, 0));
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let report = migration.rollback(&approval).await.expect("rolled back");
    assert!(report.clean, "{report:#?}");
    assert_eq!((world.crm.live(), world.crm.items()), before);
}

#[tokio::test]
async fn parents_are_linked_although_they_are_in_the_same_object() {
    let world = World::new(7);
    let migration = world.sampled().await;
    let approval = migration.approval("sample").await.expect("read").expect("given");
    migration.run(&approval).await.expect("run");
    let live = world.crm.live();
    let parents: Vec<_> = live
        .iter()
        .filter(|(record, _)| record.object == *"organization")
        .filter_map(|(_, fields)| fields.get("parent"))
        .collect();
    assert_eq!(parents.len(), 6);
    assert!(parents.iter().all(|parent| live.contains_key(parent.as_ref_to().expect("a link"))));
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_nothing_is_written_twice() {
    let world = World::new(20);
    let migration = world.sampled().await;
    world.crm.fail(3, MockFault::CloseAfterApply);
    world.crm.fail(8, MockFault::CloseBeforeApply);
    world.crm.fail(11, MockFault::RefuseBeforeApply(std::time::Duration::from_secs(2)));
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert_eq!((report.uncertain.adopted, report.uncertain.resent, report.uncertain.held), (1, 1, 0));
    assert_eq!(world.names("organization"), once_each("Company", 20));
    assert_eq!(world.names("deal"), once_each("Deal", 20));
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn a_process_that_dies_at_any_await_is_finished_by_the_next() {
    // Dies after n polls, for every n until one process comes through.
    let mut deaths = 0;
    let world = World::new(12);
    world.sampled().await;
    for polls in 1.. {
        let migration = world.migration();
        let approval = migration.approval("sample").await.expect("read").expect("given");
        let mut run = Box::pin(async move { migration.run(&approval).await });
        let mut ended = None;
        for _ in 0..polls {
            if let Some(result) = futures::FutureExt::now_or_never(&mut run) {
                ended = Some(result);
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(run);
        match ended {
            Some(result) => {
                assert!(result.expect("run").finished);
                break;
            }
            None => deaths += 1,
        }
    }
    assert_eq!(world.names("organization"), once_each("Company", 12));
    assert_eq!(world.names("deal"), once_each("Deal", 12));
    assert!(world.migration().reconcile().await.expect("reconciled").clean);
    println!("{deaths} processes died on the way");
}

#[tokio::test]
async fn rollback_leaves_what_others_changed_and_all_it_refers_to() {
    let world = World::new(9);
    let migration = world.sampled().await;
    let foreign = world.crm.put("organization", Fields::from_iter([("name".into(), Value::text("Foreign"))]));
    let approval = migration.approval("sample").await.expect("read").expect("given");
    migration.run(&approval).await.expect("run");
    let find = |object: &str, name: &str| {
        let live = world.crm.live();
        live.into_iter()
            .find(|(record, fields)| record.object == *object && fields["name"] == Value::text(name))
            .expect("there")
            .0
    };
    world.crm.change(&find("deal", "Deal 4"), "amount", Value::Int(7));
    let note =
        Fields::from_iter([("body".into(), Value::text("mine")), ("deal".into(), Value::link(find("deal", "Deal 6")))]);
    world.crm.put("note", note);
    let preview = migration.preview_rollback().await.expect("previewed");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let report = migration.rollback(&approval).await.expect("rolled back");
    let own: Vec<String> =
        report.kept.iter().filter(|kept| kept.because_of.is_none()).map(|kept| kept.record.to_string()).collect();
    assert_eq!(own.len(), 2, "{:#?}", report.kept);
    // Each company's parent is the one before it: deal 6 keeps company 6 and all above.
    assert_eq!(
        world.names("organization"),
        once_each("Company", 7).into_iter().chain([("Foreign".to_owned(), 1)]).collect()
    );
    assert_eq!(world.names("deal"), [("Deal 4".to_owned(), 1), ("Deal 6".to_owned(), 1)].into());
    assert!(world.crm.live().contains_key(&foreign));
    assert_eq!(world.crm.live().len(), 7 + 1 + 2 + 1);
    assert!(
        report.kept_items.iter().any(|item| item.starts_with("stage:")),
        "kept deals keep their stage: {report:#?}"
    );
}

#[tokio::test]
async fn nothing_is_written_without_its_approval() {
    let world = World::new(3);
    let migration = world.migration();
    let approval = migration.approve_plan(&plan(), "ann").await.expect("approved");
    let other = crmkit_core::Approval { actor: "mallory".to_owned(), ..approval.clone() };
    assert_eq!(migration.prepare(&other).await.expect_err("not in the ledger").kind(), crmkit_core::ErrorKind::State);
    assert_eq!(migration.run(&approval).await.expect_err("another gate").kind(), crmkit_core::ErrorKind::State);
    assert!(world.crm.log().is_empty());
}

#[tokio::test]
async fn a_host_can_drive_units_itself() {
    let world = World::new(6);
    let migration = world.sampled().await;
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let pass = migration.start_run(&approval).await.expect("started");
    loop {
        let state = crmkit_core::load_state(migration.core(), pass).await.expect("state");
        match crmkit_core::next_action(&state) {
            Action::Run { units } => {
                for unit in units {
                    // Twice: executing a unit again changes nothing.
                    crmkit_core::execute_unit(migration.core(), &unit).await.expect("unit");
                    crmkit_core::execute_unit(migration.core(), &unit).await.expect("unit again");
                }
            }
            Action::SleepUntil { until } => world.clock.set(until),
            Action::Finished => break,
            other => panic!("nobody has to decide: {other:?}"),
        }
    }
    migration.close(pass).await.expect("closed");
    assert_eq!(world.names("deal"), once_each("Deal", 6));
}
