//! Custom fields: their definitions, which no API changes or removes, and their values, which are written by name.

use serde_json::{Value, json};

use super::answer::{Failure, Row, invalid};
use super::call::Call;
use super::entity::{Entity, name_term};
use super::store::{flag, int, list, object, text};
use super::switches::{DateForm, SameField};
use super::{time, values};

const TYPES: [&str; 9] = ["String", "Text", "Date", "Currency", "Enum", "Email", "Location", "Phone", "Url"];

/// Email, Location, Phone and Url are for leads only.
const ONLY_LEADS: [&str; 4] = ["Email", "Location", "Phone", "Url"];

/// The kinds of records that have custom fields.
pub(super) const WITH_FIELDS: [Entity; 3] = [Entity::Accounts, Entity::Contacts, Entity::Leads];

/// The fields of a kind of record that can be seen by now.
pub(super) fn defined<'a>(call: &'a Call<'_>, entity: Entity) -> impl Iterator<Item = &'a Row> {
    let fits = move |field: &&Row| text(field, "entity") == Some(entity.rest());
    let lag = call.switches().field_lag_ms;
    let now = call.now;
    let seen = move |field: &&Row| int(field, "madeTime").is_none_or(|made| now - made >= lag);
    call.store.all_live(Entity::CustomFields).map(|(_, field)| field).filter(fits).filter(seen)
}

/// The field of this name, if it can be seen by now.
pub(super) fn named<'a>(call: &'a Call<'_>, entity: Entity, name: &str) -> Option<&'a Row> {
    let lag = call.switches().field_lag_ms;
    let fields = call.store.with_term(Entity::CustomFields, &name_term(name)).map(|(_, field)| field);
    let mut fits = fields.filter(|field| {
        text(field, "name") == Some(name)
            && text(field, "entity") == Some(entity.rest())
            && int(field, "madeTime").is_none_or(|made| call.now - made >= lag)
    });
    fits.next()
}

/// Adds a field.
pub(super) fn create(call: &mut Call<'_>, entity: Entity, given: &Value) -> Result<Option<Row>, Failure> {
    let switches = call.switches();
    if switches.fields_need_admin && !call.is_admin() {
        return Err(Failure::Forbidden("Only administrators can add custom fields.".into()));
    }
    let name = given["name"].as_str().map(str::trim).unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::InvalidField("name", "A custom field needs a name.".into()));
    }
    if switches.field_lengths && name.chars().count() > 40 {
        return Err(Failure::InvalidField("name", "The name of a custom field has at most 40 characters.".into()));
    }
    let kind = given["type"].as_str().unwrap_or_default();
    if !TYPES.contains(&kind) || ONLY_LEADS.contains(&kind) && entity != Entity::Leads {
        return Err(Failure::InvalidField("type", format!("'{kind}' is not a valid type.")));
    }
    let choices: Vec<&str> = given["choices"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let multiple = given["isMultiple"].as_bool();
    if (kind == "Enum") == choices.is_empty() || kind != "Enum" && multiple == Some(true) {
        return Err(Failure::InvalidField("choices", "Choices are for fields of type Enum, which need them.".into()));
    }
    // A field that is not visible yet is there nevertheless.
    let taken = call
        .store
        .with_term(Entity::CustomFields, &name_term(name))
        .any(|(_, field)| text(field, "entity") == Some(entity.rest()));
    match switches.same_field {
        SameField::Refused if taken => {
            return Err(Failure::InvalidField("name", format!("A custom field named '{name}' exists already.")));
        }
        SameField::Ignored if taken => return Ok(None),
        _ => {}
    }
    if let Some(cap) = switches.field_cap
        && call.store.all_live(Entity::CustomFields).count() >= cap
    {
        return Err(Failure::PlanCap(format!("Your plan is limited to {cap} custom fields.")));
    }
    let id = call.insert(
        Entity::CustomFields,
        object(json!({
            "entity": entity.rest(), "name": name, "type": kind, "choices": choices,
            "isMultiple": multiple.unwrap_or(false),
        })),
    );
    Ok(call.store.any(Entity::CustomFields, id).cloned())
}

/// What a record keeps after a write of `given`.
pub(super) fn write(call: &Call<'_>, entity: Entity, current: Option<&Value>, given: &Value) -> Result<Value, Failure> {
    let given = match given {
        Value::Object(given) => given,
        // An empty map of PHP.
        Value::Array(entries) if entries.is_empty() => &Row::new(),
        Value::Null => &Row::new(),
        _ => return Err(Failure::BadParams("customFields is a map".into())),
    };
    let merged = call.switches().custom_fields_merge;
    let mut kept = current.filter(|_| merged).and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in given {
        match write_one(call, entity, name, value)? {
            Value::Null => kept.remove(name),
            value => kept.insert(name.clone(), value),
        };
    }
    Ok(Value::Object(kept))
}

/// One value as it is kept; null clears.
pub(super) fn write_one(call: &Call<'_>, entity: Entity, name: &str, value: &Value) -> Result<Value, Failure> {
    let Some(field) = named(call, entity, name) else {
        return invalid(format!("{name} is not a custom field"));
    };
    let empty = value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
    if empty {
        return Ok(Value::Null);
    }
    let wrong = || Failure::Invalid(format!("The value of {name} has the wrong form"));
    match text(field, "type").unwrap_or_default() {
        "Date" => {
            let day = match value {
                Value::String(text) => time::parse_zoned(text).or_else(|| time::parse_day(text)),
                _ => None,
            };
            day.map(|day| time::midnight(day, 0).into()).ok_or_else(wrong)
        }
        "Currency" => values::money(value, "USD").map_err(|_| wrong()),
        "Enum" => choices(call, field, name, value),
        kind => {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(wrong()),
            };
            if kind == "String" && call.switches().field_lengths && text.chars().count() > 255 {
                return invalid(format!("The value of {name} has more than 255 characters"));
            }
            Ok(text.into())
        }
    }
}

fn choices(call: &Call<'_>, field: &Row, name: &str, value: &Value) -> Result<Value, Failure> {
    let switches = call.switches();
    let multiple = flag(field, "isMultiple");
    let chosen: Vec<&str> = match value {
        Value::String(text) if multiple && !switches.multiple_is_list => text.split(',').map(str::trim).collect(),
        Value::String(text) => vec![text.as_str()],
        Value::Array(texts) if multiple && switches.multiple_is_list => {
            texts.iter().filter_map(Value::as_str).collect()
        }
        _ => return invalid(format!("The value of {name} has the wrong form")),
    };
    let known = |choice: &&str| list(field, "choices").iter().any(|known| known == choice);
    if let Some(stray) = chosen.iter().find(|choice| switches.unlisted_choices_refused && !known(choice)) {
        return invalid(format!("{stray} is not a choice of {name}"));
    }
    Ok(if multiple { json!(chosen) } else { chosen.first().copied().into() })
}

/// One value as JSON-RPC shows it.
pub(super) fn read_one(call: &Call<'_>, entity: Entity, name: &str, kept: &Value) -> Value {
    let switches = call.switches();
    let fields = call.store.with_term(Entity::CustomFields, &name_term(name)).map(|(_, field)| field);
    let mut fits =
        fields.filter(|field| text(field, "name") == Some(name) && text(field, "entity") == Some(entity.rest()));
    let kind = fits.next().and_then(|field| text(field, "type")).unwrap_or_default();
    match (kind, kept) {
        ("Date", Value::Number(millis)) => {
            let millis = millis.as_i64().unwrap_or(0);
            match switches.date_form {
                DateForm::Atom => time::atom(millis).into(),
                DateForm::Unix => (millis / 1000).into(),
                DateForm::Day => time::day(millis).into(),
            }
        }
        ("Currency", Value::Object(_)) => values::money_to_rpc(kept, switches),
        ("Enum", Value::Array(chosen)) if !switches.multiple_is_list => {
            chosen.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into()
        }
        _ => kept.clone(),
    }
}

/// All values of a record as JSON-RPC shows them.
pub(super) fn read_all(call: &Call<'_>, entity: Entity, row: &Row) -> Row {
    let kept = row.get("customFields").and_then(Value::as_object);
    kept.into_iter().flatten().map(|(name, value)| (name.clone(), read_one(call, entity, name, value))).collect()
}

/// The lower-case name that REST reads a type by.
pub(super) fn read_type(kind: &str) -> &'static str {
    match kind {
        "Text" => "text",
        "Date" => "date-time",
        "Currency" => "currency",
        "Enum" => "enum",
        "Email" => "email",
        "Location" => "location",
        "Phone" => "phone",
        "Url" => "url",
        _ => "string",
    }
}
