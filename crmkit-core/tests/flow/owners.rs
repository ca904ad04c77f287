//! Who owns what arrives: never the importing user by accident (I3).

use crmkit_core::{RecordRef, Value};

use crate::world::{World, company, count, once_each, user};

/// One company of Ann's, two of Bob's, who is no member, and one of nobody's.
fn world() -> World {
    let mut orphan = company("c4", "Nobody's");
    orphan.fields.shift_remove("owner");
    let bobs = |id: &str, name: &str| company(id, name).with("owner", user("bob"));
    World::new([company("c1", "Ann's"), bobs("c2", "Bob's"), bobs("c3", "Bob's too"), orphan], [])
}

fn owner(world: &World, name: &str) -> Value {
    world.named("organization", name).1["owner"].clone()
}

fn member(id: &str) -> Value {
    Value::link(RecordRef::new("user", id))
}

#[tokio::test]
async fn records_without_an_owner_at_the_destination_are_held_and_counted() {
    let world = world();
    let (_, report) = world.run().await;
    assert_eq!(world.names("organization"), once_each(["Ann's"]));
    assert_eq!(owner(&world, "Ann's"), member("2"));
    assert_eq!((count(&report, "companies").created, count(&report, "companies").held), (1, 3));
    let mut reasons: Vec<_> = report.held.iter().map(|held| (held.records, held.reason.as_str())).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            (1, "nobody owns it at the source, and the plan names no owner for such records"),
            (2, "its owner is no active member of the destination, and the plan names no fallback"),
        ]
    );
}

#[tokio::test]
async fn fallback_and_unowned_are_explicit_choices() {
    let mut world = world();
    world.plan.owners.fallback = Some("ann@crm.example".to_owned());
    world.plan.owners.unowned = Some("Importer@crm.example".to_owned());
    let (migration, report) = world.run().await;
    assert_eq!((count(&report, "companies").created, count(&report, "companies").held), (4, 0));
    for (name, id) in [("Ann's", "2"), ("Bob's", "2"), ("Bob's too", "2"), ("Nobody's", "1")] {
        assert_eq!(owner(&world, name), member(id), "{name}");
    }
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn an_alias_names_the_member() {
    let mut world = world();
    world.plan.owners.aliases = [("bob".to_owned(), "importer@crm.example".to_owned())].into_iter().collect();
    let (_, report) = world.run().await;
    assert_eq!((count(&report, "companies").created, count(&report, "companies").held), (3, 1));
    assert_eq!(owner(&world, "Bob's"), member("1"));
}
