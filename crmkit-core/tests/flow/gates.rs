//! A phase's gate stops the run where too much is held, until a person says otherwise.

use crmkit_core::{Action, Erase, ErrorKind, Outcome, RecordRef, UnitKey, execute_unit, load_state, next_action};

use crate::world::{World, at, company, contact, count, user};

#[tokio::test]
async fn a_gate_blocks_on_stop_when_and_opens_for_a_person() {
    let companies = [company("c1", "Acme"), company("c2", "Bob's").with("owner", user("bob"))];
    let contacts = [contact("p1", "Ann", "ann@a.example").with("company", at("c1"))];
    let mut world = World::new(companies, contacts);
    world.plan.stop_when = 0.4;
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;

    let stopped = migration.run(&approval).await.expect("run");
    assert!(!stopped.finished);
    assert_eq!(stopped.waits_for.len(), 1, "{stopped:#?}");
    assert!(stopped.waits_for[0].contains("1 of 2 records are held"), "{stopped:#?}");
    assert!(world.names("person").is_empty(), "nothing of a later phase is written");
    assert_eq!(migration.status().await.expect("status").waits_for, stopped.waits_for);
    let again = world.worker("worker").run(&approval).await.expect("run");
    assert_eq!(again.waits_for, stopped.waits_for, "asking again changes nothing");

    let action = migration.drive(stopped.observed.pass).await.expect("driven");
    let Action::WaitForDecision { units } = action else { panic!("{action:?}") };
    let other = UnitKey { page: 7, ..units[0].0.clone() };
    assert_eq!(migration.accept_gate(&other, "ann").await.expect_err("no such gate").kind(), ErrorKind::State);
    // Another process decides, and another one goes on.
    world.worker("web").accept_gate(&units[0].0, "ann").await.expect("accepted");
    let report = world.worker("other").run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert_eq!((count(&report, "companies").held, count(&report, "contacts").created), (1, 1));
}

#[tokio::test]
async fn a_balance_that_does_not_hold_is_nobodys_to_accept() {
    let world = World::new([company("c1", "Acme"), company("c2", "Other")], []);
    let migration = world.worker("worker");
    let approval = world.admitted(&migration).await;
    let pass = migration.start_run(&approval).await.expect("started");
    let gate = loop {
        let state = load_state(migration.core(), pass).await.expect("state");
        let Action::Run { units } = next_action(&state) else { panic!("{state:#?}") };
        match units.into_iter().next().expect("a unit") {
            unit if unit.mapping.as_str() == "*gate" => break unit,
            unit => execute_unit(migration.core(), &unit).await.map(drop).expect("executed"),
        }
    };
    // One record is selected, and nothing says any more what became of it.
    let erased = world.ledger.erase(&Erase::Records(vec![RecordRef::new("companies", "c2")])).await.expect("erased");
    assert!(erased > 0);
    for _ in 0..2 {
        let outcome = execute_unit(migration.core(), &gate).await.expect("executed");
        let Outcome::Blocked { reason } = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("2 records were selected and 1 settled"), "{reason}");
        migration.accept_gate(&gate, "ann").await.expect("a person takes on what is held");
    }
}
