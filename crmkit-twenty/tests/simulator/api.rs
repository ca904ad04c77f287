//! How the tests talk to the simulator: plain HTTP, and a clock that stands still.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::Clock;
use crmkit_twenty::simulator::{Switches, TwentySimulator, Version};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// Stands still until moved.
#[derive(Debug)]
pub(crate) struct FrozenClock(Mutex<DateTime<Utc>>);

impl FrozenClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait::async_trait]
impl Clock for FrozenClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap();
        *now = when.max(*now);
    }
}

pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn of(simulator: &TwentySimulator) -> Self {
        Self { client: Client::new(), url: simulator.url(), token: simulator.token().into() }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), token: token.into() }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.send(method, path, body).await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// A call that must succeed with this status.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Value {
        let (given, answer) = self.call(method, path, body).await;
        assert_eq!(given, status, "{method} {path} {answer}");
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.done("GET", path, None, 200).await
    }

    /// The only entry of `data`.
    pub(crate) async fn data(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.done(method, path, Some(body), status).await;
        let data = answer["data"].as_object().unwrap_or_else(|| panic!("{method} {path} {answer}"));
        assert_eq!(data.len(), 1, "{data:?}");
        data.values().next().unwrap().clone()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.data("POST", path, body, 201).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.data("PATCH", path, body, 200).await
    }

    /// A call that core REST must refuse with this message.
    pub(crate) async fn refused(&self, method: &str, path: &str, body: Value, status: u16, message: &str) -> Value {
        let (given, answer) = self.call(method, path, Some(body)).await;
        let said = answer["messages"][0].as_str().unwrap_or_default();
        assert!(given == status && said == message, "{method} {path} {given} {answer}");
        assert_eq!(answer["statusCode"], status);
        answer
    }

    pub(crate) async fn graphql(&self, path: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        self.done("POST", path, Some(body), 200).await
    }

    /// A GraphQL call that must succeed; its `data`.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> Value {
        let answer = self.graphql("/graphql", query, variables).await;
        assert!(answer.get("errors").is_none(), "{query} {answer}");
        answer["data"].clone()
    }

    pub(crate) async fn metadata(&self, query: &str, variables: Value) -> Value {
        let answer = self.graphql("/metadata", query, variables).await;
        assert!(answer.get("errors").is_none(), "{query} {answer}");
        answer["data"].clone()
    }

    /// An object of the workspace, by its singular name.
    pub(crate) async fn object(&self, singular: &str) -> Value {
        let all = self.get("/rest/metadata/objects?limit=200").await;
        let objects = all["data"]["objects"].as_array().unwrap();
        objects.iter().find(|object| object["nameSingular"] == singular).expect("an object").clone()
    }

    /// The id of a field.
    pub(crate) async fn field_id(&self, object: &str, field: &str) -> String {
        let object = self.object(object).await;
        let field = object["fields"].as_array().unwrap().iter().find(|found| found["name"] == field).expect("a field");
        field["id"].as_str().unwrap().to_owned()
    }

    /// Creates a field on an object.
    pub(crate) async fn add_field(&self, object: &str, mut field: Value) -> Value {
        field["objectMetadataId"] = self.object(object).await["id"].clone();
        self.post("/rest/metadata/fields", field).await
    }
}

/// A simulator without limits.
pub(crate) async fn start() -> (TwentySimulator, Api) {
    let simulator = TwentySimulator::builder().limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api)
}

pub(crate) async fn start_release(version: Version) -> (TwentySimulator, Api) {
    let simulator = TwentySimulator::builder().version(version).limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api)
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Switches)) -> (TwentySimulator, Api) {
    let mut switches = Switches::default();
    change(&mut switches);
    let simulator = TwentySimulator::builder().switches(switches).limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api)
}

pub(crate) fn id(record: &Value) -> String {
    record["id"].as_str().expect("an id").to_owned()
}

/// The values of one key of a list.
pub(crate) fn all(list: &Value, key: &str) -> Vec<Value> {
    list.as_array().expect("a list").iter().map(|item| item[key].clone()).collect()
}
