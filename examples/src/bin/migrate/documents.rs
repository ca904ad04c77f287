//! The reports folder: one file per document.

use std::{fs, path::PathBuf};

use serde::Serialize;

use crate::steps::Failure;

/// The reports folder.
#[derive(Debug)]
pub(crate) struct Documents(PathBuf);

impl Documents {
    pub(crate) fn in_folder(folder: &PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        Ok(Self(folder.clone()))
    }

    /// Writes a document as JSON.
    pub(crate) fn json(&self, name: &str, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document).map_err(|error| Failure::from(error.to_string()))?;
        self.text(&format!("{name}.json"), &text)
    }

    /// Writes a text as it is. It is there whole or not at all.
    pub(crate) fn text(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.0.join(name);
        let fresh = self.0.join(format!("{name}.new"));
        fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).map_err(|error| Failure::file(&path, &error))
    }

    /// The path of a document.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
