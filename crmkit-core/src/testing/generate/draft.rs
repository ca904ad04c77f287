//! A generated record in the making: its values, links and troubles, and what is odd about it.

use rust_decimal::Decimal;

use super::{
    expected::{ExpectedRecord, Trouble},
    record::moment,
};
use crate::{Money, RecordRef, Value};

/// A row and what should become of it.
pub(super) struct Made {
    pub(super) cells: Vec<String>,
    pub(super) record: ExpectedRecord,
    /// A row after it that is no record.
    pub(super) extra: Option<Extra>,
}

/// A row that is no record.
#[derive(Clone, Copy)]
pub(super) enum Extra {
    Ragged,
    MissingId,
    DuplicateId,
}

/// What is odd about a record.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mess {
    MissingName,
    OwnerUnknown,
    NoOwner,
    Dangling,
    BadValue,
    NoEmail,
    SharedEmail,
    NonAscii,
    Quotes,
    Ragged,
    MissingId,
    DuplicateId,
}

impl Made {
    pub(super) fn arrives(&self) -> bool {
        self.record.troubles.is_empty()
    }
}

/// A record in the making.
pub(super) struct Draft {
    pub(super) record: ExpectedRecord,
    mess: Option<Mess>,
}

impl Draft {
    pub(super) fn new(object: &str, id: String, mess: Option<Mess>) -> Self {
        let record = ExpectedRecord {
            key: RecordRef::new(object, id),
            line: 0,
            troubles: Vec::new(),
            fields: Vec::new(),
            links: Vec::new(),
            owner: None,
            duplicate_of: None,
        };
        Self { record, mess }
    }

    pub(super) fn id(&self) -> String {
        self.record.key.id.to_string()
    }

    pub(super) fn field(&mut self, name: &str, value: Value) {
        self.record.fields.push((name.into(), value));
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.field(name, Value::text(text));
        }
    }

    pub(super) fn name(&mut self, name: &str) {
        if name.is_empty() {
            self.record.troubles.push(Trouble::MissingName);
        }
        self.text("name", name);
    }

    pub(super) fn created(&mut self, days: u64) {
        self.field("created_at", Value::Timestamp(moment(days)));
    }

    pub(super) fn money(&mut self, name: &str, amount: Decimal, currency: &str) -> String {
        self.field(name, Value::Money(Money { amount, currency: currency.into() }));
        amount.to_string()
    }

    pub(super) fn link(&mut self, field: &str, object: &str, id: String, arrives: bool) -> String {
        if !arrives {
            self.record.troubles.push(Trouble::LinkToHeld(field.into()));
        }
        self.record.links.push((field.into(), RecordRef::new(object, id.as_str())));
        id
    }

    pub(super) fn cycle(&mut self, object: &str, id: &str) -> String {
        self.record.troubles.push(Trouble::Cycle);
        self.record.links.push(("parent_id".into(), RecordRef::new(object, id)));
        id.to_owned()
    }

    pub(super) fn dangling(&mut self, field: &str, id: &str) -> String {
        self.record.troubles.push(Trouble::DanglingLink(field.into()));
        id.to_owned()
    }

    pub(super) fn doubt(&mut self, field: &str, cell: &str) -> String {
        self.record.troubles.push(Trouble::Doubt(field.into()));
        cell.to_owned()
    }

    pub(super) fn done(self, cells: Vec<String>) -> Made {
        let extra = match self.mess {
            Some(Mess::Ragged) => Some(Extra::Ragged),
            Some(Mess::MissingId) => Some(Extra::MissingId),
            Some(Mess::DuplicateId) => Some(Extra::DuplicateId),
            _ => None,
        };
        Made { cells, record: self.record, extra }
    }
}
