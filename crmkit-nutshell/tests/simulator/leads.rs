//! Leads: numbers, stages, money, ends.

use serde_json::{Value, json};

use crate::api::{all, start, switched};

#[tokio::test]
async fn a_lead_comes_back_as_documented() {
    let api = start().await;
    api.rpc("newTag", json!({"tag": {"name": "renewal", "entityType": "Leads"}})).await;
    let account = api.new_one("Account", json!({"name": "Acme"})).await;
    let contact = api.new_one("Contact", json!({"name": "Joan Smith"})).await;
    let product = api.new_one("Product", json!({"name": "Widget", "sku": "W-1"})).await;
    let made = api
        .new_one(
            "Lead",
            json!({
                "primaryAccount": {"id": account["id"]}, "contacts": [{"id": contact["id"], "relationship": "First"}],
                "description": "Arbor renewal", "market": {"id": 1}, "stagesetId": 1, "milestoneId": 3, "confidence": 70,
                "dueTime": "2026-12-31T00:00:00+0000", "assignee": {"entityType": "Users", "id": 2},
                "products": [{"id": product["id"], "relationship": "r", "quantity": 15,
                    "price": {"currency_shortname": "USD", "amount": 1000}}],
                "competitors": [{"id": 1, "relationship": "c", "status": 0}], "sources": [{"id": 1}],
                "tags": ["renewal"], "priority": 1, "note": ["first note", "second"],
            }),
        )
        .await;
    assert_eq!((&made["number"], &made["name"], &made["id"]), (&json!(1), &json!("Lead–1"), &json!(1000)));
    assert_eq!(made["htmlUrl"], format!("{}/lead/1-lead-1", api.simulator.url()));
    assert_eq!((&made["primaryAccount"]["id"], all(&made["accounts"], "id")), (&account["id"], vec![&account["id"]]));
    assert_eq!(
        (&made["contacts"][0]["relationship"], &made["sources"][0]["name"]),
        (&json!("First"), &json!("Website"))
    );
    assert_eq!((&made["milestone"]["name"], &made["stageset"]["name"]), (&json!("Propose"), &json!("Sales")));
    assert_eq!(made["value"], json!({"currency": "USD", "amount": 15000}));
    assert_eq!((&made["products"][0]["quantity"], &made["competitors"][0]["name"]), (&json!(15), &json!("Initech")));
    assert_eq!((&made["status"], &made["closedTime"], made.get("outcome")), (&json!(0), &Value::Null, None));
    assert_eq!(
        (&made["assignee"]["name"], &made["confidence"], &made["priority"]),
        (&json!("Anna Snelling"), &json!(70), &json!(1))
    );
    assert_eq!((&made["dueTime"], &made["tags"]), (&json!("2026-12-31T00:00:00+0000"), &json!(["renewal"])));
    assert_eq!(all(&made["notes"], "note"), ["first note", "second"]);
    let keys =
        "activitiesCount completion urgency isOverdue market processes channels file normalizedValue nextStepDueTime";
    keys.split(' ').for_each(|key| assert!(made.get(key).is_some(), "{key}"));
    let stub = &api.rpc("findLeads", json!({"query": {"filter": 2}})).await[0];
    assert_eq!((&stub["primaryAccountName"], &stub["primaryContactName"]), (&json!("Acme"), &json!("Joan Smith")));
    assert_eq!((&stub["stub"], stub.get("notes")), (&json!(true), None));
}

#[tokio::test]
async fn stages_and_pipelines_agree() {
    let api = start().await;
    let stages = api.rpc("findMilestones", json!({"limit": 100})).await;
    let stage = |name: &str| stages.as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap().clone();
    let lead = api.new_one("Lead", json!({})).await;
    assert_eq!((&lead["milestone"]["name"], &lead["stageset"]["name"]), (&json!("Qualify"), &json!("Sales")));
    let renew = stage("Renew");
    let moved = api.edit("Lead", &lead, json!({"milestoneId": renew["id"]})).await;
    assert_eq!((&moved["milestone"]["name"], &moved["stageset"]["id"]), (&json!("Renew"), &renew["stagesetId"]));
    let same = api.edit("Lead", &moved, json!({"stagesetId": renew["stagesetId"]})).await;
    assert_eq!(same["milestone"]["name"], "Renew");
    let back = api.edit("Lead", &same, json!({"stagesetId": 1})).await;
    assert_eq!(back["milestone"]["name"], "Qualify");
    let wrong = json!({"lead": {"stagesetId": 1, "milestoneId": renew["id"]}});
    api.refused("newLead", wrong, 400, "does not belong").await;
    api.refused("newLead", json!({"lead": {"milestoneId": 999}}), 400, "stage").await;
    let stagesets = api.rpc("findStagesets", json!({"orderBy": "id"})).await;
    assert_eq!((&stagesets[0]["default"], &stagesets[0]["position"]), (&json!(true), &json!(1)));
    let id = api.simulator.put("stagesets", json!({"name": "Mine", "default": false, "position": 3})).unwrap();
    api.simulator.put("stages", json!({"name": "Begin", "stagesetId": id, "position": 1})).unwrap();
    assert_eq!(api.new_one("Lead", json!({"stagesetId": id})).await["milestone"]["name"], "Begin");
    let moved = api.post(&format!("/leads/{}-leads/stageset", lead["id"]), json!({"stageset": "2-stagesets"})).await;
    assert_eq!(moved["leads"][0]["links"]["stageset"], "2-stagesets");
    let stages = api.get(&format!("/leads/{}/stages", lead["id"])).await;
    assert_eq!(all(&stages["stages"], "name"), ["Remind", "Renew"]);
    assert_eq!(stages["meta"]["stageset"]["name"], "Renewals");
}

#[tokio::test]
async fn closing_needs_an_outcome() {
    let api = start().await;
    let outcomes = api.rpc("findLead_Outcomes", json!({})).await;
    let won = outcomes.as_array().unwrap().iter().find(|outcome| outcome["type"] == 10).unwrap();
    assert_eq!(
        (&won["id"], &won["entityType"], &won["description"]),
        (&json!("1000"), &json!("Lead_Outcomes"), &json!("Won the lead"))
    );
    let lead = api.new_one("Lead", json!({"status": 10})).await;
    assert_eq!(lead["status"], 0);
    let bare = json!([lead["id"], lead["rev"], {"status": 10}]);
    api.refused("editLead", bare, 400, "Lead status can only be set to 0 (for reopening)").await;
    api.wait(60);
    let outcome = json!({"outcome": {"id": 1000, "entityType": "Lead_Outcomes", "rev": "1", "type": 10}});
    let closed = api.edit("Lead", &lead, outcome).await;
    assert_eq!((&closed["status"], &closed["closedTime"]), (&json!(10), &json!("2026-01-01T00:01:00+0000")));
    assert_eq!(closed["outcome"]["description"], "Won the lead");
    let open = api.edit("Lead", &closed, json!({"status": 0})).await;
    assert_eq!((&open["status"], &open["closedTime"], open.get("outcome")), (&json!(0), &Value::Null, None));
    let lost = api.edit("Lead", &open, json!({"outcomeId": 1001})).await;
    assert_eq!(lost["status"], 11);
    let open = api.post(&format!("/leads/{}-leads/reopen", lead["id"]), json!({})).await;
    assert_eq!(open["leads"][0]["status"], "open");
    let body = json!({"outcomeId": "1003-outcomes", "competitorMaps": [], "productMaps": []});
    let cancelled = api.post(&format!("/leads/{}-leads/status", lead["id"]), body).await;
    assert_eq!(
        (&cancelled["leads"][0]["status"], &cancelled["leads"][0]["links"]["outcome"]),
        (&json!("cancelled"), &json!("1003-outcomes"))
    );
    assert_eq!(api.get_one("Lead", &lead["id"]).await["status"], 12);
    let pending = api.new_one("Lead", json!({"isPending": true})).await;
    assert_eq!(pending["status"], 1);
    let open = api.edit("Lead", &pending, json!({"isPending": false})).await;
    let closed = api.edit("Lead", &open, json!({"outcomeId": 1000})).await;
    api.refused("editLead", json!([closed["id"], closed["rev"], {"isPending": true}]), 400, "pending").await;
    assert_eq!(api.edit("Lead", &closed, json!({"isPending": false})).await["status"], 10);
    let pending = api.new_one("Lead", json!({"isPending": true})).await;
    api.refused("editLead", json!([pending["id"], pending["rev"], {"outcomeId": 5}]), 400, "outcome").await;
}

#[tokio::test]
async fn a_value_without_products_is_set_by_rest() {
    let api = start().await;
    let lead = api.new_one("Lead", json!({"market": {"id": 2}, "value": {"currency": "EUR", "amount": 5}})).await;
    assert_eq!(lead["value"], json!({"currency": "EUR", "amount": 0}));
    let path = format!("/leads/{}-leads", lead["id"]);
    api.patch(&path, json!([{"op": "replace", "path": "/leads/0/manualValue", "value": "15000.50"}])).await;
    let read = api.get_one("Lead", &lead["id"]).await;
    assert_eq!(read["value"], json!({"currency": "EUR", "amount": 15000.5}));
    assert_ne!(read["rev"], lead["rev"]);
    let value = api.get(&path).await["leads"][0]["value"].clone();
    assert_eq!(value, json!({"formatted": "€15000.50", "amount": "15000.50", "currency": "EUR"}));
    api.patch(&path, json!([{"op": "replace", "path": "/leads/0/valueToProductMode", "value": true}])).await;
    assert_eq!(api.get_one("Lead", &lead["id"]).await["value"]["amount"], 0);
}

#[tokio::test]
async fn a_migration_of_a_deal_takes_few_calls_and_reads_back() {
    let api = switched(|switches| switches.list_lag_ms = 0).await;
    api.post("/leads/customfield", json!({"name": "External ID", "type": "String"})).await;
    let lead = api.new_one("Lead", json!({"description": "Deal", "customFields": {"External ID": "deal-3"}})).await;
    let found = api.get("/leads?filter[External ID]=deal-3").await;
    assert_eq!(found["leads"][0]["id"], format!("{}-leads", lead["id"]));
    assert_eq!(api.get("/leads?filter[External ID]=deal-4").await["leads"], json!([]));
    let by_number = api.rpc("findLeads", json!({"query": {"number": lead["number"], "filter": 2}})).await;
    assert_eq!(by_number[0]["id"], lead["id"]);
}
