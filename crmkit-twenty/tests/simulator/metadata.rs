//! Objects, fields, options and relations.

use serde_json::{Value, json};

use crate::api::{all, id, start};

fn project() -> Value {
    json!({"nameSingular": "project", "namePlural": "projects", "labelSingular": "Project", "labelPlural": "Projects", "icon": "IconBox"})
}

fn names(object: &Value) -> Vec<String> {
    all(&object["fields"], "name").iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The only error of a refused change: code and message.
async fn fault(api: &crate::api::Api, method: &str, path: &str, body: Value) -> (String, String) {
    let (status, answer) = api.call(method, path, Some(body)).await;
    assert_eq!((status, &answer["error"]), (400, &json!("METADATA_VALIDATION_ERROR")), "{answer}");
    let error = &answer["errors"]["fieldMetadata"][0]["errors"][0];
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn a_new_object_is_there_at_once() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/metadata/objects", project()).await;
    let automatic =
        ["id", "name", "createdAt", "updatedAt", "deletedAt", "createdBy", "updatedBy", "position", "searchVector"];
    let relations = ["timelineActivities", "attachments", "noteTargets", "taskTargets"];
    for name in automatic.iter().chain(&relations) {
        assert!(names(&made).iter().any(|known| known == name), "{name}");
    }
    assert_ne!(made["applicationId"], api.object("company").await["applicationId"]);
    assert!(made.get("isCustom").is_none() && made["color"].is_null());
    let row = api.post("/rest/projects", json!({"name": "P"})).await;
    api.post("/rest/batch/projects", json!([{}, {}])).await;
    for holder in ["noteTargets", "taskTargets", "attachments"] {
        let target = api.post(&format!("/rest/{holder}"), json!({"targetProjectId": row["id"]})).await;
        assert_eq!(target["targetProjectId"], row["id"]);
    }
    let seen =
        api.query("{ projects { totalCount edges { node { name noteTargets { totalCount } } } } }", json!({})).await;
    assert_eq!(seen["projects"]["totalCount"], 3);
    api.done("DELETE", &format!("/rest/projects/{}", id(&row)), None, 200).await;
    assert_eq!(api.get("/rest/noteTargets").await["totalCount"], 0);
}

#[tokio::test]
async fn objects_are_listed_by_falling_id_and_deleted_with_their_rows() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/metadata/objects", project()).await;
    let page = api.get("/rest/metadata/objects?limit=2").await;
    let ids = all(&page["data"]["objects"], "id");
    assert!(ids[0].as_str() > ids[1].as_str() && page["pageInfo"]["hasNextPage"] == true);
    assert_eq!((&page["pageInfo"]["startCursor"], &page["pageInfo"]["endCursor"]), (&ids[0], &ids[1]));
    assert!(page["pageInfo"].get("hasPreviousPage").is_none());
    let rest = api.get(&format!("/rest/metadata/objects?starting_after={}", ids[1].as_str().unwrap())).await;
    let total = page["totalCount"].as_u64().unwrap();
    assert_eq!(rest["data"]["objects"].as_array().unwrap().len() as u64, total - 2);
    let path = format!("/rest/metadata/objects/{}", id(&made));
    assert_eq!(api.get(&path).await["data"]["object"]["nameSingular"], "project");
    let renamed = api.patch(&path, json!({"labelSingular": "Job"})).await;
    assert_eq!(renamed["labelSingular"], "Job");
    assert_eq!(api.data("DELETE", &path, json!({}), 200).await["id"], made["id"]);
    assert_eq!(api.call("GET", "/rest/projects", None).await.0, 400);
    assert!(!names(&api.object("noteTarget").await).contains(&"targetProject".to_owned()));
    let (status, body) = api.call("GET", &path, None).await;
    let expected = json!({"statusCode": 404, "error": "Error", "messages": ["Object metadata not found"], "code": "OBJECT_METADATA_NOT_FOUND"});
    assert_eq!((status, body), (404, expected));
    let body = api.refused("DELETE", &path, json!({}), 404, "Could not find flat entity in maps").await;
    assert_eq!(body["code"], "ENTITY_NOT_FOUND");
    let standard = format!("/rest/metadata/objects/{}", id(&api.object("company").await));
    let refused = fault(&api, "DELETE", &standard, json!({})).await;
    assert_eq!(refused, ("FIELD_MUTATION_NOT_ALLOWED".into(), "System fields cannot be deleted".into()));
    assert_eq!(api.call("GET", "/rest/metadata/relations", None).await.0, 404);
}

#[tokio::test]
async fn names_have_rules() {
    let (_simulator, api) = start().await;
    let company = id(&api.object("company").await);
    let field = |name: &str| json!({"objectMetadataId": company, "type": "TEXT", "name": name, "label": "L"});
    for (name, code) in [
        ("type", "RESERVED_KEYWORD"),
        ("address", "RESERVED_KEYWORD"),
        ("plan", "RESERVED_KEYWORD"),
        ("accountOwnerId", "NOT_AVAILABLE"),
        ("domainNamePrimaryLinkUrl", "NOT_AVAILABLE"),
        ("name", "NOT_AVAILABLE"),
        ("Upper", "INVALID_FIELD_INPUT"),
        ("a_b", "INVALID_FIELD_INPUT"),
    ] {
        assert_eq!(fault(&api, "POST", "/rest/metadata/fields", field(name)).await.0, code, "{name}");
    }
    let taken = fault(&api, "POST", "/rest/metadata/fields", field("name")).await.1;
    assert_eq!(taken, "Name \"name\" is not available as it is already used by another field");
    let same = json!({"nameSingular": "sheep", "namePlural": "Sheep", "labelSingular": "S", "labelPlural": "S"});
    assert_eq!(api.call("POST", "/rest/metadata/objects", Some(same)).await.0, 400);
    let unknown = json!({"objectMetadataId": company, "type": "NOPE", "name": "x", "label": "X"});
    let (status, body) = api.call("POST", "/rest/metadata/fields", Some(unknown)).await;
    assert!(status == 400 && body["message"][0].as_str().unwrap().contains("RICH_TEXT"), "{body}");
    let numeric = json!({"objectMetadataId": company, "type": "NUMERIC", "name": "x", "label": "X"});
    let message = "Field type NUMERIC is not supported for field creation. Use NUMBER instead.";
    assert_eq!(fault(&api, "POST", "/rest/metadata/fields", numeric).await.1, message);
    let unique = json!({"objectMetadataId": company, "type": "FILES", "name": "x", "label": "X", "settings": {"maxNumberOfValues": 1}, "isUnique": true});
    fault(&api, "POST", "/rest/metadata/fields", unique).await;
    let bare = json!({"objectMetadataId": company, "type": "FILES", "name": "x", "label": "X"});
    assert!(fault(&api, "POST", "/rest/metadata/fields", bare).await.1.contains("maxNumberOfValues"));
}

#[tokio::test]
async fn options_are_checked() {
    let (_simulator, api) = start().await;
    let company = id(&api.object("company").await);
    let field = |options: Value| json!({"objectMetadataId": company, "type": "SELECT", "name": "x", "label": "X", "options": options});
    let one = |label: &str, value: &str| json!([{"label": label, "value": value, "color": "green", "position": 0}]);
    for (options, message) in [
        (json!([]), "Options are required for enum fields"),
        (one("A", "one-1"), "Value must be in UPPER_CASE and follow snake_case \"one-1\""),
        (one("A", "1A"), "Value must be in UPPER_CASE and follow snake_case \"1A\""),
        (one("A,B", "A"), "Label must not contain a comma"),
        (
            json!([{"label": "A", "value": "A", "position": 0}, {"label": "B", "value": "A", "position": 1}]),
            "Duplicated option value",
        ),
        (
            json!([{"label": "A", "value": "A", "position": 0}, {"label": "B", "value": "B", "position": 0}]),
            "Duplicated option position",
        ),
    ] {
        assert_eq!(fault(&api, "POST", "/rest/metadata/fields", field(options)).await.1, message);
    }
    let made = api.post("/rest/metadata/fields", field(one("One", "ONE"))).await;
    assert!(made["options"][0]["id"].is_string());
    let stars = api.add_field("company", json!({"type": "RATING", "name": "stars", "label": "Stars"})).await;
    assert_eq!(all(&stars["options"], "value"), ["RATING_1", "RATING_2", "RATING_3", "RATING_4", "RATING_5"]);
}

#[tokio::test]
async fn options_change_as_a_whole_and_records_follow() {
    let (_simulator, api) = start().await;
    let options = json!([{"label": "One", "value": "ONE", "position": 0}, {"label": "Two", "value": "TWO", "position": 1}, {"label": "Three", "value": "THREE", "position": 2}]);
    let field =
        json!({"type": "SELECT", "name": "level", "label": "Level", "options": options, "defaultValue": "'ONE'"});
    let made = api.add_field("company", field).await;
    let two = api.post("/rest/companies", json!({"level": "TWO"})).await;
    let three = api.post("/rest/companies", json!({"level": "THREE"})).await;
    let path = format!("/rest/metadata/fields/{}", id(&made));
    let kept = json!([
        made["options"][0], {"id": made["options"][2]["id"], "label": "Tri", "value": "TRI", "position": 1}, {"label": "New", "value": "NEW", "position": 2},
    ]);
    let changed = api.patch(&path, json!({"options": kept, "type": "TEXT"})).await;
    assert_eq!(
        (all(&changed["options"], "value"), &changed["type"]),
        (vec![json!("ONE"), json!("TRI"), json!("NEW")], &json!("SELECT"))
    );
    let level = async |record: &Value| {
        api.get(&format!("/rest/companies/{}", id(record))).await["data"]["company"]["level"].clone()
    };
    assert_eq!((level(&two).await, level(&three).await), (json!("ONE"), json!("TRI")));
    let without = json!({"options": [changed["options"][1]]});
    assert_eq!(
        fault(&api, "PATCH", &path, without).await.1,
        "Default value \"'ONE'\" must be one of the option values"
    );
    let with = json!({"options": [changed["options"][1]], "defaultValue": null});
    api.patch(&path, with).await;
    assert_eq!(level(&two).await, Value::Null);
    let stage = api.field_id("opportunity", "stage").await;
    let stages = json!({"options": [{"label": "Won", "value": "WON", "position": 0}], "defaultValue": "'WON'"});
    api.patch(&format!("/rest/metadata/fields/{stage}"), stages).await;
    assert_eq!(api.post("/rest/opportunities", json!({})).await["stage"], "WON");
}

#[tokio::test]
async fn a_field_becomes_unique_only_when_its_values_are() {
    let (_simulator, api) = start().await;
    let made = api.add_field("company", json!({"type": "TEXT", "name": "externalId", "label": "X"})).await;
    let twins = api.post("/rest/batch/companies", json!([{"externalId": "1"}, {"externalId": "1"}, {}, {}])).await;
    let path = format!("/rest/metadata/fields/{}", id(&made));
    api.refused("PATCH", &path, json!({"isUnique": true}), 400, "A duplicate entry was detected").await;
    assert_eq!(api.get(&path).await["data"]["field"]["isUnique"], false);
    api.patch(&format!("/rest/companies/{}", id(&twins[1])), json!({"externalId": "2"})).await;
    assert_eq!(api.patch(&path, json!({"isUnique": true})).await["isUnique"], true);
    api.refused("POST", "/rest/companies", json!({"externalId": "2"}), 400, "A duplicate entry was detected").await;
    let mut default = json!({"type": "TEXT", "name": "other", "label": "X", "isUnique": true, "defaultValue": "'x'"});
    default["objectMetadataId"] = api.object("company").await["id"].clone();
    assert_eq!(api.call("POST", "/rest/metadata/fields", Some(default)).await.0, 400);
}

#[tokio::test]
async fn a_renamed_field_keeps_its_values() {
    let (_simulator, api) = start().await;
    let made = api.add_field("company", json!({"type": "TEXT", "name": "old", "label": "X"})).await;
    let row = api.post("/rest/companies", json!({"old": "kept"})).await;
    api.patch(&format!("/rest/metadata/fields/{}", id(&made)), json!({"name": "fresh"})).await;
    let read = api.get(&format!("/rest/companies/{}", id(&row))).await["data"]["company"].clone();
    assert_eq!((&read["fresh"], read.get("old")), (&json!("kept"), None));
}

#[tokio::test]
async fn relations_have_two_sides() {
    let (_simulator, api) = start().await;
    let object = api.post("/rest/metadata/objects", project()).await;
    let company = id(&api.object("company").await);
    let payload = json!({"type": "MANY_TO_ONE", "targetObjectMetadataId": company, "targetFieldLabel": "Projects", "targetFieldIcon": "IconBox"});
    let field = |name: &str, payload: Value| json!({"objectMetadataId": object["id"], "type": "RELATION", "name": name, "label": "Company", "relationCreationPayload": payload});
    let made = api.post("/rest/metadata/fields", field("company", payload.clone())).await;
    assert_eq!(
        made["settings"],
        json!({"onDelete": "SET_NULL", "relationType": "MANY_TO_ONE", "joinColumnName": "companyId"})
    );
    assert!(names(&api.object("company").await).contains(&"projects".to_owned()));
    let acme = api.post("/rest/companies", json!({"name": "Acme"})).await;
    api.post("/rest/projects", json!({"companyId": acme["id"]})).await;
    let read = api.get(&format!("/rest/companies/{}?depth=1", id(&acme))).await;
    assert_eq!(read["data"]["company"]["projects"].as_array().unwrap().len(), 1);
    assert_eq!(fault(&api, "POST", "/rest/metadata/fields", field("other", payload.clone())).await.0, "NOT_AVAILABLE");
    let mut half = payload.clone();
    half["targetFieldIcon"] = Value::Null;
    let malformed = fault(&api, "POST", "/rest/metadata/fields", field("other", half)).await;
    let message = "Relation creation payload is invalid: targetFieldIcon must be a string";
    assert_eq!(malformed, ("FIELD_METADATA_RELATION_MALFORMED".into(), message.into()));
    let missing = fault(&api, "POST", "/rest/metadata/fields", field("other", Value::Null)).await;
    assert_eq!(missing.1, "Relation creation payload is required");

    let parent = json!({"type": "MANY_TO_ONE", "targetObjectMetadataId": object["id"], "targetFieldLabel": "Children", "targetFieldIcon": "I"});
    api.post("/rest/metadata/fields", field("parent", parent)).await;
    let root = api.post("/rest/projects", json!({})).await;
    let child = api.post("/rest/projects", json!({"parentId": root["id"]})).await;
    assert_eq!(child["parentId"], root["id"]);
    api.done("DELETE", &format!("/rest/metadata/fields/{}", id(&made)), None, 200).await;
    assert!(!names(&api.object("company").await).contains(&"projects".to_owned()));
    let gone = "Object project doesn't have any \"companyId\" field.";
    api.refused("POST", "/rest/projects", json!({"companyId": acme["id"]}), 400, gone).await;
    let path = format!("/rest/metadata/fields/{}", id(&made));
    assert_eq!(
        api.refused("DELETE", &path, json!({}), 404, "Field to delete not found").await["code"],
        "FIELD_METADATA_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_junction_is_an_object_with_two_relations() {
    let (_simulator, api) = start().await;
    let object = api.post("/rest/metadata/objects", project()).await;
    let member = json!({"nameSingular": "projectMember", "namePlural": "projectMembers", "labelSingular": "M", "labelPlural": "Ms", "skipNameField": true});
    let member = api.post("/rest/metadata/objects", member).await;
    assert!(!names(&member).contains(&"name".to_owned()));
    let person = id(&api.object("person").await);
    for (name, target) in [("project", id(&object)), ("person", person)] {
        let payload = json!({"type": "MANY_TO_ONE", "targetObjectMetadataId": target, "targetFieldLabel": "Members", "targetFieldIcon": "I"});
        let field = json!({"objectMetadataId": member["id"], "type": "RELATION", "name": name, "label": name, "relationCreationPayload": payload});
        api.post("/rest/metadata/fields", field).await;
    }
    let members = api.field_id("project", "members").await;
    let junction = json!({"settings": {"relationType": "ONE_TO_MANY", "junctionTargetFieldId": api.field_id("projectMember", "person").await}});
    let marked = api.patch(&format!("/rest/metadata/fields/{members}"), junction.clone()).await;
    assert_eq!(marked["settings"], junction["settings"]);
    let project = api.post("/rest/projects", json!({})).await;
    let ada = api.post("/rest/people", json!({})).await;
    for _ in 0..2 {
        api.post("/rest/projectMembers", json!({"projectId": project["id"], "personId": ada["id"]})).await;
    }
    api.post("/rest/projectMembers", json!({"projectId": null})).await;
}

#[tokio::test]
async fn a_morph_relation_has_a_column_per_target() {
    let (_simulator, api) = start().await;
    let object = api.post("/rest/metadata/objects", project()).await;
    let payload = async |name: &str| json!({"type": "MANY_TO_ONE", "targetObjectMetadataId": id(&api.object(name).await), "targetFieldLabel": "Topics", "targetFieldIcon": "I"});
    let payloads = json!([payload("company").await, payload("person").await]);
    let field = json!({"objectMetadataId": object["id"], "type": "MORPH_RELATION", "name": "subject", "label": "Subject", "morphRelationsCreationPayload": payloads});
    let made = api.post("/rest/metadata/fields", field).await;
    assert!(made["morphId"].is_string());
    let ada = api.post("/rest/people", json!({})).await;
    let row = api.post("/rest/projects", json!({"subjectPersonId": ada["id"]})).await;
    assert_eq!((&row["subjectPersonId"], &row["subjectCompanyId"]), (&ada["id"], &Value::Null));
}

#[tokio::test]
async fn metadata_over_graphql() {
    let (_simulator, api) = start().await;
    let input = json!({"input": {"object": {"nameSingular": "project", "namePlural": "projects", "labelSingular": "P", "labelPlural": "Ps"}}});
    let create = "mutation M($input: CreateOneObjectInput!) { createOneObject(input: $input) { id nameSingular } }";
    let made = api.metadata(create, input).await["createOneObject"].clone();
    let field = json!({"input": {"field": {"objectMetadataId": made["id"], "type": "SELECT", "name": "level", "label": "Level", "options": [{"label": "A", "value": "A"}]}}});
    let create = "mutation M($input: CreateOneFieldMetadataInput!) { createOneField(input: $input) { id type options settings } }";
    let level = api.metadata(create, field).await["createOneField"].clone();
    assert_eq!((&level["type"], &level["options"][0]["value"]), (&json!("SELECT"), &json!("A")));
    let update = "mutation M($input: UpdateOneFieldMetadataInput!) { updateOneField(input: $input) { options } }";
    let options = json!({"input": {"id": level["id"], "update": {"options": [level["options"][0], {"label": "B", "value": "B"}]}}});
    assert_eq!(all(&api.metadata(update, options).await["updateOneField"]["options"], "value"), ["A", "B"]);

    let list = "query L($paging: CursorPaging!) { objects(paging: $paging) { pageInfo { hasNextPage endCursor } edges { node { id nameSingular fieldsList { name type relation { targetObjectMetadata { nameSingular } } } } } } }";
    let ten = api.metadata("{ objects { pageInfo { hasNextPage } edges { node { id } } } }", json!({})).await;
    assert_eq!(ten["objects"]["edges"].as_array().unwrap().len(), 10);
    let page = api.metadata(list, json!({"paging": {"first": 1000}})).await["objects"].clone();
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    let node = page["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| &edge["node"])
        .find(|node| node["nameSingular"] == "person");
    let fields = node.unwrap()["fieldsList"].as_array().unwrap();
    let company = fields.iter().find(|field| field["name"] == "company").unwrap();
    assert_eq!(company["relation"]["targetObjectMetadata"]["nameSingular"], "company");
    let of_project = json!({"filter": {"objectMetadataId": {"eq": made["id"]}}});
    let fields =
        "query F($filter: FieldFilter!) { fields(paging: {first: 100}, filter: $filter) { edges { node { name } } } }";
    let found = api.metadata(fields, of_project).await["fields"]["edges"].clone();
    assert!(found.as_array().unwrap().iter().any(|edge| edge["node"]["name"] == "level"));

    let unknown = api.graphql("/metadata", "{ objects { edges { node { isCustom } } } }", json!({})).await;
    let message = unknown["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("Cannot query field \"isCustom\" on type \"Object\"") && unknown.get("data").is_none());
    assert!(unknown["errors"][0]["locations"][0]["line"].is_number());
    let remove = "mutation D($f: DeleteOneFieldInput!, $o: DeleteOneObjectInput!) { deleteOneField(input: $f) { id } deleteOneObject(input: $o) { id } }";
    api.metadata(remove, json!({"f": {"id": level["id"]}, "o": {"id": made["id"]}})).await;
    api.post("/rest/companies", json!({})).await;
    let counts = api.metadata("{ objectRecordCounts { objectNamePlural totalCount } }", json!({})).await;
    assert!(
        counts["objectRecordCounts"]
            .as_array()
            .unwrap()
            .contains(&json!({"objectNamePlural": "companies", "totalCount": 1}))
    );
}
