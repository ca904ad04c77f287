//! Everything that one workspace has stored, with what it takes to undo a call that fails and to repeat one from a journal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::files::StoredFile;
use super::random;
use super::schema::{Field, Object};
use super::table::{Table, id_of};

/// A record as stored.
pub(super) type Row = Map<String, Value>;

/// The way back of one change.
#[derive(Debug)]
enum Undo {
    Row(String, Uuid, Option<Arc<Row>>),
    Object(String, Option<Arc<Object>>),
    File(String, Option<Arc<StoredFile>>),
}

/// The objects, records and files of one workspace.
#[derive(Debug)]
pub(super) struct Store {
    seed: String,
    ids: u64,
    objects: BTreeMap<String, Arc<Object>>,
    names: HashMap<String, String>,
    tables: HashMap<String, Table>,
    files: BTreeMap<String, Arc<StoredFile>>,
    undo: Vec<Undo>,
    journaled: bool,
    pending: Vec<Value>,
    empty: Table,
}

impl Store {
    /// An empty store whose ids follow from `seed`.
    pub(super) fn new(seed: &str) -> Self {
        Self {
            seed: seed.into(),
            ids: 0,
            objects: BTreeMap::new(),
            names: HashMap::new(),
            tables: HashMap::new(),
            files: BTreeMap::new(),
            undo: Vec::new(),
            journaled: false,
            pending: Vec::new(),
            empty: Table::default(),
        }
    }

    /// The next id.
    pub(super) fn new_id(&mut self) -> String {
        self.ids += 1;
        random::id(&self.seed, self.ids)
    }

    /// The application that this workspace's own objects and fields belong to.
    pub(super) fn application(&self) -> String {
        random::id(&self.seed, 0)
    }

    pub(super) fn objects(&self) -> impl DoubleEndedIterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    pub(super) fn object(&self, id: &str) -> Option<Arc<Object>> {
        self.objects.get(id).cloned()
    }

    /// The object whose singular or plural name this is.
    pub(super) fn by_name(&self, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(self.names.get(name)?)
    }

    pub(super) fn by_plural(&self, name: &str) -> Option<Arc<Object>> {
        self.by_name(name).filter(|object| object.name_plural == name && object.is_active).cloned()
    }

    pub(super) fn by_singular(&self, name: &str) -> Option<Arc<Object>> {
        self.by_name(name).filter(|object| object.name_singular == name && object.is_active).cloned()
    }

    /// A field with its object.
    pub(super) fn field(&self, id: &str) -> Option<(Arc<Object>, Field)> {
        self.objects.values().find_map(|object| {
            let field = object.fields.iter().find(|field| field.id == id)?;
            Some((object.clone(), field.clone()))
        })
    }

    pub(super) fn table(&self, object: &str) -> &Table {
        self.tables.get(object).unwrap_or(&self.empty)
    }

    pub(super) fn put_object(&mut self, object: Object) {
        self.note(|| json!({ "object": object }));
        let old = self.objects.get(&object.id).cloned();
        self.undo.push(Undo::Object(object.id.clone(), old));
        self.apply_object(Arc::new(object));
    }

    fn apply_object(&mut self, object: Arc<Object>) {
        self.forget_names(&object.id);
        self.names.insert(object.name_singular.clone(), object.id.clone());
        self.names.insert(object.name_plural.clone(), object.id.clone());
        self.tables.entry(object.id.clone()).or_default().reindex(&object);
        self.objects.insert(object.id.clone(), object);
    }

    fn forget_names(&mut self, id: &str) {
        if let Some(old) = self.objects.get(id) {
            self.names.remove(&old.name_singular);
            self.names.remove(&old.name_plural);
        }
    }

    /// Forgets an object whose rows are gone.
    pub(super) fn drop_object(&mut self, id: &str) {
        self.note(|| json!({ "drop_object": id }));
        self.undo.push(Undo::Object(id.into(), self.objects.get(id).cloned()));
        self.apply_drop(id);
    }

    fn apply_drop(&mut self, id: &str) {
        self.forget_names(id);
        self.objects.remove(id);
        self.tables.remove(id);
    }

    /// Indexes a field that has become unique; says whether it is.
    pub(super) fn reindex_unique(&mut self, object: &str, field: &str) -> bool {
        self.table(object).is_unique(field)
    }

    /// Writes a row whose `id` is a UUID.
    pub(super) fn put_row(&mut self, object: &str, row: Row) {
        self.note(|| json!({ "put": object, "row": row }));
        let Some(id) = id_of(&row) else { return };
        let old = self.apply_row(object, id, Arc::new(row));
        self.undo.push(Undo::Row(object.into(), id, old));
    }

    fn apply_row(&mut self, object: &str, id: Uuid, row: Arc<Row>) -> Option<Arc<Row>> {
        let definition = self.objects.get(object)?.clone();
        self.tables.entry(object.into()).or_default().put(&definition, id, row)
    }

    pub(super) fn remove_row(&mut self, object: &str, id: Uuid) {
        self.note(|| json!({ "remove": object, "id": id.to_string() }));
        let old = self.apply_remove(object, id);
        self.undo.push(Undo::Row(object.into(), id, old));
    }

    fn apply_remove(&mut self, object: &str, id: Uuid) -> Option<Arc<Row>> {
        let definition = self.objects.get(object)?.clone();
        self.tables.get_mut(object)?.remove(&definition, id)
    }

    pub(super) fn file(&self, id: &str) -> Option<&Arc<StoredFile>> {
        self.files.get(id)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<StoredFile>> {
        self.files.values()
    }

    pub(super) fn put_file(&mut self, file: StoredFile) {
        self.note(|| json!({ "file": file }));
        let id = file.id.clone();
        let old = self.files.insert(id.clone(), Arc::new(file));
        self.undo.push(Undo::File(id, old));
    }

    pub(super) fn remove_file(&mut self, id: &str) {
        self.note(|| json!({ "remove_file": id }));
        let old = self.files.remove(id);
        self.undo.push(Undo::File(id.into(), old));
    }

    fn note(&mut self, change: impl FnOnce() -> Value) {
        if self.journaled {
            self.pending.push(change());
        }
    }

    /// Runs one atomic piece of a call: what fails leaves nothing behind.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.undo.len(), self.pending.len())
    }

    /// Undoes everything since a mark.
    pub(super) fn roll_back(&mut self, mark: (usize, usize)) {
        self.pending.truncate(mark.1);
        while self.undo.len() > mark.0 {
            match self.undo.pop() {
                Some(Undo::Row(object, id, Some(row))) => drop(self.apply_row(&object, id, row)),
                Some(Undo::Row(object, id, None)) => drop(self.apply_remove(&object, id)),
                Some(Undo::Object(_, Some(object))) => self.apply_object(object),
                Some(Undo::Object(id, None)) => self.apply_drop(&id),
                Some(Undo::File(id, Some(file))) => drop(self.files.insert(id, file)),
                Some(Undo::File(id, None)) => drop(self.files.remove(&id)),
                None => {}
            }
        }
    }

    /// Ends a call: it can no longer be undone.
    pub(super) fn settle(&mut self) {
        self.undo.clear();
    }

    /// Keeps each change for [`Store::take_changes`] from now on.
    pub(super) fn journal(&mut self) {
        self.journaled = true;
        self.pending.clear();
    }

    /// The changes since the last call, and how many ids have been used.
    pub(super) fn take_changes(&mut self) -> Option<Value> {
        let changes = std::mem::take(&mut self.pending);
        (!changes.is_empty()).then(|| json!({ "ids": self.ids, "changes": changes }))
    }

    /// Everything.
    pub(super) fn dump(&self) -> Value {
        let rows = |(object, table): (&String, &Table)| {
            let rows: Vec<Value> = table.rows().map(|(_, row)| Value::Object((**row).clone())).collect();
            (object.clone(), Value::Array(rows))
        };
        let objects: Vec<&Object> = self.objects.values().map(|object| &**object).collect();
        let files: Vec<&StoredFile> = self.files.values().map(|file| &**file).collect();
        let tables: Map<String, Value> = self.tables.iter().map(rows).collect();
        json!({ "seed": self.seed, "ids": self.ids, "objects": objects, "tables": tables, "files": files })
    }

    /// The store that a dump describes.
    pub(super) fn load(dump: &Value) -> Result<Self, String> {
        let mut store = Self::new(dump["seed"].as_str().ok_or("a store has a seed")?);
        store.ids = dump["ids"].as_u64().unwrap_or(0);
        let list = |key: &str| dump[key].as_array().cloned().unwrap_or_default();
        for object in list("objects") {
            store.replay_one(&json!({ "object": object }))?;
        }
        for (object, rows) in dump["tables"].as_object().into_iter().flatten() {
            for row in rows.as_array().into_iter().flatten() {
                store.replay_one(&json!({ "put": object, "row": row }))?;
            }
        }
        for file in list("files") {
            store.replay_one(&json!({ "file": file }))?;
        }
        Ok(store)
    }

    /// Applies an entry of [`Store::take_changes`].
    pub(super) fn replay(&mut self, entry: &Value) -> Result<(), String> {
        self.ids = entry["ids"].as_u64().unwrap_or(self.ids);
        entry["changes"].as_array().into_iter().flatten().try_for_each(|change| self.replay_one(change))
    }

    fn replay_one(&mut self, change: &Value) -> Result<(), String> {
        let wrong = |error: serde_json::Error| error.to_string();
        let text = |key: &str| change[key].as_str();
        if let Some(object) = change.get("object") {
            self.apply_object(Arc::new(serde_json::from_value(object.clone()).map_err(wrong)?));
        } else if let Some(id) = text("drop_object") {
            self.apply_drop(id);
        } else if let (Some(object), Some(row)) = (text("put"), change["row"].as_object()) {
            let id = id_of(row).ok_or("a row has an id")?;
            self.apply_row(object, id, Arc::new(row.clone()));
        } else if let (Some(object), Some(id)) = (text("remove"), text("id")) {
            self.apply_remove(object, Uuid::try_parse(id).map_err(|error| error.to_string())?);
        } else if let Some(file) = change.get("file") {
            let file: StoredFile = serde_json::from_value(file.clone()).map_err(wrong)?;
            self.files.insert(file.id.clone(), Arc::new(file));
        } else if let Some(id) = text("remove_file") {
            self.files.remove(id);
        } else {
            return Err("not a change".into());
        }
        Ok(())
    }
}
