//! An activity's JSON as values: who takes part, when, and whether it was held.

use std::sync::Arc;

use crmkit_core::{
    FieldSchema, Markup, RichText, Value,
    chrono::{DateTime, Utc},
};

use super::{
    file::FILES_NOTE,
    from_wire::{moment, option, people, reference},
    shown,
};
use crate::wire::Record;

/// Fields that each name one of the participants, and of which kind.
pub(crate) const PEOPLE: [(&str, &str); 3] = [("owner", "Users"), ("contact", "Contacts"), ("account", "Accounts")];

pub(super) fn read(field: &FieldSchema, record: &Record) -> Option<Value> {
    let name = field.name.as_str();
    let rich = |text: Option<&str>| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(Value::Rich(Arc::new(RichText { markup: Markup::Html, text: shown(text).into() })))
    };
    match name {
        "owner" | "contact" | "account" => {
            let (_, entity) = PEOPLE.iter().find(|(known, _)| *known == name)?;
            let all = record.get("participants").as_array()?;
            let ours = all.iter().find(|one| one["entityType"] == *entity)?;
            reference(ours, if name == "owner" { "user" } else { name })
        }
        "people" => people(record.get("participants").as_array()?.iter().filter(|one| one["entityType"] == "Contacts")),
        "lead" => reference(record.get("leads").as_array()?.first()?, "lead"),
        "activityTypeId" => option(record.get("activityType")),
        "startTime" | "endTime" | "createdTime" | "modifiedTime" => time(record, name).map(Value::Timestamp),
        "duration" => {
            let length = time(record, "endTime")?.signed_duration_since(time(record, "startTime")?);
            (length.num_seconds() >= 0).then(|| Value::Duration(length.num_seconds()))
        }
        "isLogged" => record.get("status").as_i64().map(|status| Value::Bool(status == 1)),
        "description" => rich(record.get(name).as_str()),
        "note" => {
            let text = record.get("logNote")["note"].as_str().filter(|text| *text != FILES_NOTE);
            let text = text.map(|text| text.replace("\\@[", "@["));
            rich(text.as_deref())
        }
        _ => record.get(name).as_str().filter(|text| !text.is_empty()).map(Value::text),
    }
}

/// A moment of the activity.
pub(crate) fn time(record: &Record, name: &str) -> Option<DateTime<Utc>> {
    record.get(name).as_str().and_then(moment)
}
