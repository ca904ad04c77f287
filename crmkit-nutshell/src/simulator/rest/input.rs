//! What callers send to REST, as the store keeps it.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::fields;
use super::super::store::object;
use super::super::values::{self, Multi};
use super::super::write::lead::currency_of;
use super::super::write::record::{Draft, Link, undocumented};
use super::super::{rpc, time};
use super::id;

/// A draft of an account, contact or lead.
pub(super) fn draft(call: &mut Call<'_>, entity: Entity, given: &Value) -> Result<Draft, Failure> {
    let mut draft = Draft::default();
    for (key, value) in given.as_object().into_iter().flatten() {
        if key == "links" {
            for (link, value) in value.as_object().into_iter().flatten() {
                set_link(call, entity, &mut draft, link, value)?;
            }
        } else if !set_field(call, entity, None, &mut draft, key, value)? && call.switches().unknown_keys_refused {
            return Err(Failure::Invalid(format!("{key} is not a valid field")));
        }
    }
    Ok(draft)
}

/// One attribute; false where it is not known.
pub(super) fn set_field(
    call: &Call<'_>,
    entity: Entity,
    current: Option<&Row>,
    draft: &mut Draft,
    key: &str,
    value: &Value,
) -> Result<bool, Failure> {
    let switches = call.switches();
    let text_or_null = value.is_string() || value.is_null();
    let wrong = |field: &'static str| Failure::InvalidField(field, format!("{field} has the wrong form"));
    let (stored, value) = match (entity, key) {
        (Entity::Accounts, "name") if text_or_null => {
            let trimmed = value.as_str().filter(|_| switches.names_are_trimmed).map(str::trim);
            ("name", trimmed.map_or_else(|| value.clone(), Value::from))
        }
        (Entity::Contacts, "name") => ("name", values::person_name(value, switches).map_err(|_| wrong("name"))?),
        (Entity::Leads, "name") => return Ok(false),
        (_, "name") => return Err(wrong("name")),
        (_, "description") if text_or_null => ("description", value.clone()),
        (_, "description") => return Err(wrong("description")),
        (_, "customFields") => ("customFields", fields::write(call, entity, None, value)?),
        (Entity::Leads, "manualValue") => ("manualValue", manual_value(call, current, value)?),
        (Entity::Leads, "valueToProductMode") => ("manualValue", Value::Null),
        (Entity::Leads, "dueTime") => ("dueTime", due_time(value)?),
        (Entity::Accounts | Entity::Contacts, _) => match Multi::ALL.into_iter().find(|multi| multi.rest() == key) {
            Some(multi) => (multi.rest(), multi.keep_rest(value, switches)?),
            None => return Ok(false),
        },
        _ => return Ok(false),
    };
    draft.set.insert(stored.into(), value);
    Ok(true)
}

/// What a lead is worth without lines: an amount in the currency of its market.
fn manual_value(call: &Call<'_>, current: Option<&Row>, given: &Value) -> Result<Value, Failure> {
    if given.is_null() {
        return Ok(Value::Null);
    }
    let currency = current.map_or_else(|| "USD".to_owned(), |lead| currency_of(call, lead));
    values::money(given, &currency).map_err(|_| Failure::InvalidField("manualValue", "Invalid value".into()))
}

/// Seconds, alone or as `{"timestamp": 1234567890}`, or ISO 8601.
pub(super) fn due_time(given: &Value) -> Result<Value, Failure> {
    let inner = if given.is_object() { &given["timestamp"] } else { given };
    let seconds = inner.as_i64().or_else(|| inner.as_str()?.parse().ok()).map(|seconds| seconds * 1000);
    let millis = seconds.or_else(|| time::parse_zoned(inner.as_str()?));
    match millis {
        Some(millis) => Ok(millis.into()),
        None if given.is_null() => Ok(Value::Null),
        None => Err(Failure::InvalidField("dueTime", "Invalid time".into())),
    }
}

/// One key of `links`.
pub(super) fn set_link(
    call: &mut Call<'_>,
    entity: Entity,
    draft: &mut Draft,
    key: &str,
    value: &Value,
) -> Result<(), Failure> {
    let single = |call: &Call<'_>, entity: Entity, field: &'static str| {
        if value.is_null() { Ok(Value::Null) } else { id::read(call, entity, field, value).map(Value::from) }
    };
    match (entity, key) {
        (_, "owner") => {
            let key = if entity == Entity::Leads { "assignee" } else { "owner" };
            let owner = match value {
                Value::Null => Value::Null,
                Value::String(text) => match id::parse_any(call, text) {
                    Some((owner @ (Entity::Users | Entity::Teams), id)) => json!({ "type": owner.rest(), "id": id }),
                    _ => return Err(Failure::InvalidField("owner", format!("{text} is not a user"))),
                },
                _ => return Err(Failure::InvalidField("owner", "owner is an id".into())),
            };
            draft.set.insert(key.into(), owner);
        }
        (Entity::Accounts | Entity::Contacts, "territory") => {
            draft.set.insert("territory".into(), single(call, Entity::Territories, "territory")?);
        }
        (Entity::Accounts, "accountType") => {
            draft.set.insert("accountType".into(), single(call, Entity::AccountTypes, "accountType")?);
        }
        (Entity::Accounts, "industry") => {
            draft.set.insert("industry".into(), single(call, Entity::Industries, "industry")?);
        }
        (Entity::Accounts, "parentAccount") => {
            let parent = single(call, Entity::Accounts, "parentAccount")?;
            undocumented(draft, call.switches().parent_account, "parentAccount", parent)?;
        }
        (Entity::Accounts, "contacts") => {
            let ids = several(call, Entity::Contacts, "contacts", value)?;
            draft.contacts = Some(ids.into_iter().map(|id| Link { id, relationship: Value::Null }).collect());
        }
        (Entity::Contacts | Entity::Leads, "accounts") | (Entity::Leads, "contacts") => {
            let (other, field) =
                if key == "accounts" { (Entity::Accounts, "accounts") } else { (Entity::Contacts, "contacts") };
            let ids = several(call, other, field, value)?;
            let links = ids.into_iter().map(|id| json!({ "id": id, "relationship": null }));
            draft.set.insert(key.into(), links.collect());
        }
        (_, "tags") => {
            draft.set.insert("tags".into(), json!(several(call, Entity::Tags, "tags", value)?));
        }
        (Entity::Contacts, "emAudiences") => {
            let ids = several(call, Entity::Audiences, "emAudiences", value)?;
            draft.set.insert("audiences".into(), json!(ids));
        }
        (Entity::Leads, "sources") => {
            draft.set.insert("sources".into(), json!(several(call, Entity::Sources, "sources", value)?));
        }
        (Entity::Leads, "productMaps") => draft.products = Some(product_maps(call, value)?),
        (Entity::Leads, "competitorMaps") if value.as_array().is_some_and(Vec::is_empty) => {
            draft.competitors = Some(Vec::new());
        }
        _ if call.switches().unknown_keys_refused => {
            return Err(Failure::Invalid(format!("links.{key} is not a valid field")));
        }
        _ => {}
    }
    Ok(())
}

/// Ids, or whole records, which are created first.
fn several(call: &mut Call<'_>, entity: Entity, field: &'static str, given: &Value) -> Result<Vec<i64>, Failure> {
    let Value::Array(items) = given else {
        return Err(Failure::InvalidField(field, format!("{field} is a list")));
    };
    let mut ids = Vec::new();
    for item in items {
        let inline = item.is_object() && matches!(entity, Entity::Accounts | Entity::Contacts);
        ids.push(if inline { super::create::party(call, entity, item)? } else { id::read(call, entity, field, item)? });
    }
    Ok(ids)
}

fn product_maps(call: &Call<'_>, given: &Value) -> Result<Vec<Row>, Failure> {
    let line = |item: &Value| -> Result<Row, Failure> {
        let product = id::read(call, Entity::Products, "productMaps", &item["links"]["product"])?;
        let quantity = values::amount(&item["quantity"]).map_or_else(|| "1".into(), |amount| amount.to_string());
        let price = &item["price"];
        let wrong = |_| Failure::InvalidField("productMaps", "Invalid price".into());
        let price = if price.is_null() { Value::Null } else { values::money(price, "USD").map_err(wrong)? };
        Ok(object(json!({
            "product": product, "relationship": item["relationship"], "quantity": quantity, "price": price,
        })))
    };
    given.as_array().into_iter().flatten().map(line).collect()
}

/// The row that a task shall be.
pub(super) fn task(call: &Call<'_>, given: &Value) -> Result<Row, Failure> {
    let mut row = object(json!({
        "title": given["title"], "description": given["description"], "dueTime": due_time(&given["dueTime"])?,
        "completedTime": null, "entity": null, "assignee": { "type": "users", "id": call.actor },
    }));
    if row["title"].as_str().is_none_or(|title| title.trim().is_empty()) {
        return Err(Failure::InvalidField("title", "A task needs a title".into()));
    }
    for (key, link, field) in [("entity", "relatedEntity", "relatedEntity"), ("assignee", "assignee", "assignee")] {
        let given = &given["links"][link];
        if given.is_null() {
            continue;
        }
        let target = given.as_str().and_then(|text| id::parse_any(call, text));
        let (entity, id) = target.ok_or_else(|| Failure::InvalidField(field, format!("{given} is not an id")))?;
        row.insert(key.into(), json!({ "type": entity.rest(), "id": id }));
    }
    rpc::methods::check_task(call, &row)?;
    Ok(row)
}
