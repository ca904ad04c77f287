//! A simulated account, a clock that jumps, and a source on both.

use std::sync::Arc;

use crmkit_core::{
    Cursor, Page, PageRequest, Record, Result, SourceConnector, Value as V,
    simulator::{Fault, JumpingClock},
};
use crmkit_sources::apsis_one::{ApsisOne, ApsisOneConfig, simulator::ApsisOneSimulator};
use serde_json::{Map, Value, json};

pub(crate) const MAIN: &str = "usercreated.sections.main-aaaaaaaaaa";
pub(crate) const SHOP: &str = "usercreated.sections.shop-bbbbbbbbbb";

/// Before the first event of any test.
pub(crate) const SINCE: &str = "2026-01-01T00:00:00Z";
pub(crate) const NOW: &str = "2026-01-20T12:00:00Z";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Arc<JumpingClock>,
    pub(crate) simulator: ApsisOneSimulator,
}

impl World {
    pub(crate) async fn of(account: Value) -> Self {
        let clock = JumpingClock::starting_at(NOW.parse().unwrap());
        let builder = ApsisOneSimulator::builder().jumping_clock(&clock).log(100_000, 20_000).seed(account);
        let simulator = builder.start().await.unwrap();
        Self { clock: Arc::new(clock), simulator }
    }

    pub(crate) fn config(&self) -> ApsisOneConfig {
        let mut config =
            ApsisOneConfig::at(self.simulator.url(), self.simulator.client_id(), self.simulator.client_secret());
        config.events.since = Some(SINCE.parse().unwrap());
        config.timeout_seconds = 5;
        config
    }

    pub(crate) fn source(&self) -> Arc<ApsisOne> {
        self.source_with(|_| {})
    }

    pub(crate) fn source_with(&self, change: impl FnOnce(&mut ApsisOneConfig)) -> Arc<ApsisOne> {
        let mut config = self.config();
        change(&mut config);
        Arc::new(ApsisOne::builder(config, self.clock.clone()).build().unwrap())
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.simulator.fault(fault);
    }

    /// How many requests there were of a method on paths with this beginning.
    pub(crate) fn count(&self, method: &str, beginning: &str) -> usize {
        let requests = self.simulator.requests();
        requests.iter().filter(|request| request.method == method && request.path.starts_with(beginning)).count()
    }
}

/// All pages of an object from a place on.
pub(crate) async fn pages(
    source: &ApsisOne,
    object: &str,
    limit: usize,
    cursor: Option<Cursor>,
) -> Result<Vec<Page<Record>>> {
    let mut request = PageRequest { object: object.into(), cursor, limit };
    let mut pages = Vec::new();
    loop {
        let page = source.read(&request).await?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Some(next) => request = request.at(next),
            None => return Ok(pages),
        }
    }
}

/// All records of an object.
pub(crate) async fn all(source: &ApsisOne, object: &str) -> Vec<Record> {
    let pages = pages(source, object, 500, None).await.unwrap();
    pages.into_iter().flat_map(|page| page.items).collect()
}

/// The record of an id.
pub(crate) fn record<'a>(records: &'a [Record], id: &str) -> &'a Record {
    records.iter().find(|record| record.key.id == id).unwrap_or_else(|| panic!("no {id}"))
}

/// A field's text; empty where it is absent.
pub(crate) fn text(record: &Record, field: &str) -> String {
    record.fields.get(field).map(V::to_string).unwrap_or_default()
}

/// The doubt about a field, in words.
pub(crate) fn doubt<'a>(record: &'a Record, field: &str) -> Option<&'a str> {
    record.doubts.iter().find(|doubt| doubt.field == field).map(|doubt| doubt.message.as_str())
}

/// An attribute of a section: a version that is over, and one that is not.
pub(crate) fn attribute(slug: &str, name: &str, number: u32) -> Value {
    json!({
        "discriminator": format!("usercreated.attributes.{slug}"),
        "name": name,
        "versions": [
            { "id": number.to_string(), "deprecated_at": "2023-01-02T00:00:00Z" },
            { "id": (number + 1).to_string(), "deprecated_at": null },
        ],
    })
}

/// A profile with data in sections, found by its addresses.
pub(crate) fn profile(email: &str, sections: &[(&str, Value)]) -> Value {
    let sections: Map<String, Value> = sections
        .iter()
        .map(|(section, data)| {
            let mut data = data.clone();
            if !email.is_empty() && data["attributes"]["com.apsis1.attributes.email"].is_null() {
                data["attributes"]["com.apsis1.attributes.email"] = json!(email);
            }
            ((*section).to_owned(), data)
        })
        .collect();
    let keys = if email.is_empty() { json!({}) } else { json!({ "com.apsis1.keyspaces.email": email }) };
    json!({ "keys": keys, "sections": sections })
}

/// An account with nine profiles, one of them without an address, and a few events.
pub(crate) fn nine() -> Value {
    let mut profiles = Map::new();
    let mut email_events = Vec::new();
    for number in 1..=9 {
        let email = if number == 4 { String::new() } else { format!("p{number}@example.org") };
        let events: Vec<Value> = (0..2)
            .map(|event| {
                json!({
                    "discriminator": "com.apsis1.events.website.page-view",
                    "event_time": format!("2026-01-{:02}T10:0{event}:00Z", 2 * number),
                    "data": { "url": format!("https://shop.example/{number}/{event}") },
                })
            })
            .collect();
        let data = json!({
            "attributes": { "com.apsis1.attributes.firstname": format!("Person {number}") },
            "events": events,
            "consents": [consent("news", "email", "opt-in", "2026-01-03T08:00:00Z")],
        });
        profiles.insert(format!("x{number}"), profile(&email, &[(MAIN, data)]));
        if number != 4 {
            email_events.push(email_event(&email, "OPENED", &format!("c{number}"), "2026-01-05T10:00:00Z"));
        }
    }
    json!({
        "sections": [{
            "discriminator": MAIN,
            "name": "Main",
            "events": [{
                "discriminator": "com.apsis1.events.website.page-view",
                "name": "Page view",
                "versions": [{ "id": "311" }],
            }],
            "topics": [{ "discriminator": "usercreated.topics.news-1111111111", "name": "News" }],
        }],
        "profiles": profiles,
        "email_events": email_events,
    })
}

pub(crate) fn consent(topic: &str, channel: &str, ty: &str, at: &str) -> Value {
    json!({
        "topic_discriminator": format!("usercreated.topics.{topic}-1111111111"),
        "channel_discriminator": format!("com.apsis1.channels.{channel}"),
        "type": ty,
        "source": "Form",
        "reason": "Signed up",
        "modified_at": at,
    })
}

pub(crate) fn email_event(address: &str, ty: &str, correlation: &str, at: &str) -> Value {
    let millis = at.parse::<crmkit_core::chrono::DateTime<crmkit_core::chrono::Utc>>().unwrap().timestamp_millis();
    json!({
        "activity_id": "a1",
        "activity_name": "January letter",
        "subject": "News",
        "address": address,
        "type": ty,
        "correlation_id": correlation,
        "event_time": millis,
        "server_time": millis + 1_500,
    })
}
