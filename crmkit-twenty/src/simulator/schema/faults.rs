//! The envelope of metadata that does not validate: one cause, and all that follows from it.

use serde_json::{Map, Value, json};

use super::super::failure::Failure;

/// The entries of one refused change of the schema, by kind.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kinds: Map<String, Value>,
    count: usize,
}

impl Faults {
    /// Adds an entry with one error.
    pub(super) fn add(&mut self, kind: &str, change: &str, name: &str, code: &str, message: &str) {
        self.add_value(kind, change, name, code, message, Value::Null);
    }

    pub(super) fn add_value(&mut self, kind: &str, change: &str, name: &str, code: &str, message: &str, value: Value) {
        let mut error = json!({ "code": code, "message": message, "userFriendlyMessage": message });
        if !value.is_null() {
            error["value"] = value;
        }
        let entry = json!({
            "status": "fail",
            "errors": [error],
            "flatEntityMinimalInformation": { "name": name },
            "metadataName": kind,
            "type": change,
        });
        if let Value::Array(entries) = self.kinds.entry(kind).or_insert_with(|| json!([])) {
            entries.push(entry);
        }
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Refuses if anything was added.
    pub(super) fn check(self, doing: &str) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let mut summary = Map::new();
        summary.insert("totalErrors".into(), self.count.into());
        let mut errors = Map::new();
        for kind in ["objectMetadata", "fieldMetadata", "view", "viewField", "index"] {
            let entries = self.kinds.get(kind).cloned().unwrap_or_else(|| json!([]));
            let count = entries.as_array().map_or(0, Vec::len);
            if count > 0 {
                summary.insert(kind.into(), count.into());
            }
            errors.insert(kind.into(), entries);
        }
        Err(Failure::validation(json!({
            "message": format!("Multiple validation errors occurred while {doing}"),
            "errors": errors,
            "summary": summary,
            "userFriendlyMessage": "Many validation errors",
        })))
    }
}
