//! Leads become deals and deals become leads (v2): asked for, then done by the server in its own time.

use serde_json::{Value, json};

use super::{Route, deals, leads};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::table::{fold, int, text};
use crate::simulator::time;

const CONVERSIONS: Entity = Entity::Conversions;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("POST", "/api/v2/leads/{id}/convert/deal") => |call| start(call, Entity::Leads),
        ("POST", "/api/v2/deals/{id}/convert/lead") => |call| start(call, Entity::Deals),
        ("GET", "/api/v2/leads/{id}/convert/status/{conversion_id}") => |call| status(call, Entity::Leads),
        ("GET", "/api/v2/deals/{id}/convert/status/{conversion_id}") => |call| status(call, Entity::Deals),
        _ => return None,
    })
}

fn start(call: &mut Call<'_>, from: Entity) -> Answered {
    let place = call.place(from).map_err(|_| Answer::not_found())?;
    let Some(stored) = call.store.table(from).live(place) else { return Err(Answer::not_found()) };
    let id = stored.row["id"].clone();
    let body = call.take_body();
    for (key, entity) in [("stage_id", Entity::Stages), ("pipeline_id", Entity::Pipelines)] {
        if let Some(id) = int(&body, key) {
            call.require(entity, key, id)?;
        }
    }
    let conversion = call.new_uuid(CONVERSIONS);
    let row = json!({
        "id": conversion, "from": from.name(), "source": id, "target": null, "status": "running", "is_deleted": false,
        "stage_id": body.get("stage_id"), "pipeline_id": body.get("pipeline_id"),
        "done_at": call.now.timestamp_millis() + call.profile.switches.conversion_ms,
    });
    let Value::Object(row) = row else { unreachable!("a conversion is an object") };
    call.store.put(CONVERSIONS, row);
    settle(call);
    Ok(Answer::ok(json!({ "conversion_id": conversion })))
}

fn status(call: &mut Call<'_>, from: Entity) -> Answered {
    let uuid = call.segments.get(1).copied().unwrap_or_default();
    let place = call.store.by_uuid(CONVERSIONS, uuid).ok_or_else(Answer::not_found)?;
    let stored = call.store.table(CONVERSIONS).any(place).ok_or_else(Answer::not_found)?;
    let source = call.segments.first().copied().unwrap_or_default();
    let row = &stored.row;
    let asked = row["source"].as_str().map_or_else(|| row["source"].to_string(), str::to_owned);
    if asked != source || text(row, "from") != Some(from.name()) {
        return Err(Answer::not_found());
    }
    let mut shown = json!({ "conversion_id": uuid, "status": row["status"] });
    if !row["target"].is_null() {
        shown[if from == Entity::Leads { "deal_id" } else { "lead_id" }] = row["target"].clone();
    }
    Ok(Answer::ok(shown))
}

/// Does what is due. Conversions that are done count as deleted, so that there is nothing to look for as a rule.
pub(in crate::simulator) fn settle(call: &mut Call<'_>) {
    if call.store.table(CONVERSIONS).count() == 0 {
        return;
    }
    let now = call.now.timestamp_millis();
    let due = |row: &Row| int(row, "done_at").is_some_and(|at| at <= now);
    let running = call.store.table(CONVERSIONS).all_live().map(|(_, stored)| &stored.row);
    let ready: Vec<Row> = running.filter(|row| due(row)).cloned().collect();
    for mut row in ready {
        let done = match text(&row, "from") {
            Some("leads") => to_deal(call, &row),
            _ => to_lead(call, &row),
        };
        row.insert("status".into(), if done.is_ok() { "completed" } else { "failed" }.into());
        row.insert("target".into(), done.unwrap_or_default());
        row.insert("is_deleted".into(), true.into());
        call.store.put(CONVERSIONS, row);
    }
}

fn to_deal(call: &mut Call<'_>, conversion: &Row) -> Result<Value, Answer> {
    let uuid = text(conversion, "source").unwrap_or_default().to_owned();
    let place = call.store.by_uuid(Entity::Leads, &uuid).ok_or_else(Answer::not_found)?;
    let lead = call.store.table(Entity::Leads).live(place).ok_or_else(Answer::not_found)?.row.clone();
    let mut body = Row::new();
    let pairs =
        [("title", "title"), ("owner_id", "owner_id"), ("person_id", "person_id"), ("org_id", "organization_id")];
    for (to, from) in pairs {
        body.insert(to.into(), lead[from].clone());
    }
    for key in ["stage_id", "pipeline_id"] {
        body.insert(key.into(), conversion[key].clone());
    }
    if lead["value"].is_object() {
        body.insert("value".into(), lead["value"]["amount"].clone());
        body.insert("currency".into(), lead["value"]["currency"].clone());
    }
    for key in ["expected_close_date", "channel", "channel_id", "origin_id"] {
        body.insert(key.into(), lead[key].clone());
    }
    let mut deal = deals::blank(call);
    deals::write(call, body, &mut deal)?;
    let visibility = text(&lead, "visible_to").and_then(|text| text.parse::<i64>().ok());
    deal.insert("visible_to".into(), visibility.into());
    deal.insert("custom_fields".into(), lead["custom_fields"].clone());
    deal.insert("source_lead_id".into(), uuid.clone().into());
    deal.insert("update_time".into(), call.stamp().into());
    let id = deal["id"].clone();
    call.store.put(Entity::Deals, deal);
    relink(call, ("lead_id", fold(&uuid)), ("deal_id", &id));
    leads::remove(call, lead);
    Ok(id)
}

fn to_lead(call: &mut Call<'_>, conversion: &Row) -> Result<Value, Answer> {
    let source = int(conversion, "source");
    let deal = source.and_then(|id| call.store.table(Entity::Deals).live(id)).ok_or_else(Answer::not_found)?;
    let deal = deal.row.clone();
    if int(&deal, "person_id").is_none() && int(&deal, "org_id").is_none() {
        return Err(Answer::error(400, "A lead must be linked to a person or an organization."));
    }
    let id = Value::from(call.new_uuid(Entity::Leads));
    let lead = json!({
        "id": id, "title": deal["title"], "owner_id": deal["owner_id"], "creator_id": call.user, "label_ids": [],
        "person_id": deal["person_id"], "organization_id": deal["org_id"], "source_name": "Deal", "origin": "API",
        "origin_id": null, "channel": deal["channel"], "channel_id": deal["channel_id"], "source_deal_id": deal["id"],
        "is_archived": false, "was_seen": true, "value": { "amount": deal["value"], "currency": deal["currency"] },
        "expected_close_date": deal["expected_close_date"], "add_time": time::millis(call.now),
        "update_time": time::millis(call.now), "is_deleted": false, "visible_to": deal["visible_to"].to_string(),
        "custom_fields": deal["custom_fields"],
    });
    let Value::Object(lead) = lead else { unreachable!("a lead is an object") };
    call.store.put(Entity::Leads, lead);
    relink(call, ("deal_id", source), ("lead_id", &id));
    call.delete(Entity::Deals, deal);
    Ok(id)
}

/// Moves notes, activities and files along.
fn relink(call: &mut Call<'_>, (from, target): (&'static str, Option<i64>), (to, id): (&str, &Value)) {
    let Some(target) = target else { return };
    for entity in [Entity::Notes, Entity::Activities, Entity::Files] {
        let held: Vec<i64> = call.store.table(entity).linked(from, target).collect();
        for held in held {
            if let Some(mut row) = call.store.table(entity).live(held).map(|stored| stored.row.clone()) {
                row.insert(from.into(), Value::Null);
                row.insert(to.into(), id.clone());
                call.store.put(entity, row);
            }
        }
    }
}
