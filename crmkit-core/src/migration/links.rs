//! Links and parents of a whole source, as hashes, up to a bound: who is linked to, how often, and when last.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{
    audit::ObjectAudit,
    profile::{ByHash, hash},
};
use crate::{FieldName, ObjectName};

/// What was seen, as hashes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many more may be remembered.
    left: usize,
    overflowed: bool,
    ids: Vec<u64>,
    /// Per object and field: how often each record is linked to, and when last.
    targets: IndexMap<(ObjectName, FieldName), Tally>,
    parents: IndexMap<ObjectName, HashMap<u64, u64, ByHash>>,
}

/// The hash of a record.
pub(super) fn hash_of(object: &ObjectName, id: &str) -> u64 {
    hash(id) ^ hash(object.as_str()).rotate_left(17)
}

/// Records linked to, each once: how often, and the last day of a record that links to it.
#[derive(Debug, Default)]
struct Tally {
    sorted: Vec<Target>,
    new: Vec<Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    record: u64,
    count: u32,
    day: u32,
}

/// New entries up to which a tally is not sorted again.
const UNSORTED: usize = 1 << 14;

impl Tally {
    /// Adds a link; says how many entries that freed.
    fn add(&mut self, record: u64, day: u32) -> usize {
        self.new.push(Target { record, count: 1, day });
        if self.new.len() >= UNSORTED.max(self.sorted.len()) { self.settle() } else { 0 }
    }

    fn settle(&mut self) -> usize {
        let before = self.sorted.len() + self.new.len();
        self.sorted.append(&mut self.new);
        self.sorted.sort_unstable_by_key(|target| target.record);
        self.sorted.dedup_by(|next, kept| {
            let same = next.record == kept.record;
            if same {
                kept.count = kept.count.saturating_add(next.count);
                kept.day = kept.day.max(next.day);
            }
            same
        });
        before - self.sorted.len()
    }

    fn last(&self, record: u64) -> u32 {
        let found = self.sorted.binary_search_by_key(&record, |target| target.record);
        found.map_or(0, |at| self.sorted[at].day)
    }
}

/// Which list of links a field's are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkField(usize);

impl Links {
    pub(super) fn new(bound: usize) -> Self {
        Self { left: bound, ..Self::default() }
    }

    /// Whether so many more may be remembered.
    pub(super) fn room(&mut self, count: usize) -> bool {
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => self.overflowed = true,
        }
        !self.overflowed
    }

    /// Whether something could not be remembered.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// So many are not remembered any more.
    pub(super) fn give_back(&mut self, count: usize) {
        self.left += count;
    }

    pub(super) fn field(&mut self, object: &ObjectName, field: &FieldName) -> LinkField {
        let entry = self.targets.entry((object.clone(), field.clone()));
        let place = entry.index();
        entry.or_default();
        LinkField(place)
    }

    pub(super) fn record(&mut self, record: u64) {
        if self.room(1) {
            self.ids.push(record);
        }
    }

    pub(super) fn link(&mut self, field: LinkField, to: u64, day: u32) {
        if self.room(1) {
            let freed = self.targets[field.0].add(to, day);
            self.left += freed;
        }
    }

    pub(super) fn parent(&mut self, object: &ObjectName, child: u64, parent: u64) {
        if self.room(1) {
            match self.parents.get_mut(object) {
                Some(known) => known.insert(child, parent),
                None => self.parents.entry(object.clone()).or_default().insert(child, parent),
            };
        }
    }

    /// Ends the counting, so that it can be asked.
    pub(super) fn settle(&mut self) {
        self.targets.values_mut().for_each(|tally| {
            tally.settle();
        });
    }

    /// The last day of a record that links to this one, 0 where none does.
    pub(super) fn last(&self, record: u64) -> u32 {
        self.targets.values().map(|tally| tally.last(record)).max().unwrap_or_default()
    }

    /// Tells what was found. Where something was not remembered, dangling links are not told: a record that was not remembered
    /// would look like a missing one.
    pub(super) fn finish(mut self, objects: &mut IndexMap<ObjectName, ObjectAudit>) {
        self.settle();
        self.ids.sort_unstable();
        for ((object, field), targets) in self.targets.into_iter().filter(|_| !self.overflowed) {
            let missing = targets.sorted.iter().filter(|target| self.ids.binary_search(&target.record).is_err());
            let dangling: u64 = missing.map(|target| u64::from(target.count)).sum();
            if let Some(found) = objects.get_mut(&object).filter(|_| dangling > 0) {
                found.dangling.insert(field, dangling);
            }
        }
        for (object, parents) in self.parents {
            if let Some(found) = objects.get_mut(&object) {
                found.in_cycles = in_cycles(&parents);
            }
        }
    }
}

/// How many records are on a circle of parents.
fn in_cycles(parents: &HashMap<u64, u64, ByHash>) -> u64 {
    let mut walk_of: HashMap<u64, usize, ByHash> = HashMap::with_capacity_and_hasher(parents.len(), ByHash::default());
    let mut found = 0;
    for (walk, start) in parents.keys().enumerate() {
        let mut at = *start;
        while !walk_of.contains_key(&at) {
            walk_of.insert(at, walk);
            match parents.get(&at) {
                Some(next) => at = *next,
                None => break,
            }
        }
        let closes = parents.contains_key(&at) && walk_of.get(&at) == Some(&walk);
        if closes {
            let mut on_cycle = parents[&at];
            found += 1;
            while on_cycle != at {
                found += 1;
                on_cycle = parents[&on_cycle];
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn circles_are_counted_without_their_tails() {
        let of = |pairs: &[(u64, u64)]| in_cycles(&pairs.iter().copied().collect());
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(1, 2), (2, 3)]), 0);
        assert_eq!(of(&[(1, 1)]), 1);
        assert_eq!(of(&[(1, 2), (2, 3), (3, 2)]), 2);
        assert_eq!(of(&[(1, 2), (2, 1), (5, 6), (6, 7), (7, 5), (9, 5)]), 5);
    }

    #[test]
    fn links_are_counted_and_dated_whenever_they_are_sorted() {
        let mut links = Links::new(100_000);
        let field = links.field(&"deals".into(), &"company".into());
        for number in 0..200_000_u64 {
            links.link(field, number % 1_000, u32::try_from(number / 1_000).unwrap() + 1);
        }
        assert!(!links.overflowed, "a thousand records are linked to, however often");
        (0..999).for_each(|record| links.record(record));
        links.settle();
        assert_eq!((links.last(7), links.last(5_000)), (200, 0));
        let mut objects = IndexMap::from([("deals".into(), ObjectAudit::default())]);
        links.finish(&mut objects);
        assert_eq!(objects["deals"].dangling, IndexMap::from([("company".into(), 200)]));
    }

    proptest! {
        #[test]
        fn what_is_counted_leads_back_to_itself(pairs in proptest::collection::hash_map(0..12_u64, 0..12_u64, 0..12)) {
            let pairs: HashMap<u64, u64, ByHash> = pairs.into_iter().collect();
            let back = |start: u64| {
                let mut at = start;
                (0..12).any(|_| match pairs.get(&at) {
                    Some(next) => { at = *next; at == start }
                    None => false,
                })
            };
            prop_assert_eq!(in_cycles(&pairs), pairs.keys().filter(|start| back(**start)).count() as u64);
        }
    }
}
