//! The contract of a CRM that records are written to, and its sub-contracts.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    Abilities, Allowance, FieldName, FieldSchema, FieldType, FileSink, ObjectCost, ObjectName, ObjectSchema, Page,
    PageRequest, Predicate, RecordId, Result, Schema, Value,
};

/// Field values in the order they were set.
pub type Fields = IndexMap<FieldName, Value>;

/// What a destination account says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// The connector's kind: `"pipedrive"`.
    pub kind: String,
    /// The account's stable id. A ledger is bound to it.
    pub account: String,
    /// Objects and fields as they are in this account now.
    pub schema: Schema,
    /// What can be done with each object.
    pub abilities: IndexMap<ObjectName, Abilities>,
    /// The people who can own records.
    pub users: Vec<User>,
    /// Pipelines, stages, custom fields, options and labels that exist now.
    pub items: Vec<ExistingItem>,
    /// What the credentials may do, per permission: `"delete"`, `"see_all"`, `"schema"`, `"set_owner"`; and what the interface can:
    /// `"pipelines"` (make pipelines and stages), `"activity_types"` (make those), `"remove_fields"` (remove custom fields that were
    /// made).
    pub permissions: IndexMap<String, Permission>,
    /// Plan caps by name, where the account has them: `"custom_fields"`.
    pub caps: IndexMap<String, u64>,
    /// What a person should know about this CRM before moving to it.
    pub gotchas: Vec<String>,
    /// What calls cost, per object; one request each where it says nothing.
    #[serde(default)]
    pub costs: IndexMap<ObjectName, ObjectCost>,
    /// How much it may be asked, where that is known.
    #[serde(default)]
    pub allowance: Option<Allowance>,
    /// What may start by itself when records of an object arrive: automations, webhooks, mails.
    #[serde(default)]
    pub quiet: IndexMap<ObjectName, Vec<String>>,
    /// What stands for the terms of automations and segments: from a term in lower-case letters and digits (`sendemail`,
    /// `notequals`) to what people click here. For rebuild guides.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub equivalents: IndexMap<String, String>,
    /// What an object that `prepare` makes will be like, where the interface can make objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_object: Option<CustomObject>,
}

impl Destination {
    /// An account that nothing is known about yet.
    pub fn new(kind: impl Into<String>, account: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            account: account.into(),
            schema: Schema::default(),
            abilities: IndexMap::new(),
            users: Vec::new(),
            items: Vec::new(),
            permissions: IndexMap::new(),
            caps: IndexMap::new(),
            gotchas: Vec::new(),
            costs: IndexMap::new(),
            allowance: None,
            quiet: IndexMap::new(),
            equivalents: IndexMap::new(),
            custom_object: None,
        }
    }

    /// The same account with one more object, and what can be done with it.
    pub fn with_object(mut self, object: ObjectSchema, abilities: Abilities) -> Self {
        self.abilities.insert(object.name.clone(), abilities);
        self.schema.objects.insert(object.name.clone(), object);
        self
    }
}

/// Whether the credentials may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// They may.
    Yes,
    /// They may not.
    No,
    /// The interface does not tell.
    Unknown,
}

/// Somebody who can own records at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Id at the destination.
    pub id: RecordId,
    /// E-mail address, as the CRM spells it.
    pub email: String,
    /// Name for people.
    pub name: String,
    /// Can own records now.
    pub active: bool,
    /// The owner of the credentials: never an owner by accident.
    pub importing: bool,
}

/// What kind of schema item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each name is the CRM term it stands for")]
pub enum ItemKind {
    Pipeline,
    Stage,
    Field,
    Option,
    Label,
    /// An object that people added to the CRM.
    Object,
    ActivityType,
    LeadSource,
    /// A saved selection of records.
    Filter,
}

impl ItemKind {
    /// Its name in plans and registries: `activity_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Stage => "stage",
            Self::Field => "field",
            Self::Option => "option",
            Self::Label => "label",
            Self::Object => "object",
            Self::ActivityType => "activity_type",
            Self::LeadSource => "lead_source",
            Self::Filter => "filter",
        }
    }
}

/// A part of a destination's schema: a pipeline, stage, custom field, pick-list option, label, custom object and what else
/// `prepare` can make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaItem {
    /// What it is.
    pub kind: ItemKind,
    /// The object it belongs to: deals for pipelines and stages, the field's object for fields, options and labels.
    pub object: ObjectName,
    /// Id of what it hangs under: a stage's pipeline, the field of an option or label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its name for people. Not unique in most CRMs.
    pub name: String,
    /// A field's type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<FieldType>,
    /// A new pick-list field's options, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A stage's probability in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<u8>,
    /// Which records a filter shows: those that fit all of these, in the destination's fields and labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Predicate>,
}

impl SchemaItem {
    /// An item of which no more is told than its name.
    pub fn new(kind: ItemKind, object: impl Into<ObjectName>, name: impl Into<String>) -> Self {
        Self {
            kind,
            object: object.into(),
            parent: None,
            name: name.into(),
            ty: None,
            options: Vec::new(),
            probability: None,
            conditions: Vec::new(),
        }
    }
}

/// What an object that `prepare` makes will be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomObject {
    /// The fields that every new object has. Its name and label are nobody's yet.
    pub schema: ObjectSchema,
    /// What can be done with its records.
    pub abilities: Abilities,
}

/// A schema item that exists at the destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExistingItem {
    /// Its id: a pipeline's, stage's or option's id, a field's key.
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub item: SchemaItem,
}

/// Operations on one object.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteBatch {
    /// The object written to.
    pub object: ObjectName,
    /// At most as many as the object's batch size.
    pub operations: Vec<Operation>,
    /// No request of the batch may leave after this moment. What cannot leave by then answers `After`, unsent.
    pub send_before: DateTime<Utc>,
}

/// One record to write, in destination terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Create or update.
    pub kind: OperationKind,
    /// The values. The marker is among them where the object has one.
    pub fields: Fields,
}

/// Create or update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// A new record.
    Create,
    /// New values for the fields named; all others stay.
    Update {
        /// The record.
        id: RecordId,
        /// The version it must still have, where the abilities ask for one.
        version: Option<String>,
    },
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The record's id.
    pub id: RecordId,
    /// The record after the write, where the answer carries it whole. The engine fetches it otherwise.
    pub stored: Option<Stored>,
}

/// A record as the destination has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its id.
    pub id: RecordId,
    /// Every field of the schema that has a value, in the vocabulary of [`Value`].
    pub fields: Fields,
    /// It lies in the trash.
    pub trashed: bool,
    /// When it was last changed.
    pub modified: Option<DateTime<Utc>>,
    /// Its version, for destinations with optimistic locking.
    pub version: Option<String>,
    /// How many live records of each object hang on it (notes, files, people, deals …), where the answer tells.
    pub attached: IndexMap<ObjectName, u64>,
}

impl Stored {
    /// A live record of which no more is known than its values.
    pub fn new(id: impl Into<RecordId>, fields: Fields) -> Self {
        Self { id: id.into(), fields, trashed: false, modified: None, version: None, attached: IndexMap::new() }
    }
}

/// What to look for after a lost answer: every record created at or after `sent_after` whose fields all equal these.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The marker alone where the object has one, otherwise the witness.
    pub fields: Fields,
    /// No request can have left before this moment (skew included).
    pub sent_after: DateTime<Utc>,
}

/// Writes to a CRM.
///
/// # Contract
/// - `describe` reads only, and tells the account as it is now: after [`Provisioner::create`] the new item is in it.
/// - `write` gives one result per operation, in order. One bad record does not sink the others, unless the abilities say
///   `atomic`. An outer error speaks for every operation of the batch.
/// - A field or option that the schema does not name is refused (`Rejected`, `Never`) before anything is sent, never dropped.
/// - No request leaves after `send_before`; what cannot leave by then answers `After` and was not sent.
/// - An update changes the fields it names and no other. Repeated, it changes nothing more.
/// - Secrets appear in no `Debug`, error or span.
///
/// # Errors
/// `Verify` where a create may have been applied; `After` only where it certainly was not. A call that may succeed later is
/// never `Never`. The connector itself never sends again what may have been applied. Wrong credentials are `Auth` with `Never`
/// and are not retried.
///
/// # Cancellation
/// A dropped `write` may have been applied, once. The record can then be found with [`Reader::find`].
#[async_trait]
pub trait DestinationWriter: Debug + Send + Sync + 'static {
    /// Account id, schema, users, permissions, caps and abilities.
    async fn describe(&self) -> Result<Destination>;

    /// Performs the operations. The engine calls it concurrently where the batch size is 1.
    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>>;

    /// Whether a stored value is the one that was written, in the spelling that this CRM gives it: addresses in lower case, phone
    /// numbers in one form. Pure; asked only where the two are not the same anyway.
    fn respells(&self, _field: &FieldSchema, _written: &Value, _stored: Option<&Value>) -> bool {
        false
    }

    /// Whether it only delivers: what was written lies in files that people import, and what is read back is those files. A run
    /// ends delivered then, and nothing says that it arrived.
    fn delivers(&self) -> bool {
        false
    }

    /// Finding, fetching and scanning, if the destination can be read.
    fn reader(&self) -> Option<&dyn Reader> {
        None
    }

    /// Removing, if records can be removed.
    fn remover(&self) -> Option<&dyn Remover> {
        None
    }

    /// Creating and retiring schema items, if the interface can.
    fn provisioner(&self) -> Option<&dyn Provisioner> {
        None
    }

    /// Uploads, if files can be stored. Records of objects with the concept `File` go through it, one a call, and not through
    /// [`write`](Self::write).
    fn file_sink(&self) -> Option<&dyn FileSink> {
        None
    }
}

/// Reads a destination back.
///
/// # Contract
/// Consistent with every write that was answered before the call, or `Retry::After` until it can be.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Per probe every record it fits, trashed ones where the abilities say so.
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>>;

    /// The records by id, in order; `None` where there is none. A trashed record comes with `trashed` set, or as `None`.
    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>>;

    /// Every live record of an object, page by page.
    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>>;
}

/// Removes records.
#[async_trait]
pub trait Remover: Send + Sync {
    /// Removes a record. Already gone is success. No request leaves after `send_before`.
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()>;

    /// The most records that one [`remove_all`](Self::remove_all) takes.
    fn at_once(&self) -> usize {
        1
    }

    /// Removes records of one object, each as [`remove`](Self::remove) does, with one answer per record in order.
    async fn remove_all(
        &self,
        object: &ObjectName,
        records: &[(RecordId, Option<String>)],
        send_before: DateTime<Utc>,
    ) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(records.len());
        for (id, version) in records {
            answers.push(self.remove(object, id, version.as_deref(), send_before).await);
        }
        answers
    }
}

/// Creates and retires parts of the destination's schema.
///
/// # Errors
/// As [`DestinationWriter::write`]: a create whose answer was lost is `Verify`.
#[async_trait]
pub trait Provisioner: Send + Sync {
    /// Creates an item and gives its id. No request leaves after `send_before`.
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String>;

    /// Removes an item. Already gone is success.
    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()>;
}

/// A destination that programs pick at run time.
pub type SharedDestination = Arc<dyn DestinationWriter>;
