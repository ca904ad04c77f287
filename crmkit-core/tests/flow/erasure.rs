//! Who asks to be forgotten after a migration is in no byte of its ledger.

use std::{fs, path::Path, sync::Arc};

use crmkit_core::{Erase, Error, ErrorKind, IdLedger, MatchPolicy, RecordRef, SqliteLedger, Value};

use crate::world::{World, at, by_email, company, contact, emails};

/// Everything that the ledger's files hold, log included, in lower case.
fn bytes_of(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder").map(|file| fs::read(file.expect("a file").path()));
    let bytes: Vec<u8> = files.flat_map(|bytes| bytes.expect("readable")).collect();
    String::from_utf8_lossy(&bytes).to_lowercase()
}

#[tokio::test]
async fn an_erased_person_is_in_no_byte_of_the_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    // An address is the record's id, as in CRMs that have no other.
    let id = "lovelace@subject.example";
    let contacts = [
        contact(id, "Countess Lovelace", "Lovelace@Subject.example").with("company", at("c1")),
        contact("p2", "Ben Babbage", "ben@other.example"),
    ];
    let mut world = World::new([company("c1", "Acme")], contacts);
    world.plan.mappings[1].matching = by_email(MatchPolicy::Update);
    world.plan.sample.keep = true;
    let file = folder.path().join("ledger");
    let ledger = Arc::new(SqliteLedger::open_file(file, Arc::new(world.clock.clone())).expect("the ledger opens"));
    world.ledger = ledger.clone();
    // She is there already, under another name, which is a prior value then.
    let there = world.foreign("person", [("name", Value::text("Miss Byron")), ("emails", emails(id))]);
    let (migration, _) = world.run().await;
    assert_eq!(world.stored(&there)["name"], Value::text("Countess Lovelace"));
    world.source.set(
        "contacts",
        [
            contact(id, "Duchess Lovelace", id).with("company", at("c1")),
            contact("p2", "Ben Babbage", "ben@other.example"),
        ],
    );
    assert!(!migration.reconcile().await.expect("reconciled").clean, "the source says another name now");

    let names = ["lovelace", "byron", "subject.example"];
    let before = bytes_of(folder.path());
    assert!(names.iter().all(|name| before.contains(name)), "she is there before");
    let gone = ledger.erase(&Erase::Records(vec![RecordRef::new("contacts", id)])).await.expect("erased");
    assert!(gone > 2, "{gone} entries");
    let after = bytes_of(folder.path());
    for name in names {
        let context = after
            .find(name)
            .map(|at| after[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect::<String>());
        assert_eq!(context, None, "{name} is still there, after this");
    }
    assert!(after.contains("babbage"), "others stay");

    let approval = migration.approval("sample").await.expect("read").expect("the sample was approved");
    let refused: Error = migration.run(&approval).await.expect_err("the sample that was approved is another one now");
    assert_eq!(refused.kind(), ErrorKind::State);
    let plan_approval = migration.approval("plan").await.expect("read").expect("the plan was approved");
    let sample = migration.sample(&plan_approval).await.expect("the sample that is left");
    let again = migration.approve_sample(&sample, "ann").await.expect("approved again");
    migration.start_run(&again).await.expect("and the run is admitted again");
}
