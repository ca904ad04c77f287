//! One process's way through the whole migration: it begins wherever the ledger says that the last one was.

use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

use crmkit_core::{
    AuditOptions, Clock, IdLedger, Migration, PageRequest, PassKind, Record, RecordRef, SourceConnector, SqliteLedger,
    Value,
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
    if !folder.join("arrived").exists() {
        everything_is_the_same(migration).await?;
        oracle::after_the_run(world, ledger, &report)?;
        fs::write(folder.join("arrived"), "").map_err(|error| error.to_string())?;
    }
    people_work_on(world).await;
    let report = migration.delta(&approval).await.map_err(failed)?;
    if !report.finished || !report.conflicts.is_empty() || report.gone.len() != 1 {
        return Err(format!("{report:#?}"));
    }
    everything_is_the_same(migration).await?;
    each_renamed_once(world)?;
    let preview = migration.preview_rollback().await.map_err(failed)?;
    let approval = migration.approve_rollback(&preview, "ann").await.map_err(failed)?;
    let report = migration.rollback(&approval).await.map_err(failed)?;
    report.clean.then_some(()).ok_or_else(|| format!("{report:#?}"))
}

async fn everything_is_the_same(migration: &Migration) -> Result<(), String> {
    let reconciliation = migration.reconcile().await.map_err(|error| error.to_string())?;
    if reconciliation.mismatches.is_empty() { Ok(()) } else { Err(format!("{:#?}", reconciliation.mismatches)) }
}

/// What a company's name has after people worked on at the source.
const RENAMED: &str = " II";

/// At the source every company is renamed, one is new, and a note is deleted.
async fn people_work_on(world: &World) {
    let all = async |object: &str| -> Vec<Record> {
        world.source.read(&PageRequest::first(object, usize::MAX)).await.expect("the source").items
    };
    let mut companies = all("companies").await;
    let mut new = companies.first().expect("a company").clone();
    new.key = RecordRef::new("companies", "new");
    new.fields.insert("name".into(), Value::text("New"));
    companies.push(new);
    for company in &mut companies {
        let name = format!("{}{RENAMED}", company.fields["name"]);
        company.fields.insert("name".into(), Value::text(name));
    }
    world.source.set("companies", companies);
    let mut notes = all("notes").await;
    notes.pop().expect("a note");
    world.source.set("notes", notes);
}

/// Every company of ours is there once, under its new name.
fn each_renamed_once(world: &World) -> Result<(), String> {
    let live = world.crm.live();
    let names = live.iter().filter(|(record, _)| record.object == *"organization");
    let mut names: Vec<String> = names.map(|(_, fields)| fields["name"].to_string()).collect();
    names.retain(|name| name != "Foreign");
    names.sort();
    let new = format!("New{RENAMED}");
    let mut once = names.clone();
    once.dedup();
    let right =
        once == names && names.contains(&new) && names.len() > 2 && names.iter().all(|name| name.ends_with(RENAMED));
    if right { Ok(()) } else { Err(format!("after the delta: {names:?}")) }
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
