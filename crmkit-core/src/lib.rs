//! The engine and the contracts with which a program moves a company from one CRM to another.

mod ability;
mod budget;
mod clock;
mod coerce;
mod compare;
mod concept;
mod credentials;
mod destination;
mod digest;
mod engine;
mod error;
mod file;
#[cfg(feature = "http")]
pub mod http;
mod ledger;
mod mapping;
mod migration;
mod name;
mod owner;
mod page;
mod plan;
mod prepared;
mod problem;
mod record;
mod report;
mod schema;
#[cfg(feature = "simulator")]
pub mod simulator;
mod source;
#[cfg(feature = "testing")]
pub mod testing;
mod transform;
mod unit;
mod value;

pub use ability::{Abilities, Recovery, Removal};
pub use budget::{AccountBudget, AccountKey, CostClass, LimitSignal, RateBudget, Scope, Window};
pub use clock::Clock;
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
pub use coerce::{can_coerce, coerce, label_options};
pub use compare::{same_value, visible_text};
pub use concept::{FieldConcept, ObjectConcept};
pub use credentials::{Credentials, FixedToken};
pub use destination::{
    Destination, DestinationWriter, ExistingItem, Fields, ItemKind, Operation, OperationKind, Permission, Probe,
    Provisioner, Reader, Remover, SchemaItem, SharedDestination, Stored, User, WriteBatch, Written,
};
pub use digest::Digest;
pub use engine::{
    Action, ComparedField, ComparedRecord, Core, EngineSettings, Event, Kept, Mismatch, Outcome, PassKind, PassRecord,
    Phase, RunState, Task, execute_unit, load_state, next_action, run_pass,
};
pub use error::{Error, ErrorKind, Result, Retry};
pub use file::{Chunk, FileSink, FileSource, FileStream};
#[cfg(feature = "sqlite")]
pub use ledger::SqliteLedger;
pub use ledger::{
    AuditEntry, AuditLine, Binding, BrokenChain, ChainHead, Change, Count, Entry, Erase, Fact, IdLedger,
    IntendedOperation, Intent, Lease, LedgerKey, MemoryLedger, PriorValues, Row, RowState, Select, Uncertain,
    sum_by_mapping, verify_chain,
};
pub use mapping::{CompiledMapping, CompiledPlan, Draft, DraftLink, Selection};
pub use migration::{
    Approval, HeldReason, Migration, MigrationBuilder, ObjectCount, Observed, Preparation, Reconciliation,
    RollbackPreview, RollbackReport, RunReport, SampleDiff, Status, UncertainCount, VerifiedCount,
};
pub use migration::{
    Audit, AuditOptions, Distinct, Duplicates, Expected, FieldProfile, Grade, LineDiff, MappingDiff, ObjectAudit,
    PhaseCost, PlannedItem, Review, SourceStage, audit, propose, review,
};
pub(crate) use name::name_of;
pub use name::{FieldName, MappingId, MigrationId, ObjectName, Part, RecordId, RecordRef};
pub use owner::{Owners, SourceUser};
pub use page::{Cursor, Page, PageRequest};
pub(crate) use plan::custom_fields;
pub use plan::{
    Badge, FieldLine, FieldPlan, Mapping, MatchPolicy, MatchRule, Overwrite, OwnerPlan, PhasePlan, PhaseTask,
    PipelinePlan, Plan, PlanEnd, Predicate, Question, SamplePlan, StagePlan, TransformCall,
};
pub use prepared::{Prepared, PreparedItem};
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
