//! Every answer of REST has the shape that the vendor's description gives it.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::api::{Api, switched};

/// What the description does not have: newer versions, live answers and the vendor's prose do.
const BEYOND: &[(&str, &[&str])] = &[
    ("accounts", &["links", "htmlUrl", "htmlUrlPath", "avatarUrl", "initials"]),
    ("contacts", &["links"]),
    ("leads", &["links", "description", "initials"]),
    ("notes", &["links"]),
    ("activities", &["links", "location"]),
    ("users", &["href", "lastName"]),
    ("competitors", &["href"]),
    ("competitorMaps", &["href"]),
    ("productMaps", &["href", "lead"]),
    ("accountTypes", &["href"]),
    ("activityTypes", &["href"]),
    ("emAudiences", &["href", "modifiedTime"]),
    ("stages", &["description"]),
    ("stagesets", &["status", "position"]),
    ("customFields", &["name", "value", "choices", "isMultiple"]),
];

/// Where the description says a text and the vendor's prose says otherwise.
const OTHERWISE: &[&str] = &["leads.dueTime"];

struct Description(Value);

impl Description {
    fn load() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec/nutshell-rest-v1.0.1.openapi.json");
        match fs::read_to_string(&path) {
            Ok(text) => Some(Self(serde_json::from_str(&text).unwrap())),
            Err(error) => {
                println!("left out: the vendor's description is not at {}: {error}", path.display());
                None
            }
        }
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    /// The properties of an object, those of its parts among them.
    fn properties(&self, schema: &Value) -> Map<String, Value> {
        let schema = self.resolve(schema);
        let mut all = schema["properties"].as_object().cloned().unwrap_or_default();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            all.extend(self.properties(part));
        }
        all
    }

    /// What of `value` does not fit.
    fn misfits(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let fits = match schema["type"].as_str() {
            _ if value.is_null() || OTHERWISE.contains(&place) => return,
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !fits {
            found.push(format!("{place} is {value}, not {}", schema["type"]));
            return;
        }
        if let Value::Array(items) = value {
            items.iter().for_each(|item| self.misfits(&schema["items"], item, place, found));
        }
        let properties = self.properties(schema);
        if let (Value::Object(object), false) = (value, properties.is_empty()) {
            let beyond = BEYOND.iter().find(|(kind, _)| *kind == place.rsplit('.').next().unwrap_or(place));
            let beyond = beyond.map_or(&[][..], |(_, keys)| *keys);
            for (key, value) in object {
                match properties.get(key) {
                    Some(schema) => self.misfits(schema, value, &format!("{place}.{key}"), found),
                    None if beyond.contains(&key.as_str()) => {}
                    None if place.contains("addresses") || place.ends_with("links") => {}
                    None => found.push(format!("{place}.{key} is not described")),
                }
            }
        }
    }
}

async fn filled() -> Api {
    let api = switched(|switches| {
        (switches.list_lag_ms, switches.field_create_body, switches.patch_is_empty) = (0, true, true);
    })
    .await;
    for kind in ["accounts", "contacts", "leads"] {
        let field = json!({"name": "Size", "type": "Enum", "choices": ["S"]});
        api.post(&format!("/{kind}/customfield"), field).await;
    }
    api.post("/tags", json!({"tags": [{"name": "t", "tagType": "3", "colorType": "1"}]})).await;
    let product = json!({"name": "W", "prices": [{"marketId": 1, "price": {"currency": "USD", "amount": 1.5}}]});
    api.new_one("Product", product).await;
    let account = json!({"name": "A", "tags": ["t"], "email": ["a@b.example"], "phone": ["734-555-9090"],
        "url": ["x.example"], "address": [{"city": "Ann Arbor"}], "customFields": {"Size": "S"}, "note": "n"});
    api.new_one("Account", account).await;
    api.new_one("Contact", json!({"name": "J S", "accounts": [{"id": 1, "relationship": "CEO"}]})).await;
    let lead = json!({"accounts": [{"id": 1}], "products": [{"id": 1, "price": {"currency": "USD", "amount": 2}}],
        "competitors": [{"id": 1}], "sources": [{"id": 1}], "dueTime": "2025-01-01T00:00:00Z"});
    let lead = api.new_one("Lead", lead).await;
    api.edit("Lead", &lead, json!({"outcomeId": 1000})).await;
    let activity = json!({"name": "a", "startTime": "2025-01-01T00:00:00Z", "status": 1, "leads": [{"id": 1000}]});
    api.new_one("Activity", activity).await;
    api
}

#[tokio::test]
async fn answers_fit_the_vendors_description() {
    let Some(description) = Description::load() else { return };
    let api = filled().await;
    let paths = [
        ("/accounts", "/accounts"),
        ("/accounts/{id}", "/accounts/1-accounts"),
        ("/accounts/{id}/customfields", "/accounts/1-accounts/customfields"),
        ("/accounts/customfields/attributes", "/accounts/customfields/attributes"),
        ("/contacts", "/contacts"),
        ("/contacts/{id}", "/contacts/1-contacts"),
        ("/contacts/{id}/customfields", "/contacts/1-contacts/customfields"),
        ("/contacts/customfields/attributes", "/contacts/customfields/attributes"),
        ("/leads", "/leads"),
        ("/leads/{id}/customfields", "/leads/1000-leads/customfields"),
        ("/leads/customfields/attributes", "/leads/customfields/attributes"),
        ("/leads/{id}/stages", "/leads/1000-leads/stages"),
        ("/activities", "/activities"),
        ("/activities/{id}", "/activities/1-activities"),
        ("/notes", "/notes"),
        ("/products", "/products"),
        ("/products/{id}", "/products/1-products"),
        ("/productmaps", "/productmaps"),
        ("/competitormaps", "/competitormaps"),
        ("/competitors", "/competitors"),
        ("/sources", "/sources"),
        ("/tags", "/tags"),
        ("/stages", "/stages"),
        ("/stagesets", "/stagesets"),
        ("/territories", "/territories"),
        ("/industries", "/industries"),
        ("/accounttypes", "/accounttypes"),
        ("/activitytypes", "/activitytypes"),
        ("/audiences", "/audiences"),
        ("/users", "/users"),
        ("/users/{id}", "/users/1-users"),
        ("/events", "/events"),
    ];
    let mut found = Vec::new();
    for (template, path) in paths {
        let responses = &description.0["paths"][template]["get"]["responses"];
        let content = responses["200"]["content"].as_object().unwrap_or_else(|| panic!("{template} is not described"));
        let schema = &content.values().next().unwrap()["schema"];
        let answer = api.get(path).await;
        // The items of an envelope are named by its key, those of a bare list by the path.
        match &answer {
            Value::Object(envelope) => {
                let properties = description.properties(schema);
                for (key, value) in envelope.iter().filter(|(key, _)| !matches!(key.as_str(), "meta" | "links")) {
                    assert!(value.as_array().is_some_and(|items| !items.is_empty()), "{path} has no {key}");
                    match properties.get(key) {
                        Some(schema) => description.misfits(schema, value, key, &mut found),
                        None => found.push(format!("{path}: {key} is not described")),
                    }
                }
            }
            other => {
                let kind = match template {
                    "/audiences" => "emAudiences",
                    "/accounttypes" => "accountTypes",
                    path if path.contains("customfields") => "customFields",
                    path => path.trim_start_matches('/'),
                };
                assert!(other.as_array().is_some_and(|items| !items.is_empty()), "{path} is empty");
                description.misfits(schema, other, kind, &mut found);
            }
        }
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn every_described_operation_is_known() {
    let Some(description) = Description::load() else { return };
    let api = filled().await;
    let routes: Value = api.request("GET", "/_simulator/routes").send().await.unwrap().json().await.unwrap();
    let known: Vec<String> = routes["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| {
            format!("{} {}", route["method"].as_str().unwrap(), route["path"].as_str().unwrap().to_lowercase())
        })
        .collect();
    for (path, item) in description.0["paths"].as_object().unwrap() {
        for method in
            item.as_object().unwrap().keys().filter(|key| ["get", "post", "patch", "delete"].contains(&key.as_str()))
        {
            let path = path.replace("{fieldId}", "{id}").to_lowercase();
            let call = format!("{} /rest{path}", method.to_uppercase());
            assert!(known.contains(&call), "{call}");
        }
    }
}
