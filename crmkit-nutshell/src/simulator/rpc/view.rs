//! What JSON-RPC shows of what is stored: stubs, whole records, entries of lists.

use serde_json::{Value, json};

use super::super::answer::Row;
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::fields;
use super::super::ordered;
use super::super::store::{int, list, object, text};
use super::super::switches::EmptyMap;
use super::super::time::{atom, atom_value};
use super::super::values::{Multi, money_to_rpc};
use super::super::write::activity::status_of;
use super::super::write::lead::{name_of, names, value_of};
use super::note;

/// The leads that a record shows; the others are found by `findLeads`.
const LEADS_SHOWN: usize = 100;

/// A value of a row, null where there is none.
pub(in crate::simulator) fn get(row: &Row, key: &str) -> Value {
    row.get(key).cloned().unwrap_or(Value::Null)
}

pub(super) fn rev(row: &Row) -> String {
    int(row, "rev").unwrap_or(0).to_string()
}

fn id_value(call: &Call<'_>, entity: Entity, id: i64) -> Value {
    let as_text = entity == Entity::Outcomes && call.switches().outcome_ids_are_text;
    if as_text { id.to_string().into() } else { id.into() }
}

/// The name by which a record is listed.
pub(in crate::simulator) fn name(entity: Entity, row: &Row) -> Value {
    match entity {
        Entity::Contacts => row.get("name").map_or(Value::Null, |name| name["displayName"].clone()),
        Entity::Leads => name_of(row).into(),
        Entity::Tasks => get(row, "title"),
        _ => get(row, "name"),
    }
}

/// The short form of a record.
pub(super) fn stub(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let id = int(row, "id").unwrap_or(0);
    let rev = if call.switches().stub_rev_is_number { get(row, "rev") } else { rev(row).into() };
    let mut shown = object(json!({
        "stub": true, "id": id_value(call, entity, id), "rev": rev, "entityType": entity.rpc(),
        "name": name(entity, row), "modifiedTime": atom_value(row.get("modifiedTime")),
    }));
    if !get(row, "deletedTime").is_null() {
        shown.insert("deletedTime".into(), atom_value(row.get("deletedTime")));
    }
    let more = match entity {
        Entity::Leads => {
            let first = list(row, "contacts").first().and_then(|contact| contact["id"].as_i64());
            json!({
                "primaryAccountName": named(call, Entity::Accounts, int(row, "primaryAccount")),
                "primaryContactName": named(call, Entity::Contacts, first), "status": get(row, "status"),
                "dueTime": atom_value(row.get("dueTime")), "closedTime": atom_value(row.get("closedTime")),
                "description": get(row, "description"), "value": money_to_rpc(&value_of(call, row), call.switches()),
            })
        }
        Entity::Accounts => json!({ "regions": regions(row) }),
        Entity::ActivityTypes => json!({ "deletedTime": atom_value(row.get("deletedTime")) }),
        Entity::Users => json!({
            "firstName": get(row, "firstName"), "lastName": get(row, "lastName"),
            "isEnabled": get(row, "isEnabled"), "isAdministrator": get(row, "isAdministrator"),
            "emails": get(row, "emails"), "createdTime": atom_value(row.get("createdTime")),
        }),
        Entity::Activities => json!({
            "startTime": atom_value(row.get("startTime")), "endTime": atom_value(row.get("endTime")),
            "status": status_of(call, row),
        }),
        _ => Value::Null,
    };
    shown.extend(object(more));
    tidy(call, shown)
}

/// `Gardena, CA` of each address.
fn regions(row: &Row) -> Vec<String> {
    let place = |entry: &Value| {
        let parts = [&entry["value"]["city"], &entry["value"]["state"]];
        let parts: Vec<&str> = parts.into_iter().filter_map(Value::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    list(row, "addresses").iter().filter_map(place).collect()
}

fn named(call: &Call<'_>, entity: Entity, id: Option<i64>) -> Value {
    id.and_then(|id| call.store.any(entity, id)).map_or(Value::Null, |row| name(entity, row))
}

/// The stub of the record with this id; null where there is none.
pub(super) fn stub_of(call: &Call<'_>, entity: Entity, id: Option<i64>) -> Value {
    id.and_then(|id| call.store.any(entity, id)).map_or(Value::Null, |row| stub(call, entity, row))
}

/// The stub of what a typed reference names.
fn stub_at(call: &Call<'_>, reference: Option<&Value>) -> Value {
    let Some(reference) = reference else { return Value::Null };
    let entity = reference["type"].as_str().and_then(Entity::from_rest);
    entity.map_or(Value::Null, |entity| stub_of(call, entity, reference["id"].as_i64()))
}

/// Stubs of the linked records with what the link is called.
fn related(call: &Call<'_>, entity: Entity, links: &[Value]) -> Value {
    let one = |link: &Value| {
        let mut shown = stub(call, entity, call.store.live(entity, link["id"].as_i64()?)?);
        shown["relationship"] = link["relationship"].clone();
        Some(shown)
    };
    links.iter().filter_map(one).collect()
}

/// Stubs of the records that have `target` in their list `key`, with what the link is called.
fn relating(call: &Call<'_>, entity: Entity, key: &str, target: (Entity, i64), most: usize) -> Value {
    let one = |(_, row): (i64, &Row)| {
        let link = list(row, key).iter().find(|link| link["id"] == target.1)?;
        let mut shown = stub(call, entity, row);
        shown["relationship"] = link["relationship"].clone();
        Some(shown)
    };
    call.store.linked(entity, target).filter_map(one).take(most).collect()
}

/// Drops nulls where the instance leaves them out.
pub(super) fn tidy(call: &Call<'_>, mut shown: Row) -> Value {
    if call.switches().nulls_are_absent {
        shown.retain(|_, value| !value.is_null());
    }
    Value::Object(shown)
}

fn put_map(call: &Call<'_>, shown: &mut Row, key: &str, map: Vec<(String, Value)>) {
    let value = match call.switches().empty_maps {
        _ if !map.is_empty() => ordered::map(map),
        EmptyMap::Absent => return,
        EmptyMap::List => json!([]),
        EmptyMap::Object => json!({}),
    };
    shown.insert(key.into(), value);
}

/// A whole record.
pub(super) fn full(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let mut shown = object(json!({
        "id": get(row, "id"), "entityType": entity.rpc(), "rev": rev(row),
        "modifiedTime": atom_value(row.get("modifiedTime")), "createdTime": atom_value(row.get("createdTime")),
    }));
    if entity != Entity::Contacts || !get(row, "deletedTime").is_null() {
        shown.insert("deletedTime".into(), atom_value(row.get("deletedTime")));
    }
    match entity {
        Entity::Accounts | Entity::Contacts | Entity::Leads => party(call, entity, row, &mut shown),
        Entity::Activities => shown.extend(object(activity(call, row))),
        Entity::Notes => return note::shown(call, row),
        Entity::Tasks => shown.extend(object(json!({
            "title": get(row, "title"), "description": get(row, "description"),
            "entity": stub_at(call, row.get("entity")), "dueTime": atom_value(row.get("dueTime")),
            "assignee": stub_at(call, row.get("assignee")),
            "creator": stub_of(call, Entity::Users, int(row, "creator")),
            "completedTime": atom_value(row.get("completedTime")),
        }))),
        Entity::Products => {
            let price = |price: &Value| json!({ "marketId": price["marketId"], "price": money_to_rpc(&price["price"], call.switches()) });
            shown.extend(object(json!({
                "name": get(row, "name"), "type": get(row, "type"), "sku": get(row, "sku"), "unit": get(row, "unit"),
                "prices": list(row, "prices").iter().map(price).collect::<Vec<_>>(),
            })));
        }
        Entity::Teams => {
            let members = list(row, "members").iter().map(|id| stub_of(call, Entity::Users, id.as_i64()));
            shown.extend(object(json!({ "name": get(row, "name"), "members": members.collect::<Vec<_>>() })));
        }
        _ => {
            let mut listed = object(stub(call, entity, row));
            listed.remove("stub");
            listed.extend(shown);
            shown = listed;
        }
    }
    tidy(call, shown)
}

/// What accounts, contacts and leads have in common, and then their own.
fn party(call: &Call<'_>, entity: Entity, row: &Row, shown: &mut Row) {
    let id = int(row, "id").unwrap_or(0);
    let path = call.html_path(entity, row, name(entity, row).as_str().unwrap_or_default());
    let notes = call.store.linked(Entity::Notes, (entity, id)).map(|(_, row)| note::shown(call, row));
    shown.extend(object(json!({
        "htmlUrl": format!("{}{path}", call.base), "avatarUrl": format!("{}/avatar/{id}", call.base),
        "description": get(row, "description"), "tags": names(call, Entity::Tags, row, "tags"),
        "lastContactedDate": null, "creator": stub_of(call, Entity::Users, int(row, "creator")),
        "notes": notes.collect::<Vec<_>>(),
    })));
    put_map(call, shown, "customFields", fields::read_all(call, entity, row).into_iter().collect());
    if entity != Entity::Leads {
        shown.insert("legacyId".into(), get(row, "legacyId"));
        shown.insert("owner".into(), stub_at(call, row.get("owner")));
        shown.insert("territory".into(), entry(call, Entity::Territories, row, "territory"));
        for multi in Multi::ALL {
            put_map(call, shown, multi.rpc(), multi.to_rpc(list(row, multi.rest())));
        }
    }
    shown.extend(object(match entity {
        Entity::Accounts => account(call, row, id),
        Entity::Contacts => contact(call, row, id),
        _ => lead(call, row, id),
    }));
}

/// `{id, name}` of what an id names.
fn entry(call: &Call<'_>, entity: Entity, row: &Row, key: &str) -> Value {
    let found = int(row, key).and_then(|id| call.store.any(entity, id));
    found.map_or(Value::Null, |found| json!({ "id": get(found, "id"), "name": get(found, "name") }))
}

fn account(call: &Call<'_>, row: &Row, id: i64) -> Value {
    let target = (Entity::Accounts, id);
    let mut shown = json!({
        "name": get(row, "name"), "mergedInto": null,
        "industry": stub_of(call, Entity::Industries, int(row, "industry")),
        "accountType": entry(call, Entity::AccountTypes, row, "accountType"),
        "leads": relating(call, Entity::Leads, "accounts", target, LEADS_SHOWN),
        "contacts": relating(call, Entity::Contacts, "accounts", target, usize::MAX),
    });
    if let Some(parent) = int(row, "parentAccount") {
        shown["parentAccount"] = stub_of(call, Entity::Accounts, Some(parent));
    }
    shown
}

fn contact(call: &Call<'_>, row: &Row, id: i64) -> Value {
    json!({
        "name": get(row, "name"), "contactedCount": 0,
        "accounts": related(call, Entity::Accounts, list(row, "accounts")),
        "leads": relating(call, Entity::Leads, "contacts", (Entity::Contacts, id), LEADS_SHOWN),
    })
}

fn lead(call: &Call<'_>, row: &Row, id: i64) -> Value {
    let value = money_to_rpc(&value_of(call, row), call.switches());
    let status = int(row, "status").unwrap_or(0);
    let overdue = status < 10 && int(row, "dueTime").is_some_and(|due| due < call.now);
    let target = (Entity::Leads, id);
    let lines = call.store.linked(Entity::ProductMaps, target).map(|(_, line)| {
        let mut shown = stub_of(call, Entity::Products, int(line, "product"));
        let quantity = text(line, "quantity").unwrap_or("1");
        shown["relationship"] = get(line, "relationship");
        shown["quantity"] = quantity.parse::<i64>().map_or_else(|_| quantity.into(), Value::from);
        let price = line.get("price").filter(|price| !price.is_null());
        shown["price"] = price.map_or(Value::Null, |price| money_to_rpc(price, call.switches()));
        shown
    });
    let rivals = call.store.linked(Entity::CompetitorMaps, target).map(|(_, line)| {
        let mut shown = stub_of(call, Entity::Competitors, int(line, "competitor"));
        shown["relationship"] = get(line, "relationship");
        shown["status"] = get(line, "status");
        shown
    });
    let sources = list(row, "sources").iter().map(|source| stub_of(call, Entity::Sources, source.as_i64()));
    let files = call.store.linked(Entity::Files, target).map(|(_, file)| note::file(call, file));
    let entry = |entity: Entity, key: &str| {
        let found = int(row, key).and_then(|id| call.store.any(entity, id));
        found.map_or(Value::Null, |found| listed(call, entity, found))
    };
    let mut shown = json!({
        "name": name_of(row), "number": get(row, "number"), "status": status, "confidence": get(row, "confidence"),
        "completion": 0, "urgency": if overdue { "overdue" } else { "normal" }, "isOverdue": overdue,
        "primaryAccount": stub_of(call, Entity::Accounts, int(row, "primaryAccount")),
        "milestone": entry(Entity::Milestones, "milestone"), "stageset": entry(Entity::Stagesets, "stageset"),
        "market": stub_of(call, Entity::Markets, int(row, "market")),
        "assignee": stub_at(call, row.get("assignee")), "processes": [], "channels": [],
        "sources": sources.collect::<Vec<_>>(), "competitors": rivals.collect::<Vec<_>>(),
        "products": lines.collect::<Vec<_>>(), "contacts": related(call, Entity::Contacts, list(row, "contacts")),
        "accounts": related(call, Entity::Accounts, list(row, "accounts")),
        "dueTime": atom_value(row.get("dueTime")), "nextStepDueTime": null, "value": value, "normalizedValue": value,
        "file": files.collect::<Vec<_>>(), "closedTime": atom_value(row.get("closedTime")),
        "priority": get(row, "priority"), "activitiesCount": activities_count(call, target),
    });
    if !get(row, "outcome").is_null() {
        shown["outcome"] = entry(Entity::Outcomes, "outcome");
    }
    shown
}

fn activities_count(call: &Call<'_>, target: (Entity, i64)) -> Value {
    let mut counts = object(json!({ "0": 0, "1": 0, "2": 0, "-1": 0 }));
    for (_, activity) in call.store.linked(Entity::Activities, target) {
        let key = status_of(call, activity).to_string();
        let count = int(&counts, &key).unwrap_or(0) + 1;
        counts.insert(key, count.into());
    }
    Value::Object(counts)
}

fn activity(call: &Call<'_>, row: &Row) -> Value {
    let participants = list(row, "participants").iter().map(|participant| stub_at(call, Some(participant)));
    let leads: Vec<Value> = list(row, "leads").iter().map(|lead| stub_of(call, Entity::Leads, lead.as_i64())).collect();
    let log = int(row, "logNote").and_then(|id| call.store.live(Entity::Notes, id));
    json!({
        "name": get(row, "name"), "description": get(row, "description"),
        "activityType": stub_of(call, Entity::ActivityTypes, int(row, "activityType")),
        "lead": leads.first().cloned(), "leads": leads, "startTime": atom_value(row.get("startTime")),
        "endTime": atom_value(row.get("endTime")), "isAllDay": get(row, "isAllDay"),
        "isFlagged": get(row, "isFlagged"), "isTimed": get(row, "isTimed"), "location": get(row, "location"),
        "status": status_of(call, row), "logDescription": log.map(|log| get(log, "note")),
        "logNote": log.map(|log| note::shown(call, log)), "participants": participants.collect::<Vec<_>>(),
        "loggedBy": stub_of(call, Entity::Users, int(row, "loggedBy")), "followup": null,
        "followupTo": stub_of(call, Entity::Activities, int(row, "followupTo")),
    })
}

/// An entry of a list of which a migration only reads.
pub(super) fn listed(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let id = int(row, "id").unwrap_or(0);
    let mut shown = object(json!({
        "id": id_value(call, entity, id), "entityType": entity.rpc(), "rev": rev(row), "name": get(row, "name"),
    }));
    let more = match entity {
        Entity::Stagesets => json!({ "default": get(row, "default"), "position": get(row, "position") }),
        Entity::Milestones => json!({ "position": get(row, "position"), "stagesetId": get(row, "stagesetId") }),
        Entity::Outcomes => {
            shown.remove("name");
            json!({ "description": get(row, "name"), "type": get(row, "type") })
        }
        Entity::Sources => json!({ "channel": get(row, "channel") }),
        Entity::Industries | Entity::AccountTypes | Entity::Territories | Entity::Competitors | Entity::Origins => {
            json!({ "modifiedTime": atom_value(row.get("modifiedTime")) })
        }
        _ => return stub(call, entity, row),
    };
    shown.extend(object(more));
    tidy(call, shown)
}

/// When the records of each kind last changed.
pub(super) fn update_times(call: &Call<'_>) -> Value {
    let kinds = [Entity::Accounts, Entity::Contacts, Entity::Leads, Entity::Activities, Entity::Users];
    let last = |entity: Entity| call.store.rows(entity).filter_map(|(_, row)| int(row, "modifiedTime")).max();
    kinds.into_iter().map(|entity| (entity.rpc().to_owned(), Value::from(last(entity).map(atom)))).collect()
}
