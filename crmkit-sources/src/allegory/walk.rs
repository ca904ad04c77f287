//! One walk over the rows of an object before any is read for good: by ranges of a large file at once, with what a single
//! walk from its beginning would tell.
//!
//! A range begins behind the first end of line past its border, which may be inside a quoted cell. So each range tells where it
//! ended, and counts only where the next one began there; otherwise the next one is walked again from the right place.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    io, thread,
};

use indexmap::IndexMap;

use super::{
    convert,
    infer::Seen,
    rows::{Fault, Place, Rows},
    stages::Stages,
    table::{Field, FieldSource, Row, Table},
    values::Kind,
};

/// Rows with a quote that nothing closes, after which the rest of the file is read on. Each costs a walk to its end.
const MOST_UNCLOSED: usize = 16;

/// What a walk over all files of an object tells.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) looks: Vec<Look>,
    pub(super) rejects: IndexMap<&'static str, Rejected>,
    /// Rows of each file.
    pub(super) rows: Vec<u64>,
    pub(super) records: u64,
}

/// What the cells of a field are, as far as the walk came.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) seen: Seen,
    /// Cells that its declared type cannot read, and where the first is.
    pub(super) unread: u64,
    pub(super) first_unread: Option<(String, u64)>,
}

/// Rows that cannot become records for one reason, and where the first is.
#[derive(Clone, Debug, Default)]
pub(super) struct Rejected {
    pub(super) rows: u64,
    pub(super) file: String,
    pub(super) line: u64,
}

/// How large files are taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// Threads that walk at once.
    pub(super) threads: usize,
    /// The least bytes that are worth one.
    pub(super) bytes: u64,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { threads: thread::available_parallelism().map_or(1, usize::from), bytes: 4 << 20 }
    }
}

/// Walks over all files of a table.
pub(super) fn walk(table: &mut Table, ranges: Ranges) -> io::Result<Walked> {
    let mut walked = Walked { looks: vec![Look::default(); table.fields.len()], ..Walked::default() };
    let mut ids = HashSet::<u64>::new();
    for number in 0..table.parts.len() {
        let starts = starts(table, number, ranges)?;
        let rows = match starts.len() {
            0 | 1 => None,
            _ => at_once(table, number, &starts, &mut walked, &mut ids)?,
        };
        let rows = match rows {
            Some(rows) => rows,
            None => one_by_one(table, number, &mut walked, &mut ids)?,
        };
        walked.rows.push(rows);
    }
    Ok(walked)
}

/// Where ranges of a file may begin: after the first end of line behind each border.
fn starts(table: &Table, number: usize, ranges: Ranges) -> io::Result<Vec<Place>> {
    let part = &table.parts[number].part;
    let mut starts = vec![part.first];
    // Where a record is a distinct value, nearly every range has values of an earlier one.
    let Some(line_end) = part.line_end().filter(|_| !table.distinct) else { return Ok(starts) };
    let Some(length) = part.stored.length()? else { return Ok(starts) };
    let left = length.saturating_sub(part.first.offset);
    let count = (left / ranges.bytes.max(1)).min(ranges.threads as u64);
    for border in (1..count).map(|turn| part.first.offset + left / count * turn) {
        if let Some(offset) = super::lines::after_next(part.stored.open(border)?, border, line_end)?
            && starts.last().is_none_or(|last| last.offset < offset)
        {
            // Lines are counted from the range's own beginning, and made right where ranges are put together.
            starts.push(Place { offset, line: 1 });
        }
    }
    Ok(starts)
}

/// Walks over ranges at once and puts them together in order. Nothing where only a single walk can tell, as a quote is open at
/// the file's end.
fn at_once(
    table: &mut Table,
    number: usize,
    starts: &[Place],
    walked: &mut Walked,
    ids: &mut HashSet<u64>,
) -> io::Result<Option<u64>> {
    let ends = starts.iter().skip(1).map(|start| start.offset).chain([u64::MAX]);
    let spans: Vec<(Place, u64)> = starts.iter().copied().zip(ends).collect();
    let shared: &Table = table;
    let found: Vec<io::Result<Range>> = thread::scope(|scope| {
        let one = |start, until| scope.spawn(move || Range::walk(shared, number, start, until, &HashSet::new(), false));
        let walks: Vec<_> = spans.iter().map(|(start, until)| one(*start, *until)).collect();
        let failed = || Err(io::Error::other("a walk over a range of the file stopped early"));
        walks.into_iter().map(|walk| walk.join().unwrap_or_else(|_| failed())).collect()
    });
    let (mut ranges, mut known) = (Vec::with_capacity(found.len()), ids.clone());
    let mut next = Some(table.parts[number].part.first);
    for (range, (start, until)) in found.into_iter().zip(spans) {
        // A row may reach over a whole range.
        let Some(place) = next.filter(|place| place.offset < until) else { continue };
        let right = |range: &Range| start == place || range.begin.is_some_and(|begin| begin.offset == place.offset);
        // An id that an earlier range has makes a row none, and its cells are not looked at.
        let new = |range: &Range| !range.ids.iter().any(|id| known.contains(id));
        let range = match range? {
            range if right(&range) && new(&range) => range.at(place),
            _ => Range::walk(table, number, place, until, &known, false)?,
        };
        if range.open {
            return Ok(None);
        }
        known.extend(&range.ids);
        next = range.end;
        ranges.push(range);
    }
    *ids = known;
    Ok(Some(ranges.into_iter().map(|range| range.add_to(table, number, walked)).sum()))
}

/// Walks over a whole file, on behind quotes that nothing closes.
fn one_by_one(table: &mut Table, number: usize, walked: &mut Walked, ids: &mut HashSet<u64>) -> io::Result<u64> {
    let range = Range::walk(table, number, table.parts[number].part.first, u64::MAX, ids, true)?;
    ids.extend(&range.ids);
    Ok(range.add_to(table, number, walked))
}

/// What a walk over a part of a file tells.
#[derive(Debug)]
struct Range {
    /// Where its first row begins.
    begin: Option<Place>,
    /// Where the first row behind it begins.
    end: Option<Place>,
    rows: u64,
    records: u64,
    /// Hashes of ids that nothing before had.
    ids: Vec<u64>,
    marked: Vec<u64>,
    looks: Vec<Look>,
    rejects: IndexMap<&'static str, Rejected>,
    /// A quote is open at the file's end.
    open: bool,
    unclosed: Vec<u64>,
}

impl Range {
    /// Walks from `start` to the first row that begins at `until` or behind it. With `mend` a row whose quote nothing closes ends
    /// with its line.
    fn walk(
        table: &Table,
        number: usize,
        start: Place,
        until: u64,
        known: &HashSet<u64>,
        mend: bool,
    ) -> io::Result<Self> {
        let file = &table.parts[number];
        let mut part = file.part.clone();
        let mut range = Self {
            begin: None,
            end: None,
            rows: 0,
            records: 0,
            ids: Vec::new(),
            marked: Vec::new(),
            looks: vec![Look::default(); table.fields.len()],
            rejects: IndexMap::new(),
            open: false,
            unclosed: Vec::new(),
        };
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut own = HashSet::<u64>::new();
        let mut rows = Rows::open(&part, start)?;
        while let Some(place) = rows.advance()? {
            if place.offset >= until {
                range.end = Some(place);
                break;
            }
            if rows.fault() == Some(&Fault::Unclosed) {
                if !mend {
                    range.open = true;
                    break;
                }
                if part.unclosed.len() < MOST_UNCLOSED
                    && let Err(at) = part.unclosed.binary_search(&place.offset)
                {
                    part.unclosed.insert(at, place.offset);
                    rows = Rows::open(&part, place)?;
                    continue;
                }
            }
            range.begin.get_or_insert(place);
            range.rows += 1;
            if let Some(fault) = rows.fault() {
                range.reject(fault.code(), &part.file, place);
                continue;
            }
            let row = Row { rows: &rows, cells: &file.cells };
            let Some(id) = row.id(&table.id) else {
                if !table.distinct {
                    range.reject("missing_id", &part.file, place);
                }
                continue;
            };
            let id = hasher.hash_one(&id);
            let new = !known.contains(&id) && own.insert(id);
            if new == table.distinct {
                range.marked.push(place.offset);
            }
            if !new {
                if !table.distinct {
                    range.reject("duplicate_id", &part.file, place);
                }
                continue;
            }
            range.ids.push(id);
            range.records += 1;
            for (field, look) in table.fields.iter().zip(&mut range.looks) {
                look.at(field, &row, &part.file, place.line);
            }
        }
        range.unclosed = part.unclosed;
        Ok(range)
    }

    fn reject(&mut self, code: &'static str, file: &str, place: Place) {
        let new = || Rejected { file: file.to_owned(), line: place.line, rows: 0 };
        self.rejects.entry(code).or_insert_with(new).rows += 1;
    }

    /// The same with the lines that it has where its first row is at `place`.
    fn at(mut self, place: Place) -> Self {
        let Some(begin) = self.begin.filter(|begin| begin.offset == place.offset) else { return self };
        let right = |line: &mut u64| *line = *line - begin.line + place.line;
        self.rejects.values_mut().for_each(|rejected| right(&mut rejected.line));
        self.looks.iter_mut().filter_map(|look| look.first_unread.as_mut()).for_each(|(_, line)| right(line));
        self.end.iter_mut().for_each(|end| right(&mut end.line));
        self
    }

    /// Adds it behind what the walk told so far, and says how many rows it has.
    fn add_to(self, table: &mut Table, number: usize, walked: &mut Walked) -> u64 {
        table.marked.extend(self.marked.into_iter().map(|offset| (number, offset)));
        if !self.unclosed.is_empty() {
            table.parts[number].part.unclosed = self.unclosed;
        }
        walked.records += self.records;
        for (code, rejected) in self.rejects {
            match walked.rejects.entry(code) {
                indexmap::map::Entry::Occupied(mut known) => known.get_mut().rows += rejected.rows,
                indexmap::map::Entry::Vacant(new) => {
                    new.insert(rejected);
                }
            }
        }
        for (look, more) in walked.looks.iter_mut().zip(self.looks) {
            look.seen.merge(more.seen);
            look.unread += more.unread;
            look.first_unread = look.first_unread.take().or(more.first_unread);
        }
        self.rows
    }
}

impl Look {
    /// Takes what a row says about a field into account.
    fn at(&mut self, field: &Field, row: &Row<'_>, file: &str, line: u64) {
        let kind = field.reading.kind;
        match &field.source {
            FieldSource::Cell(slot) | FieldSource::Money { amount: slot, .. } => {
                let options = matches!(kind, Kind::Option | Kind::Infer);
                let types = matches!(
                    kind,
                    Kind::Infer | Kind::Int | Kind::Decimal | Kind::Duration | Kind::Date | Kind::Moment
                );
                if kind == Kind::Options {
                    let Some(cell) = row.get(*slot) else { return };
                    let entries = cell.split(';').map(str::trim).filter(|entry| !entry.is_empty());
                    entries.for_each(|entry| self.seen.add(entry, false, true));
                } else if (types || options)
                    && let Some(cell) = row.get(*slot)
                {
                    let known = self.seen.known();
                    self.seen.add(cell.trim(), types, options);
                    let told = match kind {
                        Kind::Date | Kind::Moment if field.reading.format.is_some() => {
                            field.reading.value(&cell).is_ok()
                        }
                        Kind::Int | Kind::Decimal | Kind::Duration | Kind::Date | Kind::Moment => {
                            self.seen.known() > known
                        }
                        _ => true,
                    };
                    if !told {
                        self.unread += 1;
                        self.first_unread.get_or_insert_with(|| (file.to_owned(), line));
                    }
                }
            }
            FieldSource::Stage { id, .. } | FieldSource::Pipeline(id) => {
                if let Some(cell) = row.get(*id) {
                    self.seen.add(cell.trim(), false, true);
                }
            }
            FieldSource::StageByName { name, pipeline } => {
                let Some(name) = row.trimmed(*name) else { return };
                let stage = Stages::composite(pipeline.and_then(|slot| row.trimmed(slot)).as_deref(), &name);
                self.seen.add(&stage, false, true);
            }
            FieldSource::Parent { kind, id, to, known } => {
                let is_this = |kind: &str| convert::parent(kind, known) == Some(to);
                if row.get(*id).is_some() && row.get(*kind).is_some_and(|kind| is_this(&kind)) {
                    self.seen.add("", false, false);
                }
            }
            _ => {}
        }
    }
}
