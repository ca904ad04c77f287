//! The whole flow on the embedded ledger, over several processes.

use std::sync::Arc;

use crmkit_core::{SqliteLedger, testing::MockFault};

use crate::world::{World, at, company, contact, count, once_each};

#[tokio::test]
async fn a_whole_migration_on_a_file_survives_its_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ledger.sqlite");
    let companies = [company("c1", "Acme"), company("c2", "Daughter").with("parent", at("c1"))];
    let contacts = [contact("p1", "Ann", "ann@a.example").with("company", at("c2"))];
    let mut world = World::new(companies, contacts);
    world.page_size = 1;
    let open = |world: &World| {
        Arc::new(SqliteLedger::open_file(&file, Arc::new(world.clock.clone())).expect("the ledger opens"))
    };
    world.ledger = open(&world);
    let approval = world.admitted(&world.worker("one")).await;

    // A process that dies with an answer on its way, and one that does the rest.
    world.crm.fail(1, MockFault::CloseAfterApply);
    let migration = world.worker("two");
    let mut run = Box::pin(migration.run(&approval));
    for _ in 0..40 {
        assert!(futures::FutureExt::now_or_never(&mut run).is_none(), "it has not come to its end");
        tokio::task::yield_now().await;
        if world.crm.log().iter().filter(|line| line.starts_with("create")).count() > 3 {
            break;
        }
    }
    drop(run);
    drop(migration);
    world.ledger = Arc::new(crmkit_core::MemoryLedger::new(Arc::new(world.clock.clone())));
    world.ledger = open(&world);
    let migration = world.worker("three");
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert_eq!((count(&report, "companies").created, count(&report, "contacts").created), (2, 1));
    assert_eq!(world.names("organization"), once_each(["Acme", "Daughter"]));
    assert_eq!(world.names("person"), once_each(["Ann"]));
    assert!(migration.reconcile().await.expect("reconciled").clean);
    world.take_back(&migration).await;
    assert!(world.crm.live().is_empty() && world.crm.items().is_empty());
}
