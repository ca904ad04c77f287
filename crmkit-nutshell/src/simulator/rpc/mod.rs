//! JSON-RPC 2.0: named or positional parameters, one answer per request, errors as the vendor words them.

mod find;
pub(super) mod input;
pub(super) mod methods;
pub(super) mod note;
mod search;
pub(super) mod view;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Failure, Row, rpc_envelope, rpc_error, rpc_status};
use super::call::Call;
use super::ordered;
use super::switches::Switches;
use methods::Method;

/// Parameters by name.
pub(super) type Args = Row;

/// One request in a body.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    params: Value,
    id: Value,
}

/// The requests of a body: one, or a batch of them.
#[derive(Clone, Debug)]
pub(super) enum Requests {
    One(Request),
    Batch(Vec<Request>),
    /// Not JSON, or no request.
    Malformed,
}

impl Requests {
    pub(super) fn read(body: &[u8]) -> Self {
        let one = |given: Value| {
            let Value::Object(mut given) = given else { return None };
            let Some(Value::String(method)) = given.remove("method") else { return None };
            let mut take = |key: &str| given.remove(key).unwrap_or(Value::Null);
            Some(Request { method, params: take("params"), id: take("id") })
        };
        match ordered::read(body) {
            Ok(Value::Array(several)) => {
                several.into_iter().map(one).collect::<Option<Vec<_>>>().map_or(Self::Malformed, Self::Batch)
            }
            Ok(given) => one(given).map_or(Self::Malformed, Self::One),
            Err(_) => Self::Malformed,
        }
    }

    fn all(&self) -> &[Request] {
        match self {
            Self::One(request) => std::slice::from_ref(request),
            Self::Batch(several) => several,
            Self::Malformed => &[],
        }
    }

    /// Whether whole records are found, of which the vendor admits fewer.
    pub(super) fn is_full_find(&self) -> bool {
        self.all().iter().any(|request| {
            let named = request.params["stubResponses"] == false;
            // As a positional parameter it is the last one.
            let last = request.params.as_array().and_then(|params| params.last()) == Some(&false.into());
            request.method.starts_with("find") && (named || last)
        })
    }

    /// The id that an error about the whole body carries.
    pub(super) fn id(&self) -> Value {
        self.all().first().map_or(Value::Null, |request| request.id.clone())
    }

    /// The methods that the vendor has and the simulator does not.
    pub(super) fn unmodelled(&self) -> impl Iterator<Item = &str> {
        let methods = self.all().iter().map(|request| request.method.as_str());
        methods.filter(|method| methods::find_method(method).is_some_and(|method| method.play.is_none()))
    }
}

/// Answers a body.
pub(super) fn answer(call: &mut Call<'_>, requests: &Requests) -> Answer {
    match requests {
        Requests::One(request) => {
            let (status, body) = answer_one(call, request);
            let mut answer = Answer::json(status, body);
            if status == 501 {
                answer.headers.push(("x-simulator", "not modelled".into()));
            }
            answer
        }
        Requests::Batch(several) if call.switches().rpc_batches => {
            Answer::json(200, several.iter().map(|request| answer_one(call, request).1).collect())
        }
        Requests::Batch(_) | Requests::Malformed => failed(-32600, "Invalid Request", &Value::Null, call.switches()),
    }
}

/// An answer that is an error.
pub(super) fn failed(code: i64, message: &str, id: &Value, switches: &Switches) -> Answer {
    Answer::json(rpc_status(code, switches), rpc_envelope(code, message, id))
}

fn answer_one(call: &mut Call<'_>, request: &Request) -> (u16, Value) {
    let done = run(call, request);
    match done {
        Ok(result) => {
            let mut body = json!({ "result": result, "id": request.id, "jsonrpc": "2.0" });
            if call.switches().error_null {
                body["error"] = Value::Null;
            }
            (200, body)
        }
        Err(failure) => {
            let (code, message) = rpc_error(&failure, call.switches());
            (rpc_status(code, call.switches()), rpc_envelope(code, &message, &request.id))
        }
    }
}

/// Plays one request; what fails leaves no trace.
fn run(call: &mut Call<'_>, request: &Request) -> Result<Value, Failure> {
    let method = methods::find_method(&request.method).ok_or(Failure::NoMethod)?;
    let play = method.play.ok_or_else(|| Failure::NotModelled(format!("{} is not modelled", method.name)))?;
    let args = arguments(method, &request.params)?;
    let mark = call.store.mark();
    let done = play(call, &args);
    if done.is_err() {
        call.store.revert(mark);
    }
    done
}

/// Parameters by name, whether they came so or in order.
fn arguments(method: &Method, params: &Value) -> Result<Args, Failure> {
    let names = || method.params.iter().map(|param| param.trim_end_matches('?'));
    let args: Args = match params {
        Value::Null => Map::new(),
        Value::Object(named) => named.clone(),
        Value::Array(ordered) if ordered.len() <= method.params.len() => {
            names().map(str::to_owned).zip(ordered.iter().cloned()).collect()
        }
        _ => return Err(Failure::BadParams("Invalid params".into())),
    };
    let stray = args.keys().find(|key| !names().any(|name| name == key.as_str()));
    let missing = method.params.iter().find(|param| !param.ends_with('?') && !args.contains_key(**param));
    match (stray, missing) {
        (None, None) => Ok(args),
        (Some(stray), _) => Err(Failure::BadParams(format!("Invalid params: {stray}"))),
        (None, Some(missing)) => Err(Failure::BadParams(format!("Invalid params: {missing} is missing"))),
    }
}

/// What `GET` on the endpoint says without credentials: the service description.
pub(super) fn description(base: &str) -> Value {
    let service = |method: &Method| {
        let params = method
            .params
            .iter()
            .map(|param| json!({ "name": param.trim_end_matches('?'), "optional": param.ends_with('?') }));
        (method.name.to_owned(), json!({ "parameters": params.collect::<Vec<_>>() }))
    };
    json!({
        "transport": "POST", "envelope": "JSON-RPC-2.0", "contentType": "application/json", "SMDVersion": "2.0",
        "target": format!("{base}/api/v1/json"), "services": methods::inventory().map(service).collect::<Map<_, _>>(),
    })
}

/// Every method and whether it is modelled, for who steers.
pub(super) fn methods() -> Value {
    let one = |method: &Method| json!({ "name": method.name, "modelled": method.play.is_some() });
    methods::inventory().map(one).collect()
}

/// The discovery call, which needs no credentials.
pub(super) fn discover(requests: &Requests, host: &str, switches: &Switches) -> Answer {
    let Requests::One(request) = requests else {
        return failed(-32600, "Invalid Request", &Value::Null, switches);
    };
    if request.method != "getApiForUsername" {
        return failed(-32601, "Method not found", &request.id, switches);
    }
    let username = request.params["username"].as_str().or_else(|| request.params[0].as_str());
    if username.is_none_or(str::is_empty) {
        return failed(switches.bad_params_code, "Invalid params: username is missing", &request.id, switches);
    }
    let result = json!({ "iphone": host, "api": host, "login": host });
    Answer::json(200, json!({ "result": result, "id": request.id, "jsonrpc": "2.0" }))
}
