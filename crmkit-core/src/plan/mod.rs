//! The plan: the map from one CRM to another that a person confirms, as a document.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{FieldName, FieldType, ItemKind, MappingId, ObjectName, RecordId};

mod answer;
mod call;
mod check;
mod graph;
mod prepared;
mod preview;
mod shape;
mod spans;
mod suggest;
mod toml;
mod write;

pub use call::TransformCall;
pub(crate) use check::custom_fields;
pub use graph::{PhasePlan, PhaseTask};
pub(crate) use prepared::same_name;
pub use preview::{FieldPreview, MappingPreview, Preview, PreviewOutcome};

/// The map from one CRM to another, as a person confirms it.
///
/// Written as TOML or JSON, with `format = "crmkit.plan"` and `version = 1`. Once approved it is frozen in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always [`Plan::FORMAT`].
    pub format: String,
    /// Always [`Plan::VERSION`].
    pub version: u32,
    /// Raised by every edit of a draft; an edit of an older revision is refused.
    #[serde(default)]
    pub revision: u32,
    /// Where records come from.
    pub source: PlanEnd,
    /// Where records go.
    pub destination: PlanEnd,
    /// The zone of times that carry none (IANA name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The zone in which a moment becomes a day (IANA name); UTC where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_zone: Option<String>,
    /// The currency of amounts that carry none (ISO 4217).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The largest share of held records with which a phase counts as clean.
    #[serde(default = "default_stop_when")]
    pub stop_when: f64,
    /// Codes of blocking findings that a person takes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Who owns what arrives.
    #[serde(default)]
    pub owners: OwnerPlan,
    /// The trial run.
    #[serde(default)]
    pub sample: SamplePlan,
    /// What a delta does.
    #[serde(default, skip_serializing_if = "DeltaPlan::is_default")]
    pub delta: DeltaPlan,
    /// How it can be taken back.
    #[serde(default, skip_serializing_if = "RollbackPlan::is_default")]
    pub rollback: RollbackPlan,
    /// What a person still has to answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// Pipelines to make, with their stages in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipelines: Vec<PipelinePlan>,
    /// Custom objects to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectPlan>,
    /// Custom fields to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPlan>,
    /// Options, labels, activity types, lead sources and filters to make where they are not there yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemPlan>,
    /// Which object feeds which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<Mapping>,
}

impl Plan {
    /// The document's format name.
    pub const FORMAT: &'static str = "crmkit.plan";
    /// The document's version.
    pub const VERSION: u32 = 1;

    /// A plan that moves nothing yet.
    pub fn new(source: PlanEnd, destination: PlanEnd) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            revision: 0,
            source,
            destination,
            time_zone: None,
            date_zone: None,
            currency: None,
            stop_when: default_stop_when(),
            accept: Vec::new(),
            owners: OwnerPlan::default(),
            sample: SamplePlan::default(),
            delta: DeltaPlan::default(),
            rollback: RollbackPlan::default(),
            questions: Vec::new(),
            pipelines: Vec::new(),
            objects: Vec::new(),
            fields: Vec::new(),
            items: Vec::new(),
            mappings: Vec::new(),
        }
    }

    /// The mapping of that id.
    pub fn mapping(&self, id: &MappingId) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.id == *id)
    }
}

fn default_stop_when() -> f64 {
    0.01
}

/// One side of the migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanEnd {
    /// The connector's kind: `"allegory"`.
    pub kind: String,
    /// The source instance or destination account the plan was made for; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// Who owns what arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnerPlan {
    /// E-mail of the member who owns what an unmatched owner had. Without it such records are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// E-mail of the member who owns what nobody owned. Without it such records are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unowned: Option<String>,
    /// From a source user's id, e-mail or name to a member's e-mail.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub aliases: IndexMap<String, String>,
}

/// The trial run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplePlan {
    /// Records in all, links closed over.
    pub size: usize,
    /// The written sample stays and counts as part of the run; otherwise it is rolled back.
    pub keep: bool,
    /// Makes the choice repeatable.
    pub seed: u64,
}

impl Default for SamplePlan {
    fn default() -> Self {
        Self { size: 300, keep: false, seed: 1 }
    }
}

/// What a delta does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaPlan {
    /// What it does with a record that changed at both ends.
    pub conflict: ConflictPolicy,
    /// What it does with the destination record of one that is gone at the source.
    pub gone: GonePolicy,
    /// The share of an object's records that may be gone before a person has to decide about removing any.
    pub shrink: f64,
}

impl Default for DeltaPlan {
    fn default() -> Self {
        Self { conflict: ConflictPolicy::default(), gone: GonePolicy::default(), shrink: 0.05 }
    }
}

/// What a delta does with the destination record of one that is gone at the source. Every one is in the delta's report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GonePolicy {
    /// It stays.
    #[default]
    Report,
    /// It is removed, where we made it, nobody changed it or attached something since, and nothing that stays links to it.
    Remove,
}

impl DeltaPlan {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a migration can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RollbackPlan {
    /// Hours after the last pass that wrote; later a rollback needs somebody's name and reason.
    pub window_hours: u32,
}

impl Default for RollbackPlan {
    fn default() -> Self {
        Self { window_hours: 72 }
    }
}

impl RollbackPlan {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a delta does with a record that changed at both ends. Every one is in the delta's report, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// Leaves the destination's record as people made it.
    #[default]
    KeepTheirs,
    /// Writes our values. What people had there is kept as prior values.
    TakeOurs,
    /// Leaves it and holds the source record for a person to decide.
    Hold,
}

/// What a person has to answer before the plan can be approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Stable id.
    pub id: String,
    /// JSON pointer to what the answer changes; empty for the whole plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The question.
    pub text: String,
    /// What could be answered, if that is a short list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The answer. A question without one blocks the approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// A pipeline to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelinePlan {
    /// The destination object whose records move through it.
    pub object: ObjectName,
    /// Its name.
    pub name: String,
    /// Take the existing pipeline of this id instead of making one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_existing: Option<String>,
    /// Its stages, in order.
    pub stages: Vec<StagePlan>,
}

/// A stage to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagePlan {
    /// Its name.
    pub name: String,
    /// Probability of winning, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<u8>,
}

/// A custom object to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectPlan {
    /// Mappings and fields name it `custom:<id>`.
    pub id: String,
    /// Its name for people, in the singular.
    pub name: String,
    /// Take the existing object of this name instead of making one. Never guessed from the name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_existing: Option<ObjectName>,
}

/// Items of one kind to make. One that is there already under the same name is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemPlan {
    /// Which kind: option, label, activity type, lead source or filter.
    pub kind: ItemKind,
    /// The destination object they belong to.
    pub object: ObjectName,
    /// The field of options and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldName>,
    /// Their names, in order.
    pub names: Vec<String>,
    /// Of a filter: which records it shows, in the destination's fields and labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Predicate>,
}

/// A custom field to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPlan {
    /// Lines name it `custom:<id>`.
    pub id: String,
    /// The destination object it belongs to.
    pub object: ObjectName,
    /// Its name for people.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// A pick-list's options, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Take the existing field of this key instead of making one. Never guessed from the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_existing: Option<FieldName>,
}

/// One source object feeding one destination object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Never changes after the first write: it is part of every marker and ledger key.
    pub id: MappingId,
    /// The source object.
    pub from: ObjectName,
    /// The destination object.
    pub to: ObjectName,
    /// Which of the source records, where not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Predicate>,
    /// Source ids to leave behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<RecordId>,
    /// Reviewed duplicates: from a source id to the one that stands for it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub merge: IndexMap<RecordId, RecordId>,
    /// What to do with records the destination already has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<MatchRule>,
    /// The field lines.
    pub fields: Vec<FieldLine>,
}

impl Mapping {
    /// A mapping that fills nothing yet.
    pub fn new(id: impl Into<MappingId>, from: impl Into<ObjectName>, to: impl Into<ObjectName>) -> Self {
        Self {
            id: id.into(),
            from: from.into(),
            to: to.into(),
            when: None,
            exclude: Vec::new(),
            merge: IndexMap::new(),
            matching: None,
            fields: Vec::new(),
        }
    }

    /// The same mapping with one more line.
    pub fn with(mut self, line: FieldLine) -> Self {
        self.fields.push(line);
        self
    }
}

/// A small condition on one field of a source record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The field.
    pub field: FieldName,
    /// Its text is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// Its text is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<String>,
    /// It has a value, or has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<bool>,
}

/// What to do with records the destination already has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// The destination field whose values are compared: e-mail addresses in lower case, other text trimmed and case-folded.
    pub by: FieldName,
    /// What to do with a record that is there.
    pub found: MatchPolicy,
}

/// What to do with a record that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchPolicy {
    /// Make another one.
    Create,
    /// Let it stand for the source record, untouched.
    Link,
    /// Let it stand for the source record and give it our values.
    Update,
    /// Leave the source record out.
    Skip,
}

/// How one destination field is filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldLine {
    /// Stable id: `deals.title`.
    pub id: String,
    /// The source fields, in the order the transforms take them; none where a transform makes the value.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "one_or_several")]
    pub from: Vec<FieldName>,
    /// The destination field, or `custom:<id>` for one of the plan's own.
    pub to: String,
    /// Applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<TransformCall>,
    /// For a link: the mapping that writes the records linked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<MappingId>,
    /// What becomes of a record whose link is in doubt or leads nowhere, where the link is not required.
    #[serde(default, skip_serializing_if = "Unresolved::is_default")]
    pub unresolved: Unresolved,
    /// A record without a value is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What an update does with a value that is there.
    #[serde(default, skip_serializing_if = "Overwrite::is_default")]
    pub overwrite: Overwrite,
    /// How the two sides relate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Badge>,
    /// How sure the proposer is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Why the proposer chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who suggested it, where that was not the proposer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl FieldLine {
    /// A line that fills `to` with the values of `from`.
    ///
    /// ```
    /// use crmkit_core::{FieldLine, Mapping};
    /// let mapping = Mapping::new("companies", "companies", "organization")
    ///     .with(FieldLine::new("companies.name", ["name"], "name"))
    ///     .with(FieldLine::new("companies.parent", ["parent"], "parent").linking("companies"));
    /// assert_eq!(mapping.fields.len(), 2);
    /// ```
    pub fn new<F: Into<FieldName>>(
        id: impl Into<String>,
        from: impl IntoIterator<Item = F>,
        to: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            from: from.into_iter().map(Into::into).collect(),
            to: to.into(),
            transforms: Vec::new(),
            link: None,
            unresolved: Unresolved::default(),
            required: false,
            overwrite: Overwrite::default(),
            badge: None,
            confidence: None,
            reason: None,
            origin: None,
        }
    }

    /// The same line as a link to the records that a mapping writes.
    pub fn linking(mut self, to: impl Into<MappingId>) -> Self {
        self.link = Some(to.into());
        self
    }

    /// The same line with one more transform.
    pub fn through(mut self, transform: TransformCall) -> Self {
        self.transforms.push(transform);
        self
    }
}

/// What an update does with a value that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overwrite {
    /// Replaces it.
    #[default]
    Always,
    /// Leaves it, and fills empty fields only.
    IfEmpty,
    /// Never changes an existing record's field.
    Never,
}

impl Overwrite {
    fn is_default(&self) -> bool {
        *self == Self::Always
    }
}

/// What becomes of a record whose optional link cannot be followed: its target is in doubt, or waits for a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unresolved {
    /// It is held until somebody decides.
    #[default]
    Hold,
    /// It is written without the link, which its report notes: a call whose caller nobody knows still belongs to its company (R91).
    Leave,
}

impl Unresolved {
    fn is_default(&self) -> bool {
        *self == Self::Hold
    }
}

/// How source and destination of a line relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Badge {
    /// One field to one field.
    #[serde(rename = "1:1")]
    OneToOne,
    /// One to several.
    #[serde(rename = "1:many")]
    OneToMany,
    /// Several to one.
    #[serde(rename = "many:1")]
    ManyToOne,
    /// Something is lost on the way.
    #[serde(rename = "lossy")]
    Lossy,
    /// Kept in a field made for it.
    #[serde(rename = "folded")]
    Folded,
    /// Not moved; a guide tells how to rebuild it.
    #[serde(rename = "guide only")]
    GuideOnly,
}

/// A list that may be written as one bare entry.
mod one_or_several {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::FieldName;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(FieldName),
        Several(Vec<FieldName>),
    }

    pub(super) fn serialize<S: Serializer>(names: &[FieldName], to: S) -> Result<S::Ok, S::Error> {
        match names {
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FieldName>, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::One(one) => vec![one],
            Written::Several(several) => several,
        })
    }
}
