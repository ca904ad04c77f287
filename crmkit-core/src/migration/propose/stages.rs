//! Pipelines and stages to make, and the lines that put deals into them.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{Lines, Proposing, lines::folded, why};
use crate::{
    Badge, ExistingItem, FieldConcept, FieldSchema, FieldType, ItemKind, Permission, PipelinePlan, StagePlan,
    TransformCall,
};

/// What a stage means for the deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Open,
    Won,
    Lost,
}

/// A stage of the source, by the label that its values have.
struct Stage {
    label: String,
    pipeline: String,
    name: String,
    outcome: Outcome,
    position: i64,
    /// The source tells the position.
    ordered: bool,
    probability: Option<u8>,
}

/// Where a source says nothing about pipelines, its stages are put into one of this name.
const ONLY_PIPELINE: &str = "Sales";

impl<'a> Proposing<'a> {
    pub(super) fn stage_lines(&mut self, lines: &mut Lines<'a>) {
        let (Some(target), Some(field)) = (lines.to.by_concept(FieldConcept::Stage), lines.source(FieldConcept::Stage))
        else {
            return;
        };
        let stages = self.stages(lines, field);
        if !target.writable || stages.is_empty() {
            return;
        }
        let table = self.pipelines(lines, &stages);
        let calls = vec![TransformCall::with("value_map", Json::Object(table))];
        let reason = "stages are made as in the source; closed deals stay in the last open stage of their pipeline";
        let closed = stages.iter().any(|stage| stage.outcome != Outcome::Open);
        let badge = if closed { Badge::OneToMany } else { Badge::OneToOne };
        lines.add(&[field], target.name.as_str(), calls, why(badge, 0.9, reason));
        if let Some(pipeline) = lines.source(FieldConcept::Pipeline) {
            lines.used.insert(pipeline.name.clone());
        }
        self.outcome_lines(lines, field, &stages);
    }

    fn stages(&self, lines: &Lines<'a>, field: &FieldSchema) -> Vec<Stage> {
        let mut labels: Vec<(String, Option<&str>)> =
            field.options.iter().map(|option| (option.label.clone(), Some(option.id.as_str()))).collect();
        if labels.is_empty() {
            labels = self.labels(lines.from, field).into_iter().map(|label| (label, None)).collect();
        }
        let mut stages: Vec<Stage> = labels
            .into_iter()
            .enumerate()
            .map(|(place, (label, id))| {
                let known = self.audit.stages.iter().find(|stage| id.is_some_and(|id| stage.id == *id));
                let (pipeline, name) = match label.split_once('/') {
                    Some((pipeline, name)) => (pipeline.to_owned(), name.to_owned()),
                    None => (ONLY_PIPELINE.to_owned(), label.clone()),
                };
                let told = known.and_then(|stage| stage.kind.as_deref()).unwrap_or(&name);
                Stage {
                    outcome: outcome(told),
                    position: known.and_then(|stage| stage.position).unwrap_or_else(|| guessed(&name, place)),
                    ordered: known.is_some_and(|stage| stage.position.is_some()),
                    probability: known.and_then(|stage| stage.probability),
                    label,
                    pipeline,
                    name,
                }
            })
            .collect();
        stages.sort_by_key(|stage| stage.position);
        stages
    }

    /// Plans the pipelines and gives the value map into their stages.
    fn pipelines(&mut self, lines: &Lines<'a>, stages: &[Stage]) -> serde_json::Map<String, Json> {
        let mut by_pipeline: IndexMap<&str, Vec<&Stage>> = IndexMap::new();
        stages.iter().for_each(|stage| by_pipeline.entry(&stage.pipeline).or_default().push(stage));
        let mut table = serde_json::Map::new();
        for (pipeline, stages) in by_pipeline {
            let mut open: Vec<&Stage> = stages.iter().copied().filter(|stage| stage.outcome == Outcome::Open).collect();
            if open.is_empty() {
                open.push(stages[0]);
            }
            if open.len() > 1 && open.iter().any(|stage| !stage.ordered) {
                let names: Vec<&str> = open.iter().map(|stage| stage.name.as_str()).collect();
                let text = format!(
                    "The source does not tell the order of the stages of {pipeline}. Is it {}? Otherwise mend the plan first.",
                    names.join(", ")
                );
                self.ask(format!("stages.{pipeline}"), "", text, vec!["yes".to_owned()]);
            }
            let last = format!("{pipeline}/{}", open[open.len() - 1].name);
            for stage in &stages {
                let own = open.iter().any(|known| known.name == stage.name);
                let to = if own { format!("{pipeline}/{}", stage.name) } else { last.clone() };
                table.insert(stage.label.clone(), Json::from(to));
            }
            let mut planned: Vec<StagePlan> = Vec::new();
            for stage in open {
                if planned.iter().all(|known| known.name != stage.name) {
                    planned.push(StagePlan { name: stage.name.clone(), probability: stage.probability });
                }
            }
            let object = lines.to.name.clone();
            if !self.plan.pipelines.iter().any(|known| known.object == object && known.name == pipeline) {
                let name = pipeline.to_owned();
                let use_existing = self.made_by_hand(&name);
                self.plan.pipelines.push(PipelinePlan { object, name, use_existing, stages: planned });
            }
        }
        table
    }

    /// The pipeline of that name, where the interface can make none: people made it.
    fn made_by_hand(&self, name: &str) -> Option<String> {
        let destination = &self.audit.destination;
        let by_hand = destination.permissions.get("pipelines") == Some(&Permission::No);
        let fits = |known: &&ExistingItem| known.item.kind == ItemKind::Pipeline && known.item.name == name;
        destination.items.iter().find(fits).filter(|_| by_hand).map(|known| known.id.clone())
    }

    /// Won and lost: the status, and when.
    fn outcome_lines(&mut self, lines: &mut Lines<'a>, stage: &'a FieldSchema, stages: &[Stage]) {
        let status = lines.source(FieldConcept::Status).filter(|field| self.filled(lines.from, field) > 0);
        let (selector, outcomes): (&FieldSchema, Vec<(String, Outcome)>) = match status {
            Some(status) => {
                let labels = self.labels(lines.from, status);
                (status, labels.into_iter().map(|label| (label.clone(), outcome(&label))).collect())
            }
            None => (stage, stages.iter().map(|stage| (stage.label.clone(), stage.outcome)).collect()),
        };
        if let Some(target) = lines.to.by_concept(FieldConcept::Status).filter(|field| lines.is_free(field)) {
            let label = |wanted: Outcome| {
                target
                    .options
                    .iter()
                    .find(|option| outcome_word(&option.label) == Some(wanted))
                    .map(|option| &option.label)
            };
            let table: serde_json::Map<String, Json> = outcomes
                .iter()
                .filter_map(|(from, outcome)| Some((from.clone(), Json::from(label(*outcome)?.as_str()))))
                .collect();
            if table.len() == outcomes.len() && !table.is_empty() {
                let calls = vec![TransformCall::with("value_map", Json::Object(table))];
                let badge = if status.is_some() { Badge::OneToOne } else { Badge::OneToMany };
                let reason = format!("won and lost are told by {}", selector.label);
                lines.add(&[selector], target.name.as_str(), calls, why(badge, 0.9, reason));
            }
        }
        let those = |wanted: &[Outcome]| -> Vec<String> {
            outcomes.iter().filter(|(_, outcome)| wanted.contains(outcome)).map(|(label, _)| label.clone()).collect()
        };
        let times = [
            (FieldConcept::WonAt, those(&[Outcome::Won])),
            (FieldConcept::LostAt, those(&[Outcome::Lost])),
            (FieldConcept::ClosedAt, those(&[Outcome::Won, Outcome::Lost])),
        ];
        for (concept, labels) in times {
            let own = lines.source(concept).filter(|field| self.filled(lines.from, field) > 0);
            let is_own = own.is_some() && concept != FieldConcept::ClosedAt;
            let closed = lines.source(FieldConcept::ClosedAt).filter(|field| self.filled(lines.from, field) > 0);
            let target = lines.to.by_concept(concept).filter(|field| lines.is_free(field));
            let (Some(target), Some(closed), false) = (target, closed, is_own || labels.is_empty()) else { continue };
            let Some((after, badge)) = self.bridge(lines.from, closed, &target.ty) else { continue };
            let mut calls = vec![TransformCall::with("only_if", labels)];
            calls.extend(after);
            let reason = format!("{} of deals that {} tells are closed so", closed.label, selector.label);
            let badge = if badge == Badge::OneToOne { Badge::ManyToOne } else { badge };
            lines.add(&[selector, closed], target.name.as_str(), calls, why(badge, 0.85, reason));
        }
    }

    /// The labels of a pick-list's values: those of the schema, or those that occur.
    pub(super) fn labels(&self, object: &crate::ObjectSchema, field: &FieldSchema) -> Vec<String> {
        if !field.options.is_empty() {
            return field.options.iter().map(|option| option.label.clone()).collect();
        }
        let Some(profile) = self.profile(object, &field.name) else { return Vec::new() };
        let complete = profile.is_complete() || matches!(field.ty, FieldType::Option | FieldType::Options);
        if complete && profile.distinct.exact { profile.top.keys().cloned().collect() } else { Vec::new() }
    }
}

/// Where a stage of that name usually stands; after those, in the order found.
fn guessed(name: &str, place: usize) -> i64 {
    const USUAL: [&str; 12] = [
        "new", "lead", "prospect", "contact", "qualif", "engag", "meeting", "demo", "proposal", "quote", "negotiat",
        "contract",
    ];
    let name = folded(name);
    let usual = USUAL.iter().position(|word| name.contains(word));
    usual.map_or(1_000 + place as i64, |place| place as i64)
}

fn outcome(text: &str) -> Outcome {
    outcome_word(text).unwrap_or(Outcome::Open)
}

/// What a word tells about a deal, in the languages of the exports seen so far.
fn outcome_word(text: &str) -> Option<Outcome> {
    let text = folded(text);
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if any(&["won", "vunn", "gewonn", "gagn"]) => Some(Outcome::Won),
        () if any(&["lost", "förlor", "forlor", "tapt", "verlor", "perdu", "abandon"]) => Some(Outcome::Lost),
        () if any(&["open"]) => Some(Outcome::Open),
        () => None,
    }
}
