//! Comments on notes (v1): UUIDs under another name, no backdating, no other author.

use serde_json::{Value, json};

use super::{Route, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page;
use crate::simulator::table::text;
use crate::simulator::time;

const COMMENTS: Entity = Entity::NoteComments;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/notes/{id}/comments") => list,
        ("POST", "/api/v1/notes/{id}/comments") => create,
        ("GET", "/api/v1/notes/{id}/comments/{commentId}") => get,
        ("PUT", "/api/v1/notes/{id}/comments/{commentId}") => update,
        ("DELETE", "/api/v1/notes/{id}/comments/{commentId}") => delete,
        _ => return None,
    })
}

/// The note in the path.
fn note(call: &Call<'_>) -> Result<i64, Answer> {
    let id = call.id()?;
    call.store.table(Entity::Notes).live(id).map(|_| id).ok_or_else(Answer::not_found)
}

fn show(row: &Row) -> Value {
    let mut shown = row.clone();
    let uuid = shown.remove("id").unwrap_or_default();
    shown.insert("uuid".into(), uuid);
    let note = shown.remove("note_id").unwrap_or_default();
    shown.insert("object_id".into(), note.to_string().into());
    Value::Object(shown)
}

/// The comment in the path, if it is one of the note in the path.
fn comment(call: &Call<'_>) -> Result<Row, Answer> {
    let note = note(call)?;
    let uuid = call.segments.get(1).copied().unwrap_or_default();
    let place = call.store.by_uuid(COMMENTS, uuid).ok_or_else(Answer::not_found)?;
    let stored = call.store.table(COMMENTS).live(place).filter(|stored| stored.row["note_id"] == note);
    stored.map(|stored| stored.row.clone()).ok_or_else(Answer::not_found)
}

fn list(call: &mut Call<'_>) -> Answered {
    let note = note(call)?;
    let table = call.store.table(COMMENTS);
    let comments = table.linked("note_id", note).filter_map(|place| Some(&table.live(place)?.row));
    let (page, pagination) = v1_page(call, comments);
    Ok(Answer::with(page.into_iter().map(show).collect::<Value>(), json!({ "pagination": pagination })))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(show(&comment(call)?)))
}

fn create(call: &mut Call<'_>) -> Answered {
    let row = json!({
        "id": call.new_uuid(COMMENTS), "note_id": note(call)?, "object_type": "note", "active_flag": true,
        "add_time": time::millis(call.now), "user_id": call.user, "company_id": 1,
    });
    let Value::Object(row) = row else { unreachable!("a comment is an object") };
    save(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = comment(call)?;
    save(call, row)
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    call.check_v1()?;
    let body = call.take_body();
    let content = text(&body, "content").filter(|content| !content.trim().is_empty());
    let content = content.ok_or_else(|| Answer::error(400, "Content must be given."))?;
    row.insert("content".into(), records::clean_html(call, content).into());
    row.insert("updater_id".into(), call.user.into());
    row.insert("update_time".into(), time::millis(call.now).into());
    call.store.put(COMMENTS, row.clone());
    Ok(Answer::ok(show(&row)))
}

fn delete(call: &mut Call<'_>) -> Answered {
    let mut row = comment(call)?;
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::millis(call.now).into());
    call.store.put(COMMENTS, row);
    Ok(Answer::ok(true))
}
