//! The bytes of an export file as text: which encoding it is in, and reading it from any place.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use sha2::{Digest as _, Sha256};

use super::stored::{Bytes, Stamp, Stored};

const CHUNK: usize = 256 * 1024;

/// How a file's bytes stand for text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, after a mark or without one.
    Utf8 {
        /// Whether the file begins with a byte order mark.
        mark: bool,
    },
    /// UTF-16, after a mark or without one.
    Utf16 {
        /// High byte first.
        big_endian: bool,
        /// Whether the file begins with a byte order mark.
        mark: bool,
    },
    /// What is not UTF-8 and carries no mark.
    Windows1252,
}

/// What one look through a file's bytes tells.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) encoding: Encoding,
    /// Line of the first bytes that are not UTF-8, where they decided the encoding.
    pub(super) decided_by: Option<u64>,
    /// Some bytes are no text in the encoding that the file's mark names.
    pub(super) lossy: bool,
    /// Hexadecimal, of the bytes as the export holds them, where it was asked for.
    pub(super) sha256: Option<String>,
    stamp: Stamp,
    /// UTF-16 only: places from which decoding can go on, as (offset in the text as UTF-8, offset in the file).
    marks: Vec<(u64, u64)>,
}

impl Survey {
    /// Looks through the file once, in chunks.
    pub(super) fn of(stored: &Stored, sha: bool) -> io::Result<Self> {
        let stamp = stored.stamp()?;
        let sha256 = match sha && !stored.is_seekable() {
            true => Some(digest(stored.as_kept()?)?),
            false => None,
        };
        let mut file = stored.open(0)?;
        let mut sha = (sha && sha256.is_none()).then(Sha256::new);
        let mut chunk = vec![0; CHUNK];
        let (mut held, mut bytes) = (0, 0_u64);
        let (mut encoding, mut lossy, mut first_bad) = (None, false, None);
        let (mut marks, mut text, mut decoded) = (Vec::new(), String::new(), 0_u64);
        loop {
            let read = fill(&mut file, &mut chunk[held..])?;
            if let Some(sha) = &mut sha {
                sha.update(&chunk[held..held + read]);
            }
            let filled = held + read;
            let last = filled < chunk.len();
            let known = *encoding.get_or_insert_with(|| by_mark(&chunk[..filled]));
            let skipped = if matches!(known, Encoding::Utf16 { mark: true, .. }) { 2 } else { 0 };
            let from = if bytes == 0 { skipped.min(filled) } else { 0 };
            let used = match known {
                Encoding::Utf8 { .. } if lossy => filled,
                Encoding::Utf8 { mark } => match std::str::from_utf8(&chunk[..filled]) {
                    Ok(_) => filled,
                    Err(error) if error.error_len().is_none() && !last => error.valid_up_to(),
                    Err(error) => {
                        // A mark that lies is still the file's word; rows with such bytes are left out.
                        lossy = mark;
                        if !mark {
                            first_bad = Some(bytes + error.valid_up_to() as u64);
                            encoding = Some(Encoding::Windows1252);
                        }
                        filled
                    }
                },
                Encoding::Utf16 { big_endian, .. } => {
                    marks.push((decoded, bytes + from as u64));
                    text.clear();
                    let used = from + decode(&chunk[from..filled], big_endian, last, &mut text);
                    lossy |= text.contains(char::REPLACEMENT_CHARACTER);
                    decoded += text.len() as u64;
                    used
                }
                Encoding::Windows1252 => filled,
            };
            bytes += used as u64;
            if last {
                break;
            }
            chunk.copy_within(used..filled, 0);
            held = filled - used;
        }
        let sha256 = sha256.or_else(|| sha.map(hexadecimal));
        let decided_by = first_bad.map(|bad| line_of(stored, bad)).transpose()?;
        let encoding = encoding.unwrap_or(Encoding::Utf8 { mark: false });
        Ok(Self { encoding, decided_by, lossy, sha256, stamp, marks })
    }

    /// Where the text begins, in the offsets that [`Survey::open`] takes.
    pub(super) fn start(&self) -> u64 {
        if self.encoding == (Encoding::Utf8 { mark: true }) { 3 } else { 0 }
    }

    /// Whether the file is still the one surveyed.
    pub(super) fn is_of(&self, stored: &Stored) -> io::Result<bool> {
        Ok(stored.stamp()? == self.stamp)
    }

    /// The text from `offset` on: a place in the file, or for UTF-16 in the text as UTF-8.
    pub(super) fn open(&self, stored: &Stored, offset: u64) -> io::Result<Bytes> {
        let Encoding::Utf16 { big_endian, .. } = self.encoding else { return stored.open(offset) };
        let at = self.marks.partition_point(|(decoded, _)| *decoded <= offset).saturating_sub(1);
        let (decoded, raw) = self.marks.get(at).copied().unwrap_or((0, 0));
        let file = stored.open(raw)?;
        let mut text =
            Utf16 { file, big_endian, raw: vec![0; CHUNK], held: 0, text: String::new(), at: 0, done: false };
        io::copy(&mut (&mut text).take(offset - decoded), &mut io::sink())?;
        Ok(Box::new(text))
    }
}

impl Encoding {
    /// The text of one cell's bytes.
    pub(super) fn text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        match self {
            Self::Windows1252 => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
            // Looking at it whole is several times as fast as looking for the place where it breaks.
            Self::Utf8 { .. } | Self::Utf16 { .. } => {
                std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
            }
        }
    }
}

/// The digest of all bytes.
pub(super) fn digest(mut bytes: Bytes) -> io::Result<String> {
    let (mut sha, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match fill(&mut bytes, &mut chunk)? {
            0 => return Ok(hexadecimal(sha)),
            read => sha.update(&chunk[..read]),
        }
    }
}

/// The digest as hexadecimal digits.
pub(crate) fn hexadecimal(sha: Sha256) -> String {
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The line in which the byte at `offset` is.
fn line_of(stored: &Stored, offset: u64) -> io::Result<u64> {
    let (mut before, mut chunk) = (stored.open(0)?.take(offset), vec![0; CHUNK]);
    let mut line = 1;
    loop {
        match fill(&mut before, &mut chunk)? {
            0 => return Ok(line),
            read => line += memchr::memchr_iter(b'\n', &chunk[..read]).count() as u64,
        }
    }
}

fn by_mark(start: &[u8]) -> Encoding {
    match start {
        [0xEF, 0xBB, 0xBF, ..] => Encoding::Utf8 { mark: true },
        [0xFF, 0xFE, ..] => Encoding::Utf16 { big_endian: false, mark: true },
        [0xFE, 0xFF, ..] => Encoding::Utf16 { big_endian: true, mark: true },
        // Two letters of a header whose every other byte is nought.
        [1..=255, 0, 1..=255, 0, ..] => Encoding::Utf16 { big_endian: false, mark: false },
        [0, 1..=255, 0, 1..=255, ..] => Encoding::Utf16 { big_endian: true, mark: false },
        _ => Encoding::Utf8 { mark: false },
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Decodes whole characters and says how many bytes they took; half a character waits unless it is the last.
fn decode(bytes: &[u8], big_endian: bool, last: bool, text: &mut String) -> usize {
    let unit = |pair: &[u8]| match big_endian {
        true => u16::from_be_bytes([pair[0], pair[1]]),
        false => u16::from_le_bytes([pair[0], pair[1]]),
    };
    let mut whole = bytes.len() & !1;
    if !last && whole >= 2 && (0xD800..0xDC00).contains(&unit(&bytes[whole - 2..whole])) {
        whole -= 2;
    }
    let units = bytes[..whole].chunks_exact(2).map(unit);
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if last && whole < bytes.len() {
        text.push(char::REPLACEMENT_CHARACTER);
        return bytes.len();
    }
    whole
}

/// A UTF-16 file read as UTF-8.
struct Utf16 {
    file: Bytes,
    big_endian: bool,
    raw: Vec<u8>,
    held: usize,
    text: String,
    at: usize,
    done: bool,
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.done {
            let filled = self.held + fill(&mut self.file, &mut self.raw[self.held..])?;
            self.done = filled < self.raw.len();
            self.text.clear();
            self.at = 0;
            let used = decode(&self.raw[..filled], self.big_endian, self.done, &mut self.text);
            self.raw.copy_within(used..filled, 0);
            self.held = filled - used;
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text.as_bytes()[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(bytes: &[u8]) -> (tempfile::NamedTempFile, Survey) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let survey = Survey::of(&Stored::Plain(file.path().into()), true).unwrap();
        (file, survey)
    }

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn a_mark_wins_then_utf8_then_windows_1252() {
        let cases: [(Vec<u8>, Encoding); 8] = [
            (b"id\n\xC3\xA9".to_vec(), Encoding::Utf8 { mark: false }),
            (b"\xEF\xBB\xBFid\n\xC3\xA9".to_vec(), Encoding::Utf8 { mark: true }),
            (utf16("id", false), Encoding::Utf16 { big_endian: false, mark: true }),
            (utf16("id", true), Encoding::Utf16 { big_endian: true, mark: true }),
            (utf16("id", true)[2..].to_vec(), Encoding::Utf16 { big_endian: true, mark: false }),
            (utf16("id", false)[2..].to_vec(), Encoding::Utf16 { big_endian: false, mark: false }),
            (b"id\n\xE9".to_vec(), Encoding::Windows1252),
            (Vec::new(), Encoding::Utf8 { mark: false }),
        ];
        for (bytes, wanted) in cases {
            let (_, survey) = survey(&bytes);
            assert_eq!(survey.encoding, wanted, "{bytes:?}");
        }
    }

    #[test]
    fn characters_on_chunk_borders_are_whole() {
        let long = "x".repeat(CHUNK - 1) + "é" + &"😀".repeat(CHUNK);
        assert_eq!(survey(long.as_bytes()).1.encoding, Encoding::Utf8 { mark: false });
        for big_endian in [false, true] {
            let text = format!("{}{}", "ab", "😀é".repeat(CHUNK));
            let (file, survey) = survey(&utf16(&text, big_endian));
            for offset in [0, 2, 8, ((text.len() / 2) & !7) | 2, text.len()] {
                let offset = (offset..).find(|at| text.is_char_boundary(*at)).unwrap();
                let mut rest = String::new();
                survey
                    .open(&Stored::Plain(file.path().into()), offset as u64)
                    .unwrap()
                    .read_to_string(&mut rest)
                    .unwrap();
                assert!(rest == text[offset..], "from {offset}");
            }
        }
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let sha = survey(b"abc").1.sha256.unwrap();
        assert_eq!(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn windows_1252_cells_decode() {
        assert_eq!(survey(b"\x80\xE9").1.encoding.text(b"\x80\xE9"), "€é");
    }
}
