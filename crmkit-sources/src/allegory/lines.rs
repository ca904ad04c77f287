//! A file's bytes from the row being read on, in memory that does not grow with the file.

use std::io::{self, Read};

use super::{rows::Place, stored::Bytes};

/// The most bytes that one row may have. A longer one is read past, never kept.
pub(super) const LONGEST_ROW: usize = 8 << 20;

const CHUNK: usize = 64 * 1024;

/// Where the line after the next end of line begins in `bytes`, which begin at `from`; nothing where there is none within the
/// longest row.
pub(super) fn after_next(mut bytes: Bytes, from: u64, line_end: u8) -> io::Result<Option<u64>> {
    let (mut chunk, mut looked) = (vec![0; CHUNK], 0);
    while looked <= LONGEST_ROW {
        let read = match bytes.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(at) = memchr::memchr(line_end, &chunk[..read]) {
            return Ok(Some(from + (looked + at + 1) as u64));
        }
        looked += read;
    }
    Ok(None)
}

/// The part of a file that is in memory: what was read and not yet passed.
pub(super) struct Lines {
    input: Bytes,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    done: bool,
    line_end: u8,
    place: Place,
}

impl Lines {
    /// Bytes of `input`, which begins at `place`.
    pub(super) fn new(input: Bytes, place: Place, line_end: u8) -> Self {
        Self { input, buffer: vec![0; CHUNK], start: 0, end: 0, done: false, line_end, place }
    }

    /// Where the bytes begin.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// What is in memory.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads more behind what is there; `false` at the end of the file.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.done {
            return Ok(false);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end > self.buffer.len() / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.done = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes past the first `count` bytes.
    pub(super) fn pass(&mut self, count: usize) {
        let passed = &self.buffer[self.start..self.start + count];
        self.place.offset += count as u64;
        self.place.line += memchr::memchr_iter(self.line_end, passed).count() as u64;
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            // A long row's memory is given back.
            if self.buffer.len() > 4 * CHUNK {
                self.buffer = vec![0; CHUNK];
            }
        }
    }

    /// Goes past empty lines; `false` where nothing follows.
    pub(super) fn pass_empty(&mut self) -> io::Result<bool> {
        loop {
            if self.bytes().len() < 2 && self.more()? {
                continue;
            }
            let empty = match self.bytes() {
                [] => return Ok(false),
                [first, ..] if *first == self.line_end => 1,
                [b'\r', second, ..] if *second == self.line_end => 2,
                [b'\r'] => 1,
                _ => return Ok(true),
            };
            self.pass(empty);
        }
    }

    /// The length of the line that begins here, its end included, up to the longest row: `Err` where it is longer and
    /// was passed.
    pub(super) fn line(&mut self) -> io::Result<Result<usize, ()>> {
        let (mut looked, mut long) = (0, false);
        loop {
            let end = memchr::memchr(self.line_end, &self.bytes()[looked..]).map(|at| looked + at + 1);
            let length = match end {
                Some(length) => length,
                None => {
                    looked = self.bytes().len();
                    if looked > LONGEST_ROW {
                        self.pass(looked);
                        (looked, long) = (0, true);
                    }
                    if self.more()? {
                        continue;
                    }
                    self.bytes().len()
                }
            };
            if long || length > LONGEST_ROW {
                self.pass(length);
                return Ok(Err(()));
            }
            return Ok(Ok(length));
        }
    }
}
