//! Deals (v2): where they stand, whether they are won, and when.

use serde_json::{Value, json};

use super::pipelines::require_name;
use super::{Route, currencies, leads, records, stages};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::Listing;
use crate::simulator::table::{flag, int, text};
use crate::simulator::time;

const FILTERS: [&str; 5] = ["owner_id", "person_id", "org_id", "pipeline_id", "stage_id"];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/deals") => |call| list(call, false),
        ("GET", "/api/v2/deals/archived") => |call| list(call, true),
        ("POST", "/api/v2/deals") => create,
        ("GET", "/api/v2/deals/{id}") => |call| records::get(call, Entity::Deals),
        ("PATCH", "/api/v2/deals/{id}") => update,
        ("DELETE", "/api/v2/deals/{id}") => |call| records::delete(call, Entity::Deals),
        _ => return None,
    })
}

fn list(call: &Call<'_>, archived: bool) -> Answered {
    let listing = Listing::read(call, Entity::Deals, &FILTERS)?;
    let statuses = call.list_param("status");
    let oldest = call.now.timestamp() - call.profile.switches.purge_days * 86_400;
    let keep = |row: &Row| {
        let status = if flag(row, "is_deleted") { "deleted" } else { text(row, "status").unwrap_or_default() };
        let wanted = if statuses.is_empty() { status != "deleted" } else { statuses.contains(&status) };
        let purged = status == "deleted" && text(row, "update_time").map_or(0, time::seconds) < oldest;
        wanted && !purged && flag(row, "is_archived") == archived
    };
    records::list_some(call, Entity::Deals, &listing, statuses.contains(&"deleted"), keep)
}

fn create(call: &mut Call<'_>) -> Answered {
    leads::require_room(call).map_err(|_| {
        Answer::capped("Couldn't add the deal. Open deals limit reached.", "feature_capping_deals_limit")
    })?;
    let body = call.take_body();
    let mut row = blank(call);
    write(call, body, &mut row)?;
    records::save(call, Entity::Deals, row)
}

/// A deal that nothing is said of.
pub(super) fn blank(call: &Call<'_>) -> Row {
    let defaults = json!({
        "id": call.store.table(Entity::Deals).next_id(), "creator_user_id": call.user, "owner_id": call.user,
        "value": 0, "person_id": null, "org_id": null, "stage_id": null, "pipeline_id": null, "currency": call.currency(),
        "archive_time": null, "add_time": call.stamp(), "stage_change_time": null, "status": "open",
        "is_archived": false, "is_deleted": false, "probability": null, "lost_reason": null, "visible_to": call.profile.tier.everyone(),
        "close_time": null, "won_time": null, "lost_time": null, "local_won_date": null, "local_lost_date": null,
        "local_close_date": null, "expected_close_date": null, "label_ids": [], "origin": "API", "origin_id": null,
        "channel": null, "channel_id": null, "acv": null, "arr": null, "mrr": null, "custom_fields": {},
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    row
}

fn update(call: &mut Call<'_>) -> Answered {
    let mut row = call.changeable(Entity::Deals)?;
    let body = call.take_body();
    if flag(&row, "is_archived") && body.get("is_archived") != Some(&Value::Bool(false)) {
        return Err(Answer::error(400, "Archived deal cannot be updated."));
    }
    write(call, body, &mut row)?;
    records::save(call, Entity::Deals, row)
}

pub(super) fn write(call: &Call<'_>, mut body: Row, row: &mut Row) -> Result<(), Answer> {
    require_name(&body, "title")?;
    if body.remove("is_deleted") == Some(Value::Bool(true)) {
        return Err(Answer::invalid("is_deleted", "Deleting is not allowed here."));
    }
    if let Some(person) = int(&body, "person_id") {
        call.require(Entity::Persons, "person_id", person)?;
    }
    if let Some(org) = int(&body, "org_id") {
        call.require(Entity::Organizations, "org_id", org)?;
    }
    if text(&body, "currency").is_some_and(|currency| !currencies::is_known(currency)) {
        return Err(Answer::invalid("currency", "Unknown currency."));
    }
    let (labels, cap) = (body.get("label_ids").and_then(Value::as_array), call.profile.switches.labels_per_deal_cap);
    if cap > 0 && labels.is_some_and(|labels| labels.len() > cap) {
        return Err(Answer::invalid("label_ids", &format!("At most {cap} labels are allowed.")));
    }
    let probability = body.get("probability").and_then(Value::as_f64);
    if probability.is_some_and(|probability| !(0.0..=100.0).contains(&probability)) {
        return Err(Answer::invalid("probability", "This value must be between 0 and 100."));
    }
    if text(&body, "expected_close_date") == Some("") {
        body.insert("expected_close_date".into(), "0000-00-00".into());
    }
    place(call, &mut body, row)?;
    settle_status(call, &mut body, row)?;
    settle_archive(call, &mut body, row)?;
    records::write_common(call, Entity::Deals, &mut body, row)?;
    row.extend(body);
    Ok(())
}

/// Finds pipeline and stage: a stage alone decides the pipeline, a pipeline alone stands for its first stage.
fn place(call: &Call<'_>, body: &mut Row, row: &mut Row) -> Result<(), Answer> {
    let first_stage = |pipeline| stages::of_pipeline(call.store, pipeline).min().map(|(_, id)| id);
    let (stage, pipeline) = (int(body, "stage_id"), int(body, "pipeline_id"));
    if let Some(pipeline) = pipeline {
        call.require(Entity::Pipelines, "pipeline_id", pipeline)?;
    }
    let (pipeline, stage) = match (pipeline, stage) {
        (given, Some(stage)) => {
            call.require(Entity::Stages, "stage_id", stage)?;
            let stored = call.store.table(Entity::Stages).live(stage);
            let pipeline = stored.and_then(|stored| int(&stored.row, "pipeline_id"));
            let status = call.profile.switches.stage_mismatch_status;
            if given.is_some() && given != pipeline && status != 200 {
                return Err(match status {
                    400 => Answer::invalid("stage_id", "Stage does not belong to the pipeline."),
                    status => Answer::error(status, "Cannot move to stage in different pipeline"),
                });
            }
            (pipeline, Some(stage))
        }
        (Some(pipeline), None) if int(row, "pipeline_id") == Some(pipeline) => (Some(pipeline), int(row, "stage_id")),
        (Some(pipeline), None) => (Some(pipeline), first_stage(pipeline)),
        (None, None) if int(row, "stage_id").is_some() => return Ok(()),
        (None, None) => {
            let pipelines = call.store.table(Entity::Pipelines).all_live();
            let default = pipelines.min_by_key(|(_, stored)| int(&stored.row, "order_nr")).map(|(id, _)| id);
            (default, default.and_then(first_stage))
        }
    };
    let Some(stage) = stage else {
        return Err(Answer::invalid("pipeline_id", "The pipeline has no stages."));
    };
    if int(row, "stage_id").is_some_and(|before| before != stage) {
        row.insert("stage_change_time".into(), call.stamp().into());
    }
    body.insert("pipeline_id".into(), pipeline.into());
    body.insert("stage_id".into(), stage.into());
    Ok(())
}

/// Keeps the times of winning and losing in step with the status.
fn settle_status(call: &Call<'_>, body: &mut Row, row: &mut Row) -> Result<(), Answer> {
    let before = text(row, "status").unwrap_or("open").to_owned();
    let status = text(body, "status").unwrap_or(&before).to_owned();
    if !matches!(status.as_str(), "open" | "won" | "lost") {
        return Err(Answer::invalid("status", "This value must be one of: open, won, lost"));
    }
    for (key, needed) in [("won_time", "won"), ("lost_time", "lost"), ("lost_reason", "lost")] {
        if body.get(key).is_some_and(|value| !value.is_null()) && status != needed {
            return Err(Answer::invalid(key, &format!("This value is only allowed if status is {needed}.")));
        }
    }
    if status == "open" && body.get("close_time").is_some_and(|value| !value.is_null()) {
        return Err(Answer::invalid("close_time", "This value is only allowed if status is won or lost."));
    }
    for key in ["won_time", "lost_time", "close_time"] {
        if let Some(given) = text(body, key) {
            let stored = records::datetime(key, given)?;
            body.insert(key.into(), stored.into());
        }
    }
    let changed = status != before;
    if changed {
        for key in ["won_time", "lost_time", "close_time", "local_won_date", "local_lost_date", "local_close_date"] {
            row.insert(key.into(), Value::Null);
        }
        if status != "lost" {
            row.insert("lost_reason".into(), Value::Null);
        }
    }
    if status != "open" {
        let closed = if status == "won" { "won_time" } else { "lost_time" };
        if changed && !body.contains_key(closed) {
            let time = text(body, "close_time").map_or_else(|| call.stamp(), str::to_owned);
            body.insert(closed.into(), time.into());
        }
        if let (Some(time), None) = (text(body, closed).map(str::to_owned), text(body, "close_time")) {
            body.insert("close_time".into(), time.into());
        }
        for (time, date) in [(closed, &*format!("local_{status}_date")), ("close_time", "local_close_date")] {
            if let Some(day) = text(body, time).and_then(|time| time.get(..10)).map(str::to_owned) {
                body.insert(date.into(), day.into());
            }
        }
    }
    Ok(())
}

fn settle_archive(call: &Call<'_>, body: &mut Row, row: &mut Row) -> Result<(), Answer> {
    if let Some(given) = text(body, "archive_time") {
        let Some(time) = time::parse_v1(given) else {
            return Err(Answer::invalid("archive_time", "This value is not a valid datetime."));
        };
        body.insert("archive_time".into(), time::v2(time).into());
    }
    match body.get("is_archived") {
        Some(Value::Bool(true)) if !body.contains_key("archive_time") => {
            body.insert("archive_time".into(), call.stamp().into());
        }
        Some(Value::Bool(false)) => {
            row.insert("archive_time".into(), Value::Null);
        }
        _ => {}
    }
    Ok(())
}
