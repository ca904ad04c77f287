//! Records that the plan leaves behind, or for which another stands.

use crmkit_core::{RecordRef, Value};

use crate::world::{World, at, company, contact, count, once_each};

#[tokio::test]
async fn excluded_and_merged_records_are_not_written_and_their_children_follow_the_survivor() {
    let companies = [
        company("c1", "Acme"),
        company("c2", "Left behind"),
        company("c3", "Acme AB"),
        company("c4", "ACME"),
        company("c5", "Child of a duplicate").with("parent", at("c4")),
    ];
    let contacts = [
        contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
        contact("p2", "Ben", "ben@a.example").with("company", at("c2")),
        contact("p3", "Cay", "cay@a.example").with("company", at("c3")),
        contact("p4", "Dan", "dan@a.example").with("company", at("c4")),
    ];
    let mut world = World::new(companies, contacts);
    world.plan.mappings[0].exclude = vec!["c2".into()];
    // The second duplicate stands for the third, and the first for the second.
    world.plan.mappings[0].merge = [("c3".into(), "c1".into()), ("c4".into(), "c3".into())].into_iter().collect();
    let (migration, report) = world.run().await;

    assert_eq!(world.names("organization"), once_each(["Acme", "Child of a duplicate"]));
    let companies = count(&report, "companies");
    assert_eq!((companies.source, companies.created, companies.excluded, companies.merged), (5, 2, 1, 2));
    assert_eq!((count(&report, "contacts").created, count(&report, "contacts").held), (4, 0));
    let acme = Value::link(world.named("organization", "Acme").0);
    for name in ["Ann", "Cay", "Dan"] {
        assert_eq!(world.named("person", name).1["organization"], acme, "{name}");
    }
    assert_eq!(world.named("person", "Ben").1.get("organization"), None, "its company does not move");
    assert_eq!(world.named("organization", "Child of a duplicate").1["parent"], acme);
    assert!(migration.reconcile().await.expect("reconciled").clean);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty());
}

#[tokio::test]
async fn a_required_link_to_a_record_that_stays_behind_is_held() {
    let companies = [company("c1", "Acme"), company("c2", "Left behind")];
    let contacts = [
        contact("p1", "Ann", "ann@a.example").with("company", at("c1")),
        contact("p2", "Ben", "ben@a.example").with("company", at("c2")),
    ];
    let mut world = World::new(companies, contacts);
    world.plan.mappings[0].exclude = vec!["c2".into()];
    world.plan.mappings[1].fields[3].required = true;
    let (_, report) = world.run().await;
    assert_eq!((count(&report, "contacts").created, count(&report, "contacts").held), (1, 1));
    assert_eq!(report.held[0].examples, [RecordRef::new("contacts", "p2")]);
}
