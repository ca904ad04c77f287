//! The columns: every request that the connector sends, taken from its own list, each with a call that sends it.

use crmkit_core::{
    DestinationWriter, Error, ErrorKind, ExistingItem, FieldType, ItemKind, OperationKind, PageRequest, Probe, Reader,
    RecordId, Remover, Result, Retry, SchemaItem, chrono::DateTime,
};

use futures::TryStreamExt;

use crate::account::{Bench, EMPTY_STAGE, NESTED, PIPELINE, STAGE, Seed, item, record, write};

/// The connector's list of what it sends: a line each, `NAME: Method "path" cost "operation";`.
const LIST: &str = include_str!("../../src/endpoint.rs");

/// One request that the connector sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With `{}` for ids.
    pub(crate) path: &'static str,
    pub(crate) cost: u64,
    /// `thing.verb`
    pub(crate) name: &'static str,
}

/// What a request does to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Reads,
    Creates,
    Changes,
}

/// All of them.
pub(crate) fn operations() -> Vec<Operation> {
    let operations: Vec<Operation> = LIST.lines().filter_map(parse).collect();
    let declared = LIST.lines().filter(|line| line.starts_with("    ") && line.contains("\"/api/v")).count();
    assert!(declared >= 75 && operations.len() == declared, "{} of {declared} lines are understood", operations.len());
    operations
}

fn parse(line: &'static str) -> Option<Operation> {
    let (_, line) = line.strip_prefix("    ")?.strip_suffix(';')?.split_once(": ")?;
    let [method, path, cost, name] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let path = path.trim_matches('"');
    path.starts_with("/api/").then(|| Operation {
        method: method.to_uppercase(),
        path,
        cost: cost.parse().expect("a price"),
        name: name.trim_matches('"'),
    })
}

impl Operation {
    pub(crate) fn class(&self) -> Class {
        match self.method.as_str() {
            "GET" => Class::Reads,
            "POST" => Class::Creates,
            _ => Class::Changes,
        }
    }

    pub(crate) fn verb(&self) -> &'static str {
        self.name.split_once('.').expect("thing.verb").1
    }

    /// Its bytes are sent once, and whoever has them asks again.
    pub(crate) fn streams(&self) -> bool {
        self.name == "file.create"
    }

    /// Whether a request of the log is one of these.
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        let same = |(pattern, given): (&str, &str)| pattern == given || pattern == "{}" && given != "me";
        method == self.method
            && path.matches('/').count() == self.path.matches('/').count()
            && self.path.split('/').zip(path.split('/')).all(same)
    }

    /// Makes the contract's call that sends this request. A connector that sends something new has to be told how here.
    pub(crate) async fn perform(&self, bench: &Bench) -> Result<()> {
        let (thing, verb) = self.name.split_once('.').expect("thing.verb");
        let (crm, before) = (&bench.crm, bench.send_before());
        let id = match thing {
            "lead" => Seed::get().await.lead.clone(),
            "deal_participant" => RecordId::from("1_1"),
            nested if NESTED.contains(&nested) => RecordId::from("1_2"),
            _ => RecordId::from("1"),
        };
        // Only so many people there are.
        let new = if thing == "deal_participant" { 1 } else { 3 };
        match (thing, verb) {
            ("user" | "pipeline" | "stage" | "activity_type" | "lead_label", "list" | "me") => {
                crm.describe().await.map(drop)
            }
            (field, "list") if field.ends_with("_field") => crm.describe().await.map(drop),
            // A scan would list them once for every organization.
            ("organization_relationship", "list") => {
                let probe = Probe { fields: record(thing, 2), sent_after: DateTime::UNIX_EPOCH };
                let found = crm.find(&thing.into(), &[probe]).await?;
                assert_eq!(found[0].len(), 1, "the one that is there");
                Ok(())
            }
            (nested, "list") if NESTED.contains(&nested) => {
                let probe = Probe { fields: record(nested, 2), sent_after: DateTime::UNIX_EPOCH };
                match crm.find(&nested.into(), &[probe]).await?[0].len() {
                    1 => Ok(()),
                    _ => Err(Error::new(ErrorKind::NotFound, "test", "it is not there", Retry::Never)),
                }
            }
            (object, "list") => crm.scan(&PageRequest::first(object, 100)).await.map(drop),
            (object, "get") => match crm.fetch(&object.into(), &[id]).await?.remove(0) {
                Some(_) => Ok(()),
                None => Err(Error::state("test", "it is not there")),
            },
            (object, "update") => {
                let kind = OperationKind::Update { id, version: None };
                let fields = record(object, if object == "organization_relationship" { 3 } else { 9 });
                write(crm, object, kind, fields, before).await.map(drop)
            }
            ("file", "create") => crate::account::store(crm, record(thing, 3), before).await.map(drop),
            ("file", "download") => {
                let bytes = crm.file_sink().unwrap().open(&thing.into(), &id).await?;
                bytes.try_collect::<Vec<_>>().await.map(drop)
            }
            (object, "remove") => crm.remove(&object.into(), &id, None, before).await,
            (_, "retire") => crm.provisioner().unwrap().retire(&existing(thing).await, before).await,
            (_, "create") => match fresh(thing).await {
                Some(item) => crm.provisioner().unwrap().create(&item, before).await.map(drop),
                None => write(crm, thing, OperationKind::Create, record(thing, new), before).await.map(drop),
            },
            _ => panic!("the matrix does not know how to send {}", self.name),
        }
    }
}

/// An item that is not there yet; nothing for records.
async fn fresh(thing: &str) -> Option<SchemaItem> {
    let text = Some(FieldType::Text { max: None });
    Some(match thing.split_once('_') {
        _ if thing == "pipeline" => item(ItemKind::Pipeline, "deal", None, "Secret second", None, &[]),
        _ if thing == "activity_type" => item(ItemKind::ActivityType, "activity", None, "Secret visit", None, &[]),
        _ if thing == "stage" => item(ItemKind::Stage, "deal", Some(PIPELINE), "Secret third", None, &[]),
        Some((object, "field")) => item(ItemKind::Field, object, None, "Secret field", text, &[]),
        Some(("lead", "label")) => item(ItemKind::Label, "lead", None, "Secret label", None, &[]),
        Some((object, "option")) => {
            item(ItemKind::Option, object, Some(Seed::get().await.pick(object).0), "Secret green", None, &[])
        }
        _ => return None,
    })
}

/// An item that is there.
async fn existing(thing: &str) -> ExistingItem {
    let seed = Seed::get().await;
    let (id, item) = match thing.split_once('_') {
        Some((object, "field")) => {
            (seed.pick(object).0, item(ItemKind::Field, object, None, "Secret colour", None, &[]))
        }
        Some((object, "option")) => {
            let (field, option) = seed.pick(object);
            (option, item(ItemKind::Option, object, Some(field), "Red", None, &[]))
        }
        Some(("lead", "label")) => (seed.lead_label.as_str(), item(ItemKind::Label, "lead", None, "Hot", None, &[])),
        // The one that a call is of stays.
        _ if thing == "activity_type" => ("2", item(ItemKind::ActivityType, "activity", None, "Meeting", None, &[])),
        _ if thing == "stage" => {
            assert_ne!(EMPTY_STAGE, STAGE, "deals stand in the other");
            (EMPTY_STAGE, item(ItemKind::Stage, "deal", Some(PIPELINE), "Secret last", None, &[]))
        }
        _ => ("1", item(ItemKind::Pipeline, "deal", None, "Pipeline", None, &[])),
    };
    ExistingItem { id: id.to_owned(), item }
}
