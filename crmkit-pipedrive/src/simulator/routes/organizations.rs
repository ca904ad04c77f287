//! Organizations (v2).

use serde_json::{Value, json};

use super::pipelines::require_name;
use super::{Route, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::Listing;
use crate::simulator::view::FIRMOGRAPHICS;

const ORGANIZATIONS: Entity = Entity::Organizations;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/organizations") => list,
        ("POST", "/api/v2/organizations") => create,
        ("GET", "/api/v2/organizations/{id}") => |call| records::get(call, ORGANIZATIONS),
        ("PATCH", "/api/v2/organizations/{id}") => update,
        ("DELETE", "/api/v2/organizations/{id}") => |call| records::delete(call, ORGANIZATIONS),
        _ => return None,
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let listing = Listing::read(call, ORGANIZATIONS, &["owner_id"])?;
    records::list(call, ORGANIZATIONS, &listing)
}

/// Without the feature, its fields are unknown keys.
fn check(call: &Call<'_>, body: &Row) -> Result<(), Answer> {
    require_name(body, "name")?;
    if !call.profile.switches.firmographics
        && let Some(key) = FIRMOGRAPHICS.into_iter().find(|key| body.contains_key(*key))
    {
        return Err(Answer::unknown_key(key, key));
    }
    Ok(())
}

fn create(call: &mut Call<'_>) -> Answered {
    let mut body = call.take_body();
    check(call, &body)?;
    let id = call.store.table(ORGANIZATIONS).next_id();
    let defaults = json!({
        "id": id, "owner_id": call.user, "is_deleted": false, "visible_to": call.profile.tier.everyone(), "address": null, "label_ids": [],
        "website": null, "linkedin": null, "industry": null, "annual_revenue": null, "employee_count": null,
        "custom_fields": {},
    });
    let Value::Object(mut row) = defaults else { unreachable!("the defaults are an object") };
    body.insert("add_time".into(), records::add_time(call, &body)?.into());
    records::write_common(call, ORGANIZATIONS, &mut body, &mut row)?;
    row.extend(body);
    records::save(call, ORGANIZATIONS, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let mut row = call.changeable(ORGANIZATIONS)?;
    let mut body = call.take_body();
    check(call, &body)?;
    records::write_common(call, ORGANIZATIONS, &mut body, &mut row)?;
    row.extend(body);
    records::save(call, ORGANIZATIONS, row)
}
