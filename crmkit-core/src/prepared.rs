//! The registry of prepared items: which pipeline, stage and field of this account stands for which of the plan.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{ExistingItem, FieldName, FieldPlan, ItemPlan, ObjectName, ObjectPlan, PipelinePlan, StagePlan};

/// What `prepare` made or took, by its name in the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prepared(pub IndexMap<String, PreparedItem>);

/// An item that stands for one of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreparedItem {
    /// The item at the destination.
    #[serde(flatten)]
    pub item: ExistingItem,
    /// Made by us; otherwise the plan said to take an existing one.
    pub made: bool,
}

impl Prepared {
    /// The registry key of a pipeline.
    pub fn pipeline_key(pipeline: &PipelinePlan) -> String {
        format!("pipeline:{}/{}", pipeline.object, pipeline.name)
    }

    /// The registry key of a stage.
    pub fn stage_key(pipeline: &PipelinePlan, stage: &StagePlan) -> String {
        format!("stage:{}/{}/{}", pipeline.object, pipeline.name, stage.name)
    }

    /// The registry key of a custom field.
    pub fn field_key(field: &FieldPlan) -> String {
        format!("field:{}/{}", field.object, field.id)
    }

    /// The registry key of a custom object.
    pub fn object_key(object: &ObjectPlan) -> String {
        format!("object:{}", object.id)
    }

    /// The registry key of one of the plan's items.
    pub fn item_key(item: &ItemPlan, name: &str) -> String {
        let field = item.field.as_ref().map_or("", |field| field.as_str());
        format!("{}:{}/{field}/{name}", item.kind.as_str(), item.object)
    }

    /// What the destination calls an object that the plan may call `custom:<id>`; `None` where it is not prepared.
    pub fn object(&self, name: &ObjectName) -> Option<ObjectName> {
        match name.as_str().strip_prefix("custom:") {
            Some(id) => self.0.get(&format!("object:{id}")).map(|prepared| ObjectName::from(prepared.item.id.as_str())),
            None => Some(name.clone()),
        }
    }

    /// The registry key of an object's marker field.
    pub fn marker_key(object: &ObjectName, label: &str) -> String {
        format!("marker:{object}/{label}")
    }

    /// The name of the custom field that the plan calls `id`.
    pub fn field(&self, object: &ObjectName, id: &str) -> Option<FieldName> {
        self.0.get(&format!("field:{object}/{id}")).map(|prepared| FieldName::from(prepared.item.id.as_str()))
    }

    /// The name of an object's marker field.
    pub fn marker(&self, object: &ObjectName, label: &str) -> Option<FieldName> {
        self.0.get(&Self::marker_key(object, label)).map(|prepared| FieldName::from(prepared.item.id.as_str()))
    }

    /// The id of the stage `Pipeline/Stage`.
    pub fn stage(&self, object: &ObjectName, label: &str) -> Option<String> {
        self.0.get(&format!("stage:{object}/{label}")).map(|prepared| prepared.item.id.clone())
    }
}
