//! Which facts name a source record, and what goes with it.

use serde_json::Value as Json;

use crate::{Fact, RecordRef};

/// What is left of a fact when records are erased.
#[derive(Debug, PartialEq)]
pub(crate) enum Left {
    /// It names none of them.
    Whole,
    /// It stays without the list items that named one.
    Changed(Fact),
    /// It is about one of them.
    Nothing,
}

/// Takes records out of a fact, as [`Erase::Records`](crate::Erase::Records) says.
pub(crate) fn without(fact: &Fact, records: &[RecordRef]) -> Left {
    let names: Vec<String> = records.iter().map(ToString::to_string).collect();
    if names.iter().any(|name| holds_name(&fact.key, name)) {
        return Left::Nothing;
    }
    let mut value = fact.value.clone();
    if take_out(&mut value, records, &names) {
        return Left::Nothing;
    }
    match value {
        value if value == fact.value => Left::Whole,
        Json::Array(items) if items.is_empty() => Left::Nothing,
        value => Left::Changed(Fact { value, ..fact.clone() }),
    }
}

fn holds_name(key: &str, name: &str) -> bool {
    let ends = |neighbour: Option<char>| !neighbour.is_some_and(|c| c.is_alphanumeric() || "_-.".contains(c));
    key.match_indices(name)
        .any(|(at, _)| ends(key[..at].chars().next_back()) && ends(key[at + name.len()..].chars().next()))
}

/// Takes items that name a record out of the lists within, and says whether what is left outside of them names one.
fn take_out(value: &mut Json, records: &[RecordRef], names: &[String]) -> bool {
    match value {
        Json::String(text) => names.contains(text),
        Json::Array(items) => {
            items.retain_mut(|item| !take_out(item, records, names));
            false
        }
        Json::Object(map) => {
            let text = |field: &str| map.get(field).and_then(Json::as_str);
            let is = |record: &RecordRef| {
                text("object") == Some(record.object.as_str()) && text("id") == Some(record.id.as_str())
            };
            let named = records.iter().any(is);
            map.values_mut().fold(named, |named, item| take_out(item, records, names) || named)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fact_names_a_record_by_key_or_in_its_value() {
        let records = [RecordRef::new("contacts", "7")];
        let left =
            |kind: &str, key: &str, value: Json| without(&Fact { kind: kind.into(), key: key.into(), value }, &records);
        assert_eq!(left("decision", "contacts/7", Json::Null), Left::Nothing);
        assert_eq!(left("decision", "people:contacts/7:owner", Json::Null), Left::Nothing);
        assert_eq!(left("match/contacts/email", "a@b.c", json!("contacts/7")), Left::Nothing);
        assert_eq!(left("match/contacts/email", "a@b.c", json!(["contacts/7"])), Left::Nothing);
        assert_eq!(left("note", "1", json!({"about": {"object": "contacts", "id": "7"}})), Left::Nothing);
        assert_eq!(left("decision", "contacts/71", Json::Null), Left::Whole);
        assert_eq!(left("decision", "old_contacts/7", Json::Null), Left::Whole);
        assert_eq!(left("plan", "plan", json!({"merge": {"7": "8"}, "when": "contacts/7!"})), Left::Whole);
        assert_eq!(left("match/contacts/email", "a@b.c", json!({"object": "contacts", "id": "8"})), Left::Whole);
    }

    #[test]
    fn lists_lose_the_innermost_item_that_names_a_record() {
        let records = [RecordRef::new("contacts", "7"), RecordRef::new("contacts", "9")];
        let before = json!({
            "records": [{"source": {"object": "contacts", "id": "7"}}, {"source": "other", "links": ["contacts/9", "x"]}],
        });
        let after = json!({"records": [{"source": "other", "links": ["x"]}]});
        let fact = |value| Fact { kind: "document".into(), key: "sample".into(), value };
        assert_eq!(without(&fact(before), &records), Left::Changed(fact(after)));
    }
}
