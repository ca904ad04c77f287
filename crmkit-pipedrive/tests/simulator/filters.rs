//! Filters: their conditions, and lists narrowed by them.

use crmkit_pipedrive::simulator::Switches;
use serde_json::{Value, json};

use crate::api::{Api, ids, start};

fn filter(kind: &str, all: Value, any: Value) -> Value {
    let groups = json!([{"glue": "and", "conditions": all}, {"glue": "or", "conditions": any}]);
    json!({"name": "F", "type": kind, "conditions": {"glue": "and", "conditions": groups}})
}

/// The number that v1 has for a field, which `leadFields` tells for those of deals.
async fn number(api: &Api, key: &str) -> i64 {
    let fields = api.get("/api/v1/leadFields?limit=500").await;
    let field = fields["data"].as_array().unwrap().iter().find(|field| field["key"] == key).cloned().unwrap();
    field["id"].as_i64().unwrap()
}

#[tokio::test]
async fn filters_are_kept() {
    let (simulator, api) = start().await;
    let title = number(&api, "title").await;
    let condition = json!({"object": "deal", "field_id": title.to_string(), "operator": "=", "value": "x"});
    let path = "/api/v1/filters?include_field_code=true";
    let made = api.post(path, filter("deals", json!([condition]), json!([]))).await;
    let stored = &made["conditions"]["conditions"][0]["conditions"][0];
    assert_eq!((&stored["field_code"], &stored["extra_value"]), (&json!("title"), &Value::Null));
    let shown = api.get("/api/v1/filters/1").await;
    assert!(shown["data"]["conditions"]["conditions"][0]["conditions"][0].get("field_code").is_none());
    let other = filter("org", json!([]), json!([]));
    api.post("/api/v1/filters", other.clone()).await;
    assert_eq!(ids(&api.get("/api/v1/filters?type=org").await), [2]);
    assert!(api.get("/api/v1/filters").await["data"][0].get("conditions").is_none());
    let changed = json!({"name": "G", "conditions": other["conditions"]});
    assert_eq!(api.write("PUT", "/api/v1/filters/1", changed).await["name"], "G");
    api.refused("PUT", "/api/v1/filters/1", json!({"name": "G"}), 400, "Conditions must be given.").await;
    assert_eq!(api.delete("/api/v1/filters/1").await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete("/api/v1/filters?ids=1,2").await.1["data"], json!({"id": [2]}));
    assert_eq!(api.get("/api/v1/filters").await["data"], json!([]));
    assert_eq!(api.get("/api/v1/filters/helpers").await["data"]["operators"]["double"]["<"], "is less than");
    let mut switches = Switches::default();
    switches.filters_cap = 1;
    simulator.set_switches(switches).unwrap();
    api.post("/api/v1/filters", other.clone()).await;
    api.refused("POST", "/api/v1/filters", other, 403, "filter per company limit").await;
}

#[tokio::test]
async fn bad_conditions_are_refused() {
    let (_simulator, api) = start().await;
    let (title, won) = (number(&api, "title").await, number(&api, "won_time").await);
    let one = |object: &str, field: i64, operator: &str, value: Value| {
        filter("deals", json!([{"object": object, "field_id": field, "operator": operator, "value": value}]), json!([]))
    };
    let condition = json!({"object": "deal", "field_id": title, "operator": "=", "value": "x"});
    let cases = [
        (one("task", title, "=", json!("x")), "Unknown object 'task'"),
        (one("deal", 9999, "=", json!("x")), "Unknown field_id 9999"),
        (one("deal", title, "~", json!("x")), "Unknown operator '~'"),
        (one("deal", title, "=", Value::Null), "must have a value"),
        (one("deal", won, ">", json!("01.02.2024")), "YYYY-MM-DD"),
        (filter("tasks", json!([]), json!([])), "Unknown filter type 'tasks'"),
        (filter("deals", vec![condition; 17].into(), json!([])), "at most 16"),
        (json!({"name": "F", "type": "deals", "conditions": {"glue": "or", "conditions": []}}), "glued with and"),
        (json!({"name": "F", "type": "deals", "conditions": {"glue": "and", "conditions": []}}), "one group"),
        (json!({"type": "deals", "conditions": {}}), "Name must be given."),
    ];
    for (body, text) in cases {
        api.refused("POST", "/api/v1/filters", body, 400, text).await;
    }
}

#[tokio::test]
async fn lists_are_narrowed() {
    let (_simulator, api) = start().await;
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    let size = api.post("/api/v2/dealFields", json!({"field_name": "Size", "field_type": "double"})).await;
    let code = size["field_code"].as_str().unwrap();
    for (title, value, size) in [("Alpha", 5, Some(9)), ("Beta", 50, Some(10)), ("Gamma", 500, None)] {
        let mut body = json!({"title": title, "value": value, "org_id": (title == "Beta").then_some(1)});
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        if let Some(size) = size {
            body["custom_fields"] = json!({code: size});
        }
        api.post("/api/v2/deals", body).await;
    }
    let (title, value, size) = (number(&api, "title").await, number(&api, "value").await, number(&api, code).await);
    let one = |field: i64, operator: &str, value: &str| json!({"object": "deal", "field_id": field, "operator": operator, "value": value});
    let acme = json!({"object": "organization", "field_id": 2, "operator": "LIKE '$%'", "value": "ac"});
    let cases = [
        (json!([one(title, "=", "alpha")]), json!([]), vec![1]),
        (json!([one(title, "!=", "Alpha")]), json!([]), vec![2, 3]),
        (json!([one(title, "LIKE '%$%'", "et")]), json!([]), vec![2]),
        (json!([one(title, "NOT LIKE '$%'", "Be")]), json!([]), vec![1, 3]),
        (json!([one(value, ">", "5")]), json!([]), vec![2, 3]),
        (json!([one(value, "<=", "50"), one(value, ">=", "50")]), json!([]), vec![2]),
        (json!([one(size, "<", "10")]), json!([]), vec![1]),
        (json!([one(size, "IS NULL", "")]), json!([]), vec![3]),
        (json!([]), json!([one(title, "=", "Alpha"), one(size, "IS NULL", "")]), vec![1, 3]),
        (json!([acme]), json!([]), vec![2]),
    ];
    for (all, any, expected) in cases {
        let made = api.post("/api/v1/filters", filter("deals", all, any)).await;
        let page = api.get(&format!("/api/v2/deals?filter_id={}", made["id"])).await;
        assert_eq!(ids(&page), expected, "{}", made["conditions"]);
    }
    assert_eq!(api.call("GET", "/api/v2/deals?filter_id=99", None).await.0, 400);
    assert_eq!(api.call("GET", "/api/v2/persons?filter_id=1", None).await.0, 400);
    let lead = json!({"title": "Alpha lead", "organization_id": 1});
    assert_eq!(api.call("POST", "/api/v1/leads", Some(lead)).await.0, 201);
    let like = one(title, "LIKE '$%'", "alpha");
    let made = api.post("/api/v1/filters", filter("leads", json!([like]), json!([]))).await;
    let found = api.get(&format!("/api/v1/leads?filter_id={}", made["id"])).await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
}
