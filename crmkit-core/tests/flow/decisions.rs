//! What waits for a person moves once the person has decided: exactly that, and what depends on it.

use crmkit_core::{Decision, ErrorKind, RecordRef, Value, chrono::TimeDelta};

use crate::world::{World, at, company, contact, count, once_each};

/// Bob has left: his company waits, and so do the people in it.
fn world() -> World {
    let bob = |record: crmkit_core::Record| record.with("owner", Value::link(RecordRef::new("users", "bob")));
    let companies =
        [company("c1", "Acme"), bob(company("c2", "Bobs")), company("c3", "Child").with("parent", at("c2"))];
    let contacts = [
        contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
        contact("p2", "Ben", "ben@b.example").with("company", at("c2")),
    ];
    let mut world = World::new(companies, contacts);
    world.plan.stop_when = 1.0;
    world.plan.owners.fallback = None;
    world
}

#[tokio::test]
async fn an_owner_that_is_found_brings_over_what_waited_and_nothing_else() {
    let world = world();
    let (migration, report) = world.run().await;
    assert_eq!((count(&report, "companies").held, count(&report, "contacts").held), (1, 1));
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let writes = world.crm.requests();

    let unknown = Decision::Owner { user: "bob".into(), member: "nobody@crm.example".into() };
    assert_eq!(migration.decide(&[unknown], "ann").await.expect_err("unknown").kind(), ErrorKind::Input);
    let known = Decision::Owner { user: "bob@gone.example".into(), member: "ANN@crm.example".into() };
    migration.decide(&[known], "ann").await.expect("decided");
    let resolved = migration.resolve(&approval).await.expect("resolved");
    assert!(resolved.finished, "{resolved:#?}");
    assert_eq!((count(&resolved, "companies").created, count(&resolved, "contacts").created), (1, 1));
    assert!(resolved.objects.iter().all(crmkit_core::ObjectCount::balances), "{resolved:#?}");
    // Two records and the link of the child, each once.
    assert_eq!(world.crm.requests() - writes, 3, "{:?}", world.crm.log());
    assert_eq!(world.names("organization"), once_each(["Acme", "Bobs", "Child"]));
    let (bobs, _) = world.named("organization", "Bobs");
    assert_eq!(world.named("organization", "Child").1["parent"], Value::link(bobs));

    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    assert_eq!(migration.decisions().await.expect("kept").len(), 1, "the refused one is none");
    world.take_back(&migration).await;
    assert_eq!(world.crm.live().len(), 0);
}

#[tokio::test]
async fn a_record_can_be_left_behind_or_merged_afterwards() {
    let world = world();
    let (migration, _) = world.run().await;
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let wrong = Decision::Leave { mapping: "companies".into(), record: "c1".into() };
    assert_eq!(migration.decide(&[wrong], "ann").await.expect_err("it is written").kind(), ErrorKind::Input);
    let merge = Decision::Merge { mapping: "companies".into(), record: "c2".into(), into: "c1".into() };
    migration.decide(&[merge], "ann").await.expect("decided");
    let resolved = migration.resolve(&approval).await.expect("resolved");
    assert_eq!((count(&resolved, "companies").merged, count(&resolved, "contacts").created), (1, 1));
    let (acme, _) = world.named("organization", "Acme");
    assert_eq!(world.named("person", "Ben").1["organization"], Value::link(acme.clone()), "it moved with the merge");
    assert_eq!(world.named("organization", "Child").1["parent"], Value::link(acme));
    assert!(migration.reconcile().await.expect("reconciled").clean);

    let again = migration.resolve(&approval).await.expect("nothing waits");
    assert!(again.finished && again.objects.iter().all(|count| count.source == 0), "{again:#?}");
}

#[tokio::test]
async fn what_was_left_behind_is_no_gap() {
    let world = world();
    let (migration, _) = world.run().await;
    let approval = migration.approval("sample").await.expect("read").expect("given");
    let leave = Decision::Leave { mapping: "companies".into(), record: "c2".into() };
    migration.decide(&[leave], "ann").await.expect("decided");
    let resolved = migration.resolve(&approval).await.expect("resolved");
    assert_eq!(count(&resolved, "companies").excluded, 1);
    assert_eq!(count(&resolved, "contacts").created, 1, "without the company, which stays behind");
}

#[tokio::test]
async fn the_window_closes_opens_in_a_name_and_ends_with_acceptance() {
    let world = world();
    let (migration, _) = world.run().await;
    let until = migration.rollback_until().await.expect("read").expect("it ran");
    world.clock.advance(TimeDelta::hours(71).to_std().expect("forward"));
    migration.preview_rollback().await.expect("within the window");
    world.clock.advance(TimeDelta::hours(2).to_std().expect("forward"));
    let late = migration.preview_rollback().await.expect_err("too late");
    assert_eq!(late.kind(), ErrorKind::State);
    assert!(late.to_string().contains(&until.to_string()), "{late}");
    migration.reopen_window("ann", "the stages are wrong").await.expect("opened");
    migration.preview_rollback().await.expect("open again");
    migration.accept("ann").await.expect("accepted");
    assert_eq!(migration.preview_rollback().await.expect_err("accepted").kind(), ErrorKind::State);
    assert_eq!(migration.reopen_window("ann", "").await.expect_err("accepted").kind(), ErrorKind::State);
    assert_eq!(migration.accept("ben").await.expect("again").actor, "ann");
}
