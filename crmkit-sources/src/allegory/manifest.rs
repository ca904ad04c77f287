//! `manifest.json` and `schema.json`: what the export says about itself.

use crmkit_core::{Error, FieldConcept, ObjectConcept, Result};
use indexmap::IndexMap;
use serde::{Deserialize, de::DeserializeOwned};

use super::container::Container;

pub(super) const FILE: &str = "manifest.json";
pub(super) const SCHEMA_FILE: &str = "schema.json";

/// What the export holds and how to read it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) source: Option<String>,
    pub(super) instance: Option<String>,
    #[serde(rename = "exported_at")]
    _exported_at: Option<String>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) since: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) objects: Vec<DeclaredObject>,
    /// Objects of any CRM, by file and column.
    pub(super) foreign: Vec<ForeignObject>,
    /// Files that are there for people, not to be read.
    pub(super) ignore: Vec<String>,
}

/// Everything, or what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Snapshot {
    Full,
    Delta,
}

/// A file with what it should hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredFile {
    pub(super) file: String,
    #[serde(default)]
    pub(super) rows: Option<u64>,
    #[serde(default)]
    pub(super) sha256: Option<String>,
}

/// An object in the contract's own layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredObject {
    pub(super) name: String,
    #[serde(default)]
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) rows: Option<u64>,
    #[serde(default)]
    pub(super) sha256: Option<String>,
    #[serde(default)]
    pub(super) files: Vec<DeclaredFile>,
    #[serde(default)]
    pub(super) id_column: Option<String>,
}

impl DeclaredObject {
    /// Its files, one or several.
    pub(super) fn all_files(&self) -> Vec<DeclaredFile> {
        all_files(self.file.as_ref(), self.rows, self.sha256.as_ref(), &self.files)
    }
}

fn all_files(
    file: Option<&String>,
    rows: Option<u64>,
    sha256: Option<&String>,
    files: &[DeclaredFile],
) -> Vec<DeclaredFile> {
    let one = file.map(|file| DeclaredFile { file: file.clone(), rows, sha256: sha256.cloned() });
    one.into_iter().chain(files.iter().cloned()).collect()
}

/// An object of any CRM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForeignObject {
    pub(super) object: String,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) concept: Option<ObjectConcept>,
    #[serde(default)]
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) rows: Option<u64>,
    #[serde(default)]
    pub(super) sha256: Option<String>,
    /// Its files, where it is split.
    #[serde(default)]
    pub(super) files: Vec<DeclaredFile>,
    #[serde(default)]
    pub(super) id_column: Option<String>,
    /// One record per distinct value of a column.
    #[serde(default)]
    pub(super) from_column: Option<FromColumn>,
    #[serde(default)]
    pub(super) fields: Vec<ForeignField>,
}

impl ForeignObject {
    /// Its files: one, several, or the one that a column of it is in.
    pub(super) fn all_files(&self) -> Vec<DeclaredFile> {
        let file = self.file.as_ref().or(self.from_column.as_ref().map(|from| &from.file));
        all_files(file, self.rows, self.sha256.as_ref(), &self.files)
    }
}

/// A column whose distinct values are records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromColumn {
    pub(super) file: String,
    pub(super) column: String,
}

/// A field of a foreign object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForeignField {
    pub(super) field: String,
    /// The field's name where absent; several for lists of e-mails and phones and for texts that are joined.
    #[serde(default)]
    pub(super) column: Option<OneOrSeveral>,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) concept: Option<FieldConcept>,
    #[serde(default, rename = "type")]
    pub(super) ty: Option<TypeName>,
    #[serde(default)]
    pub(super) link: Option<ForeignLink>,
    /// The column with the currency of an amount.
    #[serde(default)]
    pub(super) currency_column: Option<String>,
    /// The columns of an address.
    #[serde(default)]
    pub(super) address: Option<AddressColumns>,
    /// How dates are written: `%d.%m.%Y`.
    #[serde(default)]
    pub(super) format: Option<String>,
    #[serde(default)]
    pub(super) options: Vec<String>,
    #[serde(default)]
    pub(super) required: bool,
}

/// A column name, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

/// What a column's cells refer to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForeignLink {
    pub(super) to: String,
    /// The field of the other object that the cells hold; its id where absent.
    #[serde(default)]
    pub(super) by: Option<String>,
}

/// The columns of an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AddressColumns {
    pub(super) street: Option<String>,
    pub(super) city: Option<String>,
    pub(super) region: Option<String>,
    pub(super) postal_code: Option<String>,
    pub(super) country: Option<String>,
}

/// `schema.json`: types of custom fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SchemaFile {
    pub(super) objects: IndexMap<String, SchemaObject>,
}

/// An object in `schema.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SchemaObject {
    pub(super) label: Option<String>,
    pub(super) fields: IndexMap<String, SchemaField>,
}

/// A field in `schema.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SchemaField {
    pub(super) label: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: Option<TypeName>,
    pub(super) options: Vec<String>,
    pub(super) required: bool,
    pub(super) lookup: Option<String>,
    pub(super) format: Option<String>,
}

/// Types as the two files name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TypeName {
    Text,
    LongText,
    Int,
    #[serde(alias = "number")]
    Decimal,
    Money,
    #[serde(alias = "boolean")]
    Bool,
    Date,
    #[serde(alias = "datetime")]
    Timestamp,
    Duration,
    #[serde(alias = "picklist")]
    Option,
    #[serde(alias = "multi_picklist")]
    Options,
    #[serde(alias = "email")]
    Emails,
    #[serde(alias = "phone")]
    Phones,
    Url,
    Html,
    Markdown,
    Lookup,
    Json,
}

/// Reads a JSON document of the folder; `None` where it is not there.
pub(super) fn load<T: DeserializeOwned>(root: &Container, file: &'static str) -> Result<Option<T>> {
    let unreadable = |message: &str| Error::input("allegory.open", message).with_context("file", file);
    let bytes = match root.document(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Err(unreadable("a file of the folder cannot be read").with_source(error)),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable("the document is not UTF-8; save it as UTF-8 and open the folder again").with_context("line", line)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map(Some).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => pointer += &format!("/{index}"),
                Segment::Map { key } => pointer += &format!("/{key}"),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let place = error.inner();
        // The JSON library's words name keys and types, not the document's data beyond the unknown key itself.
        Error::input("allegory.open", format!("{place}; mend the document and open the folder again"))
            .with_context("file", file)
            .with_context("line", place.line())
            .with_context("pointer", if pointer.is_empty() { "/" } else { &pointer })
    })
}
