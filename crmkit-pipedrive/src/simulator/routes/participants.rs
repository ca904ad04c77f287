//! Further persons of a deal (v1).

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::custom::id_or_null;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page;
use crate::simulator::store::Store;
use crate::simulator::switches::Stray;
use crate::simulator::table::{flag, int, text};
use crate::simulator::time;

const PARTICIPANTS: Entity = Entity::Participants;
/// The participant that stands for the main person of a deal has no row; this is what its id is counted from.
const MAIN: i64 = 1_000_000_000;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/deals/{id}/participants") => list,
        ("POST", "/api/v1/deals/{id}/participants") => create,
        ("DELETE", "/api/v1/deals/{id}/participants/{deal_participant_id}") => delete,
        _ => return None,
    })
}

/// The persons of a deal: the main one and the others.
pub(in crate::simulator) fn persons_of(store: &Store, deal: i64) -> Vec<i64> {
    let main = store.table(Entity::Deals).live(deal).and_then(|deal| int(&deal.row, "person_id"));
    let table = store.table(PARTICIPANTS);
    let others = table.linked("deal_id", deal).filter_map(|id| int(&table.live(id)?.row, "person_id"));
    let mut persons: Vec<i64> = main.into_iter().chain(others).collect();
    persons.sort_unstable();
    persons.dedup();
    persons
}

fn deal(call: &Call<'_>) -> Result<Row, Answer> {
    call.store.table(Entity::Deals).live(call.id()?).map(|deal| deal.row.clone()).ok_or_else(Answer::not_found)
}

/// The participants as rows, the main person first if it counts as one.
fn rows(call: &Call<'_>, deal: &Row) -> Vec<Row> {
    let id = int(deal, "id").expect("rows have ids");
    let table = call.store.table(PARTICIPANTS);
    let others = table.linked("deal_id", id).filter_map(|id| Some(table.live(id)?.row.clone()));
    let main = int(deal, "person_id").filter(|_| call.profile.switches.main_person_participates);
    let main = main.map(|person| row(MAIN + id, id, person, &deal["creator_user_id"], &deal["add_time"]));
    main.into_iter().chain(others).collect()
}

fn row(id: i64, deal: i64, person: i64, user: &Value, time: &Value) -> Row {
    let row = json!({
        "id": id, "deal_id": deal, "person_id": person, "added_by_user_id": user, "add_time": time, "active_flag": true,
    });
    match row {
        Value::Object(row) => row,
        _ => unreachable!("a participant is an object"),
    }
}

fn show(call: &Call<'_>, row: &Row, deal: &Row) -> Value {
    let user = |id: Option<i64>| {
        let user = id.and_then(|id| call.store.table(Entity::Users).any(id));
        user.map_or(Value::Null, |user| {
            let user = &user.row;
            json!({
                "id": user["id"], "name": user["name"], "email": user["email"], "has_pic": 0, "pic_hash": null,
                "active_flag": user["active_flag"], "value": user["id"],
            })
        })
    };
    let person = int(row, "person_id").and_then(|id| call.store.table(Entity::Persons).any(id));
    let empty = Row::new();
    let person = person.map_or(&empty, |stored| &stored.row);
    let of = |key: &str| person.get(key).cloned().unwrap_or_default();
    let active = !flag(person, "is_deleted");
    let org = int(person, "org_id").and_then(|id| call.store.table(Entity::Organizations).any(id));
    let org = org.map_or(Value::Null, |org| {
        json!({ "name": org.row["name"], "owner_id": org.row["owner_id"], "active_flag": true, "value": org.row["id"] })
    });
    let add_time = text(row, "add_time").unwrap_or_default().replace('T', " ").replace('Z', "");
    json!({
        "id": row["id"], "add_time": add_time, "active_flag": row["active_flag"],
        "person_id": { "active_flag": active, "name": of("name"), "email": of("emails"), "phone": of("phones"),
            "owner_id": of("owner_id"), "company_id": 1, "value": of("id") },
        "person": { "id": of("id"), "company_id": 1, "active_flag": active, "name": of("name"),
            "first_name": of("first_name"), "last_name": of("last_name"), "email": of("emails"), "phone": of("phones"),
            "label_ids": of("label_ids"), "visible_to": id_or_null(person, "visible_to").to_string(),
            "owner_id": user(int(person, "owner_id")), "org_id": org, "picture_id": null },
        "added_by_user_id": user(int(row, "added_by_user_id")), "related_item_type": "deal",
        "related_item_id": deal["id"], "related_item_data": { "deal_id": deal["id"], "title": deal["title"] },
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let (page, pagination) = v1_page(call, rows(call, &deal).into_iter());
    let shown: Value = page.iter().map(|row| show(call, row, &deal)).collect();
    Ok(Answer::with(shown, json!({ "pagination": pagination })))
}

fn create(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    call.check_v1()?;
    let person = int(&call.take_body(), "person_id").expect("the shape requires a person");
    if call.store.table(Entity::Persons).live(person).is_none() {
        return Err(Answer::error(400, "Person not found or not accessible."));
    }
    if let Some(known) = rows(call, &deal).into_iter().find(|row| int(row, "person_id") == Some(person)) {
        return match call.profile.switches.participant_again {
            Stray::Refused => Err(Answer::error(400, "Person is already a participant of this deal.")),
            Stray::Ignored => Ok(Answer::ok(show(call, &known, &deal))),
        };
    }
    let id = call.store.table(PARTICIPANTS).next_id();
    let (user, time) = (call.user.into(), time::v1(call.now).into());
    let row = row(id, int(&deal, "id").expect("rows have ids"), person, &user, &time);
    call.touch_parents(PARTICIPANTS, &row);
    call.store.put(PARTICIPANTS, row.clone());
    Ok(Answer::ok(show(call, &row, &deal)))
}

fn delete(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let id = call.segment_id(1)?;
    let stored = call.store.table(PARTICIPANTS).live(id).map(|stored| stored.row.clone());
    let Some(mut row) = stored.filter(|row| row.get("deal_id") == deal.get("id")) else {
        let main = rows(call, &deal).iter().any(|row| int(row, "id") == Some(id));
        let message = "The main person of a deal is changed with the deal.";
        return Err(if main { Answer::error(400, message) } else { Answer::not_found() });
    };
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    call.touch_parents(PARTICIPANTS, &row);
    call.store.put(PARTICIPANTS, row);
    Ok(Answer::ok(json!({ "id": id })))
}
