//! Creating and changing records over REST.

use crate::api::{all, id, start};
use serde_json::{Value, json};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn an_empty_company_is_valid_and_shows_every_column() {
    let (_simulator, api) = start().await;
    let made = api.done("POST", "/rest/companies", Some(json!({})), 201).await;
    let company = &made["data"]["createCompany"];
    assert_eq!(company["name"], "");
    assert_eq!(company["domainName"], json!({"primaryLinkLabel": "", "primaryLinkUrl": "", "secondaryLinks": []}));
    assert_eq!(company["annualRevenue"], json!({"amountMicros": null, "currencyCode": ""}));
    assert_eq!(company["address"]["addressLat"], Value::Null);
    assert_eq!(company["accountOwnerId"], Value::Null);
    assert!(company.get("accountOwner").is_none() && company.get("people").is_none());
    assert!(company["searchVector"].is_string());
    let by = json!({"source": "API", "workspaceMemberId": null, "name": "Migration", "context": {}});
    assert_eq!((&company["createdBy"], &company["deletedAt"]), (&by, &Value::Null));
    let created = company["createdAt"].as_str().unwrap();
    assert!(created.ends_with('Z') && created.len() == "2026-11-22T04:10:20.758Z".len(), "{created}");
    let read = api.get(&format!("/rest/companies/{}", id(company))).await;
    assert_eq!(&read["data"]["company"], company);
}

#[tokio::test]
async fn ids_of_ours_are_taken_whatever_their_version() {
    let (_simulator, api) = start().await;
    let ours = "c6f0a1d2-7b34-5e8f-9a01-23456789abcd";
    assert_eq!(id(&api.post("/rest/companies", json!({"id": ours, "name": "Acme"})).await), ours);
    let taken = "A duplicate entry was detected";
    let body = api.refused("POST", "/rest/companies", json!({"id": ours}), 400, taken).await;
    assert_eq!(body, json!({"statusCode": 400, "error": "BadRequestException", "messages": [taken]}));
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_is_all_or_nothing() {
    let (simulator, api) = start().await;
    let names: Vec<Value> = (0..200).map(|number| json!({"name": format!("C{number}")})).collect();
    let made = api.done("POST", "/rest/batch/companies", Some(json!(names)), 201).await;
    assert_eq!(all(&made["data"]["createCompanies"], "name"), all(&json!(names), "name"));
    let none = api.done("POST", "/rest/batch/companies", Some(json!([])), 201).await;
    assert_eq!(none, json!({"data": {"createCompanies": []}}));

    let site = |url: &str| json!({"domainName": {"primaryLinkUrl": url}});
    let clash = json!([site("https://a.example"), site("https://b.example"), site("HTTPS://A.example/")]);
    api.refused("POST", "/rest/batch/companies", clash, 400, "A duplicate entry was detected").await;
    let bad = json!([{"name": "good"}, {"nope": 1}]);
    let unknown = "Object company doesn't have any \"nope\" field.";
    api.refused("POST", "/rest/batch/companies", bad, 400, unknown).await;
    let late = json!([{"name": "good"}, {"accountOwnerId": NOBODY}]);
    let (status, body) = api.call("POST", "/rest/batch/companies", Some(late)).await;
    let said = body["messages"][0].as_str().unwrap();
    let start = "insert or update on table \"company\" violates foreign key constraint \"FK_";
    assert!(status == 400 && said.starts_with(start), "{said}");
    assert_eq!(simulator.rows("companies").len(), 200);

    let too_many: Vec<Value> = (0..201).map(|_| json!({})).collect();
    let message = "Maximum number of records to upsert is 200.";
    api.refused("POST", "/rest/batch/companies", json!(too_many), 400, message).await;
    let body =
        api.refused("POST", "/rest/batch/companies", json!({}), 400, "args.data.forEach is not a function").await;
    assert_eq!(body["error"], "TypeError");
}

#[tokio::test]
async fn times_and_authors_can_be_set() {
    let (_simulator, api) = start().await;
    let old = "2019-05-01T10:00:00.000Z";
    let author = json!({"source": "IMPORT", "name": "Legacy User"});
    let made = api.post("/rest/companies", json!({"createdAt": old, "updatedAt": old, "createdBy": author})).await;
    assert_eq!((&made["createdAt"], &made["updatedAt"]), (&json!(old), &json!(old)));
    let by = json!({"source": "IMPORT", "workspaceMemberId": null, "name": "Legacy User", "context": null});
    assert_eq!(made["createdBy"], by);
    let path = format!("/rest/companies/{}", id(&made));
    let changed = api.patch(&path, json!({"name": "Acme", "updatedAt": "2020-01-01"})).await;
    assert_eq!((&changed["updatedAt"], &changed["createdAt"]), (&json!("2020-01-01T00:00:00.000Z"), &json!(old)));
    let changed = api.patch(&path, json!({"name": "Acme AB", "createdBy": {"source": "MANUAL", "name": "Tim"}})).await;
    assert!(changed["updatedAt"].as_str().unwrap() > "2026");
    assert_eq!((&changed["createdBy"]["source"], &changed["createdBy"]["name"]), (&json!("MANUAL"), &json!("Tim")));
}

#[tokio::test]
async fn patches_change_only_what_they_name() {
    let (_simulator, api) = start().await;
    let made =
        api.post("/rest/people", json!({"name": {"firstName": "Ada", "lastName": "Byron"}, "jobTitle": "CTO"})).await;
    let path = format!("/rest/people/{}", id(&made));
    let changed = api.patch(&path, json!({"name": {"lastName": "Lovelace"}})).await;
    assert_eq!(
        (&changed["name"], &changed["jobTitle"]),
        (&json!({"firstName": "Ada", "lastName": "Lovelace"}), &json!("CTO"))
    );
    let alias = api.data("PUT", &path, json!({"jobTitle": null}), 200).await;
    assert_eq!(alias["jobTitle"], "");
    let answer = api.done("PATCH", &path, Some(json!({})), 200).await;
    assert!(answer["data"]["updatePerson"].is_object());
}

#[tokio::test]
async fn one_patch_changes_all_that_a_filter_finds() {
    let (_simulator, api) = start().await;
    api.post("/rest/batch/companies", json!([{"name": "A"}, {"name": "B"}, {"name": "A"}])).await;
    let changed = api.done("PATCH", "/rest/companies?filter=name[eq]:A", Some(json!({"name": "C"})), 200).await;
    assert_eq!(all(&changed["data"]["updateCompanies"], "name"), ["C", "C"]);
    assert_eq!(api.get("/rest/companies?filter=name[eq]:C").await["totalCount"], 2);
}

#[tokio::test]
async fn positions_come_first_unless_said() {
    let (_simulator, api) = start().await;
    let first = api.post("/rest/notes", json!({})).await;
    let second = api.post("/rest/notes", json!({"position": "first"})).await;
    let last = api.post("/rest/notes", json!({"position": "last"})).await;
    let position = |note: &Value| note["position"].as_f64().unwrap();
    assert_eq!(position(&second), position(&first) - 1.0);
    assert!(position(&last) > position(&first));
    assert_eq!(position(&api.post("/rest/notes", json!({"position": 7.5})).await), 7.5);
    api.refused(
        "POST",
        "/rest/notes",
        json!({"position": "abc"}),
        400,
        "Invalid position value 'abc' for field \"position\"",
    )
    .await;
}

#[tokio::test]
async fn relations_are_written_by_id_or_by_a_unique_value() {
    let (_simulator, api) = start().await;
    let site = json!({"primaryLinkUrl": "https://b1.example"});
    let company = api.post("/rest/companies", json!({"name": "B", "domainName": site})).await;
    let connect = |url: &str| json!({"company": {"connect": {"where": {"domainName": {"primaryLinkUrl": url}}}}});
    let person = api.post("/rest/people", connect("https://b1.example")).await;
    assert_eq!(person["companyId"], company["id"]);
    let path = format!("/rest/people/{}", id(&person));
    assert_eq!(api.patch(&path, json!({"company": {"disconnect": true}})).await["companyId"], Value::Null);
    let by_id = json!({"company": {"connect": {"where": {"id": company["id"]}}}});
    assert_eq!(api.patch(&path, by_id).await["companyId"], company["id"]);
    assert_eq!(api.patch(&path, json!({"companyId": null})).await["companyId"], Value::Null);

    let missing =
        "Expected 1 record to connect to company, but found 0 for domainNamePrimaryLinkUrl = https://none.example";
    api.refused("PATCH", &path, connect("https://none.example"), 400, missing).await;
    let both = json!({"companyId": company["id"], "company": {"connect": {"where": {"id": company["id"]}}}});
    api.refused("PATCH", &path, both, 400, "company and companyId cannot be both provided.").await;
    let plain = "Relation \"company\" requires connect or disconnect operation";
    api.refused("PATCH", &path, json!({"company": {"id": company["id"]}}), 400, plain).await;
    let many = "One-to-many relation people field does not support write operations.";
    api.refused("POST", "/rest/companies", json!({"people": []}), 400, many).await;
}

#[tokio::test]
async fn depth_one_shows_what_a_record_is_related_to() {
    let (_simulator, api) = start().await;
    let company = api.post("/rest/companies", json!({"name": "Acme"})).await;
    let people: Vec<Value> = (0..61).map(|_| json!({"companyId": company["id"]})).collect();
    api.post("/rest/batch/people", json!(people)).await;
    let read = api.get(&format!("/rest/companies/{}?depth=1", id(&company))).await;
    let read = &read["data"]["company"];
    assert_eq!((read["people"].as_array().unwrap().len(), &read["accountOwner"]), (60, &Value::Null));
    let person = api.get("/rest/people?depth=1&limit=1").await["data"]["people"][0].clone();
    assert_eq!(person["company"]["name"], "Acme");
    assert!(person["company"].get("people").is_none());
    let message = "'depth=2' parameter invalid. Allowed values are 0, 1";
    api.refused("GET", "/rest/people?depth=2", json!({}), 400, message).await;
}

#[tokio::test]
async fn members_are_read_only() {
    let (_simulator, api) = start().await;
    let found = api.get("/rest/workspaceMembers?filter=userEmail[eq]:\"tim@apple.dev\"").await;
    assert_eq!(found["data"]["workspaceMembers"][0]["name"]["firstName"], "Tim");
    let denied = "Entity performing the request does not have permission";
    let body = api.refused("POST", "/rest/workspaceMembers", json!({"userEmail": "x@y.example"}), 400, denied).await;
    assert_eq!(body["code"], "PERMISSION_DENIED");
}
