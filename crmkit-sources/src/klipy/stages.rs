//! Pipelines and stages: their order, and how they become the destination's.

use crmkit_core::Value;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    combine::{Draft, link},
    harvest::Harvest,
};
use crate::allegory::folded;

/// Where deals are whose row names no pipeline.
pub(super) const ONLY_PIPELINE: &str = "Sales";

/// The vendor's stages, in order, unless somebody renamed them.
const USUAL: [&str; 6] = ["Prospecting", "Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost"];

/// Stages by pipeline, in order.
#[derive(Debug, Default)]
pub(super) struct Stages {
    pipelines: IndexMap<String, IndexMap<String, Stage>>,
}

#[derive(Clone, Debug, Default)]
struct Stage {
    name: String,
    position: Option<i64>,
    outcome: Option<&'static str>,
}

/// The id of a stage, and what a deal's field holds.
pub(super) fn stage_id(pipeline: &str, stage: &str) -> String {
    format!("{pipeline}/{stage}")
}

fn outcome(word: &str) -> Option<&'static str> {
    let word = folded(word);
    ["won", "lost", "open"].into_iter().find(|outcome| word.contains(outcome))
}

impl Stages {
    /// The stages that the files describe.
    pub(super) fn of(harvest: &Harvest) -> Self {
        let mut stages = Self::default();
        let mut ordered: Vec<(i64, &str)> = harvest
            .rows("pipelines.csv")
            .filter_map(|(table, row)| {
                let position = table.get(row, "Position").and_then(|text| text.parse().ok());
                Some((position.unwrap_or(i64::MAX), table.get(row, "Pipeline")?))
            })
            .collect();
        ordered.sort();
        for (_, name) in ordered {
            stages.pipelines.entry(name.to_owned()).or_default();
        }
        for (table, row) in harvest.rows("stages.csv") {
            let Some(name) = table.get(row, "Stage") else { continue };
            let pipeline = table.get(row, "Pipeline").unwrap_or(ONLY_PIPELINE);
            let position = table.get(row, "Position").and_then(|text| text.parse().ok());
            let told = table.get(row, "Outcome").and_then(outcome);
            let stage = stages.stage(pipeline, name);
            stage.position = position;
            stage.outcome = told.or(stage.outcome);
        }
        stages
    }

    fn stage(&mut self, pipeline: &str, name: &str) -> &mut Stage {
        let stages = self.pipelines.entry(pipeline.to_owned()).or_default();
        stages.entry(folded(name)).or_insert_with(|| {
            let usual = USUAL.iter().position(|usual| folded(usual) == folded(name));
            let position = usual.and_then(|place| i64::try_from(place + 1).ok());
            Stage { name: name.to_owned(), position, outcome: outcome(name) }
        })
    }

    /// The stage that a deal is in, as its field holds it.
    pub(super) fn of_deal(&mut self, pipeline: &str, name: &str) -> String {
        stage_id(pipeline, &self.stage(pipeline, name).name)
    }

    /// Whether a stage is won, lost or open.
    pub(super) fn outcome(&self, id: &str) -> Option<&'static str> {
        self.each().find(|(found, ..)| found == id).and_then(|(_, _, stage)| stage.outcome)
    }

    /// A further pipeline gets all stages of the one that its deals come from.
    pub(super) fn spread(&mut self, from: &str, to: &str) {
        if from != to
            && let Some(stages) = self.pipelines.get(from).cloned()
        {
            let own = self.pipelines.entry(to.to_owned()).or_default();
            for (key, stage) in stages {
                own.entry(key).or_insert(stage);
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (String, &str, &Stage)> {
        self.pipelines.iter().flat_map(|(pipeline, stages)| {
            let mut stages: Vec<&Stage> = stages.values().collect();
            stages.sort_by_key(|stage| stage.position.unwrap_or(i64::MAX));
            stages.into_iter().map(move |stage| (stage_id(pipeline, &stage.name), pipeline.as_str(), stage))
        })
    }

    /// Ids of all stages, pipeline by pipeline, in order.
    pub(super) fn labels(&self) -> impl Iterator<Item = String> {
        self.each().map(|(id, ..)| id)
    }

    pub(super) fn pipelines(&self) -> impl Iterator<Item = &str> {
        self.pipelines.keys().map(String::as_str)
    }

    /// Both as records.
    pub(super) fn drafts(&self) -> [Vec<Draft>; 2] {
        let pipelines = self.pipelines().enumerate().map(|(place, name)| {
            let mut draft = Draft::new(name, "pipelines", None);
            draft.offer("name", Value::text(name));
            draft.offer("position", i64::try_from(place + 1).ok().map(Value::Int));
            draft
        });
        let stages = self.each().map(|(id, pipeline, stage)| {
            let mut draft = Draft::new(id, "stages", None);
            draft.offer("name", Value::text(stage.name.as_str()));
            draft.offer("pipeline", link("pipelines", pipeline));
            draft.offer("position", stage.position.map(Value::Int));
            draft.offer("kind", Value::option(stage.outcome.unwrap_or("open")));
            draft
        });
        [pipelines.collect(), stages.collect()]
    }
}

/// What becomes of one stage, for the customer to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageDecision {
    /// The source's stage.
    pub from: String,
    /// The destination's stage.
    pub to: String,
    /// Under its own name; otherwise it shares a stage with others, or takes one of another name.
    pub verbatim: bool,
    /// Why.
    pub reason: String,
}

/// Maps the stages of a pipeline to those that the destination has: each to the one of its name, and the others, in order, to those
/// that are left at about the same place. Where the destination has none, every stage is made as it is.
///
/// ```
/// use crmkit_sources::klipy::propose_stages;
/// let decisions = propose_stages(&["Prospecting", "Discovery", "Proposal", "Negotiation"], &["Discovery", "Offer"]);
/// let map: Vec<_> = decisions.iter().map(|decision| (decision.from.as_str(), decision.to.as_str())).collect();
/// assert_eq!(map, [("Prospecting", "Discovery"), ("Discovery", "Discovery"), ("Proposal", "Offer"), ("Negotiation", "Offer")]);
/// assert!(propose_stages(&["Proposal"], &[]).iter().all(|decision| decision.verbatim));
/// ```
pub fn propose_stages(from: &[&str], to: &[&str]) -> Vec<StageDecision> {
    let decision = |from: &str, to: &str, verbatim: bool, reason: &str| StageDecision {
        from: from.to_owned(),
        to: to.to_owned(),
        verbatim,
        reason: reason.to_owned(),
    };
    if to.is_empty() {
        return from.iter().map(|name| decision(name, name, true, "the stage is made as it is")).collect();
    }
    let same = |name: &str| to.iter().position(|other| folded(other) == folded(name));
    // Anchors keep their order: a stage of the same name out of turn would move deals backwards between its neighbours.
    let mut anchors: Vec<Option<usize>> = Vec::new();
    let mut last = 0;
    for name in from {
        let anchor = same(name).filter(|place| *place >= last);
        last = anchor.unwrap_or(last);
        anchors.push(anchor);
    }
    let mut decisions = Vec::new();
    for (place, name) in from.iter().enumerate() {
        if let Some(own) = anchors[place] {
            decisions.push(decision(name, to[own], true, "both have a stage of this name"));
            continue;
        }
        let before = anchors[..place].iter().rev().flatten().next().copied();
        let after = anchors[place..].iter().flatten().next().copied();
        let first_of_gap = anchors[..place].iter().rposition(Option::is_some).map_or(0, |at| at + 1);
        let gap = anchors[place..].iter().position(Option::is_some).map_or(from.len(), |at| place + at) - first_of_gap;
        let low = before.map_or(0, |at| (at + 1).min(to.len() - 1));
        let high = after.map_or(to.len() - 1, |at| at.saturating_sub(1));
        let chosen = match (low <= high, before, after) {
            (true, ..) => low + (place - first_of_gap) * (high - low + 1) / gap.max(1),
            (false, Some(before), _) => before,
            (false, None, after) => after.unwrap_or(0),
        };
        let chosen = chosen.min(to.len() - 1);
        let reason = "no stage has this name; this one stands at the same place of the pipeline";
        decisions.push(decision(name, to[chosen], false, reason));
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_never_move_backwards_and_none_is_lost() {
        let cases: [(&[&str], &[&str], &[&str]); 6] = [
            (&["A", "B", "C"], &["A", "B", "C"], &["A", "B", "C"]),
            (&["A", "B", "C", "D"], &["X", "Y"], &["X", "X", "Y", "Y"]),
            (&["A", "B", "C"], &["b"], &["b", "b", "b"]),
            (&["A", "B"], &["X", "Y", "Z"], &["X", "Y"]),
            (&["A", "New", "C"], &["A", "C"], &["A", "A", "C"]),
            (&["C", "A"], &["A", "B", "C"], &["C", "C"]),
        ];
        for (from, to, wanted) in cases {
            let decisions = propose_stages(from, to);
            let got: Vec<&str> = decisions.iter().map(|decision| decision.to.as_str()).collect();
            assert_eq!(got, wanted, "{from:?} to {to:?}");
            let places: Vec<_> = got.iter().map(|name| to.iter().position(|other| other == name)).collect();
            assert!(places.is_sorted(), "{from:?} to {to:?}");
        }
    }
}
