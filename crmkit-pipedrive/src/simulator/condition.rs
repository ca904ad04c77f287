//! Conditions of filters: what they may be, and which records they fit.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::{Answer, Row};
use super::entity::Entity;
use super::store::Store;
use super::table::{int, text};
use super::time;

const MAX_CONDITIONS: usize = 16;
const OPERATORS: [&str; 11] =
    ["=", "!=", "<", ">", "<=", ">=", "IS NULL", "IS NOT NULL", "LIKE '$%'", "LIKE '%$%'", "NOT LIKE '$%'"];

/// What a type of filter lists.
pub(super) fn listed(kind: &str) -> Option<Entity> {
    Some(match kind {
        "deals" => Entity::Deals,
        "leads" => Entity::Leads,
        "org" => Entity::Organizations,
        "people" => Entity::Persons,
        "activity" => Entity::Activities,
        "products" => Entity::Products,
        _ => return None,
    })
}

fn fields_of(object: &str) -> Option<Entity> {
    Some(match object {
        "deal" => Entity::DealFields,
        "person" => Entity::PersonFields,
        "organization" => Entity::OrganizationFields,
        "activity" => Entity::ActivityFields,
        "product" => Entity::ProductFields,
        _ => return None,
    })
}

fn wrong(message: &str) -> Answer {
    Answer::error(400, message)
}

/// The conditions as they are stored; refused unless they are one AND of an AND group and an OR group.
pub(super) fn read(store: &Store, given: &Value) -> Result<Value, Answer> {
    let groups = |value: &Value| value["conditions"].as_array().cloned();
    if given["glue"] != "and" {
        return Err(wrong("Filter conditions must be glued with and."));
    }
    let groups = groups(given).ok_or_else(|| wrong("Filter conditions must be given."))?;
    let glue = |group: &Value| group["glue"].as_str().map(str::to_owned);
    let glues: Vec<Option<String>> = groups.iter().map(glue).collect();
    if glues != [Some("and".into()), Some("or".into())] && glues != [Some("or".into()), Some("and".into())] {
        return Err(wrong("Filter conditions must be one group glued with and, one glued with or."));
    }
    let mut count = 0;
    let mut kept = Vec::new();
    for group in &groups {
        let conditions = group["conditions"].as_array().ok_or_else(|| wrong("A group must have conditions."))?;
        count += conditions.len();
        let conditions: Vec<Value> =
            conditions.iter().map(|condition| read_one(store, condition)).collect::<Result<_, _>>()?;
        kept.push(json!({ "glue": group["glue"], "conditions": conditions }));
    }
    if count > MAX_CONDITIONS {
        return Err(wrong("A filter can have at most 16 conditions."));
    }
    Ok(json!({ "glue": "and", "conditions": kept }))
}

fn read_one(store: &Store, given: &Value) -> Result<Value, Answer> {
    let object = given["object"].as_str().unwrap_or_default();
    let fields = fields_of(object).ok_or_else(|| wrong(&format!("Unknown object '{object}' in a condition.")))?;
    let id = given["field_id"].as_i64().or_else(|| given["field_id"].as_str()?.parse().ok());
    let field = id.and_then(|id| store.table(fields).live(id));
    let field = field.ok_or_else(|| wrong(&format!("Unknown field_id {} in a condition.", given["field_id"])))?;
    let operator = given["operator"].as_str().unwrap_or_default();
    if !OPERATORS.contains(&operator) {
        return Err(wrong(&format!("Unknown operator '{operator}' in a condition.")));
    }
    let value = match &given["value"] {
        Value::Null => Value::Null,
        Value::String(text) => text.clone().into(),
        other => other.to_string().into(),
    };
    let nulls = operator.ends_with("NULL");
    if !nulls && value.is_null() {
        return Err(wrong("A condition must have a value."));
    }
    let is_date = text(&field.row, "field_type") == Some("date");
    if !nulls && is_date && !value.as_str().is_some_and(time::is_date) {
        return Err(wrong("A date in a condition must be given as YYYY-MM-DD."));
    }
    Ok(json!({
        "object": object, "field_id": id.unwrap_or_default().to_string(), "operator": operator, "value": value,
        "extra_value": given["extra_value"], "json_value_flag": false, "field_code": field.row["field_code"],
    }))
}

/// The places of the live records of a kind that a filter fits; `None` if there is no such filter.
pub(super) fn matching(store: &Store, filter: i64, entity: Entity) -> Option<BTreeSet<i64>> {
    let filter = &store.table(Entity::Filters).live(filter)?.row;
    if listed(text(filter, "type")?) != Some(entity) {
        return None;
    }
    let groups = filter["conditions"]["conditions"].as_array()?;
    let fits = |row: &Row| {
        groups.iter().all(|group| {
            let conditions = group["conditions"].as_array().map_or(&[][..], Vec::as_slice);
            let mut results = conditions.iter().map(|condition| holds(store, entity, row, condition));
            match group["glue"] == "or" {
                true => conditions.is_empty() || results.any(|held| held),
                false => results.all(|held| held),
            }
        })
    };
    Some(store.table(entity).all_live().filter(|(_, stored)| fits(&stored.row)).map(|(place, _)| place).collect())
}

/// The record that a condition speaks of: the listed one, or one that it is linked to.
fn subject<'s>(store: &'s Store, entity: Entity, row: &'s Row, object: &str) -> Option<&'s Row> {
    let own = entity.singular() == object || (entity == Entity::Leads && object == "deal");
    if own {
        return Some(row);
    }
    let (key, other) = match object {
        "person" => ("person_id", Entity::Persons),
        "organization" if entity == Entity::Leads => ("organization_id", Entity::Organizations),
        "organization" => ("org_id", Entity::Organizations),
        "deal" => ("deal_id", Entity::Deals),
        _ => return None,
    };
    store.table(other).live(int(row, key)?).map(|stored| &stored.row)
}

/// What of a value is compared.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => members.get("value").and_then(plain),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().filter_map(plain).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}

fn compare(left: &str, right: &str) -> Ordering {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        // A date stands for its whole day.
        _ if time::is_date(right) => left.get(..10).unwrap_or(left).cmp(right),
        _ => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

fn holds(store: &Store, entity: Entity, row: &Row, condition: &Value) -> bool {
    let code = condition["field_code"].as_str().unwrap_or_default();
    let subject = subject(store, entity, row, condition["object"].as_str().unwrap_or_default());
    let stored = subject.and_then(|row| row.get(code).or_else(|| row.get("custom_fields")?.get(code)));
    let found = stored.and_then(plain);
    let wanted = condition["value"].as_str().unwrap_or_default();
    let order = found.as_deref().map(|found| compare(found, wanted));
    let lower = |text: &str| text.to_lowercase();
    let in_list = |found: &str| stored.is_some_and(Value::is_array) && found.split(',').any(|one| one == wanted);
    match (condition["operator"].as_str().unwrap_or_default(), found.as_deref()) {
        ("IS NULL", found) => found.is_none(),
        ("IS NOT NULL", found) => found.is_some(),
        ("!=", found) => order != Some(Ordering::Equal) && !found.is_some_and(in_list),
        ("NOT LIKE '$%'", found) => !found.is_some_and(|found| lower(found).starts_with(&lower(wanted))),
        (_, None) => false,
        ("=", Some(found)) => order == Some(Ordering::Equal) || in_list(found),
        ("<", _) => order == Some(Ordering::Less),
        (">", _) => order == Some(Ordering::Greater),
        ("<=", _) => order != Some(Ordering::Greater),
        (">=", _) => order != Some(Ordering::Less),
        ("LIKE '$%'", Some(found)) => lower(found).starts_with(&lower(wanted)),
        (_, Some(found)) => lower(found).contains(&lower(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_what_they_are() {
        assert_eq!(compare("9", "10"), Ordering::Less);
        assert_eq!(compare("2024-01-01T09:00:00Z", "2024-01-01"), Ordering::Equal);
        assert_eq!(compare("acme", "ACME"), Ordering::Equal);
        assert_eq!(plain(&json!({"value": 5, "currency": "EUR"})).as_deref(), Some("5"));
        assert_eq!(plain(&json!([])), None);
    }
}
