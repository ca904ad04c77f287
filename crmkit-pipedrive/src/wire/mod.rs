//! Pipedrive's JSON, one file per API object.

mod entity;
mod envelope;
mod field;
mod note;
mod pipeline;
mod relationship;
mod stage;
mod user;

pub(crate) use entity::Entity;
pub(crate) use envelope::{Envelope, Listing};
pub(crate) use field::{Field, FieldOption, NewField, NewOption, OptionId};
pub(crate) use note::Note;
pub(crate) use pipeline::{NewPipeline, Pipeline};
pub(crate) use relationship::Relationship;
pub(crate) use stage::{NewStage, Stage};
pub(crate) use user::{Me, User};

/// A JSON object.
pub(crate) type Object = serde_json::Map<String, serde_json::Value>;

/// An answer of which only the id matters: `{"id": 7}`.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Created {
    pub(crate) id: i64,
}
