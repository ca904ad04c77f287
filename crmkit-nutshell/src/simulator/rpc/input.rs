//! What callers send to JSON-RPC, as the store keeps it.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::object;
use super::super::switches::TaskCompletion;
use super::super::values::{self, Multi};
use super::super::write::activity::ActivityDraft;
use super::super::write::catalog::tag_named;
use super::super::write::lead::currency_of;
use super::super::write::record::{Draft, Link, undocumented};
use super::super::{fields, time};

/// Whether a key was one that the reader knows.
type Known = Result<bool, Failure>;

/// An id, given as a number or as its text.
pub(in crate::simulator) fn id_of(given: &Value) -> Option<i64> {
    given.as_i64().or_else(|| given.as_str()?.parse().ok())
}

/// Shorthand for parameters of the wrong form.
pub(super) fn bad<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::BadParams(message.into()))
}

/// The id under a key; null clears.
fn id(key: &str, given: &Value) -> Result<Value, Failure> {
    match id_of(given) {
        Some(id) => Ok(id.into()),
        None if given.is_null() => Ok(Value::Null),
        None => bad(format!("{key} is an id")),
    }
}

/// The id of an object such as `{"id": 5}`.
fn id_in(key: &str, given: &Value) -> Result<Value, Failure> {
    if given.is_null() { Ok(Value::Null) } else { id(key, &given["id"]) }
}

fn text(key: &str, given: &Value) -> Result<Value, Failure> {
    if given.is_string() || given.is_null() { Ok(given.clone()) } else { bad(format!("{key} is a string")) }
}

fn flag(key: &str, given: &Value) -> Result<Value, Failure> {
    if given.is_boolean() { Ok(given.clone()) } else { bad(format!("{key} is a boolean")) }
}

fn whole(key: &str, given: &Value) -> Result<i64, Failure> {
    id_of(given).map_or_else(|| bad(format!("{key} is an integer")), Ok)
}

fn moment(key: &str, given: &Value) -> Result<Value, Failure> {
    let time = match given {
        Value::Null => return Ok(Value::Null),
        Value::String(given) => time::parse_zoned(given),
        _ => None,
    };
    time.map_or_else(|| bad(format!("{key} is a time of ISO 8601 with a zone")), |time| Ok(time.into()))
}

fn items<'a>(key: &str, given: &'a Value) -> Result<&'a [Value], Failure> {
    match given {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => bad(format!("{key} is a list")),
    }
}

/// A kind of record by its `entityType`.
pub(super) fn entity(call: &Call<'_>, given: &Value) -> Result<Entity, Failure> {
    let name = given.as_str().unwrap_or_default();
    Entity::from_rpc(name, call.switches().entity_type_any_case)
        .ok_or_else(|| Failure::Invalid(format!("'{name}' is not a valid entityType")))
}

/// A typed reference such as `{"entityType": "Users", "id": 17}`.
pub(super) fn reference(call: &Call<'_>, given: &Value, default: Option<Entity>) -> Result<Value, Failure> {
    if given.is_null() {
        return Ok(Value::Null);
    }
    let entity = match default {
        Some(default) if given["entityType"].is_null() => default,
        _ => entity(call, &given["entityType"])?,
    };
    match id_of(&given["id"]) {
        Some(id) => Ok(json!({ "type": entity.rest(), "id": id })),
        None => bad("an entity has an id"),
    }
}

fn links(key: &str, given: &Value) -> Result<Vec<Link>, Failure> {
    let link = |item: &Value| match id_of(&item["id"]) {
        Some(id) => Ok(Link { id, relationship: item["relationship"].clone() }),
        None => bad(format!("each of {key} has an id")),
    };
    items(key, given)?.iter().map(link).collect()
}

fn kept_links(key: &str, given: &Value) -> Result<Value, Failure> {
    Ok(links(key, given)?.iter().map(Link::kept).collect())
}

fn ids(key: &str, given: &Value) -> Result<Value, Failure> {
    Ok(links(key, given)?.iter().map(|link| Value::from(link.id)).collect())
}

/// One note or several.
fn notes(given: &Value) -> Result<Vec<String>, Failure> {
    let one = |given: &Value| match given.as_str() {
        Some(note) => Ok(note.to_owned()),
        None => bad("note is a string or a list of strings"),
    };
    match given {
        Value::Null => Ok(Vec::new()),
        Value::Array(notes) => notes.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}

fn tags(call: &Call<'_>, entity: Entity, given: &Value) -> Result<Value, Failure> {
    let mut ids = Vec::new();
    for name in items("tags", given)? {
        let Some(name) = name.as_str() else { return bad("tags are names") };
        let id = tag_named(call, entity, name).ok_or_else(|| Failure::Invalid(format!("{name} is not a tag")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(json!(ids))
}

/// A draft of an account, contact or lead; `current` is the row that is edited.
pub(super) fn draft(call: &Call<'_>, entity: Entity, current: Option<&Row>, given: &Value) -> Result<Draft, Failure> {
    let Value::Object(given) = given else { return bad(format!("{} is an object", entity.singular())) };
    let mut draft = Draft::default();
    for (key, value) in given {
        let known = common(call, entity, current, &mut draft, key, value)?
            || match entity {
                Entity::Accounts => account(call, &mut draft, key, value)?,
                Entity::Contacts => contact(call, &mut draft, key, value)?,
                _ => lead(call, current, &mut draft, key, value)?,
            };
        if !known {
            unknown(call, key)?;
        }
    }
    Ok(draft)
}

/// An edit may send back what it has read; any other key is a stranger.
fn unknown(call: &Call<'_>, key: &str) -> Result<(), Failure> {
    let read_only = matches!(key, "id" | "rev" | "entityType" | "stub");
    if !read_only && call.switches().unknown_keys_refused {
        return invalid(format!("{key} is not a valid field"));
    }
    Ok(())
}

fn common(
    call: &Call<'_>,
    entity: Entity,
    current: Option<&Row>,
    draft: &mut Draft,
    key: &str,
    value: &Value,
) -> Known {
    let switches = call.switches();
    let of_people = entity != Entity::Leads;
    let (stored, value) = match key {
        "description" => ("description", text(key, value)?),
        "owner" if of_people => ("owner", reference(call, value, Some(Entity::Users))?),
        "territoryId" if of_people => ("territory", id(key, value)?),
        "tags" => ("tags", tags(call, entity, value)?),
        "customFields" => {
            let current = current.and_then(|row| row.get("customFields"));
            ("customFields", fields::write(call, entity, current, value)?)
        }
        "note" => {
            draft.notes = notes(value)?;
            return Ok(true);
        }
        "legacyId" => {
            undocumented(draft, switches.legacy_id, "legacyId", text(key, value)?)?;
            return Ok(true);
        }
        "createdTime" => {
            undocumented(draft, switches.created_time, "createdTime", moment(key, value)?)?;
            return Ok(true);
        }
        _ => match Multi::ALL.into_iter().find(|multi| of_people && multi.rpc() == key) {
            Some(multi) => (multi.rest(), multi.keep_rpc(value, switches)?),
            None => return Ok(false),
        },
    };
    draft.set.insert(stored.into(), value);
    Ok(true)
}

fn account(call: &Call<'_>, draft: &mut Draft, key: &str, value: &Value) -> Known {
    let (stored, value) = match key {
        "name" => {
            let name = text(key, value)?;
            let trimmed = name.as_str().filter(|_| call.switches().names_are_trimmed).map(str::trim);
            ("name", trimmed.map_or(name.clone(), Value::from))
        }
        "industryId" => ("industry", id(key, value)?),
        "accountTypeId" => ("accountType", id(key, value)?),
        "contacts" => {
            draft.contacts = Some(links(key, value)?);
            return Ok(true);
        }
        "leads" => {
            draft.leads = Some(links(key, value)?);
            return Ok(true);
        }
        "parentAccount" => {
            undocumented(draft, call.switches().parent_account, "parentAccount", id_in(key, value)?)?;
            return Ok(true);
        }
        _ => return Ok(false),
    };
    draft.set.insert(stored.into(), value);
    Ok(true)
}

fn contact(call: &Call<'_>, draft: &mut Draft, key: &str, value: &Value) -> Known {
    let (stored, value) = match key {
        "name" => ("name", values::person_name(value, call.switches())?),
        "accounts" => ("accounts", kept_links(key, value)?),
        "audiences" => ("audiences", ids(key, value)?),
        "leads" => {
            draft.leads = Some(links(key, value)?);
            return Ok(true);
        }
        _ => return Ok(false),
    };
    draft.set.insert(stored.into(), value);
    Ok(true)
}

fn lead(call: &Call<'_>, current: Option<&Row>, draft: &mut Draft, key: &str, value: &Value) -> Known {
    let (stored, value) = match key {
        "primaryAccount" => ("primaryAccount", id_in(key, value)?),
        "accounts" | "contacts" => (key, kept_links(key, value)?),
        "market" => ("market", id_in(key, value)?),
        "stagesetId" => ("stageset", id(key, value)?),
        "milestoneId" => ("milestone", id(key, value)?),
        "confidence" | "priority" => (key, whole(key, value)?.into()),
        "dueTime" => ("dueTime", moment(key, value)?),
        "assignee" => ("assignee", reference(call, value, Some(Entity::Users))?),
        "sources" => ("sources", ids(key, value)?),
        "isPending" => ("status", i64::from(flag(key, value)? == true).into()),
        _ => return lead_lists(call, current, draft, key, value),
    };
    draft.set.insert(stored.into(), value);
    Ok(true)
}

fn lead_lists(call: &Call<'_>, current: Option<&Row>, draft: &mut Draft, key: &str, value: &Value) -> Known {
    let currency = || current.map_or_else(|| "USD".to_owned(), |lead| currency_of(call, lead));
    match key {
        "products" => {
            let line = |item: &Value| -> Result<Row, Failure> {
                let price = &item["price"];
                let price = if price.is_null() { Value::Null } else { values::money(price, &currency())? };
                let quantity =
                    values::amount(&item["quantity"]).map_or_else(|| "1".into(), |amount| amount.to_string());
                Ok(object(json!({
                    "product": id_of(&item["id"]), "relationship": item["relationship"], "quantity": quantity,
                    "price": price,
                })))
            };
            draft.products = Some(items(key, value)?.iter().map(line).collect::<Result<_, _>>()?);
        }
        "competitors" => {
            let line = |item: &Value| {
                object(json!({
                    "competitor": id_of(&item["id"]), "relationship": item["relationship"],
                    "status": item["status"].as_i64().unwrap_or(0),
                }))
            };
            draft.competitors = Some(items(key, value)?.iter().map(line).collect());
        }
        "value" => {
            let money = if value.is_null() { Value::Null } else { values::money(value, &currency())? };
            undocumented(draft, call.switches().lead_value, "value", money)?;
            // Where it is kept, it is what REST calls the manual value.
            if let Some(money) = draft.set.remove("value") {
                draft.set.insert("manualValue".into(), money);
            }
        }
        // What follows is for edits alone.
        _ if current.is_none() => return Ok(false),
        "file" => draft.files = Some(items(key, value)?.to_vec()),
        "status" if *value == json!(0) => draft.reopen = true,
        "status" => return invalid("Lead status can only be set to 0 (for reopening)"),
        "outcome" | "outcomeId" => {
            let given = if key == "outcome" { &value["id"] } else { value };
            draft.outcome = Some(whole(key, given)?);
        }
        "closedTime" => undocumented(draft, call.switches().closed_time, "closedTime", moment(key, value)?)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A draft of an activity.
pub(super) fn activity(call: &Call<'_>, is_new: bool, given: &Value) -> Result<ActivityDraft, Failure> {
    let Value::Object(given) = given else { return bad("activity is an object") };
    let mut draft = ActivityDraft::default();
    for (key, value) in given {
        let (stored, value) = match key.as_str() {
            "name" | "description" | "location" => (key.as_str(), text(key, value)?),
            "activityTypeId" => ("activityType", id(key, value)?),
            "startTime" | "endTime" => (key.as_str(), moment(key, value)?),
            "isAllDay" | "isFlagged" | "isTimed" => (key.as_str(), flag(key, value)?),
            "participants" => {
                let each = items(key, value)?.iter().map(|item| reference(call, item, None));
                ("participants", each.collect::<Result<_, _>>()?)
            }
            "leads" => ("leads", ids(key, value)?),
            "followupTo" => ("followupTo", id_in(key, value)?),
            "status" => {
                let status = whole(key, value)?;
                draft.status = (!is_new || call.switches().new_activity_logs).then_some(status);
                continue;
            }
            "logNote" => {
                if let Value::Object(note) = value {
                    let files = note.get("files").map(|files| items("files", files));
                    draft.files = files.transpose()?.map(<[Value]>::to_vec);
                    draft.log_note = note.get("note").and_then(Value::as_str).map(str::to_owned);
                } else {
                    draft.log_note = text(key, value)?.as_str().map(str::to_owned);
                }
                continue;
            }
            _ => {
                unknown(call, key)?;
                continue;
            }
        };
        draft.set.insert(stored.into(), value);
    }
    Ok(draft)
}

/// The row that a task shall be: only what the caller names.
pub(super) fn task(call: &Call<'_>, given: &Value) -> Result<Row, Failure> {
    let Value::Object(given) = given else { return bad("task is an object") };
    let completion = call.switches().task_completion;
    let mut row = Row::new();
    for (key, value) in given {
        let (stored, value) = match key.as_str() {
            "title" | "description" => (key.as_str(), text(key, value)?),
            "dueTime" => ("dueTime", moment(key, value)?),
            "entity" => ("entity", reference(call, value, None)?),
            "assignee" => ("assignee", reference(call, value, Some(Entity::Users))?),
            "status" if completion == TaskCompletion::Status => {
                let done = whole(key, value)? == 1;
                ("completedTime", done.then_some(call.now).into())
            }
            "completedTime" if completion == TaskCompletion::CompletedTime => ("completedTime", moment(key, value)?),
            "status" | "completedTime" => continue,
            _ => {
                unknown(call, key)?;
                continue;
            }
        };
        row.insert(stored.into(), value);
    }
    Ok(row)
}

/// The text of a note, which comes as such or in an object.
pub(super) fn note_text(call: &Call<'_>, given: &Value) -> Result<String, Failure> {
    let body = if call.switches().note_body_key { given["body"].as_str() } else { None };
    let found = given.as_str().or_else(|| given["note"].as_str()).or(body).filter(|text| !text.is_empty());
    found.map_or_else(|| bad("a note has a text"), |text| Ok(text.to_owned()))
}
