//! How the tests talk to the simulator: plain HTTP, and a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use crmkit_core::testing::ManualClock;
use crmkit_nutshell::simulator::{NutshellSimulator, Switches};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A simulator, a clock that stands still, and the administrator's credentials.
pub(crate) struct Api {
    pub(crate) simulator: Arc<NutshellSimulator>,
    pub(crate) clock: ManualClock,
    pub(crate) client: Client,
    pub(crate) user: String,
    pub(crate) key: String,
}

/// Starts one with the switches changed.
pub(crate) async fn switched(change: impl FnOnce(&mut Switches)) -> Api {
    let clock = ManualClock::new();
    let mut switches = Switches::default();
    change(&mut switches);
    let builder = NutshellSimulator::builder().clock(Arc::new(clock.clone())).switches(switches);
    Api::of(builder.start().await.unwrap(), clock)
}

pub(crate) async fn start() -> Api {
    switched(|_| {}).await
}

impl Api {
    pub(crate) fn of(simulator: NutshellSimulator, clock: ManualClock) -> Self {
        let (user, key) = (simulator.username().to_owned(), simulator.key().to_owned());
        Self { simulator: Arc::new(simulator), clock, client: Client::new(), user, key }
    }

    /// The same simulator with other credentials.
    pub(crate) fn with(&self, user: &str, key: &str) -> Self {
        Self {
            simulator: self.simulator.clone(),
            clock: self.clock.clone(),
            client: self.client.clone(),
            user: user.into(),
            key: key.into(),
        }
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.simulator.url()));
        if self.key.is_empty() { request } else { request.basic_auth(&self.user, Some(&self.key)) }
    }

    pub(crate) async fn post_rpc(&self, body: Value) -> reqwest::Result<Response> {
        self.request("POST", "/api/v1/json").json(&body).send().await
    }

    pub(crate) async fn rpc_body(&self, body: Value) -> (u16, Value) {
        let answer = self.post_rpc(body).await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// The result of a call that succeeds.
    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": "1"});
        let (status, body) = self.rpc_body(call).await;
        assert!(status == 200 && body.get("result").is_some(), "{method} {params} {status} {body}");
        assert!(body.get("error").is_none_or(Value::is_null), "{body}");
        body["result"].clone()
    }

    /// A call that is refused with this code, which is its HTTP status, too.
    pub(crate) async fn refused(&self, method: &str, params: Value, code: i64, text: &str) {
        let (status, body) = self.rpc_body(json!({"method": method, "params": params, "id": 1})).await;
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(body["error"]["code"] == code && message.contains(text), "{method} {params} {status} {body}");
        assert_eq!(i64::from(status), if code > 0 { code } else { 400 }, "{body}");
        assert!(body.get("result").is_none(), "{body}");
    }

    /// Creates and returns the whole record.
    pub(crate) async fn new_one(&self, kind: &str, given: Value) -> Value {
        self.rpc(&format!("new{kind}"), json!({kind.to_lowercase(): given})).await
    }

    /// Edits under the revision that was read.
    pub(crate) async fn edit(&self, kind: &str, record: &Value, given: Value) -> Value {
        let key = kind.to_lowercase();
        let params = json!({format!("{key}Id"): record["id"], "rev": record["rev"], key: given});
        self.rpc(&format!("edit{kind}"), params).await
    }

    pub(crate) async fn get_one(&self, kind: &str, id: &Value) -> Value {
        self.rpc(&format!("get{kind}"), json!({format!("{}Id", kind.to_lowercase()): id})).await
    }

    pub(crate) async fn rest(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.request(method, &format!("/rest{path}"));
        if let Some(body) = body {
            request = request.body(body.to_string());
            let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
            request = request.header("content-type", kind);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.rest("GET", path, None).await;
        assert_eq!(status, 200, "{path} {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.rest("POST", path, Some(body)).await;
        assert!(matches!(status, 200 | 201), "{path} {status} {answer}");
        answer
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) {
        let (status, answer) = self.rest("PATCH", path, Some(operations)).await;
        assert_eq!((status, &answer), (204, &json!("")), "{path}");
    }
}

/// The values of a key in a list of objects.
pub(crate) fn all<'a>(list: &'a Value, key: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|item| &item[key]).collect()
}
