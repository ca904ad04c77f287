//! Custom fields of leads as v1 writes them: at the root of the record, parts of a value beside it (`<code>_currency`).

use serde_json::{Value, json};

use crate::simulator::answer::{Answer, Row};
use crate::simulator::call::Call;
use crate::simulator::custom;
use crate::simulator::entity::Entity;
use crate::simulator::store::Store;
use crate::simulator::switches::SetNotation;
use crate::simulator::table::text;

/// The parts of an address that stand beside it.
const ADDRESS: [&str; 9] = [
    "subpremise",
    "street_number",
    "route",
    "sublocality",
    "locality",
    "admin_area_level_1",
    "admin_area_level_2",
    "country",
    "postal_code",
];

/// Takes the custom fields out of `body` and puts their values into `stored`.
pub(super) fn take(call: &Call<'_>, body: &mut Row, stored: &mut Row) -> Result<(), Answer> {
    let hashes: Vec<String> = body.keys().filter(|key| code_of(key).is_some()).cloned().collect();
    let mut given: Vec<(String, Row)> = Vec::new();
    for key in hashes {
        let (code, part) = code_of(&key).expect("only such keys were kept");
        let value = body.remove(&key).unwrap_or_default();
        match given.iter_mut().find(|(known, _)| known == code) {
            Some((_, parts)) => drop(parts.insert(part.to_owned(), value)),
            None => given.push((code.to_owned(), Row::from_iter([(part.to_owned(), value)]))),
        }
    }
    let mut values = Row::new();
    for (code, parts) in given {
        let field = call.store.field(Entity::DealFields, &code);
        let field = field.ok_or_else(|| Answer::error(400, &format!("Invalid field(s) in the payload: {code}")))?;
        let value = read(call, field, &parts, stored.get(&code));
        let wrong = || Answer::error(400, &format!("Value of field {code} is not valid."));
        values.insert(code.clone(), value.ok_or_else(wrong)?);
    }
    custom::apply(call, Entity::Leads, &values, stored)
}

/// The code of a field and the part of its value that `key` stands for.
fn code_of(key: &str) -> Option<(&str, &str)> {
    let code = key.get(..40)?;
    let hash = code.bytes().all(|digit| digit.is_ascii_hexdigit());
    let part = &key[40..];
    let part = if part.is_empty() { Some("") } else { part.strip_prefix('_') };
    part.filter(|_| hash).map(|part| (code, part))
}

/// The value as v2 has it, from its parts and what was there before.
fn read(call: &Call<'_>, field: &Row, parts: &Row, before: Option<&Value>) -> Option<Value> {
    let whole = parts.get("");
    if whole.is_some_and(Value::is_null) || whole == Some(&Value::from("")) {
        return Some(Value::Null);
    }
    let part = |name: &str, inner: &str| {
        let kept = || before.and_then(|before| before.get(inner)).cloned();
        parts.get(name).cloned().or_else(kept).filter(|value| !value.is_null())
    };
    let number = |value: &Value| match value {
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_number),
        other => Some(other.clone()),
    };
    let mut known: Vec<&str> = vec![""];
    let value = match text(field, "field_type").unwrap_or_default() {
        "double" | "user" | "org" | "people" | "enum" => number(whole?)?,
        "set" => option_set(call.profile.switches.lead_sets, whole?)?,
        "monetary" => {
            known.push("currency");
            let user = call.store.table(Entity::Users).live(call.user);
            let default = || user.map(|user| user.row["default_currency"].clone());
            let currency = part("currency", "currency").or_else(default)?;
            json!({ "value": number(&part("", "value")?)?, "currency": currency })
        }
        "daterange" => {
            known.push("until");
            json!({ "value": part("", "value")?, "until": part("until", "until")? })
        }
        "time" => {
            known.push("timezone_id");
            json!({ "value": part("", "value")? })
        }
        "timerange" => {
            known.extend(["until", "timezone_id"]);
            json!({ "value": part("", "value")?, "until": part("until", "until")? })
        }
        "address" => {
            known.extend(ADDRESS);
            known.push("formatted_address");
            let mut address = json!({ "value": part("", "value")? });
            for name in &known[1..] {
                address[*name] = part(name, name).unwrap_or_default();
            }
            address
        }
        _ => whole?.clone(),
    };
    parts.keys().all(|name| known.contains(&name.as_str())).then_some(value)
}

/// Option ids from `"1,2"` or `[1,2]`, as the switch allows.
fn option_set(notation: SetNotation, given: &Value) -> Option<Value> {
    match given {
        Value::String(text) if notation != SetNotation::Array => {
            let ids: Result<Vec<i64>, _> = text.split(',').map(|id| id.trim().parse()).collect();
            ids.ok().map(Value::from)
        }
        Value::Array(_) if notation != SetNotation::Text => Some(given.clone()),
        Value::Number(_) if notation != SetNotation::Array => Some(json!([given])),
        _ => None,
    }
}

/// The stored values in the notation of v1; what is not set is left out.
pub(super) fn show(store: &Store, notation: SetNotation, stored: &Row, shown: &mut Row) {
    for (code, value) in stored {
        let Some(field) = store.field(Entity::DealFields, code) else { continue };
        let kind = text(field, "field_type").unwrap_or_default();
        let mut parts: Vec<&str> = Vec::new();
        let whole = match kind {
            "set" if notation != SetNotation::Array => {
                let ids = value.as_array().into_iter().flatten();
                ids.map(ToString::to_string).collect::<Vec<_>>().join(",").into()
            }
            "monetary" | "daterange" | "time" | "timerange" | "address" => value["value"].clone(),
            _ => value.clone(),
        };
        match kind {
            "monetary" => parts.push("currency"),
            "daterange" => parts.push("until"),
            "time" => parts.push("timezone_id"),
            "timerange" => parts.extend(["until", "timezone_id"]),
            "address" => {
                parts.extend(ADDRESS);
                parts.push("formatted_address");
            }
            _ => {}
        }
        shown.insert(code.clone(), whole);
        for part in parts {
            shown.insert(format!("{code}_{part}"), value[part].clone());
        }
    }
}
