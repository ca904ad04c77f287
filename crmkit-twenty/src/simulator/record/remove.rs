//! Records into the trash, out of it, and gone for good with what hangs on them.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::schema::{Object, OnDelete};
use super::super::store::Row;
use super::super::table::{id_of, is_deleted};
use super::filter::Filter;
use super::page::{everything_matching, matching};

fn checked(call: &Call<'_>, object: &Object, found: Vec<Arc<Row>>) -> Result<Vec<Arc<Row>>, Failure> {
    call.may_write(object)?;
    let max = call.switches.delete_max;
    if max > 0 && found.len() > max {
        return Err(Failure::bad(format!("Maximum number of records to delete is {max}.")));
    }
    Ok(found)
}

/// Destroys one record, in the trash or not.
pub(in super::super) fn destroy_one(call: &mut Call<'_>, object: &Object, id: Uuid) -> Result<Arc<Row>, Failure> {
    let found = call.store.table(&object.id).get(id).cloned().into_iter().collect();
    let found = checked(call, object, found)?.pop().ok_or_else(Failure::record_not_found)?;
    destroy(call, object, id);
    Ok(found)
}

/// Destroys what a filter finds, in the trash or not.
pub(in super::super) fn destroy_many(
    call: &mut Call<'_>,
    object: &Object,
    filter: &Filter,
) -> Result<Vec<Arc<Row>>, Failure> {
    let found = checked(call, object, everything_matching(call.store, object, filter))?;
    found.iter().filter_map(|row| id_of(row)).for_each(|id| destroy(call, object, id));
    Ok(found)
}

/// Takes a row away: what points at it loses the pointer or goes with it.
fn destroy(call: &mut Call<'_>, object: &Object, id: Uuid) {
    if call.store.table(&object.id).get(id).is_none() {
        return;
    }
    call.store.remove_row(&object.id, id);
    let pointing: Vec<(Arc<Object>, String, OnDelete)> = call
        .store
        .objects()
        .flat_map(|holder| holder.fields.iter().map(move |field| (holder, field)))
        .filter(|(_, field)| field.target.as_ref().is_some_and(|target| target.object == object.id))
        .filter_map(|(holder, field)| Some((holder.clone(), field.join_column()?.to_owned(), field.on_delete())))
        .collect();
    for (holder, column, on_delete) in pointing {
        let rows: Vec<Uuid> = call.store.table(&holder.id).linked(&column, id).collect();
        for row in rows {
            match on_delete {
                OnDelete::Cascade => destroy(call, &holder, row),
                OnDelete::SetNull => {
                    let Some(held) = call.store.table(&holder.id).get(row) else { continue };
                    let mut held = (**held).clone();
                    held.insert(column.clone(), Value::Null);
                    call.store.put_row(&holder.id, held);
                }
            }
        }
    }
}

/// Moves a record into the trash, or out of it, and the targets of a task or note with it.
fn mark(call: &mut Call<'_>, object: &Object, id: Uuid, deleted: bool) -> Option<Arc<Row>> {
    let old = call.store.table(&object.id).get(id)?.clone();
    let was = old.get("deletedAt").cloned().unwrap_or_default();
    let moment = if deleted { call.timestamp().into() } else { Value::Null };
    let mut row = (*old).clone();
    row.insert("deletedAt".into(), moment);
    row.insert("updatedAt".into(), call.timestamp().into());
    call.store.put_row(&object.id, row);
    let targets = match object.name_singular.as_str() {
        "task" => Some(("taskTarget", "taskId")),
        "note" => Some(("noteTarget", "noteId")),
        _ => None,
    };
    if let Some((name, column)) = targets.filter(|_| deleted || call.switches.restores_targets)
        && let Some(holder) = call.store.by_singular(name)
    {
        let rows: Vec<Uuid> = call.store.table(&holder.id).linked(column, id).collect();
        for row in rows {
            let held = call.store.table(&holder.id).get(row).cloned();
            // Only what went into the trash together comes back together.
            let together = held.is_some_and(|held| match deleted {
                true => !is_deleted(&held),
                false => held.get("deletedAt") == Some(&was),
            });
            if together {
                mark(call, &holder, row, deleted);
            }
        }
    }
    call.store.table(&object.id).get(id).cloned()
}

/// Moves one record into the trash.
pub(in super::super) fn soft_delete_one(call: &mut Call<'_>, object: &Object, id: Uuid) -> Result<Arc<Row>, Failure> {
    let found = call.store.table(&object.id).get(id).filter(|row| !is_deleted(row)).cloned();
    checked(call, object, found.into_iter().collect())?.pop().ok_or_else(Failure::record_not_found)?;
    mark(call, object, id, true).ok_or_else(Failure::record_not_found)
}

/// Moves what a filter finds into the trash.
pub(in super::super) fn soft_delete_many(
    call: &mut Call<'_>,
    object: &Object,
    filter: &Filter,
) -> Result<Vec<Arc<Row>>, Failure> {
    let found = checked(call, object, matching(call.store, object, Some(filter)))?;
    Ok(found.iter().filter_map(|row| id_of(row)).filter_map(|id| mark(call, object, id, true)).collect())
}

/// Takes one record out of the trash.
pub(in super::super) fn restore_one(call: &mut Call<'_>, object: &Object, id: Uuid) -> Result<Arc<Row>, Failure> {
    let found = call.store.table(&object.id).get(id).filter(|row| is_deleted(row)).cloned();
    checked(call, object, found.into_iter().collect())?.pop().ok_or_else(Failure::record_not_found)?;
    mark(call, object, id, false).ok_or_else(Failure::record_not_found)
}

/// Takes what a filter finds out of the trash.
pub(in super::super) fn restore_many(
    call: &mut Call<'_>,
    object: &Object,
    filter: &Filter,
) -> Result<Vec<Arc<Row>>, Failure> {
    let found = checked(call, object, everything_matching(call.store, object, filter))?;
    let trashed = found.iter().filter(|row| is_deleted(row)).filter_map(|row| id_of(row)).collect::<Vec<_>>();
    Ok(trashed.into_iter().filter_map(|id| mark(call, object, id, false)).collect())
}
