//! Discovery, credentials, the JSON-RPC envelope, revisions.

use serde_json::{Value, json};

use crate::api::{start, switched};

#[tokio::test]
async fn discovery_needs_no_credentials() {
    let api = start().await;
    let nobody = api.with("", "");
    let call = json!({"jsonrpc": "2.0", "method": "getApiForUsername", "params": {"username": "jim@demo.nutshell.com"},
        "id": "1"});
    let answer = nobody.request("POST", "/v1/json").json(&call).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    let host = api.simulator.url().trim_start_matches("http://").to_owned();
    assert_eq!(body, json!({"result": {"iphone": host, "api": host, "login": host}, "id": "1", "jsonrpc": "2.0"}));
    let wrong = nobody.request("POST", "/v1/json").json(&json!({"method": "getLead", "id": 1})).send().await.unwrap();
    assert_eq!(wrong.status(), 404);
    let smd: Value = nobody.request("GET", "/api/v1/json").send().await.unwrap().json().await.unwrap();
    assert_eq!(smd["services"]["getLead"]["parameters"][1], json!({"name": "rev", "optional": true}));
}

#[tokio::test]
async fn username_is_the_domain_or_an_email() {
    let api = start().await;
    let bad = api.with(&api.user, "0123456789012345678901234567890123456789");
    let (status, body) = bad.rpc_body(json!({"method": "getUser", "params": {}, "id": "x"})).await;
    let message = json!({"code": 401, "message": "API key not found", "data": null});
    assert_eq!((status, body), (401, json!({"error": message, "id": "x", "jsonrpc": "2.0"})));
    for stranger in ["nobody@x.example", ""] {
        api.with(stranger, &api.key).refused("getUser", json!({}), 401, "API key not found").await;
    }
    let me = api.rpc("getUser", json!({})).await;
    assert_eq!((&me["emails"], &me["isAdministrator"]), (&json!(["admin@crmkit.example"]), &json!(true)));
    let cecily = api.with("Cecily.Lampkin@maven.example", &api.key);
    assert_eq!(cecily.rpc("getUser", json!({})).await["name"], "Cecily Lampkin");
    let domain = api.with("crmkit-test.example", &api.key);
    assert_eq!(domain.rpc("getUser", json!({})).await["name"], "crmkit");
    for path in ["/rest/users", "/rest/nothing"] {
        let answer = bad.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.text().await.unwrap().contains("<title>An Error Occurred: Unauthorized</title>"));
    }
}

#[tokio::test]
async fn writes_are_attributed_to_the_user_that_an_impersonation_key_names() {
    let api = start().await;
    let anna = api.with("anna.snelling@maven.example", &api.key);
    let account = anna.new_one("Account", json!({"name": "Acme", "note": "by me"})).await;
    assert_eq!(
        (&account["creator"]["name"], &account["notes"][0]["user"]["name"]),
        (&json!("Anna Snelling"), &json!("Anna Snelling"))
    );
    assert_eq!(account["owner"]["name"], "Anna Snelling");
    let made = api.request("POST", "/_simulator/accounts").json(&json!({"impersonation": false, "key_name": "Zapier"}));
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let plain = anna.with(&anna.user, made["key"].as_str().unwrap());
    let account = plain.new_one("Account", json!({"name": "Acme"})).await;
    assert_eq!(account["creator"]["name"], "Zapier");
    plain.with("nobody@x.example", &plain.key).refused("getUser", json!({}), 401, "").await;
    assert!(!api.rpc("findUsers", json!({"limit": 100})).await.to_string().contains("Zapier"));
}

#[tokio::test]
async fn parameters_have_names_or_places_and_ids_are_echoed() {
    let api = start().await;
    let call = json!({"method": "add", "params": [2, 3], "id": 7});
    assert_eq!(api.rpc_body(call).await, (200, json!({"result": 5, "id": 7, "jsonrpc": "2.0"})));
    let body = json!({"jsonrpc": "2.0", "method": "add", "params": {"num1": 1, "num2": 0.5}, "id": "a"}).to_string();
    let form =
        api.request("POST", "/api/v1/json").header("content-type", "application/x-www-form-urlencoded").body(body);
    let answer: Value = form.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"result": 1.5, "id": "a", "jsonrpc": "2.0"}));
    let (status, body) = api.rpc_body(json!({"method": "makeCoffee", "params": {}, "id": 1})).await;
    assert_eq!((status, &body["error"]), (404, &json!({"code": -32601, "message": "Method not found", "data": null})));
    api.refused("add", json!({"num1": 1}), -32602, "num2").await;
    api.refused("add", json!([1, 2, 3]), -32602, "Invalid params").await;
    api.refused("add", json!({"num1": 1, "num2": 2, "num3": 3}), -32602, "num3").await;
    let answer = api.request("POST", "/api/v1/json").body("{").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], -32600);
    assert!(api.rpc("instanceData", json!({})).await["id"].is_i64());
    assert!(api.rpc("getUpdateTimes", json!({})).await["Users"].is_string());
}

#[tokio::test]
async fn what_is_missing_is_null_and_what_is_not_modelled_says_so() {
    let api = start().await;
    for kind in ["Account", "Contact", "Lead", "Activity", "Note", "Task", "Product", "Team", "User"] {
        assert_eq!(api.get_one(kind, &json!(77_777)).await, Value::Null, "{kind}");
    }
    let answer = api.post_rpc(json!({"method": "newUser", "params": {"user": {}}, "id": 1})).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-simulator"]), (501, &"not modelled".parse().unwrap()));
    for (method, path) in
        [("GET", "/rest/forms"), ("PUT", "/rest/activities/1"), ("GET", "/graphql"), ("GET", "/rest/x")]
    {
        let answer = api.request(method, path).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-simulator"]),
            (501, &"not modelled".parse().unwrap())
        );
    }
    assert_eq!(api.simulator.verify().len(), 5);
    assert!(api.simulator.verify().contains(&"not modelled: newUser".to_owned()));
}

#[tokio::test]
async fn edits_and_deletes_need_the_current_revision() {
    let api = start().await;
    let made = api.new_one("Account", json!({"name": "Acme"})).await;
    assert!(made["rev"].is_string());
    let edited = api.edit("Account", &made, json!({"description": "x"})).await;
    assert_ne!(edited["rev"], made["rev"]);
    let again = json!({"accountId": made["id"], "rev": made["rev"], "account": {"description": "y"}});
    api.refused("editAccount", again, 409, "rev key is out-of-date").await;
    api.refused("deleteAccount", json!({"accountId": made["id"], "rev": made["rev"]}), 409, "out-of-date").await;
    api.refused("deleteAccount", json!({"accountId": made["id"]}), -32602, "rev").await;
    let ignoring = json!({"accountId": made["id"].to_string(), "rev": "REV_IGNORE", "account": {"description": "z"}});
    let last = api.rpc("editAccount", ignoring).await;
    assert_eq!((&last["description"], &last["name"]), (&json!("z"), &json!("Acme")));
    let unchanged = api.rpc("getAccount", json!({"accountId": made["id"], "rev": last["rev"]})).await;
    assert_eq!(unchanged, json!({"_notModified": true}));
    assert_eq!(api.rpc("getAccount", json!([made["id"], edited["rev"]])).await["description"], "z");
    assert_eq!(api.rpc("deleteAccount", json!({"accountId": made["id"], "rev": last["rev"]})).await, json!(true));
    api.refused("editAccount", json!({"accountId": 99, "rev": "1", "account": {}}), 404, "not found").await;
}

#[tokio::test]
async fn a_refused_write_leaves_no_trace() {
    let api = start().await;
    let before = api.simulator.dump();
    let lead = json!({"description": "D", "note": "n", "products": [{"id": 999}]});
    api.refused("newLead", json!({"lead": lead}), 400, "not a valid product").await;
    let lead = json!({"leads": [{"links": {"accounts": [{"name": "Inline"}], "contacts": ["9-contacts"]}}]});
    assert_eq!(api.rest("POST", "/leads", Some(lead)).await.0, 400);
    assert_eq!(api.simulator.dump(), before);
    assert_eq!(api.new_one("Lead", json!({})).await["number"], 1);
}

#[tokio::test]
async fn errors_may_come_with_200() {
    let api = switched(|switches| switches.errors_in_status = false).await;
    for (method, params, code) in [("makeCoffee", json!({}), -32601), ("newTag", json!({"tag": {}}), 400)] {
        let (status, body) = api.rpc_body(json!({"method": method, "params": params, "id": 1})).await;
        assert_eq!((status, &body["error"]["code"]), (200, &json!(code)));
    }
    let (status, _) = api.with(&api.user, "x").rpc_body(json!({"method": "getUser", "id": 1})).await;
    assert_eq!(status, 401);
}
