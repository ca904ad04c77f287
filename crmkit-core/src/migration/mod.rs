//! The steps of a migration, each with the document it gives.

mod audit;
mod links;
mod profile;
mod propose;
mod review;

pub use audit::{Audit, AuditOptions, Duplicates, ObjectAudit, SourceStage, SourceUser, audit};
pub use profile::{Distinct, FieldProfile};
pub use propose::propose;
pub use review::{Expected, Grade, LineDiff, MappingDiff, PhaseCost, PlannedItem, Review, review};
