//! The engine and the contracts with which a program moves a company from one CRM to another.
//!
//! It reads the source, proposes a plan that a person confirms, prepares the destination, writes every record in dependency
//! order, reads back and compares every field, and can take all of it back. It knows no CRM: connectors implement
//! [`SourceConnector`] and [`DestinationWriter`] and name what their objects and fields mean
//! ([`ObjectConcept`], [`FieldConcept`]), so that each connector meets each other one.
//!
//! A whole migration, against mocks:
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! use std::sync::Arc;
//!
//! use crmkit_core::testing::{ManualClock, MockDestination, MockSource};
//! use crmkit_core::{
//!     AuditOptions, Clock, FieldConcept, FieldSchema, FieldType, MemoryLedger, Migration, ObjectConcept, ObjectSchema,
//!     Record, RecordRef, Value,
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // The two ends, and what remembers.
//! let clock: Arc<dyn Clock> = Arc::new(ManualClock::jumping());
//! let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
//! let owner = FieldSchema::new("owner", "owner", FieldType::link("users")).means(FieldConcept::Owner);
//! let users = ObjectSchema::new("users", "Users", ObjectConcept::User).with(text("email", FieldConcept::Emails));
//! let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
//!     .with(text("name", FieldConcept::Name))
//!     .with(owner);
//! let ann = RecordRef::new("users", "u1");
//! let acme = Record::new(RecordRef::new("companies", "c1"))
//!     .with("name", Value::text("Acme"))
//!     .with("owner", Value::link(ann.clone()));
//! let source = MockSource::new("crm-1")
//!     .with_object(users, [Record::new(ann).with("email", Value::text("ann@crm.example"))])
//!     .with_object(companies, [acme]);
//! let crm = MockDestination::crm(clock.clone());
//! let migration = Migration::builder("acme")
//!     .source(Arc::new(source))
//!     .destination(Arc::new(crm.clone()))
//!     .ledger(Arc::new(MemoryLedger::new(clock.clone())))
//!     .clock(clock)
//!     .build()?;
//!
//! // Look, and decide. Nothing is written to the destination before the plan is approved.
//! let found = migration.audit(&AuditOptions::default()).await?;
//! let mut plan = migration.propose(&found);
//! for question in plan.questions.clone() {
//!     plan.answer(&question.id, "yes").expect("the question is the plan's own");
//! }
//! assert!(!migration.review(&plan, &found).blocked());
//!
//! // Each step that writes cites the approval that admits it.
//! let approval = migration.approve_plan(&plan, "ann").await?;
//! migration.prepare(&approval).await?;
//! let sample = migration.sample(&approval).await?;
//! assert!(sample.clean && sample.rolled_back);
//! let approval = migration.approve_sample(&sample, "ann").await?;
//! let report = migration.run(&approval).await?;
//! assert_eq!(report.objects[0].created, 1);
//! assert!(migration.reconcile().await?.clean);
//!
//! // And back.
//! let preview = migration.preview_rollback().await?;
//! let approval = migration.approve_rollback(&preview, "ann").await?;
//! assert!(migration.rollback(&approval).await?.clean);
//! assert!(crm.live().is_empty());
//! # Ok::<(), crmkit_core::Error>(()) }).unwrap();
//! ```
//!
//! # Where to begin
//!
//! | you want to | begin at |
//! |---|---|
//! | run a migration in your program | [`Migration`] |
//! | run its units on your own job queue | [`next_action`], [`execute_unit`], [`UnitKey`] |
//! | read a CRM | [`SourceConnector`] |
//! | write to a CRM | [`DestinationWriter`], with [`Reader`], [`Remover`], [`Provisioner`]; feature `http`: module `http` |
//! | keep the ledger elsewhere | [`IdLedger`] |
//! | share limits between processes | [`RateBudget`] |
//! | change values on the way | [`FieldTransform`], [`Transforms`] |
//! | show progress | [`Migration::events`], [`Migration::status`] |
//! | test any of these | feature `testing`: module `testing`, its conformance suites first |
//!
//! # What the host keeps
//!
//! The process, the runtime, the log and the user interface are the host's. Nothing here starts a runtime, reads the
//! environment, prints, or installs a logger; [`tracing`](https://docs.rs/tracing) spans carry no values. Time is the
//! [`Clock`] that the host gives. `SqliteLedger` has two threads of its own.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tokio` | yes | [`SystemClock`], which waits on tokio's timer |
//! | `sqlite` | | `SqliteLedger`; compiles SQLite, which takes a C compiler |
//! | `http` | | `http`, the transport that HTTP connectors share, over reqwest without a TLS backend |
//! | `testing` | | `testing`: mocks, a clock that tests move, generators of messy exports, conformance suites |
//! | `simulator` | | `simulator`: the server parts of CRM simulators, scripted faults, a fault proxy, a jumping clock |

mod ability;
mod budget;
mod clock;
mod coerce;
mod compare;
mod concept;
mod connectors;
mod cost;
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
pub use budget::{AccountBudget, AccountKey, AdaptiveBudget, CostClass, LimitSignal, Pace, RateBudget, Scope, Window};
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
pub use clock::{Clock, Hold};
pub use coerce::{can_coerce, coerce, label_options};
pub use compare::{same_value, visible_text};
pub use concept::{FieldConcept, ObjectConcept};
pub use connectors::Connectors;
pub use cost::{Allowance, AllowanceWindow, CostUnit, ObjectCost, Price};
pub use credentials::{Credentials, FixedToken};
pub use destination::{
    CustomObject, Destination, DestinationWriter, ExistingItem, Fields, ItemKind, Operation, OperationKind, Permission,
    Probe, Provisioner, Reader, Remover, SchemaItem, SharedDestination, Stored, User, WriteBatch, Written,
};
pub use digest::Digest;
pub use engine::{
    Action, ComparedField, ComparedRecord, Conflict, Core, EngineSettings, Event, Gone, Kept, Mismatch, Outcome,
    PassKind, PassRecord, Phase, RunState, Task, execute_unit, load_state, next_action, run_pass,
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
    Advice, Audit, AuditOptions, Compatibility, Distinct, DuplicateGroup, DuplicateMember, Duplicates, Effort, Efforts,
    Expected, Factor, FactorKind, FactorWeight, FieldProfile, Grade, LeftField, LineDiff, LineKind, MappingAdvisor,
    MappingDiff, Matter, ObjectAudit, ObjectFit, Oversize, OwnerOutcome, OwnerReview, OwnersReview, PhaseCost,
    PlannedItem, ProposeOptions, QuietItem, Review, ReviewOptions, SameBy, SourceStage, Stale, Subject, Survivor,
    Timeline, TypeClash, advise, audit, propose, propose_with, review, review_with,
};
pub use migration::{
    Approval, Decided, Decision, DeltaReport, HeldReason, Migration, MigrationBuilder, ObjectCount, Observed,
    Preparation, Reconciliation, RollbackPreview, RollbackReport, RunReport, SampleDiff, Signed, Status,
    UncertainCount, VerifiedCount,
};
pub use migration::{
    ConfiguredItem, FileCount, FileLine, Guide, GuideKind, GuideStep, Handover, LogFormat, MappedField, NotFully,
    NotMoved,
};
pub(crate) use name::name_of;
pub use name::{FieldName, MappingId, MigrationId, ObjectName, Part, RecordId, RecordRef};
pub use owner::{Owners, SourceUser};
pub use page::{Cursor, Page, PageRequest};
pub(crate) use plan::custom_fields;
pub use plan::{
    Badge, ConflictPolicy, DeltaPlan, FieldLine, FieldPlan, FieldPreview, GonePolicy, ItemPlan, Mapping,
    MappingPreview, MatchPolicy, MatchRule, ObjectPlan, Overwrite, OwnerPlan, PhasePlan, PhaseTask, PipelinePlan, Plan,
    PlanEnd, Predicate, Preview, PreviewOutcome, Question, RollbackPlan, SamplePlan, StagePlan, TransformCall,
    Unresolved,
};
pub use prepared::{Prepared, PreparedItem};
pub use problem::{Problem, Severity};
pub use record::{Doubt, Record, Reject};
pub use report::spreadsheet_cell;
#[cfg(feature = "html")]
pub use report::{ReportLink, report_index};
pub use schema::{FieldSchema, FieldType, LinkCarrier, ObjectSchema, OptionSchema, Schema};
pub use source::{Source, SourceConnector};
pub use transform::{
    Applied, CallError, FactoryInput, FieldContext, FieldTransform, TransformError, TransformFactory,
    TransformSettings, Transforms,
};
pub use unit::{UnitKey, UnitState, UnitStatus};
pub use value::{Address, Labelled, Markup, Money, PersonName, RichText, Value};

pub use {chrono, indexmap, rust_decimal, secrecy};
