//! Notes (v1): HTML that the server cleans, attached to at least one record.

use serde_json::{Value, json};

use super::{Route, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page;
use crate::simulator::table::{Stored, flag, int, link, text};
use crate::simulator::time;
use crate::simulator::visibility::Sight;

const MAX_CONTENT: usize = 100_000;
const PARENTS: [(&str, &str, Entity); 3] = [
    ("deal_id", "deal", Entity::Deals),
    ("person_id", "person", Entity::Persons),
    ("org_id", "organization", Entity::Organizations),
];
/// Parents that are not stored (yet), so none of them exists.
const UNKNOWN_PARENTS: [(&str, &str); 2] = [("project_id", "project"), ("task_id", "task")];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/notes") => list,
        ("POST", "/api/v1/notes") => create,
        ("GET", "/api/v1/notes/{id}") => get,
        ("PUT", "/api/v1/notes/{id}") => update,
        ("DELETE", "/api/v1/notes/{id}") => delete,
        _ => return None,
    })
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let mut shown = row.clone();
    for (link, name, entity) in PARENTS {
        let parent = int(row, link).and_then(|id| call.store.table(entity).any(id));
        let title = if entity == Entity::Deals { "title" } else { "name" };
        let parent = parent.map_or(Value::Null, |parent| json!({ title: parent.row[title] }));
        shown.insert(name.into(), parent);
    }
    let author = int(row, "user_id").and_then(|id| call.store.table(Entity::Users).any(id));
    let author = author.map_or(Value::Null, |author| {
        let is_you = int(row, "user_id") == Some(call.user);
        json!({ "email": author.row["email"], "icon_url": null, "is_you": is_you, "name": author.row["name"] })
    });
    shown.insert("user".into(), author);
    shown.insert("project".into(), Value::Null);
    shown.insert("task".into(), Value::Null);
    Value::Object(shown)
}

/// v1 takes integers as numbers or digits.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn list(call: &mut Call<'_>) -> Answered {
    let table = call.store.table(Entity::Notes);
    let filters: Vec<(&'static str, i64)> = ["deal_id", "person_id", "org_id", "lead_id", "user_id"]
        .into_iter()
        .filter_map(|link| Some((link, call.link_param(link)?)))
        .collect();
    let since = records::v1_since(call)?;
    let unknown = UNKNOWN_PARENTS.iter().any(|(link, _)| call.param(link).is_some());
    let (from, until) = (call.param("start_date"), call.param("end_date"));
    let keep = |stored: &&Stored| {
        let row = &stored.row;
        let day = text(row, "add_time").and_then(|time| time.get(..10)).unwrap_or_default();
        let pinned = |(name, wanted): &(String, String)| {
            !name.starts_with("pinned_to_") || flag(row, name) == (wanted == "1" || wanted == "true")
        };
        filters.iter().all(|(key, target)| link(row, key) == Some(*target))
            && since.is_none_or(|since| stored.updated >= since)
            && from.is_none_or(|from| day >= from)
            && until.is_none_or(|until| day <= until)
            && call.query.iter().all(pinned)
    };
    let smallest = filters.iter().min_by_key(|(link, target)| table.linked_count(link, *target));
    let ids: Vec<i64> = match smallest {
        _ if unknown => Vec::new(),
        Some((link, target)) => table.linked(link, *target).collect(),
        None => {
            let mut ids: Vec<i64> =
                table.by_updated().range((since.unwrap_or(i64::MIN), 0)..).map(|(_, id)| *id).collect();
            ids.sort_unstable();
            ids
        }
    };
    let mut notes: Vec<&Stored> = ids.into_iter().filter_map(|id| table.live(id)).filter(keep).collect();
    if let Some(sort) = call.param("sort") {
        records::sort_v1(sort, &mut notes);
    }
    let (page, pagination) = v1_page(call, notes.into_iter());
    let rows: Value = page.into_iter().map(|stored| show(call, &stored.row)).collect();
    Ok(Answer::with(rows, json!({ "pagination": pagination })))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(show(call, &call.readable(Entity::Notes)?.row)))
}

fn create(call: &mut Call<'_>) -> Answered {
    let id = call.store.table(Entity::Notes).next_id();
    let body = call.take_body();
    if body.contains_key("id") {
        let message = "Inserting ID with POST request is not allowed. Please use PUT request for updating.";
        return Err(Answer::error(400, message));
    }
    let defaults = json!({
        "id": id, "active_flag": true, "add_time": time::v1(call.now), "content": null, "lead_id": null,
        "deal_id": null, "org_id": null, "person_id": null, "project_id": null, "task_id": null,
        "pinned_to_lead_flag": false, "pinned_to_deal_flag": false, "pinned_to_organization_flag": false,
        "pinned_to_person_flag": false, "pinned_to_project_flag": false, "pinned_to_task_flag": false,
        "user_id": call.user,
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    let cap = call.profile.switches.notes_per_deal_cap;
    let deal = body.get("deal_id").and_then(integer).filter(|_| cap > 0);
    if deal.is_some_and(|deal| call.store.table(Entity::Notes).linked_count("deal_id", deal) >= cap) {
        let message = "Couldn't add the note. Notes limit per deal reached.";
        return Err(Answer::capped(message, "feature_capping_notes_limit"));
    }
    save(call, &body, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(Entity::Notes)?;
    let body = call.take_body();
    save(call, &body, row)
}

fn save(call: &mut Call<'_>, body: &Row, mut row: Row) -> Answered {
    write(call, body, &mut row)?;
    row.insert("last_update_user_id".into(), call.user.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    call.touch_parents(Entity::Notes, &row);
    call.store.put(Entity::Notes, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

fn write(call: &Call<'_>, body: &Row, row: &mut Row) -> Result<(), Answer> {
    for (key, value) in body {
        let parent = PARENTS.iter().find(|(link, ..)| link == key);
        if let Some((_, name, entity)) = parent {
            let id = integer(value);
            if !value.is_null() && id.is_none_or(|id| call.store.table(*entity).live(id).is_none()) {
                return Err(missing_parent(name));
            }
            let parent = id.and_then(|id| call.store.table(*entity).live(id));
            if parent.is_some_and(|parent| !Sight::of(call).admits(call, *entity, &parent.row)) {
                return Err(Answer::error(403, &format!("Insufficient visibility to the associated {name}")));
            }
            row.insert(key.clone(), id.into());
        } else if key == "lead_id" {
            let place = value.as_str().and_then(|uuid| call.store.by_uuid(Entity::Leads, uuid));
            if !value.is_null() && place.is_none_or(|place| call.store.table(Entity::Leads).live(place).is_none()) {
                return Err(missing_parent("lead"));
            }
            row.insert(key.clone(), value.clone());
        } else if let Some((_, name)) = UNKNOWN_PARENTS.iter().find(|(link, _)| link == key) {
            if !value.is_null() {
                return Err(missing_parent(name));
            }
        } else if key.starts_with("pinned_to_") && row.contains_key(key) {
            let pinned = matches!(value, Value::Bool(true)) || integer(value) == Some(1);
            row.insert(key.clone(), pinned.into());
        } else {
            let value = match key.as_str() {
                "content" => content(call, value)?.into(),
                "add_time" => value
                    .as_str()
                    .and_then(time::parse_v1)
                    .map(|time| time::v1(time).into())
                    .ok_or_else(|| Answer::error(400, "add_time must be given as YYYY-MM-DD HH:MM:SS."))?,
                "user_id" => author(call, value)?.into(),
                _ => return Err(Answer::error(400, &format!("Invalid field(s) in the payload: {key}"))),
            };
            row.insert(key.clone(), value);
        }
    }
    if text(row, "content").is_none() {
        return Err(Answer::error(400, "Note content must be given."));
    }
    let lead = text(row, "lead_id").is_some();
    let parents = usize::from(lead) + PARENTS.iter().filter(|(link, ..)| int(row, link).is_some()).count();
    if call.profile.switches.notes_have_one_parent && parents > 1 {
        return Err(Answer::error(400, "Note can be attached to one item only."));
    }
    if !lead && PARENTS.iter().all(|(link, ..)| int(row, link).is_none()) {
        return Err(Answer::error(400, "Note must be attached to a deal, person, organization or lead."));
    }
    if flag(row, "pinned_to_lead_flag") && !lead {
        return Err(Answer::error(400, "Note cannot be pinned without lead_id."));
    }
    for (link, name, _) in PARENTS {
        if flag(row, &format!("pinned_to_{name}_flag")) && int(row, link).is_none() {
            return Err(Answer::error(400, &format!("Note cannot be pinned without {link}.")));
        }
    }
    Ok(())
}

fn missing_parent(name: &str) -> Answer {
    let message = format!(
        "Cannot add/update note because {name} does not exist or you have no permissions to access this {name}."
    );
    Answer::error(400, &message)
}

fn content(call: &Call<'_>, value: &Value) -> Result<String, Answer> {
    let Some(html) = value.as_str().filter(|html| !html.trim().is_empty()) else {
        return Err(Answer::error(400, "Note content must be given."));
    };
    if html.len() > MAX_CONTENT {
        return Err(Answer::error(400, "Note content is too long."));
    }
    Ok(records::clean_html(call, html))
}

fn author(call: &Call<'_>, value: &Value) -> Result<i64, Answer> {
    let id = integer(value).ok_or_else(|| Answer::error(400, "user_id is not valid."))?;
    if id != call.user {
        call.require_admin()?;
    }
    match call.store.table(Entity::Users).live(id) {
        Some(_) => Ok(id),
        None => Err(Answer::error(400, "User not found or not accessible.")),
    }
}

fn delete(call: &mut Call<'_>) -> Answered {
    let mut row = call.changeable(Entity::Notes)?;
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    call.touch_parents(Entity::Notes, &row);
    call.store.put(Entity::Notes, row);
    Ok(Answer::ok(true))
}
