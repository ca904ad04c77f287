//! Labels of leads (v1): UUIDs, one of ten colours.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::table::text;
use crate::simulator::time;

const LABELS: Entity = Entity::LeadLabels;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/leadLabels") => list,
        ("POST", "/api/v1/leadLabels") => create,
        ("PATCH", "/api/v1/leadLabels/{id}") => update,
        ("DELETE", "/api/v1/leadLabels/{id}") => delete,
        _ => return None,
    })
}

fn show(row: &Row) -> Value {
    let mut shown = row.clone();
    shown.remove("is_deleted");
    Value::Object(shown)
}

fn list(call: &mut Call<'_>) -> Answered {
    let labels = call.store.table(LABELS).all_live();
    Ok(Answer::ok(labels.map(|(_, stored)| show(&stored.row)).collect::<Value>()))
}

fn create(call: &mut Call<'_>) -> Answered {
    let row = json!({ "id": call.new_uuid(LABELS), "add_time": time::millis(call.now), "is_deleted": false });
    let Value::Object(row) = row else { unreachable!("a label is an object") };
    save(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(LABELS)?;
    save(call, row)
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    call.check_v1()?;
    let body = call.take_body();
    if text(&body, "name").is_some_and(|name| name.trim().is_empty()) {
        return Err(Answer::error(400, "Name must be given."));
    }
    row.extend(body);
    row.insert("update_time".into(), time::millis(call.now).into());
    call.store.put(LABELS, row.clone());
    Ok(Answer::ok(show(&row)))
}

fn delete(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(LABELS)?;
    let id = call.delete(LABELS, row);
    let carries = |row: &Row| row.get("label_ids").and_then(Value::as_array).is_some_and(|labels| labels.contains(&id));
    let leads = call.store.table(Entity::Leads).all_live();
    let labelled: Vec<Row> =
        leads.filter(|(_, lead)| carries(&lead.row)).map(|(_, stored)| stored.row.clone()).collect();
    for mut lead in labelled {
        if let Some(Value::Array(labels)) = lead.get_mut("label_ids") {
            labels.retain(|label| *label != id);
        }
        call.store.put(Entity::Leads, lead);
    }
    Ok(Answer::ok(json!({ "id": id })))
}
