//! Chores of this repository: `cargo xtask defects [NAME…] [--list]`.

mod copy;
mod defect;
mod trial;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use defect::{Defect, List};

const USAGE: &str = "usage: cargo xtask defects [NAME…] [--list]";

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((command, rest)) if command == "defects" => defects(rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Puts one deliberate defect after the other into a copy of the workspace, and says whether each one's test noticed.
fn defects(arguments: &[String]) -> Result<bool> {
    let (options, names): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| word.starts_with('-'));
    let only_list = match options.as_slice() {
        [] => false,
        [option] if *option == "--list" => true,
        _ => return Err(USAGE.to_owned()),
    };
    let root = root();
    let list = List::read(&root)?;
    if let Some(unknown) = names.iter().find(|name| list.named(name).is_none()) {
        return Err(format!("there is no defect {unknown}: `cargo xtask defects --list` shows them all"));
    }
    let chosen: Vec<&Defect> =
        list.defects.iter().filter(|defect| names.is_empty() || names.contains(&&defect.name)).collect();
    if only_list {
        for defect in chosen {
            println!("{}: {}\n    {} by {}", defect.name, defect.suffers, defect.file, list.test_of(defect));
        }
        return Ok(true);
    }
    trial::all(&root, &list, &chosen)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace").to_owned()
}
