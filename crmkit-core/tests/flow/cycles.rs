//! Cycles in the data: a hierarchy cannot hold them, a run survives them.

use crmkit_core::Value;

use crate::world::{World, at, company, count};

#[tokio::test]
async fn a_cycle_of_parents_holds_one_link_and_the_run_ends() {
    for page_size in [1, 2, 10] {
        let companies = [
            company("a", "A").with("parent", at("b")),
            company("b", "B").with("parent", at("c")),
            company("c", "C").with("parent", at("a")),
            company("d", "D").with("parent", at("d")),
            company("e", "E").with("parent", at("a")),
        ];
        let mut world = World::new(companies, []);
        world.page_size = page_size;
        let (migration, report) = world.run().await;
        assert_eq!((count(&report, "companies").created, count(&report, "companies").held), (5, 0), "{report:#?}");
        let links: u64 =
            report.held.iter().filter(|held| !held.part.as_str().is_empty()).map(|held| held.records).sum();
        assert_eq!(links, 2, "the link that closes the circle, and the one to itself: {report:#?}");
        let live = world.crm.live();
        let parents: Vec<Value> = live.values().filter_map(|fields| fields.get("parent").cloned()).collect();
        assert_eq!(parents.len(), 3, "pages of {page_size}");
        // Whoever follows the parents upwards arrives.
        for start in live.keys() {
            let mut at = start.clone();
            for step in 0.. {
                assert!(step < 5, "a circle at the destination, pages of {page_size}");
                match live[&at].get("parent").and_then(Value::as_ref_to) {
                    Some(above) => at = above.clone(),
                    None => break,
                }
            }
        }
        let reconciliation = migration.reconcile().await.expect("reconciled");
        assert_eq!(reconciliation.objects[0].verified, 5, "a held link is no mismatch: {reconciliation:#?}");
        world.take_back(&migration).await;
        assert!(world.crm.live().is_empty());
    }
}
