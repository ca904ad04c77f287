//! What each operation of the interface does.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{answer::Answer, switches::Switches, workspace::Tables};

/// An operation.
#[derive(Debug)]
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    pub(super) scope: Option<&'static str>,
}

const fn route(method: &'static str, path: &'static str, scope: Option<&'static str>) -> Route {
    Route { method, path, scope }
}

/// All operations. There is none that lists companies.
const ALL: [Route; 14] = [
    route("GET", "/authenticate", None),
    route("GET", "/people/{id}", Some("people:read")),
    route("POST", "/people/query", Some("people:read")),
    route("POST", "/people", Some("people:write")),
    route("PUT", "/people", Some("people:write")),
    route("PATCH", "/people/{id}", Some("people:write")),
    route("DELETE", "/people/{id}", Some("people:write")),
    route("GET", "/companies/{id}", Some("companies:read")),
    route("POST", "/companies", Some("companies:write")),
    route("PATCH", "/companies/{id}", Some("companies:write")),
    route("DELETE", "/companies/{id}", Some("companies:remove")),
    route("GET", "/interactions/{id}", Some("interactions:read")),
    route("POST", "/interactions/query", Some("interactions:read")),
    route("POST", "/interactions", Some("interactions:write")),
];

/// The same, for people.
pub(super) fn names() -> Vec<String> {
    ALL.iter().map(|route| format!("{} {}", route.method, route.path)).collect()
}

/// The operation of a method and path, and the id that the path names.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Route, Option<String>)> {
    ALL.iter().filter(|route| route.method == method).find_map(|route| match route.path.strip_suffix("{id}") {
        None => (route.path == path).then_some((route, None)),
        Some(before) => {
            let id = path.strip_prefix(before)?;
            let one = !id.is_empty() && !id.contains('/');
            one.then(|| (route, Some(id.to_owned())))
        }
    })
}

/// What is asked of an operation.
pub(super) struct Asked<'a> {
    pub(super) id: Option<String>,
    pub(super) body: &'a [u8],
    pub(super) now: DateTime<Utc>,
    pub(super) switches: &'a Switches,
    pub(super) name: &'a str,
}

pub(super) fn answer(route: &Route, asked: &Asked<'_>, tables: &mut Tables) -> Answer {
    let table = route.path.split('/').nth(1).unwrap_or_default();
    match (route.method, table, &asked.id) {
        (_, "authenticate", _) => Answer::One(200, json!({ "team_name": asked.name, "team": { "name": asked.name } })),
        ("GET", table, Some(id)) => match tables.find(table, id) {
            Some(row) => Answer::One(200, seen(row, table, asked.switches)),
            None => missing(table),
        },
        ("DELETE", table, Some(id)) => match tables.remove(table, id) {
            Some(_) => Answer::Empty,
            None => missing(table),
        },
        (_, table, _) => {
            let Ok(Value::Object(body)) =
                serde_json::from_slice(if asked.body.is_empty() { b"{}" } else { asked.body })
            else {
                return Answer::refused(400, "BAD_REQUEST", "The body is not a JSON object");
            };
            match (route.method, table) {
                ("POST", "people" | "interactions") if route.path.ends_with("/query") => {
                    query(table, &body, asked, tables)
                }
                ("POST", "interactions") => interact(body, asked, tables),
                ("POST", table) => create(table, body, asked, tables),
                ("PUT", _) => upsert(body, asked, tables),
                ("PATCH", table) => change(table, body, asked, tables),
                _ => missing(table),
            }
        }
    }
}

/// A page. Unknown keys of the query are refused: a client that guesses shall notice.
fn query(table: &str, body: &Map<String, Value>, asked: &Asked<'_>, tables: &Tables) -> Answer {
    let refused = |message: &str| Answer::refused(400, "BAD_REQUEST", message);
    let filters: &[(&str, &str)] = match table {
        "people" => &[("email", "email"), ("companyId", "companyId")],
        _ => &[("companyId", "companies"), ("contactId", "contacts")],
    };
    if body.keys().any(|key| !["cursor", "limit", "filter"].contains(&key.as_str())) {
        return refused("The query has an unknown key");
    }
    let after = match body.get("cursor") {
        None | Some(Value::Null) => 0,
        Some(Value::String(cursor)) => match cursor.strip_prefix("cur_").and_then(|number| number.parse().ok()) {
            Some(number) => number,
            None => return refused("The cursor is invalid"),
        },
        Some(_) => return refused("The cursor is invalid"),
    };
    let limit = match body.get("limit").map(Value::as_u64) {
        None => 20,
        Some(Some(limit)) if limit > 0 => usize::try_from(limit).unwrap_or(usize::MAX).min(asked.switches.most),
        Some(_) => return refused("The limit is invalid"),
    };
    let mut wanted = Vec::new();
    for (key, value) in body.get("filter").and_then(Value::as_object).into_iter().flatten() {
        let Some((_, field)) = filters.iter().find(|(name, _)| name == key) else {
            return refused("The filter has an unknown key");
        };
        wanted.push((*field, value.clone()));
    }
    let fits = |row: &Value| {
        wanted.iter().all(|(field, value)| match &row[*field] {
            Value::Array(several) => several.contains(value),
            one => one == value,
        })
    };
    let found: Vec<(u64, &Value)> =
        tables.numbered(table).filter(|(number, row)| *number > after && fits(row)).collect();
    let shorter = asked.switches.short_pages && limit > 1 && after % 3 == 1;
    let take = if shorter { limit - 1 } else { limit };
    let items = found.iter().take(take).map(|(_, row)| seen(row, table, asked.switches)).collect();
    let last = found[..take.min(found.len())].last().map(|(number, _)| format!("cur_{number}"));
    let next = last.clone().filter(|_| found.len() > take);
    let cursor = body.get("cursor").and_then(Value::as_str).map(str::to_owned);
    let name = if table == "people" { "people" } else { "interactions" };
    Answer::List { name, items, asked: cursor, next, last }
}

/// A row as the interface shows it.
fn seen(row: &Value, table: &str, switches: &Switches) -> Value {
    const SNAPSHOT: [&str; 7] =
        ["industry", "employee_count", "estimated_revenue", "city", "state", "country", "linkedin"];
    let mut row = row.clone();
    if let Value::Object(fields) = &mut row {
        fields.retain(|name, value| {
            let shown = table != "companies" || switches.company_snapshots || !SNAPSHOT.contains(&name.as_str());
            shown && (switches.nulls || !value.is_null())
        });
        // Written, never read back.
        fields.remove("remarks");
    }
    row
}

const PERSON: [&str; 7] = ["email", "firstName", "lastName", "title", "phone", "companyId", "remarks"];
const COMPANY: [&str; 3] = ["domain", "name", "companyId"];

fn unknown(table: &str, body: &Map<String, Value>) -> Option<Answer> {
    let known: &[&str] = if table == "people" { &PERSON } else { &COMPANY };
    let unknown = body.keys().find(|key| !known.contains(&key.as_str()))?;
    Some(Answer::refused(400, "BAD_REQUEST", format!("Unknown field {unknown}")))
}

fn create(table: &str, mut body: Map<String, Value>, asked: &Asked<'_>, tables: &mut Tables) -> Answer {
    if let Some(refused) = unknown(table, &body) {
        return refused;
    }
    let (prefix, key) = if table == "people" { ("c", "email") } else { ("cmp", "domain") };
    let taken = body.get(key).is_some_and(|value| tables.numbered(table).any(|(_, row)| row[key] == *value));
    if taken {
        return Answer::refused(409, "CONFLICT", format!("A record with this {key} exists"));
    }
    let id = tables.fresh(prefix);
    let now = asked.now.to_rfc3339();
    body.insert("id".into(), json!(id));
    body.insert("createdAt".into(), json!(now));
    if table == "people" {
        body.insert("updatedAt".into(), json!(now));
    }
    stored(table, body, asked, tables, 201)
}

fn upsert(body: Map<String, Value>, asked: &Asked<'_>, tables: &mut Tables) -> Answer {
    let email = body.get("email").cloned().unwrap_or_default();
    let known = tables.numbered("people").find(|(_, row)| row["email"] == email && !email.is_null());
    match known.map(|(_, row)| row["id"].clone()) {
        None => create("people", body, asked, tables),
        Some(id) => {
            let Asked { body: bytes, now, switches, name, .. } = *asked;
            let asked = Asked { id: id.as_str().map(str::to_owned), body: bytes, now, switches, name };
            change("people", body, &asked, tables)
        }
    }
}

fn change(table: &str, mut body: Map<String, Value>, asked: &Asked<'_>, tables: &mut Tables) -> Answer {
    if let Some(refused) = unknown(table, &body) {
        return refused;
    }
    let id = asked.id.clone().unwrap_or_default();
    if tables.find(table, &id).is_none() {
        return missing(table);
    }
    body.insert("id".into(), json!(id));
    if table == "people" {
        body.insert("updatedAt".into(), json!(asked.now.to_rfc3339()));
    }
    stored(table, body, asked, tables, 200)
}

fn stored(table: &str, body: Map<String, Value>, asked: &Asked<'_>, tables: &mut Tables, status: u16) -> Answer {
    let id = body.get("id").cloned().unwrap_or_default();
    match tables.put(table, Value::Object(body)) {
        Ok(()) => {
            let row = tables.find(table, id.as_str().unwrap_or_default()).cloned().unwrap_or_default();
            Answer::One(status, seen(&row, table, asked.switches))
        }
        Err(message) => Answer::refused(400, "BAD_REQUEST", message),
    }
}

/// Exactly one of `mainContact` and `mainContactEmail`; times in milliseconds; the same one twice is told to be a duplicate.
fn interact(mut body: Map<String, Value>, asked: &Asked<'_>, tables: &mut Tables) -> Answer {
    let refused = |message: &str| Answer::refused(400, "BAD_REQUEST", message);
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let contact = match (text("mainContact"), text("mainContactEmail")) {
        (Some(id), None) => tables.find("people", &id).map(|_| id),
        (None, Some(email)) => {
            let mut people = tables.numbered("people").map(|(_, row)| row);
            people.find(|row| row["email"] == email.as_str()).and_then(|row| row["id"].as_str()).map(str::to_owned)
        }
        _ => return refused("Exactly one of mainContact and mainContactEmail is needed"),
    };
    let Some(contact) = contact else { return refused("There is no such contact") };
    let length = |name: &str| text(name).map_or(0, |text| text.chars().count());
    if length("title") > 1_000 || length("summary") > 10_000 {
        return refused("The title or the summary is too long");
    }
    let moment = body.get("interactionDate").and_then(Value::as_i64).and_then(DateTime::from_timestamp_millis);
    let Some(moment) = moment else { return refused("interactionDate is in milliseconds since 1970") };
    body.remove("mainContact");
    body.remove("mainContactEmail");
    body.insert("contacts".into(), json!([contact]));
    body.insert("interactionDate".into(), json!(moment.to_rfc3339()));
    let same = tables.numbered("interactions").find(|(_, row)| {
        ["title", "summary", "type", "interactionDate", "contacts"]
            .iter()
            .all(|name| row[*name] == body.get(*name).cloned().unwrap_or_default())
    });
    if let Some((_, row)) = same {
        return Answer::One(200, json!({ "id": row["id"], "isDuplicate": true }));
    }
    let id = tables.fresh("int");
    body.insert("id".into(), json!(id));
    body.insert("creationTime".into(), json!(asked.now.to_rfc3339()));
    match tables.put("interactions", Value::Object(body)) {
        Ok(()) => Answer::One(201, json!({ "id": id, "isDuplicate": false })),
        Err(message) => refused(&message),
    }
}

fn missing(table: &str) -> Answer {
    Answer::refused(404, "NOT_FOUND", format!("There is no such record in {table}"))
}
