//! Where the bytes of an export's file lie, and reading them within bounds when they are packed.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    time::SystemTime,
};

use flate2::{
    Crc,
    read::{DeflateDecoder, MultiGzDecoder},
};

/// Unpacked bytes that no ratio makes suspicious.
const HARMLESS: u64 = 64 << 20;

/// How often a file may unpack to its own size. Tables rarely pass 50; the most that deflate can do is 1,032.
const RATIO: u64 = 250;

/// The most that one file may unpack to.
const MOST: u64 = 64 << 30;

/// The bytes of a file.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// A file of the export.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    /// As it is.
    Plain(PathBuf),
    /// Behind gzip.
    Gzip(PathBuf),
    /// In a zip archive.
    Entry(Entry),
}

/// A file in a zip archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) archive: PathBuf,
    /// Where its packed bytes begin.
    pub(super) start: u64,
    pub(super) packed: u64,
    pub(super) bytes: u64,
    pub(super) deflated: bool,
    pub(super) crc: u32,
    /// The entry is itself a gzip file.
    pub(super) gzip: bool,
}

/// By what a changed file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

/// What makes a file unusable, apart from the disk.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) remedy: &'static str,
}

impl Damage {
    pub(super) fn error(code: &'static str, message: impl Into<String>, remedy: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self { code, message: message.into(), remedy })
    }

    pub(super) fn bomb() -> io::Error {
        let message = "the file unpacks to far more than a table of its size would";
        Self::error("archive_bomb", message, "unpack it where that does no harm, and look at what it is")
    }

    /// What an error says about the file, where it is about the file and not about the disk.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        if let Some(damage) = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            return Some(Self { code: damage.code, message: damage.message.clone(), remedy: damage.remedy });
        }
        let unpacking = matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
        (unpacking || error.kind() == io::ErrorKind::UnexpectedEof).then(|| Self {
            code: "damaged_file",
            message: "the file cannot be unpacked to its end".to_owned(),
            remedy: "export or download it again",
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Damage {}

impl Stored {
    /// Whether reading can begin anywhere without unpacking what is before it.
    pub(super) fn is_seekable(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Gzip(_) => false,
            Self::Entry(entry) => !entry.deflated && !entry.gzip,
        }
    }

    /// By what a change of it would show.
    pub(super) fn stamp(&self) -> io::Result<Stamp> {
        let (Self::Plain(path) | Self::Gzip(path) | Self::Entry(Entry { archive: path, .. })) = self;
        let found = std::fs::metadata(path)?;
        Ok(Stamp { bytes: found.len(), modified: found.modified().ok() })
    }

    /// How many bytes it has, where that is known without reading them.
    pub(super) fn length(&self) -> io::Result<Option<u64>> {
        match self {
            Self::Plain(path) => Ok(Some(std::fs::metadata(path)?.len())),
            Self::Entry(entry) if !entry.gzip => Ok(Some(entry.bytes)),
            Self::Gzip(_) | Self::Entry(_) => Ok(None),
        }
    }

    /// Its text from `offset` on.
    pub(super) fn open(&self, offset: u64) -> io::Result<Bytes> {
        if let Self::Plain(path) = self {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(file));
        }
        if let Self::Entry(entry) = self
            && self.is_seekable()
            && offset > 0
        {
            let mut file = File::open(&entry.archive)?;
            file.seek(SeekFrom::Start(entry.start + offset.min(entry.bytes)))?;
            return Ok(Box::new(file.take(entry.bytes.saturating_sub(offset))));
        }
        let mut bytes = self.unpacked()?;
        io::copy(&mut (&mut bytes).take(offset), &mut io::sink())?;
        Ok(bytes)
    }

    /// The bytes as the folder or archive holds them: what a manifest's digest is of.
    pub(super) fn as_kept(&self) -> io::Result<Bytes> {
        match self {
            Self::Plain(path) | Self::Gzip(path) => Ok(Box::new(File::open(path)?)),
            Self::Entry(entry) => entry.open(),
        }
    }

    fn unpacked(&self) -> io::Result<Bytes> {
        let packed = match self {
            Self::Entry(entry) if !entry.gzip => return entry.open(),
            Self::Entry(entry) => entry.packed,
            Self::Plain(path) | Self::Gzip(path) => std::fs::metadata(path)?.len(),
        };
        let bytes = MultiGzDecoder::new(io::BufReader::new(self.as_kept()?));
        Ok(Box::new(Bounded { bytes, left: allowed(packed) }))
    }
}

/// What so many packed bytes may unpack to.
pub(super) fn allowed(packed: u64) -> u64 {
    packed.saturating_mul(RATIO).clamp(HARMLESS, MOST)
}

impl Entry {
    fn open(&self) -> io::Result<Bytes> {
        let mut file = File::open(&self.archive)?;
        file.seek(SeekFrom::Start(self.start))?;
        let packed = io::BufReader::new(file.take(self.packed));
        let bytes: Bytes = if self.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Ok(Box::new(Checked { bytes, left: self.bytes, crc: Crc::new(), wanted: self.crc }))
    }
}

/// Stops a file that unpacks to more than it may.
struct Bounded<R> {
    bytes: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(Damage::bomb)?;
        Ok(read)
    }
}

/// Holds an entry against the size and checksum that its archive declares.
struct Checked {
    bytes: Bytes,
    left: u64,
    crc: Crc,
    wanted: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wrong = || {
            let message = "the file in the archive is not the one that the archive's list describes";
            Damage::error("damaged_file", message, "make the archive again")
        };
        let read = self.bytes.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(wrong)?;
        self.crc.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && (self.left > 0 || self.crc.sum() != self.wanted) {
            return Err(wrong());
        }
        Ok(read)
    }
}
