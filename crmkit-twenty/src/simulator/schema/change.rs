//! Changes to objects and fields that exist, and what becomes of the records meanwhile.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::store::Row;
use super::create_field::{name_fault, setting_faults};
use super::create_object::check_names;
use super::faults::Faults;
use super::{Field, FieldKind, Object, options};

fn refused(kind: &str, change: &str, name: &str, code: &str, message: &str) -> Failure {
    let mut faults = Faults::default();
    faults.add(kind, change, name, code, message);
    let noun = if kind == "objectMetadata" { "object" } else { "field" };
    let doing = if change == "delete" { format!("deleting {noun}") } else { format!("updating {noun}") };
    faults.check(&doing).err().unwrap_or_else(|| Failure::bad(message))
}

/// Changes what may be changed of an object.
pub(in super::super) fn update_object(call: &mut Call<'_>, id: &str, update: &Value) -> Result<Object, Failure> {
    let missing = || Failure::metadata_not_found("OBJECT_METADATA_NOT_FOUND", "Object metadata not found");
    let mut object = (*call.store.object(id).ok_or_else(missing)?).clone();
    let text = |key: &str, now: &str| update[key].as_str().map_or_else(|| now.to_owned(), str::to_owned);
    let (singular, plural) = (text("nameSingular", &object.name_singular), text("namePlural", &object.name_plural));
    if singular != object.name_singular || plural != object.name_plural {
        if !object.is_custom() {
            let message = "Standard objects cannot be renamed";
            return Err(refused("objectMetadata", "update", &object.name_singular, "INVALID_OBJECT_INPUT", message));
        }
        check_names(call, &singular, &plural, Some(id))?;
        (object.name_singular, object.name_plural) = (singular, plural);
    }
    object.label_singular = text("labelSingular", &object.label_singular);
    object.label_plural = text("labelPlural", &object.label_plural);
    for (key, place) in [
        ("description", &mut object.description),
        ("icon", &mut object.icon),
        ("color", &mut object.color),
        ("shortcut", &mut object.shortcut),
        ("labelIdentifierFieldMetadataId", &mut object.label_identifier_field_metadata_id),
        ("imageIdentifierFieldMetadataId", &mut object.image_identifier_field_metadata_id),
    ] {
        if let Some(value) = update.get(key) {
            *place = value.as_str().map(str::to_owned);
        }
    }
    for (key, place) in [
        ("isActive", &mut object.is_active),
        ("isSearchable", &mut object.is_searchable),
        ("isLabelSyncedWithName", &mut object.is_label_synced_with_name),
    ] {
        *place = update[key].as_bool().unwrap_or(*place);
    }
    object.updated_at = call.timestamp();
    call.store.put_object(object.clone());
    Ok(object)
}

/// Deletes an object with its records and all relations to it.
pub(in super::super) fn delete_object(call: &mut Call<'_>, id: &str) -> Result<Object, Failure> {
    let missing = || Failure::metadata_not_found("ENTITY_NOT_FOUND", "Could not find flat entity in maps");
    let object = (*call.store.object(id).ok_or_else(missing)?).clone();
    if !object.is_custom() {
        let (code, message) = ("FIELD_MUTATION_NOT_ALLOWED", "System fields cannot be deleted");
        return Err(refused("fieldMetadata", "delete", &object.name_singular, code, message));
    }
    for field in &object.fields {
        drop_inverse(call, field);
    }
    for row in call.store.table(&object.id).ids() {
        call.store.remove_row(&object.id, row);
    }
    call.store.drop_object(&object.id);
    Ok(object)
}

/// Deletes a field with its values, of a relation both sides.
pub(in super::super) fn delete_field(call: &mut Call<'_>, id: &str) -> Result<Field, Failure> {
    let missing = || Failure::metadata_not_found("FIELD_METADATA_NOT_FOUND", "Field to delete not found");
    let (object, field) = call.store.field(id).ok_or_else(missing)?;
    if field.is_system || field.application_id == super::STANDARD_APPLICATION {
        let (code, message) = ("FIELD_MUTATION_NOT_ALLOWED", "System fields cannot be deleted");
        return Err(refused("fieldMetadata", "delete", &field.name, code, message));
    }
    drop_inverse(call, &field);
    drop_field(call, &object.id, &field);
    Ok(field)
}

fn drop_inverse(call: &mut Call<'_>, field: &Field) {
    if let Some(target) = &field.target
        && let Some((holder, inverse)) = call.store.field(&target.field)
    {
        drop_field(call, &holder.id, &inverse);
    }
}

fn drop_field(call: &mut Call<'_>, object: &str, field: &Field) {
    let Some(object) = call.store.object(object) else { return };
    let column = field.join_column().unwrap_or(&field.name).to_owned();
    rewrite(call, &object.id, |row| row.remove(&column).is_some());
    let mut object = (*object).clone();
    object.fields.retain(|kept| kept.id != field.id);
    call.store.put_object(object);
}

/// Changes the stored rows of an object where `change` says that it did.
fn rewrite(call: &mut Call<'_>, object: &str, change: impl Fn(&mut Row) -> bool) {
    for id in call.store.table(object).ids() {
        let Some(row) = call.store.table(object).get(id) else { continue };
        let mut row = (**row).clone();
        if change(&mut row) {
            call.store.put_row(object, row);
        }
    }
}

/// Changes what may be changed of a field; a type is ignored in silence.
pub(in super::super) fn update_field(call: &mut Call<'_>, id: &str, update: &Value) -> Result<Field, Failure> {
    let missing = || Failure::metadata_not_found("FIELD_METADATA_NOT_FOUND", "Field metadata not found");
    let (object, old) = call.store.field(id).ok_or_else(missing)?;
    let mut field = old.clone();
    let mut faults = Faults::default();
    let mut add = |code: &str, message: &str| faults.add("fieldMetadata", "update", &old.name, code, message);
    if let Some(name) = update["name"].as_str().filter(|name| *name != old.name) {
        if let Some((code, message)) = name_fault(&object, name, Some(id)) {
            add(&code, &message);
        } else if old.application_id == super::STANDARD_APPLICATION {
            add("FIELD_MUTATION_NOT_ALLOWED", "Standard fields cannot be renamed");
        }
        name.clone_into(&mut field.name);
        if let (Some(_), Value::Object(settings)) = (old.join_column(), &mut field.settings) {
            settings.insert("joinColumnName".into(), format!("{name}Id").into());
        }
    }
    if let Some(label) = update["label"].as_str() {
        label.clone_into(&mut field.label);
    }
    for (key, place) in [("description", &mut field.description), ("icon", &mut field.icon)] {
        if let Some(value) = update.get(key) {
            *place = value.as_str().map(str::to_owned);
        }
    }
    for (key, place) in [
        ("isActive", &mut field.is_active),
        ("isUnique", &mut field.is_unique),
        ("isNullable", &mut field.is_nullable),
        ("isLabelSyncedWithName", &mut field.is_label_synced_with_name),
    ] {
        *place = update[key].as_bool().unwrap_or(*place);
    }
    if let Some(default) = update.get("defaultValue") {
        field.default_value = default.clone();
    }
    if let Value::Object(given) = &update["settings"] {
        let mut settings = match &field.settings {
            Value::Object(settings) => settings.clone(),
            _ => Map::new(),
        };
        settings.extend(given.clone());
        field.settings = Value::Object(settings);
    }
    let enumerated = matches!(field.kind, FieldKind::Select | FieldKind::MultiSelect);
    if enumerated && update.get("options").is_some() {
        match options::checked(&update["options"], call.store) {
            Ok(options) => field.options = options,
            Err(messages) => messages.iter().for_each(|message| add("INVALID_FIELD_INPUT", message)),
        }
    }
    for (code, message) in setting_faults(&field) {
        add(code, &message);
    }
    faults.check("updating field")?;
    field.updated_at = call.timestamp();
    let mut changed = (*object).clone();
    changed.fields.iter_mut().filter(|kept| kept.id == field.id).for_each(|kept| kept.clone_from(&field));
    // Rows are rewritten under the old schema but indexed under the new one.
    call.store.put_object(changed);
    move_values(call, &object.id, &old, &field);
    if field.is_unique && !old.is_unique && !call.store.reindex_unique(&object.id, &field.name) {
        return Err(Failure::duplicate(&object.name_singular, None));
    }
    Ok(field)
}

/// Takes records along: renamed columns, renamed options, options that are gone.
fn move_values(call: &mut Call<'_>, object: &str, old: &Field, new: &Field) {
    let column = |field: &Field| field.join_column().unwrap_or(&field.name).to_owned();
    let (from, to) = (column(old), column(new));
    if from != to {
        rewrite(call, object, |row| row.remove(&from).is_some_and(|value| row.insert(to.clone(), value).is_none()));
    }
    if old.options == new.options {
        return;
    }
    let by_id = |id: &Value| {
        let options = new.options.as_array().into_iter().flatten();
        options.into_iter().find(|option| option["id"] == *id).map(|option| option["value"].clone())
    };
    let values: HashMap<&str, Option<Value>> = (old.options.as_array().into_iter().flatten())
        .filter_map(|option| Some((option["value"].as_str()?, by_id(&option["id"]))))
        .collect();
    let known = |value: &str| new.option_values().any(|option| option == value);
    let fate = |value: &str| match values.get(value) {
        Some(Some(renamed)) => Some(renamed.clone()),
        _ => known(value).then(|| value.into()),
    };
    let default = new.default();
    rewrite(call, object, |row| {
        let moved = match row.get(&to) {
            Some(Value::String(value)) => fate(value).unwrap_or_else(|| default.clone()),
            Some(Value::Array(held)) => {
                let kept = held.iter().filter_map(Value::as_str).filter_map(fate).collect::<Vec<_>>();
                if kept.is_empty() { default.clone() } else { Value::Array(kept) }
            }
            _ => return false,
        };
        row.insert(to.clone(), moved.clone()) != Some(moved)
    });
}
