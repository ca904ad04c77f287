//! After the end: stale plans, and the run after a complete rollback.

use crmkit_core::{ErrorKind, Overwrite, RowState, Select, Value, testing::MockFault};

use crate::world::{World, at, company, contact, count, once_each};

fn world() -> World {
    let companies = [company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1"))];
    World::new(companies, [contact("p1", "Ann", "ann@a.example").with("company", at("c1"))])
}

#[tokio::test]
async fn a_stale_plan_is_refused_with_the_place_of_the_difference() {
    let world = world();
    let (migration, _) = world.run().await;
    migration.ensure_frozen(&world.plan).await.expect("the same plan");
    let refused = async |change: &dyn Fn(&mut crmkit_core::Plan)| {
        let mut stale = world.plan.clone();
        change(&mut stale);
        let error = migration.ensure_frozen(&stale).await.expect_err("another plan");
        assert_eq!(error.kind(), ErrorKind::State);
        let approved = migration.approve_plan(&stale, "ann").await.expect_err("another plan is frozen");
        assert_eq!(approved.context("first_difference"), error.context("first_difference"));
        error.context("first_difference").expect("a place").to_owned()
    };
    let to = refused(&|plan| plan.mappings[1].fields[0].required = true).await;
    assert_eq!(to, "/mappings/1/fields/0/required");
    let overwrite = refused(&|plan| plan.mappings[1].fields[1].overwrite = Overwrite::Never).await;
    assert_eq!(overwrite, "/mappings/1/fields/1/overwrite");
    let fallback = refused(&|plan| plan.owners.fallback = Some("ann@crm.example".to_owned())).await;
    assert_eq!(fallback, "/owners/fallback");
}

#[tokio::test]
async fn the_run_after_a_complete_rollback_writes_everything_anew() {
    let world = world();
    let (migration, first) = world.run().await;
    let old: Vec<_> = world.crm.live().into_keys().collect();
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
    let approval = migration.approval("sample").await.expect("read");
    assert_eq!(approval, None, "what was approved is gone");

    let approval = world.admitted(&migration).await;
    // Two answers are lost: what is found must be the new record, never the one in the trash.
    world.crm.fail(1, MockFault::CloseAfterApply);
    world.crm.fail(2, MockFault::CloseBeforeApply);
    let second = migration.run(&approval).await.expect("run");
    assert!(second.finished, "{second:#?}");
    assert!(second.observed.pass > first.observed.pass);
    assert_eq!((second.uncertain.adopted, second.uncertain.resent, second.uncertain.held), (1, 1, 0));
    assert_eq!((count(&second, "companies").created, count(&second, "contacts").created), (2, 1));
    assert_eq!(world.names("organization"), once_each(["Acme", "Daughter"]));
    assert_eq!(world.names("person"), once_each(["Ann"]));
    assert!(world.crm.live().keys().all(|record| !old.contains(record)), "the old ids stay in the trash");
    let select = Select::Rows { mapping: "companies".into(), pass: None, states: vec![RowState::Created] };
    let rows = world.ledger.select(&select, None, 10).await.expect("rows").items;
    assert_eq!(rows.len(), 2, "one row per record, used again");
    assert!(migration.reconcile().await.expect("reconciled").clean);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn a_changed_plan_may_be_approved_after_a_complete_rollback() {
    let mut world = world();
    let (migration, _) = world.run().await;
    world.take_back(&migration).await;
    world.plan.mappings[1].exclude = vec!["p1".into()];
    let (_, report) = world.run().await;
    assert_eq!((count(&report, "contacts").excluded, count(&report, "companies").created), (1, 2));
    assert!(world.names("person").is_empty());
}

#[tokio::test]
async fn what_others_change_after_the_preview_stays() {
    let world = world();
    let (migration, _) = world.run().await;
    let preview = migration.preview_rollback().await.expect("previewed");
    assert!(preview.kept.is_empty(), "{preview:#?}");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let (ann, _) = world.named("person", "Ann");
    world.crm.change(&ann, "name", Value::text("Ann by hand"));
    let report = migration.rollback(&approval).await.expect("rolled back");
    assert_eq!(world.names("person"), once_each(["Ann by hand"]), "{report:#?}");
    assert_eq!(world.names("organization"), once_each(["Acme"]), "what it refers to stays with it");
}
