//! Merge maps from groups of duplicates, for a person to confirm.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{Lines, Proposing};
use crate::{Duplicates, ObjectConcept, RecordId, SameBy, migration::duplicates::DuplicateMember};

/// Which record of a group stands for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survivor {
    /// The first in the source's order.
    First,
    /// The one that was changed last; the first where nobody knows.
    Newest,
    /// The one with the most fields that have a value; the newest of those.
    #[default]
    MostComplete,
}

impl Survivor {
    fn label(self) -> &'static str {
        match self {
            Self::First => "the first",
            Self::Newest => "the newest",
            Self::MostComplete => "the most complete",
        }
    }

    /// The place of the member that stays. The first of equals.
    fn of(self, members: &[&DuplicateMember]) -> usize {
        let rank = |member: &DuplicateMember| match self {
            Self::First => (0, None),
            Self::Newest => (0, member.changed),
            Self::MostComplete => (member.filled, member.changed),
        };
        (0..members.len()).rev().max_by_key(|place| rank(members[*place])).unwrap_or_default()
    }
}

impl Proposing<'_> {
    /// Records that seem to be one, each with the one that stands for it, and a question.
    pub(super) fn merges(&mut self, lines: &Lines<'_>, index: usize) -> IndexMap<RecordId, RecordId> {
        use ObjectConcept as O;
        // What two people or companies cannot share. Names and switchboards they can: these are in the audit only.
        let kinds: &[SameBy] = match lines.from.concept {
            Some(O::Person | O::Lead) => &[SameBy::Email],
            Some(O::Organization) => &[SameBy::Domain],
            _ => &[],
        };
        let Some(found) = self.audit.objects.get(&lines.from.name) else { return IndexMap::new() };
        let same: Vec<&Duplicates> = found.duplicates.iter().filter(|same| kinds.contains(&same.by)).collect();
        let merge = merge_map(&same, self.options.survivor);
        if merge.is_empty() {
            return merge;
        }
        let survivors: std::collections::BTreeSet<&RecordId> = merge.values().collect();
        let by: Vec<&str> = same.iter().map(|same| same.by.label()).collect();
        let text = format!(
            "{} records of {} share their {} with another. Write each of the {} groups as one record, {} of them, with what the \
             others have that it lacks? \"no\" writes them all.",
            merge.len() + survivors.len(),
            lines.from.label,
            by.join(" or "),
            survivors.len(),
            self.options.survivor.label()
        );
        self.ask(
            format!("merge.{}", lines.mapping),
            format!("/mappings/{index}/merge"),
            text,
            vec!["yes".to_owned(), "no".to_owned()],
        );
        merge
    }
}

/// From each record to the one that stands for it. Groups that share a record are one group.
fn merge_map(found: &[&Duplicates], survivor: Survivor) -> IndexMap<RecordId, RecordId> {
    let mut groups: Vec<Vec<&DuplicateMember>> = Vec::new();
    let mut group_of: HashMap<&RecordId, usize> = HashMap::new();
    // A group of which not all members were kept cannot be judged.
    let whole = found.iter().flat_map(|same| &same.groups).filter(|group| group.size == group.members.len() as u64);
    for group in whole {
        let known = group.members.iter().find_map(|member| group_of.get(&member.id).copied());
        let place = known.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        for member in &group.members {
            match group_of.get(&member.id).copied() {
                Some(other) if other != place => {
                    let moved = std::mem::take(&mut groups[other]);
                    group_of.extend(moved.iter().map(|member| (&member.id, place)));
                    groups[place].extend(moved);
                }
                Some(_) => {}
                None => {
                    group_of.insert(&member.id, place);
                    groups[place].push(member);
                }
            }
        }
    }
    let mut merge = IndexMap::new();
    for group in groups.iter().filter(|group| group.len() > 1) {
        let stays = survivor.of(group);
        for (_, member) in group.iter().enumerate().filter(|(place, _)| *place != stays) {
            merge.insert(member.id.clone(), group[stays].id.clone());
        }
    }
    merge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DuplicateGroup;

    fn group(members: &[(&str, &str, u32)]) -> DuplicateGroup {
        let members = members.iter().map(|(id, changed, filled)| DuplicateMember {
            id: (*id).into(),
            changed: changed.parse().ok(),
            filled: *filled,
        });
        let members: Vec<_> = members.collect();
        DuplicateGroup { size: members.len() as u64, members }
    }

    fn merged(groups: Vec<DuplicateGroup>, survivor: Survivor) -> Vec<String> {
        let found = Duplicates { by: SameBy::Email, values: 0, records: 0, groups };
        merge_map(&[&found], survivor).iter().map(|(from, to)| format!("{from}>{to}")).collect()
    }

    #[test]
    fn the_survivor_is_the_one_that_was_asked_for() {
        let same = || vec![group(&[("a", "2024-01-01", 3), ("b", "2024-03-01", 2), ("c", "", 5)])];
        assert_eq!(merged(same(), Survivor::First), ["b>a", "c>a"]);
        assert_eq!(merged(same(), Survivor::Newest), ["a>b", "c>b"]);
        assert_eq!(merged(same(), Survivor::MostComplete), ["a>c", "b>c"]);
        let equal = vec![group(&[("a", "", 1), ("b", "", 1)])];
        assert_eq!(merged(equal, Survivor::MostComplete), ["b>a"], "the first of equals");
    }

    #[test]
    fn groups_that_share_a_record_are_one() {
        let groups = vec![
            group(&[("a", "", 1), ("b", "", 1)]),
            group(&[("c", "", 1), ("d", "", 1)]),
            group(&[("b", "", 1), ("d", "", 1)]),
        ];
        assert_eq!(merged(groups, Survivor::First), ["b>a", "c>a", "d>a"]);
        let mut large = group(&[("a", "", 1), ("b", "", 1)]);
        large.size = 99;
        assert_eq!(merged(vec![large], Survivor::First), Vec::<String>::new(), "not all of its members are known");
    }
}
