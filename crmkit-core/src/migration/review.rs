//! The review: what a plan will do, what it costs, what it leaves, and whether it may be approved.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Audit;
use crate::{
    Badge, Digest, ItemKind, MappingId, ObjectConcept, ObjectName, Plan, Problem, Severity, Transforms, custom_fields,
};

mod diff;
mod effort;
mod expect;
mod grade;
mod owners;

pub use diff::{LeftField, LineDiff, LineKind, MappingDiff};
pub use effort::{Effort, Efforts, PhaseCost};
pub use grade::{Compatibility, Factor, FactorKind, FactorWeight, Grade, ObjectFit, Timeline};
pub use owners::{OwnerOutcome, OwnerReview, OwnersReview};

/// What a plan will do, what it costs, what it leaves, and whether it may be approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Always [`Review::FORMAT`].
    pub format: String,
    /// Always [`Review::VERSION`].
    pub version: u32,
    /// The plan reviewed.
    pub plan: Digest,
    /// How much work the move is.
    pub grade: Grade,
    /// How many objects simply go over.
    #[serde(default)]
    pub compatibility: Compatibility,
    /// How long it takes, with the people in it.
    #[serde(default)]
    pub timeline: Timeline,
    /// Lines that are one field to one field.
    pub one_to_one: u64,
    /// Lines in all.
    pub lines: u64,
    /// What is wrong with the plan, and what the audit found: the gravest first. A problem with `audit` as its file points into the
    /// audit, all others point into the plan.
    pub problems: Vec<Problem>,
    /// What becomes of each mapping's fields: the schema diff.
    pub diff: Vec<MappingDiff>,
    /// Source objects that no mapping reads, with their records.
    pub left_behind: IndexMap<ObjectName, u64>,
    /// What `prepare` will make.
    pub items: Vec<PlannedItem>,
    /// Custom fields the account will have.
    pub custom_fields: u64,
    /// Custom fields the account may have, where there is a cap.
    pub custom_field_cap: Option<u64>,
    /// Records per mapping, and how many of them will wait.
    pub expected: Vec<Expected>,
    /// Who will own what.
    #[serde(default)]
    pub owners: OwnersReview,
    /// Calls per phase.
    pub phases: Vec<PhaseCost>,
    /// Calls, tokens and time of all steps.
    #[serde(default)]
    pub efforts: Efforts,
    /// What may start by itself when records arrive, and should be switched off before.
    pub quiet: Vec<QuietItem>,
    /// What a person has to know about both sides and the two together.
    #[serde(default)]
    pub gotchas: Vec<String>,
}

/// The id of the plan's question about what may start by itself.
pub(super) const QUIET: &str = "quiet";

/// What may start by itself when records of an object arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietItem {
    /// The destination object.
    pub object: ObjectName,
    /// What may start.
    pub what: String,
    /// What a person answered in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What a review takes for large and for sure.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReviewOptions {
    /// More records are scoped individually, and raise the grade.
    pub large: u64,
    /// Confidence from which a line counts as sure.
    pub sure: f64,
}

impl Default for ReviewOptions {
    fn default() -> Self {
        Self { large: 2_000_000, sure: 0.9 }
    }
}

/// A schema item that `prepare` will make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedItem {
    /// What it is.
    pub kind: ItemKind,
    /// The object it belongs to.
    pub object: ObjectName,
    /// Its name; a stage's is `Pipeline/Stage`.
    pub name: String,
}

/// Records of a mapping, and how many of them will wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The mapping.
    pub mapping: MappingId,
    /// Records read.
    pub records: u64,
    /// Otherwise there are fewer: the mapping's condition could not be counted.
    pub exact: bool,
    /// Records left out by the plan.
    pub excluded: u64,
    /// Records that stand behind another one.
    pub merged: u64,
    /// Records that will wait, by reason. One record can wait for several reasons.
    pub held: IndexMap<String, u64>,
}

impl Review {
    /// The document's format name.
    pub const FORMAT: &'static str = "crmkit.review";
    /// The document's version.
    pub const VERSION: u32 = 1;
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 3] = ["/owners/owners/*/owner", "/owners/owners/*/email", "/owners/unowned_to"];

    /// Whether something has to be mended before the plan can be approved.
    pub fn blocked(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Block)
    }

    /// The same document without personal data.
    pub fn redacted(mut self) -> Self {
        for (number, owner) in self.owners.owners.iter_mut().enumerate() {
            owner.owner = format!("owner {}", number + 1);
            owner.email = owner.email.take().map(|_| "…".to_owned());
        }
        self.owners.unowned_to = self.owners.unowned_to.take().map(|_| "…".to_owned());
        self
    }
}

/// Reviews a plan against an audit. Pure: the same inputs give the same document.
///
/// ```no_run
/// # fn show(plan: &crmkit_core::Plan, audit: &crmkit_core::Audit) {
/// let review = crmkit_core::review(plan, audit, &crmkit_core::Transforms::standard());
/// if review.blocked() {
///     println!("{}", review.to_markdown());
/// }
/// # }
/// ```
pub fn review(plan: &Plan, audit: &Audit, transforms: &Transforms) -> Review {
    review_with(plan, audit, transforms, &ReviewOptions::default())
}

/// As [`review`], with other bounds.
pub fn review_with(plan: &Plan, audit: &Audit, transforms: &Transforms, options: &ReviewOptions) -> Review {
    let destination = &audit.destination;
    let diff: Vec<MappingDiff> = plan.mappings.iter().map(|mapping| diff::mapping(plan, mapping, audit)).collect();
    let badges = || diff.iter().flat_map(|mapping| &mapping.lines).map(|line| line.badge);
    let expected: Vec<Expected> = plan.mappings.iter().map(|mapping| expect::expected(plan, mapping, audit)).collect();
    let mapped: BTreeSet<&ObjectName> = plan.mappings.iter().map(|mapping| &mapping.from).collect();
    let items = items(plan);
    let phases = effort::phases(plan, audit, &expected);
    let efforts = effort::efforts(plan, audit, &expected, &phases, &items);
    let judging = grade::Judging { plan, audit, options, efforts: &efforts };
    let (grade, compatibility) = (judging.grade(), judging.compatibility());
    let timeline = judging.timeline(grade.letter);
    let mut problems = plan.check(&audit.source, destination, transforms);
    problems.extend(foreseen(plan, audit, &expected, &efforts, options));
    problems.extend(audit.problems.iter().cloned().map(|problem| match problem.file {
        None => problem.in_file("audit", None),
        Some(_) => problem,
    }));
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let gotchas = [&audit.source.gotchas, &destination.gotchas, &audit.pair_gotchas];
    Review {
        format: Review::FORMAT.to_owned(),
        version: Review::VERSION,
        plan: plan.fingerprint(),
        grade,
        compatibility,
        timeline,
        one_to_one: badges().filter(|badge| *badge == Badge::OneToOne).count() as u64,
        lines: badges().count() as u64,
        problems,
        left_behind: audit
            .objects
            .iter()
            .filter(|(name, object)| object.records > 0 && !mapped.contains(name) && !is_prepared(audit, name))
            .map(|(name, object)| (name.clone(), object.records))
            .collect(),
        items,
        custom_fields: custom_fields(plan, destination),
        custom_field_cap: destination.caps.get("custom_fields").copied(),
        phases,
        expected,
        owners: owners::owners(plan, audit),
        efforts,
        quiet: quiet(plan, audit),
        gotchas: gotchas.into_iter().flatten().cloned().collect(),
        diff,
    }
}

/// What only counts show: caps, budgets, and shares of records that will wait.
fn foreseen(
    plan: &Plan,
    audit: &Audit,
    expected: &[Expected],
    efforts: &Efforts,
    options: &ReviewOptions,
) -> Vec<Problem> {
    use ObjectConcept as O;
    let mut problems = Vec::new();
    let mut say = |severity, code: &str, place: String, message: String, remedy: &str| {
        problems.push(Problem::new(severity, code, message, remedy).at(place));
    };
    for (index, known) in expected.iter().enumerate() {
        let written = known.written();
        // One record can wait for several reasons: the largest of them is certain.
        let held = known.held.values().copied().max().unwrap_or_default();
        if written > 0 && held as f64 > plan.stop_when * written as f64 {
            let message =
                format!("{held} of {written} records of {} will wait, more than stop_when allows", known.mapping);
            let remedy = "resolve them in the plan, or expect the run to stop after this phase and ask";
            say(Severity::Warn, "too_many_held", format!("/mappings/{index}"), message, remedy);
        }
    }
    for (name, cap) in &audit.destination.caps {
        let counted: &[O] = match name.as_str() {
            "open_deals" | "deals" => &[O::Deal, O::Lead],
            "contacts" | "people" | "persons" => &[O::Person],
            "organizations" | "companies" | "accounts" => &[O::Organization],
            _ => continue,
        };
        let counts = |known: &&Expected| {
            let to = plan.mapping(&known.mapping).and_then(|mapping| audit.destination.schema.object(&mapping.to));
            to.and_then(|to| to.concept).is_some_and(|concept| counted.contains(&concept))
        };
        let records: u64 = expected.iter().filter(counts).map(Expected::written).sum();
        if records > *cap {
            let message = format!(
                "{records} records count towards {}, of which the account may have {cap}",
                name.replace('_', " ")
            );
            let remedy =
                "take a larger plan of the destination, or leave records behind; those past it will be refused";
            say(Severity::Hold, "cap_exceeded", String::new(), message, remedy);
        }
    }
    let records: u64 = expected.iter().map(Expected::written).sum();
    if records > options.large {
        let message = format!("{records} records are more than {}", options.large);
        say(Severity::Warn, "large", String::new(), message, "scope this move individually");
    }
    if let Some(days) = efforts.days.filter(|days| *days > 1) {
        let message = format!("the account's limits spread the move over {days} days");
        say(Severity::Warn, "several_days", String::new(), message, "begin early, or ask for a larger budget");
    }
    if audit.destination.allowance.as_ref().is_some_and(|allowance| !allowance.published) {
        let message = "the destination's limits are a guess";
        say(Severity::Warn, "limits_assumed", String::new(), message.to_owned(), "ask the vendor before the run");
    }
    problems
}

/// What may start by itself, for the objects that the plan writes.
fn quiet(plan: &Plan, audit: &Audit) -> Vec<QuietItem> {
    let written: BTreeSet<&ObjectName> = plan.mappings.iter().map(|mapping| &mapping.to).collect();
    let told = audit.destination.quiet.iter().filter(|(object, _)| written.contains(object));
    let asked = plan.questions.iter().find(|question| question.id == QUIET);
    let answer = asked.and_then(|question| question.answer.clone());
    let item = |object: &ObjectName, what: &String| QuietItem {
        object: object.clone(),
        what: what.clone(),
        answer: answer.clone(),
    };
    told.flat_map(|(object, what)| what.iter().map(|what| item(object, what)).collect::<Vec<_>>()).collect()
}

/// Whether an object is matched or made beforehand, and so needs no mapping.
fn is_prepared(audit: &Audit, object: &ObjectName) -> bool {
    let concept = audit.source.schema.object(object).and_then(|object| object.concept);
    matches!(concept, Some(ObjectConcept::User | ObjectConcept::Pipeline | ObjectConcept::Stage))
}

fn items(plan: &Plan) -> Vec<PlannedItem> {
    let mut items = Vec::new();
    let mut add =
        |kind, object: &ObjectName, name: String| items.push(PlannedItem { kind, object: object.clone(), name });
    for object in plan.objects.iter().filter(|object| object.use_existing.is_none()) {
        add(ItemKind::Object, &object.reference(), object.name.clone());
    }
    for pipeline in plan.pipelines.iter().filter(|pipeline| pipeline.use_existing.is_none()) {
        add(ItemKind::Pipeline, &pipeline.object, pipeline.name.clone());
    }
    for pipeline in &plan.pipelines {
        for stage in &pipeline.stages {
            add(ItemKind::Stage, &pipeline.object, format!("{}/{}", pipeline.name, stage.name));
        }
    }
    for field in plan.fields.iter().filter(|field| field.use_existing.is_none()) {
        add(ItemKind::Field, &field.object, field.name.clone());
    }
    for listed in &plan.items {
        for name in &listed.names {
            add(listed.kind, &listed.object, name.clone());
        }
    }
    items
}

#[cfg(test)]
mod tests;
