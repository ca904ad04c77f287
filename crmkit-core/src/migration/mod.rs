//! The steps of a migration, each with the document it gives.

mod audit;
mod links;
mod profile;

pub use audit::{Audit, AuditOptions, Duplicates, ObjectAudit, SourceStage, SourceUser, audit};
pub use profile::{Distinct, FieldProfile};
