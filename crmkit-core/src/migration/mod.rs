//! The migration: one method per step, each giving a document.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use futures::{Stream, lock::Mutex};
use secrecy::SecretString;

use crate::{
    Binding, Clock, DestinationWriter, Error, IdLedger, MigrationId, Plan, Problem, Result, SourceConnector,
    Transforms,
    engine::{Core, EngineSettings, Event, EventBus, Spool},
};

mod acceptance;
mod advise;
mod approval;
mod audit;
mod audit_log;
mod control;
mod counts;
mod decisions;
mod delta;
mod duplicates;
mod guide;
mod handover;
mod inference;
mod links;
mod passes;
mod prepare;
mod profile;
mod propose;
mod reconcile;
mod repair;
mod resolve;
mod review;
mod rollback;
mod run;
mod sample;
mod spot;
mod status;

pub use acceptance::Signed;
pub use advise::{Advice, MappingAdvisor, Matter, Subject, advise};
pub use approval::Approval;
pub(crate) use approval::{PLAN_GATE, SAMPLE_GATE, rollback_gate};
pub use audit::{Audit, AuditOptions, ObjectAudit, Oversize, SourceStage, Stale, TypeClash, audit};
pub use audit_log::LogFormat;
pub use counts::{HeldReason, ObjectCount, UncertainCount};
pub(crate) use decisions::with_decisions;
pub use decisions::{Decided, Decision};
pub use delta::DeltaReport;
pub use duplicates::{DuplicateGroup, DuplicateMember, Duplicates, SameBy};
pub use guide::{Guide, GuideKind, GuideStep};
pub use handover::{ConfiguredItem, FileCount, FileLine, Handover, MappedField, NotFully, NotMoved};
pub use prepare::Preparation;
pub use profile::{Distinct, FieldProfile};
pub use propose::{ProposeOptions, Survivor, propose, propose_with};
pub use reconcile::{Reconciliation, VerifiedCount};
pub(crate) use repair::DIFFERING;
pub(crate) use resolve::REOPENED;
pub use review::{
    Compatibility, Effort, Efforts, Expected, Factor, FactorKind, FactorWeight, Grade, LeftField, LineDiff, LineKind,
    MappingDiff, ObjectFit, OwnerOutcome, OwnerReview, OwnersReview, PhaseCost, PlannedItem, QuietItem, Review,
    ReviewOptions, Timeline, review, review_with,
};
pub use rollback::{RollbackPreview, RollbackReport};
pub use run::{Observed, RunReport};
pub use sample::SampleDiff;
pub(crate) use spot::SPOT;
pub use status::Status;

/// One migration, from audit to rollback. Cheap to clone.
///
/// A host may stop after any step and go on in another process: everything that counts is in the ledger.
#[derive(Clone, Debug)]
pub struct Migration {
    core: Arc<Core>,
    opened: Arc<Mutex<bool>>,
}

/// What a migration is built from.
#[derive(Debug)]
pub struct MigrationBuilder {
    id: MigrationId,
    tenant: String,
    actor: String,
    worker: String,
    digest_key: SecretString,
    source: Option<Arc<dyn SourceConnector>>,
    destination: Option<Arc<dyn DestinationWriter>>,
    ledger: Option<Arc<dyn IdLedger>>,
    clock: Option<Arc<dyn Clock>>,
    transforms: Transforms,
    settings: EngineSettings,
    spool: Option<Spool>,
}

impl MigrationBuilder {
    /// The host's tenant; part of every marker.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Who acts, for the audit log.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// The name of this process or thread among those that work on the migration.
    pub fn worker(mut self, worker: impl Into<String>) -> Self {
        self.worker = worker.into();
        self
    }

    /// A secret of the host's that keys the digests of ids in the audit log, so that ids which are e-mail addresses cannot be guessed
    /// from them. Keep it the same for a migration's whole life; without one, the digests are of the ids and the tenant alone.
    pub fn digest_key(mut self, key: SecretString) -> Self {
        self.digest_key = key;
        self
    }

    /// Where records come from.
    pub fn source(mut self, source: Arc<dyn SourceConnector>) -> Self {
        self.source = Some(source);
        self
    }

    /// Where records go.
    pub fn destination(mut self, destination: Arc<dyn DestinationWriter>) -> Self {
        self.destination = Some(destination);
        self
    }

    /// What remembers.
    pub fn ledger(mut self, ledger: Arc<dyn IdLedger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// What tells the time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The transforms that plans can name; the standard ones by default.
    pub fn transforms(mut self, transforms: Transforms) -> Self {
        self.transforms = transforms;
        self
    }

    /// A folder for pages that the source cannot read twice the same (compressed files, export links that expire): each is kept
    /// there, compressed, readable by its owner alone, before any of its records is written. All workers of a migration need the
    /// same folder. Needed only where an object's schema does not say `repeatable`; nothing else keeps a record's content.
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(Spool::new(folder));
        self
    }

    /// How the engine works.
    pub fn settings(mut self, change: impl FnOnce(&mut EngineSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The migration. Does no I/O.
    ///
    /// # Errors
    /// `Input` where a part is missing or the id has other characters than letters, digits, `.`, `_`, `-` and `:`.
    pub fn build(self) -> Result<Migration> {
        let missing = |part: &str| Error::input("migration.build", format!("a migration needs a {part}"));
        let id = self.id.as_str();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c)) {
            return Err(Error::input(
                "migration.build",
                "a migration's id has letters, digits, '.', '_', '-' and ':' only",
            ));
        }
        let clock = match self.clock {
            Some(clock) => clock,
            #[cfg(feature = "tokio")]
            None => Arc::new(crate::SystemClock),
            #[cfg(not(feature = "tokio"))]
            None => return Err(missing("clock")),
        };
        let core = Core {
            migration: self.id,
            tenant: self.tenant,
            actor: self.actor,
            worker: self.worker,
            digest_key: self.digest_key,
            source: self.source.ok_or_else(|| missing("source"))?,
            destination: self.destination.ok_or_else(|| missing("destination"))?,
            ledger: self.ledger.ok_or_else(|| missing("ledger"))?,
            clock,
            spool: self.spool,
            transforms: self.transforms,
            settings: self.settings,
            events: EventBus::default(),
            contexts: Mutex::new(HashMap::new()),
        };
        Ok(Migration { core: Arc::new(core), opened: Arc::new(Mutex::new(false)) })
    }
}

impl Migration {
    /// Starts building a migration under the host's id for it.
    pub fn builder(id: impl Into<MigrationId>) -> MigrationBuilder {
        MigrationBuilder {
            id: id.into(),
            tenant: "default".to_owned(),
            actor: "crmkit".to_owned(),
            worker: "worker".to_owned(),
            digest_key: SecretString::from(String::new()),
            source: None,
            destination: None,
            ledger: None,
            clock: None,
            transforms: Transforms::standard(),
            settings: EngineSettings::default(),
            spool: None,
        }
    }

    /// What [`execute_unit`](crate::execute_unit) and [`load_state`](crate::load_state) work with.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Everything that happens from now on, as counts.
    pub fn events(&self) -> impl Stream<Item = Event> + Send + Unpin + 'static {
        self.core.events.listen()
    }

    /// Reads the whole source once and describes both sides. Writes nothing but the ledger's binding.
    pub async fn audit(&self, options: &AuditOptions) -> Result<Audit> {
        self.open().await?;
        let mut options = options.clone();
        options.today.get_or_insert_with(|| self.core.clock.now().date_naive());
        audit(&*self.core.source, &*self.core.destination, &options).await
    }

    /// Proposes a plan from an audit: deterministic, with open questions for a person.
    pub fn propose(&self, audit: &Audit) -> Plan {
        propose(audit, &self.core.transforms)
    }

    /// Reviews a plan against an audit: problems, what would be made, what would be held. Pure.
    pub fn review(&self, plan: &Plan, audit: &Audit) -> Review {
        review(plan, audit, &self.core.transforms)
    }

    /// Every problem of a plan against this source and destination.
    pub async fn check(&self, plan: &Plan) -> Result<Vec<Problem>> {
        let source = self.core.source.describe().await?;
        let destination = self.core.destination.describe().await?;
        Ok(plan.check(&source, &destination, &self.core.transforms))
    }

    /// Binds the ledger to tenant, source and account, once.
    async fn open(&self) -> Result<()> {
        let mut opened = self.opened.lock().await;
        if !*opened {
            let source = self.core.source.describe().await?;
            let destination = self.core.destination.describe().await?;
            let binding = Binding {
                migration: self.core.migration.clone(),
                tenant: self.core.tenant.clone(),
                source: format!("{}:{}", source.kind, source.instance),
                destination: format!("{}:{}", destination.kind, destination.account),
            };
            self.core.ledger.open(&binding).await?;
            *opened = true;
        }
        Ok(())
    }
}
