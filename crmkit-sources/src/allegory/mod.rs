//! Export folders: Allegory's layout, and any CRM's files through a manifest.
//!
//! A folder, or a zip archive of one, holds a file of CSV or JSON lines, gzip or not, per object (`companies.csv`,
//! `contacts.jsonl`, `deals.csv.gz` …) and, better than not, a `manifest.json` that says how many rows each has, its digest,
//! the time zone and the currency. A manifest with `foreign` objects names files and columns instead, so that the export of
//! any CRM is read as it is.

mod attachments;
pub(crate) mod blocking;
mod compile;
mod connector;
mod container;
mod convert;
mod declare;
mod deletions;
mod delimiter;
mod encoding;
mod export;
mod folder;
mod foreign;
mod header;
mod infer;
mod json;
mod layout;
mod lines;
mod links;
mod manifest;
mod profile;
mod quarantine;
mod rows;
mod shapes;
#[cfg(feature = "klipy")]
mod sheet;
mod stages;
mod stored;
mod table;
mod values;
mod walk;

pub use connector::ExportFolder;
#[cfg(feature = "allegory-api")]
pub(crate) use encoding::hexadecimal;
#[cfg(feature = "klipy")]
pub(crate) use {
    blocking::run as off_executor,
    sheet::{Column, Sheets, folded},
    stored::Bytes,
    values::Kind,
};
