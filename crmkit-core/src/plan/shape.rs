//! What a plan's text may say where, so that every slip is a located problem and not one long error.

use serde_json::Value as Json;

use super::{spans::deeper, suggest::instead};
use crate::{FieldType, Problem, Severity, TransformCall};

/// What stands at one place.
pub(super) enum Shape {
    Text,
    /// A whole number from 0 to this.
    Whole(u64),
    Number,
    YesNo,
    Choice(&'static [&'static str]),
    TextOrTexts,
    FieldType,
    Transform,
    List(&'static Shape),
    /// Free keys.
    MapOf(&'static Shape),
    Table(&'static [Key]),
}

/// An entry of a table.
pub(super) struct Key {
    name: &'static str,
    required: bool,
    shape: Shape,
}

const fn must(name: &'static str, shape: Shape) -> Key {
    Key { name, required: true, shape }
}

const fn may(name: &'static str, shape: Shape) -> Key {
    Key { name, required: false, shape }
}

const TEXTS: Shape = Shape::List(&Shape::Text);
const U32: Shape = Shape::Whole(u32::MAX as u64);

const END: Shape = Shape::Table(&[must("kind", Shape::Text), may("instance", Shape::Text)]);
const OWNERS: Shape = Shape::Table(&[
    may("fallback", Shape::Text),
    may("unowned", Shape::Text),
    may("aliases", Shape::MapOf(&Shape::Text)),
]);
const SAMPLE: Shape = Shape::Table(&[
    may("size", Shape::Whole(u32::MAX as u64)),
    may("keep", Shape::YesNo),
    may("seed", Shape::Whole(u64::MAX)),
]);
const DELTA: Shape = Shape::Table(&[
    may("conflict", Shape::Choice(&["keep_theirs", "take_ours", "hold"])),
    may("gone", Shape::Choice(&["report", "remove"])),
    may("shrink", Shape::Number),
]);
const ROLLBACK: Shape = Shape::Table(&[may("window_hours", U32)]);
const QUESTION: Shape = Shape::Table(&[
    must("id", Shape::Text),
    may("about", Shape::Text),
    must("text", Shape::Text),
    may("choices", TEXTS),
    may("answer", Shape::Text),
]);
const STAGE: Shape = Shape::Table(&[must("name", Shape::Text), may("probability", Shape::Whole(100))]);
const PIPELINE: Shape = Shape::Table(&[
    must("object", Shape::Text),
    must("name", Shape::Text),
    may("use_existing", Shape::Text),
    must("stages", Shape::List(&STAGE)),
]);
const FIELD: Shape = Shape::Table(&[
    must("id", Shape::Text),
    must("object", Shape::Text),
    must("name", Shape::Text),
    must("type", Shape::FieldType),
    may("options", TEXTS),
    may("use_existing", Shape::Text),
]);
const OBJECT: Shape =
    Shape::Table(&[must("id", Shape::Text), must("name", Shape::Text), may("use_existing", Shape::Text)]);
const ITEM: Shape = Shape::Table(&[
    must("kind", Shape::Choice(&["option", "label", "activity_type", "lead_source", "filter"])),
    must("object", Shape::Text),
    may("field", Shape::Text),
    must("names", TEXTS),
    may("conditions", Shape::List(&PREDICATE)),
]);
const PREDICATE: Shape = Shape::Table(&[
    must("field", Shape::Text),
    may("one_of", TEXTS),
    may("none_of", TEXTS),
    may("filled", Shape::YesNo),
]);
const MATCHING: Shape =
    Shape::Table(&[must("by", Shape::Text), must("found", Shape::Choice(&["create", "link", "update", "skip"]))]);
const LINE: Shape = Shape::Table(&[
    must("id", Shape::Text),
    may("from", Shape::TextOrTexts),
    must("to", Shape::Text),
    may("transforms", Shape::List(&Shape::Transform)),
    may("link", Shape::Text),
    may("unresolved", Shape::Choice(&["hold", "leave"])),
    may("required", Shape::YesNo),
    may("overwrite", Shape::Choice(&["always", "if_empty", "never"])),
    may("badge", Shape::Choice(&["1:1", "1:many", "many:1", "lossy", "folded", "guide only"])),
    may("confidence", Shape::Number),
    may("reason", Shape::Text),
    may("origin", Shape::Text),
]);
const MAPPING: Shape = Shape::Table(&[
    must("id", Shape::Text),
    must("from", Shape::Text),
    must("to", Shape::Text),
    may("when", PREDICATE),
    may("exclude", TEXTS),
    may("merge", Shape::MapOf(&Shape::Text)),
    may("matching", MATCHING),
    must("fields", Shape::List(&LINE)),
]);

/// A plan.
pub(super) const PLAN: Shape = Shape::Table(&[
    must("format", Shape::Text),
    must("version", U32),
    may("revision", U32),
    must("source", END),
    must("destination", END),
    may("time_zone", Shape::Text),
    may("date_zone", Shape::Text),
    may("currency", Shape::Text),
    may("stop_when", Shape::Number),
    may("accept", TEXTS),
    may("owners", OWNERS),
    may("sample", SAMPLE),
    may("delta", DELTA),
    may("rollback", ROLLBACK),
    may("questions", Shape::List(&QUESTION)),
    may("pipelines", Shape::List(&PIPELINE)),
    may("objects", Shape::List(&OBJECT)),
    may("fields", Shape::List(&FIELD)),
    may("items", Shape::List(&ITEM)),
    may("mappings", Shape::List(&MAPPING)),
]);

/// Finds what does not have the shape; an optional key with `null` is taken out.
pub(super) fn check(json: &mut Json, shape: &Shape, pointer: &str, problems: &mut Vec<Problem>) {
    let is = called(json);
    let mut wrong = |what: &str| problems.push(wrong_type(is, what, pointer));
    match (shape, &mut *json) {
        (Shape::Text, Json::String(_)) | (Shape::YesNo, Json::Bool(_)) | (Shape::Number, Json::Number(_)) => {}
        (Shape::TextOrTexts, Json::String(_)) => {}
        (Shape::Text, _) => wrong("a text"),
        (Shape::YesNo, _) => wrong("true or false"),
        (Shape::Number, _) => wrong("a number"),
        (Shape::Whole(max), Json::Number(number)) if number.as_u64().is_some_and(|number| number <= *max) => {}
        (Shape::Whole(max), _) => wrong(&format!("a whole number from 0 to {max}")),
        (Shape::Choice(choices), Json::String(text)) => {
            if !choices.contains(&text.as_str()) {
                let remedy = instead(text, choices.iter().copied());
                let message = format!("{text:?} is none of the choices");
                problems.push(Problem::new(Severity::Block, "wrong_value", message, remedy).at(pointer));
            }
        }
        (Shape::Choice(choices), _) => wrong(&format!("one of {}", choices.join(", "))),
        (Shape::FieldType, Json::String(text)) if text == "text" => *json = serde_json::json!({ "text": {} }),
        (Shape::FieldType, _) => {
            if serde_json::from_value::<FieldType>(json.clone()).is_err() {
                let known = [
                    "text",
                    "bool",
                    "int",
                    "decimal",
                    "long_text",
                    "rich",
                    "date",
                    "time",
                    "local",
                    "timestamp",
                    "duration",
                    "money",
                    "name",
                    "address",
                    "emails",
                    "phones",
                    "url",
                    "option",
                    "options",
                    "any",
                ];
                let remedy = match json.as_str() {
                    Some(text) => instead(text, known),
                    None => {
                        "write a type's name, { text = { max = 255 } } or { link = { to = [\"object\"] } }".to_owned()
                    }
                };
                problems.push(Problem::new(Severity::Block, "wrong_value", "no such field type", remedy).at(pointer));
            }
        }
        (Shape::Transform, _) => {
            if serde_json::from_value::<TransformCall>(json.clone()).is_err() {
                wrong("a transform's name, or one name with its arguments: \"trim\", { truncate = 255 }");
            }
        }
        (Shape::TextOrTexts, Json::Array(_)) => check(json, &TEXTS, pointer, problems),
        (Shape::TextOrTexts, _) => wrong("a text or a list of texts"),
        (Shape::List(inner), Json::Array(values)) => {
            for (index, value) in values.iter_mut().enumerate() {
                check(value, inner, &deeper(pointer, index), problems);
            }
        }
        (Shape::List(_), _) => wrong("a list"),
        (Shape::MapOf(inner), Json::Object(entries)) => {
            for (key, value) in entries.iter_mut() {
                check(value, inner, &deeper(pointer, key), problems);
            }
        }
        (Shape::Table(keys), Json::Object(entries)) => table(entries, keys, pointer, problems),
        (Shape::MapOf(_) | Shape::Table(_), _) => wrong("a table"),
    }
}

fn table(entries: &mut serde_json::Map<String, Json>, keys: &[Key], pointer: &str, problems: &mut Vec<Problem>) {
    for key in keys {
        if !key.required && entries.get(key.name).is_some_and(Json::is_null) {
            entries.remove(key.name);
        }
        if key.required && !entries.contains_key(key.name) {
            let message = format!("the key {:?} is missing", key.name);
            problems.push(Problem::new(Severity::Block, "missing_key", message, "add it").at(pointer));
        }
    }
    for (name, value) in entries.iter_mut() {
        let inner = deeper(pointer, name);
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check(value, &key.shape, &inner, problems),
            None => {
                let remedy = instead(name, keys.iter().map(|key| key.name));
                let message = format!("no key {name:?} belongs here");
                problems.push(Problem::new(Severity::Block, "unknown_key", message, remedy).at(inner));
            }
        }
    }
}

fn wrong_type(is: &str, what: &str, pointer: &str) -> Problem {
    Problem::new(Severity::Block, "wrong_type", format!("this is {is}"), format!("write {what}")).at(pointer)
}

fn called(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a table",
    }
}
