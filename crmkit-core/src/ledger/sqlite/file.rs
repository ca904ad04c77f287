//! The ledger's files: who may read them, who works on them, and what their errors mean.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use crate::{Error, ErrorKind, Result, Retry};

/// Makes the file if there is none, readable by its owner alone. SQLite gives the log beside it the same mode.
pub(super) fn create(path: &Path) -> Result<()> {
    private(path).map(drop).map_err(|error| cannot_open(path, error))
}

/// Takes the lock that keeps a second runner away. Dropping the file releases it, and so does a crash.
pub(super) fn lock(path: &Path) -> Result<File> {
    let beside = lock_path(path);
    let file = private(&beside).map_err(|error| cannot_open(&beside, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message =
                "another handle works on this ledger: stop the other process, or clone the handle in this one";
            Err(Error::new(ErrorKind::Busy, "ledger.open", message, Retry::Never).with_context("file", path.display()))
        }
        Err(TryLockError::Error(error)) => Err(cannot_open(&beside, error)),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn cannot_open(path: &Path, error: std::io::Error) -> Error {
    Error::storage("ledger.open", "the ledger's file cannot be opened: check its folder and permissions")
        .with_context("file", path.display())
        .with_context("cause", error.kind())
        .with_source(error)
}

/// Starts one of the ledger's threads.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::storage("ledger.open", "the ledger's thread cannot be started").with_source(error))
}

/// Turns SQLite's errors into ours.
pub(super) trait OrFailed<T> {
    /// The error of `operation`, with what to do.
    fn or_failed(self, operation: &'static str) -> Result<T>;
}

impl<T> OrFailed<T> for rusqlite::Result<T> {
    fn or_failed(self, operation: &'static str) -> Result<T> {
        use rusqlite::ErrorCode;
        self.map_err(|error| {
            let message = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "the disk is full: make room and run again",
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    "the ledger's file is damaged: restore it from a backup"
                }
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                    "the ledger's file cannot be written: check its folder and permissions"
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another program works on the ledger's file: close it and run again"
                }
                _ => "the ledger's store failed",
            };
            Error::storage(operation, message).with_context("cause", cause(&error)).with_source(error)
        })
    }
}

/// What SQLite says, without anything that was stored.
fn cause(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, _) => code.to_string(),
        rusqlite::Error::FromSqlConversionFailure(column, ..) => format!("column {column} cannot be read"),
        other => other.to_string(),
    }
}
