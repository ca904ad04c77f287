//! The files that a customer fills in: what the interface does not give.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crmkit_core::{Error, Result};

/// A file of the harvest.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) file: &'static str,
    pub(super) columns: &'static [&'static str],
    /// Further columns are custom fields.
    pub(super) custom: bool,
    /// What a person reads about it.
    about: &'static str,
}

const fn template(file: &'static str, custom: bool, columns: &'static [&'static str], about: &'static str) -> Template {
    Template { file, columns, custom, about }
}

/// All files. The first columns of contacts and companies are those of Klipy's own import templates.
pub(super) const TEMPLATES: [Template; 11] = [
    template(
        "contacts.csv",
        true,
        &[
            "First Name",
            "Last Name",
            "Email",
            "Company",
            "Title",
            "Phone",
            "LinkedIn URL",
            "Notes",
            "Contact ID",
            "Owner Email",
            "Tags",
            "Created At",
            "Updated At",
        ],
        "One row a contact. A contact without ID is known by its e-mail address. Further columns are custom fields.",
    ),
    template(
        "companies.csv",
        true,
        &["Company Name", "Domain", "Industry", "Size", "Website", "Company ID", "Owner Email", "Tags"],
        "One row a company. A company without ID is known by its domain, else by its name.",
    ),
    template(
        "deals.csv",
        true,
        &[
            "Deal ID",
            "Deal Name",
            "Value",
            "Currency",
            "Pipeline",
            "Stage",
            "Status",
            "Company",
            "Company Domain",
            "Contact Emails",
            "Owner Email",
            "Created At",
            "Expected Close Date",
            "Tags",
        ],
        "One row a deal. The first of Contact Emails is the main contact.",
    ),
    template(
        "stages.csv",
        false,
        &["Pipeline", "Stage", "Position", "Outcome"],
        "The stages in their order. Outcome is open, won or lost.",
    ),
    template(
        "activities.csv",
        false,
        &[
            "Activity ID",
            "Type",
            "Channel",
            "Subject",
            "Body",
            "Direction",
            "Occurred At",
            "Duration Seconds",
            "Contact Emails",
            "Deal ID",
            "Owner Email",
        ],
        "Type is email, call, meeting, message or note; Channel says where: Email, LinkedIn, WhatsApp, Telegram.",
    ),
    template(
        "notes.csv",
        false,
        &["Note ID", "Body", "Is AI Draft", "Draft Source", "Created At", "Contact Email", "Deal ID", "Author Email"],
        "Is AI Draft is yes or no; Draft Source is the conversation that the draft was made from.",
    ),
    template(
        "tags.csv",
        false,
        &["Tag", "Object Type", "Object Key"],
        "Object Type is contact, company or deal; Object Key its ID, e-mail address or domain.",
    ),
    template(
        "attachments.csv",
        false,
        &[
            "Attachment ID",
            "File Name",
            "URL or Path",
            "Size Bytes",
            "SHA-256",
            "Content Type",
            "Deal ID",
            "Activity ID",
        ],
        "A path is below this folder.",
    ),
    template("owners.csv", false, &["Owner Name", "Owner Email", "Active", "User ID"], "Active is yes or no."),
    template(
        "fields.csv",
        false,
        &["Object", "Field Name", "Type", "Options"],
        "The custom fields, as a person confirms them. Type is text, number, date, dropdown or checkbox.",
    ),
    template(
        "pipelines.csv",
        false,
        &["Pipeline", "Position"],
        "The pipelines in their order. May be left out where there is one.",
    ),
];

/// Writes the header of every file of the harvest into a folder, and a page that says how to fill them in. Files that are there
/// stay as they are. Gives the names of those written.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let written = crmkit_sources::klipy::write_templates(folder.path())?;
/// assert!(written.contains(&"deals.csv".to_owned()));
/// assert!(crmkit_sources::klipy::write_templates(folder.path())?.is_empty());
/// # Ok(()) }
/// ```
///
/// # Errors
/// `Input` where the folder cannot be written to.
pub fn write_templates(folder: impl AsRef<Path>) -> Result<Vec<String>> {
    let folder = folder.as_ref();
    let failed = |error: io::Error| {
        Error::input("klipy.templates", "the folder cannot be written to")
            .with_context("folder", folder.display())
            .with_source(error)
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut written = Vec::new();
    let mut guide = GUIDE.to_owned();
    for template in &TEMPLATES {
        guide.push_str(&format!("\n{}\n  {}\n", template.file, template.about));
        if fresh(folder, template.file, &format!("{}\n", template.columns.join(","))).map_err(failed)? {
            written.push(template.file.to_owned());
        }
    }
    if fresh(folder, "HOW-TO-FILL-IN.txt", &guide).map_err(failed)? {
        written.push("HOW-TO-FILL-IN.txt".to_owned());
    }
    Ok(written)
}

/// Writes a file that is not there yet, and says whether it did.
fn fresh(folder: &Path, name: &str, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(folder.join(name)) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

const GUIDE: &str = "\
Fill in one file for each thing that your workspace has, and leave the others with their header alone.
Several values in a cell are separated by ; . Days are written 2025-03-31, moments 2025-03-31T14:00:00Z.
Save as CSV in UTF-8. Nothing is used before the review of these files was approved.
";
