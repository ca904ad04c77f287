//! The history: what becomes of which event, its time, and profiles with very many.

use std::collections::{BTreeMap, BTreeSet};

use crmkit_core::{
    Value as V,
    chrono::{DateTime, TimeDelta, Utc},
};
use crmkit_sources::apsis_one::EmailEvents;
use serde_json::{Value, json};

use super::world::{MAIN, SINCE, World, all, doubt, email_event, pages, profile, record, text};

/// An event type of a section.
fn event_type(discriminator: &str, name: &str, version: u32) -> Value {
    json!({ "discriminator": discriminator, "name": name, "versions": [{ "id": version.to_string() }] })
}

const TYPES: [(&str, &str); 6] = [
    ("com.apsis1.events.website.page-view", "Page view"),
    ("com.apsis1.events.forms.submit", "Form submit"),
    ("com.apsis1.events.signal.custom-phone-call-a1b2c3d4e5", "Phone call"),
    ("com.apsis1.events.transaction.custom-order-a1b2c3d4e5", "Order placed"),
    ("com.apsis1.events.consent.opt-in", "Opt-in"),
    ("com.apsis1.events.email.open", "Email open"),
];

fn account(events: Vec<Value>, email_events: Vec<Value>) -> Value {
    let types: Vec<Value> =
        (300..).zip(TYPES).map(|(version, (discriminator, name))| event_type(discriminator, name, version)).collect();
    json!({
        "sections": [{ "discriminator": MAIN, "name": "Main", "events": types }],
        "profiles": { "x1": profile("ann@example.org", &[(MAIN, json!({ "events": events }))]) },
        "email_events": email_events,
    })
}

fn event(number: usize, at: &str) -> Value {
    json!({ "discriminator": TYPES[number].0, "event_time": at, "data": { "place": number } })
}

#[tokio::test]
async fn each_event_becomes_what_its_type_says_at_its_time() {
    let times: Vec<String> =
        (0..TYPES.len()).map(|number| format!("2026-01-{:02}T10:11:12.345Z", 2 + 3 * number)).collect();
    let events = times.iter().enumerate().map(|(number, at)| event(number, at)).collect();
    for told in [true, false] {
        let world = World::of(account(Vec::clone(&events), vec![])).await;
        world.simulator.set_switches(|switches| switches.event_discriminator = told);
        let source = world.source();
        let mut found = BTreeMap::new();
        for (object, time) in [("events", "occurred_at"), ("notes", "occurred_at")] {
            for record in all(&source, object).await {
                let what = if object == "notes" {
                    text(&record, "body").lines().next().unwrap().to_owned()
                } else {
                    format!("{} as {}", text(&record, "subject"), text(&record, "type"))
                };
                assert_eq!(text(&record, "profile"), "profiles/x1");
                assert!(text(&record, "body").contains("place: "), "{record:?}");
                found.insert(what, text(&record, time));
            }
        }
        let expected: BTreeMap<String, String> =
            [("Page view", 0), ("Form submit", 1), ("Phone call as call", 2), ("Order placed as task", 3)]
                .map(|(what, number)| (what.to_owned(), times[number].clone()))
                .into();
        assert_eq!(found, expected, "consents tell about themselves, opens are in the reports");
    }
}

#[tokio::test]
async fn opens_can_come_from_the_profiles_instead() {
    let world = World::of(account(vec![event(5, "2026-01-05T10:00:00Z")], vec![])).await;
    let source = world.source_with(|config| config.events.email = EmailEvents::Profiles);
    let events = all(&source, "events").await;
    assert_eq!(events.len(), 1);
    assert_eq!((text(&events[0], "subject"), text(&events[0], "type")), ("Email open".to_owned(), "task".to_owned()));
    assert_eq!(world.count("POST", "/emails/reports"), 0);
}

#[tokio::test]
async fn a_history_of_5001_events_comes_whole_in_chunks() {
    let start: DateTime<Utc> = SINCE.parse().unwrap();
    let events = (0..5_001)
        .map(|number| {
            // Every fifth event is like the one before in everything.
            let number = if number % 5 == 4 { number - 1 } else { number };
            let at = start + TimeDelta::minutes(5 * number);
            json!({ "discriminator": TYPES[3].0, "event_time": at, "data": { "order": number } })
        })
        .collect();
    let world = World::of(account(events, vec![])).await;
    let source = world.source();
    let pages = pages(&source, "events", 500, None).await.unwrap();
    assert!(pages.iter().all(|page| page.items.len() <= 500));
    let ids: BTreeSet<_> = pages.iter().flat_map(|page| &page.items).map(|record| record.key.id.clone()).collect();
    assert_eq!(ids.len(), 5_001, "each once, those that are alike too");
    let mut times: Vec<DateTime<Utc>> = Vec::new();
    for record in pages.iter().flat_map(|page| &page.items) {
        let Some(V::Timestamp(at)) = record.fields.get("occurred_at") else { panic!("a time") };
        times.push(*at);
    }
    assert!(times.is_sorted());
    let longest = world.simulator.requests().iter().filter_map(|request| request.body.as_ref().map(String::len)).max();
    assert!(longest.unwrap() <= 100_000);
    // The same ids in another export: a cursor means the same to both.
    let again = super::world::pages(&world.source(), "events", 777, None).await.unwrap();
    let again: BTreeSet<_> = again.iter().flat_map(|page| &page.items).map(|record| record.key.id.clone()).collect();
    assert_eq!(again, ids);
}

#[tokio::test]
async fn a_settled_week_is_exported_once_a_day_and_the_last_one_each_time() {
    let world =
        World::of(account(vec![event(3, "2026-01-03T10:00:00Z"), event(0, "2026-01-16T10:00:00Z")], vec![])).await;
    let source = world.source();
    assert_eq!(all(&source, "events").await.len(), 1);
    let first = world.count("POST", "/audience/profiles/exports");
    world.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(all(&source, "notes").await.len(), 1);
    let again = world.count("POST", "/audience/profiles/exports") - first;
    assert_eq!(again, 2, "of three weeks the first is settled");
}

#[tokio::test]
async fn email_events_are_told_once_at_a_time_that_is_known() {
    let at = "2026-01-05T10:00:00Z";
    let mut untimed = email_event("ann@example.org", "CLICKED", "c2", at);
    untimed["event_time"] = json!(0);
    let mut lost = email_event("ann@example.org", "CLICKED", "c5", at);
    lost["event_time"] = json!(0);
    let rows = vec![
        email_event("Ann@Example.org", "OPENED", "c1", at),
        email_event("Ann@Example.org", "OPENED", "c1", at),
        email_event("ann@example.org", "CLICKED", "c1", at),
        untimed,
        email_event("nobody@example.org", "OPENED", "c3", at),
    ];
    let world = World::of(account(vec![], rows)).await;
    let source = world.source();
    let records = all(&source, "email_events").await;
    let ids: BTreeSet<&str> = records.iter().map(|record| record.key.id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["c1:OPENED", "c1:CLICKED", "c2:CLICKED", "c3:OPENED"]));
    assert_eq!(records.len(), 4, "a row that the vendor sent twice is one");
    let opened = record(&records, "c1:OPENED");
    assert_eq!((text(opened, "subject"), text(opened, "type")), ("Email opened".to_owned(), "task".to_owned()));
    assert_eq!(text(opened, "occurred_at"), at);
    assert_eq!(text(opened, "profile"), "profiles/x1");
    assert!(text(opened, "body").contains("Subject: News"));
    let untimed = record(&records, "c2:CLICKED");
    assert_eq!(text(untimed, "occurred_at"), "2026-01-05T10:00:01.500Z", "the server's time");
    let stranger = record(&records, "c3:OPENED");
    assert_eq!(doubt(stranger, "profile"), Some("no profile has the address"));
}

#[tokio::test]
async fn without_a_beginning_there_is_no_history_and_a_word_about_it() {
    use crmkit_core::SourceConnector;
    let world = World::of(account(vec![event(3, "2026-01-03T10:00:00Z")], vec![])).await;
    let source = world.source_with(|config| config.events.since = None);
    assert_eq!(all(&source, "events").await, vec![]);
    let problems = source.describe().await.unwrap().problems;
    assert!(problems.iter().any(|problem| problem.code == "events_not_read"), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.code == "events_left" && problem.message.contains("Opt-in")));
}
