//! A new object: its automatic fields, and what it adds to the objects that can point at anything.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::failure::Failure;
use super::faults::Faults;
use super::names;
use super::standard::{Draft, TARGET_OBJECTS, automatic_fields, inverse};
use super::{FieldKind, Object, Target, capitalised, to_one};

/// The four texts without which nothing is looked at.
const REQUIRED: [&str; 4] = ["labelPlural", "labelSingular", "namePlural", "nameSingular"];

/// Creates an object.
pub(in super::super) fn create_object(call: &mut Call<'_>, input: &Value) -> Result<Object, Failure> {
    let missing: Vec<Value> = REQUIRED
        .into_iter()
        .filter(|key| input[key].as_str().is_none_or(str::is_empty))
        .flat_map(|key| [format!("{key} should not be empty"), format!("{key} must be a string")])
        .map(Value::from)
        .collect();
    if !missing.is_empty() {
        return Err(Failure::framework(400, Value::Array(missing)));
    }
    let text = |key: &str| input[key].as_str().map(str::to_owned);
    let required = |key: &str| text(key).unwrap_or_default();
    let (singular, plural) = (required("nameSingular"), required("namePlural"));
    check_names(call, &singular, &plural, None)?;

    let (id, now, application) = (call.store.new_id(), call.timestamp(), call.store.application());
    let mut object = Object {
        universal_identifier: call.store.new_id(),
        application_id: application.clone(),
        name_singular: singular.clone(),
        name_plural: plural,
        label_singular: required("labelSingular"),
        label_plural: required("labelPlural"),
        description: text("description"),
        icon: text("icon"),
        color: text("color"),
        shortcut: text("shortcut"),
        is_active: true,
        is_system: false,
        is_searchable: true,
        is_label_synced_with_name: input["isLabelSyncedWithName"] == true,
        label_identifier_field_metadata_id: None,
        image_identifier_field_metadata_id: None,
        created_at: now.clone(),
        updated_at: now.clone(),
        fields: Vec::new(),
        id,
    };
    let mut drafts = automatic_fields();
    if input["skipNameField"] != true {
        drafts.insert(1, Draft::new(FieldKind::Text, "name", "Name"));
    }
    let fields: Vec<_> = drafts.into_iter().map(|draft| draft.build(call.store, &object, &now)).collect();
    let identifier = fields.iter().find(|field| field.name == "name").or_else(|| fields.first());
    object.label_identifier_field_metadata_id = identifier.map(|field| field.id.clone());
    object.fields = fields;

    for name in TARGET_OBJECTS {
        let Some(holder) = call.store.by_singular(name) else { continue };
        let mut holder = (*holder).clone();
        let prefix = if call.switches.plain_target_columns { String::new() } else { "target".to_owned() };
        let field_name =
            if prefix.is_empty() { singular.clone() } else { format!("{prefix}{}", capitalised(&singular)) };
        let morph = holder.fields.iter().find_map(|field| field.morph_id.clone());
        let kind = if morph.is_some() { FieldKind::MorphRelation } else { FieldKind::Relation };
        let mut column = Draft::new(kind, &field_name, &object.label_singular).build(call.store, &holder, &now);
        column.settings = to_one(&format!("{field_name}Id"), "CASCADE");
        column.morph_id = morph;
        column.application_id.clone_from(&application);
        let (many, label) = inverse(name);
        let mut back = Draft::new(FieldKind::Relation, many, label).build(call.store, &object, &now);
        back.settings = json!({ "relationType": "ONE_TO_MANY" });
        back.target = Some(Target { object: holder.id.clone(), field: column.id.clone() });
        column.target = Some(Target { object: object.id.clone(), field: back.id.clone() });
        object.fields.push(back);
        holder.fields.push(column);
        call.store.put_object(holder);
    }
    call.store.put_object(object.clone());
    Ok(object)
}

/// Refuses names that are not allowed or not free.
pub(super) fn check_names(call: &Call<'_>, singular: &str, plural: &str, own: Option<&str>) -> Result<(), Failure> {
    let mut faults = Faults::default();
    let change = if own.is_some() { "update" } else { "create" };
    let mut add = |code: &str, message: &str, value: &str| {
        faults.add_value("objectMetadata", change, singular, code, message, value.into());
    };
    for name in [singular, plural] {
        if let Some((code, message)) = names::fault(name, "OBJECT") {
            add(&code, &message, name);
        }
    }
    if singular.eq_ignore_ascii_case(plural) {
        add("INVALID_OBJECT_INPUT", "The singular and plural names cannot be the same for an object", singular);
    }
    let others = || call.store.objects().filter(|object| own != Some(object.id.as_str()));
    let taken = |name: &str| others().any(|object| object.name_singular == name || object.name_plural == name);
    if let Some(name) = [singular, plural].into_iter().find(|name| taken(name)) {
        add("OBJECT_ALREADY_EXISTS", "Object already exists", name);
    }
    // What would have belonged to the object fails with it.
    let root = faults.is_empty();
    if !root && own.is_none() {
        for draft in automatic_fields() {
            let message = "Object metadata not found";
            faults.add("fieldMetadata", "create", draft.name(), "OBJECT_METADATA_NOT_FOUND", message);
        }
        faults.add("view", "create", &format!("All {plural}"), "INVALID_VIEW_DATA", "Object metadata not found");
        faults.add("viewField", "create", "name", "INVALID_VIEW_DATA", "View not found");
    }
    faults.check(if own.is_some() { "updating object" } else { "creating object" })
}
