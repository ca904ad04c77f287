//! The contract's objects and columns.

use crmkit_core::{FieldConcept as F, ObjectConcept as O};

use super::values::Kind;

/// An object of the contract.
#[derive(Debug)]
pub(super) struct Standard {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) concept: O,
    /// Columns that make the id.
    pub(super) id: &'static [&'static str],
    pub(super) columns: &'static [Column],
}

/// A column of the contract and what it becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) concept: Option<F>,
}

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A field of its own.
    Cell(Kind),
    /// A link to this object.
    Link(&'static str),
    /// A name that stands for a link where the id column is empty.
    LinkByName(&'static str),
    /// A part of `address`, in the order of `address_street` to `address_country`.
    Address(usize),
    /// One of the columns that become this list.
    Several(&'static str, Kind),
    /// An amount, with `currency` beside it.
    Money,
    /// The name, or given and family name together where it is empty.
    FullName,
    /// Text whose markup `format` names.
    Body,
    /// The markup of the body.
    Format,
    /// What `parent_id` refers to.
    ParentType,
    /// The record it hangs on.
    ParentId,
    /// A stage by id, with its pipeline's name in the label.
    StageId,
    /// A stage by name.
    StageName,
    /// A pipeline by id.
    PipelineId,
    /// Words and times that tell whether it is done.
    DoneStatus,
}

const fn cell(name: &'static str, kind: Kind) -> Column {
    Column { name, role: Role::Cell(kind), concept: None }
}

const fn link(name: &'static str, to: &'static str, concept: F) -> Column {
    Column { name, role: Role::Link(to), concept: Some(concept) }
}

const fn role(name: &'static str, role: Role) -> Column {
    Column { name, role, concept: None }
}

impl Column {
    const fn means(self, concept: F) -> Self {
        Self { concept: Some(concept), ..self }
    }
}

use Kind::{Bool, Date, Decimal, Duration, Emails, Int, LongText, Moment, Option as Choice, Phones, Rich, Text, Url};

/// Columns that every object may have.
pub(super) const COMMON: &[Column] = &[
    link("owner_id", "users", F::Owner),
    cell("created_at", Moment).means(F::CreatedAt),
    cell("updated_at", Moment).means(F::ModifiedAt),
];

/// Columns that a custom object may have beside its own.
pub(super) const CUSTOM: &[Column] = &[
    cell("id", Text).means(F::Id),
    cell("name", Text).means(F::Name),
    link("contact_id", "contacts", F::Person),
    link("company_id", "companies", F::Organization),
    link("deal_id", "deals", F::Deal),
];

const ADDRESS: [Column; 5] = [
    role("address_street", Role::Address(0)),
    role("address_city", Role::Address(1)),
    role("address_state", Role::Address(2)),
    role("address_postal", Role::Address(3)),
    role("address_country", Role::Address(4)),
];

const ID: Column = cell("id", Text).means(F::Id);
const CONTACT: Column = link("contact_id", "contacts", F::Person);
const COMPANY: Column = link("company_id", "companies", F::Organization);
const DEAL: Column = link("deal_id", "deals", F::Deal);
const PRIMARY: Column = link("primary_contact_id", "contacts", F::Person);
const CURRENCY: Column = cell("currency", Text).means(F::Currency);

/// All objects, in the order in which they are described.
pub(super) const STANDARD: &[Standard] = &[
    Standard {
        name: "users",
        label: "Users",
        concept: O::User,
        id: &["id"],
        columns: &[
            ID,
            cell("name", Text).means(F::Name),
            role("email", Role::Several("email", Emails)).means(F::Emails),
            cell("active", Bool),
        ],
    },
    Standard {
        name: "companies",
        label: "Companies",
        concept: O::Organization,
        id: &["id"],
        columns: &[
            ID,
            cell("name", Text).means(F::Name),
            cell("domain", Text).means(F::Domain),
            cell("website", Url).means(F::Website),
            cell("industry", Choice).means(F::Industry),
            cell("employee_count", Int).means(F::EmployeeCount),
            role("annual_revenue", Role::Money).means(F::Revenue),
            CURRENCY,
            role("phone", Role::Several("phone", Phones)).means(F::Phones),
            ADDRESS[0],
            ADDRESS[1],
            ADDRESS[2],
            ADDRESS[3],
            ADDRESS[4],
            link("parent_id", "companies", F::Parent),
            PRIMARY,
        ],
    },
    Standard {
        name: "contacts",
        label: "Contacts",
        concept: O::Person,
        id: &["id"],
        columns: &[
            ID,
            cell("first_name", Text).means(F::GivenName),
            cell("last_name", Text).means(F::FamilyName),
            role("name", Role::FullName).means(F::Name),
            role("email", Role::Several("emails", Emails)).means(F::Emails),
            role("emails", Role::Several("emails", Emails)).means(F::Emails),
            role("phone", Role::Several("phones", Phones)).means(F::Phones),
            role("phones", Role::Several("phones", Phones)).means(F::Phones),
            cell("job_title", Text).means(F::JobTitle),
            ADDRESS[0],
            ADDRESS[1],
            ADDRESS[2],
            ADDRESS[3],
            ADDRESS[4],
            COMPANY,
            cell("lifecycle_stage", Choice).means(F::LifecycleStage),
            cell("lifecycle_changed_at", Moment),
            cell("lead_status", Choice),
        ],
    },
    Standard {
        name: "leads",
        label: "Leads",
        concept: O::Lead,
        id: &["id"],
        columns: &[
            ID,
            cell("first_name", Text).means(F::GivenName),
            cell("last_name", Text).means(F::FamilyName),
            role("name", Role::FullName).means(F::Name),
            role("email", Role::Several("email", Emails)).means(F::Emails),
            role("phone", Role::Several("phone", Phones)).means(F::Phones),
            cell("company_name", Text),
            CONTACT,
            COMPANY,
            role("value", Role::Money).means(F::Amount),
            CURRENCY,
            cell("status", Choice),
            cell("source", Choice),
            cell("converted", Bool),
            cell("converted_at", Moment),
            role("converted_contact_id", Role::Link("contacts")),
            role("converted_deal_id", Role::Link("deals")),
        ],
    },
    Standard {
        name: "pipelines",
        label: "Pipelines",
        concept: O::Pipeline,
        id: &["id"],
        columns: &[ID, cell("name", Text).means(F::Name), cell("position", Int)],
    },
    Standard {
        name: "stages",
        label: "Stages",
        concept: O::Stage,
        id: &["id"],
        columns: &[
            ID,
            cell("name", Text).means(F::Name),
            link("pipeline_id", "pipelines", F::Pipeline),
            cell("position", Int),
            cell("probability", Decimal).means(F::Probability),
            cell("kind", Choice).means(F::Status),
        ],
    },
    Standard {
        name: "deals",
        label: "Deals",
        concept: O::Deal,
        id: &["id"],
        columns: &[
            ID,
            cell("name", Text).means(F::Name),
            role("amount", Role::Money).means(F::Amount),
            CURRENCY,
            role("pipeline_id", Role::PipelineId).means(F::Pipeline),
            role("stage_id", Role::StageId).means(F::Stage),
            role("stage_name", Role::StageName).means(F::Stage),
            cell("probability", Decimal).means(F::Probability),
            cell("status", Choice).means(F::Status),
            cell("expected_close_date", Date).means(F::ExpectedCloseDate),
            cell("close_date", Date).means(F::ClosedAt),
            cell("won_at", Moment).means(F::WonAt),
            cell("lost_at", Moment).means(F::LostAt),
            cell("lost_reason", Text).means(F::LostReason),
            COMPANY,
            PRIMARY,
        ],
    },
    Standard {
        name: "deal_contacts",
        label: "Deal contacts",
        concept: O::Link,
        id: &["deal_id", "contact_id"],
        columns: &[DEAL, CONTACT, cell("role", Text)],
    },
    Standard {
        name: "tasks",
        label: "Tasks",
        concept: O::Activity,
        id: &["id"],
        columns: &[
            ID,
            cell("subject", Text).means(F::Subject),
            cell("description", LongText).means(F::Body),
            cell("due_at", Moment).means(F::Due),
            role("status", Role::DoneStatus),
            cell("completed_at", Moment),
            cell("priority", Choice).means(F::Priority),
            CONTACT,
            COMPANY,
            DEAL,
        ],
    },
    Standard {
        name: "calls",
        label: "Calls",
        concept: O::Activity,
        id: &["id"],
        columns: &[
            ID,
            cell("subject", Text).means(F::Subject),
            cell("notes", LongText).means(F::Body),
            cell("started_at", Moment).means(F::Start),
            cell("duration_seconds", Duration).means(F::Duration),
            cell("outcome", Choice),
            cell("disposition", Choice),
            cell("direction", Choice),
            CONTACT,
            role("contact_name", Role::LinkByName("contact_id")),
            COMPANY,
            DEAL,
        ],
    },
    Standard {
        name: "emails",
        label: "E-mails",
        concept: O::Activity,
        id: &["id"],
        columns: &[
            ID,
            cell("subject", Text).means(F::Subject),
            cell("body_html", Rich(crmkit_core::Markup::Html)).means(F::Body),
            cell("body_text", LongText).means(F::Body),
            cell("sent_at", Moment).means(F::Start),
            cell("direction", Choice),
            role("from", Role::Several("from", Emails)),
            role("to", Role::Several("to", Emails)).means(F::Attendees),
            role("cc", Role::Several("cc", Emails)),
            role("bcc", Role::Several("bcc", Emails)),
            cell("thread_id", Text),
            CONTACT,
            COMPANY,
            DEAL,
        ],
    },
    Standard {
        name: "meetings",
        label: "Meetings",
        concept: O::Activity,
        id: &["id"],
        columns: &[
            ID,
            cell("title", Text).means(F::Subject),
            cell("agenda", LongText).means(F::Body),
            cell("start_at", Moment).means(F::Start),
            cell("end_at", Moment).means(F::End),
            cell("location", Text).means(F::Location),
            role("attendees", Role::Several("attendees", Emails)).means(F::Attendees),
            role("organizer_email", Role::Several("organizer_email", Emails)),
            cell("outcome", Choice),
            cell("recurrence_rule", Text),
            cell("series_id", Text),
            CONTACT,
            COMPANY,
            DEAL,
        ],
    },
    Standard {
        name: "notes",
        label: "Notes",
        concept: O::Note,
        id: &["id"],
        columns: &[
            ID,
            role("body", Role::Body).means(F::Body),
            role("format", Role::Format),
            link("author_id", "users", F::Author),
            role("parent_type", Role::ParentType),
            role("parent_id", Role::ParentId),
        ],
    },
    Standard {
        name: "attachments",
        label: "Attachments",
        concept: O::File,
        id: &["id"],
        columns: &[
            ID,
            cell("file_name", Text).means(F::Name),
            cell("path_or_url", Text),
            cell("size_bytes", Int),
            cell("content_type", Text),
            cell("sha256", Text),
            cell("uploaded_at", Moment).means(F::CreatedAt),
            role("parent_type", Role::ParentType),
            role("parent_id", Role::ParentId),
        ],
    },
    Standard {
        name: "tags",
        label: "Tags",
        concept: O::Tag,
        id: &["tag", "object_type", "object_id"],
        columns: &[
            cell("tag", Text).means(F::Name),
            role("object_type", Role::ParentType),
            role("object_id", Role::ParentId),
        ],
    },
    Standard {
        name: "workflows",
        label: "Automations",
        concept: O::Automation,
        id: &["id"],
        columns: &[ID, cell("name", Text).means(F::Name), cell("definition", LongText)],
    },
];

/// The contract's object of that name.
pub(super) fn standard(name: &str) -> Option<&'static Standard> {
    STANDARD.iter().find(|standard| standard.name == name)
}
