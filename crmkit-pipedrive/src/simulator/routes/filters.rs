//! Filters (v1): named conditions, by which lists can be narrowed.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::condition;
use crate::simulator::entity::Entity;
use crate::simulator::table::{int, text};
use crate::simulator::time;

const FILTERS: Entity = Entity::Filters;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/filters") => list,
        ("POST", "/api/v1/filters") => create,
        ("DELETE", "/api/v1/filters") => delete_many,
        ("GET", "/api/v1/filters/helpers") => helpers,
        ("GET", "/api/v1/filters/{id}") => get,
        ("PUT", "/api/v1/filters/{id}") => update,
        ("DELETE", "/api/v1/filters/{id}") => delete,
        _ => return None,
    })
}

fn show(call: &Call<'_>, row: &Row, conditions: bool) -> Value {
    let mut shown = row.clone();
    shown.insert("is_editable".into(), (call.is_admin() || int(row, "user_id") == Some(call.user)).into());
    if !conditions {
        shown.remove("conditions");
    } else if !call.flag_param("include_field_code") {
        let groups = shown.get_mut("conditions").and_then(|all| all["conditions"].as_array_mut());
        for group in groups.into_iter().flatten() {
            for condition in group["conditions"].as_array_mut().into_iter().flatten() {
                condition.as_object_mut().map(|condition| condition.remove("field_code"));
            }
        }
    }
    Value::Object(shown)
}

fn list(call: &mut Call<'_>) -> Answered {
    let kind = call.param("type");
    let filters = call.store.table(FILTERS).all_live().map(|(_, stored)| &stored.row);
    let wanted = filters.filter(|row| kind.is_none() || text(row, "type") == kind);
    Ok(Answer::ok(wanted.map(|row| show(call, row, false)).collect::<Value>()))
}

fn get(call: &mut Call<'_>) -> Answered {
    let stored = call.store.table(FILTERS).live(call.id()?).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(show(call, &stored.row, true)))
}

fn create(call: &mut Call<'_>) -> Answered {
    call.check_v1()?;
    let cap = call.profile.switches.filters_cap;
    let table = call.store.table(FILTERS);
    if cap > 0 && table.count() >= cap {
        return Err(Answer::error(403, "Couldn't add filter. You've reached the filter per company limit."));
    }
    let row = json!({
        "id": table.next_id(), "filter_code": null, "active_flag": true, "temporary_flag": null, "user_id": call.user,
        "add_time": time::v1(call.now), "visible_to": "1", "last_used_time": null, "custom_view_id": null,
    });
    let Value::Object(row) = row else { unreachable!("a filter is an object") };
    save(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(FILTERS)?;
    call.check_v1()?;
    save(call, row)
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    let mut body = call.take_body();
    if text(&body, "name").is_some_and(|name| name.trim().is_empty()) {
        return Err(Answer::error(400, "Name must be given."));
    }
    let kind = text(&body, "type").or_else(|| text(&row, "type")).unwrap_or_default();
    if condition::listed(kind).is_none() && kind != "projects" {
        return Err(Answer::error(400, &format!("Unknown filter type '{kind}'.")));
    }
    let conditions = condition::read(call.store, &body["conditions"])?;
    body.insert("conditions".into(), conditions);
    row.extend(body);
    row.insert("update_time".into(), time::v1(call.now).into());
    call.store.put(FILTERS, row.clone());
    Ok(Answer::ok(show(call, &row, true)))
}

fn remove(call: &mut Call<'_>, mut row: Row) {
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    call.store.put(FILTERS, row);
}

fn delete(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(FILTERS)?;
    let id = row["id"].clone();
    remove(call, row);
    Ok(Answer::ok(json!({ "id": id })))
}

/// Those of the given ids that exist.
fn delete_many(call: &mut Call<'_>) -> Answered {
    let ids: Result<Vec<i64>, _> = call.list_param("ids").into_iter().map(str::parse).collect();
    let Some(ids) = ids.ok().filter(|ids| !ids.is_empty()) else {
        return Err(Answer::error(400, "ids must be given."));
    };
    let mut gone = Vec::new();
    for id in ids {
        if let Some(row) = call.store.table(FILTERS).live(id).map(|stored| stored.row.clone()) {
            remove(call, row);
            gone.push(id);
        }
    }
    Ok(Answer::ok(json!({ "id": gone })))
}

/// The operators by type of field, in brief.
fn helpers(_: &mut Call<'_>) -> Answered {
    let order = json!({ "=": "is", "!=": "is not", "<": "is less than", ">": "is more than",
        "<=": "is less or equal to", ">=": "is more or equal to", "IS NULL": "is empty", "IS NOT NULL": "is not empty" });
    let words = json!({ "=": "is", "!=": "is not", "IS NULL": "is empty", "IS NOT NULL": "is not empty",
        "LIKE '$%'": "starts with", "LIKE '%$%'": "contains", "NOT LIKE '$%'": "does not start with" });
    let choice = json!({ "=": "is", "!=": "is not", "IS NULL": "is empty", "IS NOT NULL": "is not empty" });
    Ok(Answer::ok(json!({
        "operators": { "int": order, "double": order, "monetary": order, "date": order, "time": order,
            "varchar": words, "text": words, "phone": words, "enum": choice, "set": choice, "user": choice,
            "org": choice, "people": choice },
        "deprecated_operators": {}, "relative_dates": {}, "address_field_components": {},
    })))
}
