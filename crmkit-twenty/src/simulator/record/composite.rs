//! Values with several columns: what may be written into each, and how the vendor changes it.

use serde_json::{Map, Value};
use url::Url;

use super::super::failure::{Failure, inspect};
use super::super::schema::{Field, FieldKind, Part};
use super::super::store::Store;
use super::phone;
use super::rich_text;
use super::value::{stored_text, uuid_text, whole};

const SOURCES: [&str; 10] =
    ["EMAIL", "CALENDAR", "WORKFLOW", "AGENT", "API", "IMPORT", "MANUAL", "SYSTEM", "WEBHOOK", "APPLICATION"];

/// The columns that were given, in their stored form.
pub(super) fn normalise(field: &Field, given: &Value, store: &mut Store) -> Result<Value, Failure> {
    let name = &field.name;
    let Value::Object(given) = given else {
        return Err(Failure::bad(format!("Invalid object value {} for field \"{name}\"", inspect(given))));
    };
    let mut stored = Map::new();
    for (key, value) in given {
        let known = field.kind.parts().iter().find(|(part, _)| part == key);
        let (part, kind) = known.ok_or_else(|| {
            let words = field.kind.words();
            Failure::bad(format!("Invalid subfield {key} for {words} field \"{name}\""))
        })?;
        stored.insert((*part).into(), column(field, &format!("{name}.{part}"), *kind, value)?);
    }
    match field.kind {
        FieldKind::Emails => emails(name, &mut stored)?,
        FieldKind::Links => links(&mut stored),
        FieldKind::Phones => phones(&mut stored)?,
        FieldKind::RichText => rich(name, &mut stored, store)?,
        _ => {}
    }
    Ok(Value::Object(stored))
}

fn column(field: &Field, path: &str, part: Part, given: &Value) -> Result<Value, Failure> {
    let invalid = |what: &str, of: &str| {
        Err(Failure::bad(format!("Invalid {what} value {} for {of}field \"{path}\"", inspect(given))))
    };
    match (part, given) {
        (_, Value::Null) => Ok(Value::Null),
        (Part::Text | Part::Rich, Value::String(text)) => stored_text(text),
        (Part::Text | Part::Rich, _) => {
            invalid("string", if field.kind == FieldKind::Emails { "email " } else { "text " })
        }
        (Part::Number, _) if field.kind == FieldKind::Currency => {
            let number = match given {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            };
            number.and_then(whole).map_or_else(|| invalid("number", ""), |micros| Ok(micros.into()))
        }
        (Part::Number, Value::Number(_)) | (Part::Json, _) => Ok(given.clone()),
        (Part::Number, Value::String(text)) if text.parse::<f64>().is_ok() => {
            Ok(text.parse::<f64>().map_or(Value::Null, Value::from))
        }
        (Part::Number, _) => invalid("number", ""),
        (Part::Id, _) => uuid_text(given).map_or_else(|| invalid("UUID", ""), |id| Ok(id.into())),
        (Part::List, Value::Array(items)) if items.is_empty() => Ok(Value::Null),
        (Part::List, Value::Array(_)) => Ok(given.clone()),
        (Part::List, Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(list @ Value::Array(_)) => Ok(list),
            _ => invalid("array", ""),
        },
        (Part::List, _) => invalid("array", ""),
        (Part::Source, _) => {
            if given.as_str().is_some_and(|source| SOURCES.contains(&source)) {
                return Ok(given.clone());
            }
            let shown = given.as_str().unwrap_or_default();
            let valid = SOURCES.join(", ");
            let message = format!("Invalid value \"{shown}\" for field \"{path}\". Valid values are: {valid}");
            Err(Failure::bad(message))
        }
    }
}

fn emails(name: &str, stored: &mut Map<String, Value>) -> Result<(), Failure> {
    let lower = |path: &str, value: &Value| match value {
        Value::String(email) if is_email(email) => Ok(email.to_lowercase().into()),
        Value::Null => Ok(Value::Null),
        other => {
            Err(Failure::bad(format!("Invalid string value {} for email field \"{name}.{path}\"", inspect(other))))
        }
    };
    if let Some(primary) = stored.get_mut("primaryEmail") {
        *primary = lower("primaryEmail", primary)?;
    }
    for additional in stored.get_mut("additionalEmails").and_then(Value::as_array_mut).into_iter().flatten() {
        *additional = lower("additionalEmails", additional)?;
    }
    Ok(())
}

/// The vendor's syntax check of an address.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let local_letter = |letter: char| letter.is_ascii_alphanumeric() || "_'+-.".contains(letter);
    let ends = local.ends_with(|letter: char| letter.is_ascii_alphanumeric() || "_+-".contains(letter));
    let label = |label: &str| {
        label.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    let Some((rest, top)) = domain.rsplit_once('.') else { return false };
    ends && local.chars().all(local_letter)
        && !local.starts_with('.')
        && !local.contains("..")
        && rest.split('.').all(label)
        && top.len() >= 2
        && top.chars().all(|letter| letter.is_ascii_alphabetic())
}

fn links(stored: &mut Map<String, Value>) {
    if let Some(Value::String(url)) = stored.get_mut("primaryLinkUrl") {
        *url = plain_url(url);
    }
    for link in stored.get_mut("secondaryLinks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(url) = link["url"].as_str().map(plain_url) {
            link["url"] = url.into();
        }
    }
    let empty = stored.get("primaryLinkUrl").is_some_and(Value::is_null);
    let first =
        stored.get_mut("secondaryLinks").and_then(Value::as_array_mut).filter(|links| empty && !links.is_empty());
    if let Some(first) = first.map(|links| links.remove(0)) {
        stored.insert("primaryLinkUrl".into(), first["url"].clone());
        stored.insert("primaryLinkLabel".into(), first["label"].clone());
    }
}

/// A URL with its origin in lower case and without one final slash; anything else as it is.
fn plain_url(given: &str) -> String {
    if Url::parse(given).is_ok_and(|url| url.has_host()) {
        let start = given.find("://").map_or(0, |at| at + 3);
        let end = given[start..].find(['/', '?', '#']).map_or(given.len(), |at| start + at);
        let plain = given[..end].to_lowercase() + &given[end..];
        return plain.strip_suffix('/').map(str::to_owned).unwrap_or(plain);
    }
    given.to_owned()
}

fn phones(stored: &mut Map<String, Value>) -> Result<(), Failure> {
    let keys = ["primaryPhoneNumber", "primaryPhoneCountryCode", "primaryPhoneCallingCode"];
    if keys.iter().any(|key| stored.contains_key(*key)) {
        let text = |key: &str| stored.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let [number, country, calling] = keys.map(text);
        let phone = phone::split(&number, &country, &calling)?;
        for (key, text) in keys.into_iter().zip([phone.number, phone.country, phone.calling]) {
            if !text.is_empty() || stored.contains_key(key) {
                stored.insert(key.into(), stored_text(&text)?);
            }
        }
    }
    for item in stored.get_mut("additionalPhones").and_then(Value::as_array_mut).into_iter().flatten() {
        *item = phone::split_item(item)?;
    }
    Ok(())
}

fn rich(name: &str, stored: &mut Map<String, Value>, store: &mut Store) -> Result<(), Failure> {
    let text = |key: &str| stored.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("blocknote"), text("markdown")) {
        (Some(blocknote), markdown) => {
            let derived = rich_text::markdown_of(name, &blocknote)?;
            if markdown.is_none() {
                stored.insert("markdown".into(), derived.into());
            }
        }
        (None, Some(markdown)) => {
            stored.insert("blocknote".into(), rich_text::blocks_of(&markdown, store).into());
        }
        (None, None) => {
            stored.insert("blocknote".into(), Value::Null);
            stored.insert("markdown".into(), Value::Null);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_case_and_slash() {
        for (given, stored) in [
            ("HTTPS://A1.example/", "https://a1.example"),
            ("https://A.example/Path/", "https://a.example/Path"),
            ("acme.com", "acme.com"),
            ("Acme.com/", "Acme.com/"),
        ] {
            assert_eq!(plain_url(given), stored);
        }
    }

    #[test]
    fn addresses_are_checked() {
        for good in ["ada@example.com", "a.b+c@x.co.uk", "O'Neil@x.ie", "a_b@x-y.io"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["not-an-email", "a@b", "a..b@x.com", ".a@x.com", "a@.com", "a b@x.com", "a@x.c", "a@x.c1"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
