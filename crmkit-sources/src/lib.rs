//! CRM sources for [`crmkit_core`], one feature each.
//!
//! - `allegory` (default): [`allegory::ExportFolder`] reads Allegory's export folder, and through a manifest that names
//!   files and columns any CRM's CSV files as they are.

#[cfg(feature = "allegory")]
pub mod allegory;
