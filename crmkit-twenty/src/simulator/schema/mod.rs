//! What a workspace's objects and fields are: every workspace has its own.

mod change;
mod create_field;
mod create_object;
mod faults;
mod names;
mod options;
mod relation;
mod standard;
mod view;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use change::{delete_field, delete_object, update_field, update_object};
pub(super) use create_field::create_field;
pub(super) use create_object::create_object;
pub(super) use standard::standard;
pub(super) use view::{field_view, object_view};

/// The types of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum FieldKind {
    Actor,
    Address,
    Array,
    Boolean,
    Currency,
    Date,
    DateTime,
    Emails,
    Files,
    FullName,
    Links,
    MorphRelation,
    MultiSelect,
    Number,
    Numeric,
    Phones,
    Position,
    Rating,
    RawJson,
    Relation,
    RichText,
    Select,
    Text,
    TsVector,
    Uuid,
}

impl FieldKind {
    pub(super) const ALL: [Self; 25] = [
        Self::Actor,
        Self::Address,
        Self::Array,
        Self::Boolean,
        Self::Currency,
        Self::Date,
        Self::DateTime,
        Self::Emails,
        Self::Files,
        Self::FullName,
        Self::Links,
        Self::MorphRelation,
        Self::MultiSelect,
        Self::Number,
        Self::Numeric,
        Self::Phones,
        Self::Position,
        Self::Rating,
        Self::RawJson,
        Self::Relation,
        Self::RichText,
        Self::Select,
        Self::Text,
        Self::TsVector,
        Self::Uuid,
    ];

    /// The name as in the API.
    pub(super) fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        // Releases before 2 call the rich text with two columns so.
        let name = if name == "RICH_TEXT_V2" { "RICH_TEXT" } else { name };
        serde_json::from_value(Value::from(name)).ok()
    }

    /// The columns of a composite type with what each holds; empty for all others.
    pub(super) fn parts(self) -> &'static [(&'static str, Part)] {
        match self {
            Self::FullName => &[("firstName", Part::Text), ("lastName", Part::Text)],
            Self::Emails => &[("primaryEmail", Part::Text), ("additionalEmails", Part::List)],
            Self::Phones => &[
                ("primaryPhoneNumber", Part::Text),
                ("primaryPhoneCountryCode", Part::Text),
                ("primaryPhoneCallingCode", Part::Text),
                ("additionalPhones", Part::List),
            ],
            Self::Links => {
                &[("primaryLinkLabel", Part::Text), ("primaryLinkUrl", Part::Text), ("secondaryLinks", Part::List)]
            }
            Self::Currency => &[("amountMicros", Part::Number), ("currencyCode", Part::Text)],
            Self::Address => &[
                ("addressStreet1", Part::Text),
                ("addressStreet2", Part::Text),
                ("addressCity", Part::Text),
                ("addressPostcode", Part::Text),
                ("addressState", Part::Text),
                ("addressCountry", Part::Text),
                ("addressLat", Part::Number),
                ("addressLng", Part::Number),
            ],
            Self::Actor => &[
                ("source", Part::Source),
                ("workspaceMemberId", Part::Id),
                ("name", Part::Text),
                ("context", Part::Json),
            ],
            Self::RichText => &[("blocknote", Part::Rich), ("markdown", Part::Rich)],
            _ => &[],
        }
    }

    /// The type in the messages about sub-fields.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::FullName => "full name",
            Self::Emails => "emails",
            Self::Phones => "phones",
            Self::Links => "links",
            Self::Currency => "currency",
            Self::Address => "address",
            Self::Actor => "actor",
            Self::RichText => "rich text",
            _ => "",
        }
    }

    /// The parts that make a composite unique.
    pub(super) fn unique_parts(self) -> &'static [&'static str] {
        match self {
            Self::Emails => &["primaryEmail"],
            Self::Links => &["primaryLinkUrl"],
            Self::Phones => &["primaryPhoneNumber", "primaryPhoneCountryCode", "primaryPhoneCallingCode"],
            _ => &[],
        }
    }
}

/// What a column of a composite holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text, read back as `""` when empty.
    Text,
    /// Text, read back as null when empty.
    Rich,
    Number,
    Id,
    /// Read back as `[]` when empty.
    List,
    Json,
    Source,
}

/// What happens to a record whose target is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDelete {
    SetNull,
    Cascade,
}

/// The other side of a relation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) object: String,
    pub(super) field: String,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    pub(super) id: String,
    pub(super) universal_identifier: String,
    pub(super) application_id: String,
    #[serde(rename = "type")]
    pub(super) kind: FieldKind,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) description: Option<String>,
    pub(super) icon: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_system: bool,
    pub(super) is_nullable: bool,
    pub(super) is_unique: bool,
    pub(super) default_value: Value,
    pub(super) options: Value,
    pub(super) settings: Value,
    pub(super) morph_id: Option<String>,
    pub(super) object_metadata_id: String,
    pub(super) is_label_synced_with_name: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    /// Not part of the API: where a relation leads.
    pub(super) target: Option<Target>,
}

impl Field {
    pub(super) fn is_relation(&self) -> bool {
        matches!(self.kind, FieldKind::Relation | FieldKind::MorphRelation)
    }

    /// The column of a to-one relation.
    pub(super) fn join_column(&self) -> Option<&str> {
        self.settings["joinColumnName"].as_str().filter(|_| self.is_relation())
    }

    /// Whether it is the side of a relation that has no column.
    pub(super) fn is_to_many(&self) -> bool {
        self.is_relation() && self.join_column().is_none()
    }

    pub(super) fn on_delete(&self) -> OnDelete {
        if self.settings["onDelete"] == "CASCADE" { OnDelete::Cascade } else { OnDelete::SetNull }
    }

    /// The values of its options.
    pub(super) fn option_values(&self) -> impl Iterator<Item = &str> {
        self.options.as_array().into_iter().flatten().filter_map(|option| option["value"].as_str())
    }

    /// The value of a record that does not say.
    pub(super) fn default(&self) -> Value {
        default_value(&self.default_value)
    }
}

/// A default as the API writes it, as a value: texts are quoted inside of the string.
pub(super) fn default_value(literal: &Value) -> Value {
    match literal {
        Value::String(text) => match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(inner) => inner.into(),
            None => text.as_str().into(),
        },
        Value::Array(items) => items.iter().map(default_value).collect(),
        other => other.clone(),
    }
}

/// An object with its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) universal_identifier: String,
    pub(super) application_id: String,
    pub(super) name_singular: String,
    pub(super) name_plural: String,
    pub(super) label_singular: String,
    pub(super) label_plural: String,
    pub(super) description: Option<String>,
    pub(super) icon: Option<String>,
    pub(super) color: Option<String>,
    pub(super) shortcut: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_system: bool,
    pub(super) is_searchable: bool,
    pub(super) is_label_synced_with_name: bool,
    pub(super) label_identifier_field_metadata_id: Option<String>,
    pub(super) image_identifier_field_metadata_id: Option<String>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) fields: Vec<Field>,
}

impl Object {
    /// An active field by its name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_active && field.name == name)
    }

    /// An active to-one relation by its column.
    pub(super) fn joined(&self, column: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_active && field.join_column() == Some(column))
    }

    pub(super) fn is_custom(&self) -> bool {
        self.application_id != STANDARD_APPLICATION
    }

    /// The name of its table in messages.
    pub(super) fn table_name(&self) -> String {
        if self.is_custom() { format!("_{}", self.name_singular) } else { self.name_singular.clone() }
    }

    pub(super) fn unknown_field(&self, name: &str) -> super::failure::Failure {
        super::failure::Failure::bad(format!("Object {} doesn't have any \"{name}\" field.", self.name_singular))
    }
}

/// The application that standard objects and fields belong to.
pub(super) const STANDARD_APPLICATION: &str = "20202020-64aa-4b6f-b003-9c74b97cee20";

/// A name with a capital first letter.
pub(super) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// The settings of a to-one relation.
pub(super) fn to_one(column: &str, on_delete: &str) -> Value {
    json!({ "relationType": "MANY_TO_ONE", "onDelete": on_delete, "joinColumnName": column })
}
