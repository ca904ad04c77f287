//! The `migrate` program in processes of its own, against a simulator in this one.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::Value;
use tempfile::TempDir;

/// A working folder and an account for `migrate`.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) folder: TempDir,
    pub(crate) simulator: PipedriveSimulator,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Tool {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let start = PipedriveSimulator::builder().limits(false).own_thread().start();
        Self { folder: tempfile::tempdir().unwrap(), simulator: runtime.block_on(start).unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.url()
    }

    pub(crate) fn token(&self) -> String {
        self.simulator.token().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A document of the reports folder.
    pub(crate) fn report(&self, name: &str) -> Value {
        let path = self.path("reports").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Calls `migrate` with this ledger and reports folder and no terminal.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_migrate"))
            .args(["--limits", "off"])
            .arg("--ledger")
            .arg(self.path("ledger"))
            .arg("--reports")
            .arg(self.path("reports"))
            .args(arguments)
            .env_remove("CRMKIT_TOKEN")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Calls `migrate` with the account.
    pub(crate) fn migrate(&self, arguments: &[&str]) -> Ended {
        let (url, token) = (self.url(), self.token());
        let account = ["--destination-url", &url, "--token", &token];
        self.call(&[&account, arguments].concat())
    }
}
