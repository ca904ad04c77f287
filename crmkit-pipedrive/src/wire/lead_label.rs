//! Labels of leads, which are no field options but records of their own.

use serde::{Deserialize, Serialize};

/// A lead label of API v1.
#[derive(Debug, Deserialize)]
pub(crate) struct LeadLabel {
    /// A UUID.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A lead label to create.
#[derive(Debug, Serialize)]
pub(crate) struct NewLeadLabel<'a> {
    pub(crate) name: &'a str,
    pub(crate) color: &'a str,
}
