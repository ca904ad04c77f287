//! Upserts: what they match, and that they undelete.

use serde_json::{Value, json};

use crate::api::{all, id, start};

fn site(url: &str, name: &str) -> Value {
    json!({"name": name, "domainName": {"primaryLinkUrl": url}})
}

#[tokio::test]
async fn a_unique_value_decides_between_insert_and_update() {
    let (simulator, api) = start().await;
    let author = json!({"source": "IMPORT", "name": "First"});
    let mut first = site("https://a.example", "A");
    first["createdBy"] = author;
    let made = api.post("/rest/companies?upsert=true", first).await;
    let mut second = site("HTTPS://A.example/", "A2");
    second["createdBy"] = json!({"source": "MANUAL", "name": "Second"});
    second["createdAt"] = json!("2019-01-01T00:00:00.000Z");
    let hit = api.post("/rest/companies?upsert=true", second).await;
    assert_eq!((&hit["id"], &hit["name"]), (&made["id"], &json!("A2")));
    assert_eq!((&hit["createdBy"]["name"], &hit["createdAt"]), (&json!("First"), &json!("2019-01-01T00:00:00.000Z")));
    let by_id = api.post("/rest/companies?upsert=true", json!({"id": made["id"], "name": "A3"})).await;
    assert_eq!((&by_id["name"], &by_id["domainName"]["primaryLinkUrl"]), (&json!("A3"), &json!("https://a.example")));
    assert_eq!(simulator.rows("companies").len(), 1);
}

#[tokio::test]
async fn empty_values_never_match() {
    let (simulator, api) = start().await;
    for _ in 0..2 {
        api.post("/rest/people?upsert=true", json!({"emails": {"primaryEmail": ""}})).await;
        api.post("/rest/companies", json!({"domainName": {"primaryLinkUrl": ""}})).await;
    }
    assert_eq!((simulator.rows("people").len(), simulator.rows("companies").len()), (2, 2));
}

#[tokio::test]
async fn the_trash_counts_and_an_upsert_takes_out_of_it() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/companies", site("https://a.example", "A")).await;
    api.done("DELETE", &format!("/rest/companies/{}?soft_delete=true", id(&made)), None, 200).await;
    let again = site("https://a.example", "B");
    api.refused("POST", "/rest/companies", again.clone(), 400, "A duplicate entry was detected").await;
    let revived = api.post("/rest/companies?upsert=true", again).await;
    assert_eq!((&revived["id"], &revived["deletedAt"], &revived["name"]), (&made["id"], &Value::Null, &json!("B")));
    assert_eq!(api.get("/rest/companies").await["totalCount"], 1);
}

#[tokio::test]
async fn two_hits_and_twins_in_a_batch_are_refused() {
    let (simulator, api) = start().await;
    let a = api.post("/rest/companies", site("https://a.example", "A")).await;
    api.post("/rest/companies", site("https://b.example", "B")).await;
    let mut both = site("https://b.example", "?");
    both["id"] = a["id"].clone();
    let message = "Multiple records found with the same unique field values for id, domainName. \
                   Cannot determine which record to update.";
    api.refused("POST", "/rest/companies?upsert=true", both, 400, message).await;
    let twins = json!([site("https://c.example", "C"), site("https://c.example", "D")]);
    api.refused("POST", "/rest/batch/companies?upsert=true", twins, 400, "A duplicate entry was detected").await;
    assert_eq!(simulator.rows("companies").len(), 2);
}

#[tokio::test]
async fn a_batch_mixes_inserts_and_updates() {
    let (_simulator, api) = start().await;
    api.add_field("company", json!({"type": "TEXT", "name": "externalId", "label": "External ID", "isUnique": true}))
        .await;
    api.post("/rest/companies", json!({"externalId": "1", "name": "one"})).await;
    let batch = json!([{"externalId": "2", "name": "two"}, {"externalId": "1", "name": "uno"}]);
    let made = api.post("/rest/batch/companies?upsert=true", batch).await;
    assert_eq!(all(&made, "name"), ["two", "uno"]);
    assert_eq!(api.get("/rest/companies").await["totalCount"], 2);
    let found = api.get("/rest/companies?filter=externalId[in]:[1,2]").await;
    assert_eq!(found["totalCount"], 2);
    api.refused("POST", "/rest/companies", json!({"externalId": "2"}), 400, "A duplicate entry was detected").await;
}
