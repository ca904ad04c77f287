//! The GraphQL documents that the connector sends, held to the vendor's schema where it is at hand.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_graphql_parser::types::{
    BaseType, ExecutableDocument, FieldDefinition, InputValueDefinition, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql_parser::{Positioned, parse_query, parse_schema};
use crmkit_core::{
    DestinationWriter, Fields, Operation, OperationKind, SystemClock, Value, WriteBatch,
    chrono::{TimeDelta, Utc},
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};
use futures::{StreamExt, stream};
use serde_json::Value as Json;

type Members = BTreeMap<String, (String, BTreeMap<String, String>)>;

/// Types by name: their fields, each with its type's name and its arguments' types.
struct Schema(BTreeMap<String, Members>);

fn named(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => named(inner),
    }
}

impl Schema {
    fn read(name: &str) -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec").join(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                println!("skipped: {name}: {error}");
                return None;
            }
        };
        let argument = |argument: &Positioned<InputValueDefinition>| {
            (argument.node.name.node.to_string(), argument.node.ty.node.to_string())
        };
        let field = |field: &Positioned<FieldDefinition>| {
            let arguments = field.node.arguments.iter().map(argument).collect();
            (field.node.name.node.to_string(), (named(&field.node.ty.node), arguments))
        };
        let input = |field: &Positioned<InputValueDefinition>| {
            (field.node.name.node.to_string(), (named(&field.node.ty.node), BTreeMap::new()))
        };
        let mut types = BTreeMap::new();
        for definition in parse_schema(&text).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields: Members = match &definition.node.kind {
                TypeKind::Object(object) => object.fields.iter().map(field).collect(),
                TypeKind::InputObject(object) => object.fields.iter().map(input).collect(),
                _ => Members::new(),
            };
            types.insert(definition.node.name.node.to_string(), fields);
        }
        Some(Self(types))
    }

    /// What in a document is not in the schema.
    fn faults(&self, document: &ExecutableDocument, variables: &Json) -> Vec<String> {
        let mut faults = Vec::new();
        for (_, operation) in document.operations.iter() {
            let declared: BTreeMap<String, String> = operation
                .node
                .variable_definitions
                .iter()
                .map(|variable| (variable.node.name.node.to_string(), variable.node.var_type.node.to_string()))
                .collect();
            for (name, ty) in &declared {
                self.value(ty.trim_end_matches('!'), &variables[name], name, &mut faults);
            }
            let root = format!("{}", operation.node.ty);
            let root = if root == "mutation" { "Mutation" } else { "Query" };
            self.selection(root, &operation.node.selection_set.node, &declared, &mut faults);
        }
        faults
    }

    fn selection(
        &self,
        parent: &str,
        set: &SelectionSet,
        declared: &BTreeMap<String, String>,
        faults: &mut Vec<String>,
    ) {
        for item in &set.items {
            let Selection::Field(field) = &item.node else { panic!("the connector sends plain fields") };
            let name = field.node.name.node.as_str();
            let Some((ty, arguments)) = self.0.get(parent).and_then(|fields| fields.get(name)) else {
                faults.push(format!("{parent}.{name} is not there"));
                continue;
            };
            for (argument, value) in &field.node.arguments {
                let argument = argument.node.as_str();
                let Some(wanted) = arguments.get(argument) else {
                    faults.push(format!("{parent}.{name}({argument}) is not there"));
                    continue;
                };
                if let async_graphql_value::Value::Variable(variable) = &value.node
                    && declared.get(variable.as_str()).map(|ty| ty.trim_end_matches('!'))
                        != Some(wanted.trim_end_matches('!'))
                {
                    faults.push(format!("{parent}.{name}({argument}) takes a {wanted}"));
                }
            }
            for required in arguments.iter().filter(|(_, ty)| ty.ends_with('!')).map(|(name, _)| name) {
                // One with a default of its own is printed with it.
                let given = field.node.arguments.iter().any(|(name, _)| name.node.as_str() == required);
                if !given && name != "objects" {
                    faults.push(format!("{parent}.{name} needs {required}"));
                }
            }
            let leaf = self.0.get(ty).is_none_or(BTreeMap::is_empty);
            if leaf != field.node.selection_set.node.items.is_empty() {
                faults.push(format!("{parent}.{name} is a {ty}"));
            }
            self.selection(ty, &field.node.selection_set.node, declared, faults);
        }
    }

    /// What a variable has that its input type has not.
    fn value(&self, ty: &str, value: &Json, at: &str, faults: &mut Vec<String>) {
        let (Some(fields), Json::Object(parts)) = (self.0.get(ty).filter(|fields| !fields.is_empty()), value) else {
            return;
        };
        for (name, part) in parts {
            match fields.get(name) {
                Some((ty, _)) => self.value(ty, part, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name} is not in {ty}")),
            }
        }
    }
}

fn id(n: usize) -> String {
    format!("20202020-0000-5000-8000-{n:012}")
}

fn fields(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

#[tokio::test]
async fn every_document_fits_the_vendors_schema() {
    let (Some(core), Some(metadata)) = (Schema::read("twenty-core.graphql"), Schema::read("twenty-metadata.graphql"))
    else {
        return;
    };
    let simulator = TwentySimulator::builder().limits(false).log(10_000, 1 << 22).start().await.unwrap();
    let mut config = TwentyConfig::at(simulator.url(), simulator.token());
    config.unlimited = true;
    let twenty = Twenty::builder(config, Arc::new(SystemClock)).build().unwrap();
    twenty.describe().await.unwrap();
    let send_before = Utc::now() + TimeDelta::seconds(60);
    let text = |text: &str| Value::text(text);
    let written = [
        (
            "company",
            fields(&[("name", text("A")), ("domainName", text("https://a.example")), ("annualRevenue", Value::Null)]),
        ),
        (
            "person",
            fields(&[("jobTitle", text("B")), ("emails", Value::Null), ("phones", Value::Null), ("name", Value::Null)]),
        ),
        ("opportunity", fields(&[("name", text("C")), ("amount", Value::Null), ("stage", Value::option("NEW"))])),
        ("task", fields(&[("title", text("D")), ("bodyV2", Value::Null), ("status", Value::option("DONE"))])),
        ("note", fields(&[("title", text("E")), ("createdAt", Value::Timestamp(Utc::now()))])),
        ("noteTarget", fields(&[("noteId", Value::Null)])),
        ("attachment", fields(&[("name", text("G"))])),
    ];
    for (object, fields) in &written {
        // The documents are judged, whatever becomes of them.
        let change = |n: usize| Operation {
            kind: OperationKind::Update { id: id(n).into(), version: None },
            fields: fields.clone(),
        };
        let batch = WriteBatch { object: (*object).into(), operations: vec![change(1), change(2)], send_before };
        twenty.write(&batch).await.unwrap();
    }
    let sink = twenty.file_sink().unwrap();
    for bytes in [5_usize, 10_500_000] {
        let file = fields(&[("name", text("x.txt")), ("size", Value::Int(bytes as i64)), ("id", text(&id(bytes)))]);
        let content = stream::iter([Ok(vec![7_u8; bytes].into())]).boxed();
        sink.store(&"attachment".into(), &file, content, send_before).await.unwrap();
    }
    let mut roots = Vec::new();
    for request in simulator.requests() {
        let schema = match request.path.as_str() {
            "/graphql" => &core,
            "/metadata" => &metadata,
            _ => continue,
        };
        let body = request.body.unwrap_or_default();
        // A form carries its document in the first part.
        let json = match body.starts_with("--") {
            true => body.lines().find(|line| line.starts_with('{')).unwrap(),
            false => body.as_str(),
        };
        let json: Json = serde_json::from_str(json).unwrap();
        let query = json["query"].as_str().unwrap();
        let faults = schema.faults(&parse_query(query).unwrap(), &json["variables"]);
        assert_eq!(faults, Vec::<String>::new(), "{query}");
        roots.push(query.to_owned());
    }
    for expected in [
        "updateCompany",
        "updatePerson",
        "updateOpportunity",
        "updateTask",
        "updateNote",
        "updateNoteTarget",
        "updateAttachment",
        "uploadFilesFieldFile",
        "createFileUpload",
        "completeFileUpload",
        "objects",
    ] {
        assert!(roots.iter().any(|query| query.contains(expected)), "{expected} was not sent");
    }
}
