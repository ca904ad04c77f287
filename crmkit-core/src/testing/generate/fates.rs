//! What becomes of each record of a generated export under a treatment.

use std::collections::{BTreeMap, HashMap};

use super::{
    expected::{Expected, ExpectedRecord, Trouble},
    treatment::{LinkRule, Treatment},
};
use crate::{FieldName, ObjectName, RecordRef};

/// What becomes of each record: it arrives, or it is held for one or several reasons.
///
/// Records of an object that the treatment leaves behind have no fate.
#[derive(Debug)]
pub struct Fates<'a> {
    expected: &'a Expected,
    treatment: Treatment,
    reasons: HashMap<&'a RecordRef, Vec<Trouble>>,
}

/// How many of an object's records arrive, and how many wait, by the code of their first reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that are written.
    pub arrives: u64,
    /// Those that wait.
    pub held: BTreeMap<&'static str, u64>,
}

/// What becomes of a link that is a part of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartFate<'a> {
    /// It is made.
    Linked(&'a RecordRef),
    /// It waits, with this code.
    Held(&'static str),
    /// It is one of the links of a cycle, of which one waits and the others are made.
    Cycle(&'a RecordRef),
}

impl Expected {
    /// What becomes of each record under a treatment. Records have to be there, not streamed.
    pub fn fates(&self, treatment: &Treatment) -> Fates<'_> {
        let mut fates = Fates { expected: self, treatment: treatment.clone(), reasons: HashMap::new() };
        // Records come in an order in which what is linked to comes first, apart from parts, which hold nothing back.
        for record in self.records.iter().filter(|record| treatment.moves(&record.key.object)) {
            let reasons = fates.judge(record);
            fates.reasons.insert(&record.key, reasons);
        }
        fates
    }
}

impl<'a> Fates<'a> {
    fn judge(&self, record: &ExpectedRecord) -> Vec<Trouble> {
        let (treatment, object) = (&self.treatment, &record.key.object);
        let to = |field: &FieldName| record.links.iter().find(|(link, _)| link == field).map(|(_, to)| &to.object);
        let rule = |field: &FieldName| treatment.rule(object, field, to(field));
        let matters = |trouble: &&Trouble| match trouble {
            Trouble::Doubt(field) | Trouble::AmbiguousLink(field) => treatment.reads(object, field),
            Trouble::DanglingLink(field) => match rule(field) {
                LinkRule::Required => true,
                LinkRule::Optional => treatment.needs_a_link(object),
                LinkRule::Part | LinkRule::Dropped => false,
            },
            Trouble::Cycle => matches!(rule(&"parent_id".into()), LinkRule::Required | LinkRule::Optional),
            // Told by the links below: what is held differs from the strict plan.
            Trouble::LinkToHeld(_) => false,
            _ => true,
        };
        let mut reasons: Vec<Trouble> = record.troubles.iter().filter(matters).cloned().collect();
        for (field, to) in &record.links {
            let written = matches!(rule(field), LinkRule::Required | LinkRule::Optional);
            if written && *to != record.key && self.reasons.get(to).is_some_and(|reasons| !reasons.is_empty()) {
                reasons.push(Trouble::LinkToHeld(field.clone()));
            }
        }
        let kept = record.links.iter().any(|(field, to)| to.object != "users" && rule(field) != LinkRule::Dropped);
        if treatment.needs_a_link(object) && !kept && reasons.is_empty() {
            reasons.push(Trouble::NoParent);
        }
        reasons.extend(treatment.over(record));
        reasons.retain(|trouble| !treatment.ignores(object, trouble));
        reasons
    }

    /// Whether a record is written.
    pub fn arrives(&self, key: &RecordRef) -> bool {
        self.reasons.get(key).is_some_and(Vec::is_empty)
    }

    /// Why a record is held: nothing where it arrives or is left behind. An engine may name any of several reasons.
    pub fn reasons(&self, key: &RecordRef) -> &[Trouble] {
        self.reasons.get(key).map_or(&[], Vec::as_slice)
    }

    /// The records of an object that are written, in file order.
    pub fn arriving(&self, object: &str) -> impl Iterator<Item = &'a ExpectedRecord> {
        self.of(object).filter(|record| self.arrives(&record.key))
    }

    /// The records of an object that are held, in file order.
    pub fn held(&self, object: &str) -> impl Iterator<Item = (&'a ExpectedRecord, &[Trouble])> {
        let held = self.of(object).map(|record| (record, self.reasons(&record.key)));
        held.filter(|(_, reasons)| !reasons.is_empty())
    }

    /// The counts of an object.
    pub fn counts(&self, object: &str) -> Tally {
        let mut tally = Tally::default();
        for record in self.of(object) {
            match self.reasons.get(&record.key).map(Vec::as_slice) {
                None => {}
                Some([]) => tally.arrives += 1,
                Some([first, ..]) => *tally.held.entry(first.code()).or_default() += 1,
            }
        }
        tally
    }

    /// The counts of every object that moves, in file order.
    pub fn tallies(&self) -> Vec<(&'a ObjectName, Tally)> {
        let moves = self.expected.objects.keys().filter(|object| self.treatment.moves(object));
        let tallies = moves.map(|object| (object, self.counts(object.as_str())));
        tallies.filter(|(_, tally)| *tally != Tally::default()).collect()
    }

    /// The links of a record that arrives which are parts of their own, with what becomes of each.
    pub fn parts(&self, record: &'a ExpectedRecord) -> Vec<(&'a FieldName, PartFate<'a>)> {
        let is_part = |field: &FieldName, to: Option<&ObjectName>| {
            self.treatment.rule(&record.key.object, field, to) == LinkRule::Part
        };
        let mut parts = Vec::new();
        for trouble in &record.troubles {
            if let Trouble::DanglingLink(field) = trouble
                && is_part(field, None)
            {
                parts.push((field, PartFate::Held("dangling_link")));
            }
        }
        for (field, to) in record.links.iter().chain(&record.later) {
            if !is_part(field, Some(&to.object)) {
                continue;
            }
            let fate = match () {
                () if *to == record.key => PartFate::Held("cycle"),
                () if field == "parent_id" && record.troubles.contains(&Trouble::Cycle) => PartFate::Cycle(to),
                () if self.arrives(to) => PartFate::Linked(to),
                () => PartFate::Held("link_to_held"),
            };
            parts.push((field, fate));
        }
        parts
    }

    fn of(&self, object: &str) -> impl Iterator<Item = &'a ExpectedRecord> + use<'a> {
        let object = ObjectName::from(object);
        self.expected.records.iter().filter(move |record| record.key.object == object)
    }
}
