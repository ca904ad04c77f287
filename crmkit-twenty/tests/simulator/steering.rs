//! Faults, accounts, dumps and the journal.

use std::io::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{BodyPredicate, Effect, Fault};
use crmkit_twenty::simulator::TwentySimulator;
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock, id, start};

#[tokio::test]
async fn faults_fire_as_scripted() {
    let (simulator, api) = start().await;
    let companies = "/rest/companies";
    simulator.faults([
        Fault::on("POST", companies, Effect::CloseAfterApply),
        Fault::on("POST", companies, Effect::CloseBeforeApply).nth(2),
        Fault::on("POST", companies, Effect::TruncateBody).nth(3),
        Fault::on("POST", companies, Effect::RetryAfter { value: "soon".into() }).nth(4),
        Fault::on("POST", companies, Effect::Status { status: 500, body: None, headers: Vec::new() }).nth(5),
        Fault::on("POST", companies, Effect::BudgetSpent).nth(6),
        Fault::on("GET", "/rest/{}", Effect::Html { status: 502, body: None }).nth(1),
        Fault::on("GET", "/rest/{}", Effect::ExpiredToken).nth(2),
        Fault::on("POST", "/graphql", Effect::BudgetSpent).when(BodyPredicate::Contains("createCompany".into())),
        Fault::on("DELETE", "*", Effect::Garbage),
    ]);
    let body = || Some(json!({"name": "Acme"}));
    assert!(api.send("POST", companies, body()).await.is_err());
    assert_eq!(simulator.rows("companies").len(), 1);
    assert!(api.send("POST", companies, body()).await.is_err());
    assert_eq!(simulator.rows("companies").len(), 1);
    let cut = api.send("POST", companies, body()).await;
    assert!(cut.is_err() || cut.unwrap().text().await.is_err());
    assert_eq!(simulator.rows("companies").len(), 2);
    let limited = api.send("POST", companies, body()).await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"soon".parse().unwrap()));
    api.refused("POST", companies, json!({}), 500, "Data validation error.").await;
    assert_eq!(api.call("POST", companies, body()).await.0, 429);
    let page = api.send("GET", companies, None).await.unwrap();
    assert_eq!((page.status().as_u16(), &page.headers()["content-type"]), (502, &"text/html".parse().unwrap()));
    assert_eq!(api.call("GET", companies, None).await.0, 401);
    api.query("{ companies { totalCount } }", json!({})).await;
    let answer = api.graphql("/graphql", "mutation { createCompany(data: {}) { id } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["subCode"], "LIMIT_REACHED");
    assert_eq!(simulator.rows("companies").len(), 2);
    assert_eq!(simulator.verify().len(), 1);
    assert!(simulator.verify()[0].contains("Garbage"));
    let path = format!("{companies}/{}", id(&simulator.rows("companies")[0]));
    assert!(api.send("DELETE", &path, None).await.unwrap().json::<Value>().await.is_err());
    assert_eq!(simulator.rows("companies").len(), 1);
    assert!(simulator.verify().is_empty());
    let log = simulator.requests();
    assert_eq!(log.iter().map(|request| request.status).collect::<Vec<_>>()[..3], [None, None, Some(201)]);
}

#[tokio::test]
async fn a_delay_moves_the_clock() {
    let clock = FrozenClock::new();
    let simulator = TwentySimulator::builder().clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    let before = crmkit_core::Clock::now(&*clock);
    simulator.fault(Fault::next(Effect::Delay { ms: 30_000 }));
    api.post("/rest/companies", json!({})).await;
    assert_eq!(crmkit_core::Clock::now(&*clock) - before, TimeDelta::seconds(30));
}

#[tokio::test]
async fn every_nth_answer_to_a_write_is_lost() {
    let simulator = TwentySimulator::builder().drop_every(3).start().await.unwrap();
    let api = Api::of(&simulator);
    let mut lost = 0;
    for number in 0..9 {
        let made = api.send("POST", "/rest/companies", Some(json!({"name": format!("{number}")}))).await;
        lost += i32::from(made.is_err());
        api.get("/rest/companies").await;
    }
    assert_eq!((lost, simulator.rows("companies").len()), (3, 9));
}

#[tokio::test]
async fn workspaces_are_isolated_and_steered_over_http() {
    let (simulator, api) = start().await;
    let nobody = api.with_token("");
    let account = json!({"name": "other", "version": "1.10"});
    let (_, account) = nobody.call("POST", "/_simulator/accounts", Some(account)).await;
    let other = api.with_token(account["token"].as_str().unwrap());
    other.add_field("company", json!({"type": "TEXT", "name": "externalId", "label": "X"})).await;
    other.post("/rest/companies", json!({"name": "Theirs", "externalId": "1", "employees": 7})).await;
    assert_eq!(api.get("/rest/companies").await["totalCount"], 0);
    let unknown = "Object company doesn't have any \"externalId\" field.";
    api.refused("POST", "/rest/companies", json!({"externalId": "1"}), 400, unknown).await;

    let fault = json!({"method": "GET", "path": "/rest/notes", "effect": {"status": {"status": 503}}});
    other.call("POST", "/_simulator/faults", Some(fault)).await;
    assert_eq!(api.call("GET", "/rest/notes", None).await.0, 200);
    assert_eq!(simulator.verify().len(), 1);
    assert_eq!(other.call("GET", "/rest/notes", None).await.0, 503);
    assert!(simulator.verify().is_empty());

    let before = Utc::now();
    let (_, moved) = nobody.call("POST", "/_simulator/clock", Some(json!({"advance_ms": 86_400_000}))).await;
    let now: DateTime<Utc> = serde_json::from_value(moved["now"].clone()).unwrap();
    assert!(now - before >= TimeDelta::days(1));
    let (_, log) = other.call("GET", "/_simulator/requests", None).await;
    assert_eq!(log["requests"].as_array().unwrap().len(), 4);
    let (_, switches) = nobody.call("POST", "/_simulator/switches", Some(json!({"calls": 50}))).await;
    assert_eq!(switches["calls"], 50);
    assert_eq!(api.call("GET", "/_simulator/switches", None).await.1["calls"], 50);
    assert_eq!(nobody.call("POST", "/_simulator/switches", Some(json!({"nonsense": 1}))).await.0, 400);
    let (_, routes) = nobody.call("GET", "/_simulator/routes", None).await;
    assert!(routes["routes"].as_array().unwrap().contains(&json!("POST /graphql")));
    let (_, dump) = other.call("GET", "/_simulator/dump", None).await;
    assert_eq!(dump["profile"]["name"], "other");
    other.call("POST", "/_simulator/reset", None).await;
    assert_eq!(other.get("/rest/companies").await["totalCount"], 0);
    other.call("POST", "/_simulator/seed", Some(dump)).await;
    assert_eq!(other.get("/rest/companies").await["totalCount"], 1);
    nobody.call("POST", "/_simulator/reset", None).await;
    assert_eq!(other.call("GET", "/rest/companies", None).await.0, 401);
}

/// Some of everything.
async fn fill(api: &Api) {
    let field = json!({"type": "SELECT", "name": "level", "label": "L", "options": [{"label": "A", "value": "A"}]});
    api.add_field("company", field).await;
    let object =
        json!({"nameSingular": "project", "namePlural": "projects", "labelSingular": "P", "labelPlural": "Ps"});
    let object = api.post("/rest/metadata/objects", object).await;
    let made = api.post("/rest/batch/companies", json!([{"name": "A", "level": "A"}, {}, {}])).await;
    api.patch(&format!("/rest/companies/{}", id(&made[1])), json!({"name": "B"})).await;
    api.done("DELETE", &format!("/rest/companies/{}", id(&made[2])), None, 200).await;
    api.post("/rest/notes", json!({"bodyV2": {"markdown": "x"}})).await;
    let bad = json!([{"name": "good"}, {"level": "Z"}]);
    assert_eq!(api.call("POST", "/rest/batch/companies", Some(bad)).await.0, 400);
    api.done("DELETE", &format!("/rest/metadata/objects/{}", id(&object)), None, 200).await;
    api.with_token("").call("POST", "/_simulator/accounts", Some(json!({"name": "other"}))).await;
}

#[tokio::test]
async fn a_dump_can_be_seeded() {
    let (simulator, api) = start().await;
    fill(&api).await;
    let dump = simulator.dump();
    let copy = TwentySimulator::builder().seed(dump.clone()).start().await.unwrap();
    assert_eq!(copy.dump(), dump);
    simulator.reset().unwrap();
    assert!(simulator.rows("companies").is_empty());
    simulator.seed(&dump).unwrap();
    assert_eq!(simulator.dump(), dump);
    assert!(simulator.seed(&json!({})).is_err());
}

#[tokio::test]
async fn the_same_calls_give_the_same_dump() {
    let mut dumps = Vec::new();
    for _ in 0..2 {
        let simulator = TwentySimulator::builder().clock(FrozenClock::new()).limits(false).start().await.unwrap();
        fill(&Api::of(&simulator)).await;
        dumps.push(simulator.dump());
    }
    assert_eq!(dumps[0], dumps[1]);
}

#[tokio::test]
async fn a_journal_outlives_its_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let start = || TwentySimulator::builder().limits(false).journal(&path).start();
    let simulator = start().await.unwrap();
    fill(&Api::of(&simulator)).await;
    let dump = simulator.dump();
    drop(simulator);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"of\":\"crmk").unwrap();
    let simulator = start().await.unwrap();
    assert_eq!(simulator.dump(), dump);
    let api = Api::of(&simulator);
    api.post("/rest/companies", json!({"level": "A"})).await;
    assert_eq!(api.get("/rest/companies").await["totalCount"], 3);
}

#[tokio::test]
async fn others_change_things_meanwhile() {
    let (simulator, api) = start().await;
    let made = api.post("/rest/companies", json!({"name": "Acme"})).await;
    simulator.put("companies", &json!({"id": made["id"], "name": "Acme AB"})).unwrap();
    assert_eq!(api.get("/rest/companies").await["data"]["companies"][0]["name"], "Acme AB");
    assert!(simulator.put("nonsense", &json!({})).is_err());
    assert!(simulator.put("companies", &json!({"id": "x"})).is_err());
}
