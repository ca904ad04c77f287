//! Notes.

use serde::Deserialize;

use super::Object;

/// A note of API v1.
#[derive(Debug, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    /// Deleted notes stay readable with `false`.
    #[serde(default)]
    pub(crate) active_flag: Option<bool>,
    /// `content`, `deal_id`, `add_time` …; times are `YYYY-MM-DD HH:MM:SS`.
    #[serde(flatten)]
    pub(crate) fields: Object,
}
