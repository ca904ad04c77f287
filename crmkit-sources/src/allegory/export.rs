//! A walked export: its objects compiled and profiled, and pages out of them.

use std::{io, sync::Arc};

use crmkit_core::{
    Cursor, Error, ObjectName, Page, PageRequest, Problem, Record, RecordId, Reject, Result, Schema, Severity, Source,
};

use super::{
    ExportFolder,
    compile::{self, OpenedFile, Setting},
    connector::Shared,
    convert::Converter,
    encoding::Encoding,
    folder::{self, DELETED},
    foreign, header,
    links::Links,
    manifest::{self, DeclaredFile, Manifest, Snapshot},
    profile,
    rows::{Part, Place, Rows},
    stages::Stages,
    table::{Row, Table, TablePart},
};

/// Everything known after the first walk.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) source: Source,
    pub(super) tables: Vec<Table>,
    stages: Stages,
    links: Links,
    currency: Option<Arc<str>>,
    deleted: Option<Part>,
}

impl Export {
    /// Walks over all files.
    pub(super) fn walk(shared: &Shared) -> Result<Self> {
        let mut listing =
            folder::list(&shared.root, shared.manifest.as_ref()).map_err(|error| unreadable("", error))?;
        let mut problems = std::mem::take(&mut listing.problems);
        let none = Manifest::default();
        let manifest = shared.manifest.as_ref().unwrap_or(&none);
        let foreign = manifest.foreign.iter().map(|object| object.object.as_str().into());
        let setting = Setting {
            zone: zone(manifest, &mut problems),
            currency: currency(manifest, &mut problems),
            objects: listing.objects.keys().cloned().chain(foreign).collect(),
        };
        let mut tables = Vec::new();
        for (name, found) in &listing.objects {
            let files: Vec<_> = found
                .files
                .iter()
                .filter_map(|file| open(shared, file, "", &mut problems).transpose())
                .collect::<Result<_>>()?;
            if files.is_empty() {
                continue;
            }
            let declared = shared.schema.objects.get(name.as_str());
            let id = found.id_column.as_deref();
            tables.extend(compile::compile(name, files, id, declared, &setting, &mut problems));
        }
        for (place, object) in manifest.foreign.iter().enumerate() {
            let pointer = format!("/foreign/{place}");
            if manifest.foreign[..place].iter().any(|known| known.object == object.object)
                || listing.objects.contains_key(object.object.as_str())
            {
                problems.push(
                    Problem::new(
                        Severity::Block,
                        "duplicate_object",
                        format!("the manifest has `{}` twice", object.object),
                        "give one of them another name",
                    )
                    .at(format!("{pointer}/object"))
                    .in_file(manifest::FILE, None),
                );
                continue;
            }
            let file = match (&object.file, &object.from_column) {
                (Some(file), None) => file,
                (None, Some(from)) => &from.file,
                _ => {
                    problems.push(
                        Problem::new(
                            Severity::Block,
                            "no_file",
                            format!("`{}` needs either `file` or `from_column`", object.object),
                            "say where its records come from",
                        )
                        .at(pointer)
                        .in_file(manifest::FILE, None),
                    );
                    continue;
                }
            };
            let file = DeclaredFile { file: file.clone(), rows: object.rows, sha256: object.sha256.clone() };
            let Some(file) = open(shared, &file, &pointer, &mut problems)? else { continue };
            tables.extend(foreign::compile(place, object, &manifest.foreign, file, &setting, &mut problems));
        }
        for table in &mut tables {
            let name = table.name.clone();
            profile::profile(table, &mut problems).map_err(|error| unreadable(name.as_str(), error))?;
        }
        let stages = Stages::of(&tables).map_err(|error| unreadable("stages", error))?;
        let links = Links::of(&tables, &stages).map_err(|error| unreadable("links", error))?;
        for table in &mut tables {
            profile::describe(table, &stages, setting.currency.is_some(), &mut problems);
        }
        let deleted = match folder::inside(&shared.root, DELETED) {
            Ok(Some(path)) => {
                Some(Part::open(DELETED.to_owned(), path, false).map_err(|error| unreadable(DELETED, error))?.0)
            }
            _ => None,
        };
        if tables.is_empty() {
            let remedy = "name the folder that has the CSV files";
            problems.push(Problem::new(Severity::Block, "no_objects", "the folder has nothing to read", remedy));
        }
        let source = Source {
            kind: ExportFolder::KIND.to_owned(),
            instance: shared.instance.clone(),
            schema: tables.iter().map(|table| table.schema.clone()).collect::<Schema>(),
            counts: tables.iter().map(|table| (table.name.clone(), table.records)).collect(),
            time_zone: setting.zone.map(|zone| zone.name().to_owned()),
            currency: setting.currency.as_deref().map(str::to_owned),
            problems,
            gotchas: gotchas(manifest, listing.workflows),
        };
        Ok(Self { source, tables, stages, links, currency: setting.currency, deleted })
    }

    /// The table of an object.
    pub(super) fn table(&self, object: &ObjectName) -> Result<&Table> {
        self.tables.iter().find(|table| table.name == *object).ok_or_else(|| {
            Error::input("allegory.read", "the export has no such object").with_context("object", object)
        })
    }

    /// Reads a page.
    pub(super) fn page(&self, request: &PageRequest) -> Result<Page<Record>> {
        let table = self.table(&request.object)?;
        let mut page = Page { items: Vec::new(), rejects: Vec::new(), gone: Vec::new(), rows: 0, next: None };
        let start = match &request.cursor {
            Some(cursor) => Some(parse(cursor, table)?),
            None => None,
        };
        if start.is_none() {
            page.gone = self.gone(&request.object)?;
        }
        let converter = Converter { stages: &self.stages, links: &self.links, currency: self.currency.as_ref() };
        let (first, place) = start.map_or((0, None), |(part, place)| (part, Some(place)));
        for (number, file) in table.parts.iter().enumerate().skip(first) {
            unchanged(&file.part)?;
            let from = place.filter(|_| number == first).unwrap_or(file.part.first);
            let failed = |error| unreadable(&file.part.file, error);
            let mut rows = Rows::open(&file.part, from).map_err(failed)?;
            while let Some(at) = rows.advance().map_err(failed)? {
                if page.rows >= request.limit.max(1) as u64 {
                    page.next = Some(Cursor(format!("{number}:{}:{}", at.offset, at.line)));
                    return Ok(page);
                }
                take(table, number, file, &rows, at, &converter, &mut page);
            }
        }
        Ok(page)
    }

    /// Ids that `deleted.csv` lists for an object.
    fn gone(&self, object: &ObjectName) -> Result<Vec<RecordId>> {
        let Some(part) = &self.deleted else { return Ok(Vec::new()) };
        unchanged(part)?;
        let failed = |error| unreadable(DELETED, error);
        let mut rows = Rows::open(part, part.first).map_err(failed)?;
        let mut gone = Vec::new();
        while rows.advance().map_err(failed)?.is_some() {
            let named = rows.cell(0);
            let same = foreign::same_name(&named, object.as_str()) || header::object(&named) == object.as_str();
            let id = rows.cell(1);
            if same && !id.trim().is_empty() {
                gone.push(id.trim().into());
            }
        }
        Ok(gone)
    }
}

/// Takes one row into the page: as a record, as a reject, or not at all.
fn take(
    table: &Table,
    number: usize,
    file: &TablePart,
    rows: &Rows<'_>,
    at: Place,
    converter: &Converter<'_>,
    page: &mut Page<Record>,
) {
    let row = Row { rows, cells: &file.cells };
    let mut reject = |code: &str, message: String| {
        page.rows += 1;
        page.rejects.push(Reject {
            origin: file.part.file.clone(),
            line: Some(at.line),
            field: None,
            code: code.to_owned(),
            message,
        });
    };
    if rows.width() != file.part.width {
        let message = format!("the row has {} cells where the header has {}", rows.width(), file.part.width);
        return reject("ragged_row", message);
    }
    let marked = table.marked.contains(&(number, at.offset));
    let Some(id) = row.id(&table.id) else {
        if !table.distinct {
            reject("missing_id", "the row has no id".to_owned());
        }
        return;
    };
    if marked != table.distinct {
        if !table.distinct {
            reject("duplicate_id", "an earlier row has the same id".to_owned());
        }
        return;
    }
    page.rows += 1;
    page.items.push(converter.record(table, &row, &id, &file.part.file, at.line));
}

fn parse(cursor: &Cursor, table: &Table) -> Result<(usize, Place)> {
    let mut numbers = cursor.0.split(':').map(|number| number.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten(), numbers.next()) {
        (Some(part), Some(offset), Some(line), None) if (part as usize) < table.parts.len() && line > 0 => {
            Ok((part as usize, Place { offset, line }))
        }
        _ => Err(Error::input("allegory.read", "the cursor is not one of this export").with_context("cursor", cursor)),
    }
}

fn unchanged(part: &Part) -> Result<()> {
    if part.survey.is_of(&part.path).map_err(|error| unreadable(&part.file, error))? {
        return Ok(());
    }
    let message = "the file changed since the export was described; open the folder again and audit it anew";
    Err(Error::input("allegory.read", message).with_context("file", &part.file))
}

/// Opens a file of an object; a file that cannot be used is a problem, and the rest still moves.
fn open(
    shared: &Shared,
    file: &DeclaredFile,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Result<Option<OpenedFile>> {
    let name = &file.file;
    let mut problem = |severity, code: &str, message: &str, remedy: &str, line: Option<u64>| {
        problems.push(Problem::new(severity, code, message, remedy).at(pointer).in_file(name.clone(), line));
    };
    let lower = name.to_ascii_lowercase();
    if [".jsonl", ".gz", ".zip"].iter().any(|end| lower.ends_with(end)) {
        problem(Severity::Block, "unsupported_file", "only CSV files can be read", "unpack or convert the file", None);
        return Ok(None);
    }
    let path = match folder::inside(&shared.root, name) {
        Ok(Some(path)) => path,
        Ok(None) => {
            problem(
                Severity::Block,
                "outside_folder",
                "the path leads out of the folder",
                "name a file inside it",
                None,
            );
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let remedy = "add the file, or take it out of the manifest";
            problem(Severity::Block, "missing_file", "the manifest names a file that is not there", remedy, None);
            return Ok(None);
        }
        Err(error) => return Err(unreadable(name, error)),
    };
    let opened = Part::open(name.clone(), path, file.sha256.is_some()).map_err(|error| unreadable(name, error))?;
    let (part, header) = opened;
    if part.survey.encoding == Encoding::Windows1252 {
        let message = "the file is not UTF-8 and is read as Windows-1252";
        problem(Severity::Warn, "guessed_encoding", message, "look at names with accents, or export as UTF-8", None);
    }
    let (header, renamed) = header::unique(header.into_iter());
    for renamed in renamed {
        let code = if renamed.empty { "empty_header" } else { "duplicate_header" };
        let message = match renamed.empty {
            true => format!("a column without a name is read as `{}`", renamed.name),
            false => format!("a second column `{}` is read as `{}`", renamed.was, renamed.name),
        };
        problem(Severity::Warn, code, &message, "give every column a name of its own", Some(1));
    }
    Ok(Some(OpenedFile { part, header, rows: file.rows, sha256: file.sha256.clone() }))
}

fn zone(manifest: &Manifest, problems: &mut Vec<Problem>) -> Option<chrono_tz::Tz> {
    let name = manifest.timezone.as_ref()?;
    let zone = name.parse().ok();
    if zone.is_none() {
        let message = format!("`{name}` is no time zone");
        let problem =
            Problem::new(Severity::Block, "unknown_time_zone", message, "use an IANA name such as Asia/Karachi");
        problems.push(problem.at("/timezone").in_file(manifest::FILE, None));
    }
    zone
}

fn currency(manifest: &Manifest, problems: &mut Vec<Problem>) -> Option<Arc<str>> {
    let code = manifest.currency.as_ref()?.trim().to_ascii_uppercase();
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some(code.into());
    }
    let problem =
        Problem::new(Severity::Block, "unknown_currency", "the currency is no ISO 4217 code", "use three letters");
    problems.push(problem.at("/currency").in_file(manifest::FILE, None));
    None
}

fn gotchas(manifest: &Manifest, workflows: usize) -> Vec<String> {
    let mut gotchas = Vec::new();
    if manifest.snapshot == Some(Snapshot::Delta) {
        let since = manifest.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
        gotchas.push(format!("the export holds only what changed{since}"));
    }
    if workflows > 0 {
        gotchas.push(format!("{workflows} automations are in the export; they are rebuilt by hand"));
    }
    gotchas
}

fn unreadable(file: &str, error: io::Error) -> Error {
    Error::input("allegory.read", "a file of the export cannot be read").with_context("file", file).with_source(error)
}
