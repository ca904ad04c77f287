//! What can go wrong, once: REST and GraphQL tell the same failure in different envelopes.

use serde_json::{Map, Value, json};

/// How a failure looks over REST.
#[derive(Clone, Debug, PartialEq)]
enum Envelope {
    /// `statusCode`, `error`, `messages`, and a machine code for some.
    Core { class: &'static str, code: Option<&'static str> },
    /// `statusCode`, `messages`, and the machine code as `error`.
    Auth(&'static str),
    /// `message` (a text or a list), `error`, `statusCode`: what the framework refuses before the application sees it.
    Framework(Box<Value>),
    /// Metadata that does not validate: `errors` and `summary` by kind.
    Validation(Box<Value>),
}

/// A call that was refused; nothing of it was applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) message: Box<str>,
    envelope: Envelope,
    code: &'static str,
    sub_code: Option<&'static str>,
    /// What GraphQL adds to its extensions.
    extensions: Box<Map<String, Value>>,
}

impl Failure {
    fn core(status: u16, class: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        let envelope = Envelope::Core { class, code: None };
        Self { status, message: message.into().into(), envelope, code, sub_code: None, extensions: Box::default() }
    }

    /// An invalid argument.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        let mut failure = Self::core(400, "BadRequestException", "BAD_USER_INPUT", message);
        failure.sub_code = Some("INVALID_ARGS_DATA");
        failure
    }

    /// An invalid argument that has a machine code over REST, too.
    pub(super) fn coded(code: &'static str, message: impl Into<String>) -> Self {
        let mut failure = Self::bad(message);
        failure.envelope = Envelope::Core { class: "Error", code: Some(code) };
        failure.sub_code = Some(code);
        failure
    }

    /// An exception that nobody caught on purpose.
    pub(super) fn type_error(message: &str) -> Self {
        Self::core(400, "TypeError", "INTERNAL_SERVER_ERROR", message)
    }

    pub(super) fn internal(status: u16, message: impl Into<String>) -> Self {
        Self::core(status, "InternalServerErrorException", "INTERNAL_SERVER_ERROR", message)
    }

    pub(super) fn record_not_found() -> Self {
        let mut failure = Self::core(404, "NotFoundException", "NOT_FOUND", "Record not found");
        failure.sub_code = Some("RECORD_NOT_FOUND");
        failure
    }

    /// Something of the schema that is not there.
    pub(super) fn metadata_not_found(code: &'static str, message: &str) -> Self {
        let mut failure = Self::core(404, "Error", "NOT_FOUND", message);
        failure.envelope = Envelope::Core { class: "Error", code: Some(code) };
        failure.sub_code = Some(code);
        failure
    }

    pub(super) fn duplicate(object: &str, holder: Option<&str>) -> Self {
        let mut failure = Self::bad("A duplicate entry was detected");
        failure.sub_code = None;
        if let Some(holder) = holder {
            failure.extensions.insert("conflictingRecordId".into(), holder.into());
            failure.extensions.insert("conflictingObjectNameSingular".into(), object.into());
        }
        failure
    }

    pub(super) fn limit(limit: u64, window_ms: u64) -> Self {
        let message = format!("Limit reached ({limit} tokens per {window_ms} ms)");
        let mut failure = Self::core(429, "HttpException", "BAD_USER_INPUT", message);
        failure.sub_code = Some("LIMIT_REACHED");
        failure
    }

    /// The role lacks the right; the metadata API says so with another status than the core one.
    pub(super) fn permission(status: u16) -> Self {
        let message = "Entity performing the request does not have permission";
        let mut failure = Self::core(status, "Error", "FORBIDDEN", message);
        failure.envelope = Envelope::Core { class: "Error", code: Some("PERMISSION_DENIED") };
        failure.sub_code = Some("PERMISSION_DENIED");
        failure
    }

    fn auth(status: u16, code: &'static str, graphql: &'static str, message: &str) -> Self {
        let mut failure = Self::core(status, "", graphql, message);
        failure.envelope = Envelope::Auth(code);
        failure
    }

    pub(super) fn no_token() -> Self {
        Self::auth(403, "FORBIDDEN_EXCEPTION", "FORBIDDEN", "Missing authentication token")
    }

    pub(super) fn bad_token() -> Self {
        Self::auth(401, "UNAUTHENTICATED", "UNAUTHENTICATED", "Token invalid.")
    }

    /// What the framework refuses: a text or a list of texts.
    pub(super) fn framework(status: u16, message: impl Into<Value>) -> Self {
        let message = message.into();
        let text = match &message {
            Value::Array(list) => list.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let mut failure = Self::core(status, "", "BAD_USER_INPUT", text);
        failure.envelope = Envelope::Framework(Box::new(message));
        failure
    }

    /// Metadata that does not validate; `body` has `errors`, `summary`, `message`, `userFriendlyMessage`.
    pub(super) fn validation(body: Value) -> Self {
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        let mut failure = Self::core(400, "", "METADATA_VALIDATION_FAILED", message);
        for key in ["errors", "summary"] {
            failure.extensions.insert(key.into(), body[key].clone());
        }
        failure.envelope = Envelope::Validation(Box::new(body));
        failure
    }

    /// The body of a REST answer.
    pub(super) fn rest(&self) -> Value {
        match &self.envelope {
            Envelope::Core { class, code } => {
                let mut body = json!({ "statusCode": self.status, "error": class, "messages": [self.message] });
                if let Some(code) = code {
                    body["code"] = (*code).into();
                }
                body
            }
            Envelope::Auth(code) => json!({ "statusCode": self.status, "messages": [self.message], "error": code }),
            Envelope::Framework(message) => {
                let error = if self.status == 404 { "Not Found" } else { "Bad Request" };
                json!({ "message": message, "error": error, "statusCode": self.status })
            }
            Envelope::Validation(body) => {
                let mut body = (**body).clone();
                body["statusCode"] = 400.into();
                body["error"] = "METADATA_VALIDATION_ERROR".into();
                body
            }
        }
    }

    /// An entry of the `errors` of a GraphQL answer.
    pub(super) fn graphql(&self) -> Value {
        let mut extensions = (*self.extensions).clone();
        extensions.insert("code".into(), self.code.into());
        if let Some(sub_code) = self.sub_code {
            extensions.insert("subCode".into(), sub_code.into());
        }
        extensions.insert("userFriendlyMessage".into(), "An error occurred.".into());
        json!({ "message": self.message, "extensions": extensions })
    }
}

/// A value as the vendor's messages show it.
pub(super) fn inspect(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) if items.is_empty() => "[]".into(),
        Value::Array(items) => format!("[ {} ]", items.iter().map(inspect).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{key}: {}", inspect(value));
            format!("{{ {} }}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
