//! The order in which mappings are written: phases by what links to what, and the links that wait for a later round.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::IndexMap;
use petgraph::{algo::tarjan_scc, graph::DiGraph};
use serde::{Deserialize, Serialize};

use super::{FieldLine, Mapping, Plan};
use crate::{Destination, FieldSchema, FieldType, MappingId, Problem, Severity};

/// Mappings that are worked on together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasePlan {
    /// Its place, from 0.
    pub index: u16,
    /// What is done in it.
    pub task: PhaseTask,
    /// The mappings, in plan order.
    pub mappings: Vec<MappingId>,
    /// Of a [`PhaseTask::Link`]: the ids of each mapping's lines that are written now.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub lines: IndexMap<MappingId, Vec<String>>,
}

/// What is done in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseTask {
    /// Records are written, without their deferred links.
    Write,
    /// Deferred links of written records are set.
    Link,
}

/// Lines of one mapping that link to another one.
struct Arc {
    from: usize,
    to: usize,
    /// One of the lines cannot wait.
    required: bool,
    /// Lines that could wait, by their place in the mapping.
    lines: Vec<usize>,
}

impl Plan {
    /// The order of the mappings, with the links that wait.
    ///
    /// Mappings that need nothing from each other share a phase. Links within one mapping, and links that the destination keeps
    /// as records of their own, always wait. Where mappings link in a circle, the fewest optional links wait, those of the mapping
    /// listed first before others. Waiting links are set in a phase right after the one that writes their later end.
    ///
    /// # Errors
    /// A circle of required links, which nothing can begin; the message names the path.
    ///
    /// ```
    /// use crmkit_core::{Destination, Plan, PlanEnd};
    /// # let json = serde_json::json!({"kind": "mock", "account": "1", "schema": {"objects": {}}, "abilities": {}, "users": [],
    /// #     "items": [], "permissions": {}, "caps": {}, "gotchas": []});
    /// # let destination: Destination = serde_json::from_value(json).unwrap();
    /// let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    /// assert_eq!(Plan::new(end("allegory"), end("pipedrive")).phases(&destination), Ok(vec![]));
    /// ```
    #[allow(clippy::result_large_err, reason = "asked for once, not per record")]
    pub fn phases(&self, destination: &Destination) -> Result<Vec<PhasePlan>, Problem> {
        let destination = &*self.prepared(destination);
        let (arcs, mut deferred) = self.arcs(destination);
        if let Some(path) = cycle(self.mappings.len(), arcs.iter().filter(|arc| arc.required)) {
            return Err(self.required_cycle(&path));
        }
        let waiting = waiting_arcs(self.mappings.len(), &arcs);
        for arc in waiting.iter().map(|index| &arcs[*index]) {
            deferred.extend(arc.lines.iter().map(|line| (arc.from, *line, arc.to)));
        }
        let kept = arcs.iter().enumerate().filter(|(index, _)| !waiting.contains(index)).map(|(_, arc)| arc);
        let levels = levels(self.mappings.len(), &kept.collect::<Vec<_>>());
        Ok(self.by_level(&levels, &deferred))
    }

    /// The lines of a mapping whose links wait for a later phase.
    ///
    /// # Errors
    /// As [`Plan::phases`].
    #[allow(clippy::result_large_err, reason = "asked for once, not per record")]
    pub fn deferred(&self, destination: &Destination, mapping: &MappingId) -> Result<BTreeSet<String>, Problem> {
        let phases = self.phases(destination)?;
        Ok(phases.iter().filter_map(|phase| phase.lines.get(mapping)).flatten().cloned().collect())
    }

    /// The arcs between different mappings, and the lines that always wait as (mapping, line, target).
    fn arcs(&self, destination: &Destination) -> (Vec<Arc>, BTreeSet<(usize, usize, usize)>) {
        let mut arcs: BTreeMap<(usize, usize), Arc> = BTreeMap::new();
        let mut deferred = BTreeSet::new();
        for (from, mapping) in self.mappings.iter().enumerate() {
            for (place, line) in mapping.fields.iter().enumerate() {
                let target =
                    line.link.as_ref().and_then(|link| self.mappings.iter().position(|other| other.id == *link));
                let Some(to) = target else { continue };
                let field = field_of(mapping, line, destination);
                let carried = field.is_some_and(|field| field.carrier.is_some());
                let required = !carried && (line.required || field.is_some_and(|field| field.required));
                if carried || (from == to && !required) {
                    deferred.insert((from, place, to));
                    continue;
                }
                let arc = arcs.entry((from, to)).or_insert(Arc { from, to, required: false, lines: Vec::new() });
                arc.required |= required;
                arc.lines.push(place);
            }
        }
        (arcs.into_values().collect(), deferred)
    }

    fn required_cycle(&self, path: &[usize]) -> Problem {
        let names: Vec<&str> = path.iter().chain(path.first()).map(|at| self.mappings[*at].id.as_str()).collect();
        let message = format!("records of these mappings cannot be written before each other: {}", names.join(" → "));
        Problem::new(
            Severity::Block,
            "required_cycle",
            message,
            "make one of these links optional, or leave its line out",
        )
        .at(format!("/mappings/{}", path.first().copied().unwrap_or_default()))
    }

    fn by_level(&self, levels: &[usize], deferred: &BTreeSet<(usize, usize, usize)>) -> Vec<PhasePlan> {
        let mut phases: Vec<PhasePlan> = Vec::new();
        for level in 0..levels.iter().max().map_or(0, |highest| highest + 1) {
            let index = phases.len() as u16;
            let mappings = (0..levels.len()).filter(|at| levels[*at] == level).map(|at| self.mappings[at].id.clone());
            phases.push(PhasePlan {
                index,
                task: PhaseTask::Write,
                mappings: mappings.collect(),
                lines: IndexMap::new(),
            });
            let mut lines: IndexMap<MappingId, Vec<String>> = IndexMap::new();
            for (from, place, _) in deferred.iter().filter(|(from, _, to)| levels[*from].max(levels[*to]) == level) {
                let mapping = &self.mappings[*from];
                lines.entry(mapping.id.clone()).or_default().push(mapping.fields[*place].id.clone());
            }
            if !lines.is_empty() {
                let mappings = lines.keys().cloned().collect();
                phases.push(PhasePlan { index: index + 1, task: PhaseTask::Link, mappings, lines });
            }
        }
        phases
    }
}

fn field_of<'a>(mapping: &Mapping, line: &FieldLine, destination: &'a Destination) -> Option<&'a FieldSchema> {
    let object = destination.schema.object(&mapping.to)?;
    object
        .fields
        .get(line.to.as_str())
        .filter(|field| matches!(field.ty, FieldType::Link { .. } | FieldType::Links { .. } | FieldType::Any))
}

/// The arcs that wait: the fewest lines that break every circle.
fn waiting_arcs(count: usize, arcs: &[Arc]) -> BTreeSet<usize> {
    let mut graph = DiGraph::<(), usize>::new();
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for (index, arc) in arcs.iter().enumerate() {
        graph.add_edge(nodes[arc.from], nodes[arc.to], index);
    }
    let mut waiting = BTreeSet::new();
    for part in tarjan_scc(&graph).into_iter().filter(|part| part.len() > 1) {
        let inside: BTreeSet<usize> = part.iter().map(|node| node.index()).collect();
        let mine: Vec<usize> = (0..arcs.len())
            .filter(|index| inside.contains(&arcs[*index].from) && inside.contains(&arcs[*index].to))
            .collect();
        waiting.extend(fewest(count, arcs, &mine).unwrap_or_else(|| backward(count, arcs, &mine)));
    }
    waiting
}

/// The cheapest set of optional arcs without which the part has no circle; none where the search grows too long.
fn fewest(count: usize, arcs: &[Arc], mine: &[usize]) -> Option<BTreeSet<usize>> {
    let mut steps = 500_u32;
    let all: usize = mine.iter().map(|index| arcs[*index].lines.len()).sum();
    for budget in 1..=all {
        let found = search(count, arcs, mine, &mut BTreeSet::new(), budget, &mut steps);
        if found.is_some() || steps == 0 {
            return found;
        }
    }
    None
}

fn search(
    count: usize,
    arcs: &[Arc],
    mine: &[usize],
    waiting: &mut BTreeSet<usize>,
    budget: usize,
    steps: &mut u32,
) -> Option<BTreeSet<usize>> {
    let kept = || mine.iter().filter(|index| !waiting.contains(index)).map(|index| &arcs[*index]);
    let Some(path) = cycle(count, kept()) else { return Some(waiting.clone()) };
    *steps = steps.checked_sub(1)?;
    let on_path = |arc: &Arc| (0..path.len()).any(|at| path[at] == arc.from && path[(at + 1) % path.len()] == arc.to);
    let mut candidates: Vec<usize> =
        mine.iter().copied().filter(|index| !arcs[*index].required && on_path(&arcs[*index])).collect();
    candidates.sort_by_key(|index| (arcs[*index].from, arcs[*index].to));
    for index in candidates {
        let cost = arcs[index].lines.len();
        if cost <= budget && waiting.insert(index) {
            if let Some(found) = search(count, arcs, mine, waiting, budget - cost, steps) {
                return Some(found);
            }
            waiting.remove(&index);
        }
    }
    None
}

/// Without counting: an order that required arcs allow, and every optional arc against it waits.
fn backward(count: usize, arcs: &[Arc], mine: &[usize]) -> BTreeSet<usize> {
    let required: Vec<&Arc> = mine.iter().map(|index| &arcs[*index]).filter(|arc| arc.required).collect();
    let levels = levels(count, &required);
    let place = |node: usize| (levels[node], node);
    mine.iter()
        .copied()
        .filter(|index| !arcs[*index].required && place(arcs[*index].to) >= place(arcs[*index].from))
        .collect()
}

/// A shortest circle, beginning at its first mapping in plan order.
fn cycle<'a>(count: usize, arcs: impl Iterator<Item = &'a Arc>) -> Option<Vec<usize>> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    arcs.for_each(|arc| next[arc.from].push(arc.to));
    let mut shortest: Option<Vec<usize>> = None;
    for start in 0..count {
        let mut before: Vec<Option<usize>> = vec![None; count];
        let mut queue = VecDeque::from([start]);
        'walk: while let Some(at) = queue.pop_front() {
            for to in &next[at] {
                if *to == start {
                    let mut path = vec![at];
                    while let Some(earlier) = path.last().filter(|last| **last != start).and_then(|last| before[*last])
                    {
                        path.push(earlier);
                    }
                    path.reverse();
                    if shortest.as_ref().is_none_or(|known| path.len() < known.len()) {
                        shortest = Some(path);
                    }
                    break 'walk;
                }
                if *to != start && before[*to].is_none() {
                    before[*to] = Some(at);
                    queue.push_back(*to);
                }
            }
        }
    }
    shortest
}

/// How many phases must come before each mapping. The arcs have no circle.
fn levels(count: usize, arcs: &[&Arc]) -> Vec<usize> {
    let mut levels = vec![0; count];
    for _ in 0..count {
        for arc in arcs {
            levels[arc.from] = levels[arc.from].max(levels[arc.to] + 1);
        }
    }
    levels
}

#[cfg(test)]
mod tests;
