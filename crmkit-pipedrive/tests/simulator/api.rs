//! How the tests talk to the simulator: plain HTTP, and a clock that stands still.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::Clock;
use crmkit_pipedrive::simulator::PipedriveSimulator;
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
    pub(crate) fn of(simulator: &PipedriveSimulator) -> Self {
        Self { client: Client::new(), url: simulator.url(), token: simulator.token().into() }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("x-api-token", &self.token);
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

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path} {body}");
        body
    }

    pub(crate) async fn write(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, Some(body)).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{method} {path} {answer}");
        answer["data"].clone()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.write("POST", path, body).await
    }

    pub(crate) async fn refused(&self, method: &str, path: &str, body: Value, status: u16, text: &str) -> Value {
        let (given, answer) = self.call(method, path, Some(body)).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(given == status && error.contains(text), "{method} {path} {given} {answer}");
        assert_eq!(answer["success"], false);
        answer
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.call("DELETE", path, None).await
    }
}

pub(crate) async fn start() -> (PipedriveSimulator, Api) {
    let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    (simulator, api)
}

pub(crate) fn ids(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
