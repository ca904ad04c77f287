//! The calls that read definitions: keyspaces, sections, attributes, tags, events, topics, segments, flows.

use serde_json::{Map, Value, json};

use super::account::{Account, Definition, Section};
use super::answer::Answer;
use super::service::Ask;
use super::switches::Switches;

/// Answers a call below `/audience` that reads definitions; nothing where it is none.
pub(super) fn answer(account: &Account, ask: &Ask<'_>) -> Option<Answer> {
    let switches = &account.switches;
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    let in_section = |section: &str, items: &dyn Fn(&Section) -> Vec<Value>| match account.section(section) {
        Some(section) => Answer::items(items(section)),
        None => Answer::problem(switches, 404, 1, "No such section"),
    };
    Some(match (ask.method, &segments[..]) {
        ("GET", ["audience", "keyspaces"]) => Answer::items(
            account
                .keyspaces
                .iter()
                .map(|keyspace| {
                    json!({
                        "discriminator": keyspace.discriminator,
                        "name": keyspace.name,
                        "manage_subscriptions": keyspace.manage_subscriptions,
                    })
                })
                .collect(),
        ),
        ("GET", ["audience", "channels"]) => Answer::items(account.channels.iter().map(|one| json!(one)).collect()),
        ("GET", ["audience", "sections"]) => Answer::items(
            account
                .sections
                .iter()
                .map(|section| {
                    json!({
                        "discriminator": section.discriminator,
                        "name": section.name,
                        "description": section.description,
                    })
                })
                .collect(),
        ),
        ("GET", ["audience", "sections", section, "attributes"]) => in_section(section, &|section| {
            let permissions = ask.query("include_keyspace_permissions") == Some("true");
            section.attributes.iter().map(|one| definition(one, switches, permissions.then_some(account))).collect()
        }),
        ("GET", ["audience", "sections", section, "events"]) => in_section(section, &|section| {
            section.events.iter().map(|one| definition(one, &Switches::default(), None)).collect()
        }),
        ("GET", ["audience", "sections", section, "tags"]) => {
            in_section(section, &|section| section.tags.iter().map(|tag| json!(tag)).collect())
        }
        ("GET", ["v2", "audience", "sections", section, "topics"]) => {
            in_section(section, &|section| section.topics.iter().map(|topic| json!(topic)).collect())
        }
        ("GET", ["audience", "segments"]) => Answer::items(
            account
                .segments
                .iter()
                .map(|segment| json!({ "discriminator": segment.discriminator, "name": segment.name }))
                .collect(),
        ),
        ("GET", ["audience", "segments", wanted, rest @ ..]) => {
            let segment = account.segments.iter().find(|segment| segment.discriminator == *wanted);
            match (segment, rest) {
                (Some(segment), []) => Answer::json(
                    200,
                    &json!({
                        "discriminator": segment.discriminator,
                        "name": segment.name,
                        "versions": [{ "id": "1", "deprecated_at": null }],
                    }),
                ),
                (Some(segment), ["versions", "1"]) => {
                    Answer::json(200, &json!({ "id": "1", "definition": segment.definition }))
                }
                _ => Answer::problem(switches, 404, 1, "No such segment"),
            }
        }
        ("GET", ["marketing-automation", "activities"]) => Answer::items(account.flows.clone()),
        _ => return None,
    })
}

fn definition(one: &Definition, switches: &Switches, permissions: Option<&Account>) -> Value {
    let versions: Vec<Value> = one
        .versions
        .iter()
        .map(|version| {
            let mut json = Map::from_iter([
                ("id".to_owned(), json!(version.id)),
                ("deprecated_at".to_owned(), json!(version.deprecated_at)),
            ]);
            if let Some(ty) = one.ty.as_ref().filter(|_| !switches.type_property.is_empty()) {
                json.insert(switches.type_property.clone(), json!(ty));
            }
            Value::Object(json)
        })
        .collect();
    let mut json = json!({
        "discriminator": one.discriminator, "name": one.name, "description": one.description, "versions": versions,
    });
    if let Some(account) = permissions {
        let allowed = account.keyspaces.iter().map(
            |keyspace| json!({ "keyspace_discriminator": keyspace.discriminator, "permissions": ["READ", "WRITE"] }),
        );
        json["keyspace_permissions"] = allowed.collect();
    }
    json
}
