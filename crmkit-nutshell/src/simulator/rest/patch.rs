//! `PATCH`: operations on one record, addressed as `/{resource}/0/{field}`.

use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, Row};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::fields;
use super::super::store::{list, object};
use super::super::values;
use super::super::write::record::{self, Draft};
use super::{Asked, envelope, id, input, view};

const CONTENT_TYPE: &str = "application/json-patch+json";

fn done(call: &Call<'_>, entity: Entity, id: i64) -> Answer {
    if call.switches().patch_is_empty {
        return Answer::empty(204);
    }
    let shown = call.store.any(entity, id).map(|row| view::record(call, entity, row));
    Answer::json(200, envelope(call, entity.rest(), shown.into_iter().collect()))
}

/// The operations of a body; none is an error.
fn operations(asked: &Asked<'_, '_>) -> Result<Result<Vec<Value>, Answer>, Failure> {
    if !asked.content_type.starts_with(CONTENT_TYPE) {
        let message = format!("{CONTENT_TYPE} is required, see http://jsonapi.org");
        return Ok(Err(Answer::json(asked.call.switches().content_type_status, message.into())));
    }
    match asked.json()? {
        Value::Array(operations) if !operations.is_empty() => Ok(Ok(operations)),
        _ => Err(Failure::Rest(400, "No patches sent".into(), None)),
    }
}

/// Changes an account, contact or lead.
pub(super) fn record(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let entity = asked.entity;
    let operations = match operations(asked)? {
        Ok(operations) => operations,
        Err(answer) => return Ok(answer),
    };
    let call = &mut *asked.call;
    let missing = || Failure::NotFound(asked.segment.to_owned());
    let id = id::parse(call, entity, asked.segment).ok_or_else(missing)?;
    let row = call.require(entity, id)?.clone();
    let mut draft = Draft::default();
    for operation in &operations {
        apply(call, entity, &row, &mut draft, operation)?;
    }
    record::change(call, entity, id, draft)?;
    Ok(done(call, entity, id))
}

fn refused(detail: String) -> Failure {
    Failure::Rest(400, "Invalid patch".into(), Some(detail))
}

fn apply(call: &mut Call<'_>, entity: Entity, row: &Row, draft: &mut Draft, operation: &Value) -> Result<(), Failure> {
    let op = operation["op"].as_str().unwrap_or_default();
    let path = operation["path"].as_str().unwrap_or_default();
    let prefix = format!("/{}/0/", entity.rest());
    let Some(rest) = path.strip_prefix(&prefix).filter(|rest| !rest.is_empty()) else {
        return Err(refused(format!("{path} is not a path of {}", entity.rest())));
    };
    match op {
        "add" | "replace" | "remove" => {}
        "move" | "copy" => return Err(Failure::NotModelled(format!("the patch operation {op}"))),
        _ => return Err(refused(format!("{op} is not an operation"))),
    }
    let value = if op == "remove" { &Value::Null } else { &operation["value"] };
    if let Some(link) = rest.strip_prefix("links/") {
        return relink(call, entity, row, draft, (op, link), value);
    }
    // A literal slash belongs to the name only where nothing is escaped.
    let field = if call.switches().pointer_escapes {
        if rest.contains('/') {
            return Err(refused(format!("{path} is not a path of {}", entity.rest())));
        }
        rest.replace("~1", "/").replace("~0", "~")
    } else {
        rest.to_owned()
    };
    if field != "customFields" && input::set_field(call, entity, Some(row), draft, &field, value)? {
        return Ok(());
    }
    let kept = fields::write_one(call, entity, &field, value)?;
    let current = draft.set.get("customFields").or_else(|| row.get("customFields"));
    let mut values = current.and_then(Value::as_object).cloned().unwrap_or_default();
    if kept.is_null() {
        values.remove(&field);
    } else {
        values.insert(field, kept);
    }
    draft.set.insert("customFields".into(), Value::Object(values));
    Ok(())
}

/// A whole link, or one entry of a list of them.
fn relink(
    call: &mut Call<'_>,
    entity: Entity,
    row: &Row,
    draft: &mut Draft,
    (op, link): (&str, &str),
    value: &Value,
) -> Result<(), Failure> {
    let Some((key, place)) = link.split_once('/') else {
        let several = matches!(link, "accounts" | "contacts" | "tags" | "sources" | "emAudiences" | "productMaps");
        let nothing = json!([]);
        let value = if several && value.is_null() { &nothing } else { value };
        return input::set_link(call, entity, draft, link, value);
    };
    let (other, stored) = match key {
        "accounts" => (Entity::Accounts, "accounts"),
        "contacts" => (Entity::Contacts, "contacts"),
        "tags" => (Entity::Tags, "tags"),
        "sources" => (Entity::Sources, "sources"),
        "emAudiences" => (Entity::Audiences, "audiences"),
        _ => return Err(refused(format!("{key} is not a list of links"))),
    };
    if entity == Entity::Accounts && other == Entity::Contacts {
        return Err(Failure::NotModelled("a patch of one contact of an account".into()));
    }
    let current = if draft.set.contains_key(stored) { list(&draft.set, stored) } else { list(row, stored) };
    let mut entries = current.to_vec();
    let id_in = |entry: &Value| entry.as_i64().or_else(|| entry["id"].as_i64());
    let named = if op == "remove" || place != "-" { Value::from(place) } else { value.clone() };
    let id = id::read(call, other, "links", &named)?;
    entries.retain(|entry| id_in(entry) != Some(id));
    if op != "remove" {
        let linked = matches!(other, Entity::Accounts | Entity::Contacts);
        entries.push(if linked { json!({ "id": id, "relationship": null }) } else { id.into() });
    }
    draft.set.insert(stored.into(), Value::Array(entries));
    Ok(())
}

/// Changes the quantity or price of a lead's line.
pub(super) fn product_map(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let operations = match operations(asked)? {
        Ok(operations) => operations,
        Err(answer) => return Ok(answer),
    };
    let call = &mut *asked.call;
    let missing = || Failure::NotFound(asked.segment.to_owned());
    let id = id::parse(call, Entity::ProductMaps, asked.segment).ok_or_else(missing)?;
    let mut row = call.require(Entity::ProductMaps, id)?.clone();
    for operation in &operations {
        let value = &operation["value"];
        let amount = values::amount(value).ok_or_else(|| refused(format!("{value} is not an amount")));
        match (operation["op"].as_str(), operation["path"].as_str()) {
            (Some("replace"), Some("/productMaps/0/quantity")) => {
                row.insert("quantity".into(), amount?.to_string().into());
            }
            (Some("replace"), Some("/productMaps/0/price")) => {
                let currency = row["price"]["currency"].as_str().unwrap_or("USD").to_owned();
                row.insert("price".into(), values::money(value, &currency)?);
            }
            (op, path) => return Err(refused(format!("{op:?} of {path:?}"))),
        }
    }
    call.save(Entity::ProductMaps, row);
    Ok(done(call, Entity::ProductMaps, id))
}

/// Gives a task to somebody else, in plain JSON.
pub(super) fn task(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let operations = asked.json()?;
    let call = &mut *asked.call;
    let missing = || Failure::NotFound(asked.segment.to_owned());
    let id = id::parse(call, Entity::Tasks, asked.segment).ok_or_else(missing)?;
    let mut row = call.require(Entity::Tasks, id)?.clone();
    for operation in operations.as_array().into_iter().flatten() {
        if operation["path"].as_str().map(|path| path.trim_start_matches('/')) != Some("tasks/0/links/assignee") {
            return Err(refused(format!("{} cannot be changed", operation["path"])));
        }
        let user = id::read(call, Entity::Users, "assignee", &operation["value"])?;
        call.require_owner(Entity::Users, user)?;
        row.insert("assignee".into(), Value::Object(object(json!({ "type": "users", "id": user }))));
    }
    call.save(Entity::Tasks, row);
    Ok(done(call, Entity::Tasks, id))
}
