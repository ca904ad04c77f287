//! Which facts name a source record, and go with it.

use serde_json::Value as Json;

use crate::{Fact, RecordRef};

/// Whether a fact names one of these records.
///
/// It does when its key holds the record's `object/id`, at its ends or between characters other than letters, digits, `_`,
/// `-` and `.`; and for kinds that begin with `match/` also when its value holds, at any depth, that text or an object
/// with this `object` and `id`.
pub(crate) fn names_one(fact: &Fact, records: &[RecordRef]) -> bool {
    records.iter().any(|record| {
        let name = record.to_string();
        holds_name(&fact.key, &name) || (fact.kind.starts_with("match/") && holds_record(&fact.value, record, &name))
    })
}

fn holds_name(key: &str, name: &str) -> bool {
    let ends = |neighbour: Option<char>| !neighbour.is_some_and(|c| c.is_alphanumeric() || "_-.".contains(c));
    key.match_indices(name)
        .any(|(at, _)| ends(key[..at].chars().next_back()) && ends(key[at + name.len()..].chars().next()))
}

fn holds_record(value: &Json, record: &RecordRef, name: &str) -> bool {
    match value {
        Json::String(text) => text == name,
        Json::Array(items) => items.iter().any(|item| holds_record(item, record, name)),
        Json::Object(map) => {
            let is = |field: &str, text: &str| map.get(field).and_then(Json::as_str) == Some(text);
            is("object", record.object.as_str()) && is("id", record.id.as_str())
                || map.values().any(|item| holds_record(item, record, name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_names_a_record_by_key_or_in_a_match_index() {
        let records = [RecordRef::new("contacts", "7")];
        let fact = |kind: &str, key: &str, value: Json| Fact { kind: kind.into(), key: key.into(), value };
        let named = [
            fact("decision", "contacts/7", Json::Null),
            fact("decision", "people:contacts/7:owner", Json::Null),
            fact("match/contacts/email", "a@b.c", Json::from("contacts/7")),
            fact("match/contacts/email", "a@b.c", serde_json::json!([{"object": "contacts", "id": "7"}])),
        ];
        let others = [
            fact("decision", "contacts/71", Json::Null),
            fact("decision", "old_contacts/7", Json::Null),
            fact("plan", "plan", Json::from("contacts/7")),
            fact("match/contacts/email", "a@b.c", serde_json::json!({"object": "contacts", "id": "8"})),
        ];
        assert!(named.iter().all(|fact| names_one(fact, &records)));
        assert!(!others.iter().any(|fact| names_one(fact, &records)));
    }
}
