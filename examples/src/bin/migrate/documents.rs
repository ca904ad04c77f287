//! The reports folder: one file per document.

use std::{fs, path::PathBuf};

use crmkit_core::{ReportLink, report_index};
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

    /// Writes a document for people, as Markdown and as HTML.
    pub(crate) fn readable(&self, name: &str, markdown: String, html: String) -> Result<(), Failure> {
        self.text(&format!("{name}.md"), &markdown)?;
        self.text(&format!("{name}.html"), &html)?;
        self.index()
    }

    /// Writes the page that links every document there is.
    pub(crate) fn index(&self) -> Result<(), Failure> {
        let known = [
            ("audit", "Audit", "what is in the source"),
            ("review", "Review", "what the plan does"),
            ("sample", "Sample", "the trial run, field by field"),
            ("run", "Run", "what became of every record"),
            ("resolve", "Resolve", "what was held and is not any more"),
            ("delta", "Delta", "what changed since"),
            ("reconciliation", "Reconciliation", "everything read back and compared"),
            ("handover", "Handover", "what to check, to rebuild and to keep"),
            ("rollback", "Rollback", "what was taken back"),
        ];
        let there = known.into_iter().filter(|(name, ..)| self.path(&format!("{name}.html")).exists());
        let links: Vec<ReportLink> = there
            .map(|(name, title, summary)| ReportLink {
                title: title.to_owned(),
                file: format!("{name}.html"),
                summary: summary.to_owned(),
            })
            .collect();
        self.text("index.html", &report_index("Migration", &links))
    }

    /// The path of a document.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
