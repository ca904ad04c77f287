//! Leads, their labels and sources, and how they become deals.

use chrono::TimeDelta;
use crmkit_pipedrive::simulator::{PipedriveSimulator, SetNotation, Switches, Tier};
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock, ids, start};

const NOBODY: &str = "adf21080-0e10-41eb-879b-05d71fb426ec";

async fn people(api: &Api) {
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    api.post("/api/v2/persons", json!({"name": "Jane Doe"})).await;
}

async fn lead(api: &Api, body: Value) -> Value {
    let (status, answer) = api.call("POST", "/api/v1/leads", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    answer["data"].clone()
}

fn id(lead: &Value) -> &str {
    lead["id"].as_str().unwrap()
}

#[tokio::test]
async fn leads_live_and_die() {
    let (_simulator, api) = start().await;
    people(&api).await;
    let labels = api.get("/api/v1/leadLabels").await;
    let hot = labels["data"][0]["id"].clone();
    assert_eq!((&labels["data"][0]["name"], &labels["data"][0]["color"]), (&json!("Hot"), &json!("red")));
    let body = json!({"title": "L", "person_id": 1, "organization_id": 1, "label_ids": [hot], "visible_to": "3",
        "value": {"amount": 200, "currency": "SEK"}, "expected_close_date": "2025-06-01", "was_seen": true});
    let made = lead(&api, body).await;
    assert_eq!((id(&made).len(), &made["source_name"], &made["origin"]), (36, &json!("API"), &json!("API")));
    assert_eq!((&made["visible_to"], &made["value"]["amount"]), (&json!("3"), &json!(200)));
    assert!(made["add_time"].as_str().unwrap().ends_with('Z') && made["add_time"].as_str().unwrap().contains('.'));
    let path = format!("/api/v1/leads/{}", id(&made));
    assert_eq!(api.get(&path).await["data"], made);
    let second = lead(&api, json!({"title": "M", "organization_id": 1})).await;
    let page = api.get("/api/v1/leads?limit=1").await;
    assert_eq!(page["additional_data"], json!({"start": 0, "limit": 1, "more_items_in_collection": true}));
    assert_eq!((page["data"].as_array().unwrap().len(), &page["data"][0]["id"]), (1, &made["id"]));
    let sorted = api.get("/api/v1/leads?sort=title%20DESC").await;
    assert_eq!(sorted["data"][0]["title"], "M");
    assert_eq!(api.get("/api/v1/leads?person_id=1").await["data"].as_array().unwrap().len(), 1);
    let changed = json!({"value": null, "person_id": null, "expected_close_date": null, "label_ids": []});
    let changed = api.write("PATCH", &path, changed).await;
    assert_eq!(
        (&changed["value"], &changed["person_id"], &changed["title"]),
        (&Value::Null, &Value::Null, &json!("L"))
    );
    api.refused("PATCH", &path, json!({"organization_id": null}), 400, "linked to a person").await;
    api.write("PATCH", &path, json!({"is_archived": true})).await;
    api.refused("PATCH", &path, json!({"title": "x"}), 400, "Archived").await;
    assert_eq!(api.get("/api/v1/leads").await["data"], json!([second]));
    assert_eq!(api.get("/api/v1/leads/archived").await["data"][0]["id"], made["id"]);
    assert_eq!(
        api.delete(&path).await,
        (200, json!({"success": true, "data": {"id": made["id"]}, "additional_data": null}))
    );
    let (status, missing) = api.delete(&path).await;
    assert_eq!((status, &missing["error"]), (404, &json!("requested lead not found")));
    assert_eq!(api.call("GET", &path, None).await.0, 404);
}

#[tokio::test]
async fn bad_leads_are_refused() {
    let (_simulator, api) = start().await;
    people(&api).await;
    let cases = [
        (json!({"person_id": 1}), "Title must be given."),
        (json!({"title": " ", "person_id": 1}), "Title"),
        (json!({"title": "x"}), "linked to a person or an organization"),
        (json!({"title": "x", "org_id": 1}), "Invalid field(s) in the payload: org_id"),
        (json!({"title": "x", "person_id": 9}), "person 9 not found"),
        (json!({"title": "x", "person_id": 1, "owner_id": 99}), "User"),
        (json!({"title": "x", "person_id": 1, "label_ids": [NOBODY]}), "Lead label"),
        (json!({"title": "x", "person_id": 1, "value": {"amount": 5}}), "value"),
        (json!({"title": "x", "person_id": 1, "value": {"amount": 5, "currency": "XXX"}}), "currency"),
        (json!({"title": "x", "person_id": 1, "visible_to": 3}), "visible_to"),
        (json!({"title": "x", "person_id": 1, "expected_close_date": "soon"}), "expected_close_date"),
        (json!({"title": "x", "person_id": 1, "is_archived": true}), "Invalid field(s) in the payload: is_archived"),
        (json!({"title": "x", "person_id": 1, "add_time": "2020-01-01"}), "Invalid field(s) in the payload: add_time"),
        (json!({"title": "x", "person_id": 1, "0123456789012345678901234567890123456789": 1}), "payload: 0123"),
    ];
    for (body, text) in cases {
        api.refused("POST", "/api/v1/leads", body, 400, text).await;
    }
    api.refused("POST", "/api/v1/leads", json!({"title": "x", "person_id": 1, "visible_to": "4"}), 403, "perm").await;
    assert_eq!(api.get("/api/v1/leads").await["data"], json!([]));
}

async fn field(api: &Api, kind: &str, options: &[&str]) -> (String, Value) {
    let mut body = json!({"field_name": kind, "field_type": kind});
    if !options.is_empty() {
        body["options"] = options.iter().map(|label| json!({"label": label})).collect();
    }
    let field = api.post("/api/v2/dealFields", body).await;
    (field["field_code"].as_str().unwrap().to_owned(), field["options"].clone())
}

#[tokio::test]
async fn leads_inherit_the_fields_of_deals() {
    let (simulator, api) = start().await;
    people(&api).await;
    let (text, _) = field(&api, "varchar", &[]).await;
    let (money, _) = field(&api, "monetary", &[]).await;
    let (set, options) = field(&api, "set", &["A", "B"]).await;
    let (range, _) = field(&api, "daterange", &[]).await;
    let (address, _) = field(&api, "address", &[]).await;
    let (a, b) = (options[0]["id"].as_i64().unwrap(), options[1]["id"].as_i64().unwrap());
    let body = json!({"title": "x", "person_id": 1, &text: "src-1", &money: 5, format!("{money}_currency"): "USD",
        &set: [a, b], &range: "2024-01-01", format!("{range}_until"): "2024-02-01", &address: "Main St 1",
        format!("{address}_country"): "SE"});
    let made = lead(&api, body).await;
    assert_eq!((&made[&text], &made[&money]), (&json!("src-1"), &json!(5)));
    assert_eq!(
        (&made[format!("{money}_currency")], &made[format!("{range}_until")]),
        (&json!("USD"), &json!("2024-02-01"))
    );
    assert_eq!((&made[&set], &made[format!("{address}_country")]), (&json!(format!("{a},{b}")), &json!("SE")));
    let path = format!("/api/v1/leads/{}", id(&made));
    let changed =
        api.write("PATCH", &path, json!({&text: null, format!("{money}_currency"): "SEK", &set: format!("{b}")})).await;
    assert!(changed.get(&text).is_none());
    assert_eq!((&changed[&money], &changed[format!("{money}_currency")]), (&json!(5), &json!("SEK")));
    api.refused("PATCH", &path, json!({&set: "999"}), 400, "option ids").await;
    api.refused("PATCH", &path, json!({format!("{text}_currency"): "SEK", &text: "x"}), 400, &text).await;

    let mut switches = Switches::default();
    switches.lead_sets = SetNotation::Array;
    simulator.set_switches(switches.clone()).unwrap();
    let changed = api.write("PATCH", &path, json!({&set: [a]})).await;
    assert_eq!(changed[&set], json!([a]));
    api.refused("PATCH", &path, json!({&set: format!("{a}")}), 400, &set).await;
    switches.lead_sets = SetNotation::Text;
    simulator.set_switches(switches).unwrap();
    api.refused("PATCH", &path, json!({&set: [a]}), 400, &set).await;
    assert_eq!(api.write("PATCH", &path, json!({&set: format!("{a}")})).await[&set], json!(a.to_string()));

    api.delete(&format!("/api/v2/dealFields/{set}")).await;
    assert!(api.get(&path).await["data"].get(&set).is_none());
}

#[tokio::test]
async fn notes_and_activities_hang_on_leads() {
    let (_simulator, api) = start().await;
    people(&api).await;
    let made = lead(&api, json!({"title": "Big lead", "person_id": 1})).await;
    let note = json!({"content": "x", "lead_id": made["id"], "pinned_to_lead_flag": 1});
    assert_eq!(api.post("/api/v1/notes", note).await["lead_id"], made["id"]);
    api.refused("POST", "/api/v1/notes", json!({"content": "x", "lead_id": NOBODY}), 400, "lead does not exist").await;
    let pinned = json!({"content": "x", "person_id": 1, "pinned_to_lead_flag": 1});
    api.refused("POST", "/api/v1/notes", pinned, 400, "lead_id").await;
    assert_eq!(ids(&api.get(&format!("/api/v1/notes?lead_id={}", id(&made))).await), [1]);
    assert_eq!(api.get(&format!("/api/v1/notes?lead_id={NOBODY}")).await["data"], json!([]));
    api.post("/api/v2/activities", json!({"lead_id": made["id"], "due_date": "2025-01-01"})).await;
    assert_eq!(ids(&api.get(&format!("/api/v2/activities?lead_id={}", id(&made))).await), [1]);
    assert_eq!(api.get(&format!("/api/v1/leads/{}", id(&made))).await["data"]["next_activity_id"], 1);
    for path in ["/api/v2/leads/search?term=big", "/api/v1/leads/search?term=big", "/api/v2/itemSearch?term=big%20l"] {
        let found = api.get(path).await;
        assert_eq!(found["data"]["items"][0]["item"]["id"], made["id"], "{path}");
    }
    let exact = api.get("/api/v2/itemSearch/field?term=Big%20lead&entity_type=lead&field=title").await;
    assert_eq!(exact["data"][0]["id"], made["id"]);
}

#[tokio::test]
async fn lead_labels_are_kept() {
    let (_simulator, api) = start().await;
    people(&api).await;
    let made = api.post("/api/v1/leadLabels", json!({"name": "VIP", "color": "dark-gray"})).await;
    let path = format!("/api/v1/leadLabels/{}", id(&made));
    api.refused("POST", "/api/v1/leadLabels", json!({"name": "VIP"}), 400, "Color must be given.").await;
    api.refused("POST", "/api/v1/leadLabels", json!({"name": "VIP", "color": "mauve"}), 400, "color").await;
    assert_eq!(api.write("PATCH", &path, json!({"name": "Top"})).await["color"], "dark-gray");
    let labelled = lead(&api, json!({"title": "x", "person_id": 1, "label_ids": [made["id"]]})).await;
    assert_eq!(api.delete(&path).await.1["data"], json!({"id": made["id"]}));
    assert_eq!(api.get(&format!("/api/v1/leads/{}", id(&labelled))).await["data"]["label_ids"], json!([]));
    assert_eq!(api.get("/api/v1/leadLabels").await["data"].as_array().unwrap().len(), 3);
    assert_eq!(api.delete(&path).await.0, 404);
    let sources = api.get("/api/v1/leadSources").await;
    assert!(sources["data"].as_array().unwrap().contains(&json!({"name": "API"})));
}

#[tokio::test]
async fn leads_become_deals_and_back() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.conversion_ms = 1_000;
    let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    people(&api).await;
    let (code, _) = field(&api, "varchar", &[]).await;
    let value = json!({"amount": 7, "currency": "SEK"});
    let made = lead(&api, json!({"title": "L", "person_id": 1, "value": value, &code: "key"})).await;
    api.post("/api/v1/notes", json!({"content": "x", "lead_id": made["id"]})).await;
    let path = format!("/api/v2/leads/{}/convert", id(&made));
    let started = api.post(&format!("{path}/deal"), json!({"stage_id": 3})).await;
    let status = format!("{path}/status/{}", started["conversion_id"].as_str().unwrap());
    assert_eq!(api.get(&status).await["data"]["status"], "running");
    assert_eq!(api.get("/api/v2/deals").await["data"], json!([]));
    clock.advance(TimeDelta::seconds(1));
    let done = api.get(&status).await;
    assert_eq!((&done["data"]["status"], &done["data"]["deal_id"]), (&json!("completed"), &json!(1)));
    let deal = api.get("/api/v2/deals/1?include_fields=source_lead_id").await;
    let deal = &deal["data"];
    assert_eq!((&deal["title"], &deal["value"], &deal["stage_id"]), (&json!("L"), &json!(7), &json!(3)));
    assert_eq!((&deal["custom_fields"][&code], &deal["source_lead_id"]), (&json!("key"), &made["id"]));
    assert_eq!(api.call("GET", &format!("/api/v1/leads/{}", id(&made)), None).await.0, 404);
    assert_eq!(ids(&api.get("/api/v1/notes?deal_id=1").await), [1]);

    simulator.set_switches(Switches::default()).unwrap();
    let back = api.post("/api/v2/deals/1/convert/lead", json!({})).await;
    let back = back["conversion_id"].as_str().unwrap();
    let done = api.get(&format!("/api/v2/deals/1/convert/status/{back}")).await;
    let again = api.get(&format!("/api/v1/leads/{}", done["data"]["lead_id"].as_str().unwrap())).await;
    assert_eq!((&again["data"]["source_deal_id"], &again["data"][&code]), (&json!(1), &json!("key")));
    assert_eq!(api.get("/api/v2/deals").await["data"], json!([]));
    assert_eq!(api.call("GET", &format!("{path}/status/{back}"), None).await.0, 404);
    assert_eq!(api.call("POST", &format!("/api/v2/leads/{NOBODY}/convert/deal"), None).await.0, 404);
}

#[tokio::test]
async fn leads_and_deals_share_a_cap() {
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).limits(false);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    people(&api).await;
    for _ in 0..1_250 {
        api.post("/api/v2/deals", json!({"title": "x"})).await;
        lead(&api, json!({"title": "x", "person_id": 1})).await;
    }
    let body = json!({"title": "x", "person_id": 1});
    let answer = api.refused("POST", "/api/v1/leads", body.clone(), 403, "limit reached").await;
    assert_eq!(answer["code"], "feature_capping_leads_limit");
    api.refused("POST", "/api/v2/deals", body, 403, "Open deals limit").await;
}

#[tokio::test]
async fn leads_survive_a_dump_and_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let start = || PipedriveSimulator::builder().limits(false).journal(&path).start();
    let simulator = start().await.unwrap();
    let api = Api::of(&simulator);
    people(&api).await;
    let first = lead(&api, json!({"title": "x", "person_id": 1})).await;
    let second = lead(&api, json!({"title": "y", "person_id": 1})).await;
    api.delete(&format!("/api/v1/leads/{}", id(&first))).await;
    simulator.put("leads", json!({"id": second["id"], "title": "z"})).unwrap();
    let dump = simulator.dump();
    drop(simulator);
    let simulator = start().await.unwrap();
    assert_eq!(simulator.dump(), dump);
    let copy = PipedriveSimulator::builder().seed(dump.clone()).start().await.unwrap();
    assert_eq!(copy.dump(), dump);
    let api = Api::of(&simulator);
    assert_eq!(api.get(&format!("/api/v1/leads/{}", id(&second))).await["data"]["title"], "z");
    let third = lead(&api, json!({"title": "w", "person_id": 1})).await;
    assert!(third["id"] != first["id"] && third["id"] != second["id"]);
}
