//! Leads (v1): UUIDs, a person or an organization, labels of their own, the custom fields of deals.

use serde_json::{Value, json};

use super::{Route, currencies, lead_values, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{due, filtered, v1_page};
use crate::simulator::table::{Stored, flag, fold, int, text};
use crate::simulator::time;
use crate::simulator::visibility::Sight;

const LEADS: Entity = Entity::Leads;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/leads") => |call| list(call, false),
        ("GET", "/api/v1/leads/archived") => |call| list(call, true),
        ("POST", "/api/v1/leads") => create,
        ("GET", "/api/v1/leads/{id}") => get,
        ("PATCH", "/api/v1/leads/{id}") => update,
        ("DELETE", "/api/v1/leads/{id}") => delete,
        ("GET", "/api/v1/leadSources") => sources,
        _ => return None,
    })
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let mut shown = row.clone();
    shown.remove("is_deleted");
    let custom = shown.remove("custom_fields");
    if let Some(Value::Object(stored)) = custom {
        lead_values::show(call.store, call.profile.switches.lead_sets, &stored, &mut shown);
    }
    let uuid = text(row, "id").unwrap_or_default();
    let table = call.store.table(Entity::Activities);
    let planned = fold(uuid).into_iter().flat_map(|lead| table.linked("lead_id", lead)).filter_map(|id| {
        let activity = &table.live(id)?.row;
        (!flag(activity, "done")).then(|| (due(activity), id))
    });
    shown.insert("next_activity_id".into(), planned.min().map_or(Value::Null, |(_, id)| id.into()));
    let address = format!("{}+1+lead{}@pipedrivemail.com", call.profile.name, uuid.replace('-', ""));
    shown.insert("cc_email".into(), address.into());
    Value::Object(shown)
}

fn list(call: &Call<'_>, archived: bool) -> Answered {
    let table = call.store.table(LEADS);
    let filters: Vec<(&'static str, i64)> = ["owner_id", "person_id", "organization_id"]
        .into_iter()
        .filter_map(|link| Some((link, call.int_param(link)?)))
        .collect();
    let since = records::v1_since(call)?;
    let filtered = filtered(call, LEADS)?;
    let fits = |row: &Row| {
        let place = text(row, "id").and_then(|uuid| call.store.by_uuid(LEADS, uuid));
        filtered.as_ref().is_none_or(|filtered| place.is_some_and(|place| filtered.contains(&place)))
    };
    let sight = Sight::of(call);
    let keep = |stored: &&Stored| {
        let row = &stored.row;
        sight.admits(call, LEADS, row)
            && fits(row)
            && filters.iter().all(|(link, target)| int(row, link) == Some(*target))
            && since.is_none_or(|since| stored.updated >= since)
            && flag(row, "is_archived") == archived
    };
    let smallest = filters.iter().min_by_key(|(link, target)| table.linked_count(link, *target));
    let leads: Box<dyn Iterator<Item = &Stored>> = match smallest {
        Some((link, target)) => Box::new(table.linked(link, *target).filter_map(|id| table.live(id))),
        None => Box::new(table.all_live().map(|(_, stored)| stored)),
    };
    let leads = leads.filter(keep);
    let (page, mut pagination) = match call.param("sort") {
        None => v1_page(call, leads),
        Some(sort) => {
            let mut leads: Vec<&Stored> = leads.collect();
            records::sort_v1(sort, &mut leads);
            v1_page(call, leads.into_iter())
        }
    };
    // This list answers its paging data flat and without the next start.
    if let Value::Object(pagination) = &mut pagination {
        pagination.remove("next_start");
    }
    let rows: Value = page.into_iter().map(|stored| show(call, &stored.row)).collect();
    Ok(Answer::with(rows, pagination))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(show(call, &call.changeable(LEADS)?)))
}

fn create(call: &mut Call<'_>) -> Answered {
    require_room(call)?;
    let defaults = json!({
        "id": call.new_uuid(LEADS), "title": null, "owner_id": call.user, "creator_id": call.user, "label_ids": [],
        "person_id": null, "organization_id": null, "source_name": "API", "origin": "API", "origin_id": null,
        "channel": null, "channel_id": null, "source_deal_id": null, "is_archived": false, "was_seen": false,
        "value": null, "expected_close_date": null, "add_time": time::millis(call.now), "is_deleted": false,
        "visible_to": call.profile.tier.everyone().to_string(), "custom_fields": {},
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    save(call, row)
}

/// Leads and deals share one cap.
pub(super) fn require_room(call: &Call<'_>) -> Result<(), Answer> {
    let profile = call.profile;
    let count = call.store.table(LEADS).count() + call.store.table(Entity::Deals).count();
    if count < profile.tier.deals(profile.seats) {
        return Ok(());
    }
    let message = "Couldn't add the lead. Leads limit reached.";
    Err(Answer::capped(message, "feature_capping_leads_limit"))
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(LEADS)?;
    if flag(&row, "is_archived") && call.body["is_archived"] != Value::Bool(false) {
        return Err(Answer::error(400, "Archived lead cannot be updated."));
    }
    save(call, row)
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    let mut custom = match row.remove("custom_fields") {
        Some(Value::Object(custom)) => custom,
        _ => Row::new(),
    };
    if let Value::Object(mut body) = call.body.take() {
        lead_values::take(call, &mut body, &mut custom)?;
        call.body = Value::Object(body);
    }
    call.check_v1()?;
    let body = call.take_body();
    check(call, &body)?;
    row.extend(body);
    if ["person_id", "organization_id"].iter().all(|key| int(&row, key).is_none()) {
        return Err(Answer::error(400, "A lead must be linked to a person or an organization."));
    }
    row.insert("custom_fields".into(), Value::Object(custom));
    row.insert("update_time".into(), time::millis(call.now).into());
    call.touch_parents(LEADS, &row);
    call.store.put(LEADS, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

fn check(call: &Call<'_>, body: &Row) -> Result<(), Answer> {
    let wrong = |message: &str| Err(Answer::error(400, message));
    if text(body, "title").is_some_and(|title| title.trim().is_empty()) {
        return wrong("Title must be given.");
    }
    let longest = call.profile.switches.name_chars;
    if longest > 0 && text(body, "title").is_some_and(|title| title.chars().count() > longest) {
        return wrong("Title is too long.");
    }
    if let Some(owner) = int(body, "owner_id")
        && call.require_active_user("owner_id", owner).is_err()
    {
        return wrong("User not found or not accessible.");
    }
    for (key, entity) in [("person_id", Entity::Persons), ("organization_id", Entity::Organizations)] {
        if let Some(id) = int(body, key)
            && call.store.table(entity).live(id).is_none()
        {
            return wrong(&format!("{} {id} not found.", entity.singular()));
        }
    }
    for label in body.get("label_ids").and_then(Value::as_array).into_iter().flatten() {
        let place = label.as_str().and_then(|uuid| call.store.by_uuid(Entity::LeadLabels, uuid));
        if place.and_then(|place| call.store.table(Entity::LeadLabels).live(place)).is_none() {
            return wrong(&format!("Lead label {label} not found."));
        }
    }
    if let Some(value) = body.get("value").filter(|value| !value.is_null())
        && !value["currency"].as_str().is_some_and(currencies::is_known)
    {
        return wrong("Unknown currency.");
    }
    if let Some(given) = text(body, "visible_to") {
        let visibility = given.parse().map_err(|_| Answer::error(400, "visible_to is not valid."))?;
        if !call.profile.tier.visibilities().contains(&visibility) {
            return Err(Answer::forbidden());
        }
    }
    Ok(())
}

fn delete(call: &mut Call<'_>) -> Answered {
    let row = call.deletable(LEADS)?;
    let id = row["id"].clone();
    remove(call, row);
    Ok(Answer::ok(json!({ "id": id })))
}

/// Takes a lead out of the lists, and what hangs on it if the switch says so.
pub(super) fn remove(call: &mut Call<'_>, row: Row) {
    let id = call.delete(LEADS, row);
    if call.profile.switches.delete_cascades {
        records::cascade(call, LEADS, &id);
    }
}

fn sources(_: &mut Call<'_>) -> Answered {
    let names = [
        "Manually created",
        "Deal",
        "Web forms",
        "Prospector",
        "Leadbooster",
        "Live chat",
        "Import",
        "Website visitors",
        "Workflow automation",
        "API",
    ];
    Ok(Answer::ok(names.iter().map(|name| json!({ "name": name })).collect::<Value>()))
}
