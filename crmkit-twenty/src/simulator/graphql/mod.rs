//! GraphQL: documents are checked against the workspace's own schema as a whole before anything of them runs.

mod check;
mod core;
mod document;
mod input;
mod kind;
mod metadata;
mod metadata_view;
mod selection;

use async_graphql_parser::types::OperationType;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::routes::Place;
use super::service::Asked;

pub(super) use document::Request;

use document::Operation;
use kind::Kind;
use selection::Node;

/// The most fields at the root.
const ROOTS_MAX: usize = 20;
/// The most fields of a document.
const FIELDS_MAX: usize = 2000;

/// Why a document does not run.
#[derive(Debug)]
enum Refusal {
    /// It does not fit the schema: message, line and column.
    Invalid(String, (usize, usize)),
    /// The simulator does not know this.
    NotModelled(String),
}

impl Refusal {
    fn answer(&self) -> Answer {
        match self {
            Self::Invalid(message, (line, column)) => {
                let error = json!({ "message": message, "locations": [{ "line": line, "column": column }] });
                Answer::json(200, json!({ "errors": [error] }))
            }
            Self::NotModelled(what) => Answer::not_modelled(what),
        }
    }
}

/// What somebody without a token gets to see: a schema without objects.
pub(super) fn unauthenticated(asked: &Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let query = body["query"].as_str().unwrap_or_default();
    let first = document::first_root(query);
    let (name, root) = first.unwrap_or_else(|| ("".into(), "Query"));
    let message = format!("Cannot query field \"{name}\" on type \"{root}\".");
    Answer::json(200, json!({ "errors": [{ "message": message }] }))
}

/// Runs a document.
pub(super) fn answer(call: &mut Call<'_>, place: &Place<'_>, request: &Request) -> Result<Answer, Failure> {
    let operation = match request.operation() {
        Ok(operation) => operation,
        Err(refusal) => return Ok(refusal.answer()),
    };
    Ok(run(call, place, &operation).unwrap_or_else(|refusal| refusal.answer()))
}

fn run(call: &mut Call<'_>, place: &Place<'_>, operation: &Operation<'_>) -> Result<Answer, Refusal> {
    let mutation = match operation.kind {
        OperationType::Query => false,
        OperationType::Mutation => true,
        OperationType::Subscription => return Err(Refusal::NotModelled("subscription".into())),
    };
    let roots = operation.nodes(operation.selection, if mutation { "Mutation" } else { "Query" })?;
    if roots.len() > ROOTS_MAX {
        let message = format!("Too many root resolvers. Maximum allowed is {ROOTS_MAX}");
        return Err(Refusal::Invalid(message, (1, 1)));
    }
    let metadata = *place == Place::MetadataGraphql;
    let mut count = 0;
    for root in &roots {
        if root.name == "__typename" {
            continue;
        }
        let kind = if metadata {
            metadata::signature(call, operation, root, mutation)?
        } else {
            core::signature(call, operation, root, mutation)?
        };
        check::selection(call, operation, root, &kind, &mut count)?;
    }
    if count > FIELDS_MAX {
        return Err(Refusal::Invalid(format!("Too many fields. Maximum allowed is {FIELDS_MAX}"), (1, 1)));
    }
    let (mut data, mut errors) = (Map::new(), Vec::new());
    for (place, root) in roots.iter().enumerate() {
        if root.name == "__typename" {
            data.insert(root.key.clone(), if mutation { "Mutation" } else { "Query" }.into());
            continue;
        }
        let done = call.atomically(|call| {
            // The first is counted with the request.
            if place > 0 {
                call.admit()?;
            }
            if metadata { metadata::execute(call, operation, root) } else { core::execute(call, operation, root) }
        });
        let value = done.unwrap_or_else(|failure| {
            errors.push(failure.graphql());
            Value::Null
        });
        data.insert(root.key.clone(), value);
    }
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = Value::Array(errors);
    }
    Ok(Answer::json(200, body))
}

fn unknown(root: &Node<'_>, parent: &str) -> Refusal {
    Refusal::Invalid(format!("Cannot query field \"{}\" on type \"{parent}\".", root.name), root.place)
}
