//! What the objects and fields are, with what they mean.

use crmkit_core::{FieldConcept as F, FieldSchema, FieldType as T, ObjectConcept as O, ObjectSchema};

use super::activities::OBJECTS;

fn text(name: &str, label: &str) -> FieldSchema {
    FieldSchema::new(name, label, T::text())
}

fn field(name: &str, label: &str, ty: T, concept: F) -> FieldSchema {
    FieldSchema::new(name, label, ty).means(concept)
}

fn link(name: &str, label: &str, to: &str, concept: F) -> FieldSchema {
    field(name, label, T::link(to), concept)
}

fn object(name: &str, label: &str, concept: O, fields: impl IntoIterator<Item = FieldSchema>) -> ObjectSchema {
    let object = ObjectSchema::new(name, label, concept).with(text("id", "Id").means(F::Id));
    fields.into_iter().fold(object, ObjectSchema::with)
}

fn created() -> FieldSchema {
    field("created_at", "Created at", T::Timestamp, F::CreatedAt)
}

fn updated() -> FieldSchema {
    field("updated_at", "Updated at", T::Timestamp, F::ModifiedAt)
}

fn labels() -> FieldSchema {
    field("labels", "Tags", T::Options, F::Labels)
}

fn owner() -> FieldSchema {
    link("owner", "Owner", "owners", F::Owner)
}

fn contact() -> FieldSchema {
    link("contact", "Contact", "contacts", F::Person)
}

fn contacts() -> FieldSchema {
    field("contacts", "Further contacts", T::Links { to: vec!["contacts".into()] }, F::People)
}

fn company() -> FieldSchema {
    link("company", "Company", "companies", F::Organization)
}

fn deal() -> FieldSchema {
    link("deal", "Deal", "deals", F::Deal)
}

/// All objects, without what the data add: custom fields and entries of pick-lists.
pub(super) fn objects() -> Vec<ObjectSchema> {
    let mut objects = vec![
        object(
            "owners",
            "Owners",
            O::User,
            [
                text("name", "Name").means(F::Name),
                field("email", "E-mail", T::Emails, F::Emails),
                FieldSchema::new("active", "Active", T::Bool),
            ],
        ),
        object(
            "companies",
            "Companies",
            O::Organization,
            [
                text("name", "Name").means(F::Name),
                text("domain", "Domain").means(F::Domain),
                field("website", "Website", T::Url, F::Website),
                field("industry", "Industry", T::Option, F::Industry),
                field("employee_count", "Employees", T::Int, F::EmployeeCount),
                text("size", "Size"),
                field("revenue", "Estimated revenue", T::Money, F::Revenue),
                field("address", "Address", T::Address, F::Address),
                FieldSchema::new("linkedin", "LinkedIn", T::Url),
                labels(),
                owner(),
                created(),
                updated(),
            ],
        ),
        object(
            "contacts",
            "Contacts",
            O::Person,
            [
                text("first_name", "First name").means(F::GivenName),
                text("last_name", "Last name").means(F::FamilyName),
                text("name", "Name").means(F::Name),
                field("emails", "E-mail", T::Emails, F::Emails),
                field("phones", "Phone", T::Phones, F::Phones),
                text("job_title", "Title").means(F::JobTitle),
                company(),
                FieldSchema::new("linkedin", "LinkedIn", T::Url),
                FieldSchema::new("remarks", "Remarks", T::LongText),
                labels(),
                owner(),
                created(),
                updated(),
            ],
        ),
        object(
            "pipelines",
            "Pipelines",
            O::Pipeline,
            [text("name", "Name").means(F::Name), FieldSchema::new("position", "Position", T::Int)],
        ),
        object(
            "stages",
            "Stages",
            O::Stage,
            [
                text("name", "Name").means(F::Name),
                link("pipeline", "Pipeline", "pipelines", F::Pipeline),
                FieldSchema::new("position", "Position", T::Int),
                field("kind", "Outcome", T::Option, F::Status),
            ],
        ),
        object(
            "deals",
            "Deals",
            O::Deal,
            [
                text("name", "Name").means(F::Name),
                field("value", "Value", T::Money, F::Amount),
                text("currency", "Currency").means(F::Currency),
                field("pipeline", "Pipeline", T::Option, F::Pipeline),
                field("stage", "Stage", T::Option, F::Stage),
                field("status", "Status", T::Option, F::Status),
                field("expected_close_date", "Expected close date", T::Date, F::ExpectedCloseDate),
                company(),
                contact(),
                contacts(),
                labels(),
                owner(),
                created(),
            ],
        ),
    ];
    let named = ["E-mails", "Calls", "Meetings", "Messages and tasks"];
    for (name, label) in OBJECTS.into_iter().zip(named) {
        objects.push(object(
            name,
            label,
            O::Activity,
            [
                text("subject", "Subject").means(F::Subject),
                field("body", "Text", T::Rich, F::Body),
                field("start", "Occurred at", T::Timestamp, F::Start),
                field("duration", "Duration", T::Duration, F::Duration),
                field("done", "Done", T::Bool, F::Done),
                field("direction", "Direction", T::Option, F::Direction),
                FieldSchema::new("sentiment", "Sentiment", T::Option),
                text("channel", "Channel"),
                field("attendees", "Further contacts", T::Emails, F::Attendees),
                contact(),
                company(),
                deal(),
                owner(),
            ],
        ));
    }
    objects.push(object(
        "notes",
        "Notes",
        O::Note,
        [
            field("body", "Text", T::Rich, F::Body),
            contact(),
            company(),
            deal(),
            link("author", "Author", "owners", F::Author),
            created(),
        ],
    ));
    let activities = T::Link { to: OBJECTS.into_iter().map(Into::into).collect() };
    objects.push(object(
        "attachments",
        "Attachments",
        O::File,
        [
            text("name", "File name").means(F::Name),
            text("place", "Address or path").means(F::Url),
            field("size", "Size", T::Int, F::Size),
            text("sha256", "SHA-256").means(F::ContentHash),
            text("content_type", "Content type").means(F::MediaType),
            deal(),
            FieldSchema::new("activity", "Activity", activities),
        ],
    ));
    objects
}

/// What a person should know before moving off Klipy.
pub(super) const GOTCHAS: [&str; 7] = [
    "the interface (v1, beta) gives people, companies and interactions; deals, notes, tags, custom fields, files and owners come from \
     CSV files that somebody fills in",
    "there is no call that lists companies: those that no contact and no interaction names are known from CSV only",
    "contacts come from mail sync: expect addresses that nobody meant to keep, and the same person several times",
    "nothing is sent by Klipy itself, so there are no sequences to move",
    "stages can be renamed and reordered by an administrator; have the order confirmed",
    "interactions name who made them by an id: give the ids in the column User ID of owners.csv",
    "200 calls a minute and key: ten thousand companies take about an hour",
];
