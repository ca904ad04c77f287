//! What REST shows of what is stored.

use serde_json::{Value, json};

use super::super::answer::Row;
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::fields;
use super::super::rpc::methods::may_edit_note;
use super::super::rpc::note::{html, plain};
use super::super::rpc::view::{get, name};
use super::super::store::{flag, int, list, object, text};
use super::super::time::{atom, atom_value, unix_value};
use super::super::values::{Multi, money_to_rest};
use super::super::write::activity::status_of;
use super::super::write::lead::{can_access, value_of};
use super::id;

/// A record with its links.
pub(super) fn record(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let number = int(row, "id").unwrap_or(0);
    let own = id::format(call, entity, number);
    let mut shown = object(json!({ "id": own, "type": entity.rest() }));
    let has_page = !matches!(entity, Entity::Milestones | Entity::Stagesets | Entity::Industries);
    if has_page {
        shown.insert("href".into(), format!("{}/rest/{}/{own}", call.base, entity.rest()).into());
    }
    if !get(row, "deletedTime").is_null() {
        shown.insert("deletedTime".into(), unix_value(row.get("deletedTime")));
    }
    let more = match entity {
        Entity::Accounts | Entity::Contacts => party(call, entity, row),
        Entity::Leads => lead(call, row),
        Entity::Activities => activity(call, row),
        Entity::Notes => note(call, row),
        Entity::Tasks => task(call, row),
        Entity::Users => user(call, row),
        Entity::ProductMaps => product_map(call, row),
        Entity::CompetitorMaps => {
            let rival = int(row, "competitor").and_then(|id| call.store.any(Entity::Competitors, id));
            let status = ["potential", "stole", "beat"];
            let status =
                int(row, "status").and_then(|status| status.try_into().ok()).and_then(|at: usize| status.get(at));
            json!({
                "relationship": get(row, "relationship"), "name": rival.map(|rival| get(rival, "name")),
                "status": status, "links": {
                    "lead": id::format_value(call, Entity::Leads, int(row, "lead")),
                    "competitor": id::format_value(call, Entity::Competitors, int(row, "competitor")),
                },
            })
        }
        Entity::Products => {
            let price = |price: &Value| {
                let market = id::format_value(call, Entity::Markets, price["marketId"].as_i64());
                (market.as_str().unwrap_or_default().to_owned(), product_price(&price["price"]))
            };
            json!({
                "name": get(row, "name"), "modifiedTime": unix_value(row.get("modifiedTime")),
                "productType": "product", "prices": list(row, "prices").iter().map(price).collect::<Value>(),
            })
        }
        _ => entry(call, entity, row, number),
    };
    shown.extend(object(more));
    Value::Object(shown)
}

/// An entry of a list to which a migration adds little or nothing.
fn entry(call: &Call<'_>, entity: Entity, row: &Row, number: i64) -> Value {
    let modified = unix_value(row.get("modifiedTime"));
    let mut shown = json!({ "name": get(row, "name"), "modifiedTime": modified });
    let more = match entity {
        Entity::Stagesets => {
            return json!({
                "name": get(row, "name"), "default": get(row, "default"), "canAccess": can_access(call, number),
                "status": get(row, "status"), "position": get(row, "position"),
            });
        }
        Entity::Milestones => {
            return json!({
                "name": get(row, "name"), "description": get(row, "description"), "position": get(row, "position"),
                "numSteps": 0, "canAdvanceStage": true,
                "links": [{ "stageset": id::format_value(call, Entity::Stagesets, int(row, "stagesetId")) }],
            });
        }
        Entity::Tags => {
            let tagged = text(row, "entity").and_then(Entity::from_rest);
            let count = tagged.map_or(0, |kind| call.store.linked(kind, (Entity::Tags, number)).count());
            json!({ "tagType": get(row, "entity"), "count": count, "colorType": color(row) })
        }
        Entity::Sources => {
            const CHANNELS: [&str; 9] = [
                "None",
                "Organic search",
                "Paid search",
                "Organic social",
                "Paid social",
                "Email",
                "Referrer",
                "Traditional",
                "Direct",
            ];
            let channel = int(row, "channel").unwrap_or(0);
            let display = usize::try_from(channel).ok().and_then(|at| CHANNELS.get(at));
            json!({ "channel": { "value": channel, "display": display } })
        }
        Entity::Outcomes => {
            let status = match int(row, "type") {
                Some(10) => "won",
                Some(11) => "lost",
                _ => "cancelled",
            };
            shown["type"] = Value::Null;
            json!({ "status": status, "outcomeType": get(row, "type") })
        }
        Entity::Markets => json!({
            "currency": get(row, "currency"), "currencySymbol": get(row, "currencySymbol"),
            "isDefault": get(row, "isDefault"),
        }),
        Entity::ActivityTypes => json!({ "isBenchmarkable": true }),
        Entity::Origins => json!({ "originType": get(row, "originType") }),
        Entity::Audiences => json!({ "isWebFX": false }),
        _ => Value::Null,
    };
    let mut shown = object(shown);
    shown.retain(|key, _| key != "type");
    shown.extend(object(more));
    Value::Object(shown)
}

fn color(row: &Row) -> String {
    const COLORS: [&str; 14] = [
        "RED", "ORANGE", "YELLOW", "GREEN", "TEAL", "BLUE", "INDIGO", "PURPLE", "PINK", "BROWN", "GRAY", "BLACK",
        "LIME", "CYAN",
    ];
    let chosen = row.get("color").and_then(Value::as_str).and_then(|color| color.parse::<usize>().ok());
    let name = chosen.and_then(|at| COLORS.get(at.wrapping_sub(1))).unwrap_or(&COLORS[1]);
    format!("COLOR_{name}")
}

fn product_price(price: &Value) -> Value {
    let shown = money_to_rest(price);
    let amount = shown["amount"].as_str().and_then(|amount| amount.parse::<f64>().ok());
    json!({
        "amount": amount, "currency": shown["currency"], "formatted": shown["formatted"],
        "currencySymbol": shown["formatted"].as_str().and_then(|text| text.chars().next()).map(String::from),
    })
}

fn reference(call: &Call<'_>, given: Option<&Value>) -> Value {
    let entity = given.and_then(|given| Entity::from_rest(given["type"].as_str()?));
    entity.map_or(Value::Null, |entity| id::format_value(call, entity, given.and_then(|given| given["id"].as_i64())))
}

/// The ids of a list of a row.
fn ids(call: &Call<'_>, entity: Entity, row: &Row, key: &str) -> Value {
    let ids = list(row, key).iter().filter_map(|item| item.as_i64().or_else(|| item["id"].as_i64()));
    ids.map(|id| Value::from(id::format(call, entity, id))).collect()
}

fn relating(call: &Call<'_>, entity: Entity, target: (Entity, i64)) -> Value {
    call.store.linked(entity, target).map(|(id, _)| Value::from(id::format(call, entity, id))).collect()
}

/// Addresses of web pages, which accounts, contacts and leads have.
fn pages(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let name = name(entity, row);
    let title = name.as_str().unwrap_or_default();
    let path = call.html_path(entity, row, title);
    let initials = title.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect::<String>();
    json!({
        "name": name, "htmlUrl": format!("{}{path}", call.base), "htmlUrlPath": path, "initials": initials,
        "avatarUrl": format!("{}/avatar/{}", call.base, int(row, "id").unwrap_or(0)),
    })
}

fn party(call: &Call<'_>, entity: Entity, row: &Row) -> Value {
    let number = int(row, "id").unwrap_or(0);
    let mut shown = object(pages(call, entity, row));
    shown.insert("description".into(), get(row, "description"));
    shown.insert("createdTime".into(), unix_value(row.get("createdTime")));
    for multi in Multi::ALL {
        shown.insert(multi.rest().into(), get(row, multi.rest()));
    }
    // JSON-RPC has the place as text, REST as numbers.
    for address in shown.get_mut("addresses").and_then(Value::as_array_mut).into_iter().flatten() {
        for degrees in address["value"]["location"].as_object_mut().into_iter().flatten().map(|(_, degrees)| degrees) {
            *degrees = degrees.as_str().and_then(|text| text.parse::<f64>().ok()).into();
        }
    }
    let mut links = object(json!({
        "creator": id::format_value(call, Entity::Users, int(row, "creator")),
        "owner": reference(call, row.get("owner")),
        "territory": id::format_value(call, Entity::Territories, int(row, "territory")),
        "tags": ids(call, Entity::Tags, row, "tags"), "files": [], "relatedFiles": [], "followup": null,
        "recurringTask": null, "leads": relating(call, Entity::Leads, (entity, number)),
    }));
    if entity == Entity::Accounts {
        shown.extend(object(json!({ "revenue": null, "employeeCount": null })));
        links.extend(object(json!({
            "contacts": relating(call, Entity::Contacts, (entity, number)),
            "accountType": id::format_value(call, Entity::AccountTypes, int(row, "accountType")),
            "industry": id::format_value(call, Entity::Industries, int(row, "industry")),
            "parentAccount": id::format_value(call, entity, int(row, "parentAccount")),
        })));
    } else {
        let name = get(row, "name");
        shown.extend(object(json!({
            "firstName": name["givenName"], "lastName": name["familyName"],
            "jobTitle": list(row, "accounts").first().map(|link| link["relationship"].clone()),
        })));
        links.extend(object(json!({
            "accounts": ids(call, Entity::Accounts, row, "accounts"),
            "emAudiences": ids(call, Entity::Audiences, row, "audiences"),
        })));
    }
    shown.insert("links".into(), Value::Object(links));
    Value::Object(shown)
}

/// A time as leads show it: in three ways.
fn three_ways(time: Option<&Value>) -> Value {
    match time.and_then(Value::as_i64) {
        Some(millis) => {
            let iso = atom(millis);
            json!({ "absoluteLocalizedString": iso, "timestamp": millis.div_euclid(1000), "value": iso })
        }
        None => Value::Null,
    }
}

fn lead(call: &Call<'_>, row: &Row) -> Value {
    let number = int(row, "id").unwrap_or(0);
    let status = match int(row, "status").unwrap_or(0) {
        1 => "pending",
        10 => "won",
        11 => "lost",
        12 => "cancelled",
        _ => "open",
    };
    let open = matches!(status, "open" | "pending");
    let overdue = open && int(row, "dueTime").is_some_and(|due| due < call.now);
    let mut shown = object(pages(call, Entity::Leads, row));
    shown.extend(object(json!({
        "number": get(row, "number"), "description": get(row, "description"),
        "value": money_to_rest(&value_of(call, row)), "createdTime": three_ways(row.get("createdTime")),
        "closedTime": atom_value(row.get("closedTime")), "dueTime": three_ways(row.get("dueTime")),
        "anticipatedClosedTime": atom_value(row.get("dueTime")), "status": status,
        "confidence": get(row, "confidence"), "priority": get(row, "priority"),
        "ownerType": row.get("assignee").map(|owner| owner["type"].clone()), "isOverdue": overdue,
        "overdueTime": if overdue { atom_value(row.get("dueTime")) } else { Value::Null },
        "isCurrentUserWatching": list(row, "watchers").contains(&call.actor.into()),
        "links": {
            "creator": id::format_value(call, Entity::Users, int(row, "creator")),
            "owner": reference(call, row.get("assignee")),
            "accounts": ids(call, Entity::Accounts, row, "accounts"),
            "contacts": ids(call, Entity::Contacts, row, "contacts"),
            "primaryAccount": id::format_value(call, Entity::Accounts, int(row, "primaryAccount")),
            "sources": ids(call, Entity::Sources, row, "sources"), "tags": ids(call, Entity::Tags, row, "tags"),
            "stageset": id::format_value(call, Entity::Stagesets, int(row, "stageset")),
            "stage": id::format_value(call, Entity::Milestones, int(row, "milestone")),
            "market": id::format_value(call, Entity::Markets, int(row, "market")),
            "outcome": id::format_value(call, Entity::Outcomes, int(row, "outcome")),
            "productMaps": relating(call, Entity::ProductMaps, (Entity::Leads, number)),
            "competitorMaps": relating(call, Entity::CompetitorMaps, (Entity::Leads, number)),
            "files": relating(call, Entity::Files, (Entity::Leads, number)),
        },
    })));
    Value::Object(shown)
}

fn product_map(call: &Call<'_>, row: &Row) -> Value {
    let product = int(row, "product").and_then(|id| call.store.any(Entity::Products, id));
    let quantity = text(row, "quantity").unwrap_or("1");
    json!({
        "relationship": get(row, "relationship"), "productType": "product",
        "price": row.get("price").filter(|price| !price.is_null()).map(money_to_rest),
        "name": product.map(|product| get(product, "name")), "unit": product.map(|product| get(product, "unit")),
        "quantity": quantity.parse::<i64>().map_or_else(|_| quantity.into(), Value::from), "links": {
            "product": id::format_value(call, Entity::Products, int(row, "product")),
            "lead": id::format_value(call, Entity::Leads, int(row, "lead")),
        },
    })
}

fn activity(call: &Call<'_>, row: &Row) -> Value {
    let status = status_of(call, row);
    let participants = list(row, "participants").iter().map(|participant| reference(call, Some(participant)));
    let leads = list(row, "leads").iter().map(|lead| id::format_value(call, Entity::Leads, lead.as_i64()));
    json!({
        "name": get(row, "name"), "agenda": get(row, "description"), "location": get(row, "location"),
        "createdTime": unix_value(row.get("createdTime")), "startTime": unix_value(row.get("startTime")),
        "endTime": unix_value(row.get("endTime")), "loggedTime": unix_value(row.get("loggedTime")),
        "modifiedTime": unix_value(row.get("modifiedTime")), "isLogged": status == 1, "isOverdue": status == -1,
        "isCancelled": status == 2, "isEditable": true, "isAllDay": get(row, "isAllDay"),
        "isFlagged": get(row, "isFlagged"), "transcription": get(row, "transcription"), "links": {
            "activityType": id::format_value(call, Entity::ActivityTypes, int(row, "activityType")),
            "participants": participants.chain(leads).collect::<Vec<_>>(),
            "note": id::format_value(call, Entity::Notes, int(row, "logNote")),
            "creator": id::format_value(call, Entity::Users, int(row, "creator")),
        },
    })
}

fn note(call: &Call<'_>, row: &Row) -> Value {
    let markup = text(row, "note").unwrap_or_default();
    let mut shown = json!({
        "createdTime": atom_value(row.get("createdTime")), "body": plain(markup), "bodyHtml": html(markup),
        "bodyMarkup": markup, "isEditable": may_edit_note(call, row),
        "parentType": row.get("parent").map(|parent| parent["type"].clone()), "links": {
            "parent": reference(call, row.get("parent")),
            "creator": id::format_value(call, Entity::Users, int(row, "user")),
        },
    });
    if !get(row, "deletedTime").is_null() {
        shown["deletedTime"] = atom_value(row.get("deletedTime"));
    }
    shown
}

fn task(call: &Call<'_>, row: &Row) -> Value {
    json!({
        "title": get(row, "title"), "description": get(row, "description"),
        "createdTime": unix_value(row.get("createdTime")), "modifiedTime": unix_value(row.get("modifiedTime")),
        "dueTime": unix_value(row.get("dueTime")), "completedTime": unix_value(row.get("completedTime")), "links": {
            "relatedEntity": reference(call, row.get("entity")), "assignee": reference(call, row.get("assignee")),
            "creator": id::format_value(call, Entity::Users, int(row, "creator")),
        },
    })
}

fn user(call: &Call<'_>, row: &Row) -> Value {
    json!({
        "name": get(row, "name"), "firstName": get(row, "firstName"), "lastName": get(row, "lastName"),
        "modifiedTime": unix_value(row.get("modifiedTime")), "isEnabled": get(row, "isEnabled"),
        "isAdministrator": get(row, "isAdministrator"), "isViewingRestricted": flag(row, "isViewingRestricted"),
        "permissions": get(row, "permissions"), "emails": get(row, "emails"),
        "avatarUrl": format!("{}/avatar/{}", call.base, int(row, "id").unwrap_or(0)),
    })
}

/// The values of a record's custom fields.
pub(super) fn field_values(call: &Call<'_>, entity: Entity, row: &Row) -> Vec<Value> {
    let values = fields::read_all(call, entity, row);
    let shown = |field: &Row| {
        let mut shown = attribute(call, field);
        let name = text(field, "name").unwrap_or_default();
        shown["value"] = match values.get(name) {
            None => Value::Null,
            Some(Value::String(value)) => value.clone().into(),
            Some(Value::Object(money)) => money.get("amount").map(|amount| amount.to_string().replace('"', "")).into(),
            Some(Value::Array(chosen)) => chosen.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into(),
            Some(other) => other.to_string().into(),
        };
        shown
    };
    fields::defined(call, entity).map(shown).collect()
}

/// A custom field as REST describes it.
pub(super) fn attribute(call: &Call<'_>, field: &Row) -> Value {
    let kind = text(field, "type").unwrap_or_default();
    let mut shown = json!({
        "id": id::format_value(call, Entity::CustomFields, int(field, "id")), "title": get(field, "name"),
        "name": get(field, "name"), "type": fields::read_type(kind),
    });
    if kind == "Enum" {
        shown["choices"] = get(field, "choices");
        shown["isMultiple"] = get(field, "isMultiple");
    }
    shown
}
