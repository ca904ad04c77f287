//! What a CRM's objects and fields are, as its connector describes them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, FieldConcept, FieldName, Fields, ObjectConcept, ObjectName, Result, Retry, Value};

/// The objects of one CRM account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Objects by name, in the connector's order.
    pub objects: IndexMap<ObjectName, ObjectSchema>,
}

impl Schema {
    /// The object of that name.
    pub fn object(&self, name: &ObjectName) -> Option<&ObjectSchema> {
        self.objects.get(name)
    }

    /// The first object with that concept.
    pub fn by_concept(&self, concept: ObjectConcept) -> Option<&ObjectSchema> {
        self.objects.values().find(|object| object.concept == Some(concept))
    }
}

impl FromIterator<ObjectSchema> for Schema {
    fn from_iter<I: IntoIterator<Item = ObjectSchema>>(objects: I) -> Self {
        Self { objects: objects.into_iter().map(|object| (object.name.clone(), object)).collect() }
    }
}

/// One object of a CRM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// Its name in the CRM's interface.
    pub name: ObjectName,
    /// Its name for people.
    pub label: String,
    /// What it means across CRMs.
    pub concept: Option<ObjectConcept>,
    /// Fields by name, in the connector's order.
    pub fields: IndexMap<FieldName, FieldSchema>,
    /// Source: pages can be read again and are the same.
    #[serde(default)]
    pub repeatable: bool,
    /// Source: a walk over its pages gives every record there is. Otherwise it may give changed ones only (a delta folder), and a
    /// record that it does not give may well be there.
    #[serde(default = "yes")]
    pub snapshot: bool,
    /// Destination: custom fields can be created on it.
    #[serde(default)]
    pub custom_fields: bool,
}

impl ObjectSchema {
    /// An object without fields.
    pub fn new(
        name: impl Into<ObjectName>,
        label: impl Into<String>,
        concept: impl Into<Option<ObjectConcept>>,
    ) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            concept: concept.into(),
            fields: IndexMap::new(),
            repeatable: false,
            snapshot: true,
            custom_fields: false,
        }
    }

    /// The same object with one more field.
    pub fn with(mut self, field: FieldSchema) -> Self {
        self.fields.insert(field.name.clone(), field);
        self
    }

    /// Refuses fields that the object does not have: what every destination does before it sends anything.
    ///
    /// # Errors
    /// `Rejected` with `Never`, naming the field.
    pub fn refuse_unknown(&self, operation: &'static str, fields: &Fields) -> Result<()> {
        match fields.keys().find(|name| !self.fields.contains_key(*name)) {
            Some(name) => {
                let message = format!("unknown field {name}");
                Err(Error::new(ErrorKind::Rejected, operation, message, Retry::Never)
                    .with_context("object", &self.name))
            }
            None => Ok(()),
        }
    }

    /// The first field with that concept.
    pub fn by_concept(&self, concept: FieldConcept) -> Option<&FieldSchema> {
        self.fields.values().find(|field| field.concept == Some(concept))
    }

    /// The time of a record's last change, where it can be set.
    pub(crate) fn changed_at(&self) -> Option<&FieldSchema> {
        self.by_concept(FieldConcept::ModifiedAt).filter(|field| field.writable)
    }
}

fn yes() -> bool {
    true
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// Its name in the CRM's interface.
    pub name: FieldName,
    /// Its name for people.
    pub label: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// What it means across CRMs.
    #[serde(default)]
    pub concept: Option<FieldConcept>,
    /// A record cannot be created without it.
    #[serde(default)]
    pub required: bool,
    /// It can be set.
    #[serde(default)]
    pub writable: bool,
    /// `Null` clears it.
    #[serde(default)]
    pub clearable: bool,
    /// It can be set when a record is made, and never again.
    #[serde(default)]
    pub create_only: bool,
    /// Somebody added it to this account.
    #[serde(default)]
    pub custom: bool,
    /// The entries of a pick-list.
    #[serde(default)]
    pub options: Vec<OptionSchema>,
    /// A link that the destination keeps as a record of its own.
    #[serde(default)]
    pub carrier: Option<LinkCarrier>,
}

impl FieldSchema {
    /// An optional, writable standard field.
    pub fn new(name: impl Into<FieldName>, label: impl Into<String>, ty: FieldType) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            ty,
            concept: None,
            required: false,
            writable: true,
            clearable: false,
            create_only: false,
            custom: false,
            options: Vec::new(),
            carrier: None,
        }
    }

    /// The same field with a concept.
    pub fn means(mut self, concept: FieldConcept) -> Self {
        self.concept = Some(concept);
        self
    }

    /// The same field, required.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same field, which cannot be set.
    pub fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// The same field, which `Null` clears.
    pub fn clearable(mut self) -> Self {
        self.clearable = true;
        self
    }

    /// The same field, which can be set when a record is made, and never again.
    pub fn create_only(mut self) -> Self {
        self.create_only = true;
        self
    }

    /// The same field, added to this account by somebody.
    pub fn custom(mut self) -> Self {
        self.custom = true;
        self
    }
}

/// A link field that is written as a record of another object: Pipedrive's parent organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCarrier {
    /// The object whose records carry the link.
    pub object: ObjectName,
    /// Its field that names the record which has the link.
    pub from: FieldName,
    /// Its field that names the record linked to.
    pub to: FieldName,
    /// Values that every carrier record has beside the two: `type = "parent"`.
    #[serde(default)]
    pub constants: Vec<(FieldName, Value)>,
}

/// An entry of a pick-list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSchema {
    /// Its id in the CRM's interface.
    pub id: String,
    /// Its name for people. A stage's is `Pipeline/Stage`.
    pub label: String,
}

/// What a field's values are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldType {
    /// Yes or no.
    Bool,
    /// Whole numbers.
    Int,
    /// Exact decimals.
    Decimal,
    /// Short text, with a longest length in characters where there is one.
    Text {
        /// Longest length in characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
    },
    /// Text of any length the CRM takes.
    LongText,
    /// Formatted text.
    Rich,
    /// Calendar days.
    Date,
    /// Times of day.
    Time,
    /// Dates and times without a zone.
    Local,
    /// Moments.
    Timestamp,
    /// Lengths of time.
    Duration,
    /// Amounts with a currency.
    Money,
    /// Names of people.
    Name,
    /// Postal addresses.
    Address,
    /// E-mail addresses with labels, as a list.
    Emails,
    /// Phone numbers with labels, as a list.
    Phones,
    /// Web addresses.
    Url,
    /// One entry of a pick-list.
    Option,
    /// Several entries of a pick-list, as a list.
    Options,
    /// A link to a record of one of these objects.
    Link {
        /// The objects linked to.
        to: Vec<ObjectName>,
    },
    /// Links to several records of these objects, as a list. Where the field has a carrier, each of them is a record of its own.
    Links {
        /// The objects linked to.
        to: Vec<ObjectName>,
    },
    /// Anything: a source that knows no types.
    Any,
}

impl FieldType {
    /// Text without a limit of its own.
    pub fn text() -> Self {
        Self::Text { max: None }
    }

    /// A link to one object.
    pub fn link(to: impl Into<ObjectName>) -> Self {
        Self::Link { to: vec![to.into()] }
    }

    /// The objects that a link or links may lead to; `None` for every other type.
    pub fn links_to(&self) -> Option<&[ObjectName]> {
        match self {
            Self::Link { to } | Self::Links { to } => Some(to),
            _ => None,
        }
    }

    /// Its short name in messages and plans: `text`, `option`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Text { .. } => "text",
            Self::LongText => "long_text",
            Self::Rich => "rich",
            Self::Date => "date",
            Self::Time => "time",
            Self::Local => "local",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Money => "money",
            Self::Name => "name",
            Self::Address => "address",
            Self::Emails => "emails",
            Self::Phones => "phones",
            Self::Url => "url",
            Self::Option => "option",
            Self::Options => "options",
            Self::Link { .. } => "link",
            Self::Links { .. } => "links",
            Self::Any => "any",
        }
    }
}
