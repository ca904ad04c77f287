//! Pipedrive's JSON, one file per API object.

mod activity_type;
mod entity;
mod envelope;
mod field;
mod lead_label;
mod pipeline;
mod stage;
mod user;

pub(crate) use activity_type::{ActivityType, NewActivityType};
pub(crate) use entity::Entity;
pub(crate) use envelope::{Envelope, Listing};
pub(crate) use field::{Field, FieldOption, NewField, NewOption, OptionId};
pub(crate) use lead_label::{LeadLabel, NewLeadLabel};
pub(crate) use pipeline::{NewPipeline, Pipeline};
pub(crate) use stage::{NewStage, Stage};
pub(crate) use user::{Me, User};

/// A JSON object.
pub(crate) type Object = serde_json::Map<String, serde_json::Value>;

/// An answer of which only the id matters: `{"id": 7}`.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Created {
    pub(crate) id: i64,
}
