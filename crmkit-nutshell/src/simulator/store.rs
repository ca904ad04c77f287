//! The tables of one instance, with the indexes that keep look-ups from scanning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::answer::Row;
use super::entity::Entity;

/// An integer of a row.
pub(super) fn int(row: &Row, key: &str) -> Option<i64> {
    row.get(key).and_then(Value::as_i64)
}

/// A text of a row.
pub(super) fn text<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    row.get(key).and_then(Value::as_str)
}

/// Whether a flag of a row is set.
pub(super) fn flag(row: &Row, key: &str) -> bool {
    row.get(key) == Some(&Value::Bool(true))
}

/// A list of a row; empty when there is none.
pub(super) fn list<'a>(row: &'a Row, key: &str) -> &'a [Value] {
    row.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The object that a `json!` made.
pub(super) fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

#[derive(Clone, Debug, Default)]
struct Table {
    rows: BTreeMap<i64, Row>,
    by_reference: HashMap<(Entity, i64), BTreeSet<i64>>,
    by_term: HashMap<String, BTreeSet<i64>>,
}

impl Table {
    fn put(&mut self, entity: Entity, id: i64, row: Row) {
        if let Some(old) = self.rows.get(&id) {
            for reference in entity.references(old) {
                if let Some(ids) = self.by_reference.get_mut(&reference) {
                    ids.remove(&id);
                }
            }
            for term in entity.terms(old) {
                if let Some(ids) = self.by_term.get_mut(&term) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.by_term.remove(&term);
                    }
                }
            }
        }
        for reference in entity.references(&row) {
            self.by_reference.entry(reference).or_default().insert(id);
        }
        for term in entity.terms(&row) {
            self.by_term.entry(term).or_default().insert(id);
        }
        self.rows.insert(id, row);
    }

    fn remove(&mut self, entity: Entity, id: i64) {
        // An empty row has no references and no terms.
        self.put(entity, id, Row::new());
        self.rows.remove(&id);
    }
}

/// Everything that one instance stores. Rows are never removed; deleted ones have a `deletedTime`.
#[derive(Clone, Debug)]
pub(super) struct Store {
    tables: BTreeMap<Entity, Table>,
    last_number: i64,
    open_leads: usize,
    contacts: usize,
    journaled: bool,
    pending: Vec<Value>,
    /// What the rows of the present call were, in the order of its writes.
    undo: Vec<(Entity, i64, Option<Row>)>,
}

/// A moment within a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    undo: usize,
    pending: usize,
    number: i64,
}

fn is_deleted(row: &Row) -> bool {
    row.get("deletedTime").is_some_and(|time| !time.is_null())
}

/// Whether a row counts as an open lead.
fn is_open_lead(entity: Entity, row: &Row) -> bool {
    entity == Entity::Leads && !is_deleted(row) && int(row, "status").unwrap_or(0) < 10
}

fn is_contact(entity: Entity, row: &Row) -> bool {
    entity == Entity::Contacts && !is_deleted(row)
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            tables: Entity::ALL.into_iter().map(|entity| (entity, Table::default())).collect(),
            last_number: 0,
            open_leads: 0,
            contacts: 0,
            journaled: false,
            pending: Vec::new(),
            undo: Vec::new(),
        }
    }

    /// Begins a call.
    pub(super) fn begin(&mut self) {
        self.undo.clear();
        self.pending.clear();
    }

    /// The present moment of a call, to which [`Store::revert`] goes back.
    pub(super) fn mark(&self) -> Mark {
        Mark { undo: self.undo.len(), pending: self.pending.len(), number: self.last_number }
    }

    /// Takes back what was written since the mark.
    pub(super) fn revert(&mut self, mark: Mark) {
        for (entity, id, old) in self.undo.split_off(mark.undo).into_iter().rev() {
            self.count(entity, id, old.as_ref());
            let table = self.tables.get_mut(&entity).expect("every entity has a table");
            match old {
                Some(row) => table.put(entity, id, row),
                None => table.remove(entity, id),
            }
        }
        self.pending.truncate(mark.pending);
        self.last_number = mark.number;
    }

    /// Whether anything was written since [`Store::begin`].
    pub(super) fn is_changed(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Keeps the counts right when a row is replaced.
    fn count(&mut self, entity: Entity, id: i64, new: Option<&Row>) {
        let counts = |row: Option<&Row>| {
            let of = |fits: fn(Entity, &Row) -> bool| usize::from(row.is_some_and(|row| fits(entity, row)));
            (of(is_open_lead), of(is_contact))
        };
        let (was, is) = (counts(self.any(entity, id)), counts(new));
        self.open_leads = self.open_leads + is.0 - was.0;
        self.contacts = self.contacts + is.1 - was.1;
    }

    /// Keeps each change for [`Store::take_changes`] from now on.
    pub(super) fn journal(&mut self) {
        self.journaled = true;
        self.pending.clear();
    }

    /// The changes since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.pending)
    }

    fn table(&self, entity: Entity) -> &Table {
        self.tables.get(&entity).expect("every entity has a table")
    }

    /// The id that the next row gets.
    pub(super) fn next_id(&self, entity: Entity) -> i64 {
        let last = self.table(entity).rows.last_key_value().map(|(id, _)| id + 1);
        last.unwrap_or(0).max(entity.first_id())
    }

    /// The number that the next lead gets; it has nothing to do with its id.
    pub(super) fn next_number(&self) -> i64 {
        self.last_number + 1
    }

    pub(super) fn open_leads(&self) -> usize {
        self.open_leads
    }

    pub(super) fn contacts(&self) -> usize {
        self.contacts
    }

    /// Writes a row whose `id` is set.
    pub(super) fn put(&mut self, entity: Entity, row: Row) {
        if self.journaled {
            self.pending.push(json!({ "put": entity.rest(), "row": row }));
        }
        let id = int(&row, "id").expect("rows have ids");
        self.undo.push((entity, id, self.any(entity, id).cloned()));
        self.apply(entity, row);
    }

    fn apply(&mut self, entity: Entity, row: Row) {
        let id = int(&row, "id").expect("rows have ids");
        self.count(entity, id, Some(&row));
        if entity == Entity::Leads {
            self.last_number = self.last_number.max(int(&row, "number").unwrap_or(0));
        }
        self.tables.get_mut(&entity).expect("every entity has a table").put(entity, id, row);
    }

    /// Merges `change` into the row of its `id`, or adds a row, with the next id if it has none.
    pub(super) fn merge(&mut self, table: &str, change: Row) -> Result<i64, String> {
        let entity = Entity::from_rest(table).ok_or_else(|| format!("unknown table {table}"))?;
        let id = int(&change, "id").unwrap_or_else(|| self.next_id(entity));
        let mut row = self.any(entity, id).cloned().unwrap_or_default();
        row.extend(change);
        row.insert("id".into(), id.into());
        let rev = int(&row, "rev").unwrap_or(0);
        row.insert("rev".into(), (rev + 1).into());
        self.put(entity, row);
        Ok(id)
    }

    /// A row, deleted or not.
    pub(super) fn any(&self, entity: Entity, id: i64) -> Option<&Row> {
        self.table(entity).rows.get(&id)
    }

    /// A row that is not deleted.
    pub(super) fn live(&self, entity: Entity, id: i64) -> Option<&Row> {
        self.any(entity, id).filter(|row| !is_deleted(row))
    }

    /// All rows by id, deleted ones too.
    pub(super) fn rows(&self, entity: Entity) -> impl DoubleEndedIterator<Item = (i64, &Row)> {
        self.table(entity).rows.iter().map(|(id, row)| (*id, row))
    }

    /// All rows that are not deleted, by id.
    pub(super) fn all_live(&self, entity: Entity) -> impl DoubleEndedIterator<Item = (i64, &Row)> {
        self.rows(entity).filter(|(_, row)| !is_deleted(row))
    }

    /// The live rows that point at `target`, by id.
    pub(super) fn linked(&self, entity: Entity, target: (Entity, i64)) -> impl DoubleEndedIterator<Item = (i64, &Row)> {
        let ids = self.table(entity).by_reference.get(&target);
        ids.into_iter().flatten().filter_map(move |id| Some((*id, self.live(entity, *id)?)))
    }

    /// The rows with this term, by id, deleted ones too.
    pub(super) fn with_term<'s>(
        &'s self,
        entity: Entity,
        term: &str,
    ) -> impl DoubleEndedIterator<Item = (i64, &'s Row)> + use<'s> {
        let ids = self.table(entity).by_term.get(term);
        ids.into_iter().flatten().filter_map(move |id| Some((*id, self.any(entity, *id)?)))
    }

    /// Everything.
    pub(super) fn dump(&self) -> Value {
        let table = |entity: &Entity| {
            let rows = self.rows(*entity).map(|(_, row)| Value::Object(row.clone())).collect();
            (entity.rest().to_owned(), Value::Array(rows))
        };
        json!({ "tables": self.tables.keys().map(table).collect::<Map<_, _>>() })
    }

    /// Replaces the tables that a dump names.
    pub(super) fn load(&mut self, dump: &Value) -> Result<(), String> {
        for (name, rows) in dump["tables"].as_object().into_iter().flatten() {
            let entity = Entity::from_rest(name).ok_or_else(|| format!("unknown table {name}"))?;
            self.tables.insert(entity, Table::default());
            match entity {
                Entity::Leads => (self.open_leads, self.last_number) = (0, 0),
                Entity::Contacts => self.contacts = 0,
                _ => {}
            }
            for row in rows.as_array().ok_or_else(|| format!("{name} is not a list"))? {
                let row = row.as_object().filter(|row| int(row, "id").is_some());
                self.apply(entity, row.ok_or_else(|| format!("a row of {name} has no id"))?.clone());
            }
        }
        Ok(())
    }

    /// Applies a change from the journal.
    pub(super) fn replay(&mut self, change: &Value) -> Result<(), String> {
        let entity = change["put"].as_str().and_then(Entity::from_rest);
        match (entity, change["row"].as_object()) {
            (Some(entity), Some(row)) if int(row, "id").is_some() => {
                self.apply(entity, row.clone());
                Ok(())
            }
            _ => Err("not a change".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(account: i64, deleted: Option<i64>) -> Row {
        object(json!({"id": 1, "accounts": [{"id": account}], "deletedTime": deleted,
            "emails": [{"value": "Ann@x.example"}], "customFields": {"Key": "k1"}}))
    }

    #[test]
    fn indexes_follow_the_rows() {
        let mut store = Store::new();
        store.put(Entity::Contacts, contact(7, None));
        let linked = |store: &Store, account| store.linked(Entity::Contacts, (Entity::Accounts, account)).count();
        assert_eq!((linked(&store, 7), store.contacts()), (1, 1));
        store.put(Entity::Contacts, contact(8, None));
        assert_eq!((linked(&store, 7), linked(&store, 8)), (0, 1));
        assert_eq!(store.with_term(Entity::Contacts, "@ann@x.example").count(), 1);
        assert_eq!(store.with_term(Entity::Contacts, "=Key=k1").count(), 1);
        store.put(Entity::Contacts, contact(8, Some(5)));
        assert_eq!((linked(&store, 8), store.contacts(), store.next_id(Entity::Contacts)), (0, 0, 2));
        let mut copy = Store::new();
        copy.load(&store.dump()).unwrap();
        assert_eq!(copy.dump(), store.dump());
        copy.begin();
        let mark = copy.mark();
        copy.put(Entity::Contacts, contact(9, None));
        copy.put(Entity::Leads, object(json!({"id": 1000, "number": 1})));
        assert!(copy.is_changed() && copy.open_leads() == 1);
        copy.revert(mark);
        assert_eq!((copy.dump(), copy.contacts(), copy.open_leads()), (store.dump(), 0, 0));
        assert_eq!((copy.next_number(), copy.next_id(Entity::Leads)), (1, 1000));
    }
}
