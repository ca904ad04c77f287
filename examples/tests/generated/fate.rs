//! What becomes of each generated record under the plan of these tests.

use std::collections::HashMap;

use crmkit_core::{
    RecordRef,
    testing::generate::{Expected, ExpectedRecord, Fate, Trouble},
};

/// What becomes of each record.
///
/// The plan is less strict than the one the generator assumes: a parent company is a link of its own, which waits alone, and a
/// contact or deal whose company does not exist moves without it. A note cannot be without what it is about.
pub(crate) struct Fates<'a> {
    expected: &'a Expected,
    /// Why records are held; those that arrive have no reason.
    fates: HashMap<&'a RecordRef, Option<&'static str>>,
}

/// What becomes of a company's parent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parent<'a> {
    /// It has none, or is held itself.
    None,
    /// The link is made.
    Linked(&'a RecordRef),
    /// The link waits.
    Held(&'static str),
    /// Of all links of this cycle, one waits and the others are made.
    Cycle(&'a RecordRef),
}

impl<'a> Fates<'a> {
    pub(crate) fn of(expected: &'a Expected) -> Self {
        let mut fates: HashMap<&RecordRef, Option<&'static str>> = HashMap::new();
        // Records come in an order in which what is linked to comes first, apart from parents, which hold nothing back.
        for record in expected.records.iter().filter(|record| record.key.object != "tasks") {
            let fate = record.fate_when(|trouble| match trouble {
                Trouble::MissingName | Trouble::OwnerUnknown | Trouble::NoOwner | Trouble::Doubt(_) => true,
                Trouble::Cycle => false,
                Trouble::DanglingLink(_) => record.key.object == "notes",
                Trouble::LinkToHeld(field) => {
                    let (_, to) = record.links.iter().find(|(link, _)| link == field).expect("a link");
                    field != "parent_id" && fates[to].is_some()
                }
                // What only a full export has.
                _ => true,
            });
            let reason = match fate {
                Fate::Arrives => None,
                Fate::Held(trouble) => Some(trouble.code()),
            };
            fates.insert(&record.key, reason);
        }
        Self { expected, fates }
    }

    pub(crate) fn arrives(&self, key: &RecordRef) -> bool {
        self.fates[key].is_none()
    }

    /// The records of an object that arrive.
    pub(crate) fn arriving(&self, object: &'a str) -> impl Iterator<Item = &'a ExpectedRecord> {
        let records = self.expected.records.iter();
        records.filter(move |record| record.key.object == object && self.arrives(&record.key))
    }

    /// Why the held records of an object wait, by id.
    pub(crate) fn held(&self, object: &str) -> HashMap<String, &'static str> {
        let of_object = self.fates.iter().filter(|(key, _)| key.object == object);
        of_object.filter_map(|(key, reason)| Some((key.id.to_string(), (*reason)?))).collect()
    }

    /// What becomes of the parent of a company that arrives.
    pub(crate) fn parent(&self, company: &'a ExpectedRecord) -> Parent<'a> {
        if company.troubles.iter().any(|trouble| matches!(trouble, Trouble::DanglingLink(_))) {
            return Parent::Held("dangling_link");
        }
        match company.links.iter().find(|(field, _)| field == "parent_id") {
            None => Parent::None,
            Some((_, to)) if *to == company.key => Parent::Held("cycle"),
            Some((_, to)) if company.troubles.contains(&Trouble::Cycle) => Parent::Cycle(to),
            Some((_, to)) if self.arrives(to) => Parent::Linked(to),
            Some(_) => Parent::Held("link_to_held"),
        }
    }

    /// Arriving notes that are the same.
    pub(crate) fn twins(&self) -> impl Iterator<Item = (&'a ExpectedRecord, &'a ExpectedRecord)> {
        let notes = self.arriving("notes").zip(self.arriving("notes").skip(1));
        notes.filter(|(one, other)| one.fields == other.fields && one.links == other.links)
    }
}
