//! Search (v2, leads in v1 too): finds what the index has caught up with.

use serde_json::{Value, json};

use super::Route;
use super::records::link_to;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::custom::id_or_null;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{decode, encode, limit, next_cursor, v1_page};
use crate::simulator::table::{Stored, int, link, text};

/// Custom fields that are searchable; others never match.
const SEARCHABLE: [&str; 7] = ["address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/deals/search") => |call| search(call, &[Entity::Deals], 500),
        ("GET", "/api/v2/persons/search") => |call| search(call, &[Entity::Persons], 500),
        ("GET", "/api/v2/organizations/search") => |call| search(call, &[Entity::Organizations], 500),
        ("GET", "/api/v2/leads/search") => |call| search(call, &[Entity::Leads], 500),
        ("GET", "/api/v1/leads/search") => leads_v1,
        ("GET", "/api/v2/products/search") => |call| search(call, &[Entity::Products], 500),
        ("GET", "/api/v2/itemSearch") => items,
        ("GET", "/api/v2/itemSearch/field") => by_field,
        _ => return None,
    })
}

fn items(call: &mut Call<'_>) -> Answered {
    let types = call.list_param("item_types");
    let searched = [Entity::Deals, Entity::Persons, Entity::Organizations, Entity::Leads, Entity::Products];
    let wanted: Vec<Entity> =
        searched.into_iter().filter(|entity| types.is_empty() || types.contains(&entity.singular())).collect();
    search(call, &wanted, 100)
}

fn term(call: &Call<'_>, shortest: usize) -> Result<String, Answer> {
    let term = call.param("term").unwrap_or_default();
    if term.chars().count() < shortest {
        return Err(Answer::invalid("term", &format!("The term must be at least {shortest} characters long.")));
    }
    Ok(term.to_owned())
}

/// Whether the index has caught up with a row.
fn is_indexed(call: &Call<'_>, stored: &Stored) -> bool {
    (stored.updated * 1000) + call.profile.switches.search_lag_ms <= call.now.timestamp_millis()
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Object(members) => texts(members.get("value").unwrap_or(&Value::Null), found),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// What a row can be found by, limited to the fields asked for.
fn haystack(call: &Call<'_>, entity: Entity, row: &Row, wanted: &[&str]) -> Vec<String> {
    let asked = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let mut found = Vec::new();
    let keys = [
        ("title", "title"),
        ("name", "name"),
        ("email", "emails"),
        ("phone", "phones"),
        ("address", "address"),
        ("code", "code"),
    ];
    for (_, key) in keys.into_iter().filter(|(name, _)| asked(name)) {
        texts(row.get(key).unwrap_or(&Value::Null), &mut found);
    }
    if asked("custom_fields") {
        found.extend(custom_texts(call, entity, row));
    }
    if asked("notes") {
        found.extend(notes(call, entity, row));
    }
    found
}

fn custom_texts(call: &Call<'_>, entity: Entity, row: &Row) -> Vec<String> {
    let mut found = Vec::new();
    let fields = entity.fields().expect("searched records have fields");
    for (code, value) in row.get("custom_fields").and_then(Value::as_object).into_iter().flatten() {
        let kind = call.store.field(fields, code).and_then(|field| text(field, "field_type"));
        if kind.is_some_and(|kind| SEARCHABLE.contains(&kind)) {
            texts(value, &mut found);
        }
    }
    found
}

fn notes(call: &Call<'_>, entity: Entity, row: &Row) -> Vec<String> {
    let table = call.store.table(Entity::Notes);
    let ids = link(row, "id").into_iter().flat_map(|id| table.linked(link_to(entity), id));
    ids.filter_map(|id| text(&table.live(id)?.row, "content").map(str::to_owned)).collect()
}

/// v1 pages by offset.
fn leads_v1(call: &mut Call<'_>) -> Answered {
    let found = find(call, &[Entity::Leads])?;
    let (page, pagination) = v1_page(call, found.into_iter());
    let items: Vec<Value> = page.into_iter().map(|found| hit(call, found)).collect();
    Ok(Answer::with(json!({ "items": items }), json!({ "pagination": pagination })))
}

fn search(call: &mut Call<'_>, entities: &[Entity], max: usize) -> Answered {
    let limit = limit(call, max)?;
    // The offset of a search is a place in its result, not a key.
    let (_, start) = call.param("cursor").map_or(Ok((0, 0)), |cursor| decode(call, Entity::Deals, cursor))?;
    let start = usize::try_from(start).unwrap_or(0);
    let found = find(call, entities)?;
    let more = found.len() > start + limit;
    let cursor = if more {
        encode(call.now, Entity::Deals, (0, i64::try_from(start + limit).unwrap_or(i64::MAX)))
    } else {
        Value::Null
    };
    let items: Vec<Value> = found.into_iter().skip(start).take(limit).map(|found| hit(call, found)).collect();
    Ok(Answer::with(json!({ "items": items }), next_cursor(cursor)))
}

fn hit(call: &Call<'_>, (entity, row): (Entity, &Row)) -> Value {
    json!({ "result_score": 0.5, "item": item(call, entity, row) })
}

/// What the index has of the term in the query.
fn find<'c>(call: &'c Call<'_>, entities: &[Entity]) -> Result<Vec<(Entity, &'c Row)>, Answer> {
    let exact = call.flag_param("exact_match");
    let term = term(call, if exact { 1 } else { 2 })?.to_lowercase();
    let fields = call.list_param("fields");
    let (person, organization) = (call.int_param("person_id"), call.int_param("organization_id"));
    let status = call.param("status");
    let mut found = Vec::new();
    for entity in entities {
        for (_, stored) in call.store.table(*entity).all_live() {
            let row = &stored.row;
            let fits = |text: &String| {
                let text = text.to_lowercase();
                if exact { text == term } else { text.contains(&term) }
            };
            if is_indexed(call, stored)
                && person.is_none_or(|person| int(row, "person_id") == Some(person))
                && organization.is_none_or(|org| int(row, organization_key(*entity)) == Some(org))
                && status.is_none_or(|status| text(row, "status") == Some(status))
                && haystack(call, *entity, row, &fields).iter().any(fits)
            {
                found.push((*entity, row));
            }
        }
    }
    Ok(found)
}

fn organization_key(entity: Entity) -> &'static str {
    if entity == Entity::Leads { "organization_id" } else { "org_id" }
}

fn item(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let named = |link: &str, entity: Entity| {
        let stored = int(row, link).and_then(|id| call.store.table(entity).live(id));
        stored.map_or(Value::Null, |stored| json!({ "id": stored.row["id"], "name": stored.row["name"] }))
    };
    let values = |key: &str| -> Value {
        let items = row.get(key).and_then(Value::as_array).into_iter().flatten();
        items.map(|item| item["value"].clone()).collect()
    };
    let mut shown = json!({
        "id": row["id"], "type": entity.singular(), "visible_to": id_or_null(row, "visible_to"),
        "owner": { "id": id_or_null(row, "owner_id") }, "custom_fields": custom_texts(call, entity, row),
        "notes": notes(call, entity, row),
    });
    match entity {
        Entity::Deals => {
            for key in ["title", "value", "currency", "status", "is_archived"] {
                shown[key] = row[key].clone();
            }
            shown["stage"] = named("stage_id", Entity::Stages);
            shown["person"] = named("person_id", Entity::Persons);
            shown["organization"] = named("org_id", Entity::Organizations);
        }
        Entity::Leads => {
            for key in ["title", "is_archived"] {
                shown[key] = row[key].clone();
            }
            shown["value"] = row["value"]["amount"].clone();
            shown["currency"] = row["value"]["currency"].clone();
            shown["visible_to"] = text(row, "visible_to").and_then(|text| text.parse::<i64>().ok()).into();
            shown["person"] = named("person_id", Entity::Persons);
            shown["organization"] = named("organization_id", Entity::Organizations);
        }
        Entity::Persons => {
            shown["name"] = row["name"].clone();
            shown["emails"] = values("emails");
            shown["phones"] = values("phones");
            shown["organization"] = named("org_id", Entity::Organizations);
        }
        Entity::Products => {
            shown["name"] = row["name"].clone();
            shown["code"] = row["code"].clone();
            shown.as_object_mut().map(|shown| shown.remove("notes"));
        }
        _ => {
            shown["name"] = row["name"].clone();
            shown["address"] = row["address"]["value"].clone();
        }
    }
    shown
}

fn by_field(call: &mut Call<'_>) -> Answered {
    let how = call.param("match").unwrap_or("exact");
    let term = term(call, if how == "exact" { 1 } else { 2 })?;
    let limit = limit(call, 500)?;
    let entities = [Entity::Deals, Entity::Persons, Entity::Organizations, Entity::Leads, Entity::Products];
    let wanted = call.param("entity_type").unwrap_or_default();
    let entity = entities.into_iter().find(|entity| entity.singular() == wanted);
    let (Some(entity), Some(field)) = (entity, call.param("field")) else {
        return Err(Answer::invalid("field", "This field is required."));
    };
    let after = call.param("cursor").map(|cursor| decode(call, entity, cursor)).transpose()?;
    let table = call.store.table(entity);
    let mut found: Vec<(i64, Value)> = Vec::new();
    for id in table.ids(after.map(|(_, id)| id), false) {
        let Some(stored) = table.live(id).filter(|stored| is_indexed(call, stored)) else { continue };
        let custom = stored.row.get("custom_fields").and_then(|custom| custom.get(field));
        let mut values = Vec::new();
        texts(custom.or_else(|| stored.row.get(field)).unwrap_or(&Value::Null), &mut values);
        let fits = |text: &String| match how {
            "beginning" => text.starts_with(&term),
            "middle" => text.contains(&term),
            _ => *text == term,
        };
        if values.iter().any(fits) {
            if found.len() == limit {
                let last = found.last().map_or(0, |(id, _)| *id);
                let rows: Value = found.into_iter().map(|(_, row)| row).collect();
                return Ok(Answer::with(rows, next_cursor(encode(call.now, entity, (last, last)))));
            }
            let name = stored.row.get("name").or_else(|| stored.row.get("title"));
            found.push((id, json!({ "id": stored.row["id"], "name": name })));
        }
    }
    let rows: Value = found.into_iter().map(|(_, row)| row).collect();
    Ok(Answer::with(rows, next_cursor(Value::Null)))
}
