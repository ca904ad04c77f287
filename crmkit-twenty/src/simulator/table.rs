//! The rows of one object with the indexes that keep look-ups from scanning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::schema::{Field, Object};
use super::store::Row;

/// Rows by id; soft-deleted ones stay among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<Uuid, Arc<Row>>,
    live: usize,
    /// Which rows hold a value that must be unique, by field.
    unique: HashMap<String, HashMap<String, BTreeSet<Uuid>>>,
    /// Which rows point at a record, by column.
    links: HashMap<String, HashMap<Uuid, BTreeSet<Uuid>>>,
    first_position: f64,
}

/// Whether a row is soft-deleted.
pub(super) fn is_deleted(row: &Row) -> bool {
    row.get("deletedAt").is_some_and(Value::is_string)
}

/// The id of a row.
pub(super) fn id_of(row: &Row) -> Option<Uuid> {
    uuid_at(row, "id")
}

/// The record that a column points at.
pub(super) fn uuid_at(row: &Row, column: &str) -> Option<Uuid> {
    row.get(column).and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok())
}

/// What makes a row's value of a unique field collide; `None` for empty values, which never do.
pub(super) fn unique_key(field: &Field, row: &Row) -> Option<String> {
    let value = row.get(&field.name)?;
    let parts = field.kind.unique_parts();
    if parts.is_empty() {
        return match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
    }
    let texts: Vec<&str> = parts.iter().filter_map(|part| value[part].as_str()).collect();
    // The number alone decides whether a phone is there; one without country still has a key.
    value[parts[0]].as_str().filter(|first| !first.is_empty())?;
    Some(texts.join("\u{1f}"))
}

impl Table {
    pub(super) fn get(&self, id: Uuid) -> Option<&Arc<Row>> {
        self.rows.get(&id)
    }

    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = (Uuid, &Arc<Row>)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// The rows after an id, in the order of ids.
    pub(super) fn after(&self, id: Uuid) -> impl Iterator<Item = (Uuid, &Arc<Row>)> {
        let from = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
        self.rows.range(from).map(|(id, row)| (*id, row))
    }

    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.rows.keys().copied().collect()
    }

    /// How many rows are not deleted.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The smallest position so far.
    pub(super) fn first_position(&self) -> f64 {
        self.first_position
    }

    pub(super) fn last_position(&self) -> f64 {
        self.rows.values().filter_map(|row| row.get("position")?.as_f64()).fold(0.0, f64::max)
    }

    /// Who holds a unique value.
    pub(super) fn holders(&self, field: &str, key: &str) -> impl Iterator<Item = Uuid> {
        self.unique.get(field).and_then(|keys| keys.get(key)).into_iter().flatten().copied()
    }

    /// Who points at a record.
    pub(super) fn linked(&self, column: &str, target: Uuid) -> impl Iterator<Item = Uuid> {
        self.links.get(column).and_then(|targets| targets.get(&target)).into_iter().flatten().copied()
    }

    /// Writes a row and returns the one that it replaces.
    pub(super) fn put(&mut self, object: &Object, id: Uuid, row: Arc<Row>) -> Option<Arc<Row>> {
        let old = self.remove(object, id);
        self.live += usize::from(!is_deleted(&row));
        if let Some(position) = row.get("position").and_then(Value::as_f64) {
            self.first_position = self.first_position.min(position);
        }
        for field in &object.fields {
            if field.is_unique
                && field.name != "id"
                && let Some(key) = unique_key(field, &row)
            {
                self.unique.entry(field.name.clone()).or_default().entry(key).or_default().insert(id);
            }
            if let Some(column) = field.join_column()
                && let Some(target) = uuid_at(&row, column)
            {
                self.links.entry(column.to_owned()).or_default().entry(target).or_default().insert(id);
            }
        }
        self.rows.insert(id, row);
        old
    }

    pub(super) fn remove(&mut self, object: &Object, id: Uuid) -> Option<Arc<Row>> {
        let old = self.rows.remove(&id)?;
        self.live -= usize::from(!is_deleted(&old));
        for field in &object.fields {
            if field.is_unique
                && let Some(key) = unique_key(field, &old)
                && let Some(keys) = self.unique.get_mut(&field.name)
            {
                forget(keys, &key, id);
            }
            if let Some(column) = field.join_column()
                && let Some(target) = uuid_at(&old, column)
                && let Some(targets) = self.links.get_mut(column)
            {
                forget(targets, &target, id);
            }
        }
        Some(old)
    }

    /// Builds all indexes anew, for an object whose fields changed.
    pub(super) fn reindex(&mut self, object: &Object) {
        let rows = std::mem::take(self).rows;
        for (id, row) in rows {
            self.put(object, id, row);
        }
    }

    /// Whether no two rows hold the same value of a unique field.
    pub(super) fn is_unique(&self, field: &str) -> bool {
        self.unique.get(field).is_none_or(|keys| keys.values().all(|holders| holders.len() < 2))
    }
}

fn forget<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<Uuid>>, key: &K, id: Uuid) {
    if let Some(holders) = index.get_mut(key) {
        holders.remove(&id);
        if holders.is_empty() {
            index.remove(key);
        }
    }
}
