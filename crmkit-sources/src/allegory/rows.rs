//! The rows of one file, CSV or JSON lines, from any place in it; a JSON document is one row.

use std::{borrow::Cow, io, sync::Arc};

use super::{
    delimiter,
    encoding::{Encoding, Survey},
    folder,
    json::Objects,
    lines::{LONGEST_ROW, Lines},
    stored::{Damage, Stored},
};

/// Bytes looked at to find the delimiter.
const SAMPLE: usize = 64 * 1024;

/// Columns that a file may have.
pub(super) const MOST_COLUMNS: usize = 1_000;

/// One file of an object.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its name in the folder, with `/`.
    pub(super) file: String,
    pub(super) stored: Stored,
    pub(super) survey: Survey,
    pub(super) format: Format,
    /// Where the first row after the header begins.
    pub(super) first: Place,
    /// The header's cells as they are; of JSON lines the keys of all objects.
    pub(super) header: Arc<[String]>,
    /// Offsets of rows with a quote that nothing closes: each ends with its line, so that the rest of the file is read.
    pub(super) unclosed: Vec<u64>,
}

/// How a file has rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv {
        delimiter: u8,
        /// The byte that ends a row: `\n`, or `\r` where the file has no other.
        line_end: u8,
    },
    Json,
    /// The whole file is one row: its name without ending, the name that it gives itself, its text.
    Document,
}

/// Where a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In the offsets of [`Survey::open`].
    pub(super) offset: u64,
    /// From 1.
    pub(super) line: u64,
}

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has so many cells, and the header another number.
    Ragged(usize),
    /// It is longer than [`LONGEST_ROW`].
    Oversized,
    /// A quote opens and nothing closes it.
    Unclosed,
    /// Text follows the quote that closes this cell.
    Misquoted(usize),
    /// This cell has the character NUL.
    Nul(usize),
    /// This cell has bytes that are no text in the file's encoding.
    NotText(usize),
    /// The line is no JSON object.
    NotJson,
    /// The object has this key twice.
    RepeatedKey(usize),
    /// An entry of this cell's list has the character that separates entries.
    Separator(usize),
}

impl Fault {
    /// For programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Ragged(_) => "ragged_row",
            Self::Oversized => "oversized_row",
            Self::Unclosed => "unclosed_quote",
            Self::Misquoted(_) => "misplaced_quote",
            Self::Nul(_) => "nul_character",
            Self::NotText(_) => "not_text",
            Self::NotJson => "not_json",
            Self::RepeatedKey(_) => "repeated_key",
            Self::Separator(_) => "separator_in_list",
        }
    }

    /// The cell concerned, if it is one.
    pub(super) fn cell(&self) -> Option<usize> {
        match self {
            Self::Misquoted(cell)
            | Self::Nul(cell)
            | Self::NotText(cell)
            | Self::RepeatedKey(cell)
            | Self::Separator(cell) => Some(*cell),
            Self::Ragged(_) | Self::Oversized | Self::Unclosed | Self::NotJson => None,
        }
    }

    /// In words, without the row's values.
    pub(super) fn message(&self, width: usize) -> String {
        match self {
            Self::Ragged(cells) => format!("the row has {cells} cells where the header has {width}"),
            Self::Oversized => format!("the row has more than {} MB", LONGEST_ROW >> 20),
            Self::Unclosed => "a quote opens in this row and nothing closes it".to_owned(),
            Self::Misquoted(_) => {
                "text follows a closing quote; a quote inside a quoted cell is written twice".to_owned()
            }
            Self::Nul(_) => "the cell has a NUL character".to_owned(),
            Self::NotText(_) => "the cell has bytes that are no text in the file's encoding".to_owned(),
            Self::NotJson => "it is not JSON, or the line is not one object".to_owned(),
            Self::RepeatedKey(_) => "the object has a key twice".to_owned(),
            Self::Separator(_) => "an entry of the list has a `;`, which separates entries".to_owned(),
        }
    }
}

impl Part {
    /// Surveys the file and reads its header.
    pub(super) fn open(file: String, stored: Stored, sha: bool) -> io::Result<Self> {
        let survey = Survey::of(&stored, sha)?;
        let first = Place { offset: survey.start(), line: 1 };
        let lower = file.to_ascii_lowercase();
        let name = lower.strip_suffix(".gz").unwrap_or(&lower);
        let header = Arc::default();
        let mut part = Self { file, stored, survey, format: Format::Json, first, header, unclosed: Vec::new() };
        if folder::is_document(name) {
            part.format = Format::Document;
            part.header = ["id", "name", "definition"].map(str::to_owned).into();
            return Ok(part);
        }
        if name.ends_with(".jsonl") || name.ends_with(".ndjson") {
            part.header = Objects::keys(part.lines(first)?, part.survey.encoding)?.into();
            return Ok(part);
        }
        let mut sample = part.lines(first)?;
        while sample.bytes().len() < SAMPLE && sample.more()? {}
        let line_end = if sample.bytes().contains(&b'\n') || !sample.bytes().contains(&b'\r') { b'\n' } else { b'\r' };
        part.format = Format::Csv { delimiter: delimiter::sniff(sample.bytes()), line_end };
        let mut rows = Rows::open(&part, first)?;
        rows.expected = None;
        let mut header = Vec::new();
        if rows.advance()?.is_some() {
            if let Some(fault) = &rows.fault {
                let message = format!("the header cannot be read: {}", fault.message(0));
                return Err(Damage::error("unreadable_header", message, "mend the file's first line"));
            }
            if rows.width() > MOST_COLUMNS {
                return Err(too_many_columns());
            }
            header.extend((0..rows.width()).map(|index| rows.cell(index).into_owned()));
        }
        part.first = rows.next_place();
        part.header = header.into();
        Ok(part)
    }

    /// The byte that ends its lines, where its rows may be entered at the end of any: not where the text has other offsets than
    /// the file, and not in packed files.
    pub(super) fn line_end(&self) -> Option<u8> {
        let as_kept = self.stored.is_seekable() && !matches!(self.survey.encoding, Encoding::Utf16 { .. });
        match self.format {
            Format::Csv { line_end, .. } if as_kept => Some(line_end),
            Format::Json if as_kept => Some(b'\n'),
            _ => None,
        }
    }

    fn lines(&self, from: Place) -> io::Result<Lines> {
        let line_end = match self.format {
            Format::Csv { line_end, .. } => line_end,
            Format::Json | Format::Document => b'\n',
        };
        Ok(Lines::new(self.survey.open(&self.stored, from.offset)?, from, line_end))
    }
}

/// The name of a document without folder and ending.
fn id_of(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.rsplit_once('.').map_or(name, |(id, _)| id).to_owned()
}

pub(super) fn too_many_columns() -> io::Error {
    let message = format!("the file has more than {MOST_COLUMNS} columns");
    Damage::error("too_many_columns", message, "export fewer, or turn rows and columns round")
}

/// Walks over a file's rows.
pub(super) struct Rows {
    lines: Lines,
    /// Bytes of the current row.
    length: usize,
    reader: Reader,
    encoding: Encoding,
    lossy: bool,
    /// How many cells a row has.
    expected: Option<usize>,
    unclosed: Vec<u64>,
    /// The text of the current row's cells, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    width: usize,
    fault: Option<Fault>,
    /// The current row comes once more.
    again: Option<Place>,
}

enum Reader {
    Csv {
        core: Box<csv_core::Reader>,
        delimiter: u8,
        line_end: u8,
    },
    Json(Objects),
    /// The document's id, until it was read.
    Document(Option<String>),
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("place", &self.lines.place()).finish_non_exhaustive()
    }
}

impl Rows {
    /// Rows from `start` on.
    pub(super) fn open(part: &Part, start: Place) -> io::Result<Self> {
        let reader = match part.format {
            Format::Csv { delimiter, line_end } => {
                let ending = csv_core::Terminator::Any(line_end);
                let mut core = csv_core::ReaderBuilder::new().delimiter(delimiter).terminator(ending).build();
                // It takes a byte order mark for one only at the beginning, and this is not always the file's.
                let _ = core.read_record(&[line_end], &mut [0], &mut [0]);
                Reader::Csv { core: Box::new(core), delimiter, line_end }
            }
            Format::Json => Reader::Json(Objects::new(&part.header)),
            // Whoever begins behind its beginning begins at its end.
            Format::Document => Reader::Document((start == part.first).then(|| id_of(&part.file))),
        };
        Ok(Self {
            lines: part.lines(start)?,
            length: 0,
            reader,
            encoding: part.survey.encoding,
            lossy: part.survey.lossy,
            expected: Some(part.header.len()),
            unclosed: part.unclosed.clone(),
            text: vec![0; 4096],
            ends: vec![0; 64],
            width: 0,
            fault: None,
            again: None,
        })
    }

    /// Moves to the next row and says where it begins.
    pub(super) fn advance(&mut self) -> io::Result<Option<Place>> {
        if let Some(place) = self.again.take() {
            return Ok(Some(place));
        }
        self.lines.pass(self.length);
        self.length = 0;
        if let Reader::Document(id) = &mut self.reader {
            let Some(id) = id.take() else {
                self.width = 0;
                return Ok(None);
            };
            let place = self.lines.place();
            self.read_document(&id)?;
            return Ok(Some(place));
        }
        if !self.lines.pass_empty()? {
            self.width = 0;
            return Ok(None);
        }
        let place = self.lines.place();
        self.fault = None;
        if self.unclosed.binary_search(&place.offset).is_ok() {
            self.length = self.lines.line()?.unwrap_or_default();
            self.width = 0;
            self.fault = Some(Fault::Unclosed);
            return Ok(Some(place));
        }
        match &mut self.reader {
            Reader::Csv { .. } => self.read_csv()?,
            Reader::Document(_) => {}
            Reader::Json(objects) => {
                self.fault = match self.lines.line()? {
                    Ok(length) => {
                        self.length = length;
                        let line = self.encoding.text(&self.lines.bytes()[..length]);
                        objects.read(&line, &mut self.text, &mut self.ends).err()
                    }
                    Err(()) => Some(Fault::Oversized),
                };
                self.width = if self.fault.is_none() { objects.width() } else { 0 };
            }
        }
        if self.fault.is_none() {
            self.fault = self.look();
        }
        Ok(Some(place))
    }

    /// Gives the current row, which began at `place`, again at the next call of `advance`.
    pub(super) fn hold(&mut self, place: Place) {
        self.again = Some(place);
    }

    fn read_document(&mut self, id: &str) -> io::Result<()> {
        (self.width, self.fault) = (0, None);
        while self.lines.bytes().len() <= LONGEST_ROW && self.lines.more()? {}
        self.length = self.lines.bytes().len();
        if self.length > LONGEST_ROW {
            self.fault = Some(Fault::Oversized);
            return Ok(());
        }
        let text = self.encoding.text(self.lines.bytes());
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let name = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(document) => {
                ["name", "title", "label"].iter().find_map(|key| document.get(key)?.as_str().map(str::to_owned))
            }
            Err(_) => {
                self.fault = Some(Fault::NotJson);
                return Ok(());
            }
        };
        let cells = [id, name.as_deref().unwrap_or(id), text];
        self.text = cells.concat().into_bytes();
        self.ends = vec![cells[0].len(), cells[0].len() + cells[1].len(), self.text.len()];
        self.width = cells.len();
        self.fault = self.look();
        Ok(())
    }

    fn read_csv(&mut self) -> io::Result<()> {
        let Reader::Csv { core, delimiter, line_end } = &mut self.reader else { return Ok(()) };
        let (mut fed, mut text, mut ends, mut long) = (0, 0, 0, false);
        let complete = loop {
            let input = &self.lines.bytes()[fed..];
            if input.is_empty() {
                if fed > LONGEST_ROW {
                    self.lines.pass(fed);
                    (fed, long) = (0, true);
                }
                if self.lines.more()? {
                    continue;
                }
                break false;
            }
            let (result, read, written, cells) =
                core.read_record(input, &mut self.text[text..], &mut self.ends[ends..]);
            fed += read;
            text += written;
            ends += cells;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull if long => text = 0,
                csv_core::ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                csv_core::ReadRecordResult::OutputEndsFull if long => ends = 0,
                csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break true,
            }
        };
        let mut closed = true;
        if !complete {
            // The file ends without an end of line. One that is read as part of a cell shows an open quote.
            loop {
                let (result, _, written, cells) =
                    core.read_record(&[*line_end], &mut self.text[text..], &mut self.ends[ends..]);
                text += written;
                ends += cells;
                match result {
                    csv_core::ReadRecordResult::OutputFull if long => text = 0,
                    csv_core::ReadRecordResult::OutputFull => self.text.resize(self.text.len() + 1024, 0),
                    csv_core::ReadRecordResult::OutputEndsFull if long => ends = 0,
                    csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() + 64, 0),
                    csv_core::ReadRecordResult::InputEmpty => {
                        closed = false;
                        break;
                    }
                    csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break,
                }
            }
        }
        self.length = fed;
        self.width = if long { 0 } else { ends };
        self.fault = if !closed {
            Some(Fault::Unclosed)
        } else if long || fed > LONGEST_ROW {
            Some(Fault::Oversized)
        } else {
            misquoted(&self.lines.bytes()[..fed], *delimiter, *line_end).map(Fault::Misquoted)
        };
        Ok(())
    }

    /// What is wrong with a row that could be split into cells.
    fn look(&self) -> Option<Fault> {
        if self.expected.is_some_and(|expected| expected != self.width) {
            return Some(Fault::Ragged(self.width));
        }
        let filled = self.width.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default();
        if memchr::memchr(0, &self.text[..filled]).is_some() {
            return (0..self.width).find(|cell| self.bytes(*cell).contains(&0)).map(Fault::Nul);
        }
        if self.lossy {
            let mended = |cell: &usize| self.cell(*cell).contains(char::REPLACEMENT_CHARACTER);
            return (0..self.width).find(mended).map(Fault::NotText);
        }
        None
    }

    /// Where the next row begins.
    pub(super) fn next_place(&mut self) -> Place {
        self.lines.pass(self.length);
        self.length = 0;
        self.lines.place()
    }

    /// Why the current row is no record, if it is none.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The current row as it is in the file; of a longer one only what is still in memory.
    pub(super) fn raw(&self) -> &[u8] {
        &self.lines.bytes()[..self.length]
    }

    /// Cells of the row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The bytes of a cell.
    fn bytes(&self, index: usize) -> &[u8] {
        if index >= self.width {
            return &[];
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let bytes = &self.text[start..self.ends[index]];
        let last = index + 1 == self.width && matches!(self.reader, Reader::Csv { line_end: b'\n', .. });
        if last { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes }
    }

    /// The text of a cell; empty where there is none.
    pub(super) fn cell(&self, index: usize) -> Cow<'_, str> {
        match self.reader {
            Reader::Csv { .. } => self.encoding.text(self.bytes(index)),
            Reader::Json(_) | Reader::Document(_) => Encoding::Utf8 { mark: false }.text(self.bytes(index)),
        }
    }
}

/// The first cell whose closing quote is not followed by a delimiter or the row's end: what it says is anybody's guess.
fn misquoted(row: &[u8], delimiter: u8, line_end: u8) -> Option<usize> {
    memchr::memchr(b'"', row)?;
    let (mut at, mut cell) = (0, 0);
    loop {
        if row.get(at) != Some(&b'"') {
            at += memchr::memchr(delimiter, &row[at..])? + 1;
            cell += 1;
            continue;
        }
        let mut from = at + 1;
        loop {
            let close = from + memchr::memchr(b'"', &row[from..])?;
            match row.get(close + 1..).unwrap_or_default() {
                [b'"', ..] => from = close + 2,
                [next, ..] if *next == delimiter => {
                    at = close + 2;
                    cell += 1;
                    break;
                }
                [] | [b'\r'] => return None,
                [next, ..] if *next == line_end => return None,
                [b'\r', next] if *next == line_end => return None,
                _ => return Some(cell),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, text: &[u8]) -> (tempfile::NamedTempFile, Part) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let part = Part::open(name.into(), Stored::Plain(file.path().into()), false).unwrap();
        (file, part)
    }

    type Found = (u64, Vec<String>, Option<&'static str>);

    fn rows(name: &str, text: &[u8]) -> Vec<Found> {
        let (_file, part) = part(name, text);
        let mut found = Vec::new();
        let mut rows = Rows::open(&part, part.first).unwrap();
        while let Some(place) = rows.advance().unwrap() {
            let cells: Vec<String> = (0..rows.width()).map(|index| rows.cell(index).into_owned()).collect();
            let mut again = Rows::open(&part, place).unwrap();
            assert_eq!(again.advance().unwrap().map(|again| again.offset), Some(place.offset));
            let same: Vec<String> = (0..again.width()).map(|index| again.cell(index).into_owned()).collect();
            assert_eq!((&same, again.fault()), (&cells, rows.fault()), "the same row from its own place");
            found.push((place.line, cells, rows.fault().map(Fault::code)));
        }
        found
    }

    fn faults(text: &[u8]) -> Vec<(u64, Option<&'static str>)> {
        rows("f.csv", text).into_iter().map(|(line, _, fault)| (line, fault)).collect()
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        for end in ["\n", "\r\n"] {
            let text = ["id,note", "1,one", "2,\"two", "lines\"", "", "3,x", "4,y,z", ""].join(end);
            let found = rows("f.csv", text.as_bytes());
            let lines: Vec<_> = found.iter().map(|(line, ..)| *line).collect();
            assert_eq!(lines, [2, 3, 6, 7], "{end:?}");
            assert_eq!(found[1].1, ["2".to_owned(), format!("two{end}lines")]);
            assert_eq!(found[3].1, ["4", "y", "z"]);
        }
        let found = rows("f.csv", b"id,note\r1,\"two\rlines\"\r\r2,b");
        assert_eq!(found, [(2, vec!["1".into(), "two\rlines".into()], None), (5, vec!["2".into(), "b".into()], None)]);
    }

    #[test]
    fn quotes_that_do_not_close_where_a_cell_ends_are_faults() {
        let cases: [(&[u8], Option<&str>); 12] = [
            (b"1,\"a \"\"b\"\" c\"\n", None),
            (b"1,\"a\"\r\n", None),
            (b"1,\"a\"", None),
            (b"\"1\",a \"b\" c\n", None),
            (b"1,\"\"\n", None),
            (b"1,\"\"\"\"\n", None),
            (b"1,\"a \"b\" c\"\n", Some("misplaced_quote")),
            (b"\"1\" ,a\n", Some("misplaced_quote")),
            (b"1,\"a\"b", Some("misplaced_quote")),
            (b"1,\"a", Some("unclosed_quote")),
            (b"1,\"a\n", Some("unclosed_quote")),
            (b"1,\"a\"\"", Some("unclosed_quote")),
        ];
        for (row, wanted) in cases {
            let text = [b"id,note\n".as_slice(), row].concat();
            assert_eq!(faults(&text), [(2, wanted)], "{}", String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn a_row_past_the_limit_is_passed_and_not_kept() {
        for end in ["\n", ""] {
            let long = format!("id,note\n1,a\n2,\"{}\"\n3,b\n4,{}{end}", "x\n".repeat(6 << 20), "y".repeat(9 << 20));
            let (_file, part) = part("f.csv", long.as_bytes());
            let mut rows = Rows::open(&part, part.first).unwrap();
            let mut found = Vec::new();
            while let Some(place) = rows.advance().unwrap() {
                found.push((place.line, rows.fault().map(Fault::code)));
                assert!(rows.text.len() <= 4 * LONGEST_ROW, "{}", rows.text.len());
            }
            let line = (6 << 20) + 4;
            let wanted = [(2, None), (3, Some("oversized_row")), (line, None), (line + 1, Some("oversized_row"))];
            assert_eq!(found, wanted);
        }
        let json = format!("{{\"id\":1}}\n{{\"id\":\"{}\"}}\n{{\"id\":2}}", "x".repeat(9 << 20));
        let found: Vec<_> =
            rows("f.jsonl", json.as_bytes()).into_iter().map(|(line, _, fault)| (line, fault)).collect();
        assert_eq!(found, [(1, None), (2, Some("oversized_row")), (3, None)]);
    }

    #[test]
    fn a_mark_inside_the_file_is_data() {
        let text = "id,note\n\u{feff}1,a\n";
        assert_eq!(rows("f.csv", text.as_bytes())[0].1[0], "\u{feff}1");
    }

    #[test]
    fn json_lines_have_the_cells_of_all_keys() {
        let text = "{\"id\":1,\"amount\":1234.5600,\"ok\":true}\r\n\n{\"name\":\"a\\nb\",\"id\":\"2\",\"ok\":null}\n\
            {\"id\":3,\"emails\":[\"a@b.c\",{\"label\":\"work\",\"value\":\"d@e.f\"}],\"x\":{\"y\":[1]},\"amount\":1.5e3}\n\
            [1]\n{\"id\":4,\"id\":5}\n{\"id\":6\n{\"id\":7,\"emails\":[\"a;b\"]}\n{\"id\":\"\\u0000\"}";
        let found = rows("f.jsonl", text.as_bytes());
        let cells = |row: usize| found[row].1.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(cells(0), ["1", "1234.5600", "true", "", "", ""]);
        assert_eq!(cells(1), ["2", "", "", "a\nb", "", ""]);
        assert_eq!(cells(2), ["3", "1500", "", "", "a@b.c;work:d@e.f", "{\"y\":[1]}"]);
        let faults: Vec<_> = found.iter().skip(3).map(|(line, _, fault)| (*line, fault.unwrap())).collect();
        let wanted = ["not_json", "repeated_key", "not_json", "separator_in_list", "nul_character"];
        assert_eq!(faults, (5..).zip(wanted).collect::<Vec<_>>());
    }
}
