//! A copy of the workspace that defects may be put into: below `target`, kept, so that the next run builds little.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Result;

/// The copy, and the target folder that only it uses.
pub(crate) struct Copy {
    pub(crate) workspace: PathBuf,
    pub(crate) target: PathBuf,
}

impl Copy {
    /// Makes the copy like the workspace: files that git knows or would add. Files that are the same already stay untouched, so
    /// that cargo does not build them again; what an interrupted run left behind goes.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let folder = root.join("target/defects");
        let copy = Self { workspace: folder.join("workspace"), target: folder.join("target") };
        let files = files(root)?;
        let told = |error: io::Error| format!("the copy below {} cannot be made: {error}", folder.display());
        for file in &files {
            overwrite(&copy.workspace.join(file), &fs::read(root.join(file)).map_err(told)?).map_err(told)?;
        }
        remove_others(&copy.workspace, Path::new(""), &files).map_err(told)?;
        // Tests read what lies beside the workspace where it is there.
        #[cfg(unix)]
        if let Ok(beside) = root.join("../shared").canonicalize()
            && !folder.join("shared").exists()
        {
            std::os::unix::fs::symlink(beside, folder.join("shared")).map_err(told)?;
        }
        Ok(copy)
    }

    /// Cargo on the copy.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.workspace).env("CARGO_TARGET_DIR", &self.target);
        cargo.env("CARGO_INCREMENTAL", "1").env("CARGO_TERM_COLOR", "never").env("RUST_BACKTRACE", "0");
        cargo
    }
}

/// Writes a file unless it says that already.
pub(crate) fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fs::write(path, content)
}

fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git lists no files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let names = String::from_utf8_lossy(&listed.stdout);
    let names = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(names.filter(|name| root.join(name).is_file()).collect())
}

fn remove_others(workspace: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(workspace.join(folder))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(workspace, &name, files)?;
        } else if !files.contains(&name) && name != Path::new("Cargo.lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
