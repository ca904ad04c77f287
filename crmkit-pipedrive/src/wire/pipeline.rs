//! Pipelines.

use serde::{Deserialize, Serialize};

/// A pipeline of API v2.
#[derive(Debug, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) id: i64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) is_deleted: Option<bool>,
}

/// A pipeline to create.
#[derive(Debug, Serialize)]
pub(crate) struct NewPipeline<'a> {
    pub(crate) name: &'a str,
}
