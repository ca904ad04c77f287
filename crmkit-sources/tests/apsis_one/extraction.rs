//! Extractions that are interrupted: tokens end, exports go, storms of 429, downloads that break off. Nothing is lost, nothing comes
//! twice, and nothing is written.

use std::{collections::BTreeSet, time::Duration};

use crmkit_core::{
    Clock, ErrorKind, PageRequest, Retry, SourceConnector,
    chrono::TimeDelta,
    simulator::{Effect, Fault},
};
use crmkit_sources::apsis_one::{ApsisOne, simulator::PollStyle};
use serde_json::{Map, json};

use super::world::{MAIN, SHOP, World, all, attribute, consent, nine, pages, profile, text};

const EXPORTS: &str = "/audience/profiles/exports";
const DOWNLOADS: &str = "/audience/downloads";
const HOUR: u64 = 3_600;

/// Every profile exactly once, each with its consent.
async fn complete(source: &ApsisOne) {
    let records = all(source, "profiles").await;
    let ids: Vec<String> = records.iter().map(|record| record.key.id.to_string()).collect();
    assert_eq!(ids, (1..=9).map(|number| format!("x{number}")).collect::<Vec<_>>());
    for record in &records {
        let consented = if record.key.id == "x4" { "" } else { "true" };
        assert_eq!(text(record, "email_consent"), consented, "{}", record.key);
    }
}

#[tokio::test]
async fn one_token_serves_the_process_and_is_renewed_before_its_end() {
    let world = World::of(nine()).await;
    let source = world.source();
    complete(&source).await;
    complete(&source).await;
    assert_eq!(world.count("POST", "/oauth/token"), 1);
    world.clock.advance(Duration::from_secs(24 * HOUR - 10 * 60));
    complete(&source).await;
    assert_eq!(world.count("POST", "/oauth/token"), 2, "renewed within the margin of 15 minutes");
    assert!(world.simulator.requests().iter().all(|request| request.status != Some(403)), "never refused");
}

#[tokio::test]
async fn a_token_that_is_refused_in_the_middle_is_renewed_once_for_all() {
    let world = World::of(nine()).await;
    let source = world.source();
    let first = source.read(&PageRequest::first("profiles", 2)).await.unwrap();
    world.simulator.revoke_tokens();
    let rest = pages(&source, "profiles", 2, first.next).await.unwrap();
    let ids: BTreeSet<_> = first
        .items
        .iter()
        .chain(rest.iter().flat_map(|page| &page.items))
        .map(|record| record.key.id.clone())
        .collect();
    assert_eq!(ids.len(), 9);
    assert_eq!(world.count("POST", "/oauth/token"), 2);
}

#[tokio::test]
async fn wrong_keys_and_missing_permissions_are_told_apart() {
    let world = World::of(nine()).await;
    let source = world.source_with(|config| config.client_secret = Some("wrong".to_owned().into()));
    let error = source.describe().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never), "{error}");
    assert_eq!(world.count("POST", "/oauth/token"), 1);

    let denied = json!({ "status": 403, "title": "The keyspace may not read this attribute" });
    world.fault(Fault::on("GET", "/audience/sections", Effect::answer(403, denied)));
    let source = world.source();
    let error = source.describe().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never), "{error}");
    assert_eq!(world.count("POST", "/oauth/token"), 2, "a new token would not help");
    assert!(!format!("{error:?}").contains(&world.simulator.client_secret()));
}

#[tokio::test]
async fn an_export_that_is_gone_is_asked_for_anew() {
    let world = World::of(nine()).await;
    let problem = json!({ "status": 410, "title": "gone" });
    world.fault(Fault::on("GET", "/audience/downloads/*", Effect::answer(410, problem)).nth(2));
    complete(&world.source()).await;
    assert_eq!(world.count("POST", EXPORTS), 2);
    assert_eq!(world.simulator.verify(), Vec::<String>::new());
}

#[tokio::test]
async fn a_walk_goes_on_a_day_later_in_another_process() {
    let world = World::of(nine()).await;
    let first = world.source().read(&PageRequest::first("profiles", 4)).await.unwrap();
    world.clock.advance(Duration::from_secs(30 * HOUR));
    // Who came meanwhile is seen by this walk or the next, and shifts nobody.
    world.simulator.put("x0", profile("early@example.org", &[(MAIN, json!({}))])).unwrap();
    let rest = pages(&world.source(), "profiles", 4, first.next).await.unwrap();
    let ids: Vec<String> = first
        .items
        .iter()
        .chain(rest.iter().flat_map(|page| &page.items))
        .map(|record| record.key.id.to_string())
        .collect();
    assert_eq!(ids, (1..=9).map(|number| format!("x{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_export_that_takes_too_long_is_left_for_later_and_outlived() {
    let world = World::of(nine()).await;
    world.simulator.set_switches(|switches| switches.polls_until_ready = 100_000);
    let source = world.source_with(|config| config.export_wait_seconds = 2 * HOUR);
    let error = source.describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    assert_eq!(world.count("POST", EXPORTS), 1);
    // Asked again, the same job is waited for, until it would be gone.
    source.describe().await.unwrap_err();
    assert_eq!(world.count("POST", EXPORTS), 1, "the job is still on its way");
    world.clock.advance(Duration::from_secs(24 * HOUR));
    world.simulator.set_switches(|switches| switches.polls_until_ready = 1);
    complete(&source).await;
    assert_eq!(world.count("POST", EXPORTS), 2);
}

#[tokio::test]
async fn storms_outages_and_broken_downloads_lose_nothing() {
    let world = World::of(nine()).await;
    let status = |status: u16| Effect::Status { status, body: None, headers: Vec::new() };
    world.fault(Fault::on("POST", EXPORTS, Effect::RetryAfter { value: "soon".to_owned() }).times(4));
    world.fault(Fault::on("GET", "/audience/downloads/*", Effect::TruncateBody).nth(3));
    world.fault(Fault::on("GET", "/audience/downloads/*", Effect::Garbage).nth(4));
    world.fault(Fault::on("GET", "/audience/downloads/*", Effect::ResetBody).nth(5));
    world.fault(Fault::on("GET", "/audience/sections", status(500)).times(2));
    world.fault(
        Fault::on("GET", "/v2/audience/keyspaces/{}/profiles/{}/sections/{}/consents", status(429)).nth(2).times(5),
    );
    world.fault(Fault::on("GET", "/v2/audience/keyspaces/{}/profiles/{}/sections/{}/consents", Effect::Reset).nth(9));
    world.fault(Fault::on("POST", "/oauth/token", status(503)));
    let source = world.source();
    // A page may have to be asked for again, as the engine does.
    let described = async {
        loop {
            match source.describe().await {
                Ok(described) => break described,
                Err(error) => {
                    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
                    let until = world.clock.now() + TimeDelta::from_std(wait).unwrap();
                    world.clock.sleep_until(until).await;
                }
            }
        }
    };
    assert_eq!(described.await.counts["profiles"], 9);
    complete(&source).await;
    assert_eq!(world.simulator.verify(), Vec::<String>::new(), "everything went wrong that was to");
}

#[tokio::test]
async fn a_page_that_failed_is_read_again_and_the_walk_goes_on() {
    let world = World::of(nine()).await;
    let source = world.source();
    let first = source.read(&PageRequest::first("profiles", 3)).await.unwrap();
    let down = Effect::Status { status: 503, body: None, headers: Vec::new() };
    world.fault(Fault::on("GET", "/v2/audience/keyspaces/{}/profiles/x5/sections/{}/consents", down).times(7));
    let request = PageRequest::first("profiles", 3).at(first.next.clone().unwrap());
    let error = source.read(&request).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    let rest = pages(&source, "profiles", 3, first.next).await.unwrap();
    let ids: Vec<String> = first
        .items
        .iter()
        .chain(rest.iter().flat_map(|page| &page.items))
        .map(|record| record.key.id.to_string())
        .collect();
    assert_eq!(ids, (1..=9).map(|number| format!("x{number}")).collect::<Vec<_>>());
    assert_eq!(world.simulator.verify(), Vec::<String>::new());
}

#[tokio::test]
async fn an_event_export_that_failed_is_asked_for_anew() {
    let world = World::of(nine()).await;
    let failed = Effect::Status { status: 503, body: None, headers: Vec::new() };
    let source = world.source();
    source.describe().await.unwrap();
    let before = world.count("POST", EXPORTS);
    world.fault(Fault::on("GET", "/audience/downloads/events/{}", failed));
    assert_eq!(all(&source, "notes").await.len(), 18);
    assert_eq!(world.count("POST", EXPORTS) - before, 3 + 1, "three windows, and one of them twice");
}

#[tokio::test]
async fn both_styles_of_polling_are_understood() {
    let mut account = nine();
    account["segments"] = json!([{
        "discriminator": "usercreated.segments.vip-2222222222",
        "name": "VIP",
        "definition": "opaque",
        "members": ["x2", "x3"],
    }]);
    for poll in [PollStyle::Both, PollStyle::Legacy, PollStyle::V2] {
        let world = World::of(account.clone()).await;
        world.simulator.set_switches(|switches| switches.poll = poll);
        let source = world.source_with(|config| config.static_segments = vec!["VIP".to_owned()]);
        let records = all(&source, "profiles").await;
        let members: Vec<&str> = records
            .iter()
            .filter(|record| text(record, "segments") == "VIP")
            .map(|record| record.key.id.as_str())
            .collect();
        assert_eq!(members, ["x2", "x3"], "{poll:?}");
        let (old, new) =
            (world.count("GET", "/audience/downloads/legacy"), world.count("GET", "/audience/downloads/v2"));
        assert_eq!((old > 0, new > 0), (poll == PollStyle::Legacy, poll != PollStyle::Legacy), "{poll:?}");
    }
}

#[tokio::test]
async fn many_columns_become_several_short_requests() {
    let attributes: Vec<_> = (0..300)
        .map(|number| attribute(&format!("a{number}-0000000000"), &format!("Field {number}"), 1_000 + 2 * number))
        .collect();
    let mut values: Map<_, _> = (0..300)
        .map(|number| (format!("usercreated.attributes.a{number}-0000000000"), json!(format!("value {number}"))))
        .collect();
    values.insert("com.apsis1.attributes.firstname".to_owned(), json!("Ann"));
    let account = json!({
        "sections": [{ "discriminator": MAIN, "name": "Main", "attributes": attributes }],
        "switches": { "body_limit": 20_000 },
        "profiles": { "x1": profile("ann@example.org", &[(MAIN, json!({ "attributes": values }))]) },
    });
    let world = World::of(account).await;
    let source = world.source_with(|config| config.limits.body_bytes = 20_000);
    let records = all(&source, "profiles").await;
    for number in 0..300 {
        assert_eq!(text(&records[0], &format!("field_{number}")), format!("value {number}"));
    }
    assert!(world.count("POST", EXPORTS) > 2);
    let refused = world.simulator.requests().into_iter().filter(|request| request.status == Some(413)).count();
    assert_eq!(refused, 0, "no request is longer than the account takes");
    // The vendor's limit, read one way or the other, is kept: the connector's default is the smaller one.
    assert_eq!(world.config().limits.body_bytes, 100_000);
}

#[tokio::test]
async fn limits_are_kept_and_nothing_is_written() {
    let mut account = nine();
    let mut profiles = Map::new();
    for number in 0..250 {
        let given = json!({ "consents": [consent("news", "email", "opt-in", "2026-01-03T08:00:00Z")] });
        let email = format!("p{number}@example.org");
        profiles.insert(format!("x{number:03}"), profile(&email, &[(MAIN, given.clone()), (SHOP, given)]));
    }
    account["profiles"] = json!(profiles);
    let mut shop = account["sections"][0].clone();
    shop["discriminator"] = json!(SHOP);
    account["sections"].as_array_mut().unwrap().push(shop);
    let world = World::of(account).await;
    let before = world.simulator.dump();
    let source = world.source();
    for object in source.describe().await.unwrap().schema.objects.keys() {
        pages(&source, object.as_str(), 100, None).await.unwrap();
    }
    let requests = world.simulator.requests();
    assert!(requests.iter().all(|request| request.status != Some(429)), "no limit was ever reached");
    assert_eq!(requests.iter().filter(|request| request.path.ends_with("/consents")).count(), 500);
    let reading = ["/oauth/token", EXPORTS, "/audience/profiles/reports/segments", "/emails/reports"];
    for request in &requests {
        let reads = request.method == "GET" || request.method == "POST" && reading.contains(&request.path.as_str());
        assert!(reads, "{} {}", request.method, request.path);
    }
    assert_eq!(world.simulator.dump(), before);
    assert!(world.count("GET", DOWNLOADS) > 0);
}
