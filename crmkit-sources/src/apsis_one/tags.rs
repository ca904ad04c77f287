//! Tags: one label for what sections write differently, and how many profiles have it.

use std::collections::BTreeMap;

use crmkit_core::{Problem, Severity};

use super::{
    catalog::{Catalog, Section},
    config::TagNames,
    wire,
};

/// Fewer profiles than this make a tag a rare one.
const RARE: u64 = 5;

/// A label, and the tags behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tag {
    /// Names as they are, with the section of each.
    pub(super) spellings: Vec<(String, String)>,
    pub(super) profiles: u64,
}

impl Tag {
    pub(super) fn is_rare(&self) -> bool {
        self.profiles < RARE
    }
}

/// All labels by name.
#[derive(Debug)]
pub(super) struct Tags {
    names: TagNames,
    pub(super) labels: BTreeMap<String, Tag>,
}

impl Tags {
    pub(super) fn new(names: TagNames, catalog: &Catalog) -> Self {
        let mut labels: BTreeMap<String, Tag> = BTreeMap::new();
        for section in &catalog.sections {
            for tag in &section.tags {
                let spelling = (tag.label().to_owned(), section.name.clone());
                labels.entry(normal(names, tag.label())).or_default().spellings.push(spelling);
            }
        }
        Self { names, labels }
    }

    /// The labels of a profile, each once.
    pub(super) fn of(&self, catalog: &Catalog, profile: &wire::Profile) -> Vec<String> {
        let mut labels = Vec::new();
        for section in &catalog.sections {
            let Some(data) = profile.sections.get(&section.discriminator) else { continue };
            for tag in data.tags_on() {
                let label = self.label(section, tag);
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
        }
        labels
    }

    fn label(&self, section: &Section, tag: &str) -> String {
        normal(self.names, section.tag(tag).map_or(tag, wire::Named::label))
    }

    pub(super) fn count(&mut self, labels: &[String]) {
        for label in labels {
            self.labels.entry(label.clone()).or_default().profiles += 1;
        }
    }

    /// What a person should know before the labels are made.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let rare: Vec<&str> =
            self.labels.iter().filter(|(_, tag)| tag.is_rare()).map(|(name, _)| name.as_str()).collect();
        if !rare.is_empty() {
            let message = format!("{} tags are on fewer than {RARE} profiles: {}", rare.len(), rare.join(", "));
            let remedy = "leave them behind, or merge them with others, unless they matter";
            problems.push(Problem::new(Severity::Warn, "rare_tags", message, remedy).at("/schema/objects/tags"));
        }
        for (name, tag) in &self.labels {
            let mut spellings: Vec<&str> = tag.spellings.iter().map(|(name, _)| name.as_str()).collect();
            spellings.sort_unstable();
            spellings.dedup();
            if spellings.len() > 1 {
                let message = format!("{} become one label, {name}", spellings.join(" and "));
                let remedy = "rename one of them in APSIS One if they are not the same";
                problems.push(Problem::new(Severity::Warn, "tags_joined", message, remedy).at("/schema/objects/tags"));
            }
        }
        problems
    }
}

/// A tag's name as a label.
fn normal(names: TagNames, name: &str) -> String {
    let words = name.split_whitespace();
    match names {
        TagNames::Keep => words.collect::<Vec<_>>().join(" "),
        TagNames::Underscore => {
            let parts =
                name.split(|letter: char| letter.is_whitespace() || letter == '_').filter(|part| !part.is_empty());
            parts.map(str::to_lowercase).collect::<Vec<_>>().join("_")
        }
        TagNames::Title => {
            let parts =
                name.split(|letter: char| letter.is_whitespace() || letter == '_').filter(|part| !part.is_empty());
            let title = |word: &str| {
                let mut letters = word.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                first.chain(letters.flat_map(char::to_lowercase)).collect::<String>()
            };
            parts.map(title).collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_case_do_not_make_another_label() {
        for (names, expected) in
            [(TagNames::Underscore, "summer_sale"), (TagNames::Title, "Summer Sale"), (TagNames::Keep, "summer SALE")]
        {
            assert_eq!(normal(names, " summer  SALE "), expected);
            assert_eq!(normal(names, expected), expected);
        }
    }
}
