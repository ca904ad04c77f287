//! Answers and schema against the vendor's own descriptions, where they are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use async_graphql_parser::parse_schema;
use async_graphql_parser::types::{TypeKind, TypeSystemDefinition};
use serde_json::{Value, json};

use crate::api::{Api, id, start};

/// One of the vendor's descriptions; prints why when it is not there.
fn description(name: &str) -> Option<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("skipped: {name}: {error}");
            None
        }
    }
}

/// Type names with their fields, of a schema.
fn types(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let document = parse_schema(text).expect("a schema");
    let mut types = BTreeMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        let fields = match definition.node.kind {
            TypeKind::Object(object) => object.fields.iter().map(|field| field.node.name.node.to_string()).collect(),
            TypeKind::InputObject(input) => input.fields.iter().map(|field| field.node.name.node.to_string()).collect(),
            _ => continue,
        };
        types.insert(name, fields);
    }
    types
}

const OBJECTS: [(&str, &str); 9] = [
    ("Company", "companies"),
    ("Person", "people"),
    ("Opportunity", "opportunities"),
    ("Task", "tasks"),
    ("TaskTarget", "taskTargets"),
    ("Note", "notes"),
    ("NoteTarget", "noteTargets"),
    ("Attachment", "attachments"),
    ("WorkspaceMember", "workspaceMembers"),
];

/// What the description has and the simulator does not: preferences of members, which a migration never reads.
const LEFT_OUT: [&str; 4] = ["calendarStartDay", "dateFormat", "timeFormat", "numberFormat"];

#[tokio::test]
async fn every_described_field_can_be_asked_for() {
    let Some(text) = description("twenty-core.graphql") else { return };
    let (types, (_simulator, api)) = (types(&text), start().await);
    for (name, plural) in OBJECTS {
        for field in types[name].iter().filter(|field| !LEFT_OUT.contains(&field.as_str())) {
            let plain = format!("{{ {plural} {{ edges {{ node {{ {field} }} }} }} }}");
            let nested = format!("{{ {plural} {{ edges {{ node {{ {field} {{ __typename }} }} }} }} }}");
            let mut refusals = Vec::new();
            for query in [plain, nested] {
                let answer = api.graphql("/graphql", &query, json!({})).await;
                refusals.extend(answer["errors"][0]["message"].as_str().map(str::to_owned));
            }
            // A leaf takes no selection, anything else needs one: exactly one of both is refused.
            assert_eq!(refusals.len(), 1, "{name}.{field} {refusals:?}");
            assert!(!refusals[0].starts_with("Cannot query"), "{name}.{field} {refusals:?}");
        }
    }
}

#[tokio::test]
async fn inputs_have_the_described_keys() {
    let Some(text) = description("twenty-core.graphql") else { return };
    let (types, (_simulator, api)) = (types(&text), start().await);
    for (name, _) in OBJECTS.iter().filter(|(name, _)| *name != "WorkspaceMember") {
        for key in &types[&format!("{name}CreateInput")] {
            let query = format!("mutation {{ create{name}(data: {{{key}: null}}) {{ id }} }}");
            let answer = api.graphql("/graphql", &query, json!({})).await;
            let refused = answer["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(!refused.contains("is not defined"), "{name}.{key} {answer}");
        }
        let filter: Vec<String> = types[&format!("{name}FilterInput")].iter().cloned().collect();
        for key in filter.iter().filter(|key| !["and", "or", "not"].contains(&key.as_str())) {
            let query =
                format!("mutation {{ delete{}(filter: {{{key}: {{}}, id: {{in: []}}}}) {{ id }} }}", plural(name));
            let answer = api.graphql("/graphql", &query, json!({})).await;
            let refused = answer["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(!refused.contains("is not defined"), "{name}.{key} {answer}");
        }
    }
    // The other way round: a field that is described in no input is refused.
    let query = "mutation { createCompany(data: {employees: 1}) { id } }";
    assert!(!types["CompanyCreateInput"].contains("employees"));
    assert!(api.graphql("/graphql", query, json!({})).await["errors"].is_array());
}

fn plural(name: &str) -> String {
    let plural = OBJECTS.iter().find(|(known, _)| *known == name).unwrap().1;
    plural[..1].to_uppercase() + &plural[1..]
}

#[tokio::test]
async fn root_operations_are_the_described_ones() {
    let Some(text) = description("twenty-core.graphql") else { return };
    let (types, (_simulator, api)) = (types(&text), start().await);
    for (root, kind) in [("Query", "query"), ("Mutation", "mutation")] {
        for operation in &types[root] {
            let answer = api
                .send("POST", "/graphql", Some(json!({"query": format!("{kind} {{ {operation} {{ id }} }}")})))
                .await
                .unwrap();
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            let unknown = body["errors"][0]["message"]
                .as_str()
                .is_some_and(|message| message.contains(&format!("field \"{operation}\" on")));
            let later =
                ["GroupBy", "Duplicates"].iter().any(|end| operation.ends_with(end)) || operation.starts_with("merge");
            assert_eq!((status, unknown), (if later { 501 } else { 200 }, false), "{operation} {body}");
        }
    }
}

#[tokio::test]
async fn metadata_types_have_the_described_fields() {
    let Some(text) = description("twenty-metadata.graphql") else { return };
    let (types, (_simulator, api)) = (types(&text), start().await);
    let left_out = ["indexMetadataList", "searchFieldMetadataList", "indexMetadatas"];
    for (name, query) in [("Object", "objects"), ("Field", "fields")] {
        for field in types[name].iter().filter(|field| !left_out.contains(&field.as_str())) {
            let mut refused = 0;
            for selection in [field.clone(), format!("{field} {{ __typename }}")] {
                let query = format!("{{ {query} {{ edges {{ node {{ {selection} }} }} }} }}");
                let answer = api.graphql("/metadata", &query, json!({})).await;
                refused += usize::from(answer.get("errors").is_some());
            }
            assert_eq!(refused, 1, "{name}.{field}");
        }
    }
}

/// The properties of a schema of an OpenAPI document.
fn properties(document: &Value, schema: &str) -> BTreeMap<String, Value> {
    let properties = &document["components"]["schemas"][schema]["properties"];
    serde_json::from_value(properties.clone()).expect("properties")
}

fn fits(value: &Value, schema: &Value) -> bool {
    // Nulls are declared nowhere in that document, and answered everywhere.
    match schema["type"].as_str() {
        _ if value.is_null() => true,
        Some("string") => value.is_string(),
        Some("number" | "integer") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.as_object().is_some_and(|map| {
            map.iter().all(|(key, value)| match &schema["properties"][key] {
                Value::Null => true,
                schema => fits(value, schema),
            })
        }),
        _ => true,
    }
}

async fn filled(api: &Api) -> BTreeMap<&'static str, Value> {
    let company = json!({"name": "A", "domainName": {"primaryLinkUrl": "https://a.example"}, "address": {"addressCity": "Lund", "addressLat": 1.5},
        "annualRevenue": {"amountMicros": 1, "currencyCode": "EUR"}});
    let company = api.post("/rest/companies", company).await;
    let person = json!({"companyId": company["id"], "emails": {"primaryEmail": "a@b.example"}, "phones": {"primaryPhoneNumber": "+33612345678"}});
    let person = api.post("/rest/people", person).await;
    let note = api.post("/rest/notes", json!({"title": "N", "bodyV2": {"markdown": "x"}})).await;
    let task = api.post("/rest/tasks", json!({"dueAt": "2025-01-01"})).await;
    let targets = |kind: &str, of: &Value| json!({format!("{kind}Id"): of["id"], "targetPersonId": id(&person)});
    let note_target = api.post("/rest/noteTargets", targets("note", &note)).await;
    let task_target = api.post("/rest/taskTargets", targets("task", &task)).await;
    let opportunity = api.post("/rest/opportunities", json!({"pointOfContactId": id(&person)})).await;
    let attachment = api.post("/rest/attachments", json!({"name": "a"})).await;
    let member = api.get("/rest/workspaceMembers?limit=1").await["data"]["workspaceMembers"][0].clone();
    BTreeMap::from([
        ("Company", company),
        ("Person", person),
        ("Note", note),
        ("Task", task),
        ("NoteTarget", note_target),
        ("TaskTarget", task_target),
        ("Opportunity", opportunity),
        ("Attachment", attachment),
        ("WorkspaceMember", member),
    ])
}

#[tokio::test]
async fn records_over_rest_have_the_described_shape() {
    let Some(text) = description("twenty-core-rest.openapi.json") else { return };
    let document: Value = serde_json::from_str(&text).unwrap();
    let (_simulator, api) = start().await;
    for (name, record) in filled(&api).await {
        let described = properties(&document, &format!("{name}ForResponse"));
        for (key, value) in record.as_object().unwrap() {
            // Not in the document, but in every answer.
            if key == "searchVector" {
                continue;
            }
            let schema = described.get(key).unwrap_or_else(|| panic!("{name}.{key} is not described"));
            assert!(fits(value, schema), "{name}.{key} {value} {schema}");
        }
        let relation = |schema: &Value| {
            schema.get("oneOf").is_some()
                || schema["items"]["$ref"].is_string()
                || schema["items"].get("x-pruned").is_some()
        };
        for (key, schema) in &described {
            let known = record.get(key).is_some() || relation(schema) || LEFT_OUT.contains(&key.as_str());
            assert!(known, "{name}.{key} is missing: {schema}");
        }
    }
}

#[tokio::test]
async fn described_metadata_is_answered() {
    let Some(text) = description("twenty-metadata-rest.openapi.json") else { return };
    let document: Value = serde_json::from_str(&text).unwrap();
    let (_simulator, api) = start().await;
    let object = api.object("company").await;
    // The document still has what the server dropped.
    let gone = ["dataSourceId", "isCustom", "imageIdentifierFieldMetadataId", "description", "icon"];
    for (key, schema) in properties(&document, "ObjectForResponse") {
        let value = object.get(&key);
        assert!(gone.contains(&key.as_str()) || value.is_some_and(|value| fits(value, &schema)), "{key} {schema}");
    }
    let stage = api.object("opportunity").await["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "stage")
        .unwrap()
        .clone();
    for (key, schema) in properties(&document, "FieldForResponse") {
        let optional = ["description", "icon", "settings", "isCustom"].contains(&key.as_str());
        assert!(optional || stage.get(&key).is_some_and(|value| fits(value, &schema)), "{key} {schema}");
    }
}
