//! One defect after the other: put in, tested, taken out again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    copy::{Copy, overwrite},
    defect::{Defect, List, Suite},
};

/// How long a test may take. One that a defect keeps from ending has not found it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of a defect.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Its test failed.
    Caught,
    /// Its test passed.
    Survived,
    /// Its test came to no result: it did not end in time, or took its process down.
    NoResult,
    /// Nothing was tested: with the defect in it the code does not compile.
    Uncompiled(String),
    /// The entry does not fit the sources any more.
    Stale(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught => f.write_str("caught"),
            Self::Survived => f.write_str("SURVIVED"),
            Self::NoResult => f.write_str("NO RESULT"),
            Self::Uncompiled(error) => write!(f, "DOES NOT COMPILE: {error}"),
            Self::Stale(why) => write!(f, "STALE: {why}"),
        }
    }
}

/// How a test ended.
enum Ended {
    Passed,
    Failed,
    Never,
}

/// Tries all of them; says whether every one was caught.
pub(crate) fn all(root: &Path, list: &List, defects: &[&Defect]) -> Result<bool> {
    let copy = Copy::of(root)?;
    check_clean(&copy, list, defects)?;
    let mut found = Vec::new();
    for (place, defect) in defects.iter().enumerate() {
        let started = Instant::now();
        let outcome = one(&copy, list, defect)?;
        println!("{:>2}/{} {:4}s {}: {outcome}", place + 1, defects.len(), started.elapsed().as_secs(), defect.name);
        found.push(outcome);
    }
    println!("\n| defect | file | test | |\n|---|---|---|---|");
    for (defect, outcome) in defects.iter().zip(&found) {
        println!("| {} | {} | {} | {outcome} |", defect.name, defect.file, list.test_of(defect));
    }
    let caught = found.iter().filter(|outcome| **outcome == Found::Caught).count();
    println!("\n{caught} of {} defects were caught", found.len());
    Ok(caught == found.len())
}

/// Without a defect every test has to pass: otherwise its failure would tell nothing.
fn check_clean(copy: &Copy, list: &List, defects: &[&Defect]) -> Result<()> {
    let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for defect in defects {
        tests.entry(&defect.suite).or_default().insert(&defect.test);
    }
    for (suite, tests) in tests {
        println!("{suite}: {} tests without a defect", tests.len());
        let tests: Vec<&str> = tests.into_iter().collect();
        compile(copy, &list.suites[suite]).map_err(|error| format!("{suite} does not compile: {error}"))?;
        match run(copy, &list.suites[suite], &tests)? {
            Ended::Passed => {}
            Ended::Failed => return Err(format!("a test of {suite} fails without any defect")),
            Ended::Never => return Err(format!("a test of {suite} does not end, without any defect")),
        }
    }
    Ok(())
}

fn one(copy: &Copy, list: &List, defect: &Defect) -> Result<Found> {
    let path = copy.workspace.join(&defect.file);
    let told = |error| format!("{}: {error}", path.display());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Ok(Found::Stale(told(error))),
    };
    let broken = match defect.put_into(&text) {
        Ok(broken) => broken,
        Err(why) => return Ok(Found::Stale(why)),
    };
    overwrite(&path, broken.as_bytes()).map_err(told)?;
    let outcome = test(copy, list, defect);
    overwrite(&path, text.as_bytes()).map_err(told)?;
    outcome
}

fn test(copy: &Copy, list: &List, defect: &Defect) -> Result<Found> {
    let suite = list.suite_of(defect);
    if let Err(error) = compile(copy, suite) {
        return Ok(Found::Uncompiled(error));
    }
    Ok(match run(copy, suite, &[&defect.test])? {
        Ended::Passed => Found::Survived,
        Ended::Failed => Found::Caught,
        Ended::Never => Found::NoResult,
    })
}

/// The error is the compiler's first.
fn compile(copy: &Copy, suite: &Suite) -> Result<()> {
    let built = copy
        .cargo()
        .args(suite.arguments())
        .args(["--quiet", "--no-run"])
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if built.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&built.stderr);
    Err(words.lines().find(|line| line.starts_with("error")).unwrap_or("cargo says no more").to_owned())
}

/// Runs these tests and no others. The error: they were not all run.
fn run(copy: &Copy, suite: &Suite, tests: &[&str]) -> Result<Ended> {
    let told = |error| format!("the tests cannot be started: {error}");
    let output = copy.target.join("tests.txt");
    let mut cargo = copy.cargo();
    cargo.args(suite.arguments()).args(["--quiet", "--", "--exact"]).args(tests);
    cargo.stdout(fs::File::create(&output).map_err(told)?).stderr(Stdio::null());
    // A group of its own, so that what hangs can be ended with all that it started.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut cargo, 0);
    let mut running = cargo.spawn().map_err(told)?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = running.try_wait().map_err(told)? {
            break status;
        }
        if Instant::now() > deadline {
            #[cfg(unix)]
            drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", running.id())]).status());
            drop(running.kill());
            running.wait().map_err(told)?;
            return Ok(Ended::Never);
        }
        thread::sleep(Duration::from_millis(50));
    };
    let said = String::from_utf8_lossy(&fs::read(&output).map_err(told)?).into_owned();
    let count =
        if tests.len() == 1 { "running 1 test\n".to_owned() } else { format!("running {} tests\n", tests.len()) };
    if !said.contains(&count) {
        return Err(format!("of {} {:?}, not all tests were run: {}", suite.package, suite.target, tests.join(", ")));
    }
    Ok(match status.success() {
        true => Ended::Passed,
        false if said.contains("test result: FAILED") => Ended::Failed,
        false => Ended::Never,
    })
}
