//! Pages, search, quotas and caps.

use chrono::TimeDelta;
use crmkit_core::Clock;
use crmkit_core::simulator::JumpingClock;
use crmkit_pipedrive::simulator::{PipedriveSimulator, Switches, Tier};
use serde_json::json;

use crate::api::{Api, FrozenClock, ids};

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().limits(false).clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for number in 1..=5 {
        clock.advance(TimeDelta::seconds(1));
        api.post("/api/v2/organizations", json!({"name": format!("O{number}"), "owner_id": 1 + number % 2})).await;
    }
    for (query, expected) in [
        ("limit=2", vec![1, 2, 3, 4, 5]),
        ("limit=2&sort_direction=desc", vec![5, 4, 3, 2, 1]),
        ("limit=2&sort_by=update_time", vec![1, 2, 3, 4, 5]),
        ("limit=2&sort_by=add_time&sort_direction=desc", vec![5, 4, 3, 2, 1]),
        ("limit=1&owner_id=2", vec![1, 3, 5]),
        ("ids=5,1,77", vec![1, 5]),
    ] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = api.get(&format!("/api/v2/organizations?{query}{cursor}")).await;
            seen.extend(ids(&page));
            match page["additional_data"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{query}");
    }
    let third = api.get("/api/v2/organizations/3").await["data"]["update_time"].as_str().unwrap().to_owned();
    assert_eq!(ids(&api.get(&format!("/api/v2/organizations?updated_since={third}")).await), [3, 4, 5]);
    assert_eq!(ids(&api.get(&format!("/api/v2/organizations?updated_until={third}")).await), [1, 2]);
    for query in
        ["updated_since=2024-01-01T00:00:00.5Z", "limit=501", "type=x", "owner_id=x", "sort_by=name", "cursor=x"]
    {
        assert_eq!(api.call("GET", &format!("/api/v2/organizations?{query}"), None).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn searching_lags_behind() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.search_lag_ms = 5_000;
    let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    api.post("/api/v2/persons", json!({"name": "Jane Doe", "emails": [{"value": "jane@acme.com"}]})).await;
    let search = "/api/v2/persons/search?term=JANE@acme.com&fields=email&exact_match=true";
    assert_eq!(api.get(search).await["data"]["items"], json!([]));
    clock.advance(TimeDelta::seconds(5));
    let found = api.get(search).await;
    assert_eq!(found["data"]["items"][0]["item"]["emails"], json!(["jane@acme.com"]));
    let found = api.get("/api/v2/itemSearch?term=jane&item_types=person,organization").await;
    assert_eq!(found["data"]["items"][0]["item"]["type"], "person");
    let found = api.get("/api/v2/itemSearch/field?term=Jane%20Doe&entity_type=person&field=name").await;
    assert_eq!(found["data"], json!([{"id": 1, "name": "Jane Doe"}]));
}

#[tokio::test]
async fn bursts_and_days_have_ends() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for left in (0..120).rev() {
        let answer = api.send("GET", "/api/v1/users/me", None).await.unwrap();
        assert_eq!(
            (answer.status(), answer.headers()["x-ratelimit-remaining"].to_str().unwrap()),
            (reqwest::StatusCode::OK, &*left.to_string())
        );
    }
    let refused = api.send("GET", "/api/v1/users/me", None).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["x-ratelimit-reset"]), (429, &"2".parse().unwrap()));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(simulator.tokens_spent(), 240);
    clock.advance(TimeDelta::milliseconds(1999));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 429);
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);

    let simulator = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for call in 0..750 {
        clock.advance(TimeDelta::milliseconds(200));
        assert_eq!(api.call("GET", "/api/v1/users/find?term=x", None).await.0, 200, "{call}");
    }
    let spent = api.send("GET", "/api/v1/users/me", None).await.unwrap();
    assert_eq!(
        (spent.status().as_u16(), &spent.headers()["x-daily-ratelimit-token-remaining"]),
        (429, &"0".parse().unwrap())
    );
    clock.advance(TimeDelta::days(1));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);
}

#[tokio::test]
async fn who_hammers_is_blocked() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.block_after = 3;
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    let mut statuses = Vec::new();
    for _ in 0..25 {
        statuses.push(api.send("GET", "/api/v1/users/me", None).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[19..], [200, 429, 429, 429, 403, 403]);
    let page = api.send("GET", "/api/v1/users/me", None).await.unwrap().text().await.unwrap();
    assert!(page.contains("Cloudflare"));
    clock.advance(TimeDelta::seconds(60));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);
}

#[tokio::test]
async fn plans_have_caps() {
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).limits(false);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    for number in 0..30 {
        api.post("/api/v2/personFields", json!({"field_name": format!("F{number}"), "field_type": "text"})).await;
    }
    let answer =
        api.refused("POST", "/api/v2/dealFields", json!({"field_name": "x", "field_type": "text"}), 403, "").await;
    assert_eq!(answer["code"], "feature_capping_custom_fields_limit");
    for _ in 0..2500 {
        api.post("/api/v2/deals", json!({"title": "x"})).await;
    }
    let answer = api.refused("POST", "/api/v2/deals", json!({"title": "x"}), 403, "Open deals limit").await;
    assert_eq!(answer["code"], "feature_capping_deals_limit");
}

#[tokio::test]
async fn a_jumping_clock_skips_the_waits() {
    let clock = JumpingClock::new();
    let simulator = PipedriveSimulator::builder().tier(Tier::Lite).jumping_clock(&clock).start().await.unwrap();
    let api = Api::of(&simulator);
    let began = clock.now();
    for _ in 0..100 {
        while api.call("GET", "/api/v1/users/me", None).await.0 == 429 {
            clock.sleep_until(clock.now() + TimeDelta::hours(1)).await;
        }
    }
    // Nobody waits for hours: the clock has jumped.
    assert!(clock.now() - began >= TimeDelta::hours(4));
}

#[tokio::test]
async fn switches_change_what_limits_say() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    (switches.failed_calls_cost, switches.daily_headers, switches.retry_after) = (false, false, false);
    switches.search_counts_as_burst = false;
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(clock).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    assert_eq!(api.call("GET", "/api/v2/deals/9", None).await.0, 404);
    assert_eq!(simulator.tokens_spent(), 0);
    for _ in 0..10 {
        assert_eq!(api.call("GET", "/api/v2/persons/search?term=xx", None).await.0, 200);
    }
    assert_eq!(api.call("GET", "/api/v2/persons/search?term=xx", None).await.0, 429);
    let mut last = None;
    for _ in 0..20 {
        last = Some(api.send("GET", "/api/v1/users/me", None).await.unwrap());
    }
    let last = last.unwrap();
    assert_eq!((last.status().as_u16(), &last.headers()["x-ratelimit-remaining"]), (429, &"0".parse().unwrap()));
    assert!(!last.headers().contains_key("retry-after"));
    assert!(!last.headers().contains_key("x-daily-ratelimit-token-remaining"));
}

#[tokio::test]
async fn time_takes_deleted_records_and_brings_new_fields() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    (switches.field_lag_ms, switches.backdating_needs_admin) = (2_000, true);
    let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    let field = api.post("/api/v2/personFields", json!({"field_name": "F", "field_type": "text"})).await;
    let body = json!({"name": "Jane", "custom_fields": {field["field_code"].as_str().unwrap(): "x"}});
    api.refused("POST", "/api/v2/persons", body.clone(), 400, "Unknown key").await;
    clock.advance(TimeDelta::seconds(2));
    api.post("/api/v2/persons", body).await;

    let (_, agent) = api.call("POST", "/_simulator/accounts", Some(json!({"user_id": 2}))).await;
    let agent = Api { token: agent["token"].as_str().unwrap().into(), ..Api::of(&simulator) };
    let old = json!({"name": "Old", "add_time": "2020-01-01T00:00:00Z"});
    agent.refused("POST", "/api/v2/persons", old.clone(), 403, "permissions").await;
    api.post("/api/v2/persons", old).await;

    api.post("/api/v2/deals", json!({"title": "D"})).await;
    assert_eq!(api.delete("/api/v2/deals/1").await.0, 200);
    clock.advance(TimeDelta::days(29));
    assert_eq!(api.get("/api/v2/deals/1").await["data"]["is_deleted"], true);
    clock.advance(TimeDelta::days(2));
    assert_eq!(api.call("GET", "/api/v2/deals/1", None).await.0, 404);
    assert_eq!(api.get("/api/v2/deals?status=deleted").await["data"], json!([]));
}
