//! The in-house CRM: customers behind a JSON API. It knows nothing of the connector.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use crmkit_core::simulator::{Bytes, Handler, InFlight, Method, Reply, Request, Response, Server, ServerThread};
use serde_json::{Map, Value as Json, json};

/// What the API expects in `x-key`.
pub(crate) const KEY: &str = "in-house-secret";

/// Starts an empty CRM on a loopback port; dropping the server stops it.
pub(crate) fn start() -> io::Result<Server> {
    Server::start(0, ServerThread::Current, InFlight::default(), Arc::new(Crm::default()))
}

#[derive(Debug, Default)]
struct Crm(Mutex<BTreeMap<u64, Map<String, Json>>>);

const FIELDS: [&str; 5] = ["name", "email", "owner", "tier", "external_key"];
const USERS: [&str; 2] = ["ann@inhouse.example", "importer@inhouse.example"];

#[async_trait]
impl Handler for Crm {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        let (status, body) = match request.headers().get("x-key").is_some_and(|key| key == KEY) {
            true => self.answer(&request).unwrap_or_else(|refusal| refusal),
            false => (401, json!({ "error": "the key is wrong" })),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        Reply::Send(response.body(Bytes::from(body.to_string())).expect("a status and a header that exist"))
    }
}

type Answer = (u16, Json);

impl Crm {
    fn answer(&self, request: &Request<Bytes>) -> Result<Answer, Answer> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.uri().path().trim_start_matches("/api/");
        let query: BTreeMap<&str, &str> =
            request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let id = path.strip_prefix("customers/").and_then(|id| id.parse::<u64>().ok());
        match (request.method(), path, id) {
            (&Method::GET, "account", _) => {
                let user = |(id, email): (usize, &&str)| json!({ "id": id + 1, "email": email, "me": id == 1 });
                let users: Vec<Json> = USERS.iter().enumerate().map(user).collect();
                Ok((200, json!({ "account": "inhouse-1", "users": users })))
            }
            (&Method::GET, "customers", _) => {
                let ids: Option<Vec<u64>> =
                    query.get("ids").map(|ids| ids.split("%2C").filter_map(|id| id.parse().ok()).collect());
                let fits = |id: &u64, fields: &Map<String, Json>| {
                    ids.as_ref().is_none_or(|ids| ids.contains(id))
                        && number("after").is_none_or(|after| *id > after)
                        && query.get("external_key").is_none_or(|key| fields.get("external_key") == Some(&json!(key)))
                };
                let limit = number("limit").and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX);
                let found = store.iter().filter(|(id, fields)| fits(id, fields)).take(limit);
                Ok((200, found.map(|(id, fields)| customer(*id, fields)).collect()))
            }
            (&Method::POST, "customers", _) => {
                let fields = valid(request.body())?;
                if fields.get("name").is_none_or(Json::is_null) {
                    return Err((422, json!({ "error": "a customer needs a name" })));
                }
                let id = store.last_key_value().map_or(1, |(last, _)| last + 1);
                let answer = customer(id, &fields);
                store.insert(id, fields);
                Ok((201, answer))
            }
            (&Method::PATCH, _, Some(id)) => {
                let changes = valid(request.body())?;
                let fields = store.get_mut(&id).ok_or((404, json!({ "error": "no such customer" })))?;
                fields.extend(changes);
                fields.retain(|_, value| !value.is_null());
                Ok((200, customer(id, fields)))
            }
            (&Method::DELETE, _, Some(id)) => match store.remove(&id) {
                Some(_) => Ok((200, json!({}))),
                None => Err((404, json!({ "error": "no such customer" }))),
            },
            _ => Err((404, json!({ "error": "no such route" }))),
        }
    }
}

fn valid(body: &[u8]) -> Result<Map<String, Json>, Answer> {
    let fields: Map<String, Json> =
        serde_json::from_slice(body).map_err(|_| (400, json!({ "error": "the body is no object" })))?;
    let owner = |value: &Json| value.as_str().is_some_and(|id| id == "1" || id == "2");
    match fields.iter().find(|(name, value)| !FIELDS.contains(&name.as_str()) || (*name == "owner" && !owner(value))) {
        Some((name, _)) => Err((422, json!({ "error": format!("{name} is not valid") }))),
        None => Ok(fields),
    }
}

fn customer(id: u64, fields: &Map<String, Json>) -> Json {
    json!({ "id": id, "fields": fields })
}
