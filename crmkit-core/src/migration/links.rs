//! Links, parents and repeated values of a whole source, as hashes, up to a bound.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use indexmap::IndexMap;

use super::audit::{Duplicates, ObjectAudit};
use crate::{FieldConcept, FieldName, FieldType, ObjectConcept, ObjectName, ObjectSchema, Record, RecordRef, Value};

/// What was seen, as hashes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many more may be remembered.
    left: usize,
    overflowed: bool,
    ids: HashSet<u64>,
    /// Per object and field: how often each record is linked to.
    targets: IndexMap<(ObjectName, FieldName), HashMap<u64, u32>>,
    parents: IndexMap<ObjectName, HashMap<u64, u64>>,
    values: IndexMap<(ObjectName, FieldName), HashMap<u64, u32>>,
}

/// The standard hasher with its fixed keys: the same in every run of one build.
fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Links {
    pub(super) fn new(bound: usize) -> Self {
        Self { left: bound, ..Self::default() }
    }

    /// Whether one more may be remembered.
    fn room(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.overflowed = true,
        }
        !self.overflowed
    }

    pub(super) fn see(&mut self, object: &ObjectSchema, record: &Record) {
        let own = hash(&record.key);
        if self.room() {
            self.ids.insert(own);
        }
        for field in object.fields.values().filter(|field| matches!(field.ty, FieldType::Link { .. } | FieldType::Any))
        {
            let refs: &[Value] = match record.fields.get(&field.name) {
                Some(Value::List(values)) => values,
                Some(one) => std::slice::from_ref(one),
                None => continue,
            };
            for to in refs.iter().filter_map(Value::as_ref_to) {
                self.link(object, &field.name, to);
                if field.concept == Some(FieldConcept::Parent) && to.object == object.name && self.room() {
                    self.parents.entry(object.name.clone()).or_default().insert(own, hash(to));
                }
            }
        }
        let same = object.by_concept(FieldConcept::Emails).or_else(|| {
            object.by_concept(FieldConcept::Name).filter(|_| object.concept == Some(ObjectConcept::Organization))
        });
        if let Some(field) = same.filter(|_| object.concept != Some(ObjectConcept::Activity)) {
            self.value(object, &field.name, record.fields.get(&field.name));
        }
    }

    fn link(&mut self, object: &ObjectSchema, field: &FieldName, to: &RecordRef) {
        let to = hash(to);
        let key = (object.name.clone(), field.clone());
        if let Some(count) = self.targets.get_mut(&key).and_then(|targets| targets.get_mut(&to)) {
            *count += 1;
        } else if self.room() {
            self.targets.entry(key).or_default().insert(to, 1);
        }
    }

    fn value(&mut self, object: &ObjectSchema, field: &FieldName, value: Option<&Value>) {
        let values: &[Value] = match value {
            Some(Value::List(values)) => values,
            Some(one) => std::slice::from_ref(one),
            None => return,
        };
        let mut seen = HashSet::new();
        for value in values.iter().filter(|value| !value.is_empty()) {
            let value = hash(&value.to_string().trim().to_lowercase());
            if !seen.insert(value) {
                continue;
            }
            let key = (object.name.clone(), field.clone());
            if let Some(count) = self.values.get_mut(&key).and_then(|values| values.get_mut(&value)) {
                *count += 1;
            } else if self.room() {
                self.values.entry(key).or_default().insert(value, 1);
            }
        }
    }

    /// Tells what was found; answers whether something was not remembered. Dangling links are then not told, because a record
    /// that was not remembered would look like a missing one.
    pub(super) fn finish(self, objects: &mut IndexMap<ObjectName, ObjectAudit>) -> bool {
        for ((object, field), targets) in self.targets.into_iter().filter(|_| !self.overflowed) {
            let dangling: u64 =
                targets.iter().filter(|(to, _)| !self.ids.contains(to)).map(|(_, count)| u64::from(*count)).sum();
            if let Some(found) = objects.get_mut(&object).filter(|_| dangling > 0) {
                found.dangling.insert(field, dangling);
            }
        }
        for (object, parents) in self.parents {
            if let Some(found) = objects.get_mut(&object) {
                found.in_cycles = in_cycles(&parents);
            }
        }
        for ((object, field), values) in self.values {
            let repeated = values.values().filter(|count| **count > 1);
            let (values, records) =
                repeated.fold((0, 0), |(values, records), count| (values + 1, records + u64::from(*count) - 1));
            if let Some(found) = objects.get_mut(&object).filter(|_| values > 0) {
                found.duplicates = Some(Duplicates { field, values, records });
            }
        }
        self.overflowed
    }
}

/// How many records are on a circle of parents.
fn in_cycles(parents: &HashMap<u64, u64>) -> u64 {
    let mut walk_of: HashMap<u64, usize> = HashMap::with_capacity(parents.len());
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

    proptest! {
        #[test]
        fn what_is_counted_leads_back_to_itself(pairs in proptest::collection::hash_map(0..12_u64, 0..12_u64, 0..12)) {
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
