//! Lists: pages from 0, filters, an index that lags behind.

use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, Row};
use super::super::call::Call;
use super::super::entity::{Entity, email_term, field_term};
use super::super::rpc::view::name;
use super::super::store::{flag, int, list, text};
use super::super::write::activity::status_of;
use super::super::{fields, time};
use super::{Asked, envelope, id, view};

const LARGEST_PAGE: i64 = 10_000;
const USUAL_PAGE: i64 = 50;

type Rows<'a> = Box<dyn Iterator<Item = (i64, &'a Row)> + 'a>;

fn refused(detail: String) -> Failure {
    Failure::Rest(400, "Invalid filter".into(), Some(detail))
}

/// What is between the brackets of `filter[…]`, and whether `[]` follows.
fn filter_name(key: &str) -> Option<&str> {
    let inner = key.strip_prefix("filter[")?;
    let inner = inner.strip_suffix("[]").unwrap_or(inner);
    inner.strip_suffix(']')
}

/// Accounts, contacts, leads, notes, tasks, activities, tags, sources and the rest, filtered and in pages.
pub(super) fn page(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let (call, entity) = (&*asked.call, asked.entity);
    let number = |names: [&str; 2], default: i64| -> Result<i64, Failure> {
        let given = names.into_iter().find_map(|name| asked.param(name));
        given.map_or(Ok(default), |given| given.parse().map_err(|_| refused(format!("Invalid number: {given}"))))
    };
    let (limit, page) = (number(["page[limit]", "limit"], USUAL_PAGE)?, number(["page[page]", "page"], 0)?);
    if page < 0 {
        return Err(refused(format!("Invalid page number: {page}")));
    }
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(refused(format!("Invalid page limit: {limit}")));
    }
    let mut filters = Vec::new();
    for (key, given) in asked.query {
        match (filter_name(key), key.as_str()) {
            (Some(name), _) => filters.push((name, given.as_str())),
            (None, "email" | "q" | "sort" | "limit" | "page" | "page[limit]" | "page[page]") => {}
            (None, other) => return Err(refused(format!("{other} is not a parameter"))),
        }
    }
    let lag = if matches!(entity, Entity::Tags | Entity::Sources) { 0 } else { call.switches().list_lag_ms };
    let mut rows: Vec<(i64, &Row)> = Vec::new();
    for (id, row) in candidates(call, entity, asked, &filters) {
        let listed = call.is_listed(row, lag) && !flag(row, "isApiKey") && said(entity, row, asked);
        if listed && fits_all(call, entity, row, &filters)? {
            rows.push((id, row));
        }
    }
    sort(entity, &mut rows, asked.param("sort"))?;
    let total = rows.len();
    let skip = usize::try_from(page.saturating_mul(limit)).unwrap_or(usize::MAX);
    let take = usize::try_from(limit).unwrap_or(usize::MAX);
    let shown: Vec<Value> =
        rows.into_iter().skip(skip).take(take).map(|(_, row)| view::record(call, entity, row)).collect();
    let bare = matches!(
        entity,
        Entity::Milestones
            | Entity::Stagesets
            | Entity::Territories
            | Entity::Industries
            | Entity::AccountTypes
            | Entity::Audiences
    );
    if bare && call.switches().bare_lists {
        return Ok(Answer::json(200, shown.into()));
    }
    let count = shown.len();
    let mut body = envelope(call, entity.rest(), shown);
    body["meta"]["count"] = count.into();
    body["meta"]["total"] = total.into();
    Ok(Answer::json(200, body))
}

/// The rows of the narrowest index that the query allows.
fn candidates<'a>(call: &'a Call<'_>, entity: Entity, asked: &Asked<'_, '_>, filters: &[(&str, &str)]) -> Rows<'a> {
    if let Some(email) = asked.param("email") {
        return Box::new(call.store.with_term(entity, &email_term(email)));
    }
    let texts = |name: &str| {
        let kind = fields::named(call, entity, name).and_then(|field| text(field, "type"));
        matches!(kind, Some("String" | "Text" | "Email" | "Phone" | "Url" | "Location"))
    };
    match filters.iter().find(|(name, _)| fields::WITH_FIELDS.contains(&entity) && texts(name)) {
        Some((name, value)) => Box::new(call.store.with_term(entity, &field_term(name, value))),
        None => Box::new(call.store.rows(entity)),
    }
}

/// Whether a row has the words of `q`.
fn said(entity: Entity, row: &Row, asked: &Asked<'_, '_>) -> bool {
    let Some(words) = asked.param("q").map(str::to_lowercase) else { return true };
    let says = |value: &Value| value.as_str().is_some_and(|text| text.to_lowercase().contains(&words));
    says(&name(entity, row))
        || row.get("description").is_some_and(says)
        || list(row, "emails").iter().any(|entry| says(&entry["value"]))
}

fn fits_all(call: &Call<'_>, entity: Entity, row: &Row, filters: &[(&str, &str)]) -> Result<bool, Failure> {
    // Several values of one filter are alternatives.
    let mut names: Vec<&str> = filters.iter().map(|(name, _)| *name).collect();
    names.dedup();
    for name in names {
        let mut any = false;
        for (_, given) in filters.iter().filter(|(other, _)| *other == name) {
            any |= fits(call, entity, row, name, given)?;
        }
        if !any {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fits(call: &Call<'_>, entity: Entity, row: &Row, name: &str, given: &str) -> Result<bool, Failure> {
    let wrong = || refused(format!("{given} is not a value of {name}"));
    let has = |key: &str, other: Entity| {
        let wanted = id::parse(call, other, given).ok_or_else(wrong)?;
        Ok(list(row, key).iter().any(|item| *item == wanted || item["id"] == wanted))
    };
    let own = int(row, "id").unwrap_or(0);
    match (entity, name) {
        (_, "createdTime") => {
            let (from, to) = range(given).ok_or_else(wrong)?;
            Ok(int(row, "createdTime").is_some_and(|made| (from..=to).contains(&made)))
        }
        (_, "name") => Ok(super::super::rpc::view::name(entity, row).as_str() == Some(given)),
        (_, "tags") => has("tags", Entity::Tags),
        (Entity::Leads, "number") => {
            let number = int(row, "number").unwrap_or(0);
            let bound = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
            match given.split_at_checked(1) {
                Some((">", more)) => Ok(number > bound(more)?),
                Some(("<", less)) => Ok(number < bound(less)?),
                _ => Ok(number == bound(given.trim_start_matches('='))?),
            }
        }
        (Entity::Leads | Entity::Contacts, "accounts") => has("accounts", Entity::Accounts),
        (Entity::Leads, "contacts") => has("contacts", Entity::Contacts),
        (Entity::Contacts | Entity::Accounts, "leads") => {
            let lead = id::parse(call, Entity::Leads, given).ok_or_else(wrong)?;
            Ok(call.store.linked(Entity::Leads, (entity, own)).any(|(id, _)| id == lead))
        }
        (Entity::Accounts, "contacts") => {
            let contact = id::parse(call, Entity::Contacts, given).ok_or_else(wrong)?;
            Ok(call.store.linked(Entity::Contacts, (entity, own)).any(|(id, _)| id == contact))
        }
        (Entity::Accounts, "parentAccount") => {
            Ok(int(row, "parentAccount").is_some() && int(row, "parentAccount") == id::parse(call, entity, given))
        }
        (Entity::Tags, "tagType") => {
            let kind = text(row, "entity").unwrap_or_default();
            let number = ["leads", "contacts", "accounts"].iter().position(|known| *known == kind);
            Ok(kind == given || number.is_some_and(|number| (number + 1).to_string() == given))
        }
        (Entity::Activities, _) => activity_fits(call, row, name, given).ok_or_else(wrong),
        (Entity::Accounts | Entity::Contacts, name) if name.starts_with("address][") => {
            let part = name.trim_start_matches("address][");
            Ok(list(row, "addresses").iter().any(|address| address["value"][part] == given))
        }
        _ if fields::named(call, entity, name).is_some() => {
            let kept = row.get("customFields").map_or(&Value::Null, |values| &values[name]);
            let shown = fields::read_one(call, entity, name, kept);
            Ok(shown == given || shown.as_array().is_some_and(|chosen| chosen.iter().any(|one| one == given)))
        }
        _ => Err(refused(format!("{name} is not a filter of {}", entity.rest()))),
    }
}

fn activity_fits(call: &Call<'_>, row: &Row, name: &str, given: &str) -> Option<bool> {
    let starts = int(row, "startTime").unwrap_or(0);
    let moment = || time::parse_zoned(given).or_else(|| given.parse::<i64>().ok().map(|seconds| seconds * 1000));
    Some(match name {
        "participant" => {
            let (entity, id) = id::parse_any(call, given)?;
            let mut participants = list(row, "participants").iter();
            participants.any(|participant| participant["type"] == entity.rest() && participant["id"] == id)
                || entity == Entity::Leads && list(row, "leads").contains(&id.into())
        }
        "status" => match given {
            "scheduled" => matches!(status_of(call, row), 0 | -1),
            "logged" => status_of(call, row) == 1,
            "cancelled" => status_of(call, row) == 2,
            _ => return None,
        },
        "activityType" => int(row, "activityType") == id::parse(call, Entity::ActivityTypes, given),
        "flagged" => flag(row, "isFlagged") == (given == "true"),
        "dateMin" => starts >= moment()?,
        "dateMax" => starts <= moment()?,
        _ => return None,
    })
}

/// `A TO B` or `A B`; a time without a zone is UTC.
fn range(given: &str) -> Option<(i64, i64)> {
    let (from, to) = given.split_once(" TO ").or_else(|| given.split_once(' '))?;
    let moment = |text: &str| time::parse_zoned(text).or_else(|| time::parse_zoned(&format!("{text}Z")));
    Some((moment(from.trim())?, moment(to.trim())?))
}

fn sort(entity: Entity, rows: &mut [(i64, &Row)], order: Option<&str>) -> Result<(), Failure> {
    let Some(order) = order else { return Ok(()) };
    let (key, descending) = order.strip_prefix('-').map_or((order, false), |key| (key, true));
    match key {
        "id" => {}
        "name" => rows.sort_by_cached_key(|(id, row)| (name(entity, row).as_str().map(str::to_lowercase), *id)),
        "createdTime" | "modifiedTime" | "number" => rows.sort_by_key(|(id, row)| (int(row, key), *id)),
        _ => return Err(refused(format!("{key} is not something to sort by"))),
    }
    if descending {
        rows.reverse();
    }
    Ok(())
}

/// The audit feed, the newest first.
pub(super) fn events(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    feed(asked, "/rest/events", |action| action != "delete")
}

/// What was deleted.
pub(super) fn deleted(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    feed(asked, "/rest/events/deleted", |action| action == "delete")
}

fn feed(asked: &Asked<'_, '_>, path: &str, told: fn(&str) -> bool) -> Result<Answer, Failure> {
    let call = &*asked.call;
    let event_id = |name: &str| asked.param(name).and_then(|text| id::parse(call, Entity::Events, text));
    let seconds =
        |name: &str| asked.param(name).and_then(|text| text.parse::<i64>().ok()).map(|seconds| seconds * 1000);
    let limit = asked.param("limit").map_or(Ok(50), str::parse::<usize>);
    let limit = limit.map_err(|_| refused("Invalid limit".into()))?;
    let about = asked.param("entity_id").and_then(|text| id::parse_any(call, text));
    let (since, most) = (event_id("since_id"), event_id("max_id"));
    let (after, before) = (seconds("since_time"), seconds("max_time"));
    let fits = |id: i64, row: &Row| {
        let time = int(row, "createdTime").unwrap_or(0);
        let payload = &row["payload"];
        told(text(row, "action").unwrap_or_default())
            && since.is_none_or(|since| id > since)
            && most.is_none_or(|most| id < most)
            && after.is_none_or(|after| time >= after)
            && before.is_none_or(|before| time <= before)
            && about.is_none_or(|(entity, id)| payload["type"] == entity.rest() && payload["id"] == id)
    };
    let mut found = call.store.rows(Entity::Events).rev().filter(|(id, row)| fits(*id, row));
    let page: Vec<(i64, &Row)> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let shown = page.iter().map(|(number, row)| {
        let payload = &row["payload"];
        let entity = payload["type"].as_str().and_then(Entity::from_rest).unwrap_or(Entity::Accounts);
        json!({
            "id": id::format(call, Entity::Events, *number), "type": "events",
            "createdTime": int(row, "createdTime").unwrap_or(0).div_euclid(1000), "actorType": "users",
            "payloadType": payload["type"], "action": row["action"], "changes": [], "links": {
                "actor": id::format_value(call, Entity::Users, int(row, "actor")),
                "payloads": [id::format_value(call, entity, payload["id"].as_i64())],
            },
        })
    });
    let mut body = envelope(call, "events", shown.collect());
    if let (true, Some((last, _))) = (more, page.last()) {
        let last = id::format(call, Entity::Events, *last);
        body["meta"]["next"] = format!("{}{path}?limit={limit}&max_id={last}", call.base).into();
    }
    Ok(Answer::json(200, body))
}
