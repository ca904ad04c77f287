//! Deltas: what is new or has changed comes over, once; what changed at both ends or is gone is reported.

use crmkit_core::{
    ConflictPolicy, DeltaReport, ErrorKind, MatchPolicy, MatchRule, Migration, Value, testing::MockFault,
};

use crate::world::{World, at, company, contact, count, once_each};

fn world() -> World {
    let companies = [
        company("c1", "Acme"),
        company("c2", "Daughter").with("parent", at("c1")),
        company("c3", "Third"),
        company("c4", "Fourth"),
    ];
    World::new(companies, [contact("p1", "Ann", "ann@a.example").with("company", at("c1"))])
}

/// What people did at the source: a name changed, a company came with a contact, one went.
fn change(world: &World) {
    world.source.set(
        "companies",
        [
            company("c1", "Acme Ltd"),
            company("c2", "Daughter").with("parent", at("c1")),
            company("c3", "Third Ltd"),
            company("c5", "Fifth").with("parent", at("c2")),
        ],
    );
    world.source.set(
        "contacts",
        [
            contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
            contact("p2", "Eve", "eve@a.example").with("company", at("c5")),
        ],
    );
}

async fn delta(migration: &Migration) -> DeltaReport {
    let approval = migration.approval("sample").await.expect("read").expect("approved");
    let report = migration.delta(&approval).await.expect("delta");
    assert!(report.finished, "{report:#?}");
    assert!(report.objects.iter().all(crmkit_core::ObjectCount::balances), "{report:#?}");
    report
}

fn numbers(report: &DeltaReport, mapping: &str) -> [u64; 4] {
    let count = report.objects.iter().find(|count| count.mapping == mapping).expect("the plan names it");
    [count.created, count.updated, count.unchanged, count.held]
}

#[tokio::test]
async fn what_is_new_or_changed_comes_over_and_the_rest_stays() {
    let world = world();
    let (migration, _) = world.run().await;
    let before = world.crm.log().len();
    let idle = delta(&migration).await;
    assert_eq!((numbers(&idle, "companies"), numbers(&idle, "contacts")), ([0, 0, 4, 0], [0, 0, 1, 0]));
    assert!(idle.gone.is_empty() && idle.conflicts.is_empty(), "{idle:#?}");
    let wrote = |from: usize| {
        world
            .crm
            .log()
            .into_iter()
            .skip(from)
            .filter(|line| !line.starts_with("fetch") && !line.starts_with("find"))
            .count()
    };
    assert_eq!(wrote(before), 0, "nothing changed, nothing is written: {:?}", world.crm.log());

    change(&world);
    // Lost answers are as harmless as in the run.
    for nth in [1, 2, 3] {
        world.crm.fail(nth, MockFault::CloseAfterApply);
    }
    let report = delta(&migration).await;
    assert_eq!((numbers(&report, "companies"), numbers(&report, "contacts")), ([1, 2, 1, 0], [1, 0, 1, 0]));
    assert_eq!(world.names("organization"), once_each(["Acme Ltd", "Daughter", "Third Ltd", "Fourth", "Fifth"]));
    assert_eq!(world.names("person"), once_each(["Ann", "Eve"]));
    let gone: Vec<_> = report.gone.iter().map(|gone| (gone.source.id.as_str(), gone.told, gone.certain)).collect();
    assert_eq!(gone, [("c4", false, true)]);
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    assert_eq!(reconciliation.objects[0].count.gone, 1);

    // It comes back, and is known for the record that is there.
    world.source.set("companies", [company("c1", "Acme Ltd"), company("c4", "Fourth")]);
    let report = delta(&migration).await;
    let gone: Vec<_> = report.gone.iter().map(|gone| gone.source.id.as_str()).collect();
    assert_eq!(gone, ["c2", "c3", "c5"]);
    assert_eq!(world.names("organization").len(), 5);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());

    // What was gone then says nothing about the run after.
    let approval = world.admitted(&migration).await;
    assert!(migration.run(&approval).await.expect("run").finished);
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    assert!(delta(&migration).await.gone.is_empty());
}

#[tokio::test]
async fn a_deletion_that_the_source_tells_is_told() {
    let world = world();
    let (migration, _) = world.run().await;
    world.source.set_gone("companies", ["c4".into(), "c9".into()]);
    let report = delta(&migration).await;
    let gone: Vec<_> = report.gone.iter().map(|gone| (gone.source.id.as_str(), gone.told)).collect();
    assert_eq!(gone, [("c4", true)], "a record that never came is nobody's");
}

#[tokio::test]
async fn rows_that_cannot_be_read_make_an_absence_uncertain() {
    let world = world();
    let (migration, _) = world.run().await;
    let broken = crmkit_core::Reject {
        origin: "companies.csv".to_owned(),
        line: Some(5),
        field: None,
        code: "ragged_row".to_owned(),
        message: "the row has other columns than the header".to_owned(),
    };
    world.source.set("companies", [company("c1", "Acme"), company("c2", "Daughter"), company("c3", "Third")]);
    world.source.reject("companies", [broken]);
    let report = delta(&migration).await;
    let gone: Vec<_> = report.gone.iter().map(|gone| (gone.source.id.as_str(), gone.certain)).collect();
    assert_eq!(gone, [("c4", false)]);
}

/// A delta after "c1" changed at both ends; "c3" changed at the source alone.
async fn both_ends(policy: ConflictPolicy) -> (World, Migration, DeltaReport) {
    let mut world = world();
    world.plan.delta.conflict = policy;
    let (migration, _) = world.run().await;
    let (acme, _) = world.named("organization", "Acme");
    world.crm.change(&acme, "name", Value::text("Acme by hand"));
    change(&world);
    let report = delta(&migration).await;
    assert_eq!(report.conflicts.len(), 1, "{report:#?}");
    let conflict = &report.conflicts[0];
    assert_eq!((conflict.source.id.as_str(), &conflict.destination, conflict.policy), ("c1", &acme, policy));
    assert!(conflict.fields.iter().eq(["name"]), "{conflict:?}");
    (world, migration, report)
}

#[tokio::test]
async fn theirs_is_kept_by_default_and_survives_a_rollback() {
    let (world, migration, report) = both_ends(ConflictPolicy::KeepTheirs).await;
    assert_eq!(numbers(&report, "companies"), [1, 1, 2, 0]);
    assert!(world.names("organization").contains_key("Acme by hand"));
    let reconciliation = migration.reconcile().await.expect("reconciled");
    let fields: Vec<_> =
        reconciliation.mismatches.iter().map(|wrong| (wrong.source.id.as_str(), wrong.field.as_str())).collect();
    assert_eq!(fields, [("c1", "name")]);
    let preview = migration.preview_rollback().await.expect("previewed");
    let kept: Vec<_> = preview.kept.iter().filter(|kept| kept.because_of.is_none()).map(|kept| &kept.record).collect();
    assert_eq!(kept, [&world.named("organization", "Acme by hand").0]);
    // The same conflict is not told twice: nothing changed at the source since.
    assert!(delta(&migration).await.conflicts.is_empty());
}

#[tokio::test]
async fn ours_is_taken_where_the_plan_says_so() {
    let (world, migration, report) = both_ends(ConflictPolicy::TakeOurs).await;
    assert_eq!(numbers(&report, "companies"), [1, 2, 1, 0]);
    assert!(world.names("organization").contains_key("Acme Ltd"));
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn a_conflict_waits_where_the_plan_says_so() {
    let (world, _, report) = both_ends(ConflictPolicy::Hold).await;
    assert_eq!(numbers(&report, "companies"), [1, 1, 1, 1]);
    assert!(report.held[0].reason.contains("somebody changed it"), "{:?}", report.held);
    assert!(world.names("organization").contains_key("Acme by hand"));
}

#[tokio::test]
async fn a_record_that_only_stands_for_ours_stays_untouched() {
    let mut world = world();
    world.plan.mappings[1].matching = Some(MatchRule { by: "emails".into(), found: MatchPolicy::Link });
    let theirs =
        world.foreign("person", [("name", Value::text("Anna")), ("emails", crate::world::emails("ann@a.example"))]);
    let (migration, report) = world.run().await;
    assert_eq!(count(&report, "contacts").linked, 1);
    world.source.set("contacts", [contact("p1", "Ann Other", "ann@a.example")]);
    let report = delta(&migration).await;
    let linked = report.objects.iter().find(|count| count.mapping == "contacts").expect("named").linked;
    assert_eq!(linked, 1, "{report:#?}");
    assert_eq!(world.stored(&theirs)["name"], Value::text("Anna"));
}

#[tokio::test]
async fn a_delta_follows_a_finished_run() {
    let world = world();
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    let error = migration.delta(&approval).await.expect_err("nothing was run");
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.message().contains("run first"), "{error}");
}
