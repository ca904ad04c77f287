//! Activities (v2): linked to a deal or else a lead or else a project, to persons as participants, due in UTC.

use serde_json::{Value, json};

use super::{Route, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::custom;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::switches::{DueTimes, Stray};
use crate::simulator::table::{flag, int, text};
use crate::simulator::time;

const ACTIVITIES: Entity = Entity::Activities;
const FILTERS: [&str; 5] = ["owner_id", "deal_id", "lead_id", "person_id", "org_id"];
const MAX_NOTE: usize = 100_000;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/activities") => list,
        ("POST", "/api/v2/activities") => create,
        ("GET", "/api/v2/activities/{id}") => get,
        ("PATCH", "/api/v2/activities/{id}") => update,
        ("DELETE", "/api/v2/activities/{id}") => delete,
        _ => return None,
    })
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let mut shown = row.clone();
    if !call.list_param("include_fields").contains(&"attendees") {
        shown.remove("attendees");
    }
    if !call.profile.switches.times_have_seconds {
        for key in ["due_time", "duration"] {
            if let Some(time) = text(&shown, key).and_then(|time| time.get(..time.len() - 3)) {
                let time = Value::from(time);
                shown.insert(key.into(), time);
            }
        }
    }
    Value::Object(shown)
}

fn list(call: &mut Call<'_>) -> Answered {
    let listing = Listing::read(call, ACTIVITIES, &FILTERS)?;
    let done = call.param("done").map(|_| call.flag_param("done"));
    let keep = |row: &Row| done.is_none_or(|done| flag(row, "done") == done);
    let (page, cursor) = listing.page(call.store.table(ACTIVITIES), false, keep);
    let rows: Value = page.into_iter().map(|stored| show(call, &stored.row)).collect();
    Ok(Answer::with(rows, next_cursor(cursor)))
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(show(call, &call.readable(ACTIVITIES)?.row)))
}

fn create(call: &mut Call<'_>) -> Answered {
    let defaults = json!({
        "id": call.store.table(ACTIVITIES).next_id(), "subject": null, "type": null, "owner_id": call.user,
        "creator_user_id": call.user, "is_deleted": false, "add_time": call.stamp(), "deal_id": null, "lead_id": null,
        "person_id": null, "org_id": null, "project_id": null, "due_date": null, "due_time": null, "duration": null,
        "busy": false, "done": false, "marked_as_done_time": null, "location": null, "participants": [],
        "attendees": [], "conference_meeting_client": null, "conference_meeting_url": null,
        "conference_meeting_id": null, "public_description": null, "priority": null, "note": null, "outcome": null,
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    save(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(ACTIVITIES)?;
    save(call, row)
}

fn delete(call: &mut Call<'_>) -> Answered {
    let row = call.deletable(ACTIVITIES)?;
    Ok(Answer::ok(json!({ "id": call.delete(ACTIVITIES, row) })))
}

fn save(call: &mut Call<'_>, mut row: Row) -> Answered {
    let mut body = call.take_body();
    if body.contains_key("person_id") {
        match call.profile.switches.activity_person_id {
            Stray::Refused => {
                return Err(Answer::invalid("person_id", "This field is read-only, use participants instead."));
            }
            Stray::Ignored => body.remove("person_id"),
        };
    }
    settle_type(call, &mut body, &row)?;
    settle_links(call, &mut body)?;
    settle_people(call, &mut body)?;
    settle_time(call, &mut body, &row)?;
    settle_texts(call, &mut body)?;
    settle_done(call, &mut body, &row);
    row.extend(body);
    row.insert("update_time".into(), call.stamp().into());
    invite(call, &row);
    call.touch_parents(ACTIVITIES, &row);
    call.store.put(ACTIVITIES, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

/// Without a type it is one of the first type; without a subject it is called like its type.
fn settle_type(call: &Call<'_>, body: &mut Row, row: &Row) -> Result<(), Answer> {
    let types = || call.store.table(Entity::ActivityTypes).all_live().map(|(_, stored)| &stored.row);
    let wanted = text(body, "type").or_else(|| text(row, "type"));
    let found = match wanted {
        Some(key) => types().find(|kind| text(kind, "key_string") == Some(key)),
        None => types().min_by_key(|kind| int(kind, "order_nr")),
    };
    let untouched = !body.contains_key("type") && text(row, "type").is_some();
    let Some(kind) = found else {
        return if untouched { Ok(()) } else { Err(Answer::invalid("type", "Unknown activity type.")) };
    };
    body.insert("type".into(), kind["key_string"].clone());
    let given = text(body, "subject").or_else(|| text(row, "subject")).unwrap_or_default();
    if given.trim().is_empty() {
        body.insert("subject".into(), kind["name"].clone());
    }
    Ok(())
}

/// Keeps one of deal, lead and project, in this order, and drops the others without a word.
fn settle_links(call: &Call<'_>, body: &mut Row) -> Result<(), Answer> {
    if let Some(owner) = int(body, "owner_id") {
        call.require_active_user("owner_id", owner)?;
    }
    if let Some(org) = int(body, "org_id") {
        call.require(Entity::Organizations, "org_id", org)?;
    }
    let holders = ["deal_id", "lead_id", "project_id"];
    let Some(holder) = holders.into_iter().find(|key| body.contains_key(*key)) else { return Ok(()) };
    match holder {
        "deal_id" => call.require(Entity::Deals, holder, int(body, holder).unwrap_or(0))?,
        "lead_id" => {
            let lead = text(body, holder).and_then(|uuid| call.store.by_uuid(Entity::Leads, uuid));
            call.require(Entity::Leads, holder, lead.unwrap_or(0))?;
        }
        _ => return Err(Answer::missing_link(holder, "project")),
    }
    for other in holders.into_iter().filter(|other| *other != holder) {
        body.insert(other.into(), Value::Null);
    }
    Ok(())
}

/// One participant is primary, and is the person of the activity.
fn settle_people(call: &Call<'_>, body: &mut Row) -> Result<(), Answer> {
    if let Some(Value::Array(given)) = body.get_mut("participants") {
        if given.iter().filter(|one| one["primary"] == true).count() > 1 {
            return Err(Answer::invalid("participants", "Only one participant can be primary."));
        }
        let none = given.iter().all(|one| one["primary"] != true);
        for (place, one) in given.iter_mut().enumerate() {
            let person = one["person_id"].as_i64();
            let person = person.ok_or_else(|| Answer::invalid("participants.person_id", "This field is required."))?;
            call.require(Entity::Persons, "participants.person_id", person)?;
            one["primary"] = (one["primary"] == true || (none && place == 0)).into();
        }
        let primary = given.iter().find(|one| one["primary"] == true);
        let person = primary.map_or(Value::Null, |one| one["person_id"].clone());
        body.insert("person_id".into(), person);
    }
    for attendee in body.get("attendees").and_then(Value::as_array).into_iter().flatten() {
        if !attendee["email"].as_str().is_some_and(|email| email.contains('@')) {
            return Err(Answer::invalid("attendees.email", "This value is not a valid email address."));
        }
    }
    Ok(())
}

/// Reads date, time and duration; a time without a date is refused.
fn settle_time(call: &Call<'_>, body: &mut Row, row: &Row) -> Result<(), Answer> {
    if let Some(date) = text(body, "due_date") {
        if !date.is_empty() && !time::is_date(date) {
            return Err(Answer::invalid("due_date", "This value is not a valid date."));
        }
        if date.is_empty() {
            body.insert("due_date".into(), Value::Null);
        }
    }
    if let Some(given) = text(body, "due_time") {
        let form = match call.profile.switches.due_times {
            DueTimes::Either => true,
            DueTimes::Seconds => given.len() == 8,
            DueTimes::Minutes => given.len() == 5,
        };
        let date = body.get("due_date").or_else(|| row.get("due_date"));
        let time = if given.is_empty() {
            Value::Null
        } else if form && time::is_time(given) && date.is_some_and(Value::is_string) {
            if given.len() == 5 { format!("{given}:00").into() } else { given.into() }
        } else {
            return Err(Answer::invalid("due_time", "This value is not a valid datetime."));
        };
        body.insert("due_time".into(), time);
    }
    if let Some(given) = text(body, "duration") {
        let duration = if given.is_empty() {
            Value::Null
        } else if time::is_duration(given) {
            if given.matches(':').count() == 1 { format!("{given}:00").into() } else { given.into() }
        } else {
            return Err(Answer::invalid("duration", "This value is not a valid duration."));
        };
        body.insert("duration".into(), duration);
    }
    Ok(())
}

fn settle_texts(call: &Call<'_>, body: &mut Row) -> Result<(), Answer> {
    if let Some(note) = text(body, "note") {
        if note.len() > MAX_NOTE {
            return Err(Answer::invalid("note", "The length of this value is out of range."));
        }
        let clean = records::clean_html(call, note);
        body.insert("note".into(), clean.into());
    }
    if let Some(location) = body.get_mut("location") {
        let mut whole = custom::address(location).unwrap_or_default();
        if let Value::Object(parts) = &mut whole {
            parts.remove("formatted_address");
        }
        *location = whole;
    }
    if let Some(priority) = body.get("priority").filter(|priority| !priority.is_null()) {
        let field = call.store.field(Entity::ActivityFields, "priority");
        if field.and_then(|field| custom::option_label(field, priority)).is_none() {
            return Err(Answer::invalid("priority", &format!("Unknown option id {priority}")));
        }
    }
    Ok(())
}

/// The time of completion is the server's.
fn settle_done(call: &Call<'_>, body: &mut Row, row: &Row) {
    let Some(done) = body.get("done").map(|done| *done == Value::Bool(true)) else { return };
    if done == flag(row, "done") {
        return;
    }
    let part = |key| text(body, key).or_else(|| text(row, key));
    let due = || match (part("due_date"), part("due_time")) {
        (Some(date), time) => format!("{date}T{}Z", time.unwrap_or("00:00:00")),
        (None, _) => call.stamp(),
    };
    let time = match (done, call.profile.switches.done_is_now) {
        (false, _) => Value::Null,
        (true, true) => call.stamp().into(),
        (true, false) => due().into(),
    };
    body.insert("marked_as_done_time".into(), time);
}

/// With the calendar synchronised, each new attendee gets a mail.
fn invite(call: &mut Call<'_>, row: &Row) {
    if !call.profile.switches.attendees_are_invited {
        return;
    }
    let before = int(row, "id").and_then(|id| call.store.table(ACTIVITIES).live(id));
    let emails = |row: &Row| -> Vec<Value> {
        let attendees = row.get("attendees").and_then(Value::as_array).into_iter().flatten();
        attendees.map(|attendee| attendee["email"].clone()).collect()
    };
    let known = before.map(|stored| emails(&stored.row)).unwrap_or_default();
    for email in emails(row).into_iter().filter(|email| !known.contains(email)) {
        let id = call.store.table(Entity::Invitations).next_id();
        let mail = json!({ "id": id, "activity_id": row["id"], "email": email, "add_time": call.stamp() });
        let Value::Object(mail) = mail else { unreachable!("a mail is an object") };
        call.store.put(Entity::Invitations, mail);
    }
}
