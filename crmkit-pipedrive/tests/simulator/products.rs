//! Products, what deals have of them, and merging.

use crmkit_pipedrive::simulator::Switches;
use serde_json::{Value, json};

use crate::api::{Api, ids, start};

async fn made(api: &Api, path: &str, body: Value) -> Value {
    let (status, answer) = api.call("POST", path, Some(body)).await;
    assert_eq!(status, 201, "{path} {answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn products_have_prices_and_variations() {
    let (_simulator, api) = start().await;
    let field = api.post("/api/v2/productFields", json!({"field_name": "Size", "field_type": "text"})).await;
    let code = field["field_code"].as_str().unwrap();
    let prices = json!([{"price": 10, "currency": "EUR"}, {"price": 110, "currency": "SEK", "cost": 5}]);
    let body = json!({"name": "Chair", "code": "C-1", "prices": prices, "tax": 25, "category": 7, "custom_fields": {code: "XL"}});
    let product = made(&api, "/api/v2/products", body).await;
    assert_eq!((&product["prices"][1]["cost"], &product["custom_fields"][code]), (&json!(5), &json!("XL")));
    assert_eq!((&product["category"], &product["is_linkable"]), (&json!("7"), &json!(true)));
    let plain = made(&api, "/api/v2/products", json!({"name": "Table"})).await;
    assert_eq!(plain["prices"][0]["currency"], "EUR");
    let twice = json!([{"price": 1, "currency": "EUR"}, {"price": 2, "currency": "EUR"}]);
    for (body, text) in [
        (json!({}), "name"),
        (json!({"name": "x", "prices": twice}), "Only one price"),
        (json!({"name": "x", "prices": [{"price": 1, "currency": "XXX"}]}), "currency"),
        (json!({"name": "x", "prices": [{"price": "1", "currency": "EUR"}]}), "prices.price"),
        (json!({"name": "x", "color": "red"}), "Unknown key 'color'"),
    ] {
        api.refused("POST", "/api/v2/products", body, 400, text).await;
    }
    let changed = api.write("PATCH", "/api/v2/products/1", json!({"name": "Armchair", "prices": []})).await;
    assert_eq!((&changed["prices"], &changed["code"]), (&json!([]), &json!("C-1")));
    let variation = made(&api, "/api/v2/products/1/variations", json!({"name": "Red"})).await;
    assert_eq!(variation["product_id"], 1);
    let path = format!("/api/v2/products/1/variations/{}", variation["id"]);
    assert_eq!(api.write("PATCH", &path, json!({"name": "Blue"})).await["name"], "Blue");
    assert_eq!(ids(&api.get("/api/v2/products/1/variations").await), [1]);
    assert_eq!(api.delete(&path).await.0, 200);
    assert_eq!(api.delete(&path).await.0, 404);
    let found = api.get("/api/v2/products/search?term=C-1&exact_match=true&fields=code").await;
    assert_eq!(found["data"]["items"][0]["item"]["name"], "Armchair");
    assert_eq!(api.delete("/api/v2/products/2").await.1["data"], json!({"id": 2}));
    assert_eq!(ids(&api.get("/api/v2/products").await), [1]);
    assert_eq!(api.call("POST", "/api/v2/products/1/followers", Some(json!({"user_id": 4}))).await.0, 201);
    assert_eq!(api.get("/api/v1/products/1/files").await["data"], json!([]));
}

#[tokio::test]
async fn deals_have_products() {
    let (simulator, api) = start().await;
    api.post("/api/v2/deals", json!({"title": "D", "value": 5, "currency": "SEK"})).await;
    made(&api, "/api/v2/products", json!({"name": "Chair"})).await;
    made(&api, "/api/v2/products", json!({"name": "Old", "is_linkable": false})).await;
    let path = "/api/v2/deals/1/products";
    let body = json!({"product_id": 1, "item_price": 100, "quantity": 2, "discount": 10, "tax": 25, "tax_method": "exclusive"});
    let line = made(&api, path, body).await;
    assert_eq!((&line["sum"], &line["name"], &line["currency"]), (&json!(225.0), &json!("Chair"), &json!("SEK")));
    assert_eq!(api.get("/api/v2/deals/1").await["data"]["value"], 225.0);
    let line = json!({"product_id": 1, "item_price": 1, "quantity": 1});
    let off = json!({"product_id": 1, "item_price": 1, "quantity": 1, "is_enabled": false});
    made(&api, &format!("{path}/bulk"), json!({"data": [line, off]})).await;
    assert_eq!(api.get("/api/v2/deals/1").await["data"]["value"], 226.0);
    assert_eq!(ids(&api.get(&format!("{path}?limit=2")).await), [1, 2]);
    assert_eq!(ids(&api.get("/api/v2/deals/products?deal_ids=1,2").await), [1, 2, 3]);
    for (body, text) in [
        (json!({"product_id": 1, "item_price": 1}), "quantity"),
        (json!({"product_id": 9, "item_price": 1, "quantity": 1}), "product_id"),
        (json!({"product_id": 2, "item_price": 1, "quantity": 1}), "product_id"),
        (json!({"product_id": 1, "item_price": 1, "quantity": 1, "product_variation_id": 1}), "variation"),
    ] {
        api.refused("POST", path, body, 400, text).await;
    }
    let half = json!({"data": [{"product_id": 1, "item_price": 1, "quantity": 1}, {"product_id": 9, "item_price": 1, "quantity": 1}]});
    api.refused("POST", &format!("{path}/bulk"), half, 400, "product_id").await;
    let changed = api.write("PATCH", &format!("{path}/1"), json!({"quantity": 1, "discount_type": "amount"})).await;
    assert_eq!(changed["sum"], 112.5);
    let counted = api.get("/api/v2/deals/1?include_fields=products_count").await;
    assert_eq!(counted["data"]["products_count"], 3);
    assert_eq!(api.delete(&format!("{path}/1")).await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete(&format!("{path}?ids=2,3")).await.1["data"], json!({"ids": [2, 3]}));
    let mut switches = Switches::default();
    switches.products_value_deals = false;
    simulator.set_switches(switches).unwrap();
    let before = api.get("/api/v2/deals/1").await["data"]["value"].clone();
    made(&api, path, json!({"product_id": 1, "item_price": 999, "quantity": 1})).await;
    assert_eq!(api.get("/api/v2/deals/1").await["data"]["value"], before);
}

#[tokio::test]
async fn merged_persons_keep_what_both_had() {
    let (_simulator, api) = start().await;
    let keep = json!({"name": "Jane Doe", "emails": [{"value": "a@x.example"}]});
    api.post(
        "/api/v2/persons",
        json!({"name": "J. Doe", "emails": [{"value": "b@x.example"}, {"value": "a@x.example"}],
        "phones": [{"value": "+46"}]}),
    )
    .await;
    api.post("/api/v2/persons", keep).await;
    api.post("/api/v2/deals", json!({"title": "D", "person_id": 1})).await;
    api.post("/api/v1/notes", json!({"content": "x", "person_id": 1})).await;
    api.post("/api/v2/activities", json!({"participants": [{"person_id": 1}]})).await;
    let merged = api.write("PUT", "/api/v1/persons/1/merge", json!({"merge_with_id": 2})).await;
    assert_eq!((&merged["id"], &merged["name"], &merged["merge_what_id"]), (&json!(2), &json!("Jane Doe"), &json!(1)));
    let stored = api.get("/api/v2/persons/2").await;
    let emails: Vec<&str> =
        stored["data"]["emails"].as_array().unwrap().iter().filter_map(|email| email["value"].as_str()).collect();
    assert_eq!(emails, ["a@x.example", "b@x.example"]);
    let primaries =
        stored["data"]["emails"].as_array().unwrap().iter().filter(|email| email["primary"] == true).count();
    assert_eq!((primaries, &stored["data"]["phones"][0]["primary"]), (1, &json!(true)));
    assert_eq!(api.get("/api/v2/deals/1").await["data"]["person_id"], 2);
    assert_eq!(api.get("/api/v2/activities/1").await["data"]["participants"][0]["person_id"], 2);
    assert_eq!(ids(&api.get("/api/v1/notes?person_id=2").await), [1]);
    assert_eq!(ids(&api.get("/api/v2/persons").await), [2]);
    assert_eq!(api.get("/api/v2/persons/1").await["data"]["is_deleted"], true);
    api.refused("PUT", "/api/v1/persons/2/merge", json!({"merge_with_id": 2}), 400, "itself").await;
    api.refused("PUT", "/api/v1/persons/2/merge", json!({"merge_with_id": 1}), 404, "").await;
}

#[tokio::test]
async fn merged_organizations_and_deals_take_their_links_along() {
    let (_simulator, api) = start().await;
    for name in ["A", "B", "C"] {
        api.post("/api/v2/organizations", json!({"name": name})).await;
    }
    for (owner, linked) in [(1, 2), (1, 3)] {
        let body = json!({"type": "related", "rel_owner_org_id": owner, "rel_linked_org_id": linked});
        api.post("/api/v1/organizationRelationships", body).await;
    }
    api.post("/api/v2/persons", json!({"name": "P", "org_id": 1})).await;
    for title in ["D", "E"] {
        api.post("/api/v2/deals", json!({"title": title, "org_id": 1})).await;
        let deal = if title == "D" { 1 } else { 2 };
        api.post(&format!("/api/v1/deals/{deal}/participants"), json!({"person_id": 1})).await;
    }
    assert_eq!(api.write("PUT", "/api/v1/organizations/1/merge", json!({"merge_with_id": 2})).await, json!({"id": 2}));
    assert_eq!(ids(&api.get("/api/v1/organizationRelationships?org_id=2").await), [2]);
    assert_eq!(ids(&api.get("/api/v2/persons?org_id=2").await), [1]);
    let merged = api.write("PUT", "/api/v1/deals/1/merge", json!({"merge_with_id": 2})).await;
    assert_eq!((&merged["title"], &merged["org_id"]), (&json!("E"), &json!(2)));
    assert_eq!(api.get("/api/v1/deals/2/participants").await["data"].as_array().unwrap().len(), 1);
    assert_eq!(ids(&api.get("/api/v2/deals").await), [2]);
}
