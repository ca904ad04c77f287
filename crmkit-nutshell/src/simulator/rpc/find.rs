//! `find*`: pages from 1, stubs unless whole records are asked for, filters by key.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row};
use super::super::call::Call;
use super::super::entity::{Entity, number_term};
use super::super::fields;
use super::super::store::{flag, int, list, text};
use super::super::time;
use super::super::write::activity::status_of;
use super::super::write::catalog::tag_named;
use super::input::{bad, id_of};
use super::{Args, input, note, view};

type Rows<'a> = Box<dyn Iterator<Item = (i64, &'a Row)> + 'a>;

/// Where a page begins and how many it has.
struct Window {
    skip: usize,
    take: usize,
    order: String,
    descending: bool,
    stubs: bool,
}

impl Window {
    fn of(call: &Call<'_>, args: &Args, order: &str) -> Result<Self, Failure> {
        let stubs = match args.get("stubResponses") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(stubs)) => *stubs,
            Some(_) => return bad("stubResponses is a boolean"),
        };
        let number = |key: &str, default: i64| match args.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(given) => match id_of(given) {
                Some(number) if number > 0 => Ok(number),
                _ => bad(format!("{key} starts at 1")),
            },
        };
        let (limit, page) = (number("limit", 50)?, number("page", 1)?);
        if !stubs && limit > 100 && call.switches().full_limit_refused {
            return bad("limit is at most 100 for full responses");
        }
        let limit = if stubs { limit } else { limit.min(100) };
        let descending = match args.get("orderDirection").and_then(Value::as_str) {
            None | Some("ASC" | "") => false,
            Some("DESC") => true,
            Some(_) => return bad("orderDirection is ASC or DESC"),
        };
        let order = args.get("orderBy").and_then(Value::as_str).unwrap_or(order).to_owned();
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let skip = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(take);
        Ok(Self { skip, take, order, descending, stubs })
    }

    /// The rows of the page, in order.
    fn page<'a>(&self, entity: Entity, rows: Rows<'a>) -> Result<Vec<&'a Row>, Failure> {
        if self.order == "id" && !self.descending {
            return Ok(rows.map(|(_, row)| row).skip(self.skip).take(self.take).collect());
        }
        let mut keyed: Vec<(Key, i64, &Row)> = Vec::new();
        for (id, row) in rows {
            keyed.push((key(entity, row, &self.order)?, id, row));
        }
        keyed.sort_by(|one, two| one.0.cmp(&two.0).then(one.1.cmp(&two.1)));
        if self.descending {
            keyed.reverse();
        }
        Ok(keyed.into_iter().map(|(_, _, row)| row).skip(self.skip).take(self.take).collect())
    }
}

/// What rows are sorted by.
type Key = (Option<i64>, String);

fn key(entity: Entity, row: &Row, order: &str) -> Result<Key, Failure> {
    let words = |text: Option<&str>| Ok((None, text.unwrap_or_default().to_lowercase()));
    let number = |key: &str| Ok((int(row, key), String::new()));
    match order {
        "id" | "number" => number(order),
        "name" | "title" => words(view::name(entity, row).as_str()),
        "last_name" | "lastName" => words(text(row, "lastName")),
        "description" => words(text(row, "description").or_else(|| text(row, "name"))),
        "createdTime" | "created_time" | "time" => number("createdTime"),
        "modifiedTime" | "modified_time" => number("modifiedTime"),
        "dueTime" | "due_time" => number("dueTime"),
        _ => bad(format!("{order} is not something to order by")),
    }
}

fn query_of(entity: Entity, args: &Args) -> Result<Option<&Row>, Failure> {
    let query = match args.get("query") {
        None | Some(Value::Null) => None,
        Some(Value::Object(query)) => Some(query),
        Some(Value::Array(query)) if query.is_empty() => None,
        Some(_) => return bad("query is an object"),
    };
    let stray = query.into_iter().flatten().map(|(key, _)| key).find(|key| !keys_of(entity).contains(&key.as_str()));
    stray.map_or(Ok(query), |stray| bad(format!("{stray} is not something to find by")))
}

fn keys_of(entity: Entity) -> &'static [&'static str] {
    match entity {
        Entity::Leads => &[
            "status",
            "filter",
            "milestoneId",
            "milestoneIds",
            "stagesetId",
            "stagesetIds",
            "dueTime",
            "assignee",
            "number",
            "accountId",
            "contactId",
            "tag",
            "origin",
            "channel",
            "source",
            "priority",
        ],
        Entity::Contacts => &["accountId", "leadId", "tag"],
        Entity::Accounts => &["accountType", "industry", "origin", "hasOpenLeads", "tag", "territory"],
        Entity::Activities => &[
            "leadId",
            "contactId",
            "accountId",
            "userId",
            "status",
            "activityTypeId",
            "isFlagged",
            "startTime",
            "endTime",
        ],
        Entity::Tasks => &["entity", "assignee"],
        Entity::Users => &["email"],
        _ => &[],
    }
}

/// `find*` of records.
pub(super) fn records(call: &Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let order = match entity {
        Entity::Leads => "id",
        Entity::Tasks => "due_time",
        _ => "name",
    };
    let window = Window::of(call, args, order)?;
    let nothing = Row::new();
    let query = query_of(entity, args)?.unwrap_or(&nothing);
    let lag = call.switches().find_lag_ms;
    let rows = candidates(call, entity, query)?;
    let rows = rows.filter(|(_, row)| call.is_listed(row, lag) && fits(call, entity, row, query));
    let page = window.page(entity, Box::new(rows))?;
    let shown = |row: &&Row| if window.stubs { view::stub(call, entity, row) } else { view::full(call, entity, row) };
    Ok(page.iter().map(shown).collect())
}

/// The ids that a filter names: one or a list of them.
fn ids(given: &Value) -> Vec<i64> {
    given.as_array().map_or_else(|| id_of(given).into_iter().collect(), |many| many.iter().filter_map(id_of).collect())
}

/// The rows of the narrowest index that the query allows.
fn candidates<'a>(call: &'a Call<'_>, entity: Entity, query: &Row) -> Result<Rows<'a>, Failure> {
    let one = |key: &str| query.get(key).map(ids).filter(|ids| ids.len() == 1).map(|ids| ids[0]);
    if let Some(number) = one("number") {
        return Ok(Box::new(call.store.with_term(entity, &number_term(number))));
    }
    let links = [("accountId", Entity::Accounts), ("contactId", Entity::Contacts), ("leadId", Entity::Leads)];
    for (key, target) in links {
        let Some(id) = one(key) else { continue };
        if (entity, target) != (Entity::Contacts, Entity::Leads) {
            return Ok(Box::new(call.store.linked(entity, (target, id))));
        }
        // This link is kept at the other end.
        let lead = call.store.live(Entity::Leads, id).map_or(&[][..], |lead| list(lead, "contacts"));
        let people = lead.iter().filter_map(|link| link["id"].as_i64());
        return Ok(Box::new(people.filter_map(move |id| Some((id, call.store.live(entity, id)?)))));
    }
    if let Some(tag) = query.get("tag") {
        let Some(name) = tag.as_str() else { return bad("tag is a name") };
        return Ok(match tag_named(call, entity, name) {
            Some(tag) => Box::new(call.store.linked(entity, (Entity::Tags, tag))),
            None => Box::new(std::iter::empty()),
        });
    }
    Ok(Box::new(call.store.all_live(entity)))
}

/// Whether a row fits what the query says.
fn fits(call: &Call<'_>, entity: Entity, row: &Row, query: &Row) -> bool {
    if entity == Entity::Leads && !whose(call, row, query.get("filter").and_then(Value::as_i64)) {
        return false;
    }
    query.iter().all(|(key, wanted)| match (entity, key.as_str()) {
        (Entity::Activities, "status") => ids(wanted).contains(&status_of(call, row)),
        (Entity::Activities, "accountId") => takes_part(row, "accounts", wanted),
        (Entity::Activities, "contactId") => takes_part(row, "contacts", wanted),
        (_, "userId") => takes_part(row, "users", wanted),
        (_, "status" | "number" | "priority") => among(row, key, wanted),
        (_, "milestoneId" | "milestoneIds") => among(row, "milestone", wanted),
        (_, "stagesetId" | "stagesetIds") => among(row, "stageset", wanted),
        (_, "activityTypeId") => among(row, "activityType", wanted),
        (_, "assignee" | "entity") => refers(call, row, key, wanted),
        (_, "accountId") => has(row, "accounts", wanted),
        (Entity::Leads, "contactId") => has(row, "contacts", wanted),
        (Entity::Activities, "leadId") => has(row, "leads", wanted),
        (_, "source") => {
            let names = list(row, "sources").iter().filter_map(|id| call.store.any(Entity::Sources, id.as_i64()?));
            has(row, "sources", wanted) || names.filter_map(|row| row.get("name")).any(|name| name == wanted)
        }
        (_, "accountType") => is_named(call, row, (key, Entity::AccountTypes), wanted),
        (_, "industry") => is_named(call, row, (key, Entity::Industries), wanted),
        (_, "territory") => is_named(call, row, (key, Entity::Territories), wanted),
        (_, "isFlagged") => flag(row, "isFlagged") == (*wanted == true),
        (_, "hasOpenLeads") => {
            let mut leads = call.store.linked(Entity::Leads, (Entity::Accounts, int(row, "id").unwrap_or(0)));
            leads.any(|(_, lead)| int(lead, "status").unwrap_or(0) < 10) == (*wanted == true)
        }
        // Times are the bounds of a period.
        (_, "startTime") => bound(row, key, wanted).is_none_or(|(time, bound)| time >= bound),
        (_, "endTime" | "dueTime") => bound(row, key, wanted).is_none_or(|(time, bound)| time <= bound),
        // Already seen to.
        (_, "tag" | "filter" | "leadId") => true,
        // Nothing has an origin or channel but ours.
        _ => false,
    })
}

fn among(row: &Row, key: &str, wanted: &Value) -> bool {
    int(row, key).is_some_and(|id| ids(wanted).contains(&id))
}

fn has(row: &Row, key: &str, wanted: &Value) -> bool {
    let wanted = ids(wanted);
    list(row, key).iter().any(|item| wanted.iter().any(|id| item["id"] == *id || item == id))
}

fn takes_part(row: &Row, kind: &str, wanted: &Value) -> bool {
    let wanted = ids(wanted);
    let mut participants = list(row, "participants").iter().filter(|participant| participant["type"] == kind);
    participants.any(|participant| wanted.iter().any(|id| participant["id"] == *id))
}

fn is_named(call: &Call<'_>, row: &Row, (key, entity): (&str, Entity), wanted: &Value) -> bool {
    let named = int(row, key).and_then(|id| call.store.any(entity, id));
    among(row, key, wanted) || named.is_some_and(|named| named.get("name") == Some(wanted))
}

fn refers(call: &Call<'_>, row: &Row, key: &str, wanted: &Value) -> bool {
    let stored = row.get(key).unwrap_or(&Value::Null);
    let one = |wanted: &Value| input::reference(call, wanted, None).is_ok_and(|wanted| *stored == wanted);
    wanted.as_array().map_or_else(|| one(wanted), |several| several.iter().any(one))
}

fn bound(row: &Row, key: &str, wanted: &Value) -> Option<(i64, i64)> {
    let wanted = wanted.as_str().and_then(time::parse_zoned)?;
    Some((int(row, key).unwrap_or(i64::MAX), wanted))
}

/// `filter`: 0 mine, 1 my team's, 2 all.
fn whose(call: &Call<'_>, row: &Row, filter: Option<i64>) -> bool {
    let default = if call.switches().find_leads_is_mine { 0 } else { 2 };
    let assignee = row.get("assignee").unwrap_or(&Value::Null);
    let is = |kind: &str, id: &Value| assignee["type"] == kind && assignee["id"] == *id;
    let me = Value::from(call.actor);
    match filter.unwrap_or(default) {
        0 => is("users", &me),
        1 => {
            let mut teams = call.store.all_live(Entity::Teams).filter(|(_, team)| list(team, "members").contains(&me));
            is("users", &me)
                || teams.any(|(id, team)| {
                    is("teams", &id.into()) || list(team, "members").iter().any(|member| is("users", member))
                })
        }
        _ => true,
    }
}

/// `find*` of what a migration only reads.
pub(super) fn entries(call: &Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let order = match entity {
        Entity::Users => "last_name",
        Entity::Outcomes => "description",
        _ => "name",
    };
    let window = Window::of(call, args, order)?;
    let email = query_of(entity, args)?.filter(|_| call.switches().find_users_by_email);
    let email = email.and_then(|query| text(query, "email")).map(str::to_lowercase);
    let has = |row: &Row, email: &str| {
        list(row, "emails").iter().filter_map(Value::as_str).any(|known| known.to_lowercase() == email)
    };
    let rows = call.store.all_live(entity).filter(|(_, row)| !flag(row, "isApiKey"));
    let rows = rows.filter(|(_, row)| email.as_ref().is_none_or(|email| has(row, email)));
    let page = window.page(entity, Box::new(rows))?;
    let whole = entity == Entity::Products && !window.stubs;
    let shown = |row: &&Row| if whole { view::full(call, entity, row) } else { view::listed(call, entity, row) };
    Ok(page.iter().map(shown).collect())
}

/// `findTimeline`: what happened around a record.
pub(super) fn timeline(call: &Call<'_>, args: &Args) -> Result<Value, Failure> {
    let window = Window::of(call, args, "time")?;
    let target = input::reference(call, args.get("query").unwrap_or(&Value::Null), None)?;
    let entity = target["type"].as_str().and_then(Entity::from_rest);
    let (Some(entity), Some(id)) = (entity, target["id"].as_i64()) else { return bad("query names an entity") };
    let lag = call.switches().find_lag_ms;
    let around = |kind: Entity| call.store.linked(kind, (entity, id)).filter(move |(_, row)| call.is_listed(row, lag));
    let mut found: Vec<(Option<i64>, i64, Value)> = Vec::new();
    for (id, row) in around(Entity::Activities) {
        let show = if window.stubs { view::stub } else { view::full };
        found.push((int(row, "startTime"), id, show(call, Entity::Activities, row)));
    }
    for (id, row) in around(Entity::Notes) {
        let mut shown = note::shown(call, row);
        // Notes are told from the others by what they lack.
        if let Value::Object(shown) = &mut shown {
            shown.remove("entityType");
        }
        found.push((int(row, "createdTime"), id, shown));
    }
    let owner = call.store.live(entity, id).map_or(&[][..], |row| list(row, "emails"));
    let own: Vec<String> = owner.iter().filter_map(|entry| Some(entry["value"].as_str()?.to_lowercase())).collect();
    let about = |row: &Row| list(row, "addresses").iter().any(|address| own.iter().any(|own| address == own));
    for (id, row) in call.store.all_live(Entity::Emails).filter(|(_, row)| about(row)) {
        found.push((int(row, "date"), id, note::email(row)));
    }
    found.sort_by_key(|(time, id, _)| (*time, *id));
    if window.descending {
        found.reverse();
    }
    Ok(found.into_iter().map(|(_, _, shown)| shown).skip(window.skip).take(window.take).collect())
}

/// `findTags`: the names, by kind of record.
pub(super) fn tags(call: &Call<'_>) -> Value {
    let of = |entity: Entity| {
        let tags = call.store.all_live(Entity::Tags).filter(move |(_, tag)| text(tag, "entity") == Some(entity.rest()));
        tags.map(|(_, tag)| view::get(tag, "name")).collect::<Value>()
    };
    fields::WITH_FIELDS.into_iter().map(|entity| (entity.rpc().to_owned(), of(entity))).collect()
}

/// `findCustomFields`: names and types, by kind of record.
pub(super) fn custom_fields(call: &Call<'_>) -> Value {
    let of = |entity: Entity| {
        let fields = fields::defined(call, entity);
        fields.map(|field| json!({ "name": field["name"], "type": field["type"] })).collect::<Value>()
    };
    fields::WITH_FIELDS.into_iter().map(|entity| (entity.rpc().to_owned(), of(entity))).collect()
}
