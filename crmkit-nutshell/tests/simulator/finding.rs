//! Pages, stubs, orders, filters, searches.

use serde_json::{Value, json};

use crate::api::{Api, all, start};

async fn contacts(api: &Api, names: &[&str]) {
    for name in names {
        api.new_one("Contact", json!({"name": name, "email": [format!("{name}@x.example")]})).await;
    }
}

#[tokio::test]
async fn pages_begin_at_one_and_are_stubs() {
    let api = start().await;
    contacts(&api, &["Carl", "Ann", "bob"]).await;
    let find = |more: Value| {
        let api = &api;
        async move { api.rpc("findContacts", more).await }
    };
    assert_eq!(all(&find(json!({})).await, "name"), ["Ann", "bob", "Carl"]);
    assert_eq!(all(&find(json!({"orderBy": "id", "limit": 2, "page": 2})).await, "name"), ["bob"]);
    assert_eq!(find(json!({"limit": 2, "page": 3})).await, json!([]));
    assert_eq!(all(&find(json!([{}, "id", "DESC", 2, 1])).await, "name"), ["bob", "Ann"]);
    let stub = &find(json!({})).await[0];
    assert_eq!((&stub["stub"], stub.get("email"), &stub["entityType"]), (&json!(true), None, &json!("Contacts")));
    let full = &find(json!({"stubResponses": false, "limit": 100})).await[0];
    assert_eq!((full.get("stub"), &full["email"]["--primary"]), (None, &json!("Ann@x.example")));
    for wrong in [
        json!({"page": 0}),
        json!({"limit": 0}),
        json!({"orderBy": "shoes"}),
        json!({"orderDirection": "up"}),
        json!({"query": {"shoes": 7}}),
        json!({"stubResponses": false, "limit": 101}),
    ] {
        api.refused("findContacts", json!(wrong), -32602, "").await;
    }
    assert_eq!(find(json!({"limit": 250})).await.as_array().unwrap().len(), 3);
    for number in 0..60 {
        api.new_one("Account", json!({"name": format!("{number}")})).await;
    }
    assert_eq!(api.rpc("findAccounts", json!({})).await.as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn leads_are_found_by_what_they_are() {
    let api = start().await;
    api.rpc("newTag", json!({"tag": {"name": "run", "entityType": "Leads"}})).await;
    let account = api.new_one("Account", json!({"name": "Acme"})).await;
    let contact = api.new_one("Contact", json!({"name": "J"})).await;
    let mine = api
        .new_one("Lead", json!({"tags": ["run"], "accounts": [{"id": account["id"]}], "sources": [{"id": 1}]}))
        .await;
    let anna = json!({"entityType": "Users", "id": 2});
    let hers = api
        .new_one(
            "Lead",
            json!({"assignee": anna, "contacts": [{"id": contact["id"]}], "milestoneId": 2,
        "priority": 1, "dueTime": "2026-02-01T00:00:00Z"}),
        )
        .await;
    let other = api.new_one("Lead", json!({"assignee": {"entityType": "Users", "id": 9}, "stagesetId": 2})).await;
    api.edit("Lead", &other, json!({"outcomeId": 1000})).await;
    let cases = [
        (json!({}), vec![&mine]),
        (json!({"filter": 0}), vec![&mine]),
        (json!({"filter": 1}), vec![&mine, &hers]),
        (json!({"filter": 2}), vec![&mine, &hers, &other]),
        (json!({"filter": 2, "status": 10}), vec![&other]),
        (json!({"filter": 2, "status": [0, 10]}), vec![&mine, &hers, &other]),
        (json!({"filter": 2, "number": 2}), vec![&hers]),
        (json!({"filter": 2, "milestoneId": 2}), vec![&hers]),
        (json!({"filter": 2, "milestoneIds": [1, 2]}), vec![&mine, &hers]),
        (json!({"filter": 2, "stagesetId": 2}), vec![&other]),
        (json!({"filter": 2, "assignee": [anna]}), vec![&hers]),
        (json!({"filter": 2, "accountId": account["id"]}), vec![&mine]),
        (json!({"filter": 2, "contactId": contact["id"]}), vec![&hers]),
        (json!({"filter": 2, "tag": "run"}), vec![&mine]),
        (json!({"filter": 2, "tag": "walk"}), vec![]),
        (json!({"filter": 2, "source": 1}), vec![&mine]),
        (json!({"filter": 2, "priority": 1}), vec![&hers]),
        (json!({"filter": 2, "dueTime": "2026-03-01T00:00:00Z"}), vec![&hers]),
    ];
    for (query, expected) in cases {
        let found = api.rpc("findLeads", json!({"query": query})).await;
        let expected: Vec<&Value> = expected.iter().map(|lead| &lead["id"]).collect();
        assert_eq!(all(&found, "id"), expected, "{query}");
    }
    assert_eq!(all(&api.rpc("findContacts", json!({"query": {"leadId": hers["id"]}})).await, "id"), [&contact["id"]]);
    assert_eq!(api.rpc("findContacts", json!({"query": {"accountId": account["id"]}})).await, json!([]));
    for (query, count) in [
        (json!({"hasOpenLeads": true}), 1),
        (json!({"hasOpenLeads": false}), 0),
        (json!({"accountType": "Customer"}), 1),
        (json!({"accountType": 2}), 0),
        (json!({"industry": 1}), 0),
    ] {
        assert_eq!(api.rpc("findAccounts", json!({"query": query})).await.as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn lists_to_read_are_complete() {
    let api = start().await;
    let cases = [
        ("findActivityTypes", 5),
        ("findAccountTypes", 3),
        ("findIndustries", 6),
        ("findTerritories", 2),
        ("findCompetitors", 2),
        ("findMarkets", 2),
        ("findOrigins", 1),
        ("findTeams", 1),
        ("findAudiences", 1),
        ("findProducts", 0),
        ("findUsers", 36),
    ];
    for (method, count) in cases {
        let found = api.rpc(method, json!({"limit": 100})).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{method}");
        assert!(
            found.as_array().unwrap().iter().all(|item| item["id"].is_i64() && item["name"].is_string()),
            "{found}"
        );
    }
    let user = &api.rpc("findUsers", json!({"query": {"email": "Anna.Snelling@maven.example"}})).await[0];
    let expected = json!({"stub": true, "id": 2, "entityType": "Users", "rev": "1", "name": "Anna Snelling",
        "firstName": "Anna", "lastName": "Snelling", "isEnabled": true, "isAdministrator": false,
        "emails": ["anna.snelling@maven.example"], "modifiedTime": "2026-01-01T00:00:00+0000",
        "createdTime": "2026-01-01T00:00:00+0000"});
    assert_eq!(*user, expected);
    let kind = &api.rpc("findActivityTypes", json!({"orderBy": "id"})).await[0];
    assert_eq!((&kind["name"], &kind["stub"]), (&json!("Phone Call / Meeting"), &json!(true)));
    assert_eq!(api.get_one("Team", &json!(1000)).await["members"][0]["id"], 1);
}

#[tokio::test]
async fn searches_lag_behind() {
    let api = start().await;
    contacts(&api, &["Joan", "Johanna"]).await;
    api.new_one("Account", json!({"name": "Joan Ltd", "email": ["joan@x.example"]})).await;
    let exact = json!({"emailAddressString": "JOAN@x.example"});
    assert_eq!(api.rpc("searchByEmail", exact.clone()).await["contacts"], json!([]));
    assert_eq!(api.rpc("searchContacts", json!(["jo"])).await, json!([]));
    api.wait(5);
    let found = api.rpc("searchByEmail", exact).await;
    assert_eq!(all(&found["contacts"], "name"), ["Joan"]);
    assert_eq!(all(&found["accounts"], "name"), ["Joan Ltd"]);
    assert!(found["contacts"][0].get("email").is_none());
    assert_eq!(api.rpc("searchContacts", json!(["jo"])).await.as_array().unwrap().len(), 2);
    assert_eq!(api.rpc("searchContacts", json!({"string": "jo", "limit": 1})).await.as_array().unwrap().len(), 1);
    let found = api.rpc("searchUniversal", json!({"string": "joan"})).await;
    assert_eq!(all(&found["contacts"], "name"), ["Joan"]);
    assert_eq!(all(&found["accounts"], "name"), ["Joan Ltd"]);
    assert_eq!(api.rpc("searchSources", json!({"string": "web"})).await[0]["name"], "Website");
    api.rpc("deleteContact", json!([1, "REV_IGNORE"])).await;
    assert_eq!(api.rpc("searchByEmail", json!(["joan@x.example"])).await["contacts"].as_array().unwrap().len(), 1);
    api.wait(5);
    assert_eq!(api.rpc("searchByEmail", json!(["joan@x.example"])).await["contacts"], json!([]));
}
