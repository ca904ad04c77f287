//! REST: envelopes, the one-record rule, pages from 0, patches, definitions of fields, errors.

use serde_json::{Value, json};

use crate::api::{Api, all, start};

#[tokio::test]
async fn one_record_per_request() {
    let api = start().await;
    let (status, made) = api.rest("POST", "/accounts", Some(json!({"accounts": [{"name": "Blueberry"}]}))).await;
    assert_eq!(status, 201);
    assert_eq!((made["meta"]["instanceId"].is_string(), &made["links"]), (true, &json!({})));
    let account = &made["accounts"][0];
    assert_eq!(
        (&account["id"], &account["type"], &account["initials"]),
        (&json!("1-accounts"), &json!("accounts"), &json!("B"))
    );
    assert_eq!(account["htmlUrlPath"], "/company/1-blueberry");
    let links = json!({"creator": "1-users", "owner": "1-users", "territory": null, "tags": [], "files": [],
        "relatedFiles": [], "followup": null, "recurringTask": null, "contacts": [], "leads": [],
        "accountType": "1-accountTypes", "industry": null, "parentAccount": null});
    assert_eq!(account["links"], links);
    for wrong in [json!({"accounts": []}), json!({"accounts": [{"name": "a"}, {"name": "b"}]}), json!({"name": "a"})] {
        let (status, body) = api.rest("POST", "/accounts", Some(wrong)).await;
        let error = json!({"id": null, "type": "errors", "code": null, "detail": null, "href": null, "status": "400",
            "title": "You may only create one accounts resource per request.", "field": null});
        assert_eq!((status, &body["errors"][0], &body["accounts"]), (400, &error, &json!([])));
    }
    let (status, body) = api.rest("POST", "/accounts", Some(json!({"accounts": [{"description": "x"}]}))).await;
    assert_eq!((status, &body["errors"][0]["field"]), (400, &json!("name")));
    assert_eq!(api.rest("POST", "/contacts", Some(json!({"contacts": [{"name": "J"}]}))).await.0, 200);
    let (status, body) = api.rest("POST", "/accounts", Some(json!("{"))).await;
    assert_eq!((status, &body["errors"][0]["status"]), (400, &json!("400")));
}

#[tokio::test]
async fn both_apis_show_the_same_records() {
    let api = start().await;
    let body = json!({"contacts": [{"name": "Joan Smith", "links": {"owner": "2-users", "territory": "1-territories"},
        "phones": [{"isPrimary": true, "name": "cell", "value": "734-555-9090"}],
        "emails": [{"name": "work", "value": "a@b.example"}, {"isPrimary": true, "name": "home", "value": "c@d.example"}],
        "addresses": [{"name": "office", "value": {"city": "Ann Arbor", "state": "MI", "country": "US"}}]}]});
    let made = api.post("/contacts", body).await;
    assert_eq!(made["contacts"][0]["phones"][0]["value"]["E164"], "+17345559090");
    let read = api.get_one("Contact", &json!(1)).await;
    assert_eq!(read["email"], json!({"work": "a@b.example", "home": "c@d.example", "--primary": "c@d.example"}));
    assert_eq!((&read["owner"]["id"], &read["address"]["office"]["city"]), (&json!(2), &json!("Ann Arbor")));
    let lead = json!({"leads": [{"description": "D", "manualValue": "100", "dueTime": {"timestamp": 1_767_225_600},
        "links": {"accounts": [{"name": "Inline Ltd"}], "contacts": ["1-contacts"], "owner": "2-users",
            "sources": ["1-sources"]}}]});
    let (status, made) = api.rest("POST", "/leads", Some(lead)).await;
    let lead = &made["leads"][0];
    assert_eq!((status, &lead["status"], &lead["value"]["formatted"]), (201, &json!("open"), &json!("$100.00")));
    assert_eq!(lead["dueTime"]["timestamp"], 1_767_225_600);
    let read = api.get_one("Lead", &json!(1000)).await;
    assert_eq!(
        (&read["primaryAccount"]["name"], &read["contacts"][0]["name"]),
        (&json!("Inline Ltd"), &json!("Joan Smith"))
    );
    assert_eq!((&read["value"]["amount"], &read["assignee"]["id"]), (&json!(100), &json!(2)));
    let both = api.get("/accounts/1,99-accounts").await;
    assert_eq!(all(&both["accounts"], "name"), ["Inline Ltd"]);
    for path in ["/accounts/77-accounts", "/accounts/1-contacts", "/contacts/x"] {
        let (status, body) = api.rest("GET", path, None).await;
        assert!(
            status == 404 && body.as_str().unwrap().contains("<title>An Error Occurred: Not Found</title>"),
            "{body}"
        );
    }
    let answer = api.request("GET", "/rest/users").send().await.unwrap();
    assert!(answer.headers().contains_key("x-nutshell-request-id"));
    assert_eq!(
        api.request("GET", "/").send().await.unwrap().json::<Value>().await.unwrap(),
        json!({"message": "Not Found"})
    );
    assert_eq!(api.rest("PUT", "/accounts/1", None).await, (405, json!("Internal Error")));
}

#[tokio::test]
async fn products_of_a_lead_are_maps() {
    let api = start().await;
    api.new_one(
        "Product",
        json!({"name": "Widget", "prices": [{"marketId": 1, "price": {"currency": "USD", "amount": 10}}]}),
    )
    .await;
    let line = json!({"type": "productMaps", "productType": "product", "quantity": 2,
        "price": {"amount": "10.00", "currency": "USD"}, "links": {"product": "1-products"}});
    let made = api.post("/leads", json!({"leads": [{"links": {"productMaps": [line]}}]})).await;
    assert_eq!(
        (&made["leads"][0]["value"]["amount"], &made["leads"][0]["links"]["productMaps"]),
        (&json!("20.00"), &json!(["1-productMaps"]))
    );
    let operations = json!([{"op": "replace", "path": "/productMaps/0/quantity", "value": "7"}]);
    api.patch("/productmaps/1-productMaps", operations).await;
    assert_eq!(api.get_one("Lead", &json!(1000)).await["value"]["amount"], 70);
    assert_eq!(api.rest("DELETE", "/productMaps/1-productMaps", None).await.0, 200);
    assert_eq!(api.get_one("Lead", &json!(1000)).await["products"], json!([]));
    assert_eq!(api.get("/products/1-products").await["products"][0]["prices"]["1-markets"]["amount"], 10.0);
    assert_eq!(api.rest("DELETE", "/products/1-products", None).await.0, 200);
    assert_eq!(api.post("/products/1-products/undelete", json!({})).await["products"][0]["name"], "Widget");
}

async fn three(api: &Api) {
    for (name, email) in [("Ann", "a@x.example"), ("Bob", "b@x.example"), ("Cid", "c@x.example")] {
        api.wait(60);
        api.new_one("Contact", json!({"name": name, "email": [email]})).await;
    }
}

#[tokio::test]
async fn lists_begin_at_zero_and_lag() {
    let api = start().await;
    three(&api).await;
    let names = |body: &Value| {
        all(&body["contacts"], "name").into_iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&api.get("/contacts").await), ["Ann", "Bob"]);
    assert_eq!(api.get("/contacts/3-contacts").await["contacts"][0]["name"], "Cid");
    api.wait(5);
    let page = api.get("/contacts?page[limit]=2&page[page]=0").await;
    assert_eq!(
        (names(&page), &page["meta"]["count"], &page["meta"]["total"]),
        (vec!["Ann".into(), "Bob".into()], &json!(2), &json!(3))
    );
    assert_eq!(names(&api.get("/contacts?page[limit]=2&page[page]=1").await), ["Cid"]);
    assert_eq!(names(&api.get("/contacts?page[limit]=2&page[page]=2").await), Vec::<String>::new());
    assert_eq!(names(&api.get("/contacts?sort=-name").await), ["Cid", "Bob", "Ann"]);
    assert_eq!(names(&api.get("/contacts?q=bo").await), ["Bob"]);
    assert_eq!(names(&api.get("/contacts?email=C@x.example").await), ["Cid"]);
    let range = "filter[createdTime]=2026-01-01T00:01:00 TO 2026-01-01T00:02:00";
    assert_eq!(names(&api.get(&format!("/contacts?{range}")).await), ["Ann", "Bob"]);
    assert_eq!(
        names(&api.get("/contacts?filter[createdTime]=2026-01-01T00:02:00Z 2027-01-01T00:00:00Z").await),
        ["Bob", "Cid"]
    );
    api.rest("DELETE", "/contacts/1-contacts", None).await;
    assert_eq!(names(&api.get("/contacts").await).len(), 3);
    api.wait(5);
    assert_eq!(names(&api.get("/contacts").await), ["Bob", "Cid"]);
    for (query, detail) in [
        ("page[page]=-1", "Invalid page number: -1"),
        ("page[limit]=10001", "Invalid page limit: 10001"),
        ("filter[shoes]=7", "shoes"),
        ("filter[createdTime]=x", "createdTime"),
        ("colour=red", "colour"),
    ] {
        let (status, body) = api.rest("GET", &format!("/contacts?{query}"), None).await;
        let error = &body["errors"][0];
        assert_eq!((status, &error["title"]), (400, &json!("Invalid filter")), "{query}");
        assert!(error["detail"].as_str().unwrap().contains(detail), "{error}");
    }
    api.get("/contacts?page[limit]=10000").await;
}

#[tokio::test]
async fn lists_are_filtered_by_links() {
    let api = start().await;
    let body = json!({"tags": [{"name": "vip", "tagType": "2", "colorType": "9", "links": {"entities": []}}]});
    let tag = api.post("/tags", body).await;
    assert_eq!(
        (&tag["tags"][0]["id"], &tag["tags"][0]["tagType"], &tag["tags"][0]["colorType"]),
        (&json!("1-tags"), &json!("contacts"), &json!("COLOR_PINK"))
    );
    three(&api).await;
    let body = json!({"tags": [{"name": "bulk", "tagType": "2", "links": {"entities": ["1-contacts", "2-contacts"]}}]});
    assert_eq!(api.post("/tags", body).await["tags"][0]["count"], 2);
    assert_eq!(api.get_one("Contact", &json!(1)).await["tags"], json!(["bulk"]));
    let lead = api.post("/leads", json!({"leads": [{"links": {"contacts": ["3-contacts"]}}]})).await;
    api.wait(5);
    let lead = lead["leads"][0]["id"].as_str().unwrap().to_owned();
    for (path, key, count) in [
        ("/contacts?filter[tags]=2-tags".to_owned(), "contacts", 2),
        (format!("/contacts?filter[leads][]={lead}"), "contacts", 1),
        ("/leads?filter[number]=>0".to_owned(), "leads", 1),
        ("/leads?filter[number]=>1".to_owned(), "leads", 0),
        ("/leads?filter[contacts][]=3-contacts&filter[contacts][]=1-contacts".to_owned(), "leads", 1),
        ("/contacts?filter[address][country]=US".to_owned(), "contacts", 0),
        ("/tags?filter[tagType]=contacts".to_owned(), "tags", 2),
        ("/tags?filter[tagType]=1".to_owned(), "tags", 0),
    ] {
        assert_eq!(api.get(&path).await[key].as_array().unwrap().len(), count, "{path}");
    }
    assert_eq!(api.rest("DELETE", "/tags/2-tags", None).await.0, 200);
    assert_eq!(api.get_one("Contact", &json!(1)).await["tags"], json!([]));
    assert_eq!(api.rest("POST", "/tags/2-tags/undelete", None).await.0, 200);
    let (status, body) = api.rest("POST", "/tags", Some(json!({"tags": [{"name": "VIP", "tagType": "2"}]}))).await;
    assert_eq!((status, body["errors"][0]["title"].as_str().unwrap().contains("exists")), (400, true));
    let made = api.post("/sources", json!({"sources": [{"name": "Ads", "channel": 2}]})).await;
    assert_eq!(made["sources"][0]["channel"], json!({"value": 2, "display": "Paid search"}));
    assert_eq!(api.rest("DELETE", "/sources/2-sources", None).await.0, 200);
    assert_eq!(all(&api.get("/sources").await["sources"], "name"), ["Website"]);
    assert_eq!(api.post("/sources/2-sources/undelete", json!({})).await["sources"][0]["name"], "Ads");
    assert_eq!(api.post("/audiences", json!({"emAudiences": [{"name": "A"}]})).await["emAudiences"][0]["name"], "A");
}

#[tokio::test]
async fn patches_change_what_their_paths_name() {
    let api = start().await;
    for name in ["External ID", "A/B~C"] {
        api.post("/leads/customfield", json!({"name": name, "type": "String"})).await;
    }
    let (a, b) =
        (api.new_one("Account", json!({"name": "A"})).await, api.new_one("Contact", json!({"name": "B"})).await);
    let lead = api.new_one("Lead", json!({"accounts": [{"id": a["id"]}]})).await;
    let path = format!("/leads/{}-leads", lead["id"]);
    api.patch(
        &path,
        json!([
            {"op": "replace", "path": "/leads/0/External ID", "value": "deal-3"},
            {"op": "replace", "path": "/leads/0/A~1B~0C", "value": "escaped"},
            {"op": "replace", "path": "/leads/0/description", "value": "new"},
            {"op": "add", "path": "/leads/0/links/contacts/-", "value": "1-contacts"},
            {"op": "remove", "path": "/leads/0/links/accounts/1-accounts"},
            {"op": "replace", "path": "/leads/0/links/owner", "value": "2-users"},
            {"op": "replace", "path": "/leads/0/dueTime", "value": 1_767_225_600},
        ]),
    )
    .await;
    let read = api.get_one("Lead", &lead["id"]).await;
    assert_eq!(read["customFields"], json!({"External ID": "deal-3", "A/B~C": "escaped"}));
    assert_eq!(
        (&read["description"], all(&read["contacts"], "id"), &read["accounts"]),
        (&json!("new"), vec![&b["id"]], &json!([]))
    );
    assert_eq!((&read["assignee"]["id"], &read["dueTime"]), (&json!(2), &json!("2026-01-01T00:00:00+0000")));
    api.patch(&path, json!([{"op": "remove", "path": "/leads/0/External ID"}])).await;
    assert_eq!(api.get_one("Lead", &lead["id"]).await["customFields"], json!({"A/B~C": "escaped"}));
    let cases = [
        (json!([]), "No patches sent"),
        (json!([{"op": "replace", "path": "/leads/0/Shoes", "value": "1"}]), "Shoes is not a custom field"),
        (json!([{"op": "replace", "path": "/contacts/0/name", "value": "1"}]), "Invalid patch"),
        (json!([{"op": "jump", "path": "/leads/0/description"}]), "Invalid patch"),
        (json!([{"op": "replace", "path": "/leads/0/manualValue", "value": "much"}]), "Invalid value"),
    ];
    for (operations, title) in cases {
        let (status, body) = api.rest("PATCH", &path, Some(operations)).await;
        assert_eq!((status, &body["errors"][0]["title"]), (400, &json!(title)));
    }
    let plain = api.request("PATCH", &format!("/rest{path}")).json(&json!([])).send().await.unwrap();
    assert_eq!(plain.status(), 400);
    assert_eq!(plain.text().await.unwrap(), "\"application/json-patch+json is required, see http://jsonapi.org\"");
    let moved = json!([{"op": "move", "path": "/leads/0/description", "from": "/leads/0/x"}]);
    assert_eq!(api.rest("PATCH", &path, Some(moved)).await.0, 501);
    let contact = json!([{"op": "replace", "path": "/contacts/0/links/accounts", "value": ["1-accounts"]},
        {"op": "replace", "path": "/contacts/0/links/territory", "value": "1-territories"},
        {"op": "add", "path": "/contacts/0/links/emAudiences/-", "value": "1-emAudiences"}]);
    api.patch("/contacts/1-contacts", contact).await;
    assert_eq!(api.get("/contacts/1").await["contacts"][0]["links"]["emAudiences"], json!(["1-emAudiences"]));
    api.patch("/contacts/1-contacts", json!([{"op": "replace", "path": "/contacts/0/links/accounts", "value": []}]))
        .await;
    assert_eq!(api.get_one("Contact", &json!(1)).await["accounts"], json!([]));
}

#[tokio::test]
async fn fields_are_defined_and_never_removed() {
    let api = start().await;
    let field = json!({"name": "Contract type", "type": "Enum", "choices": ["New", "Renewal"], "isMultiple": false});
    for kind in ["accounts", "contacts", "leads"] {
        assert_eq!(api.rest("POST", &format!("/{kind}/customfield"), Some(field.clone())).await.0, 200);
    }
    let shown = json!({"id": "3-customFields", "title": "Contract type", "name": "Contract type", "type": "enum",
        "choices": ["New", "Renewal"], "isMultiple": false});
    assert_eq!(api.get("/leads/customfields/attributes").await, json!([shown]));
    assert_eq!(api.get("/accounts/customfields/attributes").await["customFields"][0]["title"], "Contract type");
    let refused = [
        json!({"name": "Contract type", "type": "String"}),
        json!({"name": "", "type": "String"}),
        json!({"name": "x".repeat(41), "type": "String"}),
        json!({"name": "F", "type": "Number"}),
        json!({"name": "F", "type": "Phone"}),
        json!({"name": "F", "type": "Enum"}),
        json!({"name": "F", "type": "Date", "choices": ["a"]}),
    ];
    for field in refused {
        assert_eq!(api.rest("POST", "/accounts/customfield", Some(field)).await.0, 400);
    }
    assert_eq!(api.rest("POST", "/leads/customfield", Some(json!({"name": "F", "type": "Phone"}))).await.0, 200);
    api.new_one("Account", json!({"name": "A", "customFields": {"Contract type": "New"}})).await;
    let values = api.get("/accounts/1-accounts/customfields").await;
    assert_eq!(values["customFields"][0]["value"], "New");
    api.new_one("Lead", json!({})).await;
    assert_eq!(api.get("/leads/1000/customfields").await[0]["value"], Value::Null);
}

#[tokio::test]
async fn the_feed_tells_what_happened() {
    let api = start().await;
    let lead = api.new_one("Lead", json!({})).await;
    api.wait(10);
    let lead = api.edit("Lead", &lead, json!({"milestoneId": 2})).await;
    api.rpc("deleteLead", json!([lead["id"], lead["rev"]])).await;
    let events = api.get("/events").await;
    assert_eq!(all(&events["events"], "action"), ["stagechange", "edit", "create"]);
    assert_eq!(events["events"][0]["links"], json!({"actor": "1-users", "payloads": ["1000-leads"]}));
    let first = api.get("/events?limit=1").await;
    let next = first["meta"]["next"].as_str().unwrap().trim_start_matches(&api.simulator.url()).to_owned();
    let second = api.get(next.trim_start_matches("/rest")).await;
    assert_eq!(all(&second["events"], "action"), ["edit"]);
    assert_eq!(api.get("/events?since_id=1-events").await["events"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/events?max_time=1767225600").await["events"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/events?entity_id=7-accounts").await["events"], json!([]));
    assert_eq!(all(&api.get("/events/deleted").await["events"], "action"), ["delete"]);
}
