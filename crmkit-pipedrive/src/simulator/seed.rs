//! A fresh account: its users, its one pipeline and the fields that every account has.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::Row;
use super::entity::Entity;
use super::store::Store;
use super::time;

/// The company of the default account.
pub(super) const COMPANY: &str = "crmkit-test";

const AGENTS: &str = "Anna Snelling;Cecily Lampkin;Versie Hillebrand;Lajuana Vencill;Moses Frase;Jonathan Berthelot;\
Marty Freudenburg;Gladys Colclough;Niesha Huffines;Darcel Schlecht;Mei-Mei Johns;Violet Mclelland;Corliss Cosme;\
Rosie Papadopoulos;Garret Kinder;Wilburn Farren;Elizabeth Anderson;Daniell Hammack;Cassey Cress;Donn Cantrell;\
Reed Clapper;Boris Faz;Natalya Ivanova;Vicki Laflamme;Rosalina Dieter;Hayden Neloms;Markita Hansen;Elease Gluck;\
Carol Thompson;James Ascencio;Kary Hendrixson;Kami Bicknell;Zane Levy;Maureen Marcano;Carl Lin";

/// The usual stages of a new pipeline, with their probabilities.
pub(super) const STAGES: [&str; 5] =
    ["Qualified", "Contact Made", "Demo Scheduled", "Proposal Made", "Negotiations Started"];

/// The activity types of every new company.
const ACTIVITY_TYPES: [(&str, &str); 6] = [
    ("call", "Call"),
    ("meeting", "Meeting"),
    ("task", "Task"),
    ("deadline", "Deadline"),
    ("email", "Email"),
    ("lunch", "Lunch"),
];

/// The first store of a company.
pub(super) fn fresh(now: DateTime<Utc>) -> Store {
    let mut store = Store::new();
    store.put(Entity::Users, user(1, "Importing User", "admin@crmkit.example", true, now));
    for (id, name) in (2..).zip(AGENTS.split(';')) {
        let email = format!("{}@maven.example", name.to_lowercase().replace(' ', "."));
        store.put(Entity::Users, user(id, name, &email, false, now));
    }
    store.put(Entity::Pipelines, pipeline(1, 1, "Pipeline", false, now));
    for (id, name) in (1..).zip(STAGES) {
        store.put(Entity::Stages, stage(id, 1, id, name, now));
    }
    for (id, (key, name)) in (1..).zip(ACTIVITY_TYPES) {
        store.put(Entity::ActivityTypes, activity_type(id, key, name, now));
    }
    for (number, (name, color)) in (1..).zip([("Hot", "red"), ("Cold", "blue"), ("Warm", "yellow")]) {
        store.put(Entity::LeadLabels, lead_label(number, name, color, now));
    }
    for entity in [
        Entity::DealFields,
        Entity::PersonFields,
        Entity::OrganizationFields,
        Entity::ActivityFields,
        Entity::ProductFields,
    ] {
        for (id, (code, name, kind)) in (1..).zip(builtin_fields(entity)) {
            let options = builtin_options(&mut store, entity, code);
            store.put(entity, builtin_field(id, code, name, kind, &options, now));
        }
    }
    store
}

fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => unreachable!("a row is an object"),
    }
}

/// A user as v1 shows it.
pub(super) fn user(id: i64, name: &str, email: &str, admin: bool, now: DateTime<Utc>) -> Row {
    let access = if admin {
        json!([
            {"app": "sales", "admin": true, "permission_set_id": "62cc4d7f-4038-4352-abf3-a8c1c822b631"},
            {"app": "global", "admin": true, "permission_set_id": "233b7976-39bd-43a9-b305-ef3a2b0998e5"},
            {"app": "account_settings", "admin": true, "permission_set_id": "982c5ce5-b8ba-4b47-b102-9da024f4b990"},
        ])
    } else {
        json!([{"app": "sales", "admin": false, "permission_set_id": "f07d229d-088a-4144-a40f-1fe64295d180"}])
    };
    object(json!({
        "id": id, "name": name, "default_currency": "EUR", "locale": "en_US", "lang": 1, "email": email,
        "phone": null, "activated": true, "last_login": time::v1(now), "created": time::v1(now), "modified": null,
        "has_created_company": id == 1, "access": access, "active_flag": true, "timezone_name": "Europe/Tallinn",
        "timezone_offset": "+02:00", "role_id": 1, "icon_url": null, "is_deleted": false,
    }))
}

/// A pipeline as v2 shows it.
pub(super) fn pipeline(id: i64, order: i64, name: &str, probability: bool, now: DateTime<Utc>) -> Row {
    object(json!({
        "id": id, "name": name, "order_nr": order, "is_deleted": false, "is_deal_probability_enabled": probability,
        "add_time": time::v2(now), "update_time": time::v2(now),
    }))
}

/// A stage as v2 shows it.
pub(super) fn stage(id: i64, pipeline: i64, order: i64, name: &str, now: DateTime<Utc>) -> Row {
    object(json!({
        "id": id, "order_nr": order, "name": name, "is_deleted": false, "deal_probability": 100,
        "pipeline_id": pipeline, "is_deal_rot_enabled": false, "days_to_rotten": null, "add_time": time::v2(now),
        "update_time": time::v2(now),
    }))
}

fn activity_type(id: i64, key: &str, name: &str, now: DateTime<Utc>) -> Row {
    object(json!({
        "id": id, "order_nr": id, "name": name, "key_string": key, "icon_key": key, "active_flag": true,
        "color": "FFFFFF", "is_custom_flag": false, "add_time": time::v1(now), "update_time": time::v1(now),
    }))
}

fn lead_label(number: u32, name: &str, color: &str, now: DateTime<Utc>) -> Row {
    object(json!({
        "id": format!("f08b42a{number}-4e75-41ea-9643-03698ef1cfd6"), "name": name, "color": color,
        "add_time": time::millis(now), "update_time": time::millis(now), "is_deleted": false,
    }))
}

fn builtin_field(id: i64, code: &str, name: &str, kind: &str, options: &Value, now: DateTime<Utc>) -> Row {
    object(json!({
        "id": id, "field_code": code, "field_name": name, "field_type": kind, "description": null,
        "options": options, "is_custom_field": false,
        "is_optional_response_field": code.ends_with("_count"), "is_deleted": false,
        "add_time": time::v2(now), "update_time": time::v2(now),
    }))
}

fn builtin_options(store: &mut Store, entity: Entity, code: &str) -> Value {
    let labels: &[&str] = match (entity, code) {
        (Entity::DealFields, "status") => {
            return json!([{"id": "open", "label": "Open"}, {"id": "won", "label": "Won"},
            {"id": "lost", "label": "Lost"}, {"id": "deleted", "label": "Deleted"}]);
        }
        (Entity::ActivityFields, "priority") => &["High", "Medium", "Low"],
        (_, "visible_to") => {
            return json!([{"id": 1, "label": "Owner only"}, {"id": 3, "label": "Owner's group"},
            {"id": 5, "label": "Owner's group and sub-groups"}, {"id": 7, "label": "Entire company"}]);
        }
        (Entity::DealFields, "label_ids") => &["Hot", "Warm", "Cold"],
        (_, "label_ids") => &["Customer", "Hot lead", "Warm lead", "Cold lead"],
        (_, "industry") => &["Software", "Retail", "Finance", "Medical", "Marketing", "Services"],
        _ => return Value::Null,
    };
    let colors = ["green", "red", "yellow", "blue", "purple", "gray"];
    let option = |(label, color): (&&str, &str)| json!({"id": store.next_option(), "label": label, "color": color});
    Value::Array(labels.iter().zip(colors).map(option).collect())
}

fn builtin_fields(entity: Entity) -> &'static [(&'static str, &'static str, &'static str)] {
    match entity {
        Entity::DealFields => &[
            ("id", "ID", "int"),
            ("title", "Title", "varchar"),
            ("creator_user_id", "Creator", "user"),
            ("owner_id", "Owner", "user"),
            ("value", "Value", "monetary"),
            ("currency", "Currency", "varchar"),
            ("person_id", "Contact person", "people"),
            ("org_id", "Organization", "org"),
            ("pipeline_id", "Pipeline", "double"),
            ("stage_id", "Stage", "stage"),
            ("status", "Status", "status"),
            ("label_ids", "Label", "set"),
            ("probability", "Probability", "double"),
            ("lost_reason", "Lost reason", "varchar_options"),
            ("visible_to", "Visible to", "visible_to"),
            ("add_time", "Deal created", "date"),
            ("update_time", "Update time", "date"),
            ("stage_change_time", "Last stage change", "date"),
            ("won_time", "Won time", "date"),
            ("lost_time", "Lost time", "date"),
            ("close_time", "Deal closed on", "date"),
            ("expected_close_date", "Expected close date", "date"),
            ("is_archived", "Archive status", "boolean"),
            ("archive_time", "Archive time", "date"),
            ("origin", "Source origin", "varchar"),
            ("channel", "Source channel", "enum"),
            ("channel_id", "Source channel ID", "varchar"),
            ("activities_count", "Total activities", "int"),
            ("notes_count", "Notes", "int"),
            ("files_count", "Files", "int"),
        ],
        Entity::PersonFields => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("first_name", "First name", "varchar"),
            ("last_name", "Last name", "varchar"),
            ("emails", "Email", "varchar"),
            ("phones", "Phone", "phone"),
            ("org_id", "Organization", "org"),
            ("owner_id", "Owner", "user"),
            ("label_ids", "Labels", "set"),
            ("visible_to", "Visible to", "visible_to"),
            ("add_time", "Person created", "date"),
            ("update_time", "Update time", "date"),
            ("picture_id", "Picture", "picture"),
            ("open_deals_count", "Open deals", "int"),
            ("activities_count", "Total activities", "int"),
            ("notes_count", "Notes", "int"),
            ("files_count", "Files", "int"),
            ("job_title", "Job title", "varchar"),
            ("birthday", "Birthday", "date"),
            ("notes", "Notes", "text"),
            ("im", "Instant messenger", "varchar"),
            ("postal_address", "Postal address", "address"),
            ("marketing_status", "Marketing status", "enum"),
        ],
        Entity::ProductFields => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("code", "Product code", "varchar"),
            ("unit", "Unit", "varchar"),
            ("tax", "Tax percentage", "double"),
            ("category", "Category", "enum"),
            ("owner_id", "Owner", "user"),
            ("prices", "Unit prices", "price_list"),
            ("is_linkable", "Active", "boolean"),
            ("visible_to", "Visible to", "visible_to"),
            ("description", "Description", "text"),
            ("billing_frequency", "Billing frequency", "billing_frequency"),
            ("add_time", "Product created", "date"),
            ("update_time", "Update time", "date"),
        ],
        Entity::ActivityFields => &[
            ("id", "ID", "int"),
            ("subject", "Subject", "varchar"),
            ("type", "Type", "varchar"),
            ("owner_id", "Assigned to user", "user"),
            ("creator_user_id", "Creator", "user"),
            ("deal_id", "Deal", "deal"),
            ("lead_id", "Lead", "lead"),
            ("person_id", "Contact person", "people"),
            ("org_id", "Organization", "org"),
            ("due_date", "Due date", "date"),
            ("due_time", "Due time", "time"),
            ("duration", "Duration", "time"),
            ("busy", "Free/busy", "boolean"),
            ("done", "Done", "boolean"),
            ("marked_as_done_time", "Marked as done time", "date"),
            ("location", "Location", "address"),
            ("priority", "Priority", "enum"),
            ("public_description", "Public description", "text"),
            ("note", "Note", "text"),
            ("add_time", "Add time", "date"),
            ("update_time", "Update time", "date"),
        ],
        _ => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("owner_id", "Owner", "user"),
            ("address", "Address", "address"),
            ("label_ids", "Labels", "set"),
            ("visible_to", "Visible to", "visible_to"),
            ("add_time", "Organization created", "date"),
            ("update_time", "Update time", "date"),
            ("people_count", "People", "int"),
            ("open_deals_count", "Open deals", "int"),
            ("activities_count", "Total activities", "int"),
            ("notes_count", "Notes", "int"),
            ("files_count", "Files", "int"),
            ("website", "Website", "varchar"),
            ("linkedin", "LinkedIn profile", "varchar"),
            ("industry", "Industry", "enum"),
            ("annual_revenue", "Annual revenue", "int"),
            ("employee_count", "Number of employees", "int"),
        ],
    }
}
