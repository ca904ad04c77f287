//! The throttle that nobody documents, and the caps of plans.

use std::sync::Arc;

use crmkit_core::testing::ManualClock;
use crmkit_nutshell::simulator::{NutshellSimulator, Plan, Switches};
use serde_json::json;

use crate::api::{Api, start, switched};

async fn on(plan: Plan, change: impl FnOnce(&mut Switches)) -> Api {
    let clock = ManualClock::new();
    let mut switches = Switches::default();
    change(&mut switches);
    let builder = NutshellSimulator::builder().plan(plan).clock(Arc::new(clock.clone())).switches(switches);
    Api::of(builder.start().await.unwrap(), clock)
}

#[tokio::test]
async fn too_many_calls_are_refused_where_there_is_a_throttle() {
    let call = json!({"method": "add", "params": [1, 1], "id": 4});
    let api = start().await;
    for _ in 0..50 {
        assert_eq!(api.rpc_body(call.clone()).await.0, 200);
    }
    let api = switched(|switches| (switches.throttle_calls, switches.throttle_ms) = (3, 2_000)).await;
    for _ in 0..3 {
        assert_eq!(api.rpc_body(call.clone()).await.0, 200);
    }
    let refused = api.post_rpc(call.clone()).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers().get("retry-after")), (429, None));
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!((&body["error"]["code"], &body["id"]), (&json!(429), &json!(4)));
    assert_eq!(api.rest("GET", "/users", None).await.1, json!({"code": 429, "message": "Too Many Requests"}));
    api.wait(2);
    assert_eq!(api.rpc_body(call.clone()).await.0, 200);
    let change = json!({"throttle_calls": 1, "throttle_status": 503, "retry_after": true});
    api.request("POST", "/_simulator/switches").json(&change).send().await.unwrap();
    assert_eq!(api.rpc_body(call.clone()).await.0, 200);
    let refused = api.post_rpc(call).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"2".parse().unwrap()));
}

#[tokio::test]
async fn finding_whole_records_is_what_is_throttled() {
    let api = switched(|switches| switches.throttle_full_finds = 1).await;
    let full = json!({"method": "findAccounts", "params": {"stubResponses": false}, "id": 1});
    let positional = json!({"method": "findLeads", "params": [{}, "id", "ASC", 50, 1, false], "id": 1});
    assert_eq!(api.rpc_body(full).await.0, 200);
    assert_eq!(api.rpc_body(positional).await.0, 429);
    for _ in 0..5 {
        assert_eq!(api.rpc_body(json!({"method": "findAccounts", "params": {}, "id": 1})).await.0, 200);
    }
    api.wait(1);
    api.rpc("findAccounts", json!({"stubResponses": false})).await;
}

#[tokio::test]
async fn foundation_has_room_for_a_hundred_open_leads() {
    let api = on(Plan::Foundation, |_| {}).await;
    let first = api.new_one("Lead", json!({})).await;
    for _ in 1..100 {
        api.new_one("Lead", json!({})).await;
    }
    api.refused("newLead", json!({"lead": {}}), 403, "100 open leads").await;
    assert_eq!(api.rest("POST", "/leads", Some(json!({"leads": [{"description": "x"}]}))).await.0, 403);
    let closed = api.edit("Lead", &first, json!({"outcomeId": 1000})).await;
    api.new_one("Lead", json!({})).await;
    api.refused("editLead", json!([closed["id"], closed["rev"], {"status": 0}]), 403, "100 open leads").await;
    api.rpc("deleteLead", json!([1001, "REV_IGNORE"])).await;
    assert_eq!(api.edit("Lead", &closed, json!({"status": 0})).await["status"], 0);
    api.request("POST", "/_simulator/switches").json(&json!({"plan_cap_code": 402})).send().await.unwrap();
    api.refused("newLead", json!({"lead": {}}), 402, "100 open leads").await;
    api.request("POST", "/_simulator/switches").json(&json!({"lead_cap": false})).send().await.unwrap();
    api.new_one("Lead", json!({})).await;
    let api = on(Plan::Growth, |_| {}).await;
    for _ in 0..101 {
        api.new_one("Lead", json!({})).await;
    }
}

#[tokio::test]
async fn pipelines_contacts_and_fields_have_caps() {
    let api = on(Plan::Growth, |switches| (switches.contact_cap, switches.field_cap) = (Some(1), Some(1))).await;
    api.refused("newLead", json!({"lead": {"stagesetId": 2}}), 403, "pipeline").await;
    let stagesets = api.get("/stagesets").await;
    assert_eq!((&stagesets[0]["canAccess"], &stagesets[1]["canAccess"]), (&json!(true), &json!(false)));
    api.new_one("Contact", json!({"name": "one"})).await;
    api.refused("newContact", json!({"contact": {"name": "two"}}), 403, "1 contacts").await;
    assert_eq!(api.rest("POST", "/contacts", Some(json!({"contacts": [{"name": "two"}]}))).await.0, 403);
    api.rpc("deleteContact", json!([1, "REV_IGNORE"])).await;
    api.new_one("Contact", json!({"name": "two"})).await;
    let field = |name: &str| Some(json!({"name": name, "type": "String"}));
    assert_eq!(api.rest("POST", "/leads/customfield", field("one")).await.0, 200);
    assert_eq!(api.rest("POST", "/contacts/customfield", field("two")).await.0, 403);
    let api = on(Plan::Enterprise, |_| {}).await;
    assert_eq!(api.get("/stagesets").await[1]["canAccess"], true);
    assert_eq!(api.new_one("Lead", json!({"stagesetId": 2})).await["milestone"]["name"], "Remind");
    assert_eq!(
        ("Pro".parse(), Plan::Pro.to_string(), "gold".parse::<Plan>().is_err()),
        (Ok(Plan::Pro), "pro".into(), true)
    );
}
