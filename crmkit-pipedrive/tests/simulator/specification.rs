//! Every modelled route against the vendor's own OpenAPI documents, where they are at hand: it exists there at this price,
//! its answers have the described shape, and bodies that do not fit the description are refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crmkit_pipedrive::simulator::{PipedriveSimulator, Switches};
use serde_json::{Map, Value, json};

use crate::api::Api;

/// Where the documents are wrong, by their own prose or examples, or behind what live accounts answer: the beginning of a
/// place, and why it is passed over.
const KNOWN_ERRORS: &[(&str, &str)] = &[
    ("v1 GET /leadFields additional_data.pagination", "the schema is flat, its example and other lists nest it"),
    ("v1 GET /dealFields additional_data.pagination", "the schema is flat, its example and other lists nest it"),
    ("v1 GET /personFields additional_data.pagination", "the schema is flat, its example and other lists nest it"),
    (
        "v1 GET /organizationFields additional_data.pagination",
        "the schema is flat, its example and other lists nest it",
    ),
    ("v1 GET /deals/{id}/files additional_data.pagination", "the schema is flat, its example nests it"),
    ("v1 GET /persons/{id}/files additional_data.pagination", "the schema is flat, its example nests it"),
    ("v1 GET /organizations/{id}/files additional_data.pagination", "the schema is flat, its example nests it"),
    ("v1 GET /products/{id}/files additional_data.pagination", "the schema is flat, its example nests it"),
    ("v1 GET /deals/{id}/participants additional_data.pagination", "the schema is flat, its example nests it"),
    ("v2 GET /itemSearch/field data[].", "described as search results, but its example has id and name"),
    ("v1 POST /organizationRelationships related_objects.organization.", "keyed by id, described by an example's id"),
    ("v1 GET /organizationRelationships related_objects.organization.", "keyed by id, described by an example's id"),
    (
        "v1 GET /organizationRelationships/{id} related_objects.organization.",
        "keyed by id, described by an example's id",
    ),
    (
        "v1 PUT /organizationRelationships/{id} related_objects.organization.",
        "keyed by id, described by an example's id",
    ),
    ("v1 GET /persons/{id}/followers data[].person_id", "a copy of the description for deals"),
];

/// Keys that answers have although the documents do not list them: in which answers, the keys, and who has seen them.
const BEYOND: &[(&str, &[&str])] = &[
    ("activities", &["outcome"]),
    ("/deals", &["archive_time", "creator_user_id", "local_won_date", "local_lost_date", "local_close_date"]),
    ("rel_", &["active_flag"]),
    ("/notes", &["pinned_to_lead_flag"]),
    ("/files", &["project_id", "project_name"]),
    ("added_by_user_id", &["id", "name", "email", "has_pic", "pic_hash", "active_flag", "value"]),
    ("Fields", &["is_writable"]),
    (
        "v1 ",
        &[
            "file_type",
            "log_id",
            "user",
            "project",
            "task",
            "task_id",
            "pinned_to_task_flag",
            "calculated_type",
            "calculated_related_org_id",
            "related_organization_name",
            "related_item_type",
            "related_item_id",
            "added_by_user_id",
            "deprecated_operators",
            "operators",
            "relative_dates",
            "address_field_components",
        ],
    ),
    ("", &["additional_data", "related_objects"]),
];

struct Documents {
    v1: Value,
    v2: Value,
}

impl Documents {
    fn load() -> Option<&'static Self> {
        static LOADED: LazyLock<Option<Documents>> = LazyLock::new(Documents::read);
        LOADED.as_ref()
    }

    fn read() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
        let read = |name: &str| -> Option<Value> {
            let path = folder.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => Some(serde_yaml_ng::from_str(&text).unwrap()),
                Err(error) => {
                    println!("left out: the vendor's document is not at {}: {error}", path.display());
                    None
                }
            }
        };
        Some(Self { v1: read("pipedrive-v1.openapi.yaml")?, v2: read("pipedrive-v2.openapi.yaml")? })
    }

    /// The operation of a template like `/api/v2/deals/{id}`, the document it is in, and what it is called in reports.
    fn operation<'d>(&'d self, method: &str, template: &str) -> Option<(&'d Value, &'d Value, String)> {
        let (version, path) = template.strip_prefix("/api/")?.split_at(2);
        let document = if version == "v2" { &self.v2 } else { &self.v1 };
        let operation = document["paths"].get(path)?.get(method.to_lowercase())?;
        Some((operation, document, format!("{version} {method} {path}")))
    }
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolve(document, document.pointer(reference.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// The properties of an object and which of them are required, those of its parts among them.
fn members(document: &Value, schema: &Value) -> (Map<String, Value>, BTreeSet<String>) {
    let schema = resolve(document, schema);
    let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let mut required: BTreeSet<String> =
        schema["required"].as_array().into_iter().flatten().filter_map(|key| Some(key.as_str()?.to_owned())).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, needed) = members(document, part);
        for (key, value) in more {
            // Parts describe `data` one after the other: their members count together.
            match properties.get_mut(&key) {
                Some(known) => *known = json!({ "allOf": [known.clone(), value] }),
                None => drop(properties.insert(key, value)),
            }
        }
        required.extend(needed);
    }
    (properties, required)
}

fn kind(document: &Value, schema: &Value) -> Option<String> {
    let schema = resolve(document, schema);
    let own = schema["type"].as_str().map(str::to_owned);
    own.or_else(|| schema["allOf"].as_array()?.iter().find_map(|part| kind(document, part)))
}

/// What of `value` does not fit.
fn misfits(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = resolve(document, schema);
    // The documents are unreliable about null, by the word of those who read live answers.
    if value.is_null() {
        return;
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let fits = |choice: &Value| {
            let mut wrong = Vec::new();
            misfits(document, choice, value, place, &mut wrong);
            wrong.is_empty()
        };
        if !choices.iter().any(fits) {
            found.push(format!("{place} fits none of the choices: {value}"));
        }
        return;
    }
    let kind = kind(document, schema);
    let fits = match kind.as_deref() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        found.push(format!("{place} is {value}, not {}", kind.unwrap_or_default()));
        return;
    }
    if let (Some(allowed), Some(text)) = (schema["enum"].as_array(), value.as_str())
        && !allowed.iter().any(|one| one == text)
    {
        found.push(format!("{place} is {text}, none of {allowed:?}"));
    }
    let text = value.as_str().unwrap_or_default();
    let formed = match schema["format"].as_str() {
        Some("uuid") => text.len() == 36 && text.split('-').count() == 5,
        Some("date") => text.len() == 10 && text.split('-').count() == 3,
        // Formats of times contradict the examples beside them.
        _ => true,
    };
    if !formed {
        found.push(format!("{place} is {text}, not a {}", schema["format"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let place = if index == 0 { format!("{place}[]") } else { continue };
        misfits(document, &schema["items"], item, &place, found);
    }
    let (properties, required) = members(document, schema);
    let Value::Object(object) = value else { return };
    if properties.is_empty() {
        return;
    }
    for key in required.iter().filter(|key| !object.contains_key(*key)) {
        found.push(format!("{place}.{key} is missing"));
    }
    for (key, value) in object {
        let beyond = BEYOND.iter().any(|(at, keys)| place.contains(at) && keys.contains(&key.as_str()));
        let custom = key.len() >= 40 || place.ends_with("custom_fields");
        match properties.get(key) {
            Some(schema) => misfits(document, schema, value, &join(place, key), found),
            None if beyond || custom || schema["additionalProperties"].is_object() => {}
            None => found.push(format!("{} is not described", join(place, key))),
        }
    }
}

fn join(place: &str, key: &str) -> String {
    if place.ends_with(' ') { format!("{place}{key}") } else { format!("{place}.{key}") }
}

/// Calls routes and compares with the documents as it goes.
struct Checker<'d> {
    documents: &'d Documents,
    api: Api,
    covered: BTreeSet<(String, String)>,
    problems: Vec<String>,
    /// The known errors that were met.
    known: BTreeSet<&'static str>,
}

impl Checker<'_> {
    async fn call(&mut self, method: &str, template: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = self.api.call(method, path, body.clone()).await;
        self.check(method, template, status, &answer);
        if let Some(body) = body {
            self.check_refusals(method, template, path, body).await;
        }
        answer["data"].clone()
    }

    fn check(&mut self, method: &str, template: &str, status: u16, answer: &Value) {
        self.covered.insert((method.into(), template.into()));
        let Some((operation, document, name)) = self.documents.operation(method, template) else {
            self.problems.push(format!("{method} {template} is not in the documents"));
            return;
        };
        let response = &operation["responses"][status.to_string()];
        if response.is_null() || status >= 300 {
            self.problems.push(format!("{name} answered {status}: {answer}"));
            return;
        }
        let schema = &resolve(document, response)["content"]["application/json"]["schema"];
        let mut found = Vec::new();
        misfits(document, schema, answer, &format!("{name} "), &mut found);
        for problem in found {
            match KNOWN_ERRORS.iter().find(|(place, _)| problem.starts_with(place)) {
                Some((place, _)) => drop(self.known.insert(place)),
                None => self.problems.push(problem),
            }
        }
    }

    /// In v2, each required key must be there and each key have its type.
    async fn check_refusals(&mut self, method: &str, template: &str, path: &str, body: Value) {
        let Some((operation, document, name)) = self.documents.operation(method, template) else { return };
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let (properties, required) = members(document, schema);
        if !template.starts_with("/api/v2/") || !body.is_object() || properties.is_empty() {
            return;
        }
        let mut wrong = Vec::new();
        for key in &required {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(key);
            wrong.push((format!("without {key}"), body));
        }
        for (key, schema) in &properties {
            let misfit = match kind(document, schema).as_deref() {
                Some("string") => json!(7),
                Some("integer" | "number" | "boolean" | "array") => json!("seven"),
                _ => continue,
            };
            let mut body = body.clone();
            body[key] = misfit;
            wrong.push((format!("with a wrong {key}"), body));
        }
        for (what, body) in wrong {
            let (status, answer) = self.api.call(method, path, Some(body)).await;
            if status != 400 {
                self.problems.push(format!("{name} {what} answered {status}: {answer}"));
            }
        }
    }

    async fn get(&mut self, template: &str, path: &str) -> Value {
        self.call("GET", template, path, Value::Null).await
    }

    async fn post(&mut self, template: &str, path: &str, body: Value) -> Value {
        self.call("POST", template, path, body).await
    }

    /// Creates, lists, reads, changes and deletes; the last thing created stays.
    async fn crud(&mut self, list: &str, change: &str, body: Value, patch: Value) {
        let one = format!("{list}/{{id}}");
        self.post(list, list, body.clone()).await;
        let made = self.api.call("POST", list, Some(body)).await.1["data"]["id"].clone();
        let path = format!("{list}/{}", made.as_str().map_or_else(|| made.to_string(), str::to_owned));
        self.get(list, list).await;
        if self.documents.operation("GET", &one).is_some() {
            self.get(&one, &path).await;
        }
        self.call(change, &one, &path, patch).await;
        self.call("DELETE", &one, &path, Value::Null).await;
    }
}

async fn upload(api: &Api, links: &str) -> (u16, Value) {
    let body = format!(
        "{links}--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--x--\r\n"
    );
    let request = api.client.post(format!("{}/api/v1/files", api.url)).header("x-api-token", &api.token);
    let answer = request.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn routes_are_those_of_the_documents() {
    let Some(documents) = Documents::load() else { return };
    let simulator = PipedriveSimulator::start().await.unwrap();
    let routes = Api::of(&simulator).call("GET", "/_simulator/routes", None).await.1;
    for route in routes["routes"].as_array().unwrap() {
        let (method, path) = (route["method"].as_str().unwrap(), route["path"].as_str().unwrap());
        let (operation, _, name) = documents.operation(method, path).unwrap_or_else(|| panic!("{method} {path}"));
        assert_eq!(route["cost"], operation["x-token-cost"], "{name}");
    }
}

#[tokio::test]
async fn answers_and_refusals_fit_the_documents() {
    let Some(documents) = Documents::load() else { return };
    let mut switches = Switches::default();
    (switches.contact_sync, switches.campaigns, switches.firmographics) = (true, true, true);
    (switches.products_value_deals, switches.stage_with_deals_deletable) = (false, true);
    let simulator = PipedriveSimulator::builder().limits(false).switches(switches).start().await.unwrap();
    let api = Api::of(&simulator);
    let mut c = Checker { documents, api, covered: BTreeSet::new(), problems: Vec::new(), known: BTreeSet::new() };
    schema(&mut c).await;
    records(&mut c).await;
    attached(&mut c).await;
    found(&mut c).await;
    merged(&mut c).await;
    let routes = c.api.call("GET", "/_simulator/routes", None).await.1;
    for route in routes["routes"].as_array().unwrap().iter().filter(|route| route["modelled"] == true) {
        let (method, path) = (route["method"].as_str().unwrap(), route["path"].as_str().unwrap());
        if !c.covered.contains(&(method.to_owned(), path.to_owned())) {
            c.problems.push(format!("{method} {path} is modelled but not compared"));
        }
    }
    let unmet = KNOWN_ERRORS.iter().filter(|(place, _)| !c.known.contains(place));
    c.problems.extend(unmet.map(|(place, _)| format!("{place} is not wrong any more")));
    assert!(c.problems.is_empty(), "{}\n{}", c.problems.len(), c.problems.join("\n"));
}

/// Users, pipelines, fields, types, labels.
async fn schema(c: &mut Checker<'_>) {
    for path in ["/api/v1/users", "/api/v1/users/me", "/api/v1/currencies", "/api/v1/leadSources"] {
        c.get(path, path).await;
    }
    c.get("/api/v1/users/{id}", "/api/v1/users/2").await;
    c.get("/api/v1/users/find", "/api/v1/users/find?term=anna").await;
    c.call("PUT", "/api/v1/users/{id}", "/api/v1/users/9", json!({"active_flag": true})).await;
    c.crud("/api/v2/pipelines", "PATCH", json!({"name": "P"}), json!({"name": "Q"})).await;
    let stage = json!({"name": "S", "pipeline_id": 1, "deal_probability": 50});
    c.crud("/api/v2/stages", "PATCH", stage, json!({"name": "T"})).await;
    for kind in ["deal", "person", "organization", "product"] {
        let list = format!("/api/v2/{kind}Fields");
        let body = json!({"field_name": "F", "field_type": "set", "options": [{"label": "A"}]});
        let field = c.post(&list, &list, body).await;
        let (code, one) = (field["field_code"].as_str().unwrap(), format!("{list}/{{field_code}}"));
        let path = format!("{list}/{code}");
        c.get(&list, &format!("{list}?limit=500")).await;
        c.get(&one, &path).await;
        c.call("PATCH", &one, &path, json!({"field_name": "G"})).await;
        let (options, options_path) = (format!("{one}/options"), format!("{path}/options"));
        let option = c.post(&options, &options_path, json!([{"label": "B"}])).await[0]["id"].clone();
        c.call("PATCH", &options, &options_path, json!([{"id": option, "label": "C"}])).await;
        c.call("DELETE", &options, &options_path, json!([{"id": option}])).await;
        c.call("DELETE", &one, &path, Value::Null).await;
        if kind != "product" {
            let list = format!("/api/v1/{kind}Fields");
            c.get(&list, &list).await;
            c.get(&format!("{list}/{{id}}"), &format!("{list}/1")).await;
        }
    }
    c.get("/api/v1/leadFields", "/api/v1/leadFields").await;
    c.get("/api/v2/activityFields", "/api/v2/activityFields?limit=500").await;
    c.get("/api/v2/activityFields/{field_code}", "/api/v2/activityFields/priority").await;
    for kind in ["deal", "person", "organization"] {
        let body = json!({"field_name": "H", "field_type": "varchar"});
        c.api.post(&format!("/api/v2/{kind}Fields"), body).await;
        let fields = c.api.get(&format!("/api/v1/{kind}Fields?limit=500")).await;
        let last = fields["data"].as_array().unwrap().last().unwrap()["id"].clone();
        let list = format!("/api/v1/{kind}Fields");
        c.call("PUT", &format!("{list}/{{id}}"), &format!("{list}/{last}"), json!({"name": "I"})).await;
    }
    let kind = json!({"name": "Video call", "icon_key": "camera", "color": "aeb31b"});
    c.crud("/api/v1/activityTypes", "PUT", kind, json!({"name": "Webinar"})).await;
    c.crud("/api/v1/leadLabels", "PATCH", json!({"name": "VIP", "color": "pink"}), json!({"name": "Top"})).await;
}

/// Organizations, persons, deals, leads, products, activities.
async fn records(c: &mut Checker<'_>) {
    let org = json!({"name": "Acme", "address": {"value": "Main St 1"}, "label_ids": [], "website": "x.example"});
    c.crud("/api/v2/organizations", "PATCH", org, json!({"name": "Acme AB"})).await;
    let person = json!({"name": "Jane Doe", "org_id": 1, "emails": [{"value": "j@x.example"}], "birthday": "1990-01-02",
        "phones": [{"value": "+46"}], "job_title": "CEO"});
    c.crud("/api/v2/persons", "PATCH", person, json!({"name": "Jane Roe"})).await;
    let deal = json!({"title": "Deal", "person_id": 1, "org_id": 1, "status": "won", "value": 5});
    c.crud("/api/v2/deals", "PATCH", deal, json!({"value": 7})).await;
    c.get("/api/v2/deals/archived", "/api/v2/deals/archived").await;
    let lead = json!({"title": "Lead", "person_id": 1, "value": {"amount": 5, "currency": "EUR"}});
    c.crud("/api/v1/leads", "PATCH", lead, json!({"title": "Leed"})).await;
    c.get("/api/v1/leads/archived", "/api/v1/leads/archived").await;
    let product = json!({"name": "Chair", "prices": [{"price": 5, "currency": "EUR"}]});
    c.crud("/api/v2/products", "PATCH", product, json!({"code": "C-1"})).await;
    let (list, one) = ("/api/v2/products/{id}/variations", "/api/v2/products/{id}/variations/{product_variation_id}");
    c.post(list, "/api/v2/products/1/variations", json!({"name": "Red"})).await;
    c.get(list, "/api/v2/products/1/variations").await;
    c.call("PATCH", one, "/api/v2/products/1/variations/1", json!({"name": "Blue"})).await;
    c.call("DELETE", one, "/api/v2/products/1/variations/1", Value::Null).await;
    let activity = json!({"subject": "Call", "type": "call", "deal_id": 1, "org_id": 1, "due_date": "2025-01-02",
        "due_time": "10:00", "duration": "00:30", "location": {"value": "Here"}, "participants": [{"person_id": 1}],
        "attendees": [{"email": "a@b.example"}], "note": "n"});
    c.crud("/api/v2/activities", "PATCH", activity, json!({"done": true})).await;
    let related = json!({"type": "related", "rel_owner_org_id": 1, "rel_linked_org_id": 4});
    for name in ["B", "C", "D"] {
        c.api.post("/api/v2/organizations", json!({"name": name})).await;
    }
    let list = "/api/v1/organizationRelationships";
    c.post(list, list, related).await;
    c.get(list, &format!("{list}?org_id=1")).await;
    let one = format!("{list}/{{id}}");
    c.get(&one, &format!("{list}/1")).await;
    c.call("PUT", &one, &format!("{list}/1"), json!({"type": "parent"})).await;
    c.call("DELETE", &one, &format!("{list}/1"), Value::Null).await;
}

/// Notes, files, participants, followers, filters, products of deals.
async fn attached(c: &mut Checker<'_>) {
    let note = json!({"content": "x", "deal_id": 1, "person_id": 1, "org_id": 1});
    c.crud("/api/v1/notes", "PUT", note, json!({"content": "y"})).await;
    let comments = "/api/v1/notes/{id}/comments";
    let (one, path) = (format!("{comments}/{{commentId}}"), "/api/v1/notes/1/comments");
    let made = c.post(comments, path, json!({"content": "c"})).await;
    let comment = format!("{path}/{}", made["uuid"].as_str().unwrap());
    c.get(comments, path).await;
    c.get(&one, &comment).await;
    c.call("PUT", &one, &comment, json!({"content": "d"})).await;
    c.call("DELETE", &one, &comment, Value::Null).await;
    let link = "--x\r\ncontent-disposition: form-data; name=\"deal_id\"\r\n\r\n1\r\n";
    let (status, answer) = upload(&c.api, link).await;
    c.check("POST", "/api/v1/files", status, &answer);
    c.get("/api/v1/files", "/api/v1/files").await;
    c.get("/api/v1/files/{id}", "/api/v1/files/1").await;
    c.call("PUT", "/api/v1/files/{id}", "/api/v1/files/1", json!({"name": "b.txt"})).await;
    let download = c.api.send("GET", "/api/v1/files/1/download", None).await.unwrap();
    assert_eq!(download.bytes().await.unwrap(), "hello");
    // Described as base64 in JSON, which it is not.
    c.covered.insert(("GET".into(), "/api/v1/files/{id}/download".into()));
    for kind in ["deals", "persons", "organizations", "products"] {
        c.get(&format!("/api/v1/{kind}/{{id}}/files"), &format!("/api/v1/{kind}/1/files")).await;
    }
    c.call("DELETE", "/api/v1/files/{id}", "/api/v1/files/1", Value::Null).await;
    let remote =
        json!({"file_type": "gdoc", "title": "T", "item_type": "deal", "item_id": 1, "remote_location": "googledrive"});
    c.post("/api/v1/files/remote", "/api/v1/files/remote", remote).await;
    let remote = json!({"item_type": "deal", "item_id": 1, "remote_id": "x", "remote_location": "googledrive"});
    c.post("/api/v1/files/remoteLink", "/api/v1/files/remoteLink", remote).await;

    let list = "/api/v1/deals/{id}/participants";
    c.api.post("/api/v2/persons", json!({"name": "Bo Ek"})).await;
    let person = c.api.get("/api/v2/persons?sort_direction=desc&limit=1").await["data"][0]["id"].clone();
    let made = c.post(list, "/api/v1/deals/1/participants", json!({"person_id": person})).await;
    c.get(list, "/api/v1/deals/1/participants").await;
    let (one, path) =
        (format!("{list}/{{deal_participant_id}}"), format!("/api/v1/deals/1/participants/{}", made["id"]));
    c.call("DELETE", &one, &path, Value::Null).await;
    for kind in ["deals", "persons", "organizations", "products"] {
        let (list, path) = (format!("/api/v2/{kind}/{{id}}/followers"), format!("/api/v2/{kind}/1/followers"));
        c.post(&list, &path, json!({"user_id": 4})).await;
        c.get(&list, &path).await;
        c.get(&format!("{list}/changelog"), &format!("{path}/changelog")).await;
        c.call("DELETE", &format!("{list}/{{follower_id}}"), &format!("{path}/4"), Value::Null).await;
        let (list, path) = (format!("/api/v1/{kind}/{{id}}/followers"), format!("/api/v1/{kind}/1/followers"));
        let made = c.post(&list, &path, json!({"user_id": 5})).await;
        c.get(&list, &path).await;
        c.call("DELETE", &format!("{list}/{{follower_id}}"), &format!("{path}/{}", made["id"]), Value::Null).await;
    }
    let condition = json!({"object": "deal", "field_id": "2", "operator": "=", "value": "x", "extra_value": null});
    let groups = json!([{"glue": "and", "conditions": [condition]}, {"glue": "or", "conditions": []}]);
    let conditions = json!({"glue": "and", "conditions": groups});
    let filter = json!({"name": "F", "type": "deals", "conditions": conditions});
    c.crud("/api/v1/filters", "PUT", filter, json!({"conditions": conditions})).await;
    c.call("DELETE", "/api/v1/filters", "/api/v1/filters?ids=1", Value::Null).await;
    c.get("/api/v1/filters/helpers", "/api/v1/filters/helpers").await;

    let (list, path) = ("/api/v2/deals/{id}/products", "/api/v2/deals/1/products");
    let one = "/api/v2/deals/{id}/products/{product_attachment_id}";
    let line = json!({"product_id": 1, "item_price": 10.5, "quantity": 2, "billing_start_date": "2025-01-02"});
    c.post(list, path, line.clone()).await;
    c.post(&format!("{list}/bulk"), &format!("{path}/bulk"), json!({"data": [line]})).await;
    c.get(list, path).await;
    c.get("/api/v2/deals/products", "/api/v2/deals/products?deal_ids=1").await;
    c.call("PATCH", one, &format!("{path}/1"), json!({"quantity": 3})).await;
    c.call("DELETE", one, &format!("{path}/1"), Value::Null).await;
    c.call("DELETE", list, path, Value::Null).await;
}

/// Searches.
async fn found(c: &mut Checker<'_>) {
    for kind in ["deals", "persons", "organizations", "leads", "products"] {
        let path = format!("/api/v2/{kind}/search");
        let term = ["Deal", "Jane", "Acme", "Lead", "Chair"]
            .into_iter()
            .zip(["deals", "persons", "organizations", "leads", "products"])
            .find(|(_, of)| *of == kind);
        let data = c.get(&path, &format!("{path}?term={}", term.unwrap().0)).await;
        assert!(!data["items"].as_array().unwrap().is_empty(), "{kind} are found");
    }
    c.get("/api/v1/leads/search", "/api/v1/leads/search?term=Lead").await;
    c.get("/api/v2/itemSearch", "/api/v2/itemSearch?term=Acme").await;
    let by_field = "/api/v2/itemSearch/field?term=Acme&entity_type=organization&field=name";
    c.get("/api/v2/itemSearch/field", by_field).await;
}

/// Merges and conversions.
async fn merged(c: &mut Checker<'_>) {
    for (kind, name) in [("deals", "title"), ("persons", "name"), ("organizations", "name")] {
        let list = format!("/api/v2/{kind}");
        let first = c.api.post(&list, json!({name: "x"})).await["id"].clone();
        let second = c.api.post(&list, json!({name: "y"})).await["id"].clone();
        let (template, path) = (format!("/api/v1/{kind}/{{id}}/merge"), format!("/api/v1/{kind}/{first}/merge"));
        c.call("PUT", &template, &path, json!({"merge_with_id": second})).await;
    }
    let lead = c.api.call("POST", "/api/v1/leads", Some(json!({"title": "x", "person_id": 1}))).await.1;
    let path = format!("/api/v2/leads/{}/convert", lead["data"]["id"].as_str().unwrap());
    let started = c.call("POST", "/api/v2/leads/{id}/convert/deal", &format!("{path}/deal"), Value::Null).await;
    let status = format!("{path}/status/{}", started["conversion_id"].as_str().unwrap());
    let done = c.get("/api/v2/leads/{id}/convert/status/{conversion_id}", &status).await;
    let path = format!("/api/v2/deals/{}/convert", done["deal_id"]);
    let started = c.call("POST", "/api/v2/deals/{id}/convert/lead", &format!("{path}/lead"), Value::Null).await;
    let status = format!("{path}/status/{}", started["conversion_id"].as_str().unwrap());
    c.get("/api/v2/deals/{id}/convert/status/{conversion_id}", &status).await;
}
