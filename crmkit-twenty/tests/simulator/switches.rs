//! What differs between releases or is unknown, in both positions.

use crmkit_twenty::simulator::{Switches, Version};
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock, all, id, start_release, start_with};

async fn both(change: impl Fn(&mut Switches)) -> [(crmkit_twenty::simulator::TwentySimulator, Api); 2] {
    [start_with(|_| {}).await, start_with(change).await]
}

#[tokio::test]
async fn updated_by_may_be_ours_or_not() {
    let by = json!({"updatedBy": {"source": "IMPORT", "name": "Legacy"}});
    for ((_simulator, api), name) in
        both(|switches| switches.updated_by_writable = false).await.iter().zip(["Legacy", "Migration"])
    {
        let made = api.post("/rest/companies", by.clone()).await;
        assert_eq!(made["updatedBy"]["name"], name);
        let changed = api.patch(&format!("/rest/companies/{}", id(&made)), by.clone()).await;
        assert_eq!(changed["updatedBy"]["name"], name);
    }
}

#[tokio::test]
async fn an_in_filter_may_have_a_cap() {
    let ids: Vec<&str> = vec!["20202020-15db-460e-8166-c7b5d87ad4be"; 11];
    let body = json!({"query": "query Q($ids: [UUID]) { companies(filter: {id: {in: $ids}}) { totalCount } }", "variables": {"ids": ids}});
    for ((_simulator, api), fails) in both(|switches| switches.in_max = 10).await.iter().zip([false, true]) {
        let answer = api.done("POST", "/graphql", Some(body.clone()), 200).await;
        assert_eq!(answer.get("errors").is_some(), fails, "{answer}");
    }
}

#[tokio::test]
async fn restoring_a_note_may_restore_its_targets() {
    for ((_simulator, api), count) in both(|switches| switches.restores_targets = false).await.iter().zip([1, 0]) {
        let note = api.post("/rest/notes", json!({})).await;
        api.post("/rest/noteTargets", json!({"noteId": note["id"]})).await;
        let change = |verb: &str| format!("mutation {{ {verb}Note(id: \"{}\") {{ id }} }}", id(&note));
        api.query(&change("delete"), json!({})).await;
        assert_eq!(api.get("/rest/noteTargets").await["totalCount"], 0);
        api.query(&change("restore"), json!({})).await;
        assert_eq!(api.get("/rest/noteTargets").await["totalCount"], count);
    }
}

#[tokio::test]
async fn metadata_may_answer_without_wrapping() {
    let object =
        json!({"nameSingular": "project", "namePlural": "projects", "labelSingular": "P", "labelPlural": "Ps"});
    for ((_simulator, api), direct) in both(|switches| switches.direct_metadata = true).await.iter().zip([false, true])
    {
        let list = api.get("/rest/metadata/objects").await;
        let objects = if direct { &list["data"] } else { &list["data"]["objects"] };
        assert!(objects.as_array().is_some_and(|objects| !objects.is_empty()) && list["totalCount"].is_number());
        let made = api.done("POST", "/rest/metadata/objects", Some(object.clone()), 201).await;
        let made = if direct { &made } else { &made["data"]["createOneObject"] };
        assert_eq!(made["nameSingular"], "project");
    }
}

#[tokio::test]
async fn metadata_may_take_its_time() {
    let clock = FrozenClock::new();
    let mut switches = Switches::default();
    switches.metadata_delay_ms = 2000;
    let builder = crmkit_twenty::simulator::TwentySimulator::builder().clock(clock.clone()).switches(switches);
    let simulator = builder.start().await.unwrap();
    let api = Api::of(&simulator);
    let before = crmkit_core::Clock::now(&*clock);
    api.get("/rest/metadata/objects").await;
    api.get("/rest/companies").await;
    assert_eq!((crmkit_core::Clock::now(&*clock) - before).num_milliseconds(), 2000);
}

#[tokio::test]
async fn later_releases_restore_over_rest_and_select_fields() {
    let (_simulator, api) = start_release(Version::Later).await;
    let made = api.post("/rest/companies?fields=id,name", json!({"name": "Acme"})).await;
    assert_eq!(made, json!({"id": made["id"], "name": "Acme"}));
    let unknown = "Object company doesn't have any \"nope\" field.";
    api.refused("GET", "/rest/companies?fields=nope", json!({}), 400, unknown).await;
    let path = format!("/rest/companies/{}", id(&made));
    api.done("DELETE", &format!("{path}?soft_delete=true"), None, 200).await;
    assert_eq!(api.data("PATCH", &format!("{path}/restore"), json!({}), 200).await["deletedAt"], Value::Null);
    api.done("DELETE", &format!("{path}?soft_delete=true"), None, 200).await;
    let many = format!("/rest/companies/restore?filter=id[eq]:{}", id(&made));
    assert_eq!(api.done("PATCH", &many, Some(json!({})), 200).await["data"]["restoreCompanies"][0]["id"], made["id"]);
}

#[tokio::test]
async fn wide_objects_are_capped_later() {
    let (_simulator, api) = start_release(Version::Later).await;
    for number in 0..190 {
        let field = json!({"type": "TEXT", "name": format!("extra{number}"), "label": "X"});
        api.add_field("note", field).await;
    }
    let answer = api.send("POST", "/rest/notes", Some(json!({}))).await.unwrap();
    assert_eq!(answer.headers()["x-twenty-fields-capped"], "true");
    assert_eq!(answer.headers()["x-twenty-fields-max"], "200");
    let body: Value = answer.json().await.unwrap();
    assert!(body["data"]["createNote"].as_object().unwrap().len() <= 200);
    let answer = api.send("GET", "/rest/notes?fields=extra189", None).await.unwrap();
    assert!(answer.headers().get("x-twenty-fields-capped").is_none());
}

#[tokio::test]
async fn old_releases_have_other_columns_and_caps() {
    for (version, upserts) in [(Version::V0_5, false), (Version::V1_4, false), (Version::V1_10, true)] {
        let (simulator, api) = start_release(version).await;
        let company = api.object("company").await;
        let fields = all(&company["fields"], "name");
        assert!(fields.contains(&json!("annualRecurringRevenue")) && !fields.contains(&json!("annualRevenue")));
        assert_eq!(company["isCustom"], false);
        let note = api.object("note").await;
        let body = note["fields"].as_array().unwrap().iter().find(|field| field["name"] == "bodyV2").unwrap();
        assert_eq!(body["type"], "RICH_TEXT_V2");
        let person = api.post("/rest/people", json!({"city": "Lund"})).await;
        let note = api.post("/rest/notes", json!({})).await;
        api.post("/rest/noteTargets", json!({"noteId": note["id"], "personId": person["id"]})).await;
        let attachment = json!({"name": "a", "fullPath": "x", "personId": person["id"]});
        assert!(api.post("/rest/attachments", attachment).await.get("file").is_none());
        let max = if upserts { 200 } else { 60 };
        let batch: Vec<Value> = (0..=max).map(|_| json!({})).collect();
        let message = format!("Maximum number of records to upsert is {max}.");
        api.refused("POST", "/rest/batch/companies", json!(batch), 400, &message).await;
        let site = json!({"domainName": {"primaryLinkUrl": "https://a.example"}});
        api.post("/rest/companies", site.clone()).await;
        let status = api.call("POST", "/rest/companies?upsert=true", Some(site)).await.0;
        assert_eq!(status, if upserts { 201 } else { 400 });
        let path = format!("/rest/people/{}?soft_delete=true", id(&person));
        api.done("DELETE", &path, None, 200).await;
        assert_eq!(simulator.rows("people").len(), usize::from(upserts));
        let object =
            json!({"nameSingular": "project", "namePlural": "projects", "labelSingular": "P", "labelPlural": "Ps"});
        api.post("/rest/metadata/objects", object).await;
        let columns = all(&api.object("noteTarget").await["fields"], "name");
        assert!(columns.contains(&json!("project")) && !columns.contains(&json!("targetProject")));
    }
}

#[tokio::test]
async fn an_old_delete_may_be_soft() {
    for (hard, left) in [(true, 0), (false, 1)] {
        let (simulator, api) = start_with(|switches| switches.rest_delete_is_hard = hard).await;
        let made = api.post("/rest/companies", json!({})).await;
        api.done("DELETE", &format!("/rest/companies/{}", id(&made)), None, 200).await;
        assert_eq!(simulator.rows("companies").len(), left);
    }
}

#[tokio::test]
async fn the_caps_of_pages_batches_and_deletes_are_switches() {
    let (_simulator, api) =
        start_with(|switches| (switches.batch_max, switches.page_max, switches.delete_max) = (3, 2, 2)).await;
    api.refused(
        "POST",
        "/rest/batch/companies",
        json!([{}, {}, {}, {}]),
        400,
        "Maximum number of records to upsert is 3.",
    )
    .await;
    api.post("/rest/batch/companies", json!([{}, {}, {}])).await;
    let page = api.get("/rest/companies?limit=100").await;
    assert_eq!((page["data"]["companies"].as_array().unwrap().len(), &page["totalCount"]), (2, &json!(3)));
    let page = api.query("{ companies(first: 100) { edges { cursor } } }", json!({})).await;
    assert_eq!(page["companies"]["edges"].as_array().unwrap().len(), 2);
    assert_eq!(api.call("DELETE", "/rest/companies?filter=createdAt[is]:NOT_NULL", None).await.0, 400);
}
