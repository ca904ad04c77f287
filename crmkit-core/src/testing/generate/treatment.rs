//! What a plan and its destination make of a generated export, where that differs from the strict plan.

use std::collections::{BTreeMap, BTreeSet};

use super::expected::{ExpectedRecord, Trouble};
use crate::{FieldName, ObjectName};

/// How a plan and its destination treat what a generated export has in it.
///
/// It states what a person knows of the plan of a test and of the vendor's product: which objects move, which links are kept
/// and how, who needs an owner, how long a text may be. It is never read off a report.
///
/// ```
/// use crmkit_core::testing::generate::{LinkRule, Treatment};
/// // A product that keeps no parent companies, whose persons have no owner, and that takes small files only.
/// let treatment = Treatment::engine()
///     .link("companies", "parent_id", LinkRule::Dropped)
///     .ignoring("contacts", "no_owner")
///     .ignoring("contacts", "owner_unknown")
///     .longest("notes", "body", 100_000)
///     .largest_file(10_000_000)
///     .without("leads");
/// # let _ = treatment;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    without: BTreeSet<ObjectName>,
    unmapped: BTreeSet<(ObjectName, FieldName)>,
    ignored: BTreeSet<(ObjectName, &'static str)>,
    links: BTreeMap<(ObjectName, FieldName), LinkRule>,
    fallback: Option<LinkRule>,
    attached: BTreeSet<ObjectName>,
    texts: BTreeMap<(ObjectName, FieldName), usize>,
    file: Option<u64>,
}

/// How a link is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRule {
    /// With its record: while what it leads to waits, the record waits; where it leads nowhere, the record goes without.
    Optional,
    /// With its record, which waits where it leads nowhere.
    Required,
    /// After its record, as a part that waits alone.
    Part,
    /// Not at all.
    Dropped,
}

impl Treatment {
    /// Everything moves, every link is needed, and nothing has a limit: what [`ExpectedRecord::fate`] says.
    pub fn strict() -> Self {
        Self { fallback: Some(LinkRule::Required), ..Self::default() }
    }

    /// What the engine does where a destination keeps every link: a parent company and a primary contact are parts of their
    /// own; notes, attachments, tags and the two ends of many-to-many links need what they hang on; other links are optional.
    pub fn engine() -> Self {
        let mut treatment = Self { fallback: Some(LinkRule::Optional), ..Self::default() }
            .link("companies", "parent_id", LinkRule::Part)
            .link("companies", "primary_contact_id", LinkRule::Part);
        for object in ["deal_contacts", "links/companies__contacts", "links/contacts__hearings"] {
            for end in ["deal_id", "contact_id", "left_id", "right_id"] {
                treatment = treatment.link(object, end, LinkRule::Required);
            }
        }
        treatment.attached("notes").attached("attachments").attached("tags")
    }

    /// An object that is left behind.
    pub fn without(mut self, object: impl Into<ObjectName>) -> Self {
        self.without.insert(object.into());
        self
    }

    /// A field that no line of the plan reads, so that a doubt in it holds nothing.
    pub fn unmapped(mut self, object: impl Into<ObjectName>, field: impl Into<FieldName>) -> Self {
        self.unmapped.insert((object.into(), field.into()));
        self
    }

    /// A trouble, by its code, that holds no record of the object: a product in which persons need no name, or have no owner.
    pub fn ignoring(mut self, object: impl Into<ObjectName>, code: &'static str) -> Self {
        self.ignored.insert((object.into(), code));
        self
    }

    /// How a link is kept.
    pub fn link(mut self, object: impl Into<ObjectName>, field: impl Into<FieldName>, rule: LinkRule) -> Self {
        self.links.insert((object.into(), field.into()), rule);
        self
    }

    /// An object whose records cannot be without any of their links: a note about nothing.
    pub fn attached(mut self, object: impl Into<ObjectName>) -> Self {
        self.attached.insert(object.into());
        self
    }

    /// An object whose records may be without links.
    pub fn unattached(mut self, object: impl Into<ObjectName>) -> Self {
        self.attached.remove(&object.into());
        self
    }

    /// How many characters a text may have; longer ones are held, not cut.
    pub fn longest(mut self, object: impl Into<ObjectName>, field: impl Into<FieldName>, characters: usize) -> Self {
        self.texts.insert((object.into(), field.into()), characters);
        self
    }

    /// How many bytes a file may have.
    pub fn largest_file(mut self, bytes: u64) -> Self {
        self.file = Some(bytes);
        self
    }

    pub(super) fn moves(&self, object: &ObjectName) -> bool {
        !self.without.contains(object)
    }

    pub(super) fn ignores(&self, object: &ObjectName, trouble: &Trouble) -> bool {
        self.ignored.contains(&(object.clone(), trouble.code()))
    }

    pub(super) fn reads(&self, object: &ObjectName, field: &FieldName) -> bool {
        !self.unmapped.contains(&(object.clone(), field.clone()))
    }

    /// The rule of a link, which cannot be kept towards an object that is left behind.
    pub(super) fn rule(&self, object: &ObjectName, field: &FieldName, to: Option<&ObjectName>) -> LinkRule {
        if to.is_some_and(|to| !self.moves(to)) || !self.reads(object, field) {
            return LinkRule::Dropped;
        }
        let rule = self.links.get(&(object.clone(), field.clone())).copied();
        rule.unwrap_or(self.fallback.unwrap_or(LinkRule::Optional))
    }

    pub(super) fn needs_a_link(&self, object: &ObjectName) -> bool {
        self.attached.contains(object)
    }

    /// What is too much for the destination.
    pub(super) fn over(&self, record: &ExpectedRecord) -> Vec<Trouble> {
        let mut over = Vec::new();
        for (field, value) in &record.fields {
            let most = self.texts.get(&(record.key.object.clone(), field.clone()));
            let text = match value {
                crate::Value::Rich(rich) => &*rich.text,
                other => other.as_text().unwrap_or_default(),
            };
            if most.is_some_and(|most| text.chars().count() > *most) {
                over.push(Trouble::TooLong(field.clone()));
            }
        }
        let bytes = record.file.as_ref().map_or(0, |file| file.bytes);
        if self.file.is_some_and(|most| bytes > most) {
            over.push(Trouble::TooLarge);
        }
        over
    }
}
