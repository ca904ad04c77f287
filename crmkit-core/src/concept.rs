//! What objects and fields mean across CRMs: connectors name concepts, and so never each other.

use serde::{Deserialize, Serialize};

/// What an object means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "each name is the CRM term it stands for")]
pub enum ObjectConcept {
    Organization,
    Person,
    Lead,
    Deal,
    Pipeline,
    Stage,
    Activity,
    Note,
    File,
    Tag,
    User,
    Consent,
    Event,
    Segment,
    Automation,
    CustomObject,
    /// A many-to-many relation, or a relation that is itself a record.
    Link,
}

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "each name is the CRM term it stands for")]
pub enum FieldConcept {
    /// The record's display name or title.
    Name,
    GivenName,
    FamilyName,
    Emails,
    Phones,
    Website,
    Domain,
    Address,
    Industry,
    EmployeeCount,
    Revenue,
    JobTitle,
    BirthDate,
    Amount,
    Currency,
    Probability,
    Pipeline,
    Stage,
    /// Open, won or lost.
    Status,
    ExpectedCloseDate,
    /// When it was won or lost.
    ClosedAt,
    WonAt,
    LostAt,
    LostReason,
    Owner,
    /// The record above this one, of the same object.
    Parent,
    Organization,
    Person,
    Deal,
    Lead,
    Subject,
    Body,
    Start,
    End,
    Due,
    Duration,
    Done,
    Priority,
    Location,
    Attendees,
    /// Several people of a deal or an activity.
    People,
    /// Who watches a record.
    Followers,
    /// Which kind of activity.
    Kind,
    /// What came of an activity.
    Outcome,
    /// Coming in or going out.
    Direction,
    /// The rule by which an activity repeats.
    Recurrence,
    Author,
    Labels,
    /// Where a lead came from.
    LeadSource,
    /// A file's size in bytes.
    Size,
    /// A file's media type.
    MediaType,
    /// A file's SHA-256, in hexadecimal digits.
    ContentHash,
    /// Where something can be fetched.
    Url,
    /// How something works, as JSON in a text: an automation's steps, a segment's rules.
    Definition,
    LifecycleStage,
    CreatedAt,
    ModifiedAt,
    /// The record's id in its own CRM.
    Id,
}
