//! Merging two records into one (v1): the one in the path goes, the named one stays and wins.

use serde_json::{Value, json};

use super::Route;
use super::records::link_to;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::table::{int, text};
use crate::simulator::time;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("PUT", "/api/v1/deals/{id}/merge") => |call| merge(call, Entity::Deals),
        ("PUT", "/api/v1/persons/{id}/merge") => |call| merge(call, Entity::Persons),
        ("PUT", "/api/v1/organizations/{id}/merge") => |call| merge(call, Entity::Organizations),
        _ => return None,
    })
}

/// What points at a kind of record, and under which key.
fn pointers(entity: Entity) -> Vec<(Entity, &'static str)> {
    let key = link_to(entity);
    let mut all: Vec<(Entity, &'static str)> =
        [Entity::Notes, Entity::Activities, Entity::Files, Entity::Followers].map(|holder| (holder, key)).into();
    all.extend_from_slice(match entity {
        Entity::Deals => &[(Entity::Participants, "deal_id"), (Entity::DealProducts, "deal_id")],
        Entity::Persons => {
            &[(Entity::Participants, "person_id"), (Entity::Deals, "person_id"), (Entity::Leads, "person_id")]
        }
        _ => &[
            (Entity::Persons, "org_id"),
            (Entity::Deals, "org_id"),
            (Entity::Leads, "organization_id"),
            (Entity::OrganizationRelationships, "rel_owner_org_id"),
            (Entity::OrganizationRelationships, "rel_linked_org_id"),
        ],
    });
    all
}

fn merge(call: &mut Call<'_>, entity: Entity) -> Answered {
    let going = call.changeable(entity)?;
    call.check_v1()?;
    let from = int(&going, "id").expect("rows have ids");
    let into = int(&call.take_body(), "merge_with_id").expect("the shape requires it");
    let staying = call.store.table(entity).live(into).map(|stored| stored.row.clone());
    let mut staying = staying.ok_or_else(Answer::not_found)?;
    if from == into {
        return Err(Answer::error(400, "A record cannot be merged with itself."));
    }
    for (holder, key) in pointers(entity) {
        point(call, holder, key, from, into);
    }
    fill(&mut staying, &going);
    staying.insert("update_time".into(), call.stamp().into());
    call.store.put(entity, staying.clone());
    call.delete(entity, going);
    Ok(Answer::ok(show(entity, &staying, from)))
}

/// Points everything at the one that stays; what would then stand twice or point at itself goes.
fn point(call: &mut Call<'_>, holder: Entity, key: &'static str, from: i64, into: i64) {
    let held: Vec<i64> = call.store.table(holder).linked(key, from).collect();
    for id in held {
        let Some(mut row) = call.store.table(holder).live(id).map(|stored| stored.row.clone()) else { continue };
        row.insert(key.into(), into.into());
        for one in row.get_mut("participants").and_then(Value::as_array_mut).into_iter().flatten() {
            if key == "person_id" && one["person_id"] == from {
                one["person_id"] = into.into();
            }
        }
        let itself =
            row.get("rel_owner_org_id").is_some() && row.get("rel_owner_org_id") == row.get("rel_linked_org_id");
        let table = call.store.table(holder);
        let same = |other: i64, keys: &[&str]| {
            table.live(other).is_some_and(|other| keys.iter().all(|key| other.row.get(*key) == row.get(*key)))
        };
        let twice = match holder {
            Entity::Followers => table.linked(key, into).any(|other| same(other, &["user_id"])),
            Entity::Participants => table.linked(key, into).any(|other| same(other, &["deal_id", "person_id"])),
            _ => false,
        };
        if itself || twice {
            row.insert("active_flag".into(), false.into());
            row.insert("is_deleted".into(), true.into());
        }
        call.store.put(holder, row);
    }
}

/// Takes over what the one that stays does not have; addresses and labels of both are kept.
fn fill(staying: &mut Row, going: &Row) {
    for (key, value) in going {
        let entry = staying.entry(key.clone()).or_insert(Value::Null);
        match (entry, value) {
            (Value::Array(kept), Value::Array(more)) => {
                let known = |kept: &[Value], one: &Value| {
                    kept.iter().any(|other| other == one || (!one["value"].is_null() && other["value"] == one["value"]))
                };
                for one in more {
                    if !known(kept, one) {
                        let mut one = one.clone();
                        if one.get("primary").is_some() {
                            one["primary"] = kept.is_empty().into();
                        }
                        kept.push(one);
                    }
                }
            }
            (Value::Object(kept), Value::Object(more)) if key == "custom_fields" => {
                for (code, value) in more {
                    kept.entry(code.clone()).or_insert_with(|| value.clone());
                }
            }
            (entry, value) if entry.is_null() => *entry = value.clone(),
            _ => {}
        }
    }
}

/// The one that stays, in the shape of v1.
fn show(entity: Entity, row: &Row, gone: i64) -> Value {
    let of = |key: &str| row.get(key).cloned().unwrap_or_default();
    let time = |key: &str| {
        let seconds = text(row, key).map_or(0, time::seconds);
        chrono::DateTime::from_timestamp(seconds, 0).map(time::v1).map_or(Value::Null, Value::from)
    };
    match entity {
        Entity::Organizations => json!({ "id": of("id") }),
        Entity::Persons => json!({
            "id": of("id"), "company_id": 1, "name": of("name"), "first_name": of("first_name"),
            "last_name": of("last_name"), "email": of("emails"), "phone": of("phones"), "owner_id": of("owner_id"),
            "org_id": of("org_id"), "active_flag": true, "label_ids": of("label_ids"), "add_time": time("add_time"),
            "update_time": time("update_time"), "visible_to": of("visible_to").to_string(), "merge_what_id": gone,
        }),
        _ => json!({
            "id": of("id"), "creator_user_id": of("creator_user_id"), "user_id": of("owner_id"),
            "person_id": of("person_id"), "org_id": of("org_id"), "stage_id": of("stage_id"),
            "pipeline_id": of("pipeline_id"), "title": of("title"), "value": of("value"), "currency": of("currency"),
            "status": of("status"), "active": of("status") == "open", "deleted": false, "is_archived": of("is_archived"),
            "add_time": time("add_time"), "update_time": time("update_time"),
            "visible_to": of("visible_to").to_string(), "merge_what_id": gone,
        }),
    }
}
