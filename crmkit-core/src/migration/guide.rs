//! Rebuild guides: automations and segments cannot move as code; each becomes a list of steps that a person rebuilds (R4, R226, R326).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    Destination, FieldConcept, ObjectConcept, ObjectSchema, PageRequest, Record, RecordRef, Result,
    migration::Migration,
};

/// How to rebuild an automation or a segment by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guide {
    /// Its name at the source.
    pub name: String,
    /// What it is there.
    pub kind: GuideKind,
    /// The source record.
    pub source: RecordRef,
    /// What else the source says of it: status, number of members.
    pub facts: BTreeMap<String, String>,
    /// The steps, each below the one it belongs to.
    pub steps: Vec<GuideStep>,
    /// The source's own description, whole.
    pub definition: Json,
}

/// What a guide rebuilds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuideKind {
    /// A workflow or flow.
    Automation,
    /// A list that follows rules.
    Segment,
}

/// One rule, condition or action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideStep {
    /// How many steps it is below.
    pub depth: u16,
    /// Its place: `trigger`, `conditions 2`.
    pub place: String,
    /// What it is or does, in the source's word.
    pub what: String,
    /// Its settings.
    pub settings: BTreeMap<String, String>,
    /// What stands for it at the destination; a person has to choose where nothing does.
    pub destination: Option<String>,
}

impl Migration {
    /// A guide for every automation and segment of the source, in its order.
    pub(super) async fn guides(&self, destination: &Destination) -> Result<Vec<Guide>> {
        let source = self.core.source.describe().await?;
        let mut guides = Vec::new();
        for object in source.schema.objects.values() {
            let kind = match object.concept {
                Some(ObjectConcept::Automation) => GuideKind::Automation,
                Some(ObjectConcept::Segment) => GuideKind::Segment,
                _ => continue,
            };
            let mut request = PageRequest::first(object.name.clone(), self.core.settings.page_size);
            loop {
                let page = self.core.source.read(&request).await?;
                guides.extend(page.items.iter().map(|record| guide(kind, object, record, destination)));
                match page.next {
                    Some(next) => request = request.at(next),
                    None => break,
                }
            }
        }
        Ok(guides)
    }
}

fn guide(kind: GuideKind, object: &ObjectSchema, record: &Record, destination: &Destination) -> Guide {
    let named = |concept| object.by_concept(concept).and_then(|field| record.fields.get(&field.name));
    let definition = named(FieldConcept::Definition).map(ToString::to_string).unwrap_or_default();
    // What is no JSON is still all that the source says.
    let definition = serde_json::from_str(&definition).unwrap_or(Json::String(definition));
    let mut steps = Vec::new();
    walk(&definition, "", 0, destination, &mut steps);
    let told = object.fields.values().filter(|field| {
        !matches!(field.concept, Some(FieldConcept::Definition | FieldConcept::Name | FieldConcept::Id))
    });
    Guide {
        name: named(FieldConcept::Name).map_or_else(|| record.key.id.to_string(), ToString::to_string),
        kind,
        source: record.key.clone(),
        facts: told
            .filter_map(|field| Some((field.label.clone(), record.fields.get(&field.name)?.to_string())))
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        steps,
        definition,
    }
}

/// Keys that say what a step is, most telling first.
const TELLING: [&str; 8] = ["type", "operator", "event", "action", "op", "kind", "condition", "name"];

/// Every object of the definition is a step; what it holds are its settings and the steps below.
fn walk(json: &Json, place: &str, depth: u16, destination: &Destination, steps: &mut Vec<GuideStep>) {
    match json {
        Json::Object(entries) => {
            let telling = TELLING.iter().find(|key| entries.get(**key).is_some_and(Json::is_string));
            let what = telling.and_then(|key| entries[*key].as_str()).unwrap_or_default().to_owned();
            let scalar = |(key, value): (&String, &Json)| {
                let text = match value {
                    Json::String(text) => text.clone(),
                    Json::Null => return None,
                    Json::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                        items.iter().map(plain).collect::<Vec<_>>().join(", ")
                    }
                    Json::Array(_) | Json::Object(_) => return None,
                    other => other.to_string(),
                };
                (telling != Some(&key.as_str())).then(|| (key.clone(), text))
            };
            let settings: BTreeMap<String, String> = entries.iter().filter_map(scalar).collect();
            let is_step = !what.is_empty() || !settings.is_empty();
            if is_step {
                let equivalent = destination.equivalents.get(&folded(&what)).cloned();
                steps.push(GuideStep { depth, place: place.to_owned(), what, settings, destination: equivalent });
            }
            for (key, value) in entries.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
                walk(value, key, depth + u16::from(is_step), destination, steps);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object() || item.is_array()) {
                walk(item, &format!("{place} {}", index + 1), depth, destination, steps);
            }
        }
        Json::String(text) if !text.is_empty() => steps.push(GuideStep {
            depth,
            place: place.to_owned(),
            what: text.clone(),
            settings: BTreeMap::new(),
            destination: None,
        }),
        _ => {}
    }
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// Letters and digits in lower case: sources spell their terms in every way.
fn folded(term: &str) -> String {
    term.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_becomes_steps_below_each_other() {
        let mut destination = Destination::new("mock", "1");
        destination.equivalents.insert("sendemail".to_owned(), "Automations > Send email".to_owned());
        let flow = serde_json::json!({
            "trigger": {"event": "profile_tagged", "tag": "VIP"},
            "nodes": [
                {"type": "condition", "field": "country", "operator": "in", "values": ["SE", "NO"], "then": [{"type": "send_email", "template": "Hi"}]},
                {"type": "wait", "days": 3},
            ],
        });
        let mut steps = Vec::new();
        walk(&flow, "", 0, &destination, &mut steps);
        let told: Vec<_> = steps.iter().map(|step| (step.depth, step.place.as_str(), step.what.as_str())).collect();
        assert_eq!(
            told,
            [
                (0, "nodes 1", "condition"),
                (1, "then 1", "send_email"),
                (0, "nodes 2", "wait"),
                (0, "trigger", "profile_tagged")
            ]
        );
        assert_eq!(steps[0].settings["values"], "SE, NO");
        assert_eq!(steps[1].destination.as_deref(), Some("Automations > Send email"));
        assert_eq!(steps[3].settings["tag"], "VIP");
    }
}
