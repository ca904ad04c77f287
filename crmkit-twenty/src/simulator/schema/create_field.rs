//! A new field, and what the vendor refuses about it.

use serde_json::Value;

use super::super::call::Call;
use super::super::failure::Failure;
use super::faults::Faults;
use super::standard::Draft;
use super::{Field, FieldKind, Object, capitalised, default_value, names, options, relation};

/// Creates a field.
pub(in super::super) fn create_field(call: &mut Call<'_>, input: &Value) -> Result<Field, Failure> {
    let kind = check_form(input)?;
    let text = |key: &str| input[key].as_str().map(str::to_owned);
    let (name, label) = (text("name").unwrap_or_default(), text("label").unwrap_or_default());
    let object = call.store.object(input["objectMetadataId"].as_str().unwrap_or_default());
    let mut faults = Faults::default();
    let Some(object) = object else {
        faults.add("fieldMetadata", "create", &name, "OBJECT_METADATA_NOT_FOUND", "Object metadata not found");
        return Err(faults.check("creating field").err().unwrap_or_else(|| Failure::bad("Object metadata not found")));
    };
    let mut add = |code: &str, message: &str| faults.add("fieldMetadata", "create", &name, code, message);
    if let Some((code, message)) = name_fault(&object, &name, None) {
        add(&code, &message);
    }
    match kind {
        FieldKind::Numeric => add(
            "UNCOVERED_FIELD_METADATA_TYPE_VALIDATION",
            "Field type NUMERIC is not supported for field creation. Use NUMBER instead.",
        ),
        FieldKind::Position | FieldKind::TsVector => {
            add("INVALID_FIELD_INPUT", &format!("Field type {} is not supported for field creation.", kind.name()));
        }
        _ => {}
    }
    let mut made_options = Value::Null;
    match kind {
        FieldKind::Select | FieldKind::MultiSelect => match options::checked(&input["options"], call.store) {
            Ok(options) => made_options = options,
            Err(messages) => messages.iter().for_each(|message| add("INVALID_FIELD_INPUT", message)),
        },
        FieldKind::Rating => made_options = options::ratings(call.store),
        _ => {}
    }
    let (now, application) = (call.timestamp(), call.store.application());
    let mut field = Draft::new(kind, &name, &label).build(call.store, &object, &now);
    field.application_id = application;
    field.description = text("description");
    field.icon = text("icon");
    field.is_nullable = input["isNullable"] != false;
    field.is_unique = input["isUnique"] == true;
    field.is_label_synced_with_name = input["isLabelSyncedWithName"] == true;
    field.settings = input["settings"].clone();
    field.default_value = input["defaultValue"].clone();
    field.options = made_options;
    for (code, message) in setting_faults(&field) {
        add(code, &message);
    }
    faults.check("creating field")?;
    match kind {
        FieldKind::Relation => relation::create(call, &object, field, input),
        FieldKind::MorphRelation => relation::create_morph(call, &object, field, input),
        _ => {
            let mut object = (*object).clone();
            object.fields.push(field.clone());
            call.store.put_object(object);
            Ok(field)
        }
    }
}

/// What the framework refuses before anything is looked up.
fn check_form(input: &Value) -> Result<FieldKind, Failure> {
    let mut faults: Vec<Value> = Vec::new();
    let kind = input["type"].as_str().and_then(FieldKind::named);
    if kind.is_none() {
        let values = FieldKind::ALL.map(FieldKind::name).join(", ");
        faults.push(format!("type must be one of the following values: {values}").into());
    }
    for key in ["name", "label"] {
        if input[key].as_str().is_none_or(str::is_empty) {
            faults.push(format!("{key} should not be empty").into());
            faults.push(format!("{key} must be a string").into());
        }
    }
    let object = input["objectMetadataId"].as_str();
    if object.is_none_or(|id| uuid::Uuid::try_parse(id).is_err()) {
        faults.push("objectMetadataId must be a UUID".into());
    }
    match kind {
        Some(kind) if faults.is_empty() => Ok(kind),
        _ => Err(Failure::framework(400, Value::Array(faults))),
    }
}

/// Why a field of `object` cannot be called so: code and message.
pub(super) fn name_fault(object: &Object, name: &str, own: Option<&str>) -> Option<(String, String)> {
    if let Some(fault) = names::fault(name, "FIELD") {
        return Some(fault);
    }
    let taken = object.fields.iter().filter(|field| own != Some(field.id.as_str())).any(|field| {
        let flattened = |part: &str| format!("{}{}", field.name, capitalised(part)) == name;
        field.name == name
            || field.join_column() == Some(name)
            || field.kind.parts().iter().any(|(part, _)| flattened(part))
    });
    taken.then(|| {
        let message = format!("Name \"{name}\" is not available as it is already used by another field");
        ("NOT_AVAILABLE".into(), message)
    })
}

/// What does not fit together in a field: code and message.
pub(super) fn setting_faults(field: &Field) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let mut add = |message: String| faults.push(("INVALID_FIELD_INPUT", message));
    let default = default_value(&field.default_value);
    match field.kind {
        FieldKind::Files => {
            if !field.settings["maxNumberOfValues"].as_i64().is_some_and(|max| (1..=60).contains(&max)) {
                add("maxNumberOfValues is required for FILES fields and must be between 1 and 60".into());
            }
            if field.is_unique {
                add("Field type FILES cannot be unique".into());
            }
        }
        FieldKind::Select | FieldKind::Rating
            if !default.is_null() && !field.option_values().any(|value| default == value) =>
        {
            add(format!("Default value \"{}\" must be one of the option values", literal(&field.default_value)));
        }
        FieldKind::MultiSelect => {
            let unknown = |value: &&Value| !field.option_values().any(|option| **value == option);
            for value in default.as_array().into_iter().flatten().filter(unknown) {
                add(format!("Default value \"{}\" must be one of the option values", literal(value)));
            }
        }
        FieldKind::Number => {
            let known = ["float", "int", "bigint"];
            if field.settings["dataType"].as_str().is_some_and(|kind| !known.contains(&kind)) {
                add("Number data type must be one of float, int, bigint".into());
            }
        }
        _ => {}
    }
    if field.is_unique && !default.is_null() {
        add("Unique fields cannot have a default value".into());
    }
    faults
}

fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
