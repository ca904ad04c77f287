//! Everything one company has stored, and the record of each change for the journal.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crmkit_core::simulator::Bytes;
use serde_json::{Map, Value, json};

use super::answer::Row;
use super::entity::Entity;
use super::table::{Table, flag, int, text};

/// The tables of one company.
#[derive(Clone, Debug)]
pub(super) struct Store {
    tables: BTreeMap<Entity, Table>,
    field_ids: HashMap<(Entity, String), i64>,
    /// The places of the records whose ids are UUIDs.
    uuids: HashMap<(Entity, String), i64>,
    /// The contents of files, by file.
    blobs: BTreeMap<i64, Bytes>,
    next_option: i64,
    journaled: bool,
    pending: Vec<Value>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            tables: Entity::ALL.into_iter().map(|entity| (entity, Table::new(entity.links()))).collect(),
            field_ids: HashMap::new(),
            uuids: HashMap::new(),
            blobs: BTreeMap::new(),
            next_option: 1,
            journaled: false,
            pending: Vec::new(),
        }
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

    pub(super) fn table(&self, entity: Entity) -> &Table {
        self.tables.get(&entity).expect("every entity has a table")
    }

    /// Where the record with this UUID is.
    pub(super) fn by_uuid(&self, entity: Entity, uuid: &str) -> Option<i64> {
        self.uuids.get(&(entity, uuid.to_ascii_lowercase())).copied()
    }

    /// Where a row belongs in its table: by its number, or in the order of creation if its id is a UUID.
    fn place(&self, entity: Entity, row: &Row) -> Option<i64> {
        let uuid = |uuid| self.by_uuid(entity, uuid).unwrap_or_else(|| self.table(entity).next_id());
        int(row, "id").or_else(|| text(row, "id").map(uuid))
    }

    /// Writes a row whose `id` is set.
    pub(super) fn put(&mut self, entity: Entity, row: Row) {
        if self.journaled {
            self.pending.push(json!({ "put": entity.name(), "row": row }));
        }
        self.apply_put(entity, row);
    }

    fn apply_put(&mut self, entity: Entity, row: Row) {
        let id = self.place(entity, &row).expect("rows have ids");
        if let Some(uuid) = text(&row, "id") {
            self.uuids.insert((entity, uuid.to_ascii_lowercase()), id);
        }
        let deleted = entity.is_deleted(&row);
        if let Some(code) = text(&row, "field_code") {
            self.field_ids.insert((entity, code.to_owned()), id);
            for option in row.get("options").and_then(Value::as_array).into_iter().flatten() {
                self.next_option = self.next_option.max(option["id"].as_i64().unwrap_or(0) + 1);
            }
        }
        self.tables.get_mut(&entity).expect("every entity has a table").put(id, row, deleted);
    }

    /// Merges `change` into the row of its `id`, or adds a row, with the next id if it has none.
    pub(super) fn merge(&mut self, table: &str, change: Row) -> Result<(), String> {
        let entity = Entity::named(table).ok_or_else(|| format!("unknown table {table}"))?;
        let id = self.place(entity, &change).unwrap_or_else(|| self.table(entity).next_id());
        let mut row = self.table(entity).any(id).map(|stored| stored.row.clone()).unwrap_or_default();
        row.extend(change);
        row.entry("id").or_insert(id.into());
        self.put(entity, row);
        Ok(())
    }

    /// The content of a file.
    pub(super) fn blob(&self, file: i64) -> Option<&Bytes> {
        self.blobs.get(&file)
    }

    /// Keeps the content of a file.
    pub(super) fn put_blob(&mut self, file: i64, content: Bytes) {
        if self.journaled {
            self.pending.push(json!({ "blob": file, "content": STANDARD.encode(&content) }));
        }
        self.blobs.insert(file, content);
    }

    fn load_blob(&mut self, file: i64, content: &Value) -> Result<(), String> {
        let content = content.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or("a file is not base64")?;
        self.blobs.insert(file, content.into());
        Ok(())
    }

    /// A new option id; unique in the company.
    pub(super) fn next_option(&mut self) -> i64 {
        self.next_option += 1;
        self.next_option - 1
    }

    /// A field definition that is not deleted.
    pub(super) fn field(&self, fields: Entity, code: &str) -> Option<&Row> {
        let id = self.field_ids.get(&(fields, code.to_owned()))?;
        self.table(fields).live(*id).map(|stored| &stored.row)
    }

    /// The custom fields of one kind of record.
    pub(super) fn custom_fields(&self, fields: Entity) -> impl Iterator<Item = &Row> {
        self.table(fields).all_live().map(|(_, stored)| &stored.row).filter(|row| flag(row, "is_custom_field"))
    }

    /// Takes the values of a deleted field (or only those with a deleted option) from all records.
    pub(super) fn drop_values(&mut self, fields: Entity, code: &str, option: Option<i64>) {
        if self.journaled {
            self.pending.push(json!({ "drop": fields.name(), "code": code, "option": option }));
        }
        self.apply_drop(fields, code, option);
    }

    fn apply_drop(&mut self, fields: Entity, code: &str, option: Option<i64>) {
        for records in fields.records() {
            let mut changed = Vec::new();
            for (_, row) in self.table(records).rows() {
                let mut row = row.clone();
                let holder = if code == "label_ids" {
                    Some(&mut row)
                } else {
                    row.get_mut("custom_fields").and_then(Value::as_object_mut)
                };
                if holder.is_some_and(|holder| drop_value(holder, code, option)) {
                    changed.push(row);
                }
            }
            for row in changed {
                self.apply_put(records, row);
            }
        }
    }

    /// Everything, deleted rows too.
    pub(super) fn dump(&self) -> Value {
        let table = |(entity, table): (&Entity, &Table)| {
            let rows = table.rows().map(|(_, row)| Value::Object(row.clone())).collect();
            (entity.name().to_owned(), Value::Array(rows))
        };
        let mut dump =
            json!({ "next_option": self.next_option, "tables": self.tables.iter().map(table).collect::<Map<_, _>>() });
        if !self.blobs.is_empty() {
            let blob = |(file, content): (&i64, &Bytes)| (file.to_string(), STANDARD.encode(content).into());
            dump["blobs"] = Value::Object(self.blobs.iter().map(blob).collect());
        }
        dump
    }

    /// Replaces everything by a dump; tables that it does not name stay.
    pub(super) fn load(&mut self, dump: &Value) -> Result<(), String> {
        for (name, rows) in dump["tables"].as_object().into_iter().flatten() {
            let entity = Entity::named(name).ok_or_else(|| format!("unknown table {name}"))?;
            self.tables.insert(entity, Table::new(entity.links()));
            self.field_ids.retain(|(fields, _), _| *fields != entity);
            self.uuids.retain(|(records, _), _| *records != entity);
            for row in rows.as_array().ok_or_else(|| format!("{name} is not a list"))? {
                let row = row.as_object().filter(|row| self.place(entity, row).is_some());
                self.apply_put(entity, row.ok_or_else(|| format!("a row of {name} has no id"))?.clone());
            }
        }
        for (file, content) in dump["blobs"].as_object().into_iter().flatten() {
            let file = file.parse().map_err(|_| "a file has a number")?;
            self.load_blob(file, content)?;
        }
        self.next_option = self.next_option.max(dump["next_option"].as_i64().unwrap_or(1));
        Ok(())
    }

    /// Applies a change from the journal.
    pub(super) fn replay(&mut self, change: &Value) -> Result<(), String> {
        let entity = |key: &str| change[key].as_str().and_then(Entity::named);
        if let (Some(entity), Some(row)) = (entity("put"), change["row"].as_object()) {
            self.apply_put(entity, row.clone());
        } else if let (Some(fields), Some(code)) = (entity("drop"), change["code"].as_str()) {
            self.apply_drop(fields, code, change["option"].as_i64());
        } else if let Some(file) = change["blob"].as_i64() {
            self.load_blob(file, &change["content"])?;
        } else {
            return Err("not a change".into());
        }
        Ok(())
    }
}

fn drop_value(holder: &mut Row, code: &str, option: Option<i64>) -> bool {
    match (holder.get_mut(code), option) {
        (Some(Value::Array(ids)), Some(option)) => {
            let before = ids.len();
            ids.retain(|id| id.as_i64() != Some(option));
            let (changed, empty) = (ids.len() < before, ids.is_empty());
            if empty && code != "label_ids" {
                holder.remove(code);
            }
            changed
        }
        (Some(value), Some(option)) if value.as_i64() != Some(option) => false,
        (Some(_), _) => holder.remove(code).is_some(),
        (None, _) => false,
    }
}
