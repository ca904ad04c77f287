//! Stages.

use serde::{Deserialize, Serialize};

/// A stage of API v2.
#[derive(Debug, Deserialize)]
pub(crate) struct Stage {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) pipeline_id: i64,
    #[serde(default)]
    pub(crate) order_nr: Option<i64>,
    #[serde(default)]
    pub(crate) deal_probability: Option<f64>,
    #[serde(default)]
    pub(crate) is_deleted: Option<bool>,
}

/// A stage to create. It becomes the last of its pipeline.
#[derive(Debug, Serialize)]
pub(crate) struct NewStage<'a> {
    pub(crate) name: &'a str,
    pub(crate) pipeline_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deal_probability: Option<u8>,
}
