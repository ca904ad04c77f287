//! The host's queue carries a whole run.
#![allow(clippy::unwrap_used, reason = "a test")]

#[test]
fn the_host_carries_the_run_to_its_end() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_host_queue")).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("4 workers, 2 of them killed"), "{told}");
    assert!(told.contains("42 records created, 6 held"), "{told}");
    assert!(told.contains("42 records read back, 0 fields differ"), "{told}");
}
