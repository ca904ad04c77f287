//! The checkpoint between filling in and using: what a harvest holds, and who found it good.

use std::{fs, path::Path};

use crmkit_core::{Error, Problem, Result, Severity};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::harvest::Harvest;
use crate::allegory::Sheets;

/// The file with the approval, beside the harvest's own.
const FILE: &str = "harvest-approved.json";

/// What a harvest holds, for a person to look through before it is used.
///
/// Records of a harvest are read, audited and planned without an approval; but the source then has a blocking problem, so that no
/// plan over it can be approved. A file that changes after the approval needs another one.
///
/// ```
/// use crmkit_sources::klipy::HarvestReview;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("contacts.csv"), "Email,Company\nann@acme.example,Acme\nbo,\"x\n")?;
///
/// let review = HarvestReview::of(folder.path())?;
/// assert_eq!(review.files["contacts.csv"].rejects, 1);
/// review.approve(folder.path(), "ada@customer.example")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarvestReview {
    /// Always `crmkit.klipy-harvest`.
    pub format: String,
    /// Always 1.
    pub version: u32,
    /// The files that are read.
    pub files: IndexMap<String, ReviewedFile>,
    /// What is wrong with them, the missing approval left out.
    pub problems: Vec<Problem>,
}

/// One file of a harvest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewedFile {
    /// Rows that can be read.
    pub rows: u64,
    /// Rows that cannot.
    pub rejects: u64,
    /// Columns taken for custom fields.
    pub custom: Vec<String>,
    /// Its digest, hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approved {
    format: String,
    version: u32,
    approved_by: String,
    files: IndexMap<String, String>,
}

const FORMAT: &str = "crmkit.klipy-harvest";
const MISSING: &str = "harvest_not_approved";

impl HarvestReview {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// `Input` where the folder or a file cannot be read.
    pub fn of(folder: impl AsRef<Path>) -> Result<Self> {
        let harvest = Harvest::read(folder.as_ref())?;
        let file = |table: &super::harvest::Table| ReviewedFile {
            rows: table.rows.len() as u64,
            rejects: table.rejects.len() as u64,
            custom: table.further.iter().map(|(name, _)| name.clone()).collect(),
            sha256: harvest.digests.get(&table.file).cloned().unwrap_or_default(),
        };
        let files = harvest.tables().map(|table| (table.file.clone(), file(table))).collect();
        let problems = harvest.problems.into_iter().filter(|problem| problem.code != MISSING).collect();
        Ok(Self { format: FORMAT.to_owned(), version: 1, files, problems })
    }

    /// Whether something has to be mended before the harvest can be used.
    pub fn blocked(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Block)
    }

    /// Writes down who found the files good, as they are now.
    ///
    /// # Errors
    /// `State` where something has to be mended first, or a file changed since the review; `Input` where the folder cannot be
    /// written to.
    pub fn approve(&self, folder: impl AsRef<Path>, actor: &str) -> Result<()> {
        let folder = folder.as_ref();
        if let Some(problem) = self.problems.iter().find(|problem| problem.severity == Severity::Block) {
            let message = format!("the harvest has to be mended before it is approved: {problem}");
            return Err(Error::state("klipy.review", message));
        }
        if Self::of(folder)? != *self {
            return Err(Error::state("klipy.review", "a file changed since the review; look through it again"));
        }
        let files = self.files.iter().map(|(file, found)| (file.clone(), found.sha256.clone())).collect();
        let approved = Approved { format: FORMAT.to_owned(), version: 1, approved_by: actor.to_owned(), files };
        let text = serde_json::to_vec_pretty(&approved).expect("an approval is serialisable");
        fs::write(folder.join(FILE), text).map_err(|error| {
            Error::input("klipy.review", "the approval cannot be written")
                .with_context("folder", folder.display())
                .with_source(error)
        })
    }
}

/// The problem that a harvest without a fitting approval is.
pub(super) fn missing(sheets: &Sheets, digests: &IndexMap<String, String>) -> Result<Option<Problem>> {
    let problem = |message: &str| {
        let remedy = "look through the harvest's review and approve it";
        Problem::new(Severity::Block, MISSING, message, remedy).in_file(FILE, None)
    };
    let Some(text) = sheets.document(FILE)? else {
        return Ok(Some(problem("nobody approved the harvest")));
    };
    let Ok(approved) = serde_json::from_slice::<Approved>(&text) else {
        return Ok(Some(problem("the harvest's approval cannot be read")));
    };
    let known = |(file, digest): (&String, &String)| approved.files.get(file) == Some(digest);
    let same = approved.format == FORMAT && approved.files.len() == digests.len() && digests.iter().all(known);
    Ok((!same).then(|| problem("the harvest changed since it was approved")))
}
