//! Pipelines (v2).

use serde_json::Value;

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::seed;
use crate::simulator::table::{flag, int, text};

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/pipelines") => list,
        ("POST", "/api/v2/pipelines") => create,
        ("GET", "/api/v2/pipelines/{id}") => get,
        ("PATCH", "/api/v2/pipelines/{id}") => update,
        ("DELETE", "/api/v2/pipelines/{id}") => delete,
        _ => return None,
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let listing = Listing::read(call, Entity::Pipelines, &[])?;
    let (page, cursor) =
        listing.page(call.store.table(Entity::Pipelines), call.profile.switches.deleted_stages_listed, |_| true);
    let rows: Value = page.into_iter().map(|stored| Value::Object(stored.row.clone())).collect();
    Ok(Answer::with(rows, next_cursor(cursor)))
}

/// Refuses a name of nothing but blanks.
pub(super) fn require_name(body: &Row, key: &str) -> Result<(), Answer> {
    match text(body, key) {
        Some(name) if name.trim().is_empty() => Err(Answer::invalid(key, "This value should not be blank.")),
        _ => Ok(()),
    }
}

fn create(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let body = call.take_body();
    require_name(&body, "name")?;
    let table = call.store.table(Entity::Pipelines);
    let id = table.next_id();
    let order = table.all_live().filter_map(|(_, stored)| int(&stored.row, "order_nr")).max().unwrap_or(0) + 1;
    let name = text(&body, "name").unwrap_or_default();
    let row = seed::pipeline(id, order, name, flag(&body, "is_deal_probability_enabled"), call.now);
    call.store.put(Entity::Pipelines, row.clone());
    if call.profile.switches.default_stages {
        call.add_default_stages(id);
    }
    Ok(Answer::ok(row))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(call.readable(Entity::Pipelines)?.row.clone()))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let mut row = call.changeable(Entity::Pipelines)?;
    let body = call.take_body();
    require_name(&body, "name")?;
    row.extend(body);
    row.insert("update_time".into(), call.stamp().into());
    call.store.put(Entity::Pipelines, row.clone());
    Ok(Answer::ok(row))
}

fn delete(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let row = call.changeable(Entity::Pipelines)?;
    let id = call.id()?;
    if !call.profile.switches.stage_with_deals_deletable
        && call.store.table(Entity::Deals).linked_count("pipeline_id", id) > 0
    {
        return Err(Answer::error(400, "Cannot delete pipeline with deals."));
    }
    let stages: Vec<i64> = call.store.table(Entity::Stages).linked("pipeline_id", id).collect();
    for stage in stages {
        if let Some(stage) = call.store.table(Entity::Stages).live(stage).map(|stored| stored.row.clone()) {
            call.delete(Entity::Stages, stage);
        }
    }
    let id = call.delete(Entity::Pipelines, row);
    Ok(Answer::ok(serde_json::json!({ "id": id })))
}
