//! Who follows deals, persons and organizations (v2, and the older v1).

use serde_json::{Value, json};

use super::Route;
use super::records::link_to;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{decode, encode, limit, next_cursor};
use crate::simulator::store::Store;
use crate::simulator::table::{int, text};
use crate::simulator::time;

const FOLLOWERS: Entity = Entity::Followers;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    let (version, rest) = template.strip_prefix("/api/")?.split_once('/')?;
    let (records, rest) = rest.split_once("/{id}/followers")?;
    if !matches!(records, "deals" | "persons" | "organizations" | "products") {
        return None;
    }
    Some(match (version, method, rest) {
        ("v2", "GET", "") => list,
        ("v2", "GET", "/changelog") => changelog,
        ("v1", "GET", "") => list_v1,
        (_, "POST", "") => create,
        (_, "DELETE", "/{follower_id}") => delete,
        _ => return None,
    })
}

/// The record in the path and its kind.
fn followed<'c>(call: &'c Call<'_>) -> Result<(Entity, &'c Row), Answer> {
    let kind = call.endpoint.template.split('/').nth(3).unwrap_or_default();
    let entity = Entity::ALL.into_iter().find(|entity| entity.name() == kind).ok_or_else(Answer::not_found)?;
    let stored = call.store.table(entity).live(call.id()?).ok_or_else(Answer::not_found)?;
    Ok((entity, &stored.row))
}

/// The users who follow a record, with the row of their following; the owner follows without one.
fn followers(call: &Call<'_>, entity: Entity, record: &Row) -> Vec<(i64, Row)> {
    let table = call.store.table(FOLLOWERS);
    let rows = int(record, "id").into_iter().flat_map(|id| table.linked(link_to(entity), id));
    let mut found: Vec<(i64, Row)> = rows
        .filter_map(|id| {
            let row = &table.live(id)?.row;
            Some((int(row, "user_id")?, row.clone()))
        })
        .collect();
    if let Some(owner) = int(record, "owner_id").filter(|_| call.profile.switches.owner_follows)
        && found.iter().all(|(user, _)| *user != owner)
    {
        let row = json!({ "id": 0, "user_id": owner, "add_time": record["add_time"], link_to(entity): record["id"] });
        let Value::Object(row) = row else { unreachable!("a follower is an object") };
        found.push((owner, row));
    }
    found.sort_by_key(|(user, _)| *user);
    found
}

/// How many follow a record.
pub(in crate::simulator) fn count(store: &Store, entity: Entity, id: i64) -> usize {
    store.table(FOLLOWERS).linked_count(link_to(entity), id)
}

fn list(call: &mut Call<'_>) -> Answered {
    let (entity, record) = followed(call)?;
    let limit = limit(call, 500)?;
    let after = call.param("cursor").map(|cursor| decode(call, FOLLOWERS, cursor)).transpose()?.map_or(0, |(_, id)| id);
    let mut left = followers(call, entity, record).into_iter().filter(|(user, _)| *user > after);
    let page: Vec<(i64, Row)> = left.by_ref().take(limit).collect();
    let cursor = match (page.last(), left.next()) {
        (Some((user, _)), Some(_)) => encode(call.now, FOLLOWERS, (*user, *user)),
        _ => Value::Null,
    };
    let show = |(user, row): &(i64, Row)| json!({ "user_id": user, "add_time": row["add_time"] });
    Ok(Answer::with(page.iter().map(show).collect::<Value>(), next_cursor(cursor)))
}

/// Everybody who began or ceased to follow.
fn changelog(call: &mut Call<'_>) -> Answered {
    let (entity, record) = followed(call)?;
    let id = int(record, "id");
    let mut lines = Vec::new();
    for (_, row) in call.store.table(FOLLOWERS).rows().filter(|(_, row)| int(row, link_to(entity)) == id) {
        let line = |action: &str, actor: &str, time: &Value| json!({ "action": action, "actor_user_id": row[actor], "follower_user_id": row["user_id"], "time": time });
        lines.push(line("added", "added_by", &row["add_time"]));
        if row.get("is_deleted") == Some(&Value::Bool(true)) {
            lines.push(line("removed", "removed_by", &row["update_time"]));
        }
    }
    lines.sort_by_key(|line| line["time"].as_str().map(str::to_owned));
    Ok(Answer::with(lines, next_cursor(Value::Null)))
}

/// A following as v1 shows it.
fn show_v1(row: &Row) -> Value {
    let mut shown = row.clone();
    for key in ["is_deleted", "added_by", "removed_by", "update_time"] {
        shown.remove(key);
    }
    let time = text(row, "add_time").unwrap_or_default().replace('T', " ").replace('Z', "");
    shown.insert("add_time".into(), time.into());
    Value::Object(shown)
}

fn list_v1(call: &mut Call<'_>) -> Answered {
    let (entity, record) = followed(call)?;
    let rows: Value = followers(call, entity, record).iter().map(|(_, row)| show_v1(row)).collect();
    Ok(Answer::ok(rows))
}

fn create(call: &mut Call<'_>) -> Answered {
    if !call.endpoint.v2 {
        call.check_v1()?;
    }
    let user = int(&call.take_body(), "user_id").expect("the shape requires a user");
    call.require_active_user("user_id", user)?;
    let (entity, record) = followed(call)?;
    if followers(call, entity, record).iter().any(|(known, _)| *known == user) {
        return Err(Answer::error(400, "User is already a follower."));
    }
    let row = json!({
        "id": call.store.table(FOLLOWERS).next_id(), "user_id": user, link_to(entity): record["id"],
        "add_time": time::v2(call.now), "update_time": time::v2(call.now), "added_by": call.user, "is_deleted": false,
    });
    let Value::Object(row) = row else { unreachable!("a follower is an object") };
    call.store.put(FOLLOWERS, row.clone());
    let shown = json!({ "user_id": user, "add_time": row["add_time"] });
    Ok(Answer::ok(if call.endpoint.v2 { shown } else { show_v1(&row) }))
}

/// v2 names the user, v1 the following.
fn delete(call: &mut Call<'_>) -> Answered {
    let named = call.segment_id(1)?;
    let (entity, record) = followed(call)?;
    let key = if call.endpoint.v2 { "user_id" } else { "id" };
    let found = followers(call, entity, record).into_iter().find(|(_, row)| int(row, key) == Some(named));
    let (user, mut row) = found.ok_or_else(Answer::not_found)?;
    if int(&row, "id") == Some(0) {
        return Err(Answer::error(400, "The owner always follows."));
    }
    row.insert("removed_by".into(), call.user.into());
    call.delete(FOLLOWERS, row);
    Ok(Answer::ok(if call.endpoint.v2 { json!({ "user_id": user }) } else { json!({ "id": named }) }))
}
