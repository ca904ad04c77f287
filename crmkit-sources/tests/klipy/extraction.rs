//! Extractions that are interrupted go on without loss, and none ever writes.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use crmkit_core::{
    Clock as _, Credentials, Error, ErrorKind, Result, Retry, Severity, SourceConnector,
    secrecy::{ExposeSecret, SecretString},
    simulator::{Effect, Fault},
};
use crmkit_sources::klipy::{
    KeyHeader, Klipy,
    simulator::{ApiKey, CursorName, Impostor, KlipySimulator, RateHeaders, Switches},
};
use serde_json::{Value, json};

use super::{all, config, ids, klipy, one, simulator, text};

/// A workspace with that many people, each of a company of their own.
fn crowd(count: usize) -> Value {
    let people: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "id": format!("c_{number}"), "email": format!("p{number}@firm{number}.example"), "firstName": "P",
                "lastName": format!("{number}"), "companyId": format!("cmp_{number}"),
            })
        })
        .collect();
    let companies: Vec<Value> = (0..count)
        .map(|number| json!({ "id": format!("cmp_{number}"), "name": format!("Firm {number}"), "domain": format!("firm{number}.example") }))
        .collect();
    let key = ApiKey::new("klipy_api_0123456789abcdef01234567", ["ALL"]);
    json!({ "workspaces": [{
        "profile": { "name": "Crowd", "keys": [key] },
        "tables": { "people": people, "companies": companies, "interactions": [] },
    }] })
}

fn limited() -> Switches {
    let mut switches = Switches::default();
    switches.per_key = 200;
    switches
}

async fn is_whole(source: &Klipy, count: usize) {
    let people: BTreeSet<String> = ids(&all(source, "contacts").await).into_iter().collect();
    let companies: BTreeSet<String> = ids(&all(source, "companies").await).into_iter().collect();
    assert_eq!(people, (0..count).map(|number| format!("c_{number}")).collect());
    assert_eq!(companies, (0..count).map(|number| format!("cmp_{number}")).collect());
    let contact = one(source, "contacts", "c_1").await;
    assert_eq!(text(&contact, "company"), "companies/cmp_1");
}

#[tokio::test]
async fn the_limits_of_a_minute_are_kept_and_never_hit() {
    for header in [KeyHeader::Own, KeyHeader::Bearer] {
        let (simulator, clock) = simulator(KlipySimulator::builder().seed(crowd(500)).switches(limited())).await;
        let mut config = config(&simulator);
        config.header = header;
        is_whole(&klipy(config, &clock), 500).await;
        let requests = simulator.requests();
        assert!(requests.iter().all(|request| request.status == Some(200)), "no answer was a 429");
        assert_eq!(requests.len(), 1 + 5 + 1 + 500, "one call a company, pages of a hundred");
        assert!(simulator.verify().is_empty());
    }
}

#[tokio::test]
async fn whoever_shares_the_key_is_waited_for_as_either_header_style_says() {
    for style in [RateHeaders::Epoch, RateHeaders::Seconds, RateHeaders::Plain, RateHeaders::Absent] {
        let mut switches = limited();
        (switches.per_key, switches.rate_headers, switches.retry_after) = (20, style, false);
        let mut seed = crowd(50);
        seed["workspaces"][0]["profile"]["switches"] = json!(switches);
        let (simulator, clock) = simulator(KlipySimulator::builder().seed(seed)).await;
        // The connector believes in 200.
        let source = klipy(config(&simulator), &clock);
        is_whole(&source, 50).await;
        let refused = simulator.requests().iter().filter(|request| request.status == Some(429)).count();
        assert!(refused <= 40, "{style:?}: {refused} calls were refused");
        if style == RateHeaders::Seconds || style == RateHeaders::Plain {
            assert!(refused <= 12, "{style:?}: a spent window pauses everybody, yet {refused} calls were refused");
        }
    }
}

#[tokio::test]
async fn what_passes_by_itself_does_not_interrupt() {
    let effects = [
        Effect::TruncateBody,
        Effect::ResetBody,
        Effect::Garbage,
        Effect::CloseBeforeApply,
        Effect::Reset,
        Effect::Html { status: 502, body: None },
        Effect::Html { status: 200, body: None },
        Effect::RetryAfter { value: "3".into() },
        Effect::RetryAfter { value: "nonsense".into() },
    ];
    for effect in effects {
        for path in
            ["/api/v1/authenticate", "/api/v1/people/query", "/api/v1/interactions/query", "/api/v1/companies/{id}"]
        {
            let (simulator, clock) = simulator(KlipySimulator::builder().seed(crowd(25))).await;
            simulator.fault(Fault::on("*", path, effect.clone()).times(2));
            let mut config = config(&simulator);
            config.page = 10;
            is_whole(&klipy(config, &clock), 25).await;
            assert!(simulator.verify().is_empty(), "{effect:?} {path}: {:?}", simulator.verify());
        }
    }
}

#[tokio::test]
async fn an_extraction_goes_on_where_it_failed_in_the_same_process_and_in_another() {
    // A storm of 429s, truncated answers, a gateway's pages: each long enough that the connector gives up.
    let storms = [
        (Effect::RetryAfter { value: "400".into() }, ErrorKind::Limited),
        (Effect::TruncateBody, ErrorKind::Unavailable),
        (Effect::Html { status: 503, body: None }, ErrorKind::Unavailable),
        (Effect::ExpiredToken, ErrorKind::Auth),
    ];
    for (effect, kind) in storms {
        for (path, nth) in [("/api/v1/people/query", 3), ("/api/v1/companies/{id}", 12)] {
            for other_process in [false, true] {
                let (simulator, clock) = simulator(KlipySimulator::builder().seed(crowd(45))).await;
                let folder = tempfile::tempdir().unwrap();
                let mut config = config(&simulator);
                config.page = 10;
                config.snapshot = Some(folder.path().join("snapshot"));
                let first = klipy(config.clone(), &clock);
                simulator.fault(Fault::on("*", path, effect.clone()).nth(nth).times(40));
                let error = first.describe().await.expect_err("the storm lasts");
                assert_eq!(error.kind(), kind, "{effect:?} {path}");
                let calm =
                    KlipySimulator::builder().jumping_clock(&clock).seed(simulator.dump()).start().await.unwrap();
                config.base_url = calm.url();
                let source = if other_process {
                    drop(first);
                    klipy(config, &clock)
                } else {
                    drain(&simulator, path).await;
                    if let Some(until) = error.until() {
                        clock.sleep_until(until).await;
                    }
                    first
                };
                let before = pages(&simulator);
                is_whole(&source, 45).await;
                let again = if other_process { pages(&calm) } else { pages(&simulator) - before };
                // Five pages in all; those that came before are not asked for again.
                let wanted = if path.contains("people") { 3 } else { 0 };
                assert_eq!(again, wanted, "{effect:?} {path} other process: {other_process}");
            }
        }
    }
}

/// Answered pages of people.
fn pages(simulator: &KlipySimulator) -> usize {
    let requests = simulator.requests();
    let people = |request: &&crmkit_core::simulator::LoggedRequest| request.path.ends_with("/people/query");
    requests.iter().filter(people).filter(|request| request.status == Some(200)).count()
}

/// Lets the rest of a storm hit somebody else.
async fn drain(simulator: &KlipySimulator, path: &str) {
    let client = reqwest::Client::new();
    let url = simulator.url().replace("/api/v1", "") + &path.replace("{id}", "cmp_0");
    for _ in 0..200 {
        if simulator.verify().is_empty() {
            return;
        }
        let request = if path.contains("query") { client.post(&url) } else { client.get(&url) };
        drop(request.header("x-klipy-api-key", simulator.key()).body("{}").send().await);
    }
    panic!("the storm does not end: {:?}", simulator.verify());
}

/// Keys that the host rotates.
#[derive(Debug)]
struct Rotating(Mutex<Vec<&'static str>>);

#[async_trait]
impl Credentials for Rotating {
    async fn token(&self) -> Result<SecretString> {
        Ok(SecretString::from(self.0.lock().unwrap()[0].to_owned()))
    }

    async fn refresh(&self, refused: &SecretString) -> Result<SecretString> {
        let mut keys = self.0.lock().unwrap();
        if keys[0] == refused.expose_secret() && keys.len() > 1 {
            keys.remove(0);
            return Ok(SecretString::from(keys[0].to_owned()));
        }
        Err(Error::new(ErrorKind::Auth, "keys.refresh", "there is no other key", Retry::Never))
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_or_ends_meanwhile_is_renewed_once() {
    let (simulator, clock) = simulator(KlipySimulator::builder().seed(crowd(30))).await;
    simulator.add_key(ApiKey::new("klipy_api_next", ["ALL"]));
    let mut config = config(&simulator);
    (config.key, config.page) = (None, 10);
    let keys = Arc::new(Rotating(Mutex::new(vec!["klipy_api_0123456789abcdef01234567", "klipy_api_next"])));
    let source = Klipy::builder(config, clock.clone()).credentials(keys.clone()).build().unwrap();
    simulator.fault(Fault::on("POST", "/api/v1/people/query", Effect::ExpiredToken).nth(2));
    is_whole(&source, 30).await;
    assert_eq!(*keys.0.lock().unwrap(), ["klipy_api_next"]);
    assert!(simulator.verify().is_empty());
}

#[tokio::test]
async fn a_missing_scope_blocks_unless_a_file_stands_in() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    simulator.add_key(ApiKey::new("klipy_api_people", ["people:read"]));
    let mut config = config(&simulator);
    config.key = Some(SecretString::from("klipy_api_people".to_owned()));
    let source = klipy(config.clone(), &clock).describe().await.unwrap();
    let missing: Vec<_> = source.problems.iter().filter(|problem| problem.code == "missing_scope").collect();
    assert_eq!(missing.len(), 2, "{:?}", source.problems);
    assert!(missing.iter().all(|problem| problem.severity == Severity::Block));

    let files = super::approved(&[
        ("companies.csv", "Company Name,Domain,Company ID\nAcme,acme.example,cmp_1\n"),
        ("activities.csv", "Activity ID,Type\n"),
    ]);
    config.harvest = Some(files.path().to_owned());
    let source = klipy(config, &clock);
    let described = source.describe().await.unwrap();
    assert!(described.problems.iter().all(|problem| problem.severity != Severity::Block), "{:?}", described.problems);
    assert_eq!(text(&one(&source, "contacts", "c_1").await, "company"), "companies/cmp_1");
}

#[tokio::test]
async fn a_snapshot_is_of_one_workspace_and_a_refreshed_source_sees_what_changed() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&simulator);
    config.snapshot = Some(folder.path().join("snapshot"));
    let source = klipy(config.clone(), &clock);
    assert_eq!(all(&source, "contacts").await.items.len(), 9);
    let asked = simulator.count();
    let again = klipy(config.clone(), &clock);
    assert_eq!(all(&again, "contacts").await.items.len(), 9);
    assert_eq!(simulator.count(), asked, "a whole snapshot is not drawn again");

    simulator.put("people", json!({ "id": "c_10", "email": "new@acme.example" })).unwrap();
    assert!(simulator.remove("people", "c_6"));
    source.refresh().await.unwrap();
    let people = ids(&all(&source, "contacts").await);
    assert!(people.contains(&"c_10".to_owned()) && !people.contains(&"c_6".to_owned()), "{people:?}");

    let mut other = crowd(3);
    other["workspaces"][0]["profile"]["name"] = json!("Other");
    simulator.seed(&other).unwrap();
    std::fs::write(
        folder.path().join("torn"),
        "{\"begun\":{\"format\":\"crmkit.klipy-snapshot\",\"version\":1,\"team\":\"Northwind Agency\"}}\n{\"pa",
    )
    .unwrap();
    config.snapshot = Some(folder.path().join("torn"));
    let error = klipy(config, &clock).describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.message().contains("Northwind Agency") && error.message().contains("Other"), "{error}");
}

#[tokio::test]
async fn the_gif_service_is_refused_and_nothing_is_ever_written() {
    let mut switches = Switches::default();
    switches.impostor = Impostor::Gifs;
    let (gifs, clock) = simulator(KlipySimulator::builder().switches(switches)).await;
    let error = klipy(config(&gifs), &clock).describe().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Protocol, Retry::Never));

    for cursors in [CursorName::NextCursor, CursorName::EndCursor, CursorName::Repeats] {
        let mut switches = Switches::default();
        switches.cursors = cursors;
        let (simulator, clock) = simulator(KlipySimulator::builder().switches(switches)).await;
        let mut config = config(&simulator);
        config.page = 2;
        let source = klipy(config, &clock);
        assert_eq!(all(&source, "contacts").await.items.len(), 9, "{cursors:?}");
        let reads = |request: &crmkit_core::simulator::LoggedRequest| {
            request.method == "GET" || request.path.ends_with("/query")
        };
        assert!(simulator.requests().iter().all(reads));
    }
}

#[tokio::test]
async fn interactions_become_what_they_are() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let source = klipy(config(&simulator), &clock);
    let described = source.describe().await.unwrap();
    let counts = ["emails", "tasks", "meetings", "calls", "notes"].map(|object| described.counts[object]);
    assert_eq!(counts, [1, 3, 2, 1, 1]);
    for (id, channel) in [("int_2", "LinkedIn"), ("int_3", "WhatsApp"), ("int_4", "Telegram")] {
        let message = one(&source, "tasks", id).await;
        assert_eq!(text(&message, "subject"), format!("{channel} message"));
        assert!(text(&message, "body").starts_with(&format!("Channel: {channel}\n\n")), "{message:?}");
    }
    let email = one(&source, "emails", "int_1").await;
    assert!(matches!(&email.fields["body"], crmkit_core::Value::Rich(_)));
    assert_eq!(text(&email, "start"), "2025-03-01T09:55:00Z");
    assert_eq!(text(&email, "contact"), "contacts/c_1");
    assert_eq!(text(&email, "owner"), "owners/u_1");
    assert_eq!(text(&one(&source, "notes", "int_7").await, "contact"), "contacts/c_9");
    // The address as the mail client wrote it, and the name that it showed.
    let shown = one(&source, "contacts", "c_3").await;
    assert_eq!((text(&shown, "emails"), text(&shown, "name")), ("ann.berg@acme.example".into(), "Berg, Ann".into()));
}
