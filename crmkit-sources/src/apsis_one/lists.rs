//! The account's own definitions as records: tags, sections, segments, flows, each with what a person needs to rebuild it.

use crmkit_core::{Record, RecordRef, Result, Value};
use serde_json::{Value as Json, json};

use super::{
    account::{Account, FLOWS, SECTIONS, SEGMENTS, TAGS},
    client::{Client, segment},
    columns::slug,
    config::ApsisOneConfig,
    extract, infer, wire,
};

/// Ids of a list's records, in order.
pub(super) fn ids(account: &Account, config: &ApsisOneConfig, object: &str) -> Vec<String> {
    let mut ids: Vec<String> = match object {
        TAGS => account.tags.labels.keys().cloned().collect(),
        SEGMENTS => account.catalog.segments.iter().map(|one| one.discriminator.clone()).collect(),
        SECTIONS => account.catalog.sections.iter().map(|one| one.discriminator.clone()).collect(),
        FLOWS => flows(account, config).into_iter().map(|(id, _)| id).collect(),
        _ => Vec::new(),
    };
    ids.sort();
    ids.dedup();
    ids
}

/// The record of an id.
pub(super) async fn record(
    client: &Client,
    account: &Account,
    config: &ApsisOneConfig,
    object: &'static str,
    id: &str,
) -> Result<Option<Record>> {
    let record = Record::new(RecordRef::new(object, id));
    Ok(match object {
        TAGS => account.tags.labels.get(id).map(|tag| {
            let spellings: Vec<String> =
                tag.spellings.iter().map(|(name, section)| format!("{name} ({section})")).collect();
            record
                .with("name", Value::text(id))
                .with("spellings", Value::text(spellings.join("; ")))
                .with("profiles", Value::Int(count(tag.profiles)))
                .with("rare", Value::Bool(tag.is_rare()))
        }),
        SECTIONS => account.catalog.section(id).map(|section| {
            let definition = json!({
                "kind": "section",
                "discriminator": section.discriminator,
                "name": section.name,
                "attributes": section.attributes.iter().map(named).collect::<Vec<_>>(),
                "tags": section.tags.iter().map(named).collect::<Vec<_>>(),
                "topics": section.topics.iter().map(named).collect::<Vec<_>>(),
                "event_types": section.events.iter().map(|event| named(&event.definition)).collect::<Vec<_>>(),
                "filter": { "field": "sections", "operator": "contains", "value": section.name },
            });
            defined(record, &section.name, section.description.as_deref(), None, &definition)
        }),
        SEGMENTS => match account.catalog.segments.iter().find(|one| one.discriminator == id) {
            Some(one) => Some(segment_record(client, account, config, record, one).await?),
            None => None,
        },
        FLOWS => flows(account, config).into_iter().find(|(own, _)| own == id).map(|(_, flow)| {
            let name = flow.get("name").map(infer::plain).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| id.to_owned());
            let description = flow.get("description").map(infer::plain).filter(|text| !text.is_empty());
            let definition = json!({ "kind": "automation", "name": name, "flow": flow });
            defined(record, &name, description.as_deref(), None, &definition)
        }),
        _ => None,
    })
}

async fn segment_record(
    client: &Client,
    account: &Account,
    config: &ApsisOneConfig,
    record: Record,
    one: &wire::Named,
) -> Result<Record> {
    let path = format!("/audience/segments/{}", segment(&one.discriminator));
    let known: Json = client.get("apsis_one.segment", &path).await?;
    let mut versions = Vec::new();
    for version in known["versions"].as_array().into_iter().flatten() {
        let id = infer::plain(&version["id"]);
        if id.is_empty() || !version["deprecated_at"].is_null() {
            continue;
        }
        let path = format!("{path}/versions/{}", segment(&id));
        versions.push(client.get::<Json>("apsis_one.segment_version", &path).await?);
    }
    let members = match config.count_members {
        true => Some(extract::members(client, &account.catalog, &one.discriminator).await?.len() as u64),
        false => None,
    };
    let kept = config.static_segments.iter().any(|wanted| *wanted == one.discriminator || wanted == one.label());
    let definition = json!({
        "kind": "segment",
        "discriminator": one.discriminator,
        "name": one.label(),
        "static": kept,
        "members": members,
        "versions": versions,
    });
    Ok(defined(record, one.label(), one.description.as_deref(), members, &definition))
}

fn defined(record: Record, name: &str, description: Option<&str>, members: Option<u64>, definition: &Json) -> Record {
    let mut record = record.with("name", Value::text(name));
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        record = record.with("description", Value::text(description));
    }
    if let Some(members) = members {
        record = record.with("members", Value::Int(count(members)));
    }
    record.with("definition", Value::text(definition.to_string()))
}

fn named(one: &wire::Named) -> Json {
    json!({ "discriminator": one.discriminator, "name": one.label() })
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The inventory, and the documents that people wrote; a document is about the flow of its name.
fn flows(account: &Account, config: &ApsisOneConfig) -> Vec<(String, Json)> {
    let mut flows: Vec<(String, Json)> = Vec::new();
    for (number, flow) in account.catalog.flows.iter().enumerate() {
        let id = ["id", "discriminator", "activity_id"].into_iter().map(|name| infer::plain(&flow[name]));
        let id = id.into_iter().find(|id| !id.is_empty()).unwrap_or_else(|| format!("flow-{number}"));
        flows.push((id, flow.clone()));
    }
    for (number, document) in config.flows.iter().enumerate() {
        let name = infer::plain(&document["name"]);
        let known = flows.iter_mut().find(|(_, flow)| !name.is_empty() && infer::plain(&flow["name"]) == name);
        match known {
            Some((_, flow)) => flow["document"] = document.clone(),
            None => {
                let id = if name.is_empty() { number.to_string() } else { slug(&name) };
                flows.push((format!("document-{id}"), document.clone()));
            }
        }
    }
    flows
}
