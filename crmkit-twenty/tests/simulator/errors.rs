//! The envelopes of errors, one test each.

use serde_json::{Value, json};

use crate::api::{id, start};

#[tokio::test]
async fn core_errors_have_messages() {
    let (_simulator, api) = start().await;
    for (path, message) in [
        ("/rest/company", "object 'company' not found. Did you mean 'companies'?"),
        ("/rest/nope", "object 'nope' not found. eg: companies"),
        ("/rest/companies/abc", "'abc' is not a valid UUID"),
    ] {
        let body = api.refused("GET", path, json!({}), 400, message).await;
        assert_eq!(body, json!({"statusCode": 400, "error": "BadRequestException", "messages": [message]}));
    }
    let body =
        api.refused("POST", "/rest/companies", json!({"id": "abc"}), 400, "Value \"abc\" is not a valid UUID").await;
    assert_eq!((&body["code"], &body["error"]), (&json!("INVALID_QUERY_INPUT"), &json!("Error")));
}

#[tokio::test]
async fn a_missing_token_is_another_thing_than_a_wrong_one() {
    let (_simulator, api) = start().await;
    let (nobody, stranger) = (api.with_token(""), api.with_token("wrong"));
    let missing =
        json!({"statusCode": 403, "messages": ["Missing authentication token"], "error": "FORBIDDEN_EXCEPTION"});
    let wrong = json!({"statusCode": 401, "messages": ["Token invalid."], "error": "UNAUTHENTICATED"});
    for path in ["/rest/companies", "/rest/metadata/objects"] {
        assert_eq!(nobody.call("GET", path, None).await, (403, missing.clone()));
        assert_eq!(stranger.call("GET", path, None).await, (401, wrong.clone()));
    }
    let query = "{ companies { totalCount } }";
    let answer = nobody.graphql("/graphql", query, json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "Cannot query field \"companies\" on type \"Query\".");
    let answer = stranger.graphql("/graphql", query, json!({})).await;
    let error = &answer["errors"][0];
    assert_eq!(
        (&error["extensions"]["code"], &error["message"]),
        (&json!("UNAUTHENTICATED"), &json!("Token invalid."))
    );
}

#[tokio::test]
async fn the_framework_answers_before_the_application() {
    let (_simulator, api) = start().await;
    let request = api.client.post(format!("{}/rest/companies", api.url)).bearer_auth(&api.token);
    let answer = request.header("content-type", "application/json").body("{name}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["error"], &body["statusCode"]), (&json!("Bad Request"), &json!(400)));
    assert!(
        body["message"].as_str().unwrap().starts_with("Expected property name or '}' in JSON at position 1"),
        "{body}"
    );
    let half = json!({"nameSingular": "project", "labelSingular": "Project", "labelPlural": "Projects"});
    let (status, body) = api.call("POST", "/rest/metadata/objects", Some(half)).await;
    let messages = json!(["namePlural should not be empty", "namePlural must be a string"]);
    assert_eq!((status, body), (400, json!({"message": messages, "error": "Bad Request", "statusCode": 400})));
    let (status, body) = api.call("GET", "/rest/metadata/fields/abc", None).await;
    assert_eq!((status, &body["error"]), (400, &json!("Bad Request")));
}

#[tokio::test]
async fn metadata_errors_hide_their_cause_among_what_follows() {
    let (_simulator, api) = start().await;
    let company = json!({"nameSingular": "company", "namePlural": "firms", "labelSingular": "C", "labelPlural": "F"});
    let (status, body) = api.call("POST", "/rest/metadata/objects", Some(company)).await;
    assert_eq!((status, &body["error"]), (400, &json!("METADATA_VALIDATION_ERROR")));
    assert_eq!(body["message"], "Multiple validation errors occurred while creating object");
    let root = &body["errors"]["objectMetadata"][0];
    assert_eq!(root["errors"][0]["code"], "OBJECT_ALREADY_EXISTS");
    assert_eq!(
        (&root["status"], &root["metadataName"], &root["type"]),
        (&json!("fail"), &json!("objectMetadata"), &json!("create"))
    );
    let secondary = body["errors"]["fieldMetadata"].as_array().unwrap();
    assert!(!secondary.is_empty());
    assert!(secondary.iter().all(|entry| entry["errors"][0]["code"] == "OBJECT_METADATA_NOT_FOUND"));
    let summary = &body["summary"];
    assert_eq!((&summary["objectMetadata"], &summary["fieldMetadata"]), (&json!(1), &json!(secondary.len())));
    assert!(summary["totalErrors"].as_u64().unwrap() > secondary.len() as u64);
}

#[tokio::test]
async fn graphql_errors_come_with_200() {
    let (_simulator, api) = start().await;
    let create = "mutation C($d: CompanyCreateInput!) { createCompany(data: $d) { id } }";
    let site = json!({"d": {"domainName": {"primaryLinkUrl": "https://a.example"}}});
    let made = api.query(create, site.clone()).await["createCompany"].clone();
    let answer = api.graphql("/graphql", create, site).await;
    assert_eq!(answer["data"], json!({"createCompany": null}));
    let error = &answer["errors"][0];
    assert_eq!(error["message"], "A duplicate entry was detected");
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(error["extensions"]["conflictingRecordId"], id(&made));
    assert_eq!(error["extensions"]["conflictingObjectNameSingular"], "company");
    let find = "query { company(filter: {name: {eq: \"nobody\"}}) { id } }";
    let answer = api.graphql("/graphql", find, json!({})).await;
    assert_eq!(answer["data"], json!({"company": null}));
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["subCode"]), (&json!("NOT_FOUND"), &json!("RECORD_NOT_FOUND")));
    let wrong = json!({"d": {"name": "x", "accountOwnerId": "zz"}});
    let answer = api.graphql("/graphql", create, wrong).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["subCode"]), (&json!("BAD_USER_INPUT"), &json!("INVALID_ARGS_DATA")));
    let make = "mutation M($i: CreateOneObjectInput!) { createOneObject(input: $i) { id } }";
    let input = json!({"i": {"object": {"nameSingular": "event", "namePlural": "events", "labelSingular": "E", "labelPlural": "Es"}}});
    let answer = api.graphql("/metadata", make, input).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "METADATA_VALIDATION_FAILED");
    assert_eq!(extensions["errors"]["objectMetadata"][0]["errors"][0]["code"], "RESERVED_KEYWORD");
}

#[tokio::test]
async fn roles_bind() {
    let (_simulator, api) = start().await;
    let rights = json!({"key": "reader", "write": false, "data_model": false, "upload": false});
    let (_, made) = api.call("POST", "/_simulator/accounts", Some(rights)).await;
    let reader = api.with_token(made["token"].as_str().unwrap());
    let denied = "Entity performing the request does not have permission";
    let body = reader.refused("POST", "/rest/companies", json!({}), 400, denied).await;
    assert_eq!(body["code"], "PERMISSION_DENIED");
    reader.refused("GET", "/rest/metadata/objects", json!({}), 403, denied).await;
    reader.get("/rest/companies").await;
    let upload = "mutation { createFileUpload(filename: \"a\", size: 1, fileFolder: FilesField) { fileId } }";
    assert_eq!(reader.graphql("/metadata", upload, json!({})).await["errors"][0]["message"], denied);
}
