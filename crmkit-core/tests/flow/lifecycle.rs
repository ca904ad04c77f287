//! What happens after the run: removals, emptied values, duplicates, repairs, spot checks, pauses, one delta taken back.

use crmkit_core::{ErrorKind, GonePolicy, Labelled, Migration, Record, Value};

use crate::world::{World, at, company, contact, count, emails, once_each};

fn world() -> World {
    let companies = [company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1")), company("c3", "Third")];
    let contacts = [
        contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
        contact("p2", "Ben", "ben@b.example").with("company", at("c2")),
    ];
    World::new(companies, contacts)
}

async fn sample_approval(migration: &Migration) -> crmkit_core::Approval {
    migration.approval("sample").await.expect("read").expect("approved")
}

#[tokio::test]
async fn duplicates_give_their_addresses_and_what_is_missing() {
    let both = |one: &str, other: &str| {
        let email = |value: &str| Value::Labelled(std::sync::Arc::new(Labelled { value: value.into(), label: None }));
        Value::List([email(one), email(other)].into())
    };
    let contacts = [
        contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
        contact("p2", "Ann A.", "ANN@a.example").with("emails", both("ANN@a.example", "ann@home.example")),
        contact("p3", "A.", "a@work.example"),
    ];
    let mut world = World::new([company("c1", "Acme")], contacts);
    world.plan.mappings[1].merge = [("p2".into(), "p1".into()), ("p3".into(), "p2".into())].into_iter().collect();
    world.page_size = 1;
    let (migration, report) = world.run().await;
    assert_eq!((count(&report, "contacts").created, count(&report, "contacts").merged), (1, 2));
    let (_, ann) = world.named("person", "Ann");
    let Value::List(addresses) = &ann["emails"] else { panic!("{ann:?}") };
    let mut addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.sort();
    assert_eq!(addresses, ["a@work.example", "ann@a.example", "ann@home.example"]);
    assert!(migration.reconcile().await.expect("reconciled").clean);
    let approval = sample_approval(&migration).await;
    let delta = migration.delta(&approval).await.expect("delta");
    assert_eq!(count_of(&delta, "contacts"), (0, 0), "nothing changed");
    world.take_back(&migration).await;
}

fn count_of(report: &crmkit_core::DeltaReport, mapping: &str) -> (u64, u64) {
    let count = report.objects.iter().find(|count| count.mapping == mapping).expect("planned");
    (count.created, count.updated)
}

#[tokio::test]
async fn a_value_that_the_source_no_longer_has_is_cleared() {
    let world = world();
    let (migration, _) = world.run().await;
    let without = Record {
        fields: [
            ("name".into(), Value::text("Ann")),
            ("owner".into(), crate::world::user("ann")),
            ("company".into(), at("c1")),
        ]
        .into_iter()
        .collect(),
        ..contact("p1", "", "")
    };
    world.source.set("contacts", [without, contact("p2", "Ben", "ben@b.example").with("company", at("c2"))]);
    let delta = migration.delta(&sample_approval(&migration).await).await.expect("delta");
    assert_eq!(count_of(&delta, "contacts"), (0, 1), "{delta:#?}");
    assert!(!world.named("person", "Ann").1.contains_key("emails"));
    assert!(migration.reconcile().await.expect("reconciled").clean);
    // Taken back, it is what it was before the delta.
    let preview = migration.preview_rollback_of(delta.observed.pass).await.expect("previewed");
    assert_eq!((preview.remove, preview.restore), (0, 1));
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    assert!(migration.rollback(&approval).await.expect("rolled back").clean);
    assert_eq!(world.named("person", "Ann").1["emails"], emails("ann@a.example"));
}

#[tokio::test]
async fn one_delta_alone_can_be_taken_back_and_then_everything() {
    let world = world();
    let (migration, _) = world.run().await;
    let before = world.crm.live();
    let approval = sample_approval(&migration).await;
    world.source.set(
        "companies",
        [
            company("c1", "Acme Ltd"),
            company("c2", "Daughter").with("parent", at("c3")),
            company("c3", "Third"),
            company("c4", "Fourth").with("parent", at("c1")),
        ],
    );
    let first = migration.delta(&approval).await.expect("delta");
    assert_eq!(count_of(&first, "companies"), (1, 1), "{first:#?}");
    assert_eq!(world.names("organization"), once_each(["Acme Ltd", "Daughter", "Third", "Fourth"]));
    let second = migration.delta(&approval).await.expect("delta");

    let early = migration.preview_rollback_of(first.observed.pass).await.expect_err("a newer one stands");
    assert_eq!(early.kind(), ErrorKind::State);
    for pass in [second.observed.pass, first.observed.pass] {
        let preview = migration.preview_rollback_of(pass).await.expect("previewed");
        let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
        let report = migration.rollback(&approval).await.expect("rolled back");
        assert!(report.clean, "{report:#?}");
    }
    assert_eq!(world.crm.live(), before, "as after the run");
    let run =
        migration.passes().await.expect("read").into_iter().find(|pass| pass.kind == crmkit_core::PassKind::Initial);
    assert!(migration.preview_rollback_of(run.expect("it ran").number).await.is_err(), "the run goes as a whole");

    // The source still says so: another delta brings it again.
    let again = migration.delta(&approval).await.expect("delta");
    assert_eq!(count_of(&again, "companies"), (1, 1), "{again:#?}");
    assert!(migration.reconcile().await.expect("reconciled").clean);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn what_is_gone_goes_where_the_plan_says_so() {
    let mut world = world();
    world.plan.delta.gone = GonePolicy::Remove;
    let (migration, _) = world.run().await;
    let approval = sample_approval(&migration).await;
    // Third goes; Daughter goes, and Ben who works there stays; Ann goes, and somebody changed her.
    world.source.set("companies", [company("c1", "Acme")]);
    world.source.set("contacts", [contact("p2", "Ben", "ben@b.example").with("company", at("c2"))]);
    let (ann, _) = world.named("person", "Ann");
    world.crm.change(&ann, "name", Value::text("Ann B."));
    let blocked = migration.delta(&approval).await.expect("delta");
    assert!(!blocked.finished && blocked.waits_for.iter().any(|why| why.contains("delta.shrink")), "{blocked:#?}");
    assert_eq!(world.names("organization").len(), 3, "nothing went");
    let mut report = blocked;
    while !report.finished {
        let unit = report.waits_for[0].split_once(": ").expect("unit and reason").0.parse().expect("a unit");
        migration.accept_gate(&unit, "ann").await.expect("accepted");
        report = migration.delta(&approval).await.expect("delta");
    }
    let removed: Vec<&str> = report.removed.iter().map(|gone| gone.source.id.as_str()).collect();
    assert_eq!(removed, ["c3"], "{report:#?}");
    assert_eq!(world.names("organization"), once_each(["Acme", "Daughter"]), "Ben links to one");
    assert_eq!(world.names("person"), once_each(["Ann B.", "Ben"]), "others made one their own");
    assert_eq!(report.kept.iter().filter(|kept| kept.record == ann).count(), 1, "{report:#?}");
    let back = [company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1")), company("c3", "Third")];
    world.source.set("companies", back);
    let mut report = migration.delta(&approval).await.expect("delta");
    while !report.finished {
        let unit = report.waits_for[0].split_once(": ").expect("unit and reason").0.parse().expect("a unit");
        migration.accept_gate(&unit, "ann").await.expect("accepted");
        report = migration.delta(&approval).await.expect("delta");
    }
    assert_eq!(world.names("organization"), once_each(["Acme", "Daughter", "Third"]), "it came back, once");
}

#[tokio::test]
async fn a_repair_rewrites_what_differs_and_nothing_else() {
    let world = world();
    let (migration, _) = world.run().await;
    let approval = sample_approval(&migration).await;
    let early = migration.repair(&approval).await.expect_err("nothing was reconciled");
    assert_eq!(early.kind(), ErrorKind::State);
    let (acme, _) = world.named("organization", "Acme");
    let (daughter, _) = world.named("organization", "Daughter");
    world.crm.change(&acme, "name", Value::text("Acne"));
    world.crm.change(&daughter, "parent", Value::link(daughter.clone()));
    let found = migration.reconcile().await.expect("reconciled");
    assert_eq!(found.mismatches.len(), 2, "{found:#?}");
    let writes = world.crm.requests();
    let repaired = migration.repair(&approval).await.expect("repaired");
    assert!(repaired.finished, "{repaired:#?}");
    assert_eq!(world.crm.requests() - writes, 2, "{:?}", world.crm.log());
    let after = migration.reconcile().await.expect("reconciled");
    assert!(after.clean, "{after:#?}");
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn a_spot_check_reads_so_many_and_finds_what_is_wrong_there() {
    let companies = (0..40).map(|index| company(&format!("c{index}"), &format!("Company {index}")));
    let world = World::new(companies, []);
    let (migration, _) = world.run().await;
    let some = migration.spot_check(10, 7).await.expect("checked");
    let verified: u64 = some.objects.iter().map(|object| object.verified).sum();
    assert!(some.clean && verified == 10, "{some:#?}");
    for (record, _) in world.crm.live() {
        world.crm.change(&record, "name", Value::text("wrong"));
    }
    let again = migration.spot_check(10, 7).await.expect("checked");
    assert_eq!((again.clean, again.mismatches.len()), (false, 10));
    let first: Vec<_> = again.mismatches.iter().map(|mismatch| mismatch.source.clone()).collect();
    let third = migration.spot_check(10, 7).await.expect("checked");
    assert_eq!(third.mismatches.into_iter().map(|mismatch| mismatch.source).collect::<Vec<_>>(), first, "same seed");
}

#[tokio::test]
async fn a_paused_run_goes_on_and_a_cancelled_one_is_taken_back() {
    let world = world();
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    migration.pause("ann", "month end").await.expect("paused");
    let waiting = migration.run(&approval).await.expect("run");
    assert!(!waiting.finished && waiting.waits_for == ["somebody to resume it"], "{waiting:#?}");
    assert!(world.crm.live().is_empty());
    migration.resume("ann").await.expect("resumed");
    // It stops after the companies: their gate is where people look.
    let pass = migration.start_run(&approval).await.expect("started");
    let mut done = 0;
    while let crmkit_core::Action::Run { units } =
        crmkit_core::next_action(&crmkit_core::load_state(migration.core(), pass).await.expect("loaded"))
    {
        if done == 2 {
            break;
        }
        crmkit_core::execute_unit(migration.core(), &units[0]).await.expect("executed");
        done += 1;
    }
    migration.cancel(pass, "ann").await.expect("cancelled");
    assert!(!world.crm.live().is_empty());
    let report = migration.run(&approval).await.expect("no more");
    assert!(!report.finished, "{report:#?}");
    assert!(world.names("person").is_empty(), "it never got there");
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn a_sample_shows_every_line_and_reason_however_rare() {
    let mut companies: Vec<Record> =
        (0..200).map(|index| company(&format!("c{index:03}"), &format!("Company {index}"))).collect();
    companies[150] = companies[150].clone().with("parent", at("c003"));
    companies[77] = companies[77].clone().with("owner", crate::world::user("bob"));
    let mut world = World::new(companies, []);
    world.plan.sample.size = 20;
    let migration = world.worker("worker");
    let approval = migration.approve_plan(&world.plan, "ann").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let sample = migration.sample(&approval).await.expect("sampled");
    assert!(sample.chosen <= 20, "{}", sample.chosen);
    assert!(sample.records.iter().any(|record| record.source.id == "c150"), "the only one with a parent");
    let parent = sample.records.iter().flat_map(|record| &record.fields).find(|field| field.field == "parent");
    assert!(parent.is_some_and(|field| field.same), "the link is written and compared");
    let held: Vec<&str> = sample.held.iter().flat_map(|held| &held.examples).map(|record| record.id.as_str()).collect();
    assert_eq!(held, ["c077"], "the only one whose owner is unknown");
}
