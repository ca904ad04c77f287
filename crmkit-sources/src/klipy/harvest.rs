//! The CSV files that the customer filled in: which column is what, and which rows cannot be used.

use std::{collections::HashMap, path::Path};

use crmkit_core::{Problem, Reject, Result, Severity};
use indexmap::IndexMap;

use super::{
    custom::{self, CustomField},
    review,
    templates::{TEMPLATES, Template},
};
use crate::allegory::{Sheets, folded};

/// All files of a harvest, read.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    pub(super) sheets: Option<Sheets>,
    tables: IndexMap<&'static str, Table>,
    pub(super) custom: Vec<CustomField>,
    pub(super) problems: Vec<Problem>,
    pub(super) digests: IndexMap<String, String>,
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) file: String,
    columns: HashMap<String, usize>,
    pub(super) rows: Vec<Row>,
    pub(super) rejects: Vec<Reject>,
    /// Columns that no template has: header as it is, and its place.
    pub(super) further: Vec<(String, usize)>,
}

/// A row that can be read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    cells: Vec<String>,
}

impl Row {
    pub(super) fn at(&self, place: usize) -> Option<&str> {
        self.cells.get(place).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }
}

impl Harvest {
    /// Reads every file of the folder that a template names.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let sheets = Sheets::open(folder)?;
        let names = sheets.names()?;
        let mut harvest = Self::default();
        for template in &TEMPLATES {
            let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(template.file)) else { continue };
            let table = Table::read(&sheets, name, template, &mut harvest)?;
            harvest.tables.insert(template.file, table);
        }
        for name in &names {
            let data = name.to_ascii_lowercase().ends_with(".csv");
            if data && !TEMPLATES.iter().any(|template| name.eq_ignore_ascii_case(template.file)) {
                let message = "no template has this name, so the file is not read";
                let problem = Problem::new(Severity::Warn, "undeclared_file", message, "give it a template's name");
                harvest.problems.push(problem.in_file(name.clone(), None));
            }
        }
        harvest.custom = custom::fields(&harvest.tables, &mut harvest.problems);
        if harvest.tables.is_empty() {
            let remedy = "fill in the templates first";
            let message = "the harvest's folder has none of its files";
            harvest.problems.push(Problem::new(Severity::Block, "no_objects", message, remedy));
        } else if let Some(problem) = review::missing(&sheets, &harvest.digests)? {
            harvest.problems.push(problem);
        }
        harvest.sheets = Some(sheets);
        Ok(harvest)
    }

    pub(super) fn table(&self, file: &str) -> Option<&Table> {
        self.tables.get(file)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// The rows of a file.
    pub(super) fn rows<'a>(&'a self, file: &str) -> impl Iterator<Item = (&'a Table, &'a Row)> {
        self.tables.get(file).into_iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)))
    }
}

impl Table {
    fn read(sheets: &Sheets, name: &str, template: &Template, harvest: &mut Harvest) -> Result<Self> {
        let sheet = sheets.read(name)?;
        let mut table = Self { file: sheet.file.clone(), ..Self::default() };
        let problems = &mut harvest.problems;
        harvest.digests.insert(sheet.file.clone(), sheet.sha256.clone());
        for (place, header) in sheet.header.iter().enumerate() {
            let name = folded(header);
            if name.is_empty() {
                continue;
            }
            if table.columns.contains_key(&name) {
                let message = format!("the header has {header} twice");
                let remedy = "give one of the columns another name";
                problems.push(
                    Problem::new(Severity::Block, "duplicate_column", message, remedy).in_file(sheet.file.clone(), 1),
                );
                continue;
            }
            table.columns.insert(name.clone(), place);
            if !template.columns.iter().any(|column| folded(column) == name) {
                table.further.push((header.trim().to_owned(), place));
            }
        }
        let known = |column: &&&str| table.columns.contains_key(&folded(column));
        if template.columns.iter().filter(known).count() == 0 {
            let message = format!("the header has none of the columns {}", template.columns.join(", "));
            let problem = Problem::new(Severity::Block, "unknown_header", message, "put the template's header back");
            problems.push(problem.in_file(sheet.file.clone(), 1));
        }
        if !template.custom && !table.further.is_empty() {
            let names: Vec<_> = table.further.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("these columns are not read: {}", names.join(", "));
            let remedy = "use the template's columns, or leave them behind";
            problems
                .push(Problem::new(Severity::Warn, "unmapped_column", message, remedy).in_file(sheet.file.clone(), 1));
        }
        if let Some(line) = sheet.not_utf8 {
            let message = "the file is not UTF-8 and was read as Windows-1252";
            let problem =
                Problem::new(Severity::Warn, "not_utf8", message, "look at names with accents, or save as UTF-8");
            problems.push(problem.in_file(sheet.file.clone(), line));
        }
        for line in sheet.lines {
            match line.cells {
                Ok(cells) if cells.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(cells) => table.rows.push(Row { line: line.number, cells }),
                Err((code, message)) => table.reject(line.number, code, message),
            }
        }
        Ok(table)
    }

    pub(super) fn reject(&mut self, line: u64, code: &str, message: impl Into<String>) {
        self.rejects.push(reject(&self.file, line, code, message));
    }

    /// A column's place.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.get(&folded(column)).copied()
    }

    /// A row's cell in a column, if anything is in it.
    pub(super) fn get<'r>(&self, row: &'r Row, column: &str) -> Option<&'r str> {
        row.at(self.place(column)?)
    }

    /// The entries of a cell with several.
    pub(super) fn several<'r>(&self, row: &'r Row, column: &str) -> impl Iterator<Item = &'r str> + use<'r> {
        let cell = self.get(row, column).unwrap_or_default();
        cell.split(';').map(str::trim).filter(|entry| !entry.is_empty())
    }
}

/// A row of a file that could not become a record.
pub(super) fn reject(file: &str, line: u64, code: &str, message: impl Into<String>) -> Reject {
    Reject { origin: file.to_owned(), line: Some(line), field: None, code: code.to_owned(), message: message.into() }
}
