//! Whether input objects have only the keys that their types have.

use serde_json::{Map, Value};

use super::super::call::Call;
use super::super::schema::{FieldKind, Object, capitalised};
use super::Refusal;

type Place = (usize, usize);

fn unknown(key: &str, kind: &str, place: Place) -> Refusal {
    Refusal::Invalid(format!("Field \"{key}\" is not defined by type \"{kind}\"."), place)
}

/// Checks `filter` and `orderBy`.
pub(super) fn list_arguments(
    call: &Call<'_>,
    object: &Object,
    arguments: &Map<String, Value>,
    place: Place,
) -> Result<(), Refusal> {
    if let Some(given) = arguments.get("filter") {
        filter(call, object, given, place)?;
    }
    let orders = arguments.get("orderBy").map(|given| given.as_array().cloned().unwrap_or_else(|| vec![given.clone()]));
    let kind = format!("{}OrderByInput", capitalised(&object.name_singular));
    for (key, value) in orders.iter().flatten().filter_map(Value::as_object).flatten() {
        if object.joined(key).is_some() {
            continue;
        }
        let field = object.field(key).filter(|field| !field.is_relation());
        let field = field.ok_or_else(|| unknown(key, &kind, place))?;
        parts(field.kind, value, "OrderByInput", place)?;
    }
    Ok(())
}

fn parts(kind: FieldKind, given: &Value, suffix: &str, place: Place) -> Result<(), Refusal> {
    let known = |key: &str| kind.parts().iter().any(|(part, _)| *part == key);
    // The type for writing an actor has two of the four columns.
    let writable = |key: &str| kind != FieldKind::Actor || ["source", "context"].contains(&key);
    let writes = matches!(suffix, "CreateInput" | "UpdateInput");
    let name = || format!("{}{suffix}", super::Kind::Composite(kind).name());
    let strange = |key: &&String| !known(key) || (writes && !writable(key));
    match given.as_object().filter(|_| !kind.parts().is_empty()).and_then(|given| given.keys().find(strange)) {
        Some(key) => Err(unknown(key, &name(), place)),
        None => Ok(()),
    }
}

/// Checks a filter and all filters inside it.
pub(super) fn filter(call: &Call<'_>, object: &Object, given: &Value, place: Place) -> Result<(), Refusal> {
    let kind = format!("{}FilterInput", capitalised(&object.name_singular));
    for (key, value) in given.as_object().into_iter().flatten() {
        match key.as_str() {
            "and" | "or" => {
                let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                list.iter().try_for_each(|part| filter(call, object, part, place))?;
            }
            "not" => filter(call, object, value, place)?,
            name if object.joined(name).is_some() => operators(FieldKind::Uuid, value, place)?,
            name => {
                let field = object.field(name).ok_or_else(|| unknown(key, &kind, place))?;
                if field.is_relation() {
                    let target = field.target.as_ref().and_then(|target| call.store.object(&target.object));
                    let target = target.ok_or_else(|| unknown(key, &kind, place))?;
                    filter(call, &target, value, place)?;
                } else if field.kind.parts().is_empty() {
                    operators(field.kind, value, place)?;
                } else {
                    parts(field.kind, value, "FilterInput", place)?;
                }
            }
        }
    }
    Ok(())
}

fn operators(kind: FieldKind, given: &Value, place: Place) -> Result<(), Refusal> {
    let (name, known): (&str, &[&str]) = match kind {
        FieldKind::Text => (
            "StringFilter",
            &[
                "eq",
                "gt",
                "gte",
                "in",
                "lt",
                "lte",
                "neq",
                "startsWith",
                "endsWith",
                "like",
                "ilike",
                "regex",
                "iregex",
                "is",
            ],
        ),
        FieldKind::Uuid => ("UUIDFilter", &["eq", "gt", "gte", "in", "lt", "lte", "neq", "is"]),
        FieldKind::Number | FieldKind::Numeric | FieldKind::Position => {
            ("FloatFilter", &["eq", "gt", "gte", "in", "lt", "lte", "neq", "is"])
        }
        FieldKind::Date | FieldKind::DateTime => {
            ("DateTimeFilter", &["eq", "gt", "gte", "in", "lt", "lte", "neq", "is"])
        }
        FieldKind::Boolean => ("BooleanFilter", &["eq", "is"]),
        FieldKind::Select | FieldKind::MultiSelect | FieldKind::Rating => {
            ("EnumFilter", &["eq", "neq", "in", "containsAny", "is", "isEmptyArray"])
        }
        FieldKind::Array => ("ArrayFilter", &["containsAny", "is", "isEmptyArray"]),
        FieldKind::TsVector => ("TSVectorFilter", &["search"]),
        _ => ("RawJsonFilter", &["is", "like"]),
    };
    for operator in given.as_object().into_iter().flatten().map(|(operator, _)| operator.as_str()) {
        if !known.contains(&operator) {
            return Err(unknown(operator, name, place));
        }
        if matches!(operator, "regex" | "iregex" | "search") {
            return Err(Refusal::NotModelled(format!("the filter operator {operator}")));
        }
    }
    Ok(())
}

/// Checks the data of a create or an update.
pub(super) fn data(object: &Object, given: &Value, verb: &str, place: Place) -> Result<(), Refusal> {
    let suffix = format!("{verb}Input");
    let kind = format!("{}{suffix}", capitalised(&object.name_singular));
    for (key, value) in given.as_object().into_iter().flatten() {
        if object.joined(key).is_some() {
            continue;
        }
        let field = object.field(key).filter(|field| !field.is_to_many());
        let field = field.ok_or_else(|| unknown(key, &kind, place))?;
        parts(field.kind, value, &suffix, place)?;
    }
    Ok(())
}
