//! Who takes part in deals, and who follows what.

use crmkit_pipedrive::simulator::{PipedriveSimulator, Stray, Switches};
use serde_json::{Value, json};

use crate::api::{Api, ids, start};

async fn with_deal() -> (PipedriveSimulator, Api) {
    let (simulator, api) = start().await;
    for name in ["Jane Doe", "Bo Ek", "Cy Fu"] {
        api.post("/api/v2/persons", json!({"name": name})).await;
    }
    api.post("/api/v2/deals", json!({"title": "D", "person_id": 1})).await;
    (simulator, api)
}

fn persons(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["person_id"]["value"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn persons_take_part_in_deals() {
    let (simulator, api) = with_deal().await;
    let path = "/api/v1/deals/1/participants";
    let made = api.post(path, json!({"person_id": 2})).await;
    assert_eq!((&made["id"], &made["person_id"]["name"]), (&json!(1), &json!("Bo Ek")));
    assert_eq!(made["related_item_data"], json!({"deal_id": 1, "title": "D"}));
    assert_eq!(persons(&api.get(path).await), [1, 2]);
    assert_eq!(ids(&api.get("/api/v2/persons?deal_id=1").await), [1, 2]);
    let counted = api.get("/api/v2/deals/1?include_fields=participants_count").await;
    assert_eq!(counted["data"]["participants_count"], 2);
    api.refused("POST", path, json!({"person_id": 2}), 400, "already a participant").await;
    api.refused("POST", path, json!({"person_id": 1}), 400, "already a participant").await;
    api.refused("POST", path, json!({"person_id": 9}), 400, "Person not found").await;
    api.refused("POST", path, json!({}), 400, "Person id must be given.").await;
    assert_eq!(api.call("POST", "/api/v1/deals/9/participants", Some(json!({"person_id": 2}))).await.0, 404);
    let main = api.get(path).await["data"][0]["id"].clone();
    assert_eq!(api.delete(&format!("{path}/{main}")).await.0, 400);

    let mut switches = Switches::default();
    (switches.participant_again, switches.main_person_participates) = (Stray::Ignored, false);
    simulator.set_switches(switches).unwrap();
    assert_eq!(api.post(path, json!({"person_id": 2})).await["id"], 1);
    assert_eq!(persons(&api.get(path).await), [2]);
    assert_eq!(api.delete(&format!("{path}/1")).await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete(&format!("{path}/1")).await.0, 404);
    assert_eq!(api.get(path).await["data"], json!([]));
    assert_eq!(api.post(path, json!({"person_id": 2})).await["id"], 2);
}

#[tokio::test]
async fn users_follow_records() {
    let (simulator, api) = with_deal().await;
    for records in ["deals", "persons"] {
        let path = format!("/api/v2/{records}/1/followers");
        let (status, made) = api.call("POST", &path, Some(json!({"user_id": 4}))).await;
        assert_eq!((status, &made["data"]["user_id"]), (201, &json!(4)));
        let page = api.get(&format!("{path}?limit=1")).await;
        assert_eq!(page["data"][0]["user_id"], 1, "the owner follows");
        let cursor = page["additional_data"]["next_cursor"].as_str().unwrap();
        let rest = api.get(&format!("{path}?limit=1&cursor={cursor}")).await;
        assert_eq!((&rest["data"][0]["user_id"], &rest["additional_data"]["next_cursor"]), (&json!(4), &Value::Null));
        api.refused("POST", &path, json!({"user_id": 4}), 400, "already a follower").await;
        api.refused("POST", &path, json!({"user_id": 1}), 400, "already a follower").await;
        api.refused("POST", &path, json!({"user_id": 99}), 400, "user_id").await;
        assert_eq!(api.delete(&format!("{path}/4")).await.1["data"], json!({"user_id": 4}));
        assert_eq!(api.delete(&format!("{path}/4")).await.0, 404);
        assert_eq!(api.delete(&format!("{path}/1")).await.0, 400);
        let log = api.get(&format!("{path}/changelog")).await;
        let actions: Vec<&str> = log["data"].as_array().unwrap().iter().filter_map(|l| l["action"].as_str()).collect();
        assert_eq!(actions, ["added", "removed"]);
    }
    let mut switches = Switches::default();
    switches.owner_follows = false;
    simulator.set_switches(switches).unwrap();
    assert_eq!(api.get("/api/v2/deals/1/followers").await["data"], json!([]));
    let counted = api.get("/api/v2/deals/1?include_fields=followers_count").await;
    assert_eq!(counted["data"]["followers_count"], 0);
    let old = api.post("/api/v1/deals/1/followers", json!({"user_id": 5})).await;
    assert_eq!((&old["user_id"], &old["deal_id"]), (&json!(5), &json!(1)));
    assert_eq!(api.get("/api/v1/deals/1/followers").await["data"][0]["user_id"], 5);
    assert_eq!(api.delete(&format!("/api/v1/deals/1/followers/{}", old["id"])).await.0, 200);
}
