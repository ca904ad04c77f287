//! Every point of a small migration, one process killed at each.

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::life::{command, killed, live};

/// What a process must have died at: the numbered steps of the write unit, then the other steps. A new step is a line here and a
/// call in `life.rs`.
const STEPS: &[&str] = &[
    // 1: lease. 2: the next page's unit.
    "Write: leased",
    "Write: before open the next page",
    "Write: after open the next page",
    // 3: look for what may have been applied. 4: decide; what cannot be decided is held.
    "Write: found",
    "Write: before hold",
    "Write: after hold",
    // 5: read what is there. 6: intents. 7: send. 8: settle.
    "Write: fetched",
    "Write: before intend",
    "Write: after intend",
    "Write: before create",
    "Write: create, not answered",
    "Write: before update",
    "Write: update, not answered",
    "Write: before settle",
    "Write: after settle",
    "Control: before keep preparing",
    "Control: after keep preparing",
    "Control: before making an item",
    "Control: an item made, not answered",
    "Control: before keep prepared",
    "Control: after keep prepared",
    "Match: scanned",
    "Match: before keep match",
    "Link: before intend",
    "Link: after intend",
    "Link: before update",
    "Link: update, not answered",
    "Link: before settle",
    "Link: after settle",
    "Delta Write: fetched",
    "Delta Write: before intend",
    "Delta Write: after intend",
    "Delta Write: update, not answered",
    "Delta Write: create, not answered",
    "Delta Write: before settle",
    "Delta Write: after settle",
    "Delta Gone: before keep gone",
    "Delta Gone: after keep gone",
    "Verify: fetched",
    "Verify: before unit",
    "Survey: fetched",
    "Survey: before unit",
    "Undo: before intend",
    "Undo: before update",
    "Undo: update, not answered",
    "Undo: before remove",
    "Undo: remove, not answered",
    "Undo: before settle",
    "Undo: after settle",
    "Retire: before retiring an item",
    "Retire: an item retired, not answered",
    "Retire: before keep retired",
    "Retire: after keep retired",
];

/// A folder in memory where the machine has one: the sweep writes a lot.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

/// One process dies at the point, the next one ends the migration.
fn die_at(point: usize, label: &str, tear: bool) -> Result<(), String> {
    let folder = folder();
    let folder = folder.path();
    let status = command(folder, Some(point)).status().expect("the program starts");
    if !killed(status) {
        return Err(format!("did not die: {}", fs::read_to_string(folder.join("error")).unwrap_or_default()));
    }
    let died = fs::read_to_string(folder.join("died")).unwrap_or_default();
    if died != label {
        return Err(format!("died at {died:?}: two runs are not the same"));
    }
    if tear {
        // The machine lost power while the last commit was written: half of it is there.
        let begin: u64 = fs::read_to_string(folder.join("log-before")).expect("noted").parse().expect("a number");
        let log = fs::OpenOptions::new().write(true).open(folder.join("ledger-wal")).expect("the log");
        let end = log.metadata().expect("the log").len();
        log.set_len(begin + (end - begin) / 2).expect("the log is cut");
    }
    live(folder, None)?;
    if folder.join("arrived").exists() { Ok(()) } else { Err("nobody saw that everything arrived".to_owned()) }
}

#[test]
fn a_process_that_is_killed_anywhere_is_finished_by_the_next() {
    let whole = folder();
    let labels = live(whole.path(), None).expect("a run that nobody disturbs");
    for step in STEPS {
        assert!(labels.iter().any(|label| label == step), "no point of the migration is {step:?}: {labels:#?}");
    }
    let deaths: Vec<(usize, &String, bool)> = labels
        .iter()
        .enumerate()
        .flat_map(|(index, label)| {
            let torn = label.contains(": after ").then_some((index + 1, label, true));
            [Some((index + 1, label, false)), torn].into_iter().flatten()
        })
        .collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((point, label, tear)) = deaths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = die_at(*point, label, *tear) {
                        let torn = if *tear { ", its commit torn" } else { "" };
                        failures.lock().expect("held briefly").push(format!("point {point}, {label}{torn}: {error}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("held briefly");
    println!("{} points, {} processes killed", labels.len(), deaths.len());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), deaths.len(), failures.join("\n"));
}
