//! Persons (v2): names are split, one address of each kind is primary.

use serde_json::{Value, json};

use super::pipelines::require_name;
use super::{Route, participants, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::Listing;
use crate::simulator::table::{int, text};
use crate::simulator::time;
use crate::simulator::view::CONTACT_SYNC;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/persons") => list,
        ("POST", "/api/v2/persons") => create,
        ("GET", "/api/v2/persons/{id}") => |call| records::get(call, Entity::Persons),
        ("PATCH", "/api/v2/persons/{id}") => update,
        ("DELETE", "/api/v2/persons/{id}") => |call| records::delete(call, Entity::Persons),
        _ => return None,
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let mut listing = Listing::read(call, Entity::Persons, &["owner_id", "org_id"])?;
    if let Some(deal) = call.int_param("deal_id") {
        let mut persons = participants::persons_of(call.store, deal);
        persons.retain(|id| listing.ids.as_ref().is_none_or(|ids| ids.contains(id)));
        listing.ids = Some(persons);
    }
    records::list(call, Entity::Persons, &listing)
}

fn create(call: &mut Call<'_>) -> Answered {
    let mut body = call.take_body();
    if !["name", "first_name", "last_name"].iter().any(|key| body.contains_key(*key)) {
        return Err(Answer::invalid("name", "This field is required."));
    }
    let id = call.store.table(Entity::Persons).next_id();
    let defaults = json!({
        "id": id, "first_name": null, "last_name": null, "owner_id": call.user, "org_id": null, "emails": [],
        "phones": [], "is_deleted": false, "visible_to": call.profile.tier.everyone(), "label_ids": [], "picture_id": null,
        "postal_address": null, "notes": null, "im": [], "birthday": null, "job_title": null,
        "marketing_status": "no_consent", "custom_fields": {},
    });
    let Value::Object(mut row) = defaults else { unreachable!("the defaults are an object") };
    body.insert("add_time".into(), records::add_time(call, &body)?.into());
    write(call, body, &mut row)?;
    records::save(call, Entity::Persons, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let mut row = call.changeable(Entity::Persons)?;
    let body = call.take_body();
    write(call, body, &mut row)?;
    records::save(call, Entity::Persons, row)
}

fn write(call: &Call<'_>, mut body: Row, row: &mut Row) -> Result<(), Answer> {
    require_name(&body, "name")?;
    records::require_feature(call.profile.switches.contact_sync, &body, &CONTACT_SYNC)?;
    records::require_feature(call.profile.switches.campaigns, &body, &["marketing_status"])?;
    if let Some(org) = int(&body, "org_id") {
        call.require(Entity::Organizations, "org_id", org)?;
    }
    let switches = &call.profile.switches;
    for key in ["emails", "phones", "im"] {
        if let Some(Value::Array(items)) = body.get_mut(key) {
            let cap = switches.emails_per_person_cap;
            if cap > 0 && items.len() > cap {
                return Err(Answer::invalid(key, &format!("At most {cap} values are allowed.")));
            }
            let address = |item: &Value| item["value"].as_str().is_some_and(looks_like_email);
            if key == "emails" && switches.emails_are_checked && !items.iter().all(address) {
                return Err(Answer::invalid("emails.value", "This value is not a valid email address."));
            }
            settle_primary(key, items)?;
        }
    }
    if text(&body, "notes").is_some_and(|notes| notes.chars().count() > 10_000) {
        return Err(Answer::invalid("notes", "The length of this value is out of range."));
    }
    if text(&body, "birthday").is_some_and(|birthday| !time::is_date(birthday)) {
        return Err(Answer::invalid("birthday", "This value is not a valid date."));
    }
    records::write_common(call, Entity::Persons, &mut body, row)?;
    write_name(&mut body, row);
    row.extend(body);
    Ok(())
}

fn looks_like_email(text: &str) -> bool {
    let parts = text.split_once('@').filter(|_| !text.contains(char::is_whitespace));
    parts.is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.') && !domain.contains('@'))
}

/// Fills in what is left out: the label, and the first as primary. Two primaries are refused.
fn settle_primary(key: &str, items: &mut [Value]) -> Result<(), Answer> {
    match items.iter().filter(|item| item["primary"] == true).count() {
        0 => {
            if let Some(first) = items.first_mut() {
                first["primary"] = true.into();
            }
        }
        1 => {}
        _ => return Err(Answer::invalid(key, "Only one value can be primary.")),
    }
    for item in items {
        if item["value"].is_null() {
            return Err(Answer::invalid(&format!("{key}.value"), "This field is required."));
        }
        if item["label"].is_null() {
            item["label"] = "work".into();
        }
        if item["primary"].is_null() {
            item["primary"] = false.into();
        }
    }
    Ok(())
}

/// Keeps the name and its two parts in step.
fn write_name(body: &mut Row, row: &mut Row) {
    if let Some(name) = text(body, "name").map(str::to_owned) {
        let (first, last) = match name.trim().split_once(char::is_whitespace) {
            Some((first, last)) => (first, Value::from(last.trim())),
            None => (name.trim(), Value::Null),
        };
        row.insert("first_name".into(), first.into());
        row.insert("last_name".into(), last);
        row.insert("name".into(), name.clone().into());
    }
    let parts = ["first_name", "last_name"];
    if parts.iter().any(|part| body.contains_key(*part)) {
        for part in parts {
            if let Some(value) = body.remove(part) {
                row.insert(part.into(), value);
            }
        }
        if !body.contains_key("name") {
            let parts: Vec<&str> = parts.iter().filter_map(|part| text(row, part)).collect();
            let name = parts.join(" ");
            row.insert("name".into(), name.into());
        }
    }
}
