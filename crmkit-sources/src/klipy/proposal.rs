//! What a person should decide before the run, as data that a plan takes: duplicates, tags, stages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crmkit_core::{FieldName, ItemKind, ItemPlan, Mapping, ObjectName, Plan, Question, RecordId, TransformCall};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    combine::Draft,
    deals::Deals,
    identity::{domain_key, email_key, linkedin_key, phone_key},
    people::People,
    stages::{StageDecision, Stages, propose_stages},
};
use crate::allegory::folded;

/// Duplicates, tags and stages. Nothing of it is done before a person confirmed it: [`Proposals::put_into`] writes it into a plan
/// beside questions, and a plan with open questions is not approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposals {
    /// Records that seem to be the same, by object.
    pub duplicates: IndexMap<ObjectName, Vec<DuplicateGroup>>,
    /// Tags that seem to be the same, by object.
    pub tags: IndexMap<ObjectName, Vec<TagGroup>>,
    /// The tags that stay, by object: labels that the destination needs.
    pub labels: IndexMap<ObjectName, Vec<String>>,
    /// Stages by pipeline, as they become without a destination to compare with.
    pub stages: IndexMap<String, Vec<StageDecision>>,
}

/// Records that seem to be the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// The one that stays: the one with the most values, of those the first made.
    pub survivor: RecordId,
    /// Those that it stands for, each with why.
    pub others: IndexMap<RecordId, String>,
}

/// Tags that seem to be the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagGroup {
    /// The spelling that stays: the most frequent.
    pub keep: String,
    /// All spellings with how often they occur.
    pub spellings: BTreeMap<String, u64>,
}

impl Proposals {
    pub(super) fn of(people: &People, deals: &Deals, stages: &Stages) -> Self {
        let mut proposals = Self::default();
        let contact = |draft: &Draft| {
            let emails = draft.list("emails").filter_map(email_key).map(|key| ("e-mail address", key));
            let profile = draft.text("linkedin").and_then(linkedin_key).map(|key| ("LinkedIn profile", key));
            // A switchboard's number is that of many: with the family name it tells somebody.
            let family = draft.text("last_name").map(folded);
            let phones = draft
                .list("phones")
                .filter_map(phone_key)
                .filter_map(|key| Some(("phone number and family name", format!("{key} {}", family.clone()?))));
            emails.chain(profile).chain(phones).collect::<Vec<_>>()
        };
        let company = |draft: &Draft| {
            let domain = draft.text("domain").and_then(domain_key).map(|key| ("domain", key));
            domain.into_iter().collect::<Vec<_>>()
        };
        for (object, groups) in [
            ("companies", groups(&people.companies.drafts, company)),
            ("contacts", groups(&people.contacts.drafts, contact)),
        ] {
            if !groups.is_empty() {
                proposals.duplicates.insert(object.into(), groups);
            }
        }
        let labelled =
            [("companies", &people.companies.drafts), ("contacts", &people.contacts.drafts), ("deals", &deals.drafts)];
        for (object, drafts) in labelled {
            let tags = tags(drafts);
            let kept =
                |tag: &str| tags.iter().find(|group| group.spellings.contains_key(tag)).map(|group| group.keep.clone());
            let all = drafts.iter().flat_map(|draft| draft.list("labels"));
            let labels: BTreeSet<String> = all.map(|tag| kept(tag).unwrap_or_else(|| tag.to_owned())).collect();
            if !labels.is_empty() {
                proposals.labels.insert(object.into(), labels.into_iter().collect());
            }
            if !tags.is_empty() {
                proposals.tags.insert(object.into(), tags);
            }
        }
        for label in stages.labels() {
            let Some((pipeline, stage)) = label.split_once('/') else { continue };
            let decisions = proposals.stages.entry(pipeline.to_owned()).or_default();
            decisions.extend(propose_stages(&[stage], &[]));
        }
        proposals
    }

    /// The merge map of an object: from a source id to the one that stands for it.
    pub fn merge(&self, object: &str) -> IndexMap<RecordId, RecordId> {
        let groups = self.duplicates.get(object).into_iter().flatten();
        groups.flat_map(|group| group.others.keys().map(|other| (other.clone(), group.survivor.clone()))).collect()
    }

    /// The value map of an object's tags: from every spelling to the one that stays.
    pub fn tag_map(&self, object: &str) -> serde_json::Map<String, Json> {
        let groups = self.tags.get(object).into_iter().flatten();
        let spelled = |group: &TagGroup| {
            let keep = Json::from(group.keep.as_str());
            group.spellings.keys().map(|spelling| (spelling.clone(), keep.clone())).collect::<Vec<_>>()
        };
        groups.flat_map(spelled).collect()
    }

    /// Writes merge maps, tag maps and the stages of pipelines that are there already into a plan, and asks for each to be confirmed.
    /// `existing` names the stages that a pipeline of the destination has, by pipeline of the source.
    ///
    /// A person who disagrees changes the plan's entry; a question that was answered once is not asked again.
    pub fn put_into(&self, plan: &mut Plan, existing: &IndexMap<String, Vec<String>>) {
        for place in 0..plan.mappings.len() {
            let object = plan.mappings[place].from.clone();
            let merge = self.merge(object.as_str());
            if !merge.is_empty() {
                let (records, groups) = (merge.len(), self.duplicates.get(&object).map_or(0, Vec::len));
                let text = format!(
                    "{records} of {object} seem to be there already ({groups} groups). Merge them as /mappings/{place}/merge says? \
                     Otherwise mend it first."
                );
                // Where the proposal merges the same records another way round, ours stands: both together would be a cycle.
                let ours = |id: &RecordId| merge.contains_key(id) || merge.values().any(|survivor| survivor == id);
                plan.mappings[place].merge.retain(|from, to| !ours(from) && !ours(to));
                plan.mappings[place].merge.extend(merge);
                ask(plan, format!("klipy.merge.{object}"), text);
            }
            if let Some(labels) = self.labels.get(&object) {
                plan_labels(plan, place, labels);
            }
            let tags = self.tag_map(object.as_str());
            if !tags.is_empty() && respell(&mut plan.mappings[place], &tags) {
                let text = format!("Some tags of {object} differ in their spelling only. Merge them as the plan says?");
                ask(plan, format!("klipy.tags.{object}"), text);
            }
        }
        for (pipeline, decisions) in &self.stages {
            let from: Vec<&str> = decisions.iter().map(|decision| decision.from.as_str()).collect();
            let known: Vec<&str> = existing.get(pipeline).into_iter().flatten().map(String::as_str).collect();
            let decisions = propose_stages(&from, &known);
            let told: Vec<String> =
                decisions.iter().map(|decision| format!("{} to {}", decision.from, decision.to)).collect();
            let text = format!("Are the stages of {pipeline} mapped as they should be? {}.", told.join(", "));
            ask(plan, format!("klipy.stages.{pipeline}"), text);
            if !known.is_empty() {
                restage(plan, pipeline, &decisions);
            }
        }
    }
}

fn ask(plan: &mut Plan, id: String, text: String) {
    if plan.questions.iter().all(|known| known.id != id) {
        let choices = vec!["yes".to_owned()];
        plan.questions.push(Question { id, about: String::new(), text, choices, answer: None });
    }
}

/// Puts our spellings before whatever a mapping does with its tags, or into the value map that it begins with. Says whether that
/// map did not have some of them.
fn respell(mapping: &mut Mapping, tags: &serde_json::Map<String, Json>) -> bool {
    let Some(line) = mapping.fields.iter_mut().find(|line| line.from.iter().any(|from| from == "labels")) else {
        return false;
    };
    match line.transforms.first_mut().filter(|call| call.name == "value_map") {
        Some(call) => {
            let wrapped = call.arguments["map"].is_object();
            let table = if wrapped { &mut call.arguments["map"] } else { &mut call.arguments };
            let Json::Object(table) = table else { return false };
            let new = tags.keys().any(|spelling| !table.contains_key(spelling));
            table.extend(tags.clone());
            new
        }
        None => {
            let call = serde_json::json!({ "map": tags, "otherwise": "keep" });
            line.transforms.insert(0, TransformCall::with("value_map", call));
            true
        }
    }
}

/// Asks for the labels that a mapping needs, where its destination has labels.
fn plan_labels(plan: &mut Plan, place: usize, labels: &[String]) {
    let mapping = &plan.mappings[place];
    let own = |to: &str| !to.starts_with("custom:");
    let line = mapping.fields.iter().find(|line| own(&line.to) && line.from.iter().any(|from| from == "labels"));
    let Some(field) = line.map(|line| FieldName::from(line.to.as_str())) else { return };
    let object = mapping.to.clone();
    let known = plan.items.iter_mut().find(|items| items.kind == ItemKind::Label && items.object == object);
    match known {
        Some(items) => {
            let new = labels.iter().filter(|label| !items.names.contains(label)).cloned().collect::<Vec<_>>();
            items.names.extend(new);
        }
        None => {
            let (names, field, conditions) = (labels.to_vec(), Some(field), Vec::new());
            plan.items.push(ItemPlan { kind: ItemKind::Label, object, field, names, conditions });
        }
    }
}

/// Points the value map of a pipeline's stages at those that the destination has.
fn restage(plan: &mut Plan, pipeline: &str, decisions: &[StageDecision]) {
    let lines = plan.mappings.iter_mut().flat_map(|mapping| &mut mapping.fields);
    for line in lines.filter(|line| line.from.iter().any(|from| from == "stage")) {
        for call in line.transforms.iter_mut().filter(|call| call.name == "value_map") {
            let Json::Object(mut table) = call.arguments.clone() else { continue };
            for decision in decisions {
                let key = format!("{pipeline}/{}", decision.from);
                if let Some(to) = table.get_mut(&key) {
                    let target = to.as_str().and_then(|to| to.split_once('/')).map_or(pipeline, |(target, _)| target);
                    *to = Json::from(format!("{target}/{}", decision.to));
                }
            }
            *call = TransformCall::with("value_map", Json::Object(table));
        }
    }
}

/// Groups of drafts that share a key, each with why.
fn groups(drafts: &[Draft], keys: impl Fn(&Draft) -> Vec<(&'static str, String)>) -> Vec<DuplicateGroup> {
    let mut first: HashMap<(&'static str, String), usize> = HashMap::new();
    // Each draft points at an earlier one of its group, or at itself.
    let mut above: Vec<usize> = (0..drafts.len()).collect();
    let mut why: Vec<Option<&'static str>> = vec![None; drafts.len()];
    fn top(above: &[usize], mut place: usize) -> usize {
        while above[place] != place {
            place = above[place];
        }
        place
    }
    for (place, draft) in drafts.iter().enumerate() {
        for (kind, key) in keys(draft) {
            let known = *first.entry((kind, key)).or_insert(place);
            let (a, b) = (top(&above, known), top(&above, place));
            if a != b {
                above[a.max(b)] = a.min(b);
                why[place].get_or_insert(kind);
                why[known].get_or_insert(kind);
            }
        }
    }
    let mut members: IndexMap<usize, Vec<usize>> = IndexMap::new();
    for place in 0..drafts.len() {
        members.entry(top(&above, place)).or_default().push(place);
    }
    let mut groups = Vec::new();
    for mut places in members.into_values().filter(|places| places.len() > 1) {
        places.sort_by_key(|place| {
            let draft = &drafts[*place];
            let created = draft.fields.get("created_at").map(ToString::to_string);
            (std::cmp::Reverse(draft.fields.len()), created.is_none(), created, draft.id.clone())
        });
        let others = places[1..].iter().map(|place| {
            let reason = format!("the same {}", why[*place].unwrap_or("key"));
            (RecordId::from(drafts[*place].id.as_str()), reason)
        });
        groups.push(DuplicateGroup { survivor: drafts[places[0]].id.as_str().into(), others: others.collect() });
    }
    groups
}

/// Tags of several spellings.
fn tags(drafts: &[Draft]) -> Vec<TagGroup> {
    let mut by_key: IndexMap<String, BTreeMap<String, u64>> = IndexMap::new();
    for tag in drafts.iter().flat_map(|draft| draft.list("labels")) {
        *by_key.entry(tag_key(tag)).or_default().entry(tag.to_owned()).or_default() += 1;
    }
    let several = by_key.into_values().filter(|spellings| spellings.len() > 1);
    let group = |spellings: BTreeMap<String, u64>| {
        let most = spellings.iter().max_by_key(|(spelling, count)| (**count, std::cmp::Reverse(spelling.as_str())));
        TagGroup { keep: most.map(|(spelling, _)| spelling.clone()).unwrap_or_default(), spellings }
    };
    several.map(group).collect()
}

/// A tag for comparing: case, separators and a plural's `s` make no difference.
fn tag_key(tag: &str) -> String {
    let letters: String = tag.trim_start_matches('#').chars().filter(|letter| letter.is_alphanumeric()).collect();
    let lower = letters.to_lowercase();
    match lower.strip_suffix('s') {
        Some(stem) if stem.len() > 3 && !stem.ends_with('s') => stem.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_tag_are_one() {
        for tag in ["Hot Lead", "hot-lead", "#hotlead", "HOT LEADS"] {
            assert_eq!(tag_key(tag), "hotlead", "{tag}");
        }
        assert_ne!(tag_key("Boss"), tag_key("Bos"));
        assert_ne!(tag_key("VIP"), tag_key("VIPs in"));
    }
}
