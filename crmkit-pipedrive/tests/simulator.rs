//! The simulator against the vendor's documentation, over plain HTTP.
#![cfg(feature = "simulator")]

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::Clock;
use crmkit_core::simulator::{Effect, Fault, FaultProxy, JumpingClock};
use crmkit_pipedrive::simulator::{PipedriveSimulator, Stray, Switches, Tier};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// Stands still until moved.
#[derive(Debug)]
struct FrozenClock(Mutex<DateTime<Utc>>);

impl FrozenClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())))
    }

    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait::async_trait]
impl Clock for FrozenClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap();
        *now = when.max(*now);
    }
}

struct Api {
    client: Client,
    url: String,
    token: String,
}

impl Api {
    fn of(simulator: &PipedriveSimulator) -> Self {
        Self { client: Client::new(), url: simulator.url(), token: simulator.token().into() }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("x-api-token", &self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.send(method, path, body).await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path} {body}");
        body
    }

    async fn write(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, Some(body)).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{method} {path} {answer}");
        answer["data"].clone()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.write("POST", path, body).await
    }

    async fn refused(&self, method: &str, path: &str, body: Value, status: u16, text: &str) -> Value {
        let (given, answer) = self.call(method, path, Some(body)).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(given == status && error.contains(text), "{method} {path} {given} {answer}");
        assert_eq!(answer["success"], false);
        answer
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        self.call("DELETE", path, None).await
    }
}

async fn start() -> (PipedriveSimulator, Api) {
    let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api)
}

fn ids(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_fresh_account_has_users_and_one_pipeline() {
    let (_simulator, api) = start().await;
    let me = api.get("/api/v1/users/me").await;
    assert_eq!((&me["data"]["company_domain"], &me["data"]["is_you"]), (&json!("crmkit-test"), &json!(true)));
    let users = api.get("/v1/users").await;
    assert_eq!(users["data"].as_array().unwrap().len(), 36);
    let found = api.get("/api/v1/users/find?term=mei-mei.johns@maven.example&search_by_email=1").await;
    assert_eq!(found["data"][0]["name"], "Mei-Mei Johns");
    assert_eq!(ids(&api.get("/api/v2/pipelines").await), [1]);
    let stages = api.get("/api/v2/stages?pipeline_id=1&sort_by=order_nr").await;
    assert_eq!((ids(&stages), &stages["data"][4]["name"]), (vec![1, 2, 3, 4, 5], &json!("Negotiations Started")));
    assert_eq!(api.get("/api/v2/stages?pipeline_id=99").await["data"], json!([]));
    let euro = api.get("/api/v1/currencies?term=euro").await;
    assert_eq!(euro["data"][0]["code"], "EUR");
    let missing = api.call("GET", "/api/v1/users/999", None).await;
    assert_eq!(missing, (404, json!({"success": false, "error": "User not found or not accessible."})));
}

#[tokio::test]
async fn pipelines_and_stages_are_made_in_order() {
    let (simulator, api) = start().await;
    let pipeline = api.post("/api/v2/pipelines", json!({"name": "Sales"})).await;
    assert_eq!((&pipeline["id"], &pipeline["order_nr"]), (&json!(2), &json!(2)));
    assert_eq!(api.get("/api/v2/stages?pipeline_id=2").await["data"], json!([]));
    for order in 1..=2 {
        let stage = api.post("/api/v2/stages", json!({"name": "Won soon", "pipeline_id": 2})).await;
        assert_eq!(stage["order_nr"], order);
    }
    api.refused("POST", "/api/v2/stages", json!({"name": "x", "pipeline_id": 9}), 400, "pipeline_id").await;
    api.refused("POST", "/api/v2/stages", json!({"name": "", "pipeline_id": 1}), 400, "name").await;
    api.refused("POST", "/api/v2/stages", json!({"name": "x", "pipeline_id": 1, "order_nr": 1}), 400, "order_nr").await;
    let deal = api.post("/api/v2/deals", json!({"title": "D", "pipeline_id": 2})).await;
    assert_eq!((&deal["stage_id"], &deal["pipeline_id"]), (&json!(6), &json!(2)));
    assert_eq!(api.delete("/api/v2/stages/6").await.0, 400);
    assert_eq!(api.delete("/api/v2/pipelines/2").await.0, 400);
    api.delete("/api/v2/deals/1").await;
    assert_eq!(api.delete("/api/v2/pipelines/2").await.1["data"], json!({"id": 2}));
    assert_eq!(ids(&api.get("/api/v2/stages").await), [1, 2, 3, 4, 5]);

    let mut switches = Switches::default();
    (switches.default_stages, switches.stage_with_deals_deletable) = (true, true);
    simulator.set_switches(switches).unwrap();
    api.post("/api/v2/pipelines", json!({"name": "Partners"})).await;
    assert_eq!(api.get("/api/v2/stages?pipeline_id=3").await["data"].as_array().unwrap().len(), 5);
    api.post("/api/v2/deals", json!({"title": "D", "pipeline_id": 3})).await;
    assert_eq!(api.delete("/api/v2/pipelines/3").await.0, 200);
}

#[tokio::test]
async fn organizations_live_and_die() {
    let (simulator, api) = start().await;
    let made = api
        .post(
            "/api/v2/organizations",
            json!({"name": "Acme", "add_time": "2020-01-02T03:04:05Z", "owner_id": 2,
            "address": {"value": "Main St 1"}, "label_ids": []}),
        )
        .await;
    assert_eq!((&made["id"], &made["add_time"]), (&json!(1), &json!("2020-01-02T03:04:05Z")));
    assert_eq!((&made["address"]["country"], &made["owner_id"]), (&Value::Null, &json!(2)));
    let renamed = api.write("PATCH", "/api/v2/organizations/1", json!({"name": "Acme AB"})).await;
    assert_eq!((&renamed["name"], &renamed["owner_id"]), (&json!("Acme AB"), &json!(2)));
    let cases = [
        (json!({"name": null}), "name: The value is not a valid 'string'"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x", "owner_id": "1"}), "owner_id: The value is not a valid 'integer'"),
        (json!({"name": "x", "owner_id": 99}), "owner_id"),
        (json!({"name": "x", "nonsense": 1}), "Unknown key 'nonsense'"),
        (json!({"name": "x", "website": "acme.com"}), "Unknown key 'website'"),
        (json!({"name": "x", "label_ids": [12345]}), "label_ids"),
        (json!({"name": "x", "add_time": "yesterday"}), "add_time: This value is not a valid datetime."),
        (json!({"name": "x", "custom_fields": {"title": 1}}), "custom_fields: Unknown key 'title'"),
    ];
    for (body, text) in cases {
        let answer = api.refused("POST", "/api/v2/organizations", body, 400, text).await;
        assert_eq!(answer["code"], "ERR_SCHEMA_VALIDATION_FAILED");
    }
    api.refused("POST", "/api/v2/organizations", json!({"name": "x", "visible_to": 4}), 403, "permissions").await;
    api.refused("POST", "/api/v2/organizations", json!({}), 400, "name").await;
    assert_eq!(api.delete("/api/v2/organizations/1").await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete("/api/v2/organizations/1").await.0, 404);
    assert_eq!(api.get("/api/v2/organizations").await["data"], json!([]));
    assert_eq!(api.get("/api/v2/organizations/1").await["data"]["is_deleted"], true);
    let mut switches = Switches::default();
    (switches.deleted_is_readable, switches.firmographics) = (false, true);
    simulator.set_switches(switches).unwrap();
    assert_eq!(api.call("GET", "/api/v2/organizations/1", None).await.0, 404);
    let firm = api.post("/api/v2/organizations", json!({"name": "B", "employee_count": 3, "website": null})).await;
    assert_eq!(firm["employee_count"], 3);
}

#[tokio::test]
async fn persons_are_named_and_addressed() {
    let (simulator, api) = start().await;
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    let person = api
        .post(
            "/api/v2/persons",
            json!({"name": "Jane van Doe", "org_id": 1, "phones": [],
            "emails": [{"value": "a@x.com"}, {"value": "b@x.com", "label": "home"}]}),
        )
        .await;
    assert_eq!((&person["first_name"], &person["last_name"]), (&json!("Jane"), &json!("van Doe")));
    let emails = json!([{"value": "a@x.com", "label": "work", "primary": true},
        {"value": "b@x.com", "label": "home", "primary": false}]);
    assert_eq!(person["emails"], emails);
    assert!(person.get("job_title").is_none());
    let renamed = api.write("PATCH", "/api/v2/persons/1", json!({"first_name": "Janet"})).await;
    assert_eq!(renamed["name"], "Janet van Doe");
    let two = json!({"name": "x", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]});
    api.refused("POST", "/api/v2/persons", two, 400, "emails").await;
    api.refused("POST", "/api/v2/persons", json!({"name": "x", "emails": ["a@x.com"]}), 400, "emails").await;
    api.refused("POST", "/api/v2/persons", json!({"name": "x", "org_id": 5}), 400, "org_id").await;
    api.refused("POST", "/api/v2/persons", json!({"owner_id": 1}), 400, "name").await;
    api.refused("POST", "/api/v2/persons", json!({"name": "x", "job_title": "CEO"}), 403, "permissions").await;
    let mut switches = Switches::default();
    switches.contact_sync = true;
    simulator.set_switches(switches).unwrap();
    let synced = api.post("/api/v2/persons", json!({"name": "Bo", "job_title": "CEO"})).await;
    assert_eq!((&synced["job_title"], &synced["last_name"]), (&json!("CEO"), &Value::Null));
    assert_eq!(ids(&api.get("/api/v2/persons?org_id=1").await), [1]);
    let counted = api.get("/api/v2/organizations/1?include_fields=people_count,open_deals_count").await;
    assert_eq!((&counted["data"]["people_count"], &counted["data"]["open_deals_count"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn deals_are_placed_won_and_lost() {
    let (simulator, api) = start().await;
    let deal = api.post("/api/v2/deals", json!({"title": "D"})).await;
    assert_eq!((&deal["stage_id"], &deal["pipeline_id"], &deal["value"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&deal["currency"], &deal["status"], &deal["origin"]), (&json!("EUR"), &json!("open"), &json!("API")));
    let moved = api.write("PATCH", "/api/v2/deals/1", json!({"stage_id": 3})).await;
    assert!(deal["stage_change_time"].is_null() && moved["stage_change_time"].is_string());
    let won = json!({"title": "W", "status": "won", "won_time": "2023-05-06T07:08:09Z", "value": 9.5, "stage_id": 5});
    let won = api.post("/api/v2/deals", won).await;
    assert_eq!((&won["close_time"], &won["local_won_date"]), (&won["won_time"], &json!("2023-05-06")));
    let open = api.write("PATCH", "/api/v2/deals/2", json!({"status": "open"})).await;
    assert!(open["won_time"].is_null() && open["close_time"].is_null());
    let lost = api.post("/api/v2/deals", json!({"title": "L", "status": "lost", "lost_reason": "price"})).await;
    assert!(lost["lost_time"].is_string());
    api.post("/api/v2/pipelines", json!({"name": "Empty"})).await;
    let cases = [
        (json!({"title": "x", "won_time": "2023-05-06T07:08:09Z"}), "won_time"),
        (json!({"title": "x", "lost_reason": "price"}), "lost_reason"),
        (json!({"title": "x", "status": "maybe"}), "status"),
        (json!({"title": "x", "value": "5"}), "value: The value is not a valid 'number'"),
        (json!({"title": "x", "currency": "XXX"}), "currency"),
        (json!({"title": "x", "person_id": 9}), "person_id"),
        (json!({"title": "x", "expected_close_date": "1.2.2023"}), "expected_close_date"),
        (json!({"title": "x", "add_time": "2023-05-06T07:08:09Z"}), "Unknown key 'add_time'"),
        (json!({"title": "x", "stage_id": 1, "pipeline_id": 2}), "stage_id"),
        (json!({"title": "x", "pipeline_id": 2}), "pipeline_id"),
        (json!({"title": "x", "is_deleted": true}), "is_deleted"),
    ];
    for (body, text) in cases {
        api.refused("POST", "/api/v2/deals", body, 400, text).await;
    }
    assert_eq!(ids(&api.get("/api/v2/deals?status=lost,won").await), [3]);
    api.delete("/api/v2/deals/3").await;
    assert_eq!(ids(&api.get("/api/v2/deals?status=deleted").await), [3]);
    assert_eq!(ids(&api.get("/api/v2/deals").await), [1, 2]);
    api.write("PATCH", "/api/v2/deals/2", json!({"is_archived": true})).await;
    assert_eq!(ids(&api.get("/api/v2/deals").await), [1]);
    assert_eq!(ids(&api.get("/api/v2/deals/archived").await), [2]);
    api.refused("PATCH", "/api/v2/deals/2", json!({"title": "y"}), 400, "Archived").await;
    let mut switches = Switches::default();
    (switches.deal_add_time, switches.stage_mismatch_status) = (Stray::Ignored, 403);
    simulator.set_switches(switches).unwrap();
    let ignored = api.post("/api/v2/deals", json!({"title": "x", "add_time": "2003-05-06T07:08:09Z"})).await;
    assert_ne!(ignored["add_time"], "2003-05-06T07:08:09Z");
    let mismatch = json!({"title": "x", "stage_id": 1, "pipeline_id": 2});
    api.refused("POST", "/api/v2/deals", mismatch, 403, "different pipeline").await;
}

#[tokio::test]
async fn custom_fields_have_types_and_options() {
    let (_simulator, api) = start().await;
    let make = async |kind: &str, options: Value| {
        let mut body = json!({"field_name": format!("My {kind}"), "field_type": kind});
        if options.is_array() {
            body["options"] = options;
        }
        api.post("/api/v2/organizationFields", body).await
    };
    let list = make("enum", json!([{"label": "A"}, {"label": "B"}])).await;
    let code = list["field_code"].as_str().unwrap().to_owned();
    assert_eq!((code.len(), &list["is_custom_field"]), (40, &json!(true)));
    let set = make("set", json!([{"label": "C"}])).await;
    let text = make("varchar", Value::Null).await;
    let (set_code, text_code) = (set["field_code"].as_str().unwrap(), text["field_code"].as_str().unwrap());
    let (a, c) = (list["options"][0]["id"].as_i64().unwrap(), set["options"][0]["id"].as_i64().unwrap());
    let org = json!({"name": "Acme", "custom_fields": {&code: a, set_code: [c], text_code: "src-1"}});
    let org = api.post("/api/v2/organizations", org).await;
    assert_eq!(org["custom_fields"], json!({&code: a, set_code: [c], text_code: "src-1"}));
    let labelled = api.get("/api/v2/organizations/1?include_option_labels=true").await;
    assert_eq!(labelled["data"]["custom_fields"][&code], json!({"id": a, "label": "A"}));
    let limited = api.get(&format!("/api/v2/organizations?ids=1&custom_fields={text_code}")).await;
    assert_eq!(limited["data"][0]["custom_fields"], json!({text_code: "src-1"}));
    for (key, value, expected) in
        [(&*code, json!("A"), "option id"), (set_code, json!([]), "array"), (text_code, json!(1), "Expected 'string'")]
    {
        let body = json!({"custom_fields": {key: value}});
        let answer = api.refused("PATCH", "/api/v2/organizations/1", body, 400, expected).await;
        assert_eq!(answer["field_code"], key);
    }
    let path = format!("/api/v2/organizationFields/{code}/options");
    let added = api.post(&path, json!([{"label": "D"}])).await;
    assert_eq!(added.as_array().unwrap().len(), 1);
    api.refused("DELETE", &path, json!([{"id": a}, {"id": 9999}]), 400, "9999").await;
    api.write("DELETE", &path, json!([{"id": a}])).await;
    let org = api.write("PATCH", "/api/v2/organizations/1", json!({"custom_fields": {set_code: null}})).await;
    assert_eq!(org["custom_fields"], json!({&code: null, set_code: null, text_code: "src-1"}));
    let (status, _) = api.delete(&format!("/api/v2/organizationFields/{text_code}")).await;
    assert_eq!(status, 200);
    let org = api.get("/api/v2/organizations/1").await;
    assert!(org["data"]["custom_fields"].get(text_code).is_none());
    let fields = api.get("/api/v2/organizationFields?limit=500").await;
    let codes: Vec<&str> = fields["data"].as_array().unwrap().iter().filter_map(|f| f["field_code"].as_str()).collect();
    assert!(codes.contains(&"label_ids") && !codes.contains(&"website") && !codes.contains(&text_code));
    let labels = api.post("/api/v2/personFields/label_ids/options", json!([{"label": "VIP"}])).await;
    let labelled = json!({"name": "Jo", "label_ids": [labels[0]["id"]]});
    api.post("/api/v2/persons", labelled).await;
    let shown = api.get("/api/v2/persons/1?include_labels=true").await;
    assert_eq!(shown["data"]["labels"][0]["label"], "VIP");
    let lead_fields = api.get("/api/v1/leadFields?limit=2").await;
    assert_eq!(lead_fields["additional_data"]["pagination"]["next_start"], 2);
}

#[tokio::test]
async fn typed_values_are_checked() {
    let (_simulator, api) = start().await;
    let cases = [
        ("double", json!(5.5), json!("5.5")),
        ("monetary", json!({"value": 5, "currency": "EUR"}), json!(5)),
        ("date", json!("2024-02-29"), json!("2024-02-30")),
        ("daterange", json!({"value": "2024-01-01", "until": "2024-02-01"}), json!("2024-01-01")),
        ("time", json!({"value": "09:00:00", "timezone_name": "Europe/London"}), json!("09:00:00")),
        ("address", json!({"value": "Main St 1"}), json!("Main St 1")),
        ("user", json!(1), json!(999)),
        ("text", json!("long"), json!({})),
        ("phone", json!("+46"), json!(46)),
    ];
    for (kind, good, bad) in cases {
        let field = json!({"field_name": kind, "field_type": kind});
        let field = api.post("/api/v2/dealFields", field).await;
        let code = field["field_code"].as_str().unwrap();
        api.post("/api/v2/deals", json!({"title": "x", "custom_fields": {code: good}})).await;
        let bad = json!({"title": "x", "custom_fields": {code: bad}});
        api.refused("POST", "/api/v2/deals", bad, 400, "as value for deal custom field").await;
    }
    api.refused("POST", "/api/v2/dealFields", json!({"field_name": "x", "field_type": "boolean"}), 400, "").await;
    api.refused("POST", "/api/v2/dealFields", json!({"field_name": "x", "field_type": "enum"}), 400, "options").await;
}

#[tokio::test]
async fn notes_are_cleaned_and_attached() {
    let (_simulator, api) = start().await;
    api.post("/api/v2/deals", json!({"title": "D"})).await;
    let body = json!({"content": "<p onclick=\"x()\">Hi</p><script>bad()</script>", "deal_id": 1,
        "add_time": "2020-01-02 03:04:05", "user_id": 3, "pinned_to_deal_flag": 1});
    let note = api.post("/v1/notes", body).await;
    assert_eq!((&note["content"], &note["deal"]["title"]), (&json!("<p>Hi</p>"), &json!("D")));
    assert_eq!((&note["add_time"], &note["user_id"]), (&json!("2020-01-02 03:04:05"), &json!(3)));
    assert_eq!(note["pinned_to_deal_flag"], true);
    api.refused("POST", "/api/v1/notes", json!({"content": "x"}), 400, "attached").await;
    api.refused("POST", "/api/v1/notes", json!({"content": "x", "deal_id": 7}), 400, "deal does not exist").await;
    api.refused("POST", "/api/v1/notes", json!({"content": "x", "deal_id": 1, "x": 1}), 400, "Invalid field(s)").await;
    api.refused("POST", "/api/v1/notes", json!({"content": "x".repeat(100_001), "deal_id": 1}), 400, "long").await;
    let wrong_time = json!({"content": "x", "deal_id": 1, "add_time": "2020-01-02T03:04:05Z"});
    api.refused("POST", "/api/v1/notes", wrong_time, 400, "add_time").await;
    let changed = api.write("PUT", "/api/v1/notes/1", json!({"content": "new"})).await;
    assert_eq!(changed["content"], "new");
    api.post("/api/v1/notes", json!({"content": "second", "deal_id": 1})).await;
    let page = api.get("/api/v1/notes?deal_id=1&limit=1").await;
    let pagination = json!({"start": 0, "limit": 1, "more_items_in_collection": true, "next_start": 1});
    assert_eq!((ids(&page), &page["additional_data"]["pagination"]), (vec![1], &pagination));
    let counted = api.get("/api/v2/deals/1?include_fields=notes_count").await;
    assert_eq!(counted["data"]["notes_count"], 2);
    assert_eq!(api.delete("/api/v1/notes/1").await.1["data"], true);
    assert_eq!(api.get("/api/v1/notes/1").await["data"]["active_flag"], false);
    assert_eq!(ids(&api.get("/api/v1/notes").await), [2]);
}

#[tokio::test]
async fn organizations_are_related() {
    let (_simulator, api) = start().await;
    for name in ["Parent", "Daughter"] {
        api.post("/api/v2/organizations", json!({"name": name})).await;
    }
    let body = json!({"type": "parent", "rel_owner_org_id": 1, "rel_linked_org_id": 2});
    let made = api.post("/api/v1/organizationRelationships", body).await;
    assert_eq!((&made["active_flag"], &made["calculated_type"]), (&json!("true"), &json!("daughter")));
    let page = api.get("/api/v1/organizationRelationships?org_id=2").await;
    assert_eq!(
        (&page["data"][0]["calculated_type"], &page["data"][0]["rel_owner_org_id"]["value"]),
        (&json!("parent"), &json!(1))
    );
    let flat = json!({"start": 0, "limit": 100, "more_items_in_collection": false});
    assert_eq!(page["additional_data"], flat);
    let itself = json!({"type": "parent", "rel_owner_org_id": 1, "rel_linked_org_id": 1});
    api.refused("POST", "/api/v1/organizationRelationships", itself, 400, "itself").await;
    assert_eq!(api.delete("/api/v1/organizationRelationships/1").await.1["data"], json!({"id": 1}));
    assert_eq!(api.get("/api/v1/organizationRelationships?org_id=2").await["data"], json!([]));
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().limits(false).clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for number in 1..=5 {
        clock.advance(TimeDelta::seconds(1));
        api.post("/api/v2/organizations", json!({"name": format!("O{number}"), "owner_id": 1 + number % 2})).await;
    }
    for (query, expected) in [
        ("limit=2", vec![1, 2, 3, 4, 5]),
        ("limit=2&sort_direction=desc", vec![5, 4, 3, 2, 1]),
        ("limit=2&sort_by=update_time", vec![1, 2, 3, 4, 5]),
        ("limit=2&sort_by=add_time&sort_direction=desc", vec![5, 4, 3, 2, 1]),
        ("limit=1&owner_id=2", vec![1, 3, 5]),
        ("ids=5,1,77", vec![1, 5]),
    ] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = api.get(&format!("/api/v2/organizations?{query}{cursor}")).await;
            seen.extend(ids(&page));
            match page["additional_data"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{query}");
    }
    let third = api.get("/api/v2/organizations/3").await["data"]["update_time"].as_str().unwrap().to_owned();
    assert_eq!(ids(&api.get(&format!("/api/v2/organizations?updated_since={third}")).await), [3, 4, 5]);
    assert_eq!(ids(&api.get(&format!("/api/v2/organizations?updated_until={third}")).await), [1, 2]);
    for query in
        ["updated_since=2024-01-01T00:00:00.5Z", "limit=501", "type=x", "owner_id=x", "sort_by=name", "cursor=x"]
    {
        assert_eq!(api.call("GET", &format!("/api/v2/organizations?{query}"), None).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn searching_lags_behind() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.search_lag_ms = 5_000;
    let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    api.post("/api/v2/persons", json!({"name": "Jane Doe", "emails": [{"value": "jane@acme.com"}]})).await;
    let search = "/api/v2/persons/search?term=JANE@acme.com&fields=email&exact_match=true";
    assert_eq!(api.get(search).await["data"]["items"], json!([]));
    clock.advance(TimeDelta::seconds(5));
    let found = api.get(search).await;
    assert_eq!(found["data"]["items"][0]["item"]["emails"], json!(["jane@acme.com"]));
    let found = api.get("/api/v2/itemSearch?term=jane&item_types=person,organization").await;
    assert_eq!(found["data"]["items"][0]["item"]["type"], "person");
    let found = api.get("/api/v2/itemSearch/field?term=Jane%20Doe&entity_type=person&field=name").await;
    assert_eq!(found["data"], json!([{"id": 1, "name": "Jane Doe"}]));
}

#[tokio::test]
async fn bursts_and_days_have_ends() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for left in (0..120).rev() {
        let answer = api.send("GET", "/api/v1/users/me", None).await.unwrap();
        assert_eq!(
            (answer.status(), answer.headers()["x-ratelimit-remaining"].to_str().unwrap()),
            (reqwest::StatusCode::OK, &*left.to_string())
        );
    }
    let refused = api.send("GET", "/api/v1/users/me", None).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["x-ratelimit-reset"]), (429, &"2".parse().unwrap()));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(simulator.tokens_spent(), 240);
    clock.advance(TimeDelta::milliseconds(1999));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 429);
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);

    let simulator = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).clock(clock.clone()).start().await.unwrap();
    let api = Api::of(&simulator);
    for call in 0..750 {
        clock.advance(TimeDelta::milliseconds(200));
        assert_eq!(api.call("GET", "/api/v1/users/find?term=x", None).await.0, 200, "{call}");
    }
    let spent = api.send("GET", "/api/v1/users/me", None).await.unwrap();
    assert_eq!(
        (spent.status().as_u16(), &spent.headers()["x-daily-ratelimit-token-remaining"]),
        (429, &"0".parse().unwrap())
    );
    clock.advance(TimeDelta::days(1));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);
}

#[tokio::test]
async fn who_hammers_is_blocked() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.block_after = 3;
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    let mut statuses = Vec::new();
    for _ in 0..25 {
        statuses.push(api.send("GET", "/api/v1/users/me", None).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[19..], [200, 429, 429, 429, 403, 403]);
    let page = api.send("GET", "/api/v1/users/me", None).await.unwrap().text().await.unwrap();
    assert!(page.contains("Cloudflare"));
    clock.advance(TimeDelta::seconds(60));
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 200);
}

#[tokio::test]
async fn plans_have_caps() {
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).limits(false);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    for number in 0..30 {
        api.post("/api/v2/personFields", json!({"field_name": format!("F{number}"), "field_type": "text"})).await;
    }
    let answer =
        api.refused("POST", "/api/v2/dealFields", json!({"field_name": "x", "field_type": "text"}), 403, "").await;
    assert_eq!(answer["code"], "feature_capping_custom_fields_limit");
    for _ in 0..2500 {
        api.post("/api/v2/deals", json!({"title": "x"})).await;
    }
    let answer = api.refused("POST", "/api/v2/deals", json!({"title": "x"}), 403, "Open deals limit").await;
    assert_eq!(answer["code"], "feature_capping_deals_limit");
}

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
async fn a_jumping_clock_skips_the_waits() {
    let clock = JumpingClock::new();
    let simulator = PipedriveSimulator::builder().tier(Tier::Lite).jumping_clock(&clock).start().await.unwrap();
    let api = Api::of(&simulator);
    let (real, began) = (std::time::Instant::now(), clock.now());
    for _ in 0..100 {
        while api.call("GET", "/api/v1/users/me", None).await.0 == 429 {
            clock.sleep_until(clock.now() + TimeDelta::seconds(2)).await;
        }
    }
    assert!(clock.now() - began >= TimeDelta::seconds(4));
    assert!(real.elapsed().as_secs() < 8);
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
