//! Deleting softly and for good, restoring, and what becomes of what is related.

use crate::api::{all, id, start};
use serde_json::{Value, json};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn a_delete_is_hard_unless_said() {
    let (simulator, api) = start().await;
    let made = api.post("/rest/companies", json!({"name": "Acme"})).await;
    let path = format!("/rest/companies/{}", id(&made));
    let soft = api.done("DELETE", &format!("{path}?soft_delete=true"), None, 200).await;
    let gone = &soft["data"]["deleteCompany"];
    assert!(gone["name"] == "Acme" && gone["deletedAt"].is_string());
    for (method, body) in [("GET", None), ("PATCH", Some(json!({"name": "x"})))] {
        let (status, answer) = api.call(method, &path, body).await;
        let expected = json!({"statusCode": 404, "error": "NotFoundException", "messages": ["Record not found"]});
        assert_eq!((status, answer), (404, expected));
    }
    assert_eq!(api.get("/rest/companies").await["totalCount"], 0);
    assert_eq!(api.get("/rest/companies?filter=deletedAt[is]:NOT_NULL").await["totalCount"], 1);
    api.post("/rest/companies", json!({})).await;
    let both = "/rest/companies?filter=or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL)";
    assert_eq!(api.get(both).await["totalCount"], 2);
    let hard = api.done("DELETE", &path, None, 200).await;
    assert_eq!(hard, json!({"data": {"deleteCompany": {"id": made["id"]}}}));
    assert_eq!(simulator.rows("companies").len(), 1);
    assert_eq!(api.call("DELETE", &path, None).await.0, 404);
}

#[tokio::test]
async fn a_bulk_destroy_reaches_the_trash_and_skips_what_is_not_there() {
    let (simulator, api) = start().await;
    let made = api.post("/rest/batch/companies", json!([{}, {}, {}])).await;
    let ids: Vec<String> = made.as_array().unwrap().iter().map(id).collect();
    api.done("DELETE", &format!("/rest/companies/{}?soft_delete=true", ids[0]), None, 200).await;
    let filter = format!("filter=id[in]:[{},{},{}]", ids[0], ids[1], NOBODY);
    let gone = api.done("DELETE", &format!("/rest/companies?{filter}"), None, 200).await;
    let mut expected = vec![json!({"id": ids[0]}), json!({"id": ids[1]})];
    expected.sort_by_key(|value| value["id"].as_str().map(str::to_owned));
    assert_eq!(gone, json!({"data": {"deleteCompanies": expected}}));
    assert_eq!(simulator.rows("companies").len(), 1);
    let tail = "Please provide at least one filter to prevent accidental deletion of all records.";
    let refuse = |what: &str| format!("Filters are mandatory for bulk {what} operations. {tail}");
    api.refused("DELETE", "/rest/companies", json!({}), 400, &refuse("destroy")).await;
    api.refused("DELETE", "/rest/companies?soft_delete=true", json!({}), 400, &refuse("delete")).await;
}

#[tokio::test]
async fn references_survive_the_trash_and_end_with_their_target() {
    let (_simulator, api) = start().await;
    let company = api.post("/rest/companies", json!({})).await;
    let person = api.post("/rest/people", json!({"companyId": company["id"]})).await;
    let path = format!("/rest/companies/{}", id(&company));
    api.done("DELETE", &format!("{path}?soft_delete=true"), None, 200).await;
    let read = format!("/rest/people/{}", id(&person));
    assert_eq!(api.get(&read).await["data"]["person"]["companyId"], company["id"]);
    let other = api.post("/rest/people", json!({"companyId": company["id"]})).await;
    assert_eq!(other["companyId"], company["id"]);
    api.done("DELETE", &path, None, 200).await;
    assert_eq!(api.get(&read).await["data"]["person"]["companyId"], Value::Null);
}

#[tokio::test]
async fn targets_and_attachments_go_with_what_they_point_at() {
    let (simulator, api) = start().await;
    let person = api.post("/rest/people", json!({})).await;
    let note = api.post("/rest/notes", json!({"title": "N"})).await;
    let target = json!({"noteId": note["id"], "targetPersonId": person["id"]});
    let pair = api.post("/rest/batch/noteTargets", json!([target, target])).await;
    assert_eq!(pair.as_array().unwrap().len(), 2);
    api.post("/rest/noteTargets", json!({})).await;
    api.post("/rest/attachments", json!({"name": "a", "targetPersonId": person["id"]})).await;
    api.post("/rest/attachments", json!({"name": "b", "targetNoteId": note["id"]})).await;
    let old = "Object noteTarget doesn't have any \"personId\" field.";
    api.refused("POST", "/rest/noteTargets", json!({"personId": person["id"]}), 400, old).await;

    api.done("DELETE", &format!("/rest/notes/{}?soft_delete=true", id(&note)), None, 200).await;
    assert_eq!(api.get("/rest/noteTargets").await["totalCount"], 1);
    api.done("DELETE", &format!("/rest/people/{}", id(&person)), None, 200).await;
    assert_eq!(simulator.rows("noteTargets").len(), 1);
    api.done("DELETE", &format!("/rest/notes/{}", id(&note)), None, 200).await;
    let left = api.get("/rest/attachments").await;
    assert_eq!(all(&left["data"]["attachments"], "name"), ["b"]);
    assert_eq!(left["data"]["attachments"][0]["targetNoteId"], Value::Null);
}

#[tokio::test]
async fn rest_cannot_restore_and_graphql_can() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/companies", json!({"name": "Acme"})).await;
    let company = id(&made);
    api.done("DELETE", &format!("/rest/companies/{company}?soft_delete=true"), None, 200).await;
    for path in [
        format!("/rest/companies/{company}/restore"),
        format!("/rest/companies/restore?filter=id[eq]:{company}"),
        format!("/rest/restore/companies/{company}"),
    ] {
        assert_eq!(api.call("PATCH", &path, Some(json!({}))).await.0, 400, "{path}");
    }
    let restored = api
        .query(
            "mutation R($f: CompanyFilterInput!) { restoreCompanies(filter: $f) { id deletedAt } }",
            json!({"f": {"id": {"in": [company]}}}),
        )
        .await;
    assert_eq!(restored["restoreCompanies"], json!([{"id": company, "deletedAt": null}]));
    assert_eq!(api.get("/rest/companies").await["totalCount"], 1);
}
