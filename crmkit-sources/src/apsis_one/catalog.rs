//! What the account defines: sections with their attributes, tags and event types, segments, flows.

use std::collections::HashMap;

use crmkit_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

use super::{
    client::{Client, segment},
    config::{ApsisOneConfig, EventKind},
    events, wire,
};

/// The definitions of the sections that are read, in order of precedence.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) sections: Vec<Section>,
    pub(super) segments: Vec<wire::Named>,
    pub(super) flows: Vec<Json>,
    /// The inventory of flows could not be read.
    pub(super) flows_missing: bool,
}

#[derive(Debug)]
pub(super) struct Section {
    pub(super) discriminator: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) attributes: Vec<wire::Named>,
    pub(super) tags: Vec<wire::Named>,
    pub(super) events: Vec<EventType>,
    pub(super) topics: Vec<wire::Named>,
    /// Places in `attributes` by discriminator, version and name, in that order of preference.
    by_name: HashMap<String, usize>,
}

/// An event type and what becomes of its events.
#[derive(Debug)]
pub(super) struct EventType {
    pub(super) definition: wire::Named,
    pub(super) kind: events::Fate,
}

impl Section {
    /// The attribute that a value is listed under, and whether by a version that is not current any more.
    pub(super) fn attribute(&self, key: &str) -> Option<(usize, bool)> {
        let place = *self.by_name.get(key)?;
        let old = self.attributes[place].versions.iter().any(|version| version.id == key && !version.is_current());
        Some((place, old))
    }

    pub(super) fn event(&self, event: &wire::Event) -> Option<&EventType> {
        let version = match &event.version_id {
            Some(Json::String(id)) => id.clone(),
            Some(Json::Number(id)) => id.to_string(),
            _ => String::new(),
        };
        self.events.iter().find(|known| {
            event.discriminator.as_deref() == Some(&known.definition.discriminator)
                || known.definition.versions.iter().any(|one| one.id == version)
        })
    }

    pub(super) fn tag(&self, name: &str) -> Option<&wire::Named> {
        self.tags.iter().find(|tag| tag.discriminator == name || tag.label() == name)
    }
}

impl Catalog {
    pub(super) async fn read(client: &Client, config: &ApsisOneConfig) -> Result<Self> {
        let all: Vec<wire::Named> = client.items("apsis_one.sections", "/audience/sections").await?;
        let mut sections = Vec::new();
        for wanted in chosen(all, &config.sections)? {
            sections.push(read_section(client, config, wanted).await?);
        }
        let segments = client.items("apsis_one.segments", "/audience/segments").await?;
        let mut flows = Vec::new();
        let mut flows_missing = false;
        if let Some(path) = &config.flows_path {
            match client.items("apsis_one.flows", path).await {
                Ok(found) => flows = found,
                // Nobody promised the inventory.
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable | ErrorKind::Protocol) =>
                {
                    flows_missing = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Self { sections, segments, flows, flows_missing })
    }

    pub(super) fn section(&self, discriminator: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.discriminator == discriminator)
    }

    /// The name of a topic, for people.
    pub(super) fn topic(&self, section: &str, discriminator: &str) -> Option<&str> {
        let topics = &self.section(section)?.topics;
        topics.iter().find(|topic| topic.discriminator == discriminator).map(wire::Named::label)
    }
}

/// The sections that the configuration names, in its order.
fn chosen(all: Vec<wire::Named>, names: &[String]) -> Result<Vec<wire::Named>> {
    if names.is_empty() {
        return Ok(all);
    }
    names
        .iter()
        .map(|name| {
            let found = all.iter().find(|one| one.discriminator == *name || one.label() == name);
            found.cloned().ok_or_else(|| {
                Error::input("apsis_one.sections", "the configuration names a section that the account does not have")
                    .with_context("section", name)
            })
        })
        .collect()
}

async fn read_section(client: &Client, config: &ApsisOneConfig, section_: wire::Named) -> Result<Section> {
    let at = segment(&section_.discriminator);
    let list = |what: &str| format!("/audience/sections/{at}/{what}");
    let attributes: Vec<wire::Named> = client.items("apsis_one.attributes", &list("attributes")).await?;
    let tags = client.items("apsis_one.tags", &list("tags")).await?;
    let events: Vec<wire::Named> = client.items("apsis_one.event_types", &list("events")).await?;
    let topics = match client.items("apsis_one.topics", &format!("/v2/audience/sections/{at}/topics")).await {
        // An account that was never moved to the second consent model has none.
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        topics => topics?,
    };
    let mut by_name = HashMap::new();
    for (place, attribute) in attributes.iter().enumerate() {
        by_name.entry(attribute.label().to_owned()).or_insert(place);
    }
    for (place, attribute) in attributes.iter().enumerate() {
        by_name.extend(attribute.versions.iter().map(|version| (version.id.clone(), place)));
        by_name.insert(attribute.discriminator.clone(), place);
    }
    let events = events
        .into_iter()
        .map(|definition| {
            let kind = events::classify(&config.events, &definition);
            EventType { definition, kind }
        })
        .collect();
    let name = section_.label().to_owned();
    let (discriminator, description) = (section_.discriminator, section_.description);
    Ok(Section { discriminator, name, description, attributes, tags, events, topics, by_name })
}

impl EventType {
    pub(super) fn is(&self, kind: EventKind) -> bool {
        self.kind == events::Fate::Kind(kind)
    }
}
