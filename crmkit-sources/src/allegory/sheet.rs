//! A folder's files as tables of plain text, for sources that know themselves what their columns mean.

use std::{borrow::Cow, path::Path};

use crmkit_core::{Error, Result, Value};

use super::{
    container::Container,
    header::fold,
    infer::Seen,
    rows::{Part, Rows},
    stored::{Bytes, Damage},
    values::{Kind, Reading},
};

/// A folder of CSV files, or a zip archive of one.
#[derive(Clone, Debug)]
pub(crate) struct Sheets(Container);

/// One file, whole.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) file: String,
    /// Cells of the header as they are.
    pub(crate) header: Vec<String>,
    pub(crate) lines: Vec<Line>,
    /// Hexadecimal, of the file's bytes.
    pub(crate) sha256: String,
    /// Line that decided that the file is not UTF-8.
    pub(crate) not_utf8: Option<u64>,
}

/// A row of a file.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    /// As many as the header has; or why the row cannot be read, as code and words.
    pub(crate) cells: Result<Vec<String>, (&'static str, String)>,
}

impl Sheets {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let container = Container::open(path).map_err(|error| unreadable("", error))?;
        Ok(Self(container))
    }

    /// The names of the files at the top.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.0.names("").map_err(|error| unreadable("", error))
    }

    /// Reads a table whole.
    pub(crate) fn read(&self, file: &str) -> Result<Sheet> {
        let failed = |error| unreadable(file, error);
        let outside =
            || Error::input("harvest.read", "the file's path leads out of the folder").with_context("file", file);
        let stored = self.0.find(file).map_err(failed)?.ok_or_else(outside)?;
        let part = Part::open(file.to_owned(), stored, true).map_err(failed)?;
        let mut rows = Rows::open(&part, part.first).map_err(failed)?;
        let mut lines = Vec::new();
        while let Some(place) = rows.advance().map_err(failed)? {
            let cells = match rows.fault() {
                Some(fault) => Err((fault.code(), fault.message(part.header.len()))),
                None => Ok((0..rows.width()).map(|cell| rows.cell(cell).into_owned()).collect()),
            };
            lines.push(Line { number: place.line, cells });
        }
        Ok(Sheet {
            file: file.to_owned(),
            header: part.header.to_vec(),
            lines,
            sha256: part.survey.sha256.clone().unwrap_or_default(),
            not_utf8: part.survey.decided_by,
        })
    }

    /// A small document's text; `None` where it is not there.
    pub(crate) fn document(&self, file: &str) -> Result<Option<Vec<u8>>> {
        self.0.document(file).map_err(|error| unreadable(file, error))
    }

    /// A file's bytes and how many they are; `None` where its path leads out of the folder.
    pub(crate) fn bytes(&self, file: &str) -> Result<Option<Bytes>> {
        let failed = |error| unreadable(file, error);
        match self.0.find(file).map_err(failed)? {
            Some(stored) => stored.as_kept().map(Some).map_err(failed),
            None => Ok(None),
        }
    }

    /// A file's length, where it is there.
    pub(crate) fn length(&self, file: &str) -> Option<u64> {
        self.0.find(file).ok().flatten().and_then(|stored| stored.length().ok().flatten())
    }
}

/// A column name for comparing: case, `_`, `-`, `.` and repeated spaces make no difference.
pub(crate) fn folded(name: &str) -> String {
    fold(name)
}

/// How the cells of a column are read.
#[derive(Clone, Debug)]
pub(crate) struct Column(Reading);

impl Column {
    /// A column that is read so; its cells tell how it writes decimals.
    pub(crate) fn of<'a>(kind: Kind, zone: Option<chrono_tz::Tz>, cells: impl Iterator<Item = Cow<'a, str>>) -> Self {
        let mut seen = Seen::default();
        cells.filter(|cell| !cell.trim().is_empty()).for_each(|cell| seen.add(cell.trim(), true, false));
        Self(Reading { kind, style: seen.style(), format: None, zone })
    }

    /// The value of a filled cell, or why it has none, in words without the cell's content.
    pub(crate) fn value(&self, cell: &str) -> Result<Value, &'static str> {
        self.0.value(cell)
    }
}

fn unreadable(file: &str, error: std::io::Error) -> Error {
    let message = match Damage::of(&error) {
        Some(damage) => format!("{damage}; {}", damage.remedy),
        None => "a file of the folder cannot be read".to_owned(),
    };
    Error::input("harvest.read", message).with_context("file", file).with_source(error)
}
