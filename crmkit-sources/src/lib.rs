//! CRM sources for [`crmkit_core`], one feature each.
//!
//! - `allegory` (default): [`allegory::ExportFolder`] reads Allegory's export folder or a zip archive of it, and through a
//!   manifest that names files and columns any CRM's CSV files and JSON lines as they are.
//! - `allegory-api`: [`allegory_api::AllegoryApi`](https://docs.rs/crmkit-sources/latest/crmkit_sources/allegory_api/struct.AllegoryApi.html)
//!   reads the same over REST; with `simulator` there is a server to test against.
//! - `klipy`: [`klipy::Klipy`](https://docs.rs/crmkit-sources/latest/crmkit_sources/klipy/struct.Klipy.html) reads Klipy's REST
//!   interface and, for what that does not give, CSV files that the customer fills in.
//! - `apsis-one`: `apsis_one::ApsisOne` reads an account of APSIS One by its exports.

#[cfg(feature = "allegory")]
pub mod allegory;

#[cfg(feature = "allegory-api")]
pub mod allegory_api;

#[cfg(feature = "apsis-one")]
pub mod apsis_one;
#[cfg(feature = "klipy")]
pub mod klipy;
