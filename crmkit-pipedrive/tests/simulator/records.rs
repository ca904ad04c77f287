//! Each kind of record: created, read, changed, deleted, and refused.

use crmkit_pipedrive::simulator::{Stray, Switches};
use serde_json::{Value, json};

use crate::api::{ids, start};

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
async fn deleting_cascades_only_if_switched_on() {
    let (simulator, api) = start().await;
    for number in 1..=2 {
        api.post("/api/v2/persons", json!({"name": format!("P{number}")})).await;
        api.post("/api/v1/notes", json!({"content": "x", "person_id": number})).await;
    }
    api.delete("/api/v2/persons/1").await;
    assert_eq!(ids(&api.get("/api/v1/notes").await), [1, 2]);
    let mut switches = Switches::default();
    switches.delete_cascades = true;
    simulator.set_switches(switches).unwrap();
    api.delete("/api/v2/persons/2").await;
    assert_eq!(ids(&api.get("/api/v1/notes").await), [1]);
}

#[tokio::test]
async fn unknown_keys_can_be_ignored() {
    let (simulator, api) = start().await;
    let mut switches = Switches::default();
    (switches.unknown_keys, switches.limit_over_max) = (Stray::Ignored, Stray::Ignored);
    switches.label_options_writable = false;
    simulator.set_switches(switches).unwrap();
    let made = api.post("/api/v2/organizations", json!({"name": "Acme", "nonsense": 1})).await;
    assert!(made.get("nonsense").is_none());
    assert_eq!(ids(&api.get("/api/v2/organizations?limit=9999").await), [1]);
    let labels = "/api/v2/personFields/label_ids/options";
    api.refused("POST", labels, json!([{"label": "VIP"}]), 400, "custom fields").await;
}

#[tokio::test]
async fn notes_have_comments() {
    let (_simulator, api) = start().await;
    api.post("/api/v2/persons", json!({"name": "P"})).await;
    api.post("/api/v1/notes", json!({"content": "x", "person_id": 1})).await;
    let path = "/api/v1/notes/1/comments";
    let made = api.post(path, json!({"content": "<b>yes</b><script>x</script>"})).await;
    assert_eq!((&made["content"], &made["object_id"]), (&json!("<b>yes</b>"), &json!("1")));
    let comment = format!("{path}/{}", made["uuid"].as_str().unwrap());
    assert_eq!(api.write("PUT", &comment, json!({"content": "no"})).await["content"], "no");
    assert_eq!(api.get(path).await["data"].as_array().unwrap().len(), 1);
    api.refused("POST", path, json!({"content": "x", "add_time": "2020-01-02 03:04:05"}), 400, "add_time").await;
    api.refused("POST", path, json!({}), 400, "Content must be given.").await;
    assert_eq!(api.delete(&comment).await.1["data"], true);
    assert_eq!(api.call("GET", &comment, None).await.0, 404);
    assert_eq!(api.call("GET", "/api/v1/notes/9/comments", None).await.0, 404);
}
