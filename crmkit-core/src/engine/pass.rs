//! A pass: a numbered walk over the data, its phases, and what its units need to know.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use crate::{
    CompiledPlan, Destination, Error, FieldConcept, FieldName, MappingId, ObjectConcept, ObjectName, Owners,
    PageRequest, PhaseTask, Plan, Prepared, PreparedItem, RecordRef, Result, Source, SourceUser, UnitState, Value,
    compare::same_value,
    engine::{Core, Facts},
    migration::{DIFFERING, REOPENED, SPOT, with_decisions},
};

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PassKind {
    /// The trial run: chosen records only.
    Sample,
    /// The whole run.
    Initial,
    /// What was held, tried again.
    Resolve,
    /// What is new or has changed since.
    Delta,
    /// Rewrites what the last reconciliation found different, and nothing else.
    Repair,
    /// Reads some records back and compares them.
    Spot,
    /// Reads everything written back and compares it.
    Reconcile {
        /// The pass whose records are read; all where absent.
        of: Option<u32>,
    },
    /// Finds what a rollback would do and must leave alone.
    Preview {
        /// The pass to take back; everything, what `prepare` made included, where absent.
        of: Option<u32>,
    },
    /// Takes back what passes wrote.
    Rollback {
        /// The pass to take back; everything, what `prepare` made included, where absent.
        of: Option<u32>,
        /// The preview that was approved.
        preview: u32,
    },
}

impl PassKind {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Initial => "initial",
            Self::Resolve => "resolve",
            Self::Delta => "delta",
            Self::Repair => "repair",
            Self::Spot => "spot",
            Self::Reconcile { .. } => "reconcile",
            Self::Preview { .. } => "preview",
            Self::Rollback { .. } => "rollback",
        }
    }

    /// The pass that it takes back, or would, where it is one of several.
    pub(crate) fn takes_back(self) -> Option<u32> {
        match self {
            Self::Preview { of } | Self::Rollback { of, .. } => of,
            _ => None,
        }
    }

    /// Whether it writes on what earlier passes wrote.
    pub(crate) fn follows(self) -> bool {
        matches!(self, Self::Resolve | Self::Delta | Self::Repair)
    }

    /// Whether its units write to the destination.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Reconcile { .. } | Self::Spot | Self::Preview { .. })
    }
}

/// A pass as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassRecord {
    /// Its number, from 1.
    pub number: u32,
    /// What it is for.
    #[serde(flatten)]
    pub kind: PassKind,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// The gate whose approval admitted it; reading passes need none.
    pub gate: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended, if it has.
    pub finished: Option<DateTime<Utc>>,
    /// Somebody ended it before all was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

impl PassRecord {
    /// Those of these units that write records.
    pub(crate) fn writing(&self, units: Vec<UnitState>) -> Vec<UnitState> {
        let writes = |phase: u16| self.phases.get(usize::from(phase)).is_some_and(|phase| phase.task == Task::Write);
        units.into_iter().filter(|unit| writes(unit.key.phase)).collect()
    }
}

/// Mappings that may be worked on together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// What its units do.
    pub task: Task,
    /// The mappings.
    pub mappings: Vec<MappingId>,
}

/// What a unit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Learns which records the destination has already.
    Match,
    /// Learns what reviewed duplicates give to the record that stands for them.
    Gather,
    /// Writes records.
    Write,
    /// Sets the links that had to wait.
    Link,
    /// Finds what is no longer at the source.
    Gone,
    /// Reads back and compares.
    Verify,
    /// Finds what rollback must leave alone.
    Survey,
    /// Takes the deferred links back.
    Unlink,
    /// Takes records back.
    Undo,
    /// Takes back what `prepare` made.
    Retire,
}

/// The mapping name of the unit that closes a phase.
pub(crate) const GATE: &str = "*gate";
/// The mapping name of units that work on no mapping.
pub(crate) const ALL: &str = "*all";

/// What the units of a pass need to know, loaded once per process.
#[derive(Debug)]
pub(crate) struct PassContext {
    pub(crate) pass: PassRecord,
    pub(crate) plan: Plan,
    pub(crate) compiled: CompiledPlan,
    pub(crate) source: Source,
    pub(crate) destination: Destination,
    pub(crate) owners: Owners,
    /// The only records that the pass is about: a sample's, or what a resolve tries again.
    pub(crate) sample: Option<HashSet<RecordRef>>,
    /// The pass that walked the source first for the records this one is about: its own number, or the pass that it looks at.
    pub(crate) walk: u32,
    /// It takes back a pass that came after others: what those wrote stays.
    pub(crate) later: bool,
    /// Passes that a finished rollback took back: what they changed was given back, and people may have changed it since.
    pub(crate) given_back: HashSet<u32>,
}

impl PassContext {
    /// Whether a stored value is what was written, after the destination's own spelling.
    pub(crate) fn same(
        &self,
        core: &Core,
        object: &ObjectName,
        name: &FieldName,
        value: &Value,
        stored: Option<&Value>,
    ) -> bool {
        let field = self.destination.schema.object(object).and_then(|object| object.fields.get(name));
        same_value(value, stored) || field.is_some_and(|field| core.destination.respells(field, value, stored))
    }

    /// The context of a pass, from memory or from the ledger.
    pub(crate) async fn load(core: &Core, number: u32) -> Result<Arc<Self>> {
        let mut contexts = core.contexts.lock().await;
        if let Some(context) = contexts.get(&number) {
            return Ok(context.clone());
        }
        let facts = Facts(&*core.ledger);
        let pass: PassRecord = facts
            .get("pass", &pass_key(number))
            .await?
            .ok_or_else(|| Error::state("pass.load", "there is no such pass").with_context("pass", number))?;
        let context = Arc::new(describe_pass(core, pass).await?);
        contexts.insert(number, context.clone());
        Ok(context)
    }
}

/// Loads what a pass needs: frozen plan, both descriptions, prepared items, owners.
pub(crate) async fn describe_pass(core: &Core, pass: PassRecord) -> Result<PassContext> {
    let facts = Facts(&*core.ledger);
    let plan: Plan = facts
        .get("document", "plan")
        .await?
        .ok_or_else(|| Error::state("pass.load", "no plan is approved; approve one first"))?;
    let plan = with_decisions(facts, plan).await?;
    let prepared = Prepared(facts.all::<PreparedItem>("prepared").await?.into_iter().collect());
    let source = core.source.describe().await?;
    let destination = core.destination.describe().await?;
    let deferred = deferred_lines(&plan, &destination)?;
    // What takes back maps nothing, and goes on when part of what `prepare` made is gone already.
    let mapped = match pass.kind {
        PassKind::Preview { .. } | PassKind::Rollback { .. } => Plan { mappings: Vec::new(), ..plan.clone() },
        _ => plan.clone(),
    };
    let compiled = CompiledPlan::compile(&mapped, &source.schema, &destination, &core.transforms, &prepared, &deferred)
        .map_err(|problems| plan_error(&problems))?;
    let users = source_users(core, &source).await?;
    let owners = Owners::resolve(&plan.owners, &users, &destination.users);
    let sample = match pass.kind {
        PassKind::Sample => Some(records(facts, "sample").await?),
        PassKind::Resolve => Some(records(facts, REOPENED).await?),
        PassKind::Repair => Some(records(facts, DIFFERING).await?),
        PassKind::Spot => Some(records(facts, SPOT).await?),
        _ => None,
    };
    let passes: Vec<PassRecord> = facts.all("pass").await?.into_iter().map(|(_, pass)| pass).collect();
    let (walk, given_back) = (walk_of(&passes, &pass), given_back(&passes));
    let later = passes.iter().any(|known| pass.kind.takes_back() == Some(known.number) && known.kind.follows());
    Ok(PassContext { pass, plan, compiled, source, destination, owners, sample, walk, later, given_back })
}

async fn records(facts: Facts<'_>, kind: &str) -> Result<HashSet<RecordRef>> {
    Ok(facts.all::<RecordRef>(kind).await?.into_iter().map(|(_, record)| record).collect())
}

/// Whose pages of the source a pass sees: a reconciliation those of the pass that it checks, the last run or delta unless told.
fn walk_of(passes: &[PassRecord], pass: &PassRecord) -> u32 {
    let whole = |known: &&PassRecord| matches!(known.kind, PassKind::Initial | PassKind::Delta);
    match pass.kind {
        PassKind::Reconcile { of: Some(of) } => of,
        PassKind::Reconcile { of: None } | PassKind::Resolve | PassKind::Repair | PassKind::Spot => {
            passes.iter().rfind(whole).map_or(pass.number, |last| last.number)
        }
        _ => pass.number,
    }
}

fn given_back(passes: &[PassRecord]) -> HashSet<u32> {
    let mut numbers = HashSet::new();
    for rollback in passes.iter().filter(|pass| pass.finished.is_some()) {
        if let PassKind::Rollback { of, .. } = rollback.kind {
            numbers.extend(match of {
                Some(of) => of..=of,
                None => 0..=rollback.number,
            });
        }
    }
    numbers
}

/// The lines whose links are set in a later round.
pub(crate) fn deferred_lines(plan: &Plan, destination: &Destination) -> Result<IndexSet<String>> {
    let phases = plan.phases(destination).map_err(|problem| plan_error(&[problem]))?;
    Ok(phases
        .into_iter()
        .filter(|phase| phase.task == PhaseTask::Link)
        .flat_map(|phase| phase.lines.into_values().flatten())
        .collect())
}

/// One error out of a plan's problems: the first in full, and how many more.
pub(crate) fn plan_error(problems: &[crate::Problem]) -> Error {
    let more = problems.len().saturating_sub(1);
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    let error = Error::input("plan.check", first);
    if more == 0 { error } else { error.with_context("more_problems", more) }
}

/// The owners that the source names: bounded by the people in a company.
pub(crate) async fn source_users(core: &Core, source: &Source) -> Result<Vec<SourceUser>> {
    let Some(object) = source.schema.by_concept(ObjectConcept::User) else { return Ok(Vec::new()) };
    let field = |concept| object.by_concept(concept).map(|field| field.name.clone());
    let (email, name) = (field(FieldConcept::Emails), field(FieldConcept::Name));
    let mut users = Vec::new();
    let mut request = PageRequest::first(object.name.clone(), core.settings.page_size);
    loop {
        let page = core.source.read(&request).await?;
        users.extend(page.items.into_iter().map(|record| {
            let text = |field: &Option<crate::FieldName>| {
                field
                    .as_ref()
                    .and_then(|field| record.fields.get(field))
                    .filter(|value| !value.is_empty())
                    .map(ToString::to_string)
            };
            SourceUser { email: text(&email), name: text(&name), id: record.key.id.clone(), records: 0 }
        }));
        match page.next {
            Some(next) => request = request.at(next),
            None => return Ok(users),
        }
    }
}

/// The ledger's key of a pass: sorts by number.
pub(crate) fn pass_key(number: u32) -> String {
    format!("{number:010}")
}
