//! New records, one or many, and upserts: all of a batch or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::schema::Object;
use super::super::store::Row;
use super::super::table::unique_key;
use super::update::{Patch, actor, apply, check_links, check_unique, place};

/// Creates (or upserts) one record.
pub(in super::super) fn create_one(
    call: &mut Call<'_>,
    object: &Object,
    input: &Value,
    upsert: bool,
) -> Result<Arc<Row>, Failure> {
    let created = create_many(call, object, std::slice::from_ref(input), upsert)?;
    created.into_iter().next().ok_or_else(Failure::record_not_found)
}

/// Creates (or upserts) records, in the order given.
pub(in super::super) fn create_many(
    call: &mut Call<'_>,
    object: &Object,
    inputs: &[Value],
    upsert: bool,
) -> Result<Vec<Arc<Row>>, Failure> {
    call.may_write(object)?;
    let max = call.switches.batch_max;
    if inputs.len() > max {
        return Err(Failure::bad(format!("Maximum number of records to upsert is {max}.")));
    }
    call.atomically(|call| {
        let mut patches = Vec::with_capacity(inputs.len());
        for input in inputs {
            patches.push(Patch::read(call, object, input)?);
        }
        // What is there already is asked before anything of this batch is written: two new records with the same key collide.
        let mut hits = Vec::with_capacity(patches.len());
        for patch in &patches {
            hits.push(if upsert { holder(call, object, patch)? } else { None });
        }
        let mut ids = Vec::with_capacity(patches.len());
        for (patch, hit) in patches.into_iter().zip(hits) {
            ids.push(match hit {
                Some(id) => revive(call, object, id, patch)?,
                None => insert(call, object, patch)?,
            });
        }
        let table = |id: &Uuid| call.store.table(&object.id).get(*id).cloned();
        let rows: Vec<Arc<Row>> = ids.iter().filter_map(table).collect();
        for row in &rows {
            check_links(call, object, row)?;
        }
        Ok(rows)
    })
}

/// The one record, deleted or not, that has the id or a unique value of a patch.
fn holder(call: &Call<'_>, object: &Object, patch: &Patch) -> Result<Option<Uuid>, Failure> {
    let table = call.store.table(&object.id);
    let mut hits: BTreeSet<Uuid> = BTreeSet::new();
    let mut names = Vec::new();
    if let Some(id) = patch.id.filter(|id| table.get(*id).is_some()) {
        hits.insert(id);
        names.push("id");
    }
    for field in object.fields.iter().filter(|field| field.is_active && field.is_unique && field.name != "id") {
        if let Some(key) = unique_key(field, &patch.columns) {
            let before = hits.len();
            hits.extend(table.holders(&field.name, &key));
            if hits.len() > before {
                names.push(&field.name);
            }
        }
    }
    if hits.len() > 1 {
        return Err(Failure::bad(format!(
            "Multiple records found with the same unique field values for {}. Cannot determine which record to update.",
            names.join(", ")
        )));
    }
    Ok(hits.pop_first())
}

/// Updates the record that an upsert hit, and takes it out of the trash.
fn revive(call: &mut Call<'_>, object: &Object, id: Uuid, mut patch: Patch) -> Result<Uuid, Failure> {
    patch.columns.remove("createdBy");
    patch.columns.insert("deletedAt".into(), Value::Null);
    let old = call.store.table(&object.id).get(id).cloned().ok_or_else(Failure::record_not_found)?;
    apply(call, object, &old, patch)?;
    Ok(id)
}

fn insert(call: &mut Call<'_>, object: &Object, mut patch: Patch) -> Result<Uuid, Failure> {
    if !call.switches.updated_by_writable {
        patch.columns.remove("updatedBy");
    }
    let id = match patch.id {
        Some(id) => id,
        None => Uuid::try_parse(&call.store.new_id()).map_err(|error| Failure::internal(500, error.to_string()))?,
    };
    if call.store.table(&object.id).get(id).is_some() {
        return Err(Failure::duplicate(&object.name_singular, Some(&id.to_string())));
    }
    let mut row = Row::new();
    for field in object.fields.iter().filter(|field| field.is_active && !field.is_relation()) {
        let default = match field.default() {
            Value::String(function) if function == "now" => call.timestamp().into(),
            Value::String(function) if function == "uuid" => call.store.new_id().into(),
            default => default,
        };
        if !default.is_null() {
            row.insert(field.name.clone(), default);
        }
    }
    let by = actor(call.key);
    row.insert("id".into(), id.to_string().into());
    for column in ["createdBy", "updatedBy"] {
        // An author with a name is taken as given, one without gets the key's name.
        let named = patch.columns.get(column).is_some_and(|given| given["name"].is_string());
        let blank = || json!({ "source": "MANUAL", "workspaceMemberId": null, "name": null, "context": null });
        row.insert(column.into(), if named { blank() } else { by.clone() });
    }
    row.insert("position".into(), json!("first"));
    patch.write(call, object, &mut row)?;
    place(call, object, &mut row);
    for field in object.fields.iter().filter(|field| field.is_active && !field.is_nullable) {
        // Texts and composites that must be there are empty instead.
        let enumerated = matches!(row.get(&field.name), None | Some(Value::Null)) && field.options.is_array();
        if enumerated {
            return Err(null_in(object, &field.name));
        }
    }
    check_unique(call, object, &row, id)?;
    call.store.put_row(&object.id, row);
    Ok(id)
}

/// Null where the database wants a value.
pub(super) fn null_in(object: &Object, column: &str) -> Failure {
    Failure::bad(format!(
        "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
        object.table_name()
    ))
}
