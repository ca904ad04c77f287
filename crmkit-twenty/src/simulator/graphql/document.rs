//! A GraphQL request: its document, its variables and the files that came with it.

use std::collections::HashMap;
use std::convert::Infallible;

use async_graphql_parser::types::{
    ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType, SelectionSet,
};
use async_graphql_parser::{Positioned, parse_query};
use serde_json::{Map, Value, json};

use super::super::failure::Failure;
use super::super::files::{MULTIPART_MAX, Upload};
use super::super::routes::Place;
use super::super::service::Asked;
use super::Refusal;

/// A request as it came.
#[derive(Debug)]
pub(in super::super) struct Request {
    document: Result<ExecutableDocument, String>,
    variables: Map<String, Value>,
    name: Option<String>,
    files: HashMap<String, Upload>,
}

/// The operation that is to run, with its variables.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) kind: OperationType,
    pub(super) selection: &'a SelectionSet,
    pub(super) variables: Map<String, Value>,
    pub(super) files: &'a HashMap<String, Upload>,
    fragments: &'a ExecutableDocument,
}

/// The marker that stands for a file in the variables.
pub(super) const FILE: &str = "\u{0}file ";

impl Request {
    /// Reads a request; `None` for what is no GraphQL.
    pub(in super::super) async fn read(asked: &Asked, place: &Place<'_>) -> Result<Option<Self>, Failure> {
        if !place.is_graphql() {
            return Ok(None);
        }
        let (body, files) = if asked.content_type.starts_with("multipart/form-data") {
            read_form(asked).await?
        } else {
            (asked.json()?, HashMap::new())
        };
        let query = body["query"].as_str().unwrap_or_default();
        Ok(Some(Self {
            document: parse_query(query).map_err(|error| error.to_string()),
            variables: body["variables"].as_object().cloned().unwrap_or_default(),
            name: body["operationName"].as_str().map(str::to_owned),
            files,
        }))
    }

    /// The names of the fields at the root, for the list of what is not modelled.
    pub(in super::super) fn operations(&self) -> String {
        let Ok(operation) = self.operation() else { return String::new() };
        let nodes = operation.nodes(operation.selection, "").unwrap_or_default();
        nodes.iter().map(|node| node.name).collect::<Vec<_>>().join(" ")
    }

    /// The operation that is meant, if its variables fit.
    pub(super) fn operation(&self) -> Result<Operation<'_>, Refusal> {
        let refuse = |message: String| Refusal::Invalid(message, (1, 1));
        let document = self.document.as_ref().map_err(|error| refuse(format!("Syntax Error: {error}")))?;
        let mut operations = document.operations.iter();
        let operation = match &self.name {
            Some(wanted) => operations
                .find(|(name, _)| name.is_some_and(|name| name.as_str() == wanted))
                .ok_or_else(|| refuse(format!("Unknown operation named \"{wanted}\".")))?,
            None => match (operations.next(), operations.next()) {
                (Some(only), None) => only,
                _ => return Err(refuse("Must provide operation name if query contains multiple operations.".into())),
            },
        };
        let definition: &OperationDefinition = &operation.1.node;
        let mut variables = Map::new();
        for variable in &definition.variable_definitions {
            let (name, wanted) = (variable.node.name.node.as_str(), &variable.node.var_type.node);
            let default = variable.node.default_value.as_ref();
            let value = match self.variables.get(name) {
                Some(value) => value.clone(),
                None => match default.map(|default| default.node.clone().into_json()) {
                    Some(Ok(value)) => value,
                    _ => Value::Null,
                },
            };
            if value.is_null() && !wanted.nullable {
                let message = format!("Variable \"${name}\" of required type \"{wanted}\" was not provided.");
                return Err(refuse(message));
            }
            variables.insert(name.to_owned(), value);
        }
        Ok(Operation {
            kind: definition.ty,
            selection: &definition.selection_set.node,
            variables,
            files: &self.files,
            fragments: document,
        })
    }
}

impl<'a> Operation<'a> {
    pub(super) fn fragment(&self, name: &str) -> Option<&'a Positioned<FragmentDefinition>> {
        self.fragments.fragments.iter().find(|(known, _)| known.as_str() == name).map(|(_, fragment)| fragment)
    }

    /// A value of the document with its variables filled in.
    pub(super) fn value(&self, given: &Positioned<async_graphql_value::Value>) -> Result<Value, Refusal> {
        let place = (given.pos.line, given.pos.column);
        let filled = given.node.clone().into_const_with(|name| {
            let value = self.variables.get(name.as_str()).cloned();
            let value = value.ok_or_else(|| format!("Variable \"${name}\" is not defined."))?;
            serde_json::from_value(value).map_err(|error| error.to_string())
        });
        let filled = filled.map_err(|message| Refusal::Invalid(message, place))?;
        filled.into_json().map_err(|error| Refusal::Invalid(error.to_string(), place))
    }
}

/// The field and the operation name at the root of a document.
pub(super) fn first_root(query: &str) -> Option<(String, &'static str)> {
    let request = Request {
        document: parse_query(query).map_err(|error| error.to_string()),
        variables: Map::new(),
        name: None,
        files: HashMap::new(),
    };
    let document = request.document.as_ref().ok()?;
    let definition = &document.operations.iter().next()?.1.node;
    let root = if definition.ty == OperationType::Mutation { "Mutation" } else { "Query" };
    let operation = Operation {
        kind: definition.ty,
        selection: &definition.selection_set.node,
        variables: Map::new(),
        files: &request.files,
        fragments: document,
    };
    let nodes = operation.nodes(operation.selection, root).ok()?;
    Some((nodes.first()?.name.to_owned(), root))
}

/// The GraphQL multipart request specification.
async fn read_form(asked: &Asked) -> Result<(Value, HashMap<String, Upload>), Failure> {
    let wrong = |message: &str| Failure::framework(400, message);
    let boundary = multer::parse_boundary(&asked.content_type).map_err(|error| wrong(&error.to_string()))?;
    let body = asked.body.clone();
    let stream = futures::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut form = multer::Multipart::new(stream, boundary);
    let (mut operations, mut map) = (Value::Null, Value::Null);
    let mut files = HashMap::new();
    while let Some(part) = form.next_field().await.map_err(|error| wrong(&error.to_string()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let filename = part.file_name().unwrap_or_default().to_owned();
        let mime = part.content_type().map(ToString::to_string);
        let content = part.bytes().await.map_err(|error| wrong(&error.to_string()))?;
        match name.as_str() {
            "operations" => {
                operations = serde_json::from_slice(&content)
                    .map_err(|_| wrong("Invalid JSON in the 'operations' multipart field"))?
            }
            "map" => {
                map =
                    serde_json::from_slice(&content).map_err(|_| wrong("Invalid JSON in the 'map' multipart field"))?
            }
            _ => {
                if content.len() > MULTIPART_MAX {
                    return Err(Failure::framework(413, "File truncated as it exceeds the 10485760 byte size limit."));
                }
                let mime = mime.unwrap_or_else(|| "application/octet-stream".into());
                files.insert(name, Upload { name: filename, mime, content: content.to_vec() });
            }
        }
    }
    for (name, places) in map.as_object().into_iter().flatten() {
        for place in places.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let pointer = format!("/{}", place.replace('.', "/"));
            let target = operations.pointer_mut(&pointer).ok_or_else(|| wrong("Invalid object path in 'map'"))?;
            *target = json!(format!("{FILE}{name}"));
        }
    }
    Ok((operations, files))
}
