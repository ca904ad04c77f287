//! Changes to records, and what creating shares with them.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::files;
use super::super::schema::{FieldKind, Object};
use super::super::store::Row;
use super::super::table::{is_deleted, unique_key, uuid_at};
use super::super::workspace::Key;
use super::filter::Filter;
use super::page::matching;
use super::{connect, create, value};

/// What a body says, in the form in which it is stored; composites hold the given columns only.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) id: Option<Uuid>,
    pub(super) columns: Row,
    files: Vec<(String, Value)>,
}

impl Call<'_> {
    /// Refuses writes that the role does not allow.
    pub(super) fn may_write(&self, object: &Object) -> Result<(), Failure> {
        let members = object.name_singular == "workspaceMember";
        if members || !self.key.write { Err(Failure::permission(400)) } else { Ok(()) }
    }
}

impl Patch {
    pub(super) fn read(call: &mut Call<'_>, object: &Object, input: &Value) -> Result<Self, Failure> {
        let Value::Object(input) = input else {
            return Err(Failure::bad("Request body must be an object"));
        };
        let mut patch = Self { id: None, columns: Row::new(), files: Vec::new() };
        for (key, given) in input {
            if key == "id" {
                if given.is_null() {
                    continue;
                }
                let id = given.as_str().and_then(|text| Uuid::try_parse(text).ok());
                let shown = || given.as_str().map_or_else(|| given.to_string(), str::to_owned);
                let wrong =
                    || Failure::coded("INVALID_QUERY_INPUT", format!("Value \"{}\" is not a valid UUID", shown()));
                patch.id = Some(id.ok_or_else(wrong)?);
                continue;
            }
            if let Some(relation) = object.joined(key) {
                if input.get(&relation.name).is_some_and(Value::is_object) {
                    return Err(Failure::bad(format!("{} and {key} cannot be both provided.", relation.name)));
                }
                let id = if given.is_null() { Some(Value::Null) } else { value::uuid_text(given).map(Value::from) };
                let shown = super::super::failure::inspect(given);
                let wrong = || Failure::bad(format!("Invalid UUID value {shown} for field \"{key}\""));
                patch.columns.insert(key.clone(), id.ok_or_else(wrong)?);
                continue;
            }
            let field = object.field(key).ok_or_else(|| object.unknown_field(key))?.clone();
            if field.is_to_many() {
                let message = format!("One-to-many relation {key} field does not support write operations.");
                return Err(Failure::bad(message));
            }
            match (field.join_column(), field.kind) {
                (Some(column), _) => {
                    let target = connect::resolve(call, &field, given)?;
                    patch.columns.insert(column.to_owned(), target);
                }
                (None, FieldKind::TsVector) => {}
                (None, FieldKind::Files) => patch.files.push((key.clone(), given.clone())),
                (None, _) => {
                    let stored = value::normalise(&field, given, call.store)?;
                    patch.columns.insert(key.clone(), stored);
                }
            }
        }
        Ok(patch)
    }

    /// Writes the patch into a row, composites column by column.
    pub(super) fn write(self, call: &mut Call<'_>, object: &Object, row: &mut Row) -> Result<(), Failure> {
        for (key, given) in self.columns {
            let field = object.field(&key);
            let enumerated = field.is_some_and(|field| !field.is_nullable && field.options.is_array());
            if given.is_null() && enumerated {
                return Err(create::null_in(object, &key));
            }
            match (row.get_mut(&key), given) {
                (Some(Value::Object(held)), Value::Object(given))
                    if field.is_some_and(|field| !field.kind.parts().is_empty()) =>
                {
                    held.extend(given);
                }
                (_, Value::Null) if matches!(key.as_str(), "createdBy" | "updatedBy" | "createdAt" | "updatedAt") => {}
                (_, given) => drop(row.insert(key, given)),
            }
        }
        let id = row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (key, given) in self.files {
            let Some(field) = object.field(&key) else { continue };
            let held = row.get(&key).cloned().unwrap_or_default();
            let attached = files::attach(call, field, &id, &given, &held)?;
            row.insert(key, attached);
        }
        Ok(())
    }
}

/// Who a key writes as.
pub(super) fn actor(key: &Key) -> Value {
    json!({ "source": "API", "workspaceMemberId": null, "name": key.name, "context": {} })
}

/// Turns `first` and `last` into a number.
pub(super) fn place(call: &Call<'_>, object: &Object, row: &mut Row) {
    let table = call.store.table(&object.id);
    let number = match row.get("position") {
        Some(Value::String(place)) if place == "last" => table.last_position() + 1.0,
        Some(Value::String(_)) => table.first_position() - 1.0,
        _ => return,
    };
    // Written as a whole number, as the vendor does.
    let position = value::whole(number).map_or(Value::Null, Value::Number);
    row.insert("position".into(), position);
}

/// Refuses a row whose unique values another row holds, deleted or not.
pub(super) fn check_unique(call: &Call<'_>, object: &Object, row: &Row, id: Uuid) -> Result<(), Failure> {
    let table = call.store.table(&object.id);
    for field in object.fields.iter().filter(|field| field.is_unique && field.name != "id") {
        if let Some(key) = unique_key(field, row)
            && let Some(other) = table.holders(&field.name, &key).find(|holder| *holder != id)
        {
            return Err(Failure::duplicate(&object.name_singular, Some(&other.to_string())));
        }
    }
    Ok(())
}

/// Refuses a row that points at nothing. What is soft-deleted is still something.
pub(super) fn check_links(call: &Call<'_>, object: &Object, row: &Row) -> Result<(), Failure> {
    for field in object.fields.iter() {
        let (Some(column), Some(target)) = (field.join_column(), &field.target) else { continue };
        if let Some(id) = uuid_at(row, column)
            && call.store.table(&target.object).get(id).is_none()
        {
            let name = field.id.replace('-', "");
            return Err(Failure::bad(format!(
                "insert or update on table \"{}\" violates foreign key constraint \"FK_{}\"",
                object.table_name(),
                &name[..27.min(name.len())]
            )));
        }
    }
    Ok(())
}

/// Applies a patch to a stored row.
pub(super) fn apply(call: &mut Call<'_>, object: &Object, old: &Row, mut patch: Patch) -> Result<Arc<Row>, Failure> {
    let id = super::super::table::id_of(old).ok_or_else(Failure::record_not_found)?;
    let mut row: Map<String, Value> = old.clone();
    let given = |key: &str| patch.columns.get(key).is_some_and(|value| !value.is_null());
    if !given("updatedAt") {
        row.insert("updatedAt".into(), call.timestamp().into());
    }
    if !(given("updatedBy") && call.switches.updated_by_writable) {
        patch.columns.remove("updatedBy");
        row.insert("updatedBy".into(), actor(call.key));
    }
    patch.write(call, object, &mut row)?;
    place(call, object, &mut row);
    check_unique(call, object, &row, id)?;
    call.store.put_row(&object.id, row);
    call.store.table(&object.id).get(id).cloned().ok_or_else(Failure::record_not_found)
}

/// Changes one record that is not deleted.
pub(in super::super) fn update_one(
    call: &mut Call<'_>,
    object: &Object,
    id: Uuid,
    input: &Value,
) -> Result<Arc<Row>, Failure> {
    call.may_write(object)?;
    let old = call.store.table(&object.id).get(id).filter(|row| !is_deleted(row)).cloned();
    let old = old.ok_or_else(Failure::record_not_found)?;
    call.atomically(|call| {
        let patch = Patch::read(call, object, input)?;
        let row = apply(call, object, &old, patch)?;
        check_links(call, object, &row)?;
        Ok(row)
    })
}

/// Changes all records that a filter finds in the same way.
pub(in super::super) fn update_many(
    call: &mut Call<'_>,
    object: &Object,
    filter: &Filter,
    input: &Value,
) -> Result<Vec<Arc<Row>>, Failure> {
    call.may_write(object)?;
    call.atomically(|call| {
        let patch = Patch::read(call, object, input)?;
        let found = matching(call.store, object, Some(filter));
        let mut changed = Vec::with_capacity(found.len());
        for old in found {
            let row = apply(call, object, &old, patch.clone())?;
            check_links(call, object, &row)?;
            changed.push(row);
        }
        Ok(changed)
    })
}
