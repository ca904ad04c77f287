//! Faults, accounts, dumps and the journal.

use std::io::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{Effect, Fault, FaultProxy};
use crmkit_pipedrive::simulator::PipedriveSimulator;
use reqwest::Client;
use serde_json::json;

use crate::api::{Api, FrozenClock, ids, start};

#[tokio::test]
async fn faults_fire_as_scripted() {
    let (simulator, api) = start().await;
    let organizations = "/api/v2/organizations";
    simulator.faults([
        Fault::on("POST", organizations, Effect::CloseAfterApply),
        Fault::on("POST", organizations, Effect::CloseBeforeApply).nth(2),
        Fault::on("POST", organizations, Effect::TruncateBody).nth(3),
        Fault::on("POST", organizations, Effect::RetryAfter { value: "soon".into() }).nth(4),
        Fault::on("GET", "/api/v2/{}", Effect::Html { status: 502, body: None }).nth(1),
        Fault::on("GET", "/api/v2/{}", Effect::ExpiredToken).nth(2),
        Fault::on("DELETE", "*", Effect::Garbage),
    ]);
    let body = || Some(json!({"name": "Acme"}));
    assert!(api.send("POST", organizations, body()).await.is_err());
    assert_eq!(simulator.rows("organizations").len(), 1);
    assert!(api.send("POST", organizations, body()).await.is_err());
    assert_eq!(simulator.rows("organizations").len(), 1);
    let cut = api.send("POST", organizations, body()).await;
    assert!(cut.is_err() || cut.unwrap().text().await.is_err());
    assert_eq!(simulator.rows("organizations").len(), 2);
    let limited = api.send("POST", organizations, body()).await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"soon".parse().unwrap()));
    assert_eq!(api.send("GET", organizations, None).await.unwrap().status().as_u16(), 502);
    assert_eq!(api.call("GET", organizations, None).await.0, 401);
    assert_eq!(simulator.verify().len(), 1);
    assert!(simulator.verify()[0].contains("Garbage"));
    let log = simulator.requests();
    assert_eq!(log.iter().map(|request| request.status).collect::<Vec<_>>()[..3], [None, None, Some(200)]);
}

#[tokio::test]
async fn answers_to_every_kind_of_write_can_be_lost() {
    let (simulator, api) = start().await;
    api.post("/api/v2/persons", json!({"name": "P"})).await;
    api.post("/api/v2/deals", json!({"title": "D"})).await;
    let writes = [
        ("/api/v2/activities", json!({"deal_id": 1}), "activities"),
        ("/api/v1/leads", json!({"title": "L", "person_id": 1}), "leads"),
        ("/api/v1/deals/1/participants", json!({"person_id": 1}), "participants"),
        ("/api/v2/deals/1/followers", json!({"user_id": 4}), "followers"),
        ("/api/v2/products", json!({"name": "x"}), "products"),
    ];
    for (path, body, table) in writes {
        simulator.fault(Fault::on("POST", path, Effect::CloseAfterApply));
        assert!(api.send("POST", path, Some(body)).await.is_err(), "{path}");
        assert_eq!(simulator.rows(table).len(), 1, "{path}");
    }
    simulator.fault(Fault::on("POST", "/api/v1/files", Effect::CloseAfterApply));
    let body = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhi\r\n--x--\r\n";
    let request = api.client.post(format!("{}/api/v1/files", api.url)).header("x-api-token", &api.token);
    assert!(request.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.is_err());
    assert_eq!(simulator.rows("files")[0]["name"], "a");
    assert!(simulator.verify().is_empty());
}

#[tokio::test]
async fn every_nth_answer_to_a_write_is_lost() {
    let simulator = PipedriveSimulator::builder().drop_every(3).start().await.unwrap();
    let api = Api::of(&simulator);
    let mut lost = 0;
    for number in 0..9 {
        let made = api.send("POST", "/api/v2/organizations", Some(json!({"name": format!("{number}")}))).await;
        lost += i32::from(made.is_err());
    }
    assert_eq!((lost, simulator.rows("organizations").len()), (3, 9));
}

#[tokio::test]
async fn accounts_are_isolated_and_steered_over_http() {
    let (simulator, api) = start().await;
    let nobody = Api { client: Client::new(), url: simulator.url(), token: String::new() };
    let (_, account) =
        nobody.call("POST", "/_simulator/accounts", Some(json!({"name": "other", "tier": "lite"}))).await;
    let other = Api { token: account["token"].as_str().unwrap().into(), ..Api::of(&simulator) };
    other.post("/api/v2/organizations", json!({"name": "Theirs"})).await;
    assert_eq!(api.get("/api/v2/organizations").await["data"], json!([]));
    assert_eq!(other.get("/api/v1/users/me").await["data"]["company_domain"], "other");
    let stranger = Api { token: "x".into(), ..Api::of(&simulator) };
    let (status, body) = stranger.call("GET", "/api/v1/users/me", None).await;
    assert_eq!((status, &body["errorCode"]), (401, &json!(401)));

    let fault = json!({"method": "GET", "path": "/api/v1/users", "effect": {"status": {"status": 503}}});
    other.call("POST", "/_simulator/faults", Some(fault)).await;
    assert_eq!(api.call("GET", "/api/v1/users", None).await.0, 200);
    assert_eq!(other.call("GET", "/api/v1/users", None).await.0, 503);
    let (_, agent) = other.call("POST", "/_simulator/accounts", Some(json!({"user_id": 2}))).await;
    let agent = Api { token: agent["token"].as_str().unwrap().into(), ..Api::of(&simulator) };
    agent.refused("POST", "/api/v2/pipelines", json!({"name": "x"}), 403, "permissions").await;
    assert_eq!(agent.get("/api/v2/organizations").await["data"][0]["name"], "Theirs");

    let before = Utc::now();
    let (_, moved) = nobody.call("POST", "/_simulator/clock", Some(json!({"advance_ms": 86_400_000}))).await;
    let now: DateTime<Utc> = serde_json::from_value(moved["now"].clone()).unwrap();
    assert!(now - before >= TimeDelta::days(1));
    let (_, log) = other.call("GET", "/_simulator/requests", None).await;
    assert_eq!(log["requests"].as_array().unwrap().len(), 3);
    let (_, switches) = nobody.call("POST", "/_simulator/switches", Some(json!({"default_stages": true}))).await;
    assert_eq!(switches["default_stages"], true);
    nobody.call("POST", "/_simulator/reset", None).await;
    assert_eq!(other.call("GET", "/api/v1/users", None).await.0, 401);
}

#[tokio::test]
async fn what_is_not_modelled_says_so() {
    let (simulator, api) = start().await;
    let answer = api.send("GET", "/api/v1/webhooks", None).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-simulator"]), (501, &"not modelled".parse().unwrap()));
    assert_eq!(api.call("GET", "/v1/deals", None).await.0, 501);
    assert_eq!(simulator.verify().len(), 2);
}

#[tokio::test]
async fn a_dump_can_be_seeded() {
    let (simulator, api) = start().await;
    api.post("/api/v2/personFields", json!({"field_name": "F", "field_type": "text"})).await;
    api.post("/api/v2/persons", json!({"name": "Jane"})).await;
    api.delete("/api/v2/persons/1").await;
    let dump = simulator.dump();
    let copy = PipedriveSimulator::builder().seed(dump.clone()).start().await.unwrap();
    assert_eq!(copy.dump(), dump);
    simulator.reset().unwrap();
    assert!(simulator.rows("persons").is_empty());
    simulator.seed(&dump).unwrap();
    assert_eq!(simulator.dump(), dump);
}

#[tokio::test]
async fn a_journal_outlives_its_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let start = || PipedriveSimulator::builder().limits(false).journal(&path).start();
    let simulator = start().await.unwrap();
    let api = Api::of(&simulator);
    let field = json!({"field_name": "F", "field_type": "enum", "options": [{"label": "A"}]});
    let field = api.post("/api/v2/dealFields", field).await;
    let code = field["field_code"].as_str().unwrap();
    api.post("/api/v2/deals", json!({"title": "D", "custom_fields": {code: field["options"][0]["id"]}})).await;
    api.write("PATCH", "/api/v2/deals/1", json!({"stage_id": 4})).await;
    api.delete(&format!("/api/v2/dealFields/{code}")).await;
    let nobody = Api { token: String::new(), ..Api::of(&simulator) };
    nobody.call("POST", "/_simulator/accounts", Some(json!({"name": "other"}))).await;
    let dump = simulator.dump();
    drop(simulator);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"of\":\"crmk").unwrap();
    let simulator = start().await.unwrap();
    assert_eq!(simulator.dump(), dump);
    let api = Api::of(&simulator);
    assert_eq!(api.post("/api/v2/deals", json!({"title": "E"})).await["id"], 2);
}

#[tokio::test]
async fn a_proxy_loses_answers_too() {
    let (simulator, _) = start().await;
    let proxy = FaultProxy::start(&simulator.url(), FrozenClock::new()).unwrap();
    let api = Api { url: proxy.url(), ..Api::of(&simulator) };
    proxy.fail_next(Effect::CloseAfterApply);
    assert!(api.send("POST", "/api/v2/organizations", Some(json!({"name": "Acme"}))).await.is_err());
    assert_eq!(simulator.rows("organizations").len(), 1);
    assert_eq!(ids(&api.get("/api/v2/organizations?limit=5").await), [1]);
    proxy.script([Fault::on("GET", "/api/*", Effect::Delay { ms: 5 }), Fault::next(Effect::BudgetSpent).nth(9)]);
    api.get("/api/v2/organizations").await;
    assert_eq!((proxy.verify().len(), proxy.requests().len()), (1, 3));
}

#[tokio::test]
async fn others_change_things_meanwhile() {
    let (simulator, api) = start().await;
    api.post("/api/v2/organizations", json!({"name": "Acme", "owner_id": 5})).await;
    simulator.put("users", json!({"id": 5, "active_flag": false})).unwrap();
    simulator.put("organizations", json!({"id": 1, "name": "Acme AB"})).unwrap();
    let stored = api.get("/api/v2/organizations/1").await;
    assert_eq!((&stored["data"]["name"], &stored["data"]["owner_id"]), (&json!("Acme AB"), &json!(5)));
    api.refused("POST", "/api/v2/organizations", json!({"name": "B", "owner_id": 5}), 400, "owner_id").await;
    simulator.put("users", json!({"name": "New", "email": "new@x.example", "active_flag": true})).unwrap();
    assert_eq!(api.post("/api/v2/organizations", json!({"name": "B", "owner_id": 37})).await["owner_id"], 37);
    assert!(simulator.put("nonsense", json!({})).is_err());
}

#[tokio::test]
async fn a_delay_takes_its_time() {
    let (simulator, api) = start().await;
    simulator.fault(Fault::on("POST", "/api/v2/organizations", Effect::Delay { ms: 30 }));
    let began = std::time::Instant::now();
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    assert!(began.elapsed().as_millis() >= 30);
    assert!(simulator.verify().is_empty());
}
