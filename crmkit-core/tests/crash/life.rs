//! One process's way through the whole migration: it begins wherever the ledger says that the last one was.

use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

use crmkit_core::{
    AuditOptions, Clock, IdLedger, Migration, PassKind, SqliteLedger,
    chrono::{DateTime, Utc},
    testing::{ManualClock, MockDestination},
};

use crate::{
    oracle,
    points::{PointedCrm, PointedLedger, Points, save},
    schedule::Draw,
    world::{Shape, World},
};

/// The seed of the records: one that has a parent, a hold and an update.
const SEED: u64 = 8;

/// The world as it was in the beginning.
fn fresh() -> World {
    let shape = Shape {
        companies: 3,
        contacts: 3,
        deals: 1,
        notes: 2,
        tasks: 0,
        carried: false,
        carried_blind: false,
        batch: 1,
        hard: false,
        page_size: 2,
        pages: 1,
        writes: 1,
        workers: 1,
        twins: false,
    };
    let mut world = World::with(shape, &mut Draw::new(SEED));
    world.plan.sample.size = 3;
    world
}

/// The world of every process: the same records each time, the destination as the file has it.
fn world(folder: &Path) -> World {
    let mut world = fresh();
    world.clock = ManualClock::jumping();
    if let Ok(time) = fs::read_to_string(folder.join("clock")) {
        let time: DateTime<Utc> = time.parse().expect("a time");
        world.clock.set(time);
    }
    if !folder.join("crm").exists() {
        save(folder, &world.crm);
    }
    let saved = fs::read_to_string(folder.join("crm")).expect("the store");
    world.crm = MockDestination::load(Arc::new(world.clock.clone()), &saved);
    world
}

/// Goes through the migration, or on with it; dies at the nth point if one is named. Gives the points passed.
pub(crate) fn live(folder: &Path, at: Option<usize>) -> Result<Vec<String>, String> {
    let before = fresh().crm;
    let world = world(folder);
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let ledger = SqliteLedger::open_file(folder.join("ledger"), clock.clone()).map_err(|error| error.to_string())?;
    let ledger: Arc<dyn IdLedger> = Arc::new(ledger);
    let points = Points::new(folder, at, world.clock.clone());
    let migration = Migration::builder("crash")
        .source(world.source.clone())
        .destination(Arc::new(PointedCrm { inner: world.crm.clone(), points: points.clone() }))
        .ledger(Arc::new(PointedLedger { inner: ledger.clone(), points: points.clone() }))
        .clock(clock)
        .settings(|settings| {
            settings.page_size = world.shape.page_size;
            settings.pages_in_flight = 1;
            settings.writes_in_flight = 1;
        })
        .build()
        .expect("complete");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(forth_and_back(&migration, &world, &*ledger, folder))?;
    oracle::after_the_rollback(&world, &*ledger, &before.live())?;
    Ok(points.passed())
}

async fn forth_and_back(
    migration: &Migration,
    world: &World,
    ledger: &dyn IdLedger,
    folder: &Path,
) -> Result<(), String> {
    let failed = |error: crmkit_core::Error| error.to_string();
    let previews = migration.passes().await.map_err(failed)?;
    let previews = previews.iter().filter(|pass| pass.kind == PassKind::Preview { of: None });
    for preview in previews {
        let gate = format!("rollback/{}", preview.number);
        if let Some(approval) = migration.approval(&gate).await.map_err(failed)? {
            let report = migration.rollback(&approval).await.map_err(failed)?;
            return report.clean.then_some(()).ok_or_else(|| format!("{report:#?}"));
        }
    }
    migration.audit(&AuditOptions::default()).await.map_err(failed)?;
    let approval = migration.approve_plan(&world.plan, "ann").await.map_err(failed)?;
    migration.prepare(&approval).await.map_err(failed)?;
    let sample = migration.sample(&approval).await.map_err(failed)?;
    let approval = migration.approve_sample(&sample, "ann").await.map_err(failed)?;
    let report = migration.run(&approval).await.map_err(failed)?;
    let reconciliation = migration.reconcile().await.map_err(failed)?;
    if !reconciliation.mismatches.is_empty() {
        return Err(format!("{:#?}", reconciliation.mismatches));
    }
    oracle::after_the_run(world, ledger, &report)?;
    fs::write(folder.join("arrived"), "").map_err(|error| error.to_string())?;
    let preview = migration.preview_rollback().await.map_err(failed)?;
    let approval = migration.approve_rollback(&preview, "ann").await.map_err(failed)?;
    let report = migration.rollback(&approval).await.map_err(failed)?;
    report.clean.then_some(()).ok_or_else(|| format!("{report:#?}"))
}

/// The variables that make this program's test below a process of its own.
const FOLDER: &str = "CRMKIT_CRASH_FOLDER";
const AT: &str = "CRMKIT_CRASH_AT";
const HOLD: &str = "CRMKIT_CRASH_HOLD";

/// The command that runs a process of its own in this folder.
pub(crate) fn command(folder: &Path, at: Option<usize>) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["life::a_process_of_its_own", "--exact", "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(at) = at {
        command.env(AT, at.to_string());
    }
    command
}

/// The command that opens the ledger, says so, and holds it until its input ends.
pub(crate) fn holder(folder: &Path) -> Command {
    let mut command = command(folder, None);
    command.env(HOLD, "1").stdin(Stdio::piped());
    command
}

pub(crate) fn killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

/// Only a process of its own when a test above started it as one.
#[test]
fn a_process_of_its_own() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    if std::env::var_os(HOLD).is_some() {
        let _ledger = SqliteLedger::open_file(folder.join("ledger"), Arc::new(ManualClock::new())).expect("it opens");
        fs::write(folder.join("held"), "").expect("the folder is writable");
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        return;
    }
    let at = std::env::var(AT).ok().map(|at| at.parse().expect("a number"));
    if let Err(error) = live(folder, at) {
        fs::write(folder.join("error"), &error).ok();
        panic!("{error}");
    }
}
