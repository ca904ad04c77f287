//! A generated record in the making: its values, links and troubles, and what is odd about it.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{
    expected::{ExpectedRecord, Trouble},
    record::moment,
};
use crate::{Labelled, Markup, Money, RecordRef, RichText, Value};

/// A row and what should become of it.
pub(super) struct Made {
    pub(super) cells: Vec<String>,
    pub(super) record: ExpectedRecord,
    /// A row after it that is no record.
    pub(super) extra: Option<Extra>,
    /// The file that belongs to it: its name in the record's folder, and what is in it.
    pub(super) file: Option<(String, Content)>,
}

/// What is in a file.
#[derive(Clone)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// So many zeros, as a hole.
    Hole(u64),
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
    SameName,
    SameDomain,
    OddEmail,
    DateOnly,
    FileMissing,
    FileSize,
    FileDigest,
    FileOutside,
    FileRemote,
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

    /// A text among its fields; nothing where it has none.
    pub(super) fn told(&self, field: &str) -> String {
        let value = self.record.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value);
        value.and_then(Value::as_text).unwrap_or_default().to_owned()
    }
}

/// A record in the making.
pub(super) struct Draft {
    pub(super) record: ExpectedRecord,
    mess: Option<Mess>,
    file: Option<(String, Content)>,
}

impl Draft {
    pub(super) fn new(object: &str, id: String, mess: Option<Mess>) -> Self {
        let record = ExpectedRecord {
            key: RecordRef::new(object, id),
            line: 0,
            troubles: Vec::new(),
            fields: Vec::new(),
            links: Vec::new(),
            later: Vec::new(),
            owner: None,
            duplicate_of: None,
            similar: Vec::new(),
            file: None,
        };
        Self { record, mess, file: None }
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
        self.titled("name", name);
    }

    /// The field that a record is called by.
    pub(super) fn titled(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            self.record.troubles.push(Trouble::MissingName);
        }
        self.text(field, text);
    }

    /// A pick-list entry.
    pub(super) fn option(&mut self, field: &str, key: impl AsRef<str>) -> String {
        let key = key.as_ref();
        self.field(field, Value::option(key));
        key.to_owned()
    }

    /// An e-mail address or phone number of several.
    pub(super) fn addresses(&mut self, field: &str, addresses: &[(Option<&str>, String)]) -> String {
        let labelled = |(label, value): &(Option<&str>, String)| {
            Value::Labelled(Arc::new(Labelled { value: value.as_str().into(), label: label.map(Into::into) }))
        };
        if !addresses.is_empty() {
            self.field(field, Value::List(addresses.iter().map(labelled).collect()));
        }
        let cell = |(label, value): &(Option<&str>, String)| match label {
            Some(label) => format!("{label}:{value}"),
            None => value.clone(),
        };
        addresses.iter().map(cell).collect::<Vec<_>>().join(";")
    }

    /// A formatted text.
    pub(super) fn rich(&mut self, field: &str, markup: Markup, text: &str) {
        self.field(field, Value::Rich(Arc::new(RichText { markup, text: text.into() })));
    }

    /// The file of an attachment, under a name in its folder.
    pub(super) fn file(&mut self, name: &str, content: Content) {
        self.file = Some((name.to_owned(), content));
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
        Made { cells, record: self.record, extra, file: self.file }
    }
}
