//! Activities and their types.

use crmkit_pipedrive::simulator::{DueTimes, PipedriveSimulator, Stray, Switches};
use serde_json::{Value, json};

use crate::api::{Api, ids, start};

async fn with_records() -> (PipedriveSimulator, Api) {
    let (simulator, api) = start().await;
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    for name in ["Jane Doe", "Bo Ek"] {
        api.post("/api/v2/persons", json!({"name": name})).await;
    }
    api.post("/api/v2/deals", json!({"title": "D"})).await;
    (simulator, api)
}

#[tokio::test]
async fn an_activity_keeps_what_it_is_given() {
    let (_simulator, api) = with_records().await;
    let body = json!({"subject": "Lunch at noon", "type": "lunch", "owner_id": 3, "deal_id": 1, "org_id": 1,
        "due_date": "2025-03-04", "due_time": "12:30", "duration": "01:30", "busy": true, "done": true,
        "location": {"value": "Main St 1", "country": "Sweden"},
        "participants": [{"person_id": 2}, {"person_id": 1, "primary": true}],
        "attendees": [{"email": "x@y.example", "name": "X"}], "public_description": "open",
        "note": "<p>Hi</p><script>bad()</script>", "outcome": null});
    let made = api.post("/api/v2/activities", body).await;
    let shown = |key: &str| made[key].clone();
    assert_eq!((shown("due_time"), shown("duration")), (json!("12:30:00"), json!("01:30:00")));
    assert_eq!((shown("person_id"), shown("org_id"), shown("deal_id")), (json!(1), json!(1), json!(1)));
    assert_eq!(made["participants"], json!([{"person_id": 2, "primary": false}, {"person_id": 1, "primary": true}]));
    assert_eq!((shown("note"), shown("done")), (json!("<p>Hi</p>"), json!(true)));
    assert_eq!((&made["location"]["country"], &made["location"]["route"]), (&json!("Sweden"), &Value::Null));
    assert!(made["marked_as_done_time"].is_string() && made.get("attendees").is_none());
    let whole = api.get("/api/v2/activities/1?include_fields=attendees").await;
    assert_eq!(whole["data"]["attendees"][0]["email"], "x@y.example");
    let plain = api.post("/api/v2/activities", json!({})).await;
    assert_eq!((&plain["type"], &plain["subject"], &plain["owner_id"]), (&json!("call"), &json!("Call"), &json!(1)));
    assert_eq!((&plain["location"], &plain["marked_as_done_time"]), (&Value::Null, &Value::Null));
    let counted = api.get("/api/v2/deals/1?include_fields=activities_count,done_activities_count").await;
    let counts = (&counted["data"]["activities_count"], &counted["data"]["done_activities_count"]);
    assert_eq!(counts, (&json!(1), &json!(1)));
}

#[tokio::test]
async fn bad_activities_are_refused() {
    let (_simulator, api) = with_records().await;
    let cases = [
        (json!({"type": "dance"}), "type"),
        (json!({"owner_id": 99}), "owner_id"),
        (json!({"deal_id": 9}), "deal_id"),
        (json!({"lead_id": "nonsense"}), "lead_id"),
        (json!({"project_id": 1}), "project_id"),
        (json!({"org_id": 9}), "org_id"),
        (json!({"person_id": 1}), "person_id"),
        (json!({"participants": [{"person_id": 9}]}), "participants.person_id"),
        (json!({"participants": [{"person_id": 1, "primary": true}, {"person_id": 2, "primary": true}]}), "primary"),
        (json!({"attendees": [{"name": "x"}]}), "attendees.email"),
        (json!({"due_date": "4.3.2025"}), "due_date: This value is not a valid date."),
        (json!({"due_time": "12:30"}), "due_time: This value is not a valid datetime."),
        (json!({"due_date": "2025-03-04", "due_time": "9:30"}), "due_time"),
        (json!({"duration": "1h"}), "duration"),
        (json!({"priority": 9999}), "priority"),
        (json!({"due_date": null}), "due_date: The value is not a valid 'string'"),
        (json!({"add_time": "2025-01-01T00:00:00Z"}), "Unknown key 'add_time'"),
        (json!({"marked_as_done_time": "2025-01-01T00:00:00Z"}), "Unknown key 'marked_as_done_time'"),
        (json!({"note": "x".repeat(100_001)}), "note"),
    ];
    for (body, text) in cases {
        api.refused("POST", "/api/v2/activities", body, 400, text).await;
    }
    assert_eq!(api.get("/api/v2/activities").await["data"], json!([]));
}

#[tokio::test]
async fn a_deal_beats_a_lead() {
    let (_simulator, api) = with_records().await;
    let lead = "adf21080-0e10-41eb-879b-05d71fb426ec";
    let made = api.post("/api/v2/activities", json!({"deal_id": 1, "lead_id": lead, "project_id": 7})).await;
    assert_eq!((&made["deal_id"], &made["lead_id"], &made["project_id"]), (&json!(1), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn activities_are_listed_changed_and_deleted() {
    let (_simulator, api) = with_records().await;
    for (day, done, deal) in [(3, true, Some(1)), (1, false, None), (2, false, Some(1))] {
        let mut body = json!({"due_date": format!("2025-01-0{day}"), "done": done, "participants": [{"person_id": 2}]});
        if let Some(deal) = deal {
            body["deal_id"] = deal.into();
        }
        api.post("/api/v2/activities", body).await;
    }
    for (query, expected) in [
        ("", vec![1, 2, 3]),
        ("?sort_by=due_date", vec![2, 3, 1]),
        ("?done=false", vec![2, 3]),
        ("?deal_id=1", vec![1, 3]),
        ("?person_id=2&done=true", vec![1]),
        ("?ids=3,1", vec![1, 3]),
        ("?lead_id=adf21080-0e10-41eb-879b-05d71fb426ec", vec![]),
    ] {
        assert_eq!(ids(&api.get(&format!("/api/v2/activities{query}")).await), expected, "{query}");
    }
    assert_eq!(api.call("GET", "/api/v2/activities?type=call", None).await.0, 400);
    let next = api.get("/api/v2/persons/2?include_fields=next_activity_id,last_activity_id").await;
    assert_eq!((&next["data"]["next_activity_id"], &next["data"]["last_activity_id"]), (&json!(2), &json!(1)));
    let undone = api.write("PATCH", "/api/v2/activities/1", json!({"done": false, "participants": []})).await;
    assert_eq!((&undone["marked_as_done_time"], &undone["person_id"]), (&Value::Null, &Value::Null));
    assert_eq!(undone["due_date"], "2025-01-03");
    assert_eq!(api.delete("/api/v2/activities/1").await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete("/api/v2/activities/1").await.0, 404);
    assert_eq!(api.get("/api/v2/activities/1").await["data"]["is_deleted"], true);
    assert_eq!(ids(&api.get("/api/v2/activities").await), [2, 3]);
}

#[tokio::test]
async fn switches_change_activities() {
    let (simulator, api) = with_records().await;
    let mut switches = Switches::default();
    switches.activity_person_id = Stray::Ignored;
    (switches.times_have_seconds, switches.done_is_now) = (false, false);
    (switches.html_is_cleaned, switches.attendees_are_invited) = (false, true);
    switches.due_times = DueTimes::Seconds;
    simulator.set_switches(switches.clone()).unwrap();
    let body = json!({"person_id": 1, "due_date": "2025-03-04", "due_time": "12:30:00", "done": true,
        "note": "<script>x</script>", "attendees": [{"email": "a@b.example"}]});
    let made = api.post("/api/v2/activities", body).await;
    assert_eq!((&made["person_id"], &made["due_time"]), (&Value::Null, &json!("12:30")));
    assert_eq!(made["marked_as_done_time"], "2025-03-04T12:30:00Z");
    assert_eq!(made["note"], "<script>x</script>");
    assert_eq!(simulator.rows("invitations")[0]["email"], "a@b.example");
    let short = json!({"due_date": "2025-03-04", "due_time": "12:30"});
    api.refused("POST", "/api/v2/activities", short.clone(), 400, "due_time").await;
    switches.due_times = DueTimes::Minutes;
    simulator.set_switches(switches).unwrap();
    api.post("/api/v2/activities", short).await;
    let long = json!({"due_date": "2025-03-04", "due_time": "12:30:00"});
    api.refused("POST", "/api/v2/activities", long, 400, "due_time").await;
    simulator.set_switches(Switches::default()).unwrap();
    api.post("/api/v2/activities", json!({"attendees": [{"email": "c@d.example"}]})).await;
    assert_eq!(simulator.rows("invitations").len(), 1);
}

#[tokio::test]
async fn activity_types_have_keys() {
    let (simulator, api) = start().await;
    let types = api.get("/api/v1/activityTypes").await;
    let keys: Vec<&str> = types["data"].as_array().unwrap().iter().filter_map(|t| t["key_string"].as_str()).collect();
    assert_eq!(keys, ["call", "meeting", "task", "deadline", "email", "lunch"]);
    let body = json!({"name": "Video call!", "icon_key": "camera", "color": "aeb31b"});
    let made = api.post("/api/v1/activityTypes", body.clone()).await;
    assert_eq!((&made["key_string"], &made["order_nr"]), (&json!("video_call"), &json!(7)));
    assert_eq!(api.post("/api/v1/activityTypes", body.clone()).await["key_string"], "video_call1");
    for (body, text) in [
        (json!({"icon_key": "camera"}), "Name must be given."),
        (json!({"name": "x"}), "Icon key must be given."),
        (json!({"name": "x", "icon_key": "smiley"}), "icon_key"),
        (json!({"name": "x", "icon_key": "camera", "color": "red"}), "Color"),
        (json!({"name": "x", "icon_key": "camera", "kind": 1}), "Invalid field(s) in the payload: kind"),
    ] {
        api.refused("POST", "/api/v1/activityTypes", body, 400, text).await;
    }
    let renamed = api.write("PUT", "/api/v1/activityTypes/7", json!({"name": "Webinar", "order_nr": "1"})).await;
    assert_eq!((&renamed["key_string"], &renamed["order_nr"]), (&json!("video_call"), &json!(1)));
    assert_eq!(api.delete("/api/v1/activityTypes/7").await.1["data"]["active_flag"], false);
    assert_eq!(api.delete("/api/v1/activityTypes/7").await.0, 404);
    api.refused("POST", "/api/v2/activities", json!({"type": "video_call"}), 400, "type").await;
    let mut switches = Switches::default();
    switches.activity_types_cap = 7;
    simulator.set_switches(switches).unwrap();
    api.refused("POST", "/api/v1/activityTypes", body, 403, "activity type per company limit").await;
}

#[tokio::test]
async fn schema_changes_may_need_an_administrator() {
    let (simulator, api) = start().await;
    let (_, agent) = api.call("POST", "/_simulator/accounts", Some(json!({"user_id": 2}))).await;
    let agent = Api { token: agent["token"].as_str().unwrap().into(), ..Api::of(&simulator) };
    let body = json!({"name": "Demo", "icon_key": "camera"});
    agent.refused("POST", "/api/v1/activityTypes", body.clone(), 403, "permissions").await;
    let mut switches = Switches::default();
    switches.schema_needs_admin = false;
    simulator.set_switches(switches).unwrap();
    agent.post("/api/v1/activityTypes", body).await;
    agent.post("/api/v2/pipelines", json!({"name": "P"})).await;
}

#[tokio::test]
async fn activity_fields_tell_the_priorities() {
    let (_simulator, api) = start().await;
    let field = api.get("/api/v2/activityFields/priority").await;
    let high = field["data"]["options"][0].clone();
    assert_eq!(high["label"], "High");
    let made = api.post("/api/v2/activities", json!({"priority": high["id"]})).await;
    assert_eq!(made["priority"], high["id"]);
    let fields = api.get("/api/v2/activityFields?limit=500").await;
    assert!(fields["data"].as_array().unwrap().iter().any(|field| field["field_code"] == "marked_as_done_time"));
}
