//! Several workers on one run.

use crmkit_core::{
    Action, Clock, Migration, Outcome, execute_unit, load_state, next_action,
    testing::{ManualClock, MockFault},
};

use crate::world::{World, at, company, contact, count};

fn world() -> World {
    let companies = (0..23).map(|n| {
        let company = company(&format!("c{n}"), &format!("Company {n}"));
        if n == 0 { company } else { company.with("parent", at(&format!("c{}", n / 2))) }
    });
    let contacts = (0..23).map(|n| {
        contact(&format!("p{n}"), &format!("Person {n}"), &format!("p{n}@a.example")).with("company", at("c0"))
    });
    World::new(companies, contacts)
}

fn each_once(world: &World) {
    for object in ["organization", "person"] {
        let names = world.names(object);
        assert_eq!(names.len(), 23);
        assert!(names.values().all(|count| *count == 1), "{names:?}");
    }
}

#[tokio::test]
async fn two_workers_write_each_record_once() {
    let world = world();
    let approval = world.admitted(&world.worker("first")).await;
    let (one, two) = (world.worker("one"), world.worker("two"));
    let (a, b) = tokio::join!(one.run(&approval), two.run(&approval));
    let (a, b) = (a.expect("run"), b.expect("run"));
    assert!(a.finished && b.finished, "{a:#?} {b:#?}");
    each_once(&world);
    assert_eq!((count(&a, "companies").created, count(&a, "contacts").created), (23, 23));
    assert_eq!(world.crm.log().iter().filter(|line| line.starts_with("create")).count(), 2 * 46, "sample and run");
    assert!(one.reconcile().await.expect("reconciled").clean);
}

#[tokio::test]
async fn workers_that_execute_the_same_units_at_once_give_each_record_once() {
    let world = world();
    let migration = world.worker("first");
    let approval = world.admitted(&migration).await;
    for nth in [2, 9, 17, 30] {
        world.crm.fail(nth, if nth % 2 == 0 { MockFault::CloseAfterApply } else { MockFault::CloseBeforeApply });
    }
    let pass = migration.start_run(&approval).await.expect("started");
    let workers = [world.worker("one"), world.worker("two"), world.worker("three")];
    let mut busy = 0;
    loop {
        let state = load_state(migration.core(), pass).await.expect("state");
        let units = match next_action(&state) {
            Action::Run { units } => units,
            Action::SleepUntil { until } => {
                world.clock.set(until);
                continue;
            }
            Action::Finished => break,
            other => panic!("nobody has to decide: {other:?}"),
        };
        let executions = workers.iter().flat_map(|worker| units.iter().map(|unit| execute_unit(worker.core(), unit)));
        for outcome in futures::future::join_all(executions).await {
            match outcome.expect("executed") {
                Outcome::Busy { until } => {
                    busy += 1;
                    world.clock.set(until.max(world.clock.now()));
                }
                Outcome::Blocked { reason } => panic!("{reason}"),
                Outcome::Done | Outcome::Backoff { .. } | Outcome::Fenced => {}
            }
        }
    }
    assert!(busy > 0, "they were in each other's way");
    migration.close(pass).await.expect("closed");
    each_once(&world);
    assert!(migration.reconcile().await.expect("reconciled").clean);
}

/// A host's queue: every pass of every step is driven by the two functions alone.
async fn by_hand(migration: &Migration, clock: &ManualClock, pass: u32) {
    loop {
        let units = match next_action(&load_state(migration.core(), pass).await.expect("state")) {
            Action::Run { units } => units,
            Action::SleepUntil { until } => {
                clock.set(until);
                continue;
            }
            Action::Finished => break,
            other => panic!("nobody has to decide: {other:?}"),
        };
        for unit in units {
            execute_unit(migration.core(), &unit).await.expect("executed");
        }
    }
    migration.close(pass).await.expect("closed");
}

#[tokio::test]
async fn a_host_can_drive_every_pass_itself() {
    let world = world();
    let migration = world.worker("host");
    let approval = migration.approve_plan(&world.plan, "ann").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let mut passes = Vec::new();
    while let Some(pass) = migration.next_sample_pass(&approval).await.expect("the next pass") {
        assert!(!passes.contains(&pass), "{pass} is over");
        passes.push(pass);
        by_hand(&migration, &world.clock, pass).await;
    }
    assert_eq!(passes.len(), 4, "written, compared, previewed, taken back");
    let sample = migration.sample(&approval).await.expect("the document");
    assert!(sample.clean && sample.rolled_back && sample.compared > 0, "{sample:#?}");
    assert!(world.names("organization").is_empty());
    let approval = migration.approve_sample(&sample, "ann").await.expect("approved");

    let run = migration.start_run(&approval).await.expect("started");
    assert!(!migration.run_report(run).await.expect("a report").finished);
    by_hand(&migration, &world.clock, run).await;
    assert!(migration.run_report(run).await.expect("a report").finished);
    each_once(&world);
    let delta = migration.start_delta(&approval).await.expect("started");
    by_hand(&migration, &world.clock, delta).await;
    assert!(migration.delta_report(delta).await.expect("a report").finished);
    let reconcile = migration.start_reconcile().await.expect("started");
    by_hand(&migration, &world.clock, reconcile).await;
    assert!(migration.reconciliation(reconcile).await.expect("a document").clean);

    let preview = migration.start_rollback_preview(None).await.expect("started");
    by_hand(&migration, &world.clock, preview).await;
    let preview = migration.rollback_preview(preview).await.expect("a document");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    let rollback = migration.start_rollback(&approval).await.expect("started");
    assert!(!migration.rollback_report(rollback).await.expect("a report").clean);
    by_hand(&migration, &world.clock, rollback).await;
    assert!(migration.rollback_report(rollback).await.expect("a report").clean);
    assert!(world.crm.live().is_empty());
}
