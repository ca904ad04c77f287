//! The review: what a plan will do, what it costs, what it leaves, and whether it may be approved.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Audit;
use crate::{
    Badge, Digest, FieldName, ItemKind, Mapping, MappingId, ObjectConcept, ObjectName, PhaseTask, Plan, Problem,
    Severity, Transforms, custom_fields,
};

mod expect;

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
    /// Lines that are one field to one field.
    pub one_to_one: u64,
    /// Lines in all.
    pub lines: u64,
    /// What is wrong with the plan, and what the audit found.
    pub problems: Vec<Problem>,
    /// What becomes of each mapping's fields.
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
    /// Calls per phase.
    pub phases: Vec<PhaseCost>,
    /// What may start by itself when records arrive, and should be switched off before.
    pub quiet: Vec<String>,
}

/// How much work a move is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// `A` to `D`.
    pub letter: char,
    /// `Simple`, `Standard`, `Moderate` or `Complex`.
    pub label: String,
    /// Why.
    pub reason: String,
}

/// What becomes of a mapping's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingDiff {
    /// The mapping.
    pub mapping: MappingId,
    /// The source object.
    pub from: ObjectName,
    /// The destination object.
    pub to: ObjectName,
    /// Its lines.
    pub lines: Vec<LineDiff>,
    /// Source fields with values that no line reads.
    pub left_out: Vec<FieldName>,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDiff {
    /// The line.
    pub line: String,
    /// The source fields.
    pub from: Vec<FieldName>,
    /// The destination field.
    pub to: String,
    /// How the two relate.
    pub badge: Badge,
    /// The transforms, by name.
    pub transforms: Vec<String>,
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

/// Calls of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCost {
    /// The phase.
    pub phase: u16,
    /// What is done in it.
    pub task: PhaseTask,
    /// The mappings.
    pub mappings: Vec<MappingId>,
    /// Most writing calls: records by batch size.
    pub writes: u64,
    /// Records that are read back to verify them.
    pub read_back: u64,
}

impl Review {
    /// The document's format name.
    pub const FORMAT: &'static str = "crmkit.review";
    /// The document's version.
    pub const VERSION: u32 = 1;
    /// The document names no people.
    pub const PERSONAL: [&'static str; 0] = [];

    /// Whether something has to be mended before the plan can be approved.
    pub fn blocked(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Block)
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
    let destination = &audit.destination;
    let mut problems = plan.check(&audit.source, destination, transforms);
    problems.extend(audit.problems.iter().cloned());
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let diff: Vec<MappingDiff> = plan.mappings.iter().map(|mapping| mapping_diff(mapping, audit)).collect();
    let badges = || diff.iter().flat_map(|mapping| &mapping.lines).map(|line| line.badge);
    let expected: Vec<Expected> = plan.mappings.iter().map(|mapping| expect::expected(plan, mapping, audit)).collect();
    let mapped: BTreeSet<&ObjectName> = plan.mappings.iter().map(|mapping| &mapping.from).collect();
    Review {
        format: Review::FORMAT.to_owned(),
        version: Review::VERSION,
        plan: plan.fingerprint(),
        grade: grade(plan, audit),
        one_to_one: badges().filter(|badge| *badge == Badge::OneToOne).count() as u64,
        lines: badges().count() as u64,
        problems,
        left_behind: audit
            .objects
            .iter()
            .filter(|(name, object)| object.records > 0 && !mapped.contains(name) && !is_prepared(audit, name))
            .map(|(name, object)| (name.clone(), object.records))
            .collect(),
        items: items(plan),
        custom_fields: custom_fields(plan, destination),
        custom_field_cap: destination.caps.get("custom_fields").copied(),
        phases: phases(plan, audit, &expected),
        expected,
        quiet: destination.gotchas.clone(),
        diff,
    }
}

/// Whether an object is matched or made beforehand, and so needs no mapping.
fn is_prepared(audit: &Audit, object: &ObjectName) -> bool {
    let concept = audit.source.schema.object(object).and_then(|object| object.concept);
    matches!(concept, Some(ObjectConcept::User | ObjectConcept::Pipeline | ObjectConcept::Stage))
}

fn mapping_diff(mapping: &Mapping, audit: &Audit) -> MappingDiff {
    let used: BTreeSet<&FieldName> = mapping.fields.iter().flat_map(|line| &line.from).collect();
    let fields = audit.objects.get(&mapping.from).map(|object| &object.fields);
    let line = |line: &crate::FieldLine| LineDiff {
        line: line.id.clone(),
        from: line.from.clone(),
        to: line.to.clone(),
        badge: line.badge.unwrap_or(match (&line.from[..], line.to.starts_with("custom:")) {
            (_, true) => Badge::Folded,
            ([_, _, ..], _) => Badge::ManyToOne,
            _ => Badge::OneToOne,
        }),
        transforms: line.transforms.iter().map(|call| call.name.clone()).collect(),
    };
    MappingDiff {
        mapping: mapping.id.clone(),
        from: mapping.from.clone(),
        to: mapping.to.clone(),
        lines: mapping.fields.iter().map(line).collect(),
        left_out: fields
            .into_iter()
            .flatten()
            .filter(|(name, profile)| profile.filled > 0 && !used.contains(name))
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

fn items(plan: &Plan) -> Vec<PlannedItem> {
    let mut items = Vec::new();
    let mut add =
        |kind, object: &ObjectName, name: String| items.push(PlannedItem { kind, object: object.clone(), name });
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
    items
}

fn phases(plan: &Plan, audit: &Audit, expected: &[Expected]) -> Vec<PhaseCost> {
    let records = |id: &MappingId| expected.iter().find(|known| known.mapping == *id).map_or(0, Expected::written);
    let batch = |id: &MappingId| {
        let abilities = plan.mapping(id).and_then(|mapping| audit.destination.abilities.get(&mapping.to));
        abilities.map_or(1, |abilities| abilities.batch.max(1)) as u64
    };
    let phases = plan.phases(&audit.destination).unwrap_or_default();
    let cost = |phase: crate::PhasePlan| PhaseCost {
        phase: phase.index,
        task: phase.task,
        writes: phase.mappings.iter().map(|id| records(id).div_ceil(batch(id))).sum(),
        read_back: phase.mappings.iter().map(records).sum(),
        mappings: phase.mappings,
    };
    phases.into_iter().map(cost).collect()
}

/// The grade: how many of the eight kinds of objects do not simply go over, one step up for very large moves.
fn grade(plan: &Plan, audit: &Audit) -> Grade {
    use ObjectConcept as O;
    let kinds = [O::Organization, O::Person, O::Lead, O::Deal, O::Activity, O::Note, O::File, O::CustomObject];
    let objects = |kind: O| audit.source.schema.objects.values().filter(move |object| object.concept == Some(kind));
    let needs = |kind: &&O| {
        objects(**kind).filter(|object| audit.records(&object.name) > 0).any(|object| {
            let mut mappings = plan.mappings.iter().filter(|mapping| mapping.from == object.name).peekable();
            let plain = |mapping: &Mapping| {
                let same = audit.destination.schema.object(&mapping.to).and_then(|to| to.concept) == Some(**kind);
                let badge =
                    |badge: Option<Badge>| badge.is_none_or(|badge| matches!(badge, Badge::OneToOne | Badge::Folded));
                same && mapping.fields.iter().all(|line| badge(line.badge))
            };
            mappings.peek().is_none() || !mappings.all(plain)
        })
    };
    let needing = kinds.iter().filter(needs).count();
    let records: u64 = audit.objects.values().map(|object| object.records).sum();
    let large = records > 2_000_000;
    let step = match needing {
        0..=1 => 0,
        2..=3 => 1,
        4..=6 => 2,
        _ => 3,
    };
    let step = if large { (step + 1).min(3) } else { step };
    let (letter, label) = [('A', "Simple"), ('B', "Standard"), ('C', "Moderate"), ('D', "Complex")][step];
    let more = if large { "; one step up for more than 2 million records" } else { "" };
    Grade { letter, label: label.to_owned(), reason: format!("{needing} of 8 kinds of objects need a mapping{more}") }
}

#[cfg(test)]
mod tests;
