//! What nobody knows for sure, in both positions.

use chrono::TimeDelta;
use crmkit_pipedrive::simulator::{LimitModel, PipedriveSimulator, Switches, Tier};
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock, ids, start};

fn switched(simulator: &PipedriveSimulator, change: impl FnOnce(&mut Switches)) {
    let mut switches = Switches::default();
    change(&mut switches);
    simulator.set_switches(switches).unwrap();
}

#[tokio::test]
async fn a_token_in_the_query() {
    let (simulator, api) = start().await;
    let nobody = Api { token: String::new(), ..Api::of(&simulator) };
    let path = format!("/api/v1/users/me?api_token={}", api.token);
    assert_eq!(nobody.call("GET", &path, None).await.0, 401);
    switched(&simulator, |switches| switches.query_token = true);
    assert_eq!(nobody.call("GET", &path, None).await.0, 200);
    assert_eq!(nobody.call("GET", "/api/v1/users/me?api_token=x", None).await.0, 401);
}

#[tokio::test]
async fn codes_of_validation_errors() {
    let (simulator, api) = start().await;
    let answer = api.refused("POST", "/api/v2/deals", json!({}), 400, "title").await;
    assert_eq!(answer["code"], "ERR_SCHEMA_VALIDATION_FAILED");
    switched(&simulator, |switches| switches.errors_have_code = false);
    let answer = api.refused("POST", "/api/v2/deals", json!({}), 400, "title").await;
    assert!(answer.get("code").is_none());
}

#[tokio::test]
async fn the_body_of_a_429() {
    for json in [true, false] {
        let mut switches = Switches::default();
        switches.over_limit_is_json = json;
        let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(FrozenClock::new()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        for _ in 0..20 {
            api.get("/api/v1/users/me").await;
        }
        let refused = api.send("GET", "/api/v1/users/me", None).await.unwrap();
        assert_eq!(refused.status().as_u16(), 429);
        let body = refused.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&body).is_ok(), json, "{body}");
    }
}

#[tokio::test]
async fn old_cursors() {
    let clock = FrozenClock::new();
    for minutes in [0, 5] {
        let mut switches = Switches::default();
        switches.cursor_minutes = minutes;
        let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        let page = api.get("/api/v2/stages?limit=2").await;
        let next =
            format!("/api/v2/stages?limit=2&cursor={}", page["additional_data"]["next_cursor"].as_str().unwrap());
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(ids(&api.get(&next).await), [3, 4]);
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(api.call("GET", &next, None).await.0, if minutes == 0 { 200 } else { 400 });
    }
}

#[tokio::test]
async fn owners_who_are_not_active() {
    let (simulator, api) = start().await;
    simulator.put("users", json!({"id": 5, "active_flag": false})).unwrap();
    let body = json!({"name": "Acme", "owner_id": 5});
    api.refused("POST", "/api/v2/organizations", body.clone(), 400, "owner_id").await;
    switched(&simulator, |switches| switches.inactive_can_own = true);
    assert_eq!(api.post("/api/v2/organizations", body).await["owner_id"], 5);
}

#[tokio::test]
async fn deleted_stages_in_lists() {
    let (simulator, api) = start().await;
    api.delete("/api/v2/stages/5").await;
    assert_eq!(ids(&api.get("/api/v2/stages").await), [1, 2, 3, 4]);
    switched(&simulator, |switches| switches.deleted_stages_listed = true);
    let page = api.get("/api/v2/stages").await;
    assert_eq!((ids(&page), &page["data"][4]["is_deleted"]), (vec![1, 2, 3, 4, 5], &json!(true)));
}

#[tokio::test]
async fn a_stage_of_another_pipeline_wins() {
    let (simulator, api) = start().await;
    api.post("/api/v2/pipelines", json!({"name": "P"})).await;
    let body = json!({"title": "D", "stage_id": 2, "pipeline_id": 2});
    api.refused("POST", "/api/v2/deals", body.clone(), 400, "stage_id").await;
    switched(&simulator, |switches| switches.stage_mismatch_status = 200);
    let deal = api.post("/api/v2/deals", body).await;
    assert_eq!((&deal["stage_id"], &deal["pipeline_id"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn caps_without_numbers() {
    let (simulator, api) = start().await;
    let fields = api.get("/api/v2/dealFields/label_ids").await;
    let labels: Vec<Value> =
        fields["data"]["options"].as_array().unwrap().iter().map(|option| option["id"].clone()).collect();
    let deal = json!({"title": "D", "label_ids": labels});
    api.post("/api/v2/deals", deal.clone()).await;
    let emails = json!({"name": "P", "emails": [{"value": "a@x.example"}, {"value": "b@x.example"}]});
    api.post("/api/v2/persons", emails.clone()).await;
    for name in ["A", "B", "C"] {
        api.post("/api/v2/organizations", json!({"name": name})).await;
    }
    let relation = json!({"type": "related", "rel_owner_org_id": 1, "rel_linked_org_id": 2});
    api.post("/api/v1/organizationRelationships", relation.clone()).await;
    for _ in 0..2 {
        api.post("/api/v1/notes", json!({"content": "x", "deal_id": 1})).await;
    }
    switched(&simulator, |switches| {
        (switches.labels_per_deal_cap, switches.emails_per_person_cap) = (2, 1);
        (switches.relationships_cap, switches.notes_per_deal_cap) = (1, 2);
    });
    api.refused("POST", "/api/v2/deals", deal, 400, "label_ids").await;
    api.refused("POST", "/api/v2/persons", emails, 400, "emails").await;
    api.refused("POST", "/api/v1/organizationRelationships", relation, 403, "company limit").await;
    let note = json!({"content": "x", "deal_id": 1});
    let answer = api.refused("POST", "/api/v1/notes", note, 403, "Notes limit").await;
    assert_eq!(answer["code"], "feature_capping_notes_limit");
    api.write("PUT", "/api/v1/notes/1", json!({"content": "y"})).await;
}

#[tokio::test]
async fn addresses_and_names() {
    let (simulator, api) = start().await;
    let odd = json!({"name": "P", "emails": [{"value": "not an address"}]});
    api.post("/api/v2/persons", odd.clone()).await;
    let long = json!({"name": "x".repeat(256)});
    for path in ["/api/v2/persons", "/api/v2/organizations"] {
        api.refused("POST", path, long.clone(), 400, "name: The length").await;
    }
    api.refused("POST", "/api/v2/deals", json!({"title": "x".repeat(256)}), 400, "title: The length").await;
    let lead = json!({"title": "x".repeat(256), "person_id": 1});
    api.refused("POST", "/api/v1/leads", lead, 400, "too long").await;
    switched(&simulator, |switches| (switches.emails_are_checked, switches.name_chars) = (true, 0));
    api.refused("POST", "/api/v2/persons", odd, 400, "emails.value").await;
    api.post("/api/v2/organizations", long).await;
}

#[tokio::test]
async fn notes_of_several_records() {
    let (simulator, api) = start().await;
    api.post("/api/v2/persons", json!({"name": "P"})).await;
    api.post("/api/v2/deals", json!({"title": "D"})).await;
    let body = json!({"content": "x", "deal_id": 1, "person_id": 1});
    api.post("/api/v1/notes", body.clone()).await;
    switched(&simulator, |switches| switches.notes_have_one_parent = true);
    api.refused("POST", "/api/v1/notes", body, 400, "one item only").await;
}

#[tokio::test]
async fn deleting_again() {
    let (simulator, api) = start().await;
    api.post("/api/v2/persons", json!({"name": "P"})).await;
    api.post("/api/v2/activities", json!({})).await;
    for path in ["/api/v2/persons/1", "/api/v2/activities/1"] {
        assert_eq!(api.delete(path).await.0, 200);
        assert_eq!(api.delete(path).await.0, 404);
    }
    switched(&simulator, |switches| switches.delete_again_succeeds = true);
    for path in ["/api/v2/persons/1", "/api/v2/activities/1"] {
        assert_eq!(api.delete(path).await.1["data"], json!({"id": 1}));
    }
    assert_eq!(api.delete("/api/v2/persons/9").await.0, 404);
}

#[tokio::test]
async fn older_models_of_limits() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    (switches.limit_model, switches.writes_per_day) = (LimitModel::Requests, 200);
    let builder = PipedriveSimulator::builder().tier(Tier::Ultimate).clock(clock.clone()).switches(switches.clone());
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    for _ in 0..80 {
        api.get("/api/v1/users/me").await;
    }
    let refused = api.send("GET", "/api/v1/users/me", None).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["x-ratelimit-limit"]), (429, &"80".parse().unwrap()));
    assert!(!refused.headers().contains_key("x-daily-ratelimit-token-remaining"));
    clock.advance(TimeDelta::seconds(2));
    for _ in 0..200 {
        clock.advance(TimeDelta::milliseconds(100));
        assert_eq!(api.send("DELETE", "/api/v2/deals/9", None).await.unwrap().status().as_u16(), 404);
    }
    clock.advance(TimeDelta::seconds(2));
    let spent = api.send("DELETE", "/api/v2/deals/9", None).await.unwrap();
    assert_eq!((spent.status().as_u16(), &spent.headers()["x-daily-requests-left"]), (429, &"0".parse().unwrap()));
    api.get("/api/v1/users/me").await;

    switches.limit_model = LimitModel::TokensPerMinute;
    let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    for _ in 0..125 {
        api.get("/api/v1/users/find?term=x").await;
    }
    assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 429, "5,000 tokens are spent");
    clock.advance(TimeDelta::minutes(1));
    api.get("/api/v1/users/me").await;
}

#[tokio::test]
async fn visibility_hides_from_others() {
    for (tier, everyone, by_group) in [(Tier::Growth, 3, false), (Tier::Premium, 7, true)] {
        let simulator = PipedriveSimulator::builder().tier(tier).limits(false).start().await.unwrap();
        let api = Api::of(&simulator);
        let (_, agent) = api.call("POST", "/_simulator/accounts", Some(json!({"user_id": 2}))).await;
        let agent = Api { token: agent["token"].as_str().unwrap().into(), ..Api::of(&simulator) };
        api.post("/api/v2/deals", json!({"title": "all", "visible_to": everyone})).await;
        api.post("/api/v2/deals", json!({"title": "owner", "visible_to": 1})).await;
        api.post("/api/v2/deals", json!({"title": "theirs", "visible_to": 1, "owner_id": 2})).await;
        assert_eq!(ids(&api.get("/api/v2/deals").await), [1, 2, 3]);
        assert_eq!(ids(&agent.get("/api/v2/deals").await), [1, 3]);
        assert_eq!(agent.call("GET", "/api/v2/deals/2", None).await.0, 404);
        agent.refused("PATCH", "/api/v2/deals/2", json!({"title": "x"}), 404, "").await;
        let note = json!({"content": "x", "deal_id": 2});
        agent.refused("POST", "/api/v1/notes", note, 403, "Insufficient visibility to the associated deal").await;
        assert_eq!(api.call("POST", "/api/v2/deals/2/followers", Some(json!({"user_id": 2}))).await.0, 201);
        let seen = ids(&agent.get("/api/v2/deals").await);
        assert_eq!(seen, if by_group { vec![1, 3] } else { vec![1, 2, 3] });
        if by_group {
            api.write("PATCH", "/api/v2/deals/2", json!({"visible_to": 3})).await;
            assert_eq!(ids(&agent.get("/api/v2/deals").await), [1, 2, 3]);
            simulator.put("users", json!({"id": 2, "visibility_group": 2})).unwrap();
            assert_eq!(ids(&agent.get("/api/v2/deals").await), [1, 3]);
        }
        let lead = json!({"title": "x", "person_id": 1, "visible_to": "1"});
        api.post("/api/v2/persons", json!({"name": "P"})).await;
        api.call("POST", "/api/v1/leads", Some(lead)).await;
        assert_eq!(agent.get("/api/v1/leads").await["data"], json!([]));
    }
}

#[tokio::test]
async fn fields_of_v1_have_numbers() {
    let (_simulator, api) = start().await;
    let field = json!({"field_name": "F", "field_type": "enum", "options": [{"label": "A"}, {"label": "B"}]});
    let made = api.post("/api/v2/personFields", field).await;
    let fields = api.get("/api/v1/personFields?limit=500").await;
    let code = &made["field_code"];
    let found = fields["data"].as_array().unwrap().iter().find(|field| field["key"] == *code).unwrap().clone();
    let path = format!("/api/v1/personFields/{}", found["id"]);
    let options = json!([{"id": made["options"][1]["id"], "label": "Bee"}, {"label": "C"}]);
    let body = json!({"name": "G", "options": options});
    let changed = api.write("PUT", &path, body).await;
    assert_eq!((&changed["name"], &changed["options"][0]["id"]), (&json!("G"), &made["options"][1]["id"]));
    let labels: Vec<&str> = changed["options"].as_array().unwrap().iter().filter_map(|o| o["label"].as_str()).collect();
    assert_eq!(labels, ["Bee", "C"]);
    assert_eq!(api.get(&path).await["data"]["key"], *code);
    api.refused("PUT", &path, json!({"options": [{"id": 9999, "label": "x"}]}), 400, "9999").await;
    let name = fields["data"].as_array().unwrap().iter().find(|field| field["key"] == "name").unwrap()["id"].clone();
    api.refused("PUT", &format!("/api/v1/personFields/{name}"), json!({"name": "x"}), 400, "custom").await;
}

#[tokio::test]
async fn the_day_turns_at_an_hour_that_nobody_tells() {
    for (hour, fresh) in [(0, false), (9, true)] {
        // 2027-01-15 08:00 UTC.
        let clock = FrozenClock::new();
        let mut switches = Switches::default();
        switches.reset_hour = hour;
        let builder = PipedriveSimulator::builder().tier(Tier::Lite).seats(1).clock(clock.clone()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        simulator.spend_tokens(u64::MAX);
        assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, 429);
        clock.advance(TimeDelta::hours(2));
        assert_eq!(api.call("GET", "/api/v1/users/me", None).await.0, if fresh { 200 } else { 429 });
    }
}

#[tokio::test]
async fn deleted_records_are_purged_after_some_days() {
    for days in [30, 3] {
        let clock = FrozenClock::new();
        let mut switches = Switches::default();
        switches.purge_days = days;
        let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        api.post("/api/v2/activities", json!({})).await;
        api.delete("/api/v2/activities/1").await;
        clock.advance(TimeDelta::days(4));
        assert_eq!(api.call("GET", "/api/v2/activities/1", None).await.0, if days == 30 { 200 } else { 404 });
    }
}

#[tokio::test]
async fn blocks_last_a_while() {
    for seconds in [60, 5] {
        let clock = FrozenClock::new();
        let mut switches = Switches::default();
        (switches.block_after, switches.block_seconds) = (1, seconds);
        let builder = PipedriveSimulator::builder().tier(Tier::Lite).clock(clock.clone()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        for _ in 0..22 {
            api.send("GET", "/api/v1/users/me", None).await.unwrap();
        }
        clock.advance(TimeDelta::seconds(10));
        let status = api.send("GET", "/api/v1/users/me", None).await.unwrap().status().as_u16();
        assert_eq!(status, if seconds == 60 { 403 } else { 200 });
    }
}

#[tokio::test]
async fn writes_move_the_time_of_what_they_hang_on() {
    for touch in [true, false] {
        let clock = FrozenClock::new();
        let mut switches = Switches::default();
        switches.writes_touch_parents = touch;
        let builder = PipedriveSimulator::builder().limits(false).clock(clock.clone()).switches(switches);
        let simulator = builder.start().await.unwrap();
        let api = Api::of(&simulator);
        let before = api.post("/api/v2/deals", json!({"title": "D"})).await["update_time"].clone();
        clock.advance(TimeDelta::seconds(5));
        api.post("/api/v2/activities", json!({"deal_id": 1})).await;
        let after = api.get("/api/v2/deals/1").await["data"]["update_time"].clone();
        assert_eq!(before != after, touch);
    }
}

#[tokio::test]
async fn deleting_takes_activities_and_files_along() {
    for cascades in [true, false] {
        let (simulator, api) = start().await;
        switched(&simulator, |switches| switches.delete_cascades = cascades);
        api.post("/api/v2/deals", json!({"title": "D"})).await;
        api.post("/api/v2/activities", json!({"deal_id": 1})).await;
        api.delete("/api/v2/deals/1").await;
        let left = api.get("/api/v2/activities").await["data"].as_array().unwrap().len();
        assert_eq!(left, usize::from(!cascades));
    }
}

/// A switch that no test names is one that nobody knows to work.
#[test]
fn every_switch_is_named_by_a_test() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulator");
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let tests: String = files.collect();
    let switches = serde_json::to_value(Switches::default()).unwrap();
    for name in switches.as_object().unwrap().keys() {
        assert!(tests.contains(&format!("switches.{name}")), "{name} is not tested");
    }
}
