//! CRM sources for [`crmkit_core`], one feature each.
//!
//! - `allegory` (default): [`allegory::ExportFolder`] reads Allegory's export folder or a zip archive of it, and through a
//!   manifest that names files and columns any CRM's CSV files and JSON lines as they are.
//! - `apsis-one`: `apsis_one::ApsisOne` reads an account of APSIS One by its exports.

#[cfg(feature = "allegory")]
pub mod allegory;
#[cfg(feature = "apsis-one")]
pub mod apsis_one;
