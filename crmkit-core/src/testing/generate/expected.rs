//! What should become of each record of a generated export.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::{FieldName, ObjectName, RecordRef, Value};

/// What should become of a generated export.
///
/// It follows from the generator's choices, never from reading the export. The assumed plan is strict: it maps every
/// object, needs names and owners (where the object has an owner column), has no fallback owner, needs every link, knows no
/// limits of texts and files, and creates everything. What a real plan and destination make of it is told by
/// [`Treatment`](super::Treatment).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Counts per object, in the order of the files.
    pub objects: IndexMap<ObjectName, ExpectedObject>,
    /// Every record in file order; empty where they were streamed.
    pub records: Vec<ExpectedRecord>,
    /// Rows that are no records, in file order; empty where they were streamed.
    pub rejects: Vec<ExpectedReject>,
    /// Who exists at the destination.
    pub destination_users: Vec<ExpectedUser>,
    /// Automations, which no destination takes: they are for a rebuild guide.
    pub workflows: Vec<ExpectedWorkflow>,
}

impl Expected {
    /// The record of that key, where records were kept.
    pub fn record(&self, key: &RecordRef) -> Option<&ExpectedRecord> {
        self.records.iter().find(|record| record.key == *key)
    }
}

/// Counts of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedObject {
    /// Rows after the header.
    pub rows: u64,
    /// Rows that become records.
    pub records: u64,
    /// Rows that do not, by code.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Records that arrive.
    pub arrives: u64,
    /// Records that wait, by their first trouble's code.
    pub held: BTreeMap<&'static str, u64>,
}

/// One record and its fate.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedRecord {
    /// Object and id.
    pub key: RecordRef,
    /// Line of the file on which it begins.
    pub line: u64,
    /// What is wrong with it; it arrives where nothing is.
    pub troubles: Vec<Trouble>,
    /// Values of its main fields as the source gives them, without links.
    pub fields: Vec<(FieldName, Value)>,
    /// Its links that lead somewhere.
    pub links: Vec<(FieldName, RecordRef)>,
    /// Links against the order of objects, such as a company's primary contact: they are made once both ends exist, and
    /// the strict plan does not wait for them.
    pub later: Vec<(FieldName, RecordRef)>,
    /// E-mail of its owner at the destination, where that is known.
    pub owner: Option<String>,
    /// An earlier record with the same e-mail address.
    pub duplicate_of: Option<RecordRef>,
    /// Earlier records of the object with the same value in a field: `emails`, `domain` or `name`.
    pub similar: Vec<(FieldName, RecordRef)>,
    /// The file of an attachment that can be read.
    pub file: Option<Box<ExpectedFile>>,
}

impl ExpectedRecord {
    /// Whether it arrives or waits, and for what.
    pub fn fate(&self) -> Fate {
        self.fate_when(|_| true)
    }

    /// The fate under a plan to which only some troubles matter.
    pub fn fate_when(&self, matters: impl Fn(&Trouble) -> bool) -> Fate {
        match self.troubles.iter().find(|trouble| matters(trouble)) {
            Some(trouble) => Fate::Held(trouble.clone()),
            None => Fate::Arrives,
        }
    }
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    Arrives,
    /// It waits for a decision.
    Held(Trouble),
}

/// Why a record waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It has no name.
    MissingName,
    /// The destination has no member with its owner's e-mail address.
    OwnerUnknown,
    /// It has no owner.
    NoOwner,
    /// A link leads to no record.
    DanglingLink(FieldName),
    /// A link leads to a record that is itself held.
    LinkToHeld(FieldName),
    /// Its parents lead back to itself.
    Cycle,
    /// The source cannot read a field, or its link by name fits nothing.
    Doubt(FieldName),
    /// A link by name fits several records.
    AmbiguousLink(FieldName),
    /// It cannot be without a parent, and the destination keeps none of those it has.
    NoParent,
    /// A text is longer than the destination takes.
    TooLong(FieldName),
    /// The file is larger than the destination takes.
    TooLarge,
    /// The export lacks the file.
    FileMissing,
    /// The file has not the declared size.
    FileSize,
    /// The file has not the declared digest.
    FileDigest,
    /// The file's path leads out of the export.
    FileOutside,
    /// The file is at an address, not in the export.
    FileRemote,
}

impl Trouble {
    /// Short name for counts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingName => "missing_name",
            Self::OwnerUnknown => "owner_unknown",
            Self::NoOwner => "no_owner",
            Self::DanglingLink(_) => "dangling_link",
            Self::LinkToHeld(_) => "link_to_held",
            Self::Cycle => "cycle",
            Self::Doubt(_) => "doubt",
            Self::AmbiguousLink(_) => "ambiguous_link",
            Self::NoParent => "no_parent",
            Self::TooLong(_) => "too_long",
            Self::TooLarge => "too_large",
            Self::FileMissing => "file_missing",
            Self::FileSize => "file_size",
            Self::FileDigest => "file_digest",
            Self::FileOutside => "file_outside",
            Self::FileRemote => "file_remote",
        }
    }
}

/// A row that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedReject {
    /// The object.
    pub object: ObjectName,
    /// Line of the file on which it begins.
    pub line: u64,
    /// `ragged_row`, `missing_id` or `duplicate_id`.
    pub code: &'static str,
}

/// A member of the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedUser {
    /// Id at the source.
    pub source_id: String,
    /// E-mail address on both sides.
    pub email: String,
    /// Name.
    pub name: String,
}

/// The file of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFile {
    /// Its name as the record tells it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256; absent for the large ones, which are holes full of zeros.
    pub sha256: Option<String>,
}

/// An automation of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedWorkflow {
    /// Its id, which names its file.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The file's text.
    pub definition: String,
}

/// What the generator tells as it goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A record.
    Record(ExpectedRecord),
    /// A row that is none.
    Reject(ExpectedReject),
}
