//! The rows that could not become records, as files that a person mends.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use crmkit_core::{Error, Result};
use indexmap::IndexMap;

use super::{
    ExportFolder, blocking,
    export::{Export, unchanged, unreadable},
    rows::{Fault, Format, Part, Place, Rows},
    table::Verdict,
};

impl ExportFolder {
    /// Writes every row that could not become a record into `folder`, and says how many each file has.
    ///
    /// There is a file for each file of the export with such rows, of the same name: its columns, after
    /// `crmkit_reason` and `crmkit_line`. Cells that a spreadsheet would take for a formula begin with a `'`. A row that
    /// cannot be split into cells is one cell; of one past 8 MB only the line is told.
    ///
    /// # Errors
    /// `Input` where the export changed, or `folder` cannot be written to.
    ///
    /// ```
    /// use crmkit_sources::allegory::ExportFolder;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let (folder, quarantine) = (tempfile::tempdir()?, tempfile::tempdir()?);
    /// std::fs::write(folder.path().join("companies.csv"), "id,name\n1,Acme\n2,Bolt,=1\n")?;
    ///
    /// let written = ExportFolder::open(folder.path())?.write_quarantine(quarantine.path()).await?;
    /// assert_eq!(written["companies.csv"], 1);
    /// let file = std::fs::read_to_string(quarantine.path().join("companies.csv"))?;
    /// assert_eq!(file, "crmkit_reason,crmkit_line,id,name\n\
    ///     ragged_row: the row has 3 cells where the header has 2,3,2,Bolt,'=1\n");
    /// # Ok(()) })
    /// # }
    /// ```
    pub async fn write_quarantine(&self, folder: impl AsRef<Path>) -> Result<IndexMap<String, u64>> {
        let (shared, folder) = (std::sync::Arc::clone(&self.shared), folder.as_ref().to_owned());
        blocking::run(move || write(&*shared.export()?, &folder)).await
    }
}

fn write(export: &Export, folder: &Path) -> Result<IndexMap<String, u64>> {
    let mut written = IndexMap::new();
    for table in &export.tables {
        for (number, file) in table.parts.iter().enumerate() {
            unchanged(&file.part)?;
            let failed = |error| unreadable(&file.part.file, error);
            let mut sheet: Option<Sheet> = None;
            let mut rows = Rows::open(&file.part, file.part.first).map_err(failed)?;
            let mut count = 0;
            while let Some(at) = rows.advance().map_err(failed)? {
                let Verdict::Rejected { code, message, .. } = table.verdict(number, &rows, at) else { continue };
                let sheet = match &mut sheet {
                    Some(sheet) => sheet,
                    None => sheet.insert(Sheet::create(folder, &file.part)?),
                };
                sheet.row(&format!("{code}: {message}"), at, &rows)?;
                count += 1;
            }
            if let Some(sheet) = sheet {
                sheet.finish()?;
                // An object made of a column shares its file with the one that has the rows.
                let known = written.entry(file.part.file.clone()).or_insert(0);
                *known = count.max(*known);
            }
        }
    }
    Ok(written)
}

/// A file of the quarantine.
struct Sheet {
    writer: csv::Writer<File>,
    path: PathBuf,
}

impl Sheet {
    fn create(folder: &Path, part: &Part) -> Result<Self> {
        let name = part.file.strip_suffix(".gz").unwrap_or(&part.file);
        let name = match part.format {
            Format::Csv { .. } => name.to_owned(),
            Format::Json | Format::Document => format!("{name}.csv"),
        };
        // The part was found inside the export, so its name leads nowhere else.
        let path = folder.join(name);
        let failed = |error| unwritten(&path, error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let mut sheet = Self { writer, path };
        let header = ["crmkit_reason", "crmkit_line"].into_iter().map(str::to_owned);
        sheet.write(header.chain(part.header.iter().map(|cell| harmless(cell))))?;
        Ok(sheet)
    }

    fn row(&mut self, reason: &str, at: Place, rows: &Rows) -> Result<()> {
        let lead = [reason.to_owned(), at.line.to_string()].into_iter();
        let whole = matches!(
            rows.fault(),
            Some(Fault::Unclosed | Fault::Misquoted(_) | Fault::NotJson | Fault::RepeatedKey(_) | Fault::Separator(_))
        );
        if whole {
            let raw = String::from_utf8_lossy(rows.raw());
            return self.write(lead.chain([harmless(raw.trim_end_matches(['\r', '\n']))]));
        }
        self.write(lead.chain((0..rows.width()).map(|cell| harmless(&rows.cell(cell)))))
    }

    fn write(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        self.writer.write_record(cells).map_err(|error| unwritten(&self.path, error.into()))
    }

    fn finish(mut self) -> Result<()> {
        self.writer.flush().and_then(|()| self.writer.get_ref().flush()).map_err(|error| unwritten(&self.path, error))
    }
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn unwritten(path: &Path, error: std::io::Error) -> Error {
    Error::input("allegory.quarantine", "the file cannot be written")
        .with_context("file", path.display())
        .with_source(error)
}
