//! What organizations, persons and deals have in common: owner, visibility, labels, custom fields, lists.

use serde_json::{Value, json};

use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::custom;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::table::{Stored, int, link_key, text};
use crate::simulator::time;
use crate::simulator::view::View;
use crate::simulator::visibility::Sight;

/// Checks the common keys of a body and writes them into `row`.
pub(super) fn write_common(call: &Call<'_>, entity: Entity, body: &mut Row, row: &mut Row) -> Result<(), Answer> {
    if let Some(owner) = int(body, "owner_id") {
        call.require_active_user("owner_id", owner)?;
    }
    if let Some(visibility) = int(body, "visible_to")
        && !call.profile.tier.visibilities().contains(&visibility)
    {
        return Err(Answer::forbidden());
    }
    let longest = call.profile.switches.name_chars;
    for key in ["name", "title"] {
        if longest > 0 && text(body, key).is_some_and(|name| name.chars().count() > longest) {
            return Err(Answer::invalid(key, "The length of this value is out of range."));
        }
    }
    if let Some(labels) = body.get("label_ids") {
        custom::check_labels(call, entity, labels)?;
    }
    if let Some(address) = body.get_mut("address") {
        let mut whole = custom::address(address).unwrap_or_default();
        if let Value::Object(parts) = &mut whole {
            parts.remove("formatted_address");
        }
        *address = whole;
    }
    if let Some(given) = body.remove("custom_fields") {
        let Value::Object(given) = given else {
            return Err(Answer::invalid("custom_fields", "The value is not a valid 'object'"));
        };
        let mut stored = match row.remove("custom_fields") {
            Some(Value::Object(stored)) => stored,
            _ => Row::new(),
        };
        custom::apply(call, entity, &given, &mut stored)?;
        row.insert("custom_fields".into(), Value::Object(stored));
    }
    Ok(())
}

/// The given `add_time`, or now.
pub(super) fn add_time(call: &Call<'_>, body: &Row) -> Result<String, Answer> {
    let Some(given) = text(body, "add_time") else { return Ok(call.stamp()) };
    if call.profile.switches.backdating_needs_admin {
        call.require_admin()?;
    }
    datetime("add_time", given)
}

/// An RFC 3339 time in the form in which it is stored.
pub(super) fn datetime(key: &str, given: &str) -> Result<String, Answer> {
    let wrong = || Answer::invalid(key, "This value is not a valid datetime.");
    time::parse_rfc3339(given, true).map(time::v2).ok_or_else(wrong)
}

/// Refuses keys of a feature that the account does not have.
pub(super) fn require_feature(on: bool, body: &Row, keys: &[&str]) -> Result<(), Answer> {
    if !on && keys.iter().any(|key| body.contains_key(*key)) { Err(Answer::forbidden()) } else { Ok(()) }
}

/// `updated_since` of a v1 list, in seconds since 1970.
pub(super) fn v1_since(call: &Call<'_>) -> Result<Option<i64>, Answer> {
    let parse = |text| time::parse_rfc3339(text, false).map(|since| since.timestamp());
    let wrong = || Answer::error(400, "updated_since is not a valid datetime.");
    call.param("updated_since").map(|text| parse(text).ok_or_else(wrong)).transpose()
}

/// Sorts a v1 list, of whose sort keys only the first counts.
pub(super) fn sort_v1(sort: &str, rows: &mut [&Stored]) {
    let mut words = sort.split(',').next().unwrap_or_default().split_whitespace();
    match words.next() {
        None | Some("id") => {}
        Some("add_time") => rows.sort_by_key(|stored| stored.added),
        Some("update_time") => rows.sort_by_key(|stored| stored.updated),
        Some(key) => rows.sort_by_cached_key(|stored| match stored.row.get(key) {
            Some(Value::String(text)) => (0, text.clone()),
            Some(Value::Number(number)) => (number.as_i64().unwrap_or(0), String::new()),
            _ => (i64::MIN, String::new()),
        }),
    }
    if words.next().is_some_and(|direction| direction.eq_ignore_ascii_case("desc")) {
        rows.reverse();
    }
}

/// HTML without what the server does not let through.
pub(super) fn clean_html(call: &Call<'_>, html: &str) -> String {
    if call.profile.switches.html_is_cleaned { ammonia::clean(html) } else { html.to_owned() }
}

/// Stores a row and answers it.
pub(super) fn save(call: &mut Call<'_>, entity: Entity, mut row: Row) -> Answered {
    row.insert("update_time".into(), call.stamp().into());
    let shown = View::plain(call, entity).show(call.store, &row);
    call.touch_parents(entity, &row);
    call.store.put(entity, row);
    Ok(Answer::ok(shown))
}

/// Answers one record.
pub(super) fn get(call: &Call<'_>, entity: Entity) -> Answered {
    let view = View::read(call, entity)?;
    Ok(Answer::ok(view.show(call.store, &call.readable(entity)?.row)))
}

/// Answers one page.
pub(super) fn list(call: &Call<'_>, entity: Entity, listing: &Listing) -> Answered {
    list_some(call, entity, listing, false, |_| true)
}

/// Answers one page of what `keep` accepts, deleted rows among them if asked for.
pub(super) fn list_some(
    call: &Call<'_>,
    entity: Entity,
    listing: &Listing,
    deleted: bool,
    keep: impl Fn(&Row) -> bool,
) -> Answered {
    let view = View::read(call, entity)?;
    let sight = Sight::of(call);
    let keep = |row: &Row| keep(row) && sight.admits(call, entity, row);
    let (page, cursor) = listing.page(call.store.table(entity), deleted, keep);
    let show = |stored: &Stored| view.show(call.store, &stored.row);
    Ok(Answer::with(page.into_iter().map(show).collect::<Value>(), next_cursor(cursor)))
}

/// Deletes the record in the path, and what hangs on it if the switch says so.
pub(super) fn delete(call: &mut Call<'_>, entity: Entity) -> Answered {
    let row = call.deletable(entity)?;
    let id = call.delete(entity, row.clone());
    if call.profile.switches.delete_cascades {
        cascade(call, entity, &id);
    }
    Ok(Answer::ok(json!({ "id": id })))
}

/// How others point at a record of this kind.
pub(in crate::simulator) fn link_to(entity: Entity) -> &'static str {
    match entity {
        Entity::Deals => "deal_id",
        Entity::Persons => "person_id",
        Entity::Leads => "lead_id",
        Entity::Activities => "activity_id",
        Entity::Products => "product_id",
        _ => "org_id",
    }
}

/// Deletes what hangs on a record.
pub(super) fn cascade(call: &mut Call<'_>, entity: Entity, id: &Value) {
    let Some(target) = link_key(id) else { return };
    for held in [Entity::Notes, Entity::Activities, Entity::Files] {
        deactivate(call, held, link_to(entity), target);
    }
    if entity == Entity::Organizations {
        deactivate(call, Entity::OrganizationRelationships, "rel_owner_org_id", target);
        deactivate(call, Entity::OrganizationRelationships, "rel_linked_org_id", target);
    }
}

fn deactivate(call: &mut Call<'_>, entity: Entity, link: &'static str, target: i64) {
    let ids: Vec<i64> = call.store.table(entity).linked(link, target).collect();
    for id in ids {
        if let Some(mut row) = call.store.table(entity).live(id).map(|stored| stored.row.clone()) {
            let (flag, stamp) = match row.contains_key("active_flag") {
                true => (("active_flag", false), time::v1(call.now)),
                false => (("is_deleted", true), call.stamp()),
            };
            row.insert(flag.0.into(), flag.1.into());
            row.insert("update_time".into(), stamp.into());
            call.store.put(entity, row);
        }
    }
}
