//! The rows of one kind of record with the indexes that keep lists and counts from scanning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::answer::Row;
use super::time;

/// A row with its sort keys.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) row: Row,
    pub(super) added: i64,
    pub(super) updated: i64,
}

/// Rows by id. Deleted ones stay, outside of the indexes.
#[derive(Clone, Debug)]
pub(super) struct Table {
    links: &'static [&'static str],
    rows: BTreeMap<i64, Stored>,
    deleted: BTreeSet<i64>,
    by_added: BTreeSet<(i64, i64)>,
    by_updated: BTreeSet<(i64, i64)>,
    by_link: HashMap<(&'static str, i64), BTreeSet<i64>>,
}

/// An integer of a row.
pub(super) fn int(row: &Row, key: &str) -> Option<i64> {
    row.get(key).and_then(Value::as_i64)
}

/// A text of a row.
pub(super) fn text<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    row.get(key).and_then(Value::as_str)
}

/// The number under which a link is indexed: an integer as it is, a UUID folded.
pub(super) fn link_key(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| fold(value.as_str()?))
}

/// A UUID as a number: good for an index, which is always checked against the row.
pub(super) fn fold(uuid: &str) -> Option<i64> {
    let (high, low) = Uuid::parse_str(uuid).ok()?.as_u64_pair();
    Some((high ^ low).cast_signed())
}

/// The link of a row under which it is indexed.
pub(super) fn link(row: &Row, key: &str) -> Option<i64> {
    row.get(key).and_then(link_key)
}

/// Whether a flag of a row is set.
pub(super) fn flag(row: &Row, key: &str) -> bool {
    row.get(key) == Some(&Value::Bool(true))
}

impl Table {
    /// An empty table that indexes the ids under `links`.
    pub(super) fn new(links: &'static [&'static str]) -> Self {
        Self {
            links,
            rows: BTreeMap::new(),
            deleted: BTreeSet::new(),
            by_added: BTreeSet::new(),
            by_updated: BTreeSet::new(),
            by_link: HashMap::new(),
        }
    }

    pub(super) fn next_id(&self) -> i64 {
        self.rows.last_key_value().map_or(1, |(id, _)| id + 1)
    }

    /// Writes a row.
    pub(super) fn put(&mut self, id: i64, row: Row, deleted: bool) {
        self.forget(id);
        let seconds = |key: &str| text(&row, key).map_or(0, time::seconds);
        let stored = Stored { added: seconds("add_time"), updated: seconds("update_time"), row };
        if deleted {
            self.deleted.insert(id);
        } else {
            self.by_added.insert((stored.added, id));
            self.by_updated.insert((stored.updated, id));
            for link in self.links {
                if let Some(target) = self::link(&stored.row, link) {
                    self.by_link.entry((link, target)).or_default().insert(id);
                }
            }
        }
        self.rows.insert(id, stored);
    }

    fn forget(&mut self, id: i64) {
        let Some(old) = self.rows.get(&id) else { return };
        if self.deleted.remove(&id) {
            return;
        }
        self.by_added.remove(&(old.added, id));
        self.by_updated.remove(&(old.updated, id));
        for link in self.links {
            if let Some(target) = self::link(&old.row, link)
                && let Some(ids) = self.by_link.get_mut(&(*link, target))
            {
                ids.remove(&id);
            }
        }
    }

    /// A row, deleted or not.
    pub(super) fn any(&self, id: i64) -> Option<&Stored> {
        self.rows.get(&id)
    }

    /// A row that is not deleted.
    pub(super) fn live(&self, id: i64) -> Option<&Stored> {
        self.rows.get(&id).filter(|_| !self.deleted.contains(&id))
    }

    pub(super) fn is_deleted(&self, id: i64) -> bool {
        self.deleted.contains(&id)
    }

    /// How many rows are not deleted.
    pub(super) fn count(&self) -> usize {
        self.rows.len() - self.deleted.len()
    }

    /// All rows, deleted ones too, by id.
    pub(super) fn rows(&self) -> impl Iterator<Item = (i64, &Row)> {
        self.rows.iter().map(|(id, stored)| (*id, &stored.row))
    }

    /// The rows that are not deleted, by id.
    pub(super) fn all_live(&self) -> impl DoubleEndedIterator<Item = (i64, &Stored)> {
        self.rows.iter().filter(|(id, _)| !self.deleted.contains(id)).map(|(id, stored)| (*id, stored))
    }

    /// The live ids beyond `after`, in either direction.
    pub(super) fn ids(&self, after: Option<i64>, descending: bool) -> Box<dyn Iterator<Item = i64> + '_> {
        let live = |id: &i64| !self.deleted.contains(id);
        if descending {
            Box::new(self.rows.range(..after.unwrap_or(i64::MAX)).rev().map(|(id, _)| *id).filter(live))
        } else {
            let from = after.map_or(i64::MIN, |after| after + 1);
            Box::new(self.rows.range(from..).map(|(id, _)| *id).filter(live))
        }
    }

    /// The live ids that point at `target` under `link`.
    pub(super) fn linked(&self, link: &'static str, target: i64) -> impl Iterator<Item = i64> {
        self.by_link.get(&(link, target)).into_iter().flatten().copied()
    }

    /// How many live rows point at `target` under `link`.
    pub(super) fn linked_count(&self, link: &'static str, target: i64) -> usize {
        self.by_link.get(&(link, target)).map_or(0, BTreeSet::len)
    }

    pub(super) fn deleted_ids(&self) -> &BTreeSet<i64> {
        &self.deleted
    }

    pub(super) fn by_added(&self) -> &BTreeSet<(i64, i64)> {
        &self.by_added
    }

    pub(super) fn by_updated(&self) -> &BTreeSet<(i64, i64)> {
        &self.by_updated
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(org: i64, update: &str) -> Row {
        let row = json!({"id": 1, "org_id": org, "add_time": "2024-01-01T00:00:00Z", "update_time": update});
        row.as_object().unwrap().clone()
    }

    #[test]
    fn indexes_follow_the_rows() {
        let mut table = Table::new(&["org_id"]);
        table.put(1, row(7, "2024-01-01T00:00:00Z"), false);
        assert_eq!(table.linked("org_id", 7).collect::<Vec<_>>(), [1]);
        table.put(1, row(8, "2024-01-02T00:00:00Z"), false);
        assert_eq!((table.linked_count("org_id", 7), table.linked_count("org_id", 8)), (0, 1));
        assert_eq!(table.by_updated().len(), 1);
        table.put(1, row(8, "2024-01-02T00:00:00Z"), true);
        assert_eq!((table.linked_count("org_id", 8), table.count(), table.next_id()), (0, 0, 2));
        assert!(table.live(1).is_none() && table.any(1).is_some());
    }
}
