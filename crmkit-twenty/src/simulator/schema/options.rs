//! The options of pick-list fields.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::store::Store;

const COLORS: [&str; 25] = [
    "red",
    "ruby",
    "crimson",
    "tomato",
    "orange",
    "amber",
    "yellow",
    "lime",
    "grass",
    "green",
    "jade",
    "mint",
    "turquoise",
    "cyan",
    "sky",
    "blue",
    "iris",
    "violet",
    "purple",
    "plum",
    "pink",
    "bronze",
    "gold",
    "brown",
    "gray",
];

/// The options with ids, or what is wrong with them.
pub(super) fn checked(given: &Value, store: &mut Store) -> Result<Value, Vec<String>> {
    let options = given.as_array().filter(|options| !options.is_empty());
    let Some(options) = options else { return Err(vec!["Options are required for enum fields".into()]) };
    let mut faults = Vec::new();
    let mut seen: HashSet<(&str, String)> = HashSet::new();
    let mut checked = Vec::new();
    for (place, option) in options.iter().enumerate() {
        let label = option["label"].as_str().unwrap_or_default();
        let value = option["value"].as_str().unwrap_or_default();
        if label.trim().is_empty() {
            faults.push("Option label is required".to_owned());
        } else if label.chars().count() > 63 {
            faults.push(format!("Option label \"{label}\" exceeds 63 characters"));
        } else if label.contains(',') {
            faults.push("Label must not contain a comma".to_owned());
        }
        if value.is_empty() {
            faults.push("Option value is required".to_owned());
        } else if value.len() > 63 {
            faults.push(format!("Option value \"{value}\" exceeds 63 characters"));
        } else if !is_upper_snake(value) {
            faults.push(format!("Value must be in UPPER_CASE and follow snake_case \"{value}\""));
        }
        let color = option["color"].as_str().unwrap_or("gray");
        if !COLORS.contains(&color) {
            faults.push(format!("Option color \"{color}\" is not known"));
        }
        let id = option["id"].as_str().map_or_else(|| store.new_id(), str::to_owned);
        let position = option["position"].as_i64().unwrap_or(i64::try_from(place).unwrap_or(i64::MAX));
        for (what, text) in [("value", value.to_owned()), ("position", position.to_string()), ("id", id.clone())] {
            if !text.is_empty() && !seen.insert((what, text)) {
                faults.push(format!("Duplicated option {what}"));
            }
        }
        let mut made = Map::new();
        made.insert("id".into(), id.into());
        made.insert("label".into(), label.into());
        made.insert("value".into(), value.into());
        made.insert("color".into(), color.into());
        made.insert("position".into(), position.into());
        checked.push(Value::Object(made));
    }
    if faults.is_empty() { Ok(Value::Array(checked)) } else { Err(faults) }
}

/// The options that a rating has by itself.
pub(super) fn ratings(store: &mut Store) -> Value {
    let option = |number: i32| {
        let value = format!("RATING_{number}");
        json!({ "id": store.new_id(), "label": number.to_string(), "value": value, "position": number - 1 })
    };
    (1..=5).map(option).collect()
}

fn is_upper_snake(value: &str) -> bool {
    let starts = value.starts_with(|letter: char| letter.is_ascii_uppercase());
    let allowed = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    starts && value.split('_').all(|part| !part.is_empty() && part.chars().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_upper_snake() {
        for good in ["ONE", "A1", "A_B", "A_1", "RATING_1"] {
            assert!(is_upper_snake(good), "{good}");
        }
        for bad in ["1A", "one-1", "A__B", "A_", "_A", "a", ""] {
            assert!(!is_upper_snake(bad), "{bad}");
        }
    }
}
