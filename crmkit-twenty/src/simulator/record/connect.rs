//! Relations by a unique value of their target, instead of by id.

use serde_json::Value;

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::schema::{Field, capitalised};
use super::super::table::unique_key;
use super::value;

/// The id that `{"connect": ...}` leads to; null for `{"disconnect": true}`.
pub(super) fn resolve(call: &mut Call<'_>, field: &Field, given: &Value) -> Result<Value, Failure> {
    let name = &field.name;
    let operation = || Failure::bad(format!("Relation \"{name}\" requires connect or disconnect operation"));
    if given["disconnect"] == true {
        return Ok(Value::Null);
    }
    let wanted = given["connect"]["where"].as_object().filter(|wanted| !wanted.is_empty()).ok_or_else(operation)?;
    let target = field.target.as_ref().and_then(|target| call.store.object(&target.object)).ok_or_else(operation)?;
    let mut found: Option<Vec<String>> = None;
    let mut shown = Vec::new();
    for (key, condition) in wanted {
        let unique = target.field(key).filter(|field| field.is_unique).cloned();
        let unique = unique.ok_or_else(|| {
            Failure::bad(format!(
                "Missing required fields: at least one unique constraint have to be fully populated for '{name}'"
            ))
        })?;
        let stored = value::normalise(&unique, condition, call.store)?;
        match condition {
            Value::Object(parts) => {
                shown.extend(parts.iter().map(|(part, value)| {
                    format!("{key}{} = {}", capitalised(part), value.as_str().unwrap_or_default())
                }))
            }
            other => shown.push(format!("{key} = {}", other.as_str().unwrap_or_default())),
        }
        let table = call.store.table(&target.id);
        let hits: Vec<String> = if key == "id" {
            let id = super::super::table::uuid_at(&std::iter::once((key.clone(), stored)).collect(), key);
            id.filter(|id| table.get(*id).is_some()).map(|id| id.to_string()).into_iter().collect()
        } else {
            let row = std::iter::once((key.clone(), stored)).collect();
            let holders = unique_key(&unique, &row).map(|key| table.holders(&unique.name, &key).collect::<Vec<_>>());
            let live = |id: &uuid::Uuid| table.get(*id).is_some_and(|row| !super::super::table::is_deleted(row));
            holders.unwrap_or_default().into_iter().filter(live).map(|id| id.to_string()).collect()
        };
        found = Some(match found {
            None => hits,
            Some(known) => known.into_iter().filter(|id| hits.contains(id)).collect(),
        });
    }
    match found.as_deref() {
        Some([id]) => Ok(id.as_str().into()),
        found => Err(Failure::bad(format!(
            "Expected 1 record to connect to {name}, but found {} for {}",
            found.map_or(0, <[_]>::len),
            shown.join(" and ")
        ))),
    }
}
