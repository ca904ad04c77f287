//! Stages of pipelines (v2): their order is the order in which they were created.

use serde_json::{Value, json};

use super::Route;
use super::pipelines::require_name;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::seed;
use crate::simulator::store::Store;
use crate::simulator::table::int;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/stages") => list,
        ("POST", "/api/v2/stages") => create,
        ("GET", "/api/v2/stages/{id}") => get,
        ("PATCH", "/api/v2/stages/{id}") => update,
        ("DELETE", "/api/v2/stages/{id}") => delete,
        _ => return None,
    })
}

/// The live stages of a pipeline as (order, id).
pub(super) fn of_pipeline(store: &Store, pipeline: i64) -> impl Iterator<Item = (i64, i64)> {
    let table = store.table(Entity::Stages);
    table.linked("pipeline_id", pipeline).filter_map(move |id| Some((int(&table.live(id)?.row, "order_nr")?, id)))
}

fn list(call: &mut Call<'_>) -> Answered {
    let listing = Listing::read(call, Entity::Stages, &["pipeline_id"])?;
    let (page, cursor) =
        listing.page(call.store.table(Entity::Stages), call.profile.switches.deleted_stages_listed, |_| true);
    let rows: Value = page.into_iter().map(|stored| Value::Object(stored.row.clone())).collect();
    Ok(Answer::with(rows, next_cursor(cursor)))
}

fn check(call: &Call<'_>, body: &Row) -> Result<(), Answer> {
    require_name(body, "name")?;
    if int(body, "deal_probability").is_some_and(|probability| !(0..=100).contains(&probability)) {
        return Err(Answer::invalid("deal_probability", "This value must be between 0 and 100."));
    }
    match int(body, "pipeline_id") {
        Some(pipeline) if call.store.table(Entity::Pipelines).live(pipeline).is_none() => {
            Err(Answer::missing_link("pipeline_id", "Pipeline"))
        }
        _ => Ok(()),
    }
}

fn create(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let body = call.take_body();
    check(call, &body)?;
    let pipeline = int(&body, "pipeline_id").expect("the shape requires a pipeline");
    let order = of_pipeline(call.store, pipeline).map(|(order, _)| order).max().unwrap_or(0) + 1;
    let id = call.store.table(Entity::Stages).next_id();
    let mut row = seed::stage(id, pipeline, order, "", call.now);
    row.extend(body);
    call.store.put(Entity::Stages, row.clone());
    Ok(Answer::ok(row))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(call.readable(Entity::Stages)?.row.clone()))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let mut row = call.changeable(Entity::Stages)?;
    let body = call.take_body();
    check(call, &body)?;
    let target = int(&body, "pipeline_id").filter(|target| Some(*target) != int(&row, "pipeline_id"));
    row.extend(body);
    if let Some(target) = target {
        let order = of_pipeline(call.store, target).map(|(order, _)| order).max().unwrap_or(0) + 1;
        row.insert("order_nr".into(), order.into());
    }
    row.insert("update_time".into(), call.stamp().into());
    call.store.put(Entity::Stages, row.clone());
    Ok(Answer::ok(row))
}

fn delete(call: &mut Call<'_>) -> Answered {
    call.require_schema_admin()?;
    let row = call.changeable(Entity::Stages)?;
    let deals = call.store.table(Entity::Deals).linked_count("stage_id", call.id()?);
    if deals > 0 && !call.profile.switches.stage_with_deals_deletable {
        return Err(Answer::error(400, "Cannot delete stage with deals."));
    }
    let id = call.delete(Entity::Stages, row);
    Ok(Answer::ok(json!({ "id": id })))
}
