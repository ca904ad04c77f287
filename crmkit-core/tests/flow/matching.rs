//! What becomes of records that the destination has already.

use crmkit_core::{MatchPolicy, MatchRule, Overwrite, RecordRef, Value};

use crate::world::{World, at, by_email, company, contact, count, emails, once_each};

/// Ann is there already, with another name, in another company, owned by the importer.
fn world(found: MatchPolicy) -> (World, RecordRef) {
    let companies = [company("c1", "Acme")];
    let contacts =
        [contact("p1", "Ann", "Ann@a.example").with("company", at("c1")), contact("p2", "Ben", "ben@b.example")];
    let mut world = World::new(companies, contacts);
    world.plan.mappings[1].matching = by_email(found);
    let old = world.foreign("organization", [("name", Value::text("Old"))]);
    let ann = world.foreign(
        "person",
        [
            ("name", Value::text("Ms Ann")),
            ("emails", emails("ann@A.example")),
            ("owner", Value::link(RecordRef::new("user", "1"))),
            ("organization", Value::link(old)),
        ],
    );
    (world, ann)
}

#[tokio::test]
async fn link_lets_it_stand_untouched() {
    let (world, ann) = world(MatchPolicy::Link);
    let before = world.stored(&ann);
    let (migration, report) = world.run().await;
    assert_eq!(world.stored(&ann), before);
    assert_eq!(world.names("person"), once_each(["Ms Ann", "Ben"]));
    assert_eq!((count(&report, "contacts").linked, count(&report, "contacts").created), (1, 1));
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    world.take_back(&migration).await;
    assert_eq!(world.stored(&ann), before, "what others made stays");
}

#[tokio::test]
async fn create_makes_another_one() {
    let (world, ann) = world(MatchPolicy::Create);
    let before = world.stored(&ann);
    let (_, report) = world.run().await;
    assert_eq!(count(&report, "contacts").created, 2);
    assert_eq!(world.names("person"), once_each(["Ms Ann", "Ann", "Ben"]));
    assert_eq!(world.stored(&ann), before);
}

#[tokio::test]
async fn skip_leaves_the_source_record_out() {
    let (world, ann) = world(MatchPolicy::Skip);
    let before = world.stored(&ann);
    let (migration, report) = world.run().await;
    assert_eq!((count(&report, "contacts").excluded, count(&report, "contacts").created), (1, 1));
    assert_eq!(world.names("person"), once_each(["Ms Ann", "Ben"]));
    assert_eq!(world.stored(&ann), before);
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn update_gives_it_our_values_as_far_as_the_plan_allows() {
    for (overwrite, name, moved, updated) in [
        (Overwrite::Always, "Ann", true, true),
        (Overwrite::IfEmpty, "Ms Ann", false, false),
        (Overwrite::Never, "Ms Ann", false, false),
    ] {
        let (mut world, ann) = world(MatchPolicy::Update);
        for line in &mut world.plan.mappings[1].fields {
            line.overwrite = overwrite;
        }
        let before = world.stored(&ann);
        let (migration, report) = world.run().await;
        let after = world.stored(&ann);
        assert_eq!(after["name"], Value::text(name), "{overwrite:?}");
        assert_eq!(after["organization"] != before["organization"], moved, "{overwrite:?}");
        assert_eq!(after["owner"] != before["owner"], moved, "{overwrite:?}");
        let contacts = count(&report, "contacts");
        assert_eq!((contacts.updated, contacts.unchanged), if updated { (1, 0) } else { (0, 1) }, "{overwrite:?}");
        let reconciliation = migration.reconcile().await.expect("reconciled");
        assert!(reconciliation.clean, "{overwrite:?} {reconciliation:#?}");
        world.take_back(&migration).await;
        assert_eq!(world.stored(&ann), before, "{overwrite:?}: rollback gives back what was there");
        assert_eq!(world.names("person"), once_each(["Ms Ann"]));
    }
}

#[tokio::test]
async fn if_empty_fills_what_is_empty_and_rollback_empties_it_again() {
    let (mut world, _) = world(MatchPolicy::Update);
    world.plan.mappings[1].matching = Some(MatchRule { by: "name".into(), found: MatchPolicy::Update });
    for line in &mut world.plan.mappings[1].fields {
        line.overwrite = Overwrite::IfEmpty;
    }
    let owner = Value::link(RecordRef::new("user", "1"));
    let ben = world.foreign("person", [("name", Value::text("BEN")), ("owner", owner)]);
    let before = world.stored(&ben);
    let (migration, report) = world.run().await;
    assert_eq!((count(&report, "contacts").updated, count(&report, "contacts").created), (1, 1));
    let after = world.stored(&ben);
    assert_eq!((&after["name"], &after["owner"]), (&before["name"], &before["owner"]));
    assert_eq!(after["emails"], emails("ben@b.example"));
    world.take_back(&migration).await;
    assert_eq!(world.stored(&ben), before);
}

#[tokio::test]
async fn several_matches_are_held() {
    let (world, ann) = world(MatchPolicy::Update);
    let before = world.stored(&ann);
    world.foreign("person", [("name", Value::text("Anna")), ("emails", emails("ann@a.example"))]);
    let (_, report) = world.run().await;
    assert_eq!((count(&report, "contacts").held, count(&report, "contacts").created), (1, 1));
    assert_eq!(report.held[0].reason, "several records of the destination match it");
    assert_eq!(report.held[0].examples, [RecordRef::new("contacts", "p1")]);
    assert_eq!(world.stored(&ann), before);
    assert_eq!(world.names("person"), once_each(["Ms Ann", "Anna", "Ben"]));
}

#[tokio::test]
async fn one_record_is_changed_for_one_source_record_only() {
    for page_size in [1, 5] {
        let (mut world, _) = world(MatchPolicy::Update);
        world.page_size = page_size;
        let twins = [contact("p1", "Ann", "ann@a.example"), contact("p9", "Ann again", "ann@a.example")];
        world.source.set("contacts", twins);
        let migration = world.worker("worker");
        let approval = world.admitted(&migration).await;
        let report = migration.run(&approval).await.expect("run");
        let contacts = count(&report, "contacts");
        assert_eq!((contacts.updated, contacts.held), (1, 1), "pages of {page_size}: {report:#?}");
        assert_eq!(report.held[0].reason, "the record it matches stands for another record already");
    }
}

#[tokio::test]
async fn several_source_records_may_be_linked_to_one() {
    let (world, ann) = world(MatchPolicy::Link);
    let before = world.stored(&ann);
    let twins = [contact("p1", "Ann", "ann@a.example"), contact("p9", "Ann again", "ann@a.example")];
    world.source.set("contacts", twins);
    let (_, report) = world.run().await;
    assert_eq!((count(&report, "contacts").linked, count(&report, "contacts").held), (2, 0));
    assert_eq!(world.stored(&ann), before);
}
