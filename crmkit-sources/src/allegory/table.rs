//! An object of the export, compiled: which cells of which files become which field.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use crmkit_core::{FieldConcept, FieldName, ObjectName, ObjectSchema};

use super::{
    convert::Making,
    rows::{Fault, Part, Place, Rows},
    values::{Kind, Reading},
    walk::Look,
};

/// A column that a field reads, whatever place it has in each file.
pub(super) type Slot = usize;

/// An object, ready to be read.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: ObjectName,
    pub(super) parts: Vec<TablePart>,
    /// The columns that make the id.
    pub(super) id: Vec<Slot>,
    /// A record is a distinct id, not a row.
    pub(super) distinct: bool,
    pub(super) fields: Vec<Field>,
    /// Known after the profile.
    pub(super) schema: ObjectSchema,
    /// Rows that repeat an id, as (part, offset); with `distinct` the rows that are the first of theirs.
    pub(super) marked: HashSet<(usize, u64)>,
    pub(super) records: u64,
    /// What the last page left for the next.
    pub(super) making: Mutex<Making>,
}

/// What becomes of a row.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing: its table counts distinct ids, not rows.
    Passed,
    /// It cannot be a record.
    Rejected { code: &'static str, message: String, column: Option<String> },
    /// A record of this id.
    Record(String),
}

impl Table {
    /// What becomes of the current row of a part, once the table is profiled.
    pub(super) fn verdict(&self, number: usize, rows: &Rows, at: Place) -> Verdict {
        let file = &self.parts[number];
        let reject = |code, message, cell: Option<usize>| Verdict::Rejected {
            code,
            message,
            column: cell.and_then(|cell| file.part.header.get(cell)).cloned(),
        };
        if let Some(fault) = rows.fault() {
            return reject(fault.code(), fault.message(file.part.header.len()), Fault::cell(fault));
        }
        let cell = self.id.first().and_then(|slot| file.cells.get(*slot).copied().flatten());
        let Some(id) = (Row { rows, cells: &file.cells }).id(&self.id) else {
            if self.distinct {
                return Verdict::Passed;
            }
            return reject("missing_id", "the row has no id".to_owned(), cell);
        };
        match (self.marked.contains(&(number, at.offset)), self.distinct) {
            (true, false) => reject("duplicate_id", "an earlier row has the same id".to_owned(), cell),
            (false, true) => Verdict::Passed,
            _ => Verdict::Record(id),
        }
    }

    /// The column of a field that is one cell.
    pub(super) fn slot(&self, field: &str) -> Option<Slot> {
        self.fields.iter().find(|known| known.name == field).and_then(|field| match &field.source {
            FieldSource::Cell(slot) | FieldSource::Link { cell: slot, .. } => Some(*slot),
            _ => None,
        })
    }
}

/// A file of an object with its declared facts.
#[derive(Debug)]
pub(super) struct TablePart {
    pub(super) part: Part,
    /// The cell of each slot.
    pub(super) cells: Vec<Option<usize>>,
    pub(super) rows: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// A field and where it comes from.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: FieldName,
    pub(super) label: String,
    pub(super) concept: Option<FieldConcept>,
    pub(super) custom: bool,
    pub(super) required: bool,
    /// Declared entries of a pick-list, in order.
    pub(super) options: Vec<String>,
    pub(super) source: FieldSource,
    pub(super) reading: Reading,
    /// What the walk saw in its cells.
    pub(super) look: Look,
}

/// Which cells a field is made of.
#[derive(Clone, Debug)]
pub(super) enum FieldSource {
    /// One cell.
    Cell(Slot),
    /// Cells joined with a space.
    Joined(Vec<Slot>),
    /// The first, or the others joined where it is empty.
    FullName { whole: Option<Slot>, parts: Vec<Slot> },
    /// Street, city, region, postal code, country.
    Address([Option<Slot>; 5]),
    /// Cells that become one list.
    Several(Vec<Slot>),
    /// An amount with its currency's cell.
    Money { amount: Slot, currency: Option<Slot> },
    /// A text with the cell that names its markup.
    Body { text: Slot, format: Option<Slot> },
    /// A link, with a name that stands for it where the cell is empty. A name that fits nobody is in doubt, unless one of
    /// `instead` hangs the record on something else.
    Link { cell: Slot, to: ObjectName, by: Option<FieldName>, or_name: Option<Slot>, instead: Vec<Slot> },
    /// A link of an object that its neighbour names.
    Parent { kind: Slot, id: Slot, to: ObjectName, known: Arc<[ObjectName]> },
    /// A stage by id, or by name within its pipeline.
    Stage { id: Slot, name: Option<Slot>, pipeline: Option<Slot> },
    /// A stage known by name only: `Pipeline/Stage`.
    StageByName { name: Slot, pipeline: Option<Slot> },
    /// A pipeline by id.
    Pipeline(Slot),
    /// Whether a status or a time says that it is done.
    Done { status: Option<Slot>, at: Option<Slot> },
}

impl FieldSource {
    /// The cells it reads.
    pub(super) fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Cell(slot) | Self::Pipeline(slot) => vec![*slot],
            Self::Joined(slots) | Self::Several(slots) => slots.clone(),
            Self::FullName { whole, parts } => whole.iter().chain(parts).copied().collect(),
            Self::Address(slots) => slots.iter().flatten().copied().collect(),
            Self::Money { amount, currency } => [Some(*amount), *currency].into_iter().flatten().collect(),
            Self::Body { text, format } => [Some(*text), *format].into_iter().flatten().collect(),
            Self::Link { cell, or_name, instead, .. } => {
                [*cell].iter().chain(or_name).chain(instead).copied().collect()
            }
            Self::Parent { kind, id, .. } => vec![*kind, *id],
            Self::Stage { id, name, pipeline } => [Some(*id), *name, *pipeline].into_iter().flatten().collect(),
            Self::StageByName { name, pipeline } => [Some(*name), *pipeline].into_iter().flatten().collect(),
            Self::Done { status, at } => [*status, *at].into_iter().flatten().collect(),
        }
    }
}

impl Field {
    /// A standard field with a label made of its name.
    pub(super) fn new(name: &str, kind: Kind, source: FieldSource) -> Self {
        Self {
            name: name.into(),
            label: label_of(name),
            concept: None,
            custom: false,
            required: false,
            options: Vec::new(),
            source,
            reading: Reading { kind, style: super::values::Style::Dot, format: None, zone: None },
            look: Look::default(),
        }
    }

    /// The same field with a concept.
    pub(super) fn means(mut self, concept: Option<FieldConcept>) -> Self {
        self.concept = concept;
        self
    }
}

/// `first_name` is `First name`.
pub(super) fn label_of(name: &str) -> String {
    let words = name.rsplit('/').next().unwrap_or(name);
    let words = words.strip_prefix("cf_").unwrap_or(words).replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A row with its table's slots.
pub(super) struct Row<'r> {
    pub(super) rows: &'r Rows,
    pub(super) cells: &'r [Option<usize>],
}

impl<'r> Row<'r> {
    /// The cell's text, if anything is in it.
    pub(super) fn get(&self, slot: Slot) -> Option<std::borrow::Cow<'r, str>> {
        let cell = self.rows.cell(self.cells.get(slot).copied().flatten()?);
        (!cell.trim_ascii().is_empty()).then_some(cell)
    }

    /// The cell's text without outer whitespace.
    pub(super) fn trimmed(&self, slot: Slot) -> Option<String> {
        self.get(slot).map(|cell| cell.trim().to_owned())
    }

    /// The row's id; several columns are joined with `:`.
    pub(super) fn id(&self, slots: &[Slot]) -> Option<String> {
        if let [one] = slots {
            return self.trimmed(*one);
        }
        let escape = |part: String| part.replace('%', "%25").replace(':', "%3A");
        let parts: Option<Vec<_>> = slots.iter().map(|slot| self.trimmed(*slot).map(escape)).collect();
        parts.map(|parts| parts.join(":"))
    }
}
