//! How values of one kind compare.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::failure::{Failure, inspect};
use super::path::{Path, Scalar};
use super::value;

/// The order of two values that are not null.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => a.to_string().cmp(&b.to_string()),
    }
}

/// A literal of a filter as a value of the kind that is at `path`; REST gives all of them as texts.
pub(super) fn literal(path: &Path, given: &Value) -> Result<Value, Failure> {
    let text = given.as_str();
    let invalid =
        |what: &str| Failure::bad(format!("Invalid {what} value {} for field \"{}\"", inspect(given), path.name()));
    match path.scalar {
        Scalar::Number => match text {
            Some(text) => text.parse::<f64>().map(Value::from).map_err(|_| invalid("number")),
            None if given.is_number() => Ok(given.clone()),
            None => Err(invalid("number")),
        },
        Scalar::Boolean => match (text, given) {
            (Some("true"), _) => Ok(true.into()),
            (Some("false"), _) => Ok(false.into()),
            (None, Value::Bool(_)) => Ok(given.clone()),
            _ => Err(invalid("boolean")),
        },
        Scalar::Id => value::uuid_text(given).map(Value::from).ok_or_else(|| invalid("UUID")),
        Scalar::Moment => {
            let wrong = || {
                let shown = inspect(given);
                let format = "YYYY-MM-DDTHH:mm:ssZ";
                let name = path.name();
                Failure::bad(format!(
                    "Invalid value {shown} for date-time field \"{name}\". Expected format: '{format}'"
                ))
            };
            text.and_then(value::moment).map(Value::from).ok_or_else(wrong)
        }
        _ => match given {
            Value::String(_) => Ok(given.clone()),
            other => Ok(other.to_string().into()),
        },
    }
}

/// Matches a pattern in which `%` stands for anything and `_` for any one letter.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut retry) = (0, 0, None);
    while place < text.len() {
        if at < pattern.len() && pattern[at] == '%' {
            retry = Some((at, place));
            at += 1;
        } else if at < pattern.len() && (pattern[at] == '_' || pattern[at] == text[place]) {
            (at, place) = (at + 1, place + 1);
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            (at, place) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '%')
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match() {
        for (pattern, text, expected) in
            [("%b%", "abc", true), ("a_c", "abc", true), ("a%", "ba", false), ("%", "", true), ("a%c%e", "abcde", true)]
        {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
