//! Answers that are lost, and processes that are gone, at the places where that once went wrong.

use crmkit_core::{
    Abilities, ErrorKind, FieldConcept, FieldLine, FieldSchema, FieldType, Labelled, LinkCarrier, Mapping, MappingId,
    MatchPolicy, MemoryLedger, ObjectConcept, ObjectSchema, Record, RecordRef, Recovery, User, Value,
    testing::{MockCall, MockDestination, MockFault, MockSource},
};
use futures::FutureExt;
use std::sync::{Arc, Mutex};

use crate::world::{World, at, by_email, company, contact, count, emails, once_each};

fn family() -> World {
    World::new([company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1"))], [])
}

/// The nth request of this kind from now meets the fault.
fn fail(world: &World, call: MockCall, nth: usize, fault: MockFault) {
    let seen = Mutex::new(0);
    world.crm.script(move |request| {
        let mut seen = seen.lock().expect("one thread");
        *seen += usize::from(request.call == call);
        (request.call == call && *seen == nth).then_some(fault)
    });
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_is_still_known_for_ours() {
    let world = family();
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    fail(&world, MockCall::Update, 1, MockFault::CloseAfterApply);
    assert!(migration.run(&approval).await.expect("run").finished);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty(), "nobody else changed anything");
}

#[tokio::test]
async fn a_change_before_its_link_is_set_is_somebody_elses() {
    let world = family();
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    let crm = world.crm.clone();
    let changed = Mutex::new(false);
    // Between the create and the link somebody renames the daughter.
    let other = crm.clone();
    let pending = Arc::new(Mutex::new(None::<RecordRef>));
    let seen = pending.clone();
    crm.script(move |request| {
        let mut changed = changed.lock().expect("one thread");
        if request.call == MockCall::Fetch && !*changed {
            *changed = true;
            *seen.lock().expect("one thread") = Some(RecordRef::new("organization", "later"));
            return Some(MockFault::RefuseBeforeApply(std::time::Duration::from_secs(5)));
        }
        None
    });
    let mut run = Box::pin(migration.run(&approval));
    let report = loop {
        if let Some(report) = (&mut run).now_or_never() {
            break report.expect("run");
        }
        if pending.lock().expect("one thread").take().is_some() {
            let (daughter, _) = world.named("organization", "Daughter");
            other.change(&daughter, "name", Value::text("Renamed"));
        }
        tokio::task::yield_now().await;
    };
    assert!(report.finished);
    let preview = migration.preview_rollback().await.expect("previewed");
    assert!(preview.kept.iter().any(|kept| kept.because_of.is_none()), "the renamed one stays: {preview:#?}");
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_counts_as_one_and_is_restored_by_its_seal() {
    for somebody in [false, true] {
        let mut world = World::new([company("c1", "Acme")], [contact("p1", "Ann", "ann@a.example")]);
        world.plan.mappings[1].matching = by_email(MatchPolicy::Update);
        let owner = Value::link(RecordRef::new("user", "1"));
        let ann = world.foreign(
            "person",
            [("name", Value::text("Ms Ann")), ("emails", emails("ann@a.example")), ("owner", owner)],
        );
        let before = world.stored(&ann);
        let migration = world.worker("worker");
        let approval = world.admitted(&migration).await;
        fail(&world, MockCall::Update, 1, MockFault::CloseAfterApply);
        let report = migration.run(&approval).await.expect("run");
        assert_eq!((count(&report, "contacts").updated, count(&report, "contacts").unchanged), (1, 0));
        if somebody {
            world.crm.change(&ann, "name", Value::text("Mrs Ann"));
            let preview = migration.preview_rollback().await.expect("previewed");
            assert!(preview.kept.iter().any(|kept| kept.record == ann), "{preview:#?}");
        } else {
            // The answer to the restore is lost as well.
            fail(&world, MockCall::Update, 1, MockFault::CloseAfterApply);
            world.take_back(&migration).await;
            assert_eq!(world.stored(&ann), before);
        }
    }
}

#[tokio::test]
async fn a_rollback_that_dies_while_items_are_retired_is_finished_by_the_next_process() {
    let world = family();
    let (migration, _) = world.run().await;
    let preview = migration.preview_rollback().await.expect("previewed");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let items = world.crm.items().len();
    assert!(items > 1);
    let mut dying = Box::pin(migration.rollback(&approval));
    while world.crm.items().len() == items {
        assert!((&mut dying).now_or_never().is_none(), "it has not come to its end");
        tokio::task::yield_now().await;
    }
    drop(dying);
    let report = world.worker("next").rollback(&approval).await.expect("rolled back");
    assert!(report.clean && world.crm.live().is_empty() && world.crm.items().is_empty(), "{report:#?}");
    let again = world.worker("another").rollback(&approval).await.expect("asked again");
    assert_eq!(again.retired, report.retired);
    assert_eq!(again.observed.pass, report.observed.pass, "one preview is carried out once");
}

#[tokio::test]
async fn what_may_have_arrived_is_not_rolled_back_blindly() {
    let world = family();
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    fail(&world, MockCall::Create, 1, MockFault::CloseAfterApply);
    let mut run = Box::pin(migration.run(&approval));
    while world.crm.live().is_empty() {
        assert!((&mut run).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(run);
    let error = migration.preview_rollback().await.expect_err("nobody knows yet");
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(migration.run(&approval).await.expect("run").finished);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn a_lost_create_that_somebody_trashed_is_held_and_not_doubled() {
    let world = World::new([company("c1", "Acme")], []);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    fail(&world, MockCall::Create, 1, MockFault::CloseAfterApply);
    let mut run = Box::pin(migration.run(&approval));
    let report = loop {
        if let Some(report) = (&mut run).now_or_never() {
            break report.expect("run");
        }
        if let Some(acme) = world.crm.live().keys().next() {
            world.crm.trash(acme);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((count(&report, "companies").held, report.uncertain.held), (1, 1), "{report:#?}");
    assert!(world.crm.live().is_empty(), "it was not made again");
}

#[tokio::test]
async fn a_record_of_several_requests_that_broke_off_in_between_ends_complete() {
    let world = World::new([], [contact("p1", "Ann", "ann@a.example")]);
    world.crm.in_two_requests("person", ["emails".into()]);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    fail(&world, MockCall::Update, 1, MockFault::RefuseBeforeApply(std::time::Duration::from_secs(3)));
    let report = migration.run(&approval).await.expect("run");
    assert_eq!((count(&report, "contacts").created, report.uncertain.adopted), (1, 1));
    assert_eq!(world.names("person"), once_each(["Ann"]));
    assert_eq!(world.named("person", "Ann").1["emails"], emails("ann@a.example"));
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn a_changed_source_updates_what_the_kept_sample_wrote_links_and_all() {
    let mut world = family();
    world.plan.sample.keep = true;
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    world.source.set("companies", [company("c1", "Acme"), company("c2", "Renamed").with("parent", at("c1"))]);
    let report = migration.run(&approval).await.expect("run");
    assert_eq!((count(&report, "companies").updated, count(&report, "companies").held), (1, 0), "{report:#?}");
    assert_eq!(world.names("organization"), once_each(["Acme", "Renamed"]));
}

/// Notes that say the same, links that are records, and an object in which nothing is found again.
fn bare(carrier: Recovery, notes: usize) -> World {
    let mut world = family();
    let clock: Arc<dyn crmkit_core::Clock> = Arc::new(world.clock.clone());
    let mut parent = FieldSchema::new("parent", "Parent", FieldType::link("organization")).means(FieldConcept::Parent);
    parent.carrier = Some(LinkCarrier {
        object: "relation".into(),
        from: "child".into(),
        to: "above".into(),
        constants: Vec::new(),
    });
    let end = |name: &str| FieldSchema::new(name, name, FieldType::link("organization"));
    let touched = FieldSchema::new("touched", "Touched", FieldType::Timestamp).read_only();
    let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name);
    let organization = ObjectSchema::new("organization", "Organization", ObjectConcept::Organization)
        .with(name())
        .with(FieldSchema::new("owner", "Owner", FieldType::link("user")).means(FieldConcept::Owner))
        .with(parent)
        .with(touched);
    let relation = ObjectSchema::new("relation", "Relation", ObjectConcept::Link).with(end("child")).with(end("above"));
    let note = ObjectSchema::new("note", "Note", ObjectConcept::Note)
        .with(FieldSchema::new("body", "Body", FieldType::text()).means(FieldConcept::Body))
        .with(end("organization"));
    let witness = Recovery::Witness { fields: vec!["organization".into(), "body".into()] };
    let marked = Abilities::plain(Recovery::MarkerField { label: "crmkit_id".to_owned() });
    let objects = vec![
        (organization, Abilities { volatile: vec!["touched".into()], ..marked }),
        (relation, Abilities::plain(carrier)),
        (note, Abilities::plain(witness)),
    ];
    let ann = User {
        id: "2".into(),
        email: "ann@crm.example".to_owned(),
        name: "Ann".to_owned(),
        active: true,
        importing: false,
    };
    world.crm = MockDestination::new(clock.clone(), objects, vec![ann]);
    world.crm.stamps("organization", "touched");
    world.ledger = Arc::new(MemoryLedger::new(clock));
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
    let said = |n: usize| {
        Record::new(RecordRef::new("notes", format!("n{n}")))
            .with("body", Value::text("Called"))
            .with("company", at("c1"))
    };
    let source =
        MockSource::new("export-1")
            .with_object(
                ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails)),
                [Record::new(RecordRef::new("users", "ann")).with("email", Value::text("ann@crm.example"))],
            )
            .with_object(
                ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
                    .with(text("name", FieldConcept::Name))
                    .with(link("parent", "companies", FieldConcept::Parent))
                    .with(link("owner", "users", FieldConcept::Owner)),
                [company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1"))],
            )
            .with_object(
                ObjectSchema::new("notes", "Note", ObjectConcept::Note)
                    .with(text("body", FieldConcept::Body))
                    .with(link("company", "companies", FieldConcept::Organization)),
                (0..notes).map(said),
            );
    world.source = Arc::new(source);
    let line = |id: &str, from: &str, to: &str| FieldLine {
        id: id.to_owned(),
        from: vec![from.into()],
        to: to.to_owned(),
        ..world.plan.mappings[0].fields[0].clone()
    };
    let body = line("notes.body", "body", "body");
    let about = line("notes.company", "company", "organization");
    let about = FieldLine { link: Some(MappingId::from("companies")), ..about };
    world.plan.mappings[1] = Mapping::new("notes", "notes", "note").with(body).with(about);
    world
}

fn notes(world: &World) -> usize {
    world.crm.live().keys().filter(|record| record.object.as_str() == "note").count()
}

#[tokio::test]
async fn equal_notes_are_counted_across_pages_whoever_lost_which_answer() {
    for fault in [MockFault::CloseAfterApply, MockFault::CloseBeforeApply] {
        for (nth, page_size) in [(1, 1), (2, 1), (3, 1), (2, 5)] {
            let mut world = bare(Recovery::Nothing, 3);
            world.page_size = page_size;
            let migration = world.worker("worker");
            let approval = world.admitted(&migration).await;
            let seen = Mutex::new(0);
            world.crm.script(move |request| {
                let note =
                    request.call == MockCall::Create && request.object.as_ref().is_some_and(|of| of.as_str() == "note");
                let mut seen = seen.lock().expect("one thread");
                *seen += usize::from(note);
                // The nth and all before it.
                (note && *seen <= nth).then_some(fault)
            });
            let report = migration.run(&approval).await.expect("run");
            assert_eq!(
                (notes(&world), count(&report, "notes").created),
                (3, 3),
                "{fault:?} {nth} {page_size} {report:#?}"
            );
            assert!(migration.reconcile().await.expect("reconciled").clean);
            world.take_back(&migration).await;
            assert!(world.crm.live().is_empty(), "times that our own writes move are no drift");
        }
    }
}

#[tokio::test]
async fn a_link_of_which_nobody_can_tell_is_held_once_and_never_sent_again() {
    let world = bare(Recovery::Nothing, 1);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    let lost = Mutex::new(false);
    world.crm.script(move |request| {
        let relation =
            request.call == MockCall::Create && request.object.as_ref().is_some_and(|of| of.as_str() == "relation");
        let mut lost = lost.lock().expect("one thread");
        (relation && !std::mem::replace(&mut *lost, true)).then_some(MockFault::CloseAfterApply)
    });
    let report = migration.run(&approval).await.expect("run");
    assert_eq!((report.uncertain.held, report.uncertain.resent), (1, 0), "{report:#?}");
    assert!(report.held.iter().any(|held| held.reason.contains("answer to its create was lost")), "{report:#?}");
    let relations = world.crm.log().iter().filter(|line| line.starts_with("create relation")).count();
    assert_eq!(relations, 2, "one of the sample, one of the run");
}

#[tokio::test]
async fn a_request_of_a_dead_process_is_waited_out() {
    let world = World::new([company("c1", "Acme")], []);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    let left = Arc::new(Mutex::new(false));
    let seen = left.clone();
    // It is on its way while the next process looks for it, and arrives all the same.
    world.crm.script(move |request| {
        let first =
            request.call == MockCall::Create && !std::mem::replace(&mut *seen.lock().expect("one thread"), true);
        first.then_some(MockFault::Late(std::time::Duration::from_secs(20)))
    });
    let mut dying = Box::pin(migration.run(&approval));
    while !*left.lock().expect("one thread") {
        assert!((&mut dying).now_or_never().is_none(), "it has not come to its end");
        tokio::task::yield_now().await;
    }
    drop(dying);
    assert!(world.crm.live().is_empty(), "it has not arrived");
    let report = world.worker("worker").run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    world.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(world.names("organization"), once_each(["Acme"]));
    assert_eq!((report.uncertain.adopted, report.uncertain.resent), (1, 0), "{report:#?}");
}

#[tokio::test]
async fn what_was_there_is_kept_before_it_is_overwritten() {
    let mut world = World::new([], [contact("p1", "Ann", "ann@a.example")]);
    world.plan.mappings[1].matching = by_email(MatchPolicy::Update);
    let owner = Value::link(RecordRef::new("user", "1"));
    let ann = world
        .foreign("person", [("name", Value::text("Ms Ann")), ("emails", emails("ann@a.example")), ("owner", owner)]);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    // Not there when the sample was written and taken back: only this run can keep it.
    let address = |text: &str| Value::Labelled(Arc::new(Labelled { value: text.into(), label: None }));
    let both = ["ann@a.example", "ann@home.example"].map(address);
    world.crm.change(&ann, "emails", Value::List(both.into()));
    // There then, and renamed since: what the sample saw is no longer what has to come back.
    world.crm.change(&ann, "name", Value::text("Mrs Ann"));
    let before = world.stored(&ann);
    let mut dying = Box::pin(migration.run(&approval));
    while world.stored(&ann) == before {
        assert!((&mut dying).now_or_never().is_none(), "it has not come to its end");
        tokio::task::yield_now().await;
    }
    drop(dying);
    let next = world.worker("worker");
    assert!(next.run(&approval).await.expect("run").finished);
    world.take_back(&next).await;
    assert_eq!(world.stored(&ann), before);
}

#[tokio::test]
async fn a_create_of_which_nobody_can_tell_stays_held_in_the_next_pass() {
    let world = World::new([company("c1", "Acme")], []);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    fail(&world, MockCall::Create, 1, MockFault::CloseAfterApply);
    let mut run = Box::pin(migration.run(&approval));
    loop {
        if let Some(report) = (&mut run).now_or_never() {
            assert_eq!(report.expect("run").uncertain.held, 1);
            break;
        }
        if let Some(acme) = world.crm.live().keys().next() {
            world.crm.trash(acme);
        }
        tokio::task::yield_now().await;
    }
    let report = migration.delta(&approval).await.expect("delta");
    let companies = report.objects.iter().find(|count| count.mapping == "companies").expect("the plan names it");
    assert_eq!((companies.held, companies.created), (1, 0), "{report:#?}");
    assert!(world.crm.live().is_empty(), "it was not made again");
}
