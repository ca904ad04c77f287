//! Why the server refused a request, in its own words: they may name values, so they stay inside until they are cleaned.

use crmkit_core::{Error, ErrorKind, Retry};
use serde_json::Value as Json;

/// A refusal, as one of the server's five envelopes carries it.
#[derive(Clone)]
pub(crate) struct Refusal {
    /// The server's words.
    pub(crate) message: String,
    code: Option<String>,
    limit: bool,
}

impl Refusal {
    /// What a body says.
    pub(crate) fn of(body: &Json) -> Self {
        let root = |kind: &str| {
            body["errors"][kind]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|fail| fail["errors"].as_array())
                .flatten()
                .find(|error| {
                    // One cause brings many consequences with it.
                    !matches!(error["code"].as_str(), Some("OBJECT_METADATA_NOT_FOUND" | "INVALID_VIEW_DATA"))
                })
        };
        let cause = root("objectMetadata").or_else(|| root("fieldMetadata"));
        let text = |json: &Json| json.as_str().map(str::to_owned);
        let message = cause
            .and_then(|cause| text(&cause["message"]))
            .or_else(|| text(&body["messages"][0]))
            .or_else(|| text(&body["errors"][0]["message"]))
            .or_else(|| text(&body["message"]))
            .or_else(|| text(&body["message"][0]));
        let code = cause
            .and_then(|cause| text(&cause["code"]))
            .or_else(|| text(&body["code"]))
            .or_else(|| text(&body["errors"][0]["extensions"]["code"]));
        let limit = body["errors"][0]["extensions"]["subCode"] == "LIMIT_REACHED";
        Self { message: message.unwrap_or_default(), code, limit }
    }

    /// Whether a unique value, or the id itself, is taken.
    pub(crate) fn is_duplicate(&self) -> bool {
        self.message.contains("duplicate entry")
    }

    /// Whether it was not run because too much was asked at once.
    pub(crate) fn is_limit(&self) -> bool {
        self.limit
    }

    /// The field that the server names: `emails.primaryEmail`, `stage`.
    pub(crate) fn field(&self) -> Option<&str> {
        let after = self.message.split_once("field \"").or_else(|| self.message.split_once("column \""))?.1;
        let name = after.split('"').next()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        (!name.is_empty() && name.bytes().all(plain)).then_some(name)
    }

    /// Values that the server quotes.
    pub(crate) fn values(&self) -> Vec<&str> {
        if let Some(number) = self.message.strip_prefix("Provided phone number is invalid ") {
            return vec![number];
        }
        let quoted = |quote: char| self.message.split(quote).skip(1).step_by(2).collect::<Vec<_>>();
        let mut values = quoted('"');
        values.extend(quoted('\''));
        values.retain(|value| Some(*value) != self.field());
        values
    }

    /// The error for people: the server's words without values.
    pub(crate) fn error(&self, operation: &'static str) -> Error {
        let (kind, message) = match self.code.as_deref() {
            Some("PERMISSION_DENIED") => (ErrorKind::Auth, "the API key's role may not do this".to_owned()),
            _ => (ErrorKind::Rejected, without_values(&self.message)),
        };
        let error = Error::new(kind, operation, message, Retry::Never);
        match (&self.code, self.field()) {
            (_, Some(field)) => error.with_context("field", field),
            (Some(code), None) if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
                error.with_context("code", code)
            }
            _ => error,
        }
    }
}

/// Quoted text and what looks like a value become an ellipsis; names of fields stay.
fn without_values(text: &str) -> String {
    let mut clean = String::new();
    let mut names_field = false;
    for (place, piece) in text.split(['"', '\'', '`']).enumerate() {
        if place % 2 == 0 {
            names_field = ["field", "column", "relation", "table", "constraint"]
                .iter()
                .any(|word| piece.trim_end().ends_with(word));
            clean.push_str(piece);
        } else {
            let plain =
                piece.len() <= 64 && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
            clean.push_str(if names_field && plain { piece } else { "…" });
        }
    }
    let words = clean.split_whitespace().map(|word| {
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let number = bare.len() > 1 && bare.bytes().all(|byte| byte.is_ascii_digit() || b"+-.:/".contains(&byte));
        if bare.contains('@') || bare.contains("://") || number { "…" } else { word }
    });
    let clean: String = words.collect::<Vec<_>>().join(" ").chars().take(300).collect();
    let mut letters = clean.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "the server refused the request".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_culprit_is_named_and_its_value_is_not() {
        let cases = [
            (
                "Invalid string value 'not-an-email' for email field \"emails.primaryEmail\"",
                Some("emails.primaryEmail"),
                vec!["not-an-email"],
                "invalid string value … for email field emails.primaryEmail",
            ),
            (
                "Invalid value \"WON\" for field \"stage\". Valid values are: NEW",
                Some("stage"),
                vec!["WON"],
                "invalid value … for field stage. Valid values are: NEW",
            ),
            ("Provided phone number is invalid 12", None, vec!["12"], "provided phone number is invalid …"),
            ("A duplicate entry was detected", None, vec![], "a duplicate entry was detected"),
        ];
        for (message, field, values, shown) in cases {
            let refusal =
                Refusal::of(&json!({"statusCode": 400, "error": "BadRequestException", "messages": [message]}));
            assert_eq!((refusal.field(), refusal.values()), (field, values), "{message}");
            assert_eq!(refusal.error("person.create").message(), shown);
        }
    }

    #[test]
    fn the_cause_is_found_among_its_consequences() {
        let fail =
            |code: &str, message: &str| json!({"status": "fail", "errors": [{"code": code, "message": message}]});
        let body = json!({"statusCode": 400, "error": "METADATA_VALIDATION_ERROR", "message": "Multiple validation errors",
            "errors": {"fieldMetadata": [fail("OBJECT_METADATA_NOT_FOUND", "no"), fail("NOT_AVAILABLE", "Name is taken")]}});
        assert_eq!(Refusal::of(&body).error("field.create").message(), "name is taken");
        let body = json!({"message": ["namePlural should not be empty"], "error": "Bad Request", "statusCode": 400});
        assert_eq!(Refusal::of(&body).error("field.create").message(), "namePlural should not be empty");
    }
}
