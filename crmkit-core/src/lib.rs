//! The engine and the contracts with which a program moves a company from one CRM to another.

mod ability;
mod budget;
mod clock;
mod coerce;
mod concept;
mod credentials;
mod destination;
mod digest;
mod error;
mod file;
mod ledger;
mod migration;
mod name;
mod page;
mod plan;
mod problem;
mod record;
mod report;
mod schema;
#[cfg(feature = "simulator")]
pub mod simulator;
mod source;
mod transform;
mod unit;
mod value;

pub use ability::{Abilities, Recovery, Removal};
pub use budget::{AccountKey, CostClass, LimitSignal, RateBudget};
pub use clock::Clock;
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
pub use coerce::{can_coerce, coerce, label_options};
pub use concept::{FieldConcept, ObjectConcept};
pub use credentials::{Credentials, FixedToken};
pub use destination::{
    Destination, DestinationWriter, ExistingItem, Fields, ItemKind, Operation, OperationKind, Permission, Probe,
    Provisioner, Reader, Remover, SchemaItem, SharedDestination, Stored, User, WriteBatch, Written,
};
pub use digest::Digest;
pub use error::{Error, ErrorKind, Result, Retry};
pub use file::{Chunk, FileSink, FileSource, FileStream};
pub use ledger::{
    AuditEntry, AuditLine, Binding, Change, Count, Entry, Erase, Fact, IdLedger, IntendedOperation, Intent, Lease,
    LedgerKey, PriorValues, Row, RowState, Select, Uncertain, sum_by_mapping,
};
pub use migration::{
    Audit, AuditOptions, Distinct, Duplicates, Expected, FieldProfile, Grade, LineDiff, MappingDiff, ObjectAudit,
    PhaseCost, PlannedItem, Review, SourceStage, SourceUser, audit, propose, review,
};
pub(crate) use name::name_of;
pub use name::{FieldName, MappingId, MigrationId, ObjectName, Part, RecordId, RecordRef};
pub use page::{Cursor, Page, PageRequest};
pub(crate) use plan::custom_fields;
pub use plan::{
    Badge, FieldLine, FieldPlan, Mapping, MatchPolicy, MatchRule, Overwrite, OwnerPlan, PhasePlan, PhaseTask,
    PipelinePlan, Plan, PlanEnd, Predicate, Question, SamplePlan, StagePlan, TransformCall,
};
pub use problem::{Problem, Severity};
pub use record::{Doubt, Record, Reject};
pub use schema::{FieldSchema, FieldType, LinkCarrier, ObjectSchema, OptionSchema, Schema};
pub use source::{Source, SourceConnector};
pub use transform::{
    Applied, CallError, FactoryInput, FieldContext, FieldTransform, TransformError, TransformFactory,
    TransformSettings, Transforms,
};
pub use unit::{UnitKey, UnitState, UnitStatus};
pub use value::{Address, Labelled, Markup, Money, PersonName, RichText, Value};

pub use {chrono, indexmap, rust_decimal, secrecy};
