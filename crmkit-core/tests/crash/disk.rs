//! Disks that are full or closed, and a ledger that somebody else has.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::Arc, time::Duration};

use crmkit_core::{ErrorKind, SqliteLedger, testing::ManualClock};

use crate::{
    life::{command, holder, live},
    sweep::folder,
};

fn error_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("error")).unwrap_or_default()
}

/// Files may not grow beyond so many blocks: the first that would is the ledger's, whose commit fails as on a full disk.
#[test]
fn a_disk_that_fills_up_stops_the_run_and_room_lets_it_go_on() {
    let mut stopped = 0;
    for blocks in [80, 160, 240, 320] {
        let folder = folder();
        let folder = folder.path();
        let plain = command(folder, None);
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(plain.get_program());
        limited.args(plain.get_args());
        limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let status = limited.status().expect("a shell");
        if status.success() {
            continue;
        }
        stopped += 1;
        let error = error_of(folder);
        assert!(
            error.contains("ledger.") && error.contains("store failed") || error.contains("disk is full"),
            "{error}"
        );
        live(folder, None).unwrap_or_else(|error| panic!("{blocks} blocks, then room: {error}"));
    }
    assert!(stopped > 0, "no limit was small enough");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_that_says_what_to_check() {
    let folder = folder();
    drop(SqliteLedger::open_file(folder.path().join("ledger"), Arc::new(ManualClock::new())).expect("it opens"));
    for name in ["ledger", "ledger.lock"] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o444)).expect("ours");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("ours");
    match SqliteLedger::open_file(folder.path().join("ledger"), Arc::new(ManualClock::new())) {
        Ok(_) => println!("skipped: this user writes to files that are closed to everybody, as root does"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Storage);
            assert!(error.to_string().contains("check its folder and permissions"), "{error}");
        }
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
}

#[test]
fn a_second_process_on_the_file_is_refused_and_let_in_after_the_first_was_killed() {
    let folder = folder();
    let mut first = holder(folder.path()).spawn().expect("the program starts");
    while !folder.path().join("held").exists() {
        assert!(first.try_wait().expect("it can be asked").is_none(), "the first process holds the ledger");
        std::thread::sleep(Duration::from_millis(5));
    }
    let open = || SqliteLedger::open_file(folder.path().join("ledger"), Arc::new(ManualClock::new()));
    let error = open().expect_err("somebody has it");
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("stop the other process"), "{error}");
    assert!(
        !command(folder.path(), None).status().expect("the program starts").success(),
        "a third is refused as well"
    );
    first.kill().expect("it can be killed");
    first.wait().expect("it ends");
    open().expect("its lock died with it");
}
