//! The plan of these tests, and what a person knows of it and of the vendor's product: never read off a report.

use crmkit_core::{
    FieldLine, Mapping, Plan, TransformCall, Unresolved,
    testing::generate::{LinkRule, Treatment},
};
use serde_json::json;

/// The largest file that the account takes in these tests.
pub(crate) const FILE_BYTES: u64 = 100_000;

/// What becomes of the export's records under [`careful`]'s plan.
pub(crate) fn treatment() -> Treatment {
    let mut treatment = Treatment::engine()
        // A lead belongs to a person or an organization; what it was converted into is kept as text.
        .attached("leads")
        .unmapped("leads", "converted_contact_id")
        .unmapped("leads", "converted_deal_id")
        // A call whose caller nobody knows belongs to its company or deal.
        .unmapped("calls", "contact_id")
        // Files may hang on nothing, and nobody owns them.
        .unattached("attachments")
        .ignoring("attachments", "no_owner")
        .ignoring("attachments", "owner_unknown")
        .largest_file(FILE_BYTES)
        .longest("notes", "body", 100_000)
        // Hearings become notes about their deal: their name is not needed, and what else they have stays behind.
        .attached("custom/hearings")
        .ignoring("custom/hearings", "missing_name")
        .unmapped("custom/hearings", "cf_court")
        .unmapped("custom/hearings", "cf_held_at")
        .link("companies", "primary_contact_id", LinkRule::Dropped);
    for field in ["task_id", "call_id", "meeting_id", "note_id", "hearing_id"] {
        treatment = treatment.unmapped("attachments", field);
    }
    for field in ["task_id", "call_id", "email_id", "meeting_id", "hearing_id"] {
        treatment = treatment.unmapped("notes", field);
    }
    for object in
        ["tags", "custom/courts", "custom/risk_profiles", "links/companies__contacts", "links/contacts__hearings"]
    {
        treatment = treatment.without(object);
    }
    treatment
}

/// The proposal as a careful person leaves it.
pub(crate) fn careful(plan: &mut Plan) {
    // What custom objects become is this plan's own affair.
    plan.mappings.retain(|mapping| !mapping.from.as_str().starts_with("custom/"));
    plan.questions.retain(|question| !question.id.starts_with("fold."));
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "owners.fallback" | "owners.unowned" => "hold",
            "left_behind" => "leave them behind",
            merge if merge.starts_with("merge.") => "no",
            other => panic!("nobody expects the question {other}: {}", question.text),
        };
        plan.answer(&question.id, answer).expect("an answer");
    }
    plan.stop_when = 1.0;
    for mapping in &mut plan.mappings {
        if mapping.from == "calls" {
            let caller = mapping.fields.iter_mut().find(|line| line.to == "person_id").expect("calls have callers");
            caller.unresolved = Unresolved::Leave;
        }
        if mapping.from == "attachments" {
            mapping.fields.push(link("attachments.activity_id", "email_id", "activity_id", "emails"));
        }
    }
    let mut people = Mapping::new("deal_contacts", "deal_contacts", "deal_participant");
    for (from, to, target) in [("deal_id", "deal_id", "deals"), ("contact_id", "person_id", "contacts")] {
        people.fields.push(FieldLine { required: true, ..link(&format!("deal_contacts.{to}"), from, to, target) });
    }
    let mut hearings = Mapping::new("hearings", "custom/hearings", "note");
    let mut content = FieldLine::new("hearings.content", ["name", "cf_transcript"], "content");
    content.transforms = vec![TransformCall::with("template", json!("{name|Hearing}: {cf_transcript}"))];
    hearings.fields = vec![
        content,
        FieldLine::new("hearings.add_time", ["created_at"], "add_time"),
        FieldLine::new("hearings.user_id", ["owner_id"], "user_id"),
        link("hearings.deal_id", "deal_id", "deal_id", "deals"),
        link("hearings.person_id", "contact_id", "person_id", "contacts"),
    ];
    plan.mappings.extend([people, hearings]);
}

fn link(id: &str, from: &str, to: &str, target: &str) -> FieldLine {
    FieldLine { link: Some(target.into()), ..FieldLine::new(id, [from], to) }
}
