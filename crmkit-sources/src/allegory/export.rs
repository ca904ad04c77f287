//! A walked export: its objects compiled and profiled, and pages out of them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use crmkit_core::{
    Cursor, Error, ObjectName, Page, PageRequest, Problem, Record, Reject, Result, Schema, Severity, Source,
};

use super::{
    ExportFolder, attachments,
    compile::{self, OpenedFile, Setting},
    connector::Shared,
    convert::{Converter, Making},
    deletions::Deletions,
    encoding::Encoding,
    folder, foreign, header,
    links::Links,
    manifest::{self, DeclaredFile, Manifest, Snapshot},
    profile,
    rows::{Part, Place, Rows},
    stages::Stages,
    stored::Damage,
    table::{Row, Table, Verdict},
};

/// Bytes of rows after which a page is full, however few they are.
const PAGE_BYTES: u64 = 16 << 20;

/// Walks that wait for the next page of a packed file.
const PARKED: usize = 16;

/// Everything known after the first walk.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) source: Source,
    pub(super) tables: Vec<Table>,
    stages: Stages,
    links: Links,
    currency: Option<Arc<str>>,
    deletions: Option<Deletions>,
    /// Packed files cannot be entered in the middle: the walk that made a page goes on with the next one.
    parked: Mutex<Vec<Parked>>,
}

#[derive(Debug)]
struct Parked {
    object: ObjectName,
    part: usize,
    place: Place,
    rows: Rows,
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
            let files = open_all(shared, &found.files, "", &mut problems)?;
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
            let files = object.all_files();
            if files.is_empty() || (object.from_column.is_some() && files.len() + object.files.len() != 1) {
                problems.push(
                    Problem::new(
                        Severity::Block,
                        "no_file",
                        format!("`{}` needs either `file`, `files` or `from_column`", object.object),
                        "say where its records come from",
                    )
                    .at(pointer)
                    .in_file(manifest::FILE, None),
                );
                continue;
            }
            let files = open_all(shared, &files, &pointer, &mut problems)?;
            tables.extend(foreign::compile(place, object, &manifest.foreign, files, &setting, &mut problems));
        }
        for table in &mut tables {
            let name = table.name.clone();
            profile::profile(table, shared.ranges, &mut problems).map_err(|error| unreadable(name.as_str(), error))?;
            if name == "attachments" && !shared.files_elsewhere {
                attachments::check(table, &shared.root, &mut problems)
                    .map_err(|error| unreadable("attachments", error))?;
            }
        }
        let stages = Stages::of(&tables).map_err(|error| unreadable("stages", error))?;
        let links = Links::of(&tables, &stages).map_err(|error| unreadable("links", error))?;
        for table in &mut tables {
            profile::describe(table, &stages, setting.currency.is_some(), &mut problems);
        }
        let deletions = match listing.deleted {
            Some(file) => match open(shared, &DeclaredFile { file, rows: None, sha256: None }, "", &mut problems)? {
                Some(file) => Deletions::of(file, &setting.objects, &mut problems)?,
                None => None,
            },
            None => None,
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
            gotchas: gotchas(manifest, &tables),
        };
        let parked = Mutex::default();
        Ok(Self { source, tables, stages, links, currency: setting.currency, deletions, parked })
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
        if start.is_none()
            && let Some(deletions) = &self.deletions
        {
            page.gone = deletions.of_object(&request.object)?;
        }
        let converter = Converter { stages: &self.stages, links: &self.links, currency: self.currency.as_ref() };
        let (first, place) = start.map_or((0, None), |(part, place)| (part, Some(place)));
        let mut bytes = 0;
        // Another page of the object may be made at the same time, with what it has itself.
        let mut making = table.making.try_lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
        for (number, file) in table.parts.iter().enumerate().skip(first) {
            unchanged(&file.part)?;
            let from = place.filter(|_| number == first).unwrap_or(file.part.first);
            let failed = |error| unreadable(&file.part.file, error);
            let mut rows = match self.unpark(&table.name, number, from) {
                Some(rows) => rows,
                None => Rows::open(&file.part, from).map_err(failed)?,
            };
            while let Some(at) = rows.advance().map_err(failed)? {
                if page.rows >= request.limit.max(1) as u64 || (bytes > PAGE_BYTES && page.rows > 0) {
                    page.next = Some(Cursor(format!("{number}:{}:{}", at.offset, at.line)));
                    if !file.part.stored.is_seekable() {
                        rows.hold(at);
                        self.park(Parked { object: table.name.clone(), part: number, place: at, rows });
                    }
                    keep(table, making);
                    return Ok(page);
                }
                bytes += rows.raw().len() as u64;
                match table.verdict(number, &rows, at) {
                    Verdict::Passed => continue,
                    Verdict::Rejected { code, message, column } => page.rejects.push(Reject {
                        origin: file.part.file.clone(),
                        line: Some(at.line),
                        field: column.map(Into::into),
                        code: code.to_owned(),
                        message,
                    }),
                    Verdict::Record(id) => {
                        let row = Row { rows: &rows, cells: &file.cells };
                        page.items.push(converter.record(table, &row, &id, &file.part.file, at.line, &mut making));
                    }
                }
                page.rows += 1;
            }
        }
        keep(table, making);
        Ok(page)
    }

    fn unpark(&self, object: &ObjectName, part: usize, place: Place) -> Option<Rows> {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        let found = parked.iter().position(|one| one.object == *object && one.part == part && one.place == place)?;
        Some(parked.remove(found).rows)
    }

    fn park(&self, walk: Parked) {
        let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() == PARKED {
            parked.remove(0);
        }
        parked.push(walk);
    }
}

fn keep(table: &Table, making: Making) {
    if let Ok(mut kept) = table.making.try_lock() {
        *kept = making;
    }
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

pub(super) fn unchanged(part: &Part) -> Result<()> {
    if part.survey.is_of(&part.stored).map_err(|error| unreadable(&part.file, error))? {
        return Ok(());
    }
    let message = "the file changed since the export was described; open the folder again and audit it anew";
    Err(Error::input("allegory.read", message).with_context("file", &part.file))
}

fn open_all(
    shared: &Shared,
    files: &[DeclaredFile],
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Result<Vec<OpenedFile>> {
    files.iter().filter_map(|file| open(shared, file, pointer, problems).transpose()).collect()
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
    if lower.ends_with(".zip") {
        let message = "an archive cannot be one file of an export";
        problem(Severity::Block, "unsupported_file", message, "unpack it, or make the whole folder one archive", None);
        return Ok(None);
    }
    let stored = match shared.root.find(name) {
        Ok(Some(stored)) => stored,
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
    let part = match Part::open(name.clone(), stored, file.sha256.is_some()) {
        Ok(part) => part,
        Err(error) => match Damage::of(&error) {
            Some(Damage { code, message, remedy }) => {
                problem(Severity::Block, code, &message, remedy, None);
                return Ok(None);
            }
            None => return Err(unreadable(name, error)),
        },
    };
    let guessed = match part.survey.encoding {
        Encoding::Windows1252 => Some("the file is not UTF-8 and is read as Windows-1252"),
        Encoding::Utf16 { mark: false, .. } => Some("the file has no byte order mark and is read as UTF-16"),
        _ => None,
    };
    if let Some(message) = guessed {
        let remedy = "look at names with accents, or export as UTF-8";
        problem(Severity::Warn, "guessed_encoding", message, remedy, part.survey.decided_by.or(Some(1)));
    }
    let (header, renamed) = header::unique(part.header.iter().cloned());
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

fn gotchas(manifest: &Manifest, tables: &[Table]) -> Vec<String> {
    let workflows = tables.iter().find(|table| table.name == "workflows").map_or(0, |table| table.records);
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

pub(super) fn unreadable(file: &str, error: io::Error) -> Error {
    Error::input("allegory.read", "a file of the export cannot be read").with_context("file", file).with_source(error)
}
