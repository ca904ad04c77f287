//! The shapes of v2 bodies, read from the vendor's specification extract, and what does not fit them.

use serde_json::Value;

use super::answer::{Answer, Row};
use super::time;

/// The shape of a JSON value.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Any,
    Object(Vec<Member>),
    Map(Box<Shape>),
    Array(Box<Shape>),
    Scalar(Scalar),
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    name: String,
    required: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    kind: Kind,
    nullable: bool,
    date: bool,
    min: Option<usize>,
    max: Option<usize>,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

impl Shape {
    /// Reads the notation of the extract, in which `name*` is required.
    pub(super) fn read(notation: &Value) -> Self {
        match notation {
            Value::Object(members) => match members.iter().next() {
                Some((key, shape)) if key == "<key>" => Self::Map(Box::new(Self::read(shape))),
                _ => Self::Object(members.iter().map(|(name, shape)| Member::read(name, shape)).collect()),
            },
            Value::Array(items) => Self::Array(Box::new(items.first().map_or(Self::Any, Self::read))),
            Value::String(text) => Self::read_scalar(text),
            _ => Self::Any,
        }
    }

    fn read_scalar(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let (kind, format) = match words.next().unwrap_or("any").split_once(':') {
            Some((kind, format)) => (kind, format),
            None => (text.split_whitespace().next().unwrap_or("any"), ""),
        };
        let kind = match kind {
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => return Self::Any,
        };
        let mut scalar =
            Scalar { kind, nullable: false, date: format == "date", min: None, max: None, values: Vec::new() };
        for word in words {
            if word == "nullable" {
                scalar.nullable = true;
            } else if let Some(min) = word.strip_prefix("minLength=") {
                scalar.min = min.parse().ok();
            } else if let Some(max) = word.strip_prefix("maxLength=") {
                scalar.max = max.parse().ok();
            } else if let Some(values) = word.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')')) {
                scalar.values = values.split('|').map(str::to_owned).collect();
            }
        }
        Self::Scalar(scalar)
    }

    /// Adds members to an object shape, as live accounts know more than the specification.
    pub(super) fn extend(&mut self, notation: &Value) {
        if let (Self::Object(members), Self::Object(more)) = (self, Self::read(notation)) {
            members.retain(|member| more.iter().all(|other| other.name != member.name));
            members.extend(more);
        }
    }

    /// Says what is wrong with a body; keys unknown at its top level are dropped if `lenient`.
    pub(super) fn check_body(&self, body: &mut Value, lenient: bool) -> Result<(), Answer> {
        if let (Self::Object(members), Value::Object(given), true) = (self, &mut *body, lenient) {
            given.retain(|key, _| members.iter().any(|member| member.name == *key));
        }
        self.check("", body)
    }

    /// Says what is wrong with a body of v1, in the words of v1, which takes digits for numbers and 0 and 1 for flags:
    /// they become what they stand for.
    pub(super) fn check_v1(&self, body: &mut Value) -> Result<(), Answer> {
        let (Self::Object(members), Value::Object(given)) = (self, body) else {
            return Err(Answer::error(400, "The request body must be an object."));
        };
        for key in given.keys() {
            if members.iter().all(|member| member.name != *key) {
                return Err(Answer::error(400, &format!("Invalid field(s) in the payload: {key}")));
            }
        }
        for member in members {
            if let (Some(value), Self::Scalar(scalar)) = (given.get_mut(&member.name), &member.shape) {
                scalar.read_v1(value);
            }
            let value = given.get(&member.name).unwrap_or(&Value::Null);
            if value.is_null() && member.required {
                let name = member.name.replace('_', " ");
                let (first, rest) = name.split_at(1);
                return Err(Answer::error(400, &format!("{}{rest} must be given.", first.to_uppercase())));
            }
            if !value.is_null() && member.shape.check(&member.name, value).is_err() {
                return Err(Answer::error(400, &format!("{} is not valid.", member.name)));
            }
        }
        Ok(())
    }

    fn check(&self, path: &str, value: &Value) -> Result<(), Answer> {
        let wrong = |kind: &str| {
            Err(Answer::invalid(
                if path.is_empty() { "body" } else { path },
                &format!("The value is not a valid '{kind}'"),
            ))
        };
        match self {
            Self::Any => Ok(()),
            Self::Map(shape) => match value {
                Value::Object(members) => members.values().try_for_each(|member| shape.check(path, member)),
                _ => wrong("object"),
            },
            Self::Array(shape) => match value {
                Value::Array(items) => items.iter().try_for_each(|item| shape.check(path, item)),
                _ => wrong("array"),
            },
            Self::Object(members) => match value {
                Value::Object(given) => check_members(path, members, given),
                _ => wrong("object"),
            },
            Self::Scalar(scalar) => scalar.check(path, value),
        }
    }
}

fn check_members(path: &str, members: &[Member], given: &Row) -> Result<(), Answer> {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for key in given.keys() {
        if members.iter().all(|member| member.name != *key) {
            return Err(Answer::unknown_key(if path.is_empty() { key } else { path }, key));
        }
    }
    for member in members {
        match given.get(&member.name) {
            Some(value) => member.shape.check(&join(&member.name), value)?,
            None if member.required => return Err(Answer::invalid(&join(&member.name), "This field is required.")),
            None => {}
        }
    }
    Ok(())
}

impl Member {
    fn read(name: &str, shape: &Value) -> Self {
        let required = name.ends_with('*');
        Self { name: name.trim_end_matches('*').to_owned(), required, shape: Shape::read(shape) }
    }
}

impl Scalar {
    fn check(&self, path: &str, value: &Value) -> Result<(), Answer> {
        if value.is_null() && self.nullable {
            return Ok(());
        }
        if !self.kind.holds(value) {
            return Err(Answer::invalid(path, &format!("The value is not a valid '{}'", self.kind.name())));
        }
        let Some(text) = value.as_str() else { return Ok(()) };
        let length = text.chars().count();
        if self.min.is_some_and(|min| length < min) || self.max.is_some_and(|max| length > max) {
            return Err(Answer::invalid(path, "The length of this value is out of range."));
        }
        if !self.values.is_empty() && self.values.iter().all(|allowed| allowed != text) {
            return Err(Answer::invalid(path, &format!("This value must be one of: {}", self.values.join(", "))));
        }
        // An empty date is accepted and stored as a zero date, as live accounts do.
        if self.date && !text.is_empty() && !time::is_date(text) {
            return Err(Answer::invalid(path, "This value is not a valid date."));
        }
        Ok(())
    }

    fn read_v1(&self, value: &mut Value) {
        let meant = match (self.kind, &*value) {
            (Kind::Integer | Kind::Number, Value::String(text)) => serde_json::from_str(text).ok(),
            (Kind::Boolean, Value::String(text)) => match text.as_str() {
                "1" | "true" => Some(Value::Bool(true)),
                "0" | "false" => Some(Value::Bool(false)),
                _ => None,
            },
            (Kind::Boolean, Value::Number(number)) => match number.as_i64() {
                Some(flag @ (0 | 1)) => Some(Value::Bool(flag == 1)),
                _ => None,
            },
            _ => None,
        };
        if let Some(meant) = meant {
            *value = meant;
        }
    }

    /// Whether a query parameter (a comma list, if it has fixed values) fits.
    pub(super) fn fits_query(&self, text: &str) -> bool {
        match self.kind {
            Kind::Integer => text.parse::<i64>().is_ok(),
            Kind::Number => text.parse::<f64>().is_ok(),
            Kind::Boolean => matches!(text, "true" | "false" | "1" | "0"),
            Kind::String if self.values.is_empty() => true,
            Kind::String => text
                .split(',')
                .all(|part| self.values.iter().flat_map(|values| values.split(',')).any(|value| value == part.trim())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_held_to_their_shape() {
        let shape = Shape::read(&json!({"name*": "string minLength=1", "n": "integer", "p": "number nullable",
            "mails": [{"value": "string"}], "day": "string:date"}));
        let cases = [
            (json!({"name": "x", "p": null}), ""),
            (json!({"n": 1}), "name: This field is required."),
            (json!({"name": ""}), "name: The length"),
            (json!({"name": "x", "n": "1"}), "n: The value is not a valid 'integer'"),
            (json!({"name": null}), "name: The value is not a valid 'string'"),
            (json!({"name": "x", "y": 1}), "y: Unknown key 'y'"),
            (json!({"name": "x", "mails": ["a"]}), "mails: The value is not a valid 'object'"),
            (json!({"name": "x", "day": "2024-1-1"}), "day: This value is not a valid date."),
        ];
        for (mut body, expected) in cases {
            let error = shape.check_body(&mut body, false).err().map(|answer| answer.body["error"].clone());
            let error = error.as_ref().and_then(Value::as_str).unwrap_or("");
            assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{error} / {expected}");
        }
        assert!(shape.check_body(&mut json!({"name": "x", "y": 1}), true).is_ok());
    }
}
