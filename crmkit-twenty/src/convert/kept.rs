//! The spelling that Twenty gives to values, so that what is read back equals what was meant.

use std::sync::Arc;

use crmkit_core::{FieldSchema, FieldType, Labelled, Markup, RichText, Value};

/// What reading back gives for a value.
pub(crate) fn kept(field: &FieldSchema, value: &Value, region: Option<&str>) -> Value {
    match (&field.ty, value) {
        (FieldType::Emails, Value::List(items)) => list(items, |address| Some(address.trim().to_lowercase())),
        (FieldType::Phones, Value::List(items)) => {
            list(items, |number| Some(phone(number, region).unwrap_or_else(|| number.to_owned())))
        }
        (FieldType::Url, Value::Text(address)) => Value::text(url(address)),
        (FieldType::Url, Value::List(items)) => items
            .iter()
            .map(|item| item.as_text().map_or(item.clone(), |text| Value::text(url(text))))
            .collect::<Vec<_>>()
            .into_value(),
        (FieldType::Rich, Value::Rich(rich)) => Value::Rich(Arc::new(RichText {
            markup: Markup::Markdown,
            text: match rich.markup {
                Markup::Markdown => rich.text.clone(),
                Markup::Html => markdown(&rich.text).into(),
            },
        })),
        (FieldType::Money, Value::Money(money)) => {
            let mut money = money.clone();
            money.amount = money.amount.normalize();
            Value::Money(money)
        }
        (FieldType::Any, Value::Text(text)) => Value::List([Value::text(text.clone())].into()),
        _ => value.clone(),
    }
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for Vec<Value> {
    fn into_value(self) -> Value {
        Value::List(self.into())
    }
}

/// Without labels, and each but once.
fn list(items: &[Value], spell: impl Fn(&str) -> Option<String>) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        let value = item.as_text().and_then(&spell).filter(|text| !text.is_empty());
        let Some(value) = value.map(|value| Value::Labelled(Arc::new(Labelled { value: value.into(), label: None })))
        else {
            continue;
        };
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept.into_value()
}

/// A number in international form; none for what is no number of any country.
pub(super) fn phone(text: &str, region: Option<&str>) -> Option<String> {
    let region = region.and_then(|region| region.parse().ok());
    let number = phonenumber::parse(region, text.trim()).ok()?;
    Some(number.format().mode(phonenumber::Mode::E164).to_string())
}

/// The origin in lower case and no slash at the end; what has no scheme stays.
fn url(address: &str) -> String {
    let address = address.trim();
    let Some(host) = address.find("://").map(|at| at + 3) else { return address.to_owned() };
    let end = address[host..].find(['/', '?', '#']).map_or(address.len(), |at| host + at);
    let (origin, rest) = address.split_at(end);
    let whole = format!("{}{rest}", origin.to_lowercase());
    whole.strip_suffix('/').map_or(whole.clone(), str::to_owned)
}

/// What HTML says, as Markdown.
fn markdown(html: &str) -> String {
    htmd::convert(html).unwrap_or_else(|_| crmkit_core::visible_text(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelt_as_the_server_does() {
        assert_eq!(phone("+46 70 123 45 67", None).as_deref(), Some("+46701234567"));
        assert_eq!(phone("070-123 45 67", Some("SE")).as_deref(), Some("+46701234567"));
        assert_eq!(phone("555-0100", None), None);
        assert_eq!(phone("call me", Some("SE")), None);
        assert_eq!(url("HTTPS://A1.Example/"), "https://a1.example");
        assert_eq!(url("https://A1.Example/Path/?Q=1"), "https://a1.example/Path/?Q=1");
        assert_eq!(url("Acme.com"), "Acme.com");
        assert_eq!(
            markdown("<p>a <b>bold</b> &amp; x</p><ul><li>one</li></ul>").lines().next(),
            Some("a **bold** & x")
        );
    }
}
