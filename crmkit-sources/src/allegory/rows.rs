//! The rows of one CSV file, from any place in it.

use std::{
    borrow::Cow,
    io::{self, BufReader, Read},
    path::PathBuf,
};

use csv::ByteRecord;

use super::{delimiter, encoding::Survey};

/// Bytes looked at to find the delimiter.
const SAMPLE: u64 = 64 * 1024;

/// One file of an object.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its name in the folder, with `/`.
    pub(super) file: String,
    pub(super) path: PathBuf,
    pub(super) survey: Survey,
    pub(super) delimiter: u8,
    /// Where the first row after the header begins.
    pub(super) first: Place,
    /// Cells of the header.
    pub(super) width: usize,
}

/// Where a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In the offsets of [`Survey::open`].
    pub(super) offset: u64,
    /// From 1.
    pub(super) line: u64,
}

impl Part {
    /// Surveys the file and reads its header.
    pub(super) fn open(file: String, path: PathBuf, sha: bool) -> io::Result<(Self, Vec<String>)> {
        let survey = Survey::of(&path, sha)?;
        let start = Place { offset: survey.start(), line: 1 };
        let mut sample = Vec::new();
        survey.open(&path, start.offset)?.take(SAMPLE).read_to_end(&mut sample)?;
        let delimiter = delimiter::sniff(&sample);
        let mut part = Self { file, path, survey, delimiter, first: start, width: 0 };
        let mut rows = Rows::open(&part, start)?;
        let mut header = Vec::new();
        if rows.advance()?.is_some() {
            header = (0..rows.width()).map(|index| rows.cell(index).into_owned()).collect();
        }
        part.first = rows.place();
        part.width = header.len();
        Ok((part, header))
    }
}

/// Walks over a file's rows.
pub(super) struct Rows<'a> {
    survey: &'a Survey,
    reader: csv::Reader<BufReader<Box<dyn Read + Send>>>,
    start: Place,
    record: ByteRecord,
}

impl<'a> Rows<'a> {
    /// Rows from `start` on.
    pub(super) fn open(part: &'a Part, start: Place) -> io::Result<Self> {
        let bytes = BufReader::with_capacity(64 * 1024, part.survey.open(&part.path, start.offset)?);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(part.delimiter)
            // Ends every row after its `\n`, so that places are exact; a `\r` before it is dropped in `bytes`.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(bytes);
        Ok(Self { survey: &part.survey, reader, start, record: ByteRecord::new() })
    }

    /// Moves to the next row and says where it begins.
    pub(super) fn advance(&mut self) -> io::Result<Option<Place>> {
        loop {
            let begins = self.place();
            if !self.reader.read_byte_record(&mut self.record).map_err(into_io)? {
                return Ok(None);
            }
            if self.record.len() > 1 || !self.bytes(0).is_empty() {
                return Ok(Some(self.skip_blank_lines(begins)));
            }
        }
    }

    /// The line on which the row just read really begins: empty lines before it belong to no row.
    fn skip_blank_lines(&self, begins: Place) -> Place {
        let inside = self.record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        let blank = (self.place().line - begins.line).saturating_sub(inside + 1);
        Place { line: begins.line + blank, ..begins }
    }

    /// Where the next row begins.
    pub(super) fn place(&self) -> Place {
        let position = self.reader.position();
        Place { offset: self.start.offset + position.byte(), line: self.start.line + position.line() - 1 }
    }

    /// Cells of the row.
    pub(super) fn width(&self) -> usize {
        self.record.len()
    }

    /// The bytes of a cell.
    fn bytes(&self, index: usize) -> &[u8] {
        let bytes = self.record.get(index).unwrap_or_default();
        if index + 1 == self.record.len() { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes }
    }

    /// The text of a cell; empty where there is none.
    pub(super) fn cell(&self, index: usize) -> Cow<'_, str> {
        self.survey.text(self.bytes(index))
    }
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::Error::new(io::ErrorKind::InvalidData, "not readable as csv"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let (part, _) = Part::open("f.csv".into(), file.path().into(), false).unwrap();
        let mut found = Vec::new();
        let mut rows = Rows::open(&part, part.first).unwrap();
        while let Some(place) = rows.advance().unwrap() {
            let cells = (0..rows.width()).map(|index| rows.cell(index).into_owned()).collect();
            found.push((place.line, cells));
            let mut again = Rows::open(&part, place).unwrap();
            assert_eq!(again.advance().unwrap().map(|again| again.offset), Some(place.offset));
            assert_eq!(again.record, rows.record, "the same row from its own place");
        }
        found
    }

    #[test]
    fn lines_are_those_an_editor_shows() {
        for end in ["\n", "\r\n"] {
            let text = ["id,note", "1,one", "2,\"two", "lines\"", "", "3,x", "4,y,z", ""].join(end);
            let found = rows(&text);
            let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [2, 3, 6, 7], "{end:?}");
            assert_eq!(found[1].1, ["2".to_owned(), format!("two{end}lines")]);
            assert_eq!(found[3].1, ["4", "y", "z"]);
        }
    }
}
