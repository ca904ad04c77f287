//! Relationships between organizations (v1).

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::custom::id_or_null;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page;
use crate::simulator::table::{flag, int, text};
use crate::simulator::time;

const RELATIONSHIPS: Entity = Entity::OrganizationRelationships;
const KEYS: [&str; 4] = ["org_id", "type", "rel_owner_org_id", "rel_linked_org_id"];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/organizationRelationships") => list,
        ("POST", "/api/v1/organizationRelationships") => create,
        ("GET", "/api/v1/organizationRelationships/{id}") => get,
        ("PUT", "/api/v1/organizationRelationships/{id}") => update,
        ("DELETE", "/api/v1/organizationRelationships/{id}") => delete,
        _ => return None,
    })
}

fn organization(call: &Call<'_>, id: Option<i64>) -> Value {
    let stored = id.and_then(|id| call.store.table(Entity::Organizations).any(id));
    let (Some(id), Some(stored)) = (id, stored) else { return Value::Null };
    let row = &stored.row;
    json!({
        "name": row["name"], "people_count": call.store.table(Entity::Persons).linked_count("org_id", id),
        "owner_id": id_or_null(row, "owner_id"), "address": row.get("address").map(|address| &address["value"]),
        "active_flag": !flag(row, "is_deleted"), "cc_email": "crmkit-test@pipedrivemail.com", "value": id,
    })
}

/// A relationship as seen from the organization `viewpoint`, by default its owner.
fn show(call: &Call<'_>, row: &Row, viewpoint: Option<i64>) -> Value {
    let (owner, linked) = (int(row, "rel_owner_org_id"), int(row, "rel_linked_org_id"));
    let kind = text(row, "type").unwrap_or_default();
    let from_linked = viewpoint.is_some() && viewpoint == linked;
    let calculated = match kind {
        "parent" if from_linked => "parent",
        "parent" => "daughter",
        kind => kind,
    };
    json!({
        "id": row["id"], "type": kind, "rel_owner_org_id": organization(call, owner),
        "rel_linked_org_id": organization(call, linked), "add_time": row["add_time"],
        "update_time": row["update_time"], "active_flag": flag(row, "active_flag").to_string(),
        "calculated_type": calculated, "calculated_related_org_id": if from_linked { owner } else { linked },
    })
}

fn related<'a>(call: &Call<'_>, rows: impl Iterator<Item = &'a Row>) -> Value {
    let mut organizations = Row::new();
    for row in rows {
        for id in [int(row, "rel_owner_org_id"), int(row, "rel_linked_org_id")].into_iter().flatten() {
            let mut shown = organization(call, Some(id));
            if let Value::Object(shown) = &mut shown {
                shown.remove("value");
                shown.insert("id".into(), id.into());
            }
            organizations.insert(id.to_string(), shown);
        }
    }
    json!({ "organization": organizations })
}

fn one(call: &Call<'_>, row: &Row, viewpoint: Option<i64>) -> Answer {
    let mut answer = Answer::ok(show(call, row, viewpoint));
    answer.body["related_objects"] = related(call, std::iter::once(row));
    answer
}

fn list(call: &mut Call<'_>) -> Answered {
    let Some(org) = call.int_param("org_id") else {
        return Err(Answer::error(400, "org_id must be given."));
    };
    let table = call.store.table(RELATIONSHIPS);
    let mut ids: Vec<i64> =
        table.linked("rel_owner_org_id", org).chain(table.linked("rel_linked_org_id", org)).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = ids.into_iter().filter_map(|id| table.live(id)).map(|stored| &stored.row);
    let (page, mut pagination) = v1_page(call, rows);
    // This list answers its paging data flat and without the next start.
    if let Value::Object(pagination) = &mut pagination {
        pagination.remove("next_start");
    }
    let show_related = |row: &&Row| {
        let mut shown = show(call, row, Some(org));
        let related = organization(call, shown["calculated_related_org_id"].as_i64());
        shown["related_organization_name"] = related["name"].clone();
        shown
    };
    let shown: Value = page.iter().map(show_related).collect();
    let mut answer = Answer::with(shown, pagination);
    answer.body["related_objects"] = related(call, page.into_iter());
    Ok(answer)
}

fn get(call: &mut Call<'_>) -> Answered {
    let viewpoint = call.int_param("org_id");
    let stored = call.store.table(RELATIONSHIPS).live(call.id()?).ok_or_else(Answer::not_found)?;
    Ok(one(call, &stored.row, viewpoint))
}

fn check(call: &Call<'_>, body: &Row, row: &Row) -> Result<(), Answer> {
    if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Answer::error(400, &format!("Invalid field(s) in the payload: {key}")));
    }
    if !matches!(text(row, "type"), Some("parent" | "related")) {
        return Err(Answer::error(400, "Relationship type must be parent or related."));
    }
    let organizations = call.store.table(Entity::Organizations);
    for key in ["rel_owner_org_id", "rel_linked_org_id"] {
        if int(row, key).is_none_or(|id| organizations.live(id).is_none()) {
            return Err(Answer::error(400, &format!("{key}: organization not found.")));
        }
    }
    if int(row, "rel_owner_org_id") == int(row, "rel_linked_org_id") {
        return Err(Answer::error(400, "An organization cannot be related to itself."));
    }
    Ok(())
}

fn write(call: &mut Call<'_>, mut row: Row) -> Answered {
    let body = call.take_body();
    let viewpoint = int(&body, "org_id");
    for key in ["type", "rel_owner_org_id", "rel_linked_org_id"] {
        if let Some(value) = body.get(key) {
            row.insert(key.into(), value.clone());
        }
    }
    check(call, &body, &row)?;
    row.insert("update_time".into(), time::v1(call.now).into());
    call.touch_parents(RELATIONSHIPS, &row);
    call.store.put(RELATIONSHIPS, row.clone());
    Ok(one(call, &row, viewpoint))
}

fn create(call: &mut Call<'_>) -> Answered {
    let id = call.store.table(RELATIONSHIPS).next_id();
    let cap = call.profile.switches.relationships_cap;
    if cap > 0 && call.store.table(RELATIONSHIPS).count() >= cap {
        let message = "Couldn't add organization relationship. You've reached the relationship per company limit.";
        return Err(Answer::error(403, message));
    }
    let mut row = Row::new();
    row.insert("id".into(), id.into());
    row.insert("active_flag".into(), true.into());
    row.insert("add_time".into(), time::v1(call.now).into());
    write(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(RELATIONSHIPS)?;
    write(call, row)
}

fn delete(call: &mut Call<'_>) -> Answered {
    let mut row = call.changeable(RELATIONSHIPS)?;
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    call.touch_parents(RELATIONSHIPS, &row);
    call.store.put(RELATIONSHIPS, row);
    Ok(Answer::ok(json!({ "id": call.id()? })))
}
