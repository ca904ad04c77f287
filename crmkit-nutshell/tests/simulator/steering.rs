//! Faults, instances, dumps and the journal.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crmkit_core::simulator::{BodyPredicate, Effect, Fault};
use crmkit_core::testing::ManualClock;
use crmkit_nutshell::simulator::NutshellSimulator;
use serde_json::{Value, json};

use crate::api::{Api, all, start};

fn method(name: &str) -> BodyPredicate {
    BodyPredicate::Equals { pointer: "/method".into(), value: name.into() }
}

#[tokio::test]
async fn faults_fire_as_scripted() {
    let api = start().await;
    let rpc = "/api/v1/json";
    let on = |name: &str, effect: Effect| Fault::on("POST", rpc, effect).when(method(name));
    api.simulator.faults([
        on("newAccount", Effect::CloseAfterApply),
        on("newAccount", Effect::CloseBeforeApply).nth(2),
        on("newAccount", Effect::TruncateBody).nth(3),
        on("newAccount", Effect::Garbage).nth(4),
        on("getUser", Effect::ExpiredToken),
        on("getUser", Effect::RetryAfter { value: "soon".into() }).nth(2),
        on("getUser", Effect::BudgetSpent).nth(3),
        on("getUser", Effect::Html { status: 502, body: None }).nth(4),
        on("getUser", Effect::Status { status: 503, body: None, headers: vec![("x-a".into(), "b".into())] }).nth(5),
        on("getUser", Effect::Delay { ms: 5_000 }).nth(6),
        Fault::on("GET", "/rest/users", Effect::ExpiredToken),
        Fault::on("GET", "/rest/{}", Effect::Status { status: 500, body: None, headers: vec![] }).nth(2),
        Fault::on("DELETE", "*", Effect::Garbage),
    ]);
    let new = || api.post_rpc(json!({"method": "newAccount", "params": {"account": {"name": "Acme"}}, "id": 1}));
    let stored = || api.simulator.rows("accounts").len();
    assert!(new().await.is_err());
    assert_eq!(stored(), 1);
    assert!(new().await.is_err());
    assert_eq!(stored(), 1);
    let cut = new().await;
    assert!(cut.is_err() || cut.unwrap().text().await.is_err());
    assert_eq!(stored(), 2);
    assert!(new().await.unwrap().json::<Value>().await.is_err());
    assert_eq!(stored(), 3);
    let get = || api.post_rpc(json!({"method": "getUser", "id": 5}));
    assert_eq!(get().await.unwrap().json::<Value>().await.unwrap()["error"]["message"], "API key not found");
    let limited = get().await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"soon".parse().unwrap()));
    assert_eq!(get().await.unwrap().status(), 429);
    assert!(get().await.unwrap().text().await.unwrap().contains("<title>An Error Occurred"));
    let status = get().await.unwrap();
    assert_eq!((status.status().as_u16(), &status.headers()["x-a"]), (503, &"b".parse().unwrap()));
    assert_eq!(status.json::<Value>().await.unwrap()["id"], 5);
    let waiting = tokio::spawn({
        let request = api.request("POST", rpc).json(&json!({"method": "getUser", "id": 5}));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    while !waiting.is_finished() {
        api.wait(1);
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(api.rest("GET", "/users", None).await.0, 401);
    assert_eq!(api.rest("GET", "/stages", None).await, (500, json!({"code": 500, "message": "Injected error"})));
    assert_eq!(api.simulator.verify().len(), 1);
    assert!(api.simulator.verify()[0].contains("Garbage"));
    let log = api.simulator.requests();
    assert_eq!(log.iter().map(|request| request.status).collect::<Vec<_>>()[..4], [None, None, Some(200), Some(200)]);
}

#[tokio::test]
async fn every_nth_answer_to_a_write_is_lost() {
    let simulator = NutshellSimulator::builder().drop_every(3).start().await.unwrap();
    let api = Api::of(simulator, ManualClock::new());
    let mut lost = 0;
    for number in 0..9 {
        let call = json!({"method": "newAccount", "params": {"account": {"name": number.to_string()}}, "id": 1});
        lost += i32::from(api.post_rpc(call).await.is_err());
        api.rpc("findAccounts", json!({})).await;
        api.refused("newTag", json!({"tag": {"name": "x", "entityType": "Notes"}}), 400, "").await;
    }
    assert_eq!((lost, api.simulator.rows("accounts").len()), (3, 9));
}

async fn steer(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = api.request(method, &format!("/_simulator/{path}")).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn instances_are_isolated_and_steered_over_http() {
    let simulator = NutshellSimulator::builder().log(100, 1_000).start().await.unwrap();
    let api = Api::of(simulator, ManualClock::new());
    let nobody = api.with("", "");
    let (_, account) = steer(&nobody, "POST", "accounts", json!({"name": "other.example", "plan": "foundation"})).await;
    assert_eq!(steer(&nobody, "POST", "accounts", json!({"name": "other.example"})).await.0, 409);
    let other = api.with(account["username"].as_str().unwrap(), account["key"].as_str().unwrap());
    other.new_one("Account", json!({"name": "Theirs"})).await;
    assert_eq!(api.rpc("findAccounts", json!({})).await, json!([]));
    let ids = [&api, &other].map(|api| api.rpc("instanceData", json!({})));
    let [own, theirs] = ids;
    assert_ne!(own.await["id"], theirs.await["id"]);
    let fault =
        json!({"body": {"equals": {"pointer": "/method", "value": "getUser"}}, "effect": {"status": {"status": 503}}});
    assert_eq!(steer(&other, "POST", "faults", json!([fault])).await, (200, json!({"added": 1})));
    assert_eq!(steer(&other, "GET", "faults", Value::Null).await.1["unfired"].as_array().unwrap().len(), 1);
    let call = json!({"method": "getUser", "id": 1});
    assert_eq!((api.rpc_body(call.clone()).await.0, other.rpc_body(call).await.0), (200, 503));
    let (_, log) = steer(&other, "GET", "requests", Value::Null).await;
    assert_eq!(all(&log["requests"], "path"), ["/api/v1/json"; 3]);
    assert!(log["requests"][0]["body"].as_str().unwrap().contains("Theirs"));
    assert!(!log.to_string().contains(&other.key));
    let (_, before) = steer(&nobody, "POST", "clock", json!({})).await;
    let (_, after) = steer(&nobody, "POST", "clock", json!({"advance_ms": 86_400_000})).await;
    assert_ne!(before["now"].as_str().unwrap()[..10], after["now"].as_str().unwrap()[..10]);
    assert_eq!(steer(&nobody, "POST", "clock", json!({"set": "2001-01-01T00:00:00Z"})).await.0, 409);
    let (_, switches) = steer(&other, "POST", "switches", json!({"list_lag_ms": 1})).await;
    assert_eq!(switches["list_lag_ms"], 1);
    assert_eq!(steer(&other, "GET", "switches", Value::Null).await.1["list_lag_ms"], 1);
    assert_eq!(steer(&nobody, "GET", "switches", Value::Null).await.1["list_lag_ms"], 5_000);
    assert_eq!(steer(&other, "POST", "switches", json!({"colour": 1})).await.0, 400);
    let (_, routes) = steer(&nobody, "GET", "routes", Value::Null).await;
    assert!(routes["methods"].as_array().unwrap().contains(&json!({"name": "newLead", "modelled": true})));
    assert!(
        routes["routes"]
            .as_array()
            .unwrap()
            .contains(&json!({"method": "PUT", "path": "/rest/activities/{id}", "modelled": false}))
    );
    let (_, dump) = steer(&other, "GET", "dump", Value::Null).await;
    assert_eq!(dump["store"]["tables"]["accounts"][0]["name"], "Theirs");
    assert_eq!(steer(&other, "POST", "reset", Value::Null).await.0, 200);
    assert_eq!(other.rpc("findAccounts", json!({})).await, json!([]));
    assert_eq!(steer(&other, "POST", "seed", dump).await, (200, json!({"seeded": true})));
    assert_eq!(other.rpc("findAccounts", json!({})).await[0]["name"], "Theirs");
    assert_eq!(steer(&api.with("x", "y"), "GET", "dump", Value::Null).await.0, 404);
    assert_eq!(steer(&nobody, "GET", "coffee", Value::Null).await.0, 404);
    steer(&nobody, "POST", "reset", Value::Null).await;
    other.refused("getUser", json!({}), 401, "").await;
}

async fn work(api: &Api) {
    api.post("/contacts/customfield", json!({"name": "External ID", "type": "String"})).await;
    let contact =
        api.new_one("Contact", json!({"name": "Jane", "customFields": {"External ID": "1"}, "note": "n"})).await;
    let lead = api.new_one("Lead", json!({"contacts": [{"id": contact["id"]}]})).await;
    let lead = api.edit("Lead", &lead, json!({"outcomeId": 1000, "file": [{"name": "f"}]})).await;
    api.refused("editLead", json!([lead["id"], lead["rev"], {"note": "x", "status": 11}]), 400, "").await;
    api.rpc("deleteContact", json!([contact["id"], "REV_IGNORE"])).await;
}

#[tokio::test]
async fn the_same_calls_make_the_same_state() {
    let (one, two) = (start().await, start().await);
    work(&one).await;
    work(&two).await;
    assert_eq!(one.simulator.dump(), two.simulator.dump());
}

#[tokio::test]
async fn a_dump_can_be_seeded() {
    let api = start().await;
    work(&api).await;
    let dump = api.simulator.dump();
    let copy = NutshellSimulator::builder().seed(dump.clone()).start().await.unwrap();
    assert_eq!(copy.dump(), dump);
    let copy = Api::of(copy, ManualClock::new());
    assert_eq!(copy.new_one("Lead", json!({})).await["number"], 2);
    api.simulator.reset().unwrap();
    assert!(api.simulator.rows("contacts").is_empty());
    api.simulator.seed(&dump).unwrap();
    assert_eq!(api.simulator.dump(), dump);
    assert!(api.simulator.seed(&json!({"x": 1})).is_err());
    api.simulator.seed(&json!({"tables": {"accounts": [{"id": 7, "rev": 1, "name": "Seeded"}]}})).unwrap();
    assert_eq!(api.get_one("Account", &json!(7)).await["name"], "Seeded");
}

#[tokio::test]
async fn a_journal_outlives_its_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let start = || async {
        let simulator = NutshellSimulator::builder().journal(&path).start().await.unwrap();
        Api::of(simulator, ManualClock::new())
    };
    let api = start().await;
    work(&api).await;
    steer(&api.with("", ""), "POST", "accounts", json!({"name": "other.example"})).await;
    steer(&api, "POST", "accounts", json!({"key_name": "second"})).await;
    api.simulator.put("users", json!({"id": 3, "isEnabled": false})).unwrap();
    let dump = api.simulator.dump();
    drop(api);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"of\":\"crmk").unwrap();
    let api = start().await;
    assert_eq!(api.simulator.dump(), dump);
    assert_eq!(api.new_one("Lead", json!({})).await["id"], 1001);
}

#[tokio::test]
async fn others_change_things_meanwhile() {
    let api = start().await;
    let made = api.new_one("Account", json!({"name": "Acme"})).await;
    api.simulator.put("accounts", json!({"id": 1, "name": "Acme AB"})).unwrap();
    api.refused("editAccount", json!([made["id"], made["rev"], {"name": "x"}]), 409, "").await;
    assert_eq!(api.get_one("Account", &json!(1)).await["name"], "Acme AB");
    let user =
        api.simulator.put("users", json!({"name": "New", "emails": ["new@x.example"], "isEnabled": true})).unwrap();
    assert_eq!(api.with("new@x.example", &api.key).rpc("getUser", json!({})).await["id"], user);
    api.simulator.put("users", json!({"id": user, "isEnabled": false})).unwrap();
    api.with("new@x.example", &api.key).refused("getUser", json!({}), 401, "").await;
    assert!(api.simulator.put("nonsense", json!({})).is_err());
}

#[tokio::test]
async fn the_program_says_where_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let switches = folder.path().join("switches.json");
    std::fs::write(&switches, r#"{"list_lag_ms": 7}"#).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_nutshell-simulator"))
        .args(["--plan", "pro", "--switches", switches.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(program.stdout.take().unwrap()), &mut line).unwrap();
    let greeting: Value = serde_json::from_str(&line).unwrap();
    let text = |key: &str| greeting[key].as_str().unwrap().to_owned();
    let client = reqwest::Client::new();
    let request = client.get(format!("{}/_simulator/switches", text("url")));
    let answer = request.basic_auth(text("username"), Some(text("key"))).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(answer["list_lag_ms"], 7);
    let refused = Command::new(env!("CARGO_BIN_EXE_nutshell-simulator")).args(["--plan", "gold"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("unknown plan gold"));
}
