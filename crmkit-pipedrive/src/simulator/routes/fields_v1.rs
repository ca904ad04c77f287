//! Definitions of fields in the shape of v1, where they have the numbers that filters name; lead fields are those of deals.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page;
use crate::simulator::table::{flag, int, text};

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    let (name, rest) = template.strip_prefix("/api/v1/")?.split_once("Fields")?;
    let writable = matches!(name, "deal" | "person" | "organization");
    Some(match (method, rest) {
        ("GET", "") if writable || name == "lead" => list,
        ("GET", "/{id}") if writable => get,
        ("PUT", "/{id}") if writable => update,
        _ => return None,
    })
}

fn fields(call: &Call<'_>) -> Entity {
    let name = call.endpoint.template.split('/').nth(3).unwrap_or_default();
    match name.trim_end_matches("Fields") {
        "person" => Entity::PersonFields,
        "organization" => Entity::OrganizationFields,
        _ => Entity::DealFields,
    }
}

fn show(row: &Row) -> Value {
    let custom = flag(row, "is_custom_field");
    let time = |key: &str| text(row, key).map(|time| time.replace('T', " ").replace('Z', ""));
    let mut shown = json!({
        "id": int(row, "id"), "key": row["field_code"], "name": row["field_name"], "order_nr": int(row, "id"),
        "field_type": row["field_type"], "add_time": time("add_time"), "update_time": time("update_time"),
        "last_updated_by_user_id": null, "created_by_user_id": null, "active_flag": true, "edit_flag": custom,
        "index_visible_flag": true, "details_visible_flag": true, "add_visible_flag": !custom,
        "important_flag": false, "bulk_edit_allowed": true, "searchable_flag": false, "filtering_allowed": true,
        "sortable_flag": true, "mandatory_flag": text(row, "field_code") == Some("title"),
    });
    if row["options"].is_array() {
        shown["options"] = row["options"].clone();
    }
    shown
}

fn list(call: &mut Call<'_>) -> Answered {
    let (page, pagination) = v1_page(call, call.store.table(fields(call)).all_live());
    let rows: Value = page.into_iter().map(|(_, stored)| show(&stored.row)).collect();
    Ok(Answer::with(rows, json!({ "pagination": pagination })))
}

fn get(call: &mut Call<'_>) -> Answered {
    let stored = call.store.table(fields(call)).live(call.id()?).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(show(&stored.row)))
}

/// The whole list of options is given; those with an id are kept, and those left out are gone.
fn update(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let fields = fields(call);
    let mut row = call.changeable(fields)?;
    call.check_v1()?;
    let body = call.take_body();
    let code = text(&row, "field_code").unwrap_or_default().to_owned();
    if !flag(&row, "is_custom_field") && code != "label_ids" {
        return Err(Answer::error(400, "Only custom fields can be changed."));
    }
    if let Some(name) = text(&body, "name") {
        row.insert("field_name".into(), name.into());
    }
    if let Some(given) = body.get("options").and_then(Value::as_array) {
        let before = row["options"].as_array().cloned().unwrap_or_default();
        let mut options = Vec::new();
        for option in given {
            if option["label"].as_str().is_none_or(|label| label.trim().is_empty()) {
                return Err(Answer::error(400, "Label must be given."));
            }
            let mut kept = match before.iter().find(|known| known["id"] == option["id"]) {
                Some(known) => known.clone(),
                None if option["id"].is_null() => json!({ "id": call.store.next_option() }),
                None => return Err(Answer::error(400, &format!("Option with id {} was not found", option["id"]))),
            };
            kept["label"] = option["label"].clone();
            options.push(kept);
        }
        let gone = before.iter().filter(|known| options.iter().all(|kept| kept["id"] != known["id"]));
        let gone: Vec<Option<i64>> = gone.map(|known| known["id"].as_i64()).collect();
        row.insert("options".into(), options.into());
        call.store.put(fields, row.clone());
        for option in gone.into_iter().flatten() {
            call.store.drop_values(fields, &code, Some(option));
        }
    }
    row.insert("update_time".into(), call.stamp().into());
    call.store.put(fields, row.clone());
    Ok(Answer::ok(show(&row)))
}
