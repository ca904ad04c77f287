//! Types of activities (v1): a key that never changes, an icon of a fixed set.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::table::{int, text};
use crate::simulator::time;

const TYPES: Entity = Entity::ActivityTypes;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/activityTypes") => list,
        ("POST", "/api/v1/activityTypes") => create,
        ("PUT", "/api/v1/activityTypes/{id}") => update,
        ("DELETE", "/api/v1/activityTypes/{id}") => delete,
        _ => return None,
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let mut types: Vec<&Row> = call.store.table(TYPES).all_live().map(|(_, stored)| &stored.row).collect();
    types.sort_by_key(|kind| int(kind, "order_nr"));
    Ok(Answer::ok(types.into_iter().cloned().map(Value::Object).collect::<Value>()))
}

/// `video_call` of `Video call`.
fn key_of(name: &str) -> String {
    let words: Vec<String> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("_")
}

fn check(body: &Row) -> Result<(), Answer> {
    if text(body, "name").is_some_and(|name| name.trim().is_empty()) {
        return Err(Answer::error(400, "Name must be given."));
    }
    let color = text(body, "color").unwrap_or("FFFFFF");
    if color.len() != 6 || !color.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Answer::error(400, "Color must be given as six hexadecimal digits."));
    }
    Ok(())
}

fn create(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    call.check_v1()?;
    let body = call.take_body();
    check(&body)?;
    let name = text(&body, "name").unwrap_or_default().trim();
    let table = call.store.table(TYPES);
    let cap = call.profile.switches.activity_types_cap;
    if cap > 0 && table.count() >= cap {
        let message = "Couldn't add activity type. You've reached the activity type per company limit.";
        return Err(Answer::error(403, message));
    }
    let taken = |key: &str| table.rows().any(|(_, row)| text(row, "key_string") == Some(key));
    let plain = key_of(name);
    let key = std::iter::once(plain.clone())
        .chain((1..).map(|number| format!("{plain}{number}")))
        .find(|key| !taken(key))
        .expect("numbers do not end");
    let order = table.all_live().filter_map(|(_, stored)| int(&stored.row, "order_nr")).max().unwrap_or(0) + 1;
    let row = json!({
        "id": table.next_id(), "order_nr": order, "name": name, "key_string": key, "icon_key": body["icon_key"],
        "active_flag": true, "color": text(&body, "color").unwrap_or("FFFFFF"), "is_custom_flag": true,
        "add_time": time::v1(call.now), "update_time": null,
    });
    let Value::Object(row) = row else { unreachable!("a type is an object") };
    call.store.put(TYPES, row.clone());
    Ok(Answer::ok(row))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    call.check_v1()?;
    let mut row = call.changeable(TYPES)?;
    let body = call.take_body();
    check(&body)?;
    row.extend(body);
    save(call, row)
}

fn delete(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let mut row = call.changeable(TYPES)?;
    row.insert("active_flag".into(), false.into());
    save(call, row)
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    row.insert("update_time".into(), time::v1(call.now).into());
    call.store.put(TYPES, row.clone());
    Ok(Answer::ok(row))
}
