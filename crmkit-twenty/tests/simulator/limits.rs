//! The rate bucket.

use chrono::TimeDelta;
use crmkit_twenty::simulator::{Switches, TwentySimulator};
use serde_json::json;

use crate::api::{Api, FrozenClock};

async fn limited(change: impl FnOnce(&mut Switches)) -> (TwentySimulator, Api, std::sync::Arc<FrozenClock>) {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    change(&mut switches);
    let simulator = TwentySimulator::builder().clock(clock.clone()).switches(switches).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api, clock)
}

#[tokio::test]
async fn a_burst_gets_a_hundred_calls_and_then_429() {
    let (_simulator, api, clock) = limited(|_| {}).await;
    for _ in 0..99 {
        api.get("/rest/companies?limit=0").await;
    }
    // One call, whatever the size of the batch, and GraphQL draws from the same bucket.
    api.post("/rest/batch/companies", json!([{}, {}, {}])).await;
    let answer = api.send("GET", "/rest/companies", None).await.unwrap();
    assert!(answer.headers().get("retry-after").is_none());
    let expected =
        json!({"statusCode": 429, "error": "HttpException", "messages": ["Limit reached (100 tokens per 60000 ms)"]});
    assert_eq!((answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap()), (429, expected));
    let answer = api.graphql("/graphql", "{ companies { totalCount } }", json!({})).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["subCode"]), (&json!("BAD_USER_INPUT"), &json!("LIMIT_REACHED")));
    api.get("/rest/metadata/objects").await;
    api.metadata("{ objectRecordCounts { totalCount } }", json!({})).await;
    clock.advance(TimeDelta::milliseconds(599));
    assert_eq!(api.call("GET", "/rest/companies", None).await.0, 429);
    clock.advance(TimeDelta::milliseconds(1));
    api.get("/rest/companies").await;
    for _ in 0..20 {
        clock.advance(TimeDelta::milliseconds(600));
        api.get("/rest/companies").await;
    }
    clock.advance(TimeDelta::milliseconds(599));
    assert_eq!(api.call("GET", "/rest/companies", None).await.0, 429);
}

#[tokio::test]
async fn limits_are_a_setting() {
    let (_simulator, api, clock) = limited(|switches| switches.calls = 50).await;
    for _ in 0..50 {
        api.get("/rest/companies").await;
    }
    api.refused("GET", "/rest/companies", json!({}), 429, "Limit reached (50 tokens per 60000 ms)").await;
    clock.advance(TimeDelta::milliseconds(1200));
    api.get("/rest/companies").await;
    let (_simulator, api, _) = limited(|switches| switches.calls = 0).await;
    for _ in 0..100 {
        api.get("/rest/companies?limit=0").await;
    }
    api.refused("GET", "/rest/companies", json!({}), 429, "Limit reached (100 tokens per 1000 ms)").await;
}

#[tokio::test]
async fn a_429_may_say_when_to_come_back() {
    let (_simulator, api, _) = limited(|switches| (switches.calls, switches.retry_after) = (1, true)).await;
    api.get("/rest/companies").await;
    let answer = api.send("GET", "/rest/companies", None).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"60".parse().unwrap()));
}

#[tokio::test]
async fn keys_of_one_workspace_share_its_limit() {
    let (_simulator, api, _) = limited(|switches| switches.calls = 2).await;
    let (_, made) = api.call("POST", "/_simulator/accounts", Some(json!({"key": "second"}))).await;
    let second = api.with_token(made["token"].as_str().unwrap());
    let (_, made) = api.with_token("").call("POST", "/_simulator/accounts", Some(json!({"name": "other"}))).await;
    let other = api.with_token(made["token"].as_str().unwrap());
    api.get("/rest/companies").await;
    second.get("/rest/companies").await;
    assert_eq!(api.call("GET", "/rest/companies", None).await.0, 429);
    other.get("/rest/companies").await;
}
