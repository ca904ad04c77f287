//! Erases what is kept about people who ask for it.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::{
    file::OrFailed,
    row::{COLUMNS, Encoded, decode, json, parsed},
    table::RowTable,
};
use crate::{
    Erase, Fact, LedgerKey, MigrationId, RecordRef, Result, Row,
    ledger::erase::{Left, without},
};

/// Erases within the writer's transaction and says how many entries went.
pub(super) fn erase(connection: &Connection, migration: &MigrationId, scope: &Erase) -> Result<u64> {
    match scope {
        Erase::PriorValues => connection.execute("DELETE FROM prior", []).map(|count| count as u64),
        Erase::Records(records) => erase_records(connection, migration, records),
    }
    .or_failed("ledger.erase")
}

fn erase_records(connection: &Connection, migration: &MigrationId, records: &[RecordRef]) -> rusqlite::Result<u64> {
    let mut gone = 0;
    let mut table = RowTable::new(connection, migration)?;
    for key in keys_of(connection, migration, "entries", records)? {
        table.remove(&key)?;
        gone += 1;
    }
    table.finish()?;
    for key in keys_of(connection, migration, "prior", records)? {
        let LedgerKey { mapping, object, id, part, .. } = &key;
        gone += connection.execute(
            "DELETE FROM prior WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4",
            [mapping.as_str(), object.as_str(), id.as_str(), part.as_str()],
        )?;
    }
    for (fact, left) in facts_naming(connection, records)? {
        match left {
            Left::Changed(Fact { kind, key, value }) => {
                let sql = "UPDATE facts SET value = ?3 WHERE kind = ?1 AND key = ?2";
                connection.execute(sql, [kind, key, json(&value)])?;
            }
            _ => gone += connection.execute("DELETE FROM facts WHERE kind = ?1 AND key = ?2", [fact.kind, fact.key])?,
        }
    }
    stop_waiting(connection, migration, records)?;
    Ok(gone as u64)
}

/// The keys of these records in a table, of any mapping and part.
fn keys_of(
    connection: &Connection,
    migration: &MigrationId,
    table: &str,
    records: &[RecordRef],
) -> rusqlite::Result<HashSet<LedgerKey>> {
    let mut next = connection.prepare(&format!("SELECT min(mapping) FROM {table} WHERE mapping > ?1"))?;
    let mut mappings: Vec<String> = Vec::new();
    while let Some(mapping) = next.query_row([mappings.last().map_or("", String::as_str)], |row| row.get(0))? {
        mappings.push(mapping);
    }
    let sql = format!("SELECT DISTINCT part FROM {table} WHERE mapping = ?1 AND object = ?2 AND id = ?3");
    let mut parts = connection.prepare(&sql)?;
    let mut keys = HashSet::new();
    for mapping in &mappings {
        for RecordRef { object, id } in records {
            let found = parts.query_map([mapping, object.as_str(), id.as_str()], |row| row.get::<_, String>(0))?;
            for part in found {
                let (mapping, part) = (mapping.as_str().into(), part?.into());
                let (object, id) = (object.clone(), id.clone());
                keys.insert(LedgerKey { migration: migration.clone(), mapping, object, id, part });
            }
        }
    }
    Ok(keys)
}

fn facts_naming(connection: &Connection, records: &[RecordRef]) -> rusqlite::Result<Vec<(Fact, Left)>> {
    let mut all = connection.prepare("SELECT kind, key, value FROM facts")?;
    let mut rows = all.query([])?;
    let mut named = Vec::new();
    while let Some(row) = rows.next()? {
        let fact = Fact { kind: row.get(0)?, key: row.get(1)?, value: parsed(2, row.get_ref(2)?.as_str()?)? };
        let left = without(&fact, records);
        if left != Left::Whole {
            named.push((fact, left));
        }
    }
    Ok(named)
}

/// Rows that wait for one of these records stay held and no longer say for what.
fn stop_waiting(connection: &Connection, migration: &MigrationId, records: &[RecordRef]) -> rusqlite::Result<()> {
    let forget = |row: &mut Row| row.waits_for.take_if(|record| records.contains(record)).is_some();
    let sql = format!("SELECT {COLUMNS}, e.settled FROM entries e WHERE e.rest IS NOT NULL OR e.settled IS NOT NULL");
    let mut all = connection.prepare(&sql)?;
    let mut rows = all.query([])?;
    let mut changed = Vec::new();
    while let Some(row) = rows.next()? {
        let mut now = decode(row, migration)?;
        let mut settled: Option<Row> = row.get_ref(17)?.as_str_or_null()?.map(|text| parsed(17, text)).transpose()?;
        if forget(&mut now) | settled.as_mut().is_some_and(forget) {
            changed.push((Encoded::of(&now), settled));
        }
    }
    for (row, settled) in changed {
        let LedgerKey { mapping, object, id, part, .. } = &row.key;
        connection.execute(
            "UPDATE entries SET rest = ?5, settled = ?6
             WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4",
            params![
                mapping.as_str(),
                object.as_str(),
                id.as_str(),
                part.as_str(),
                row.rest,
                settled.map(|row| json(&row))
            ],
        )?;
    }
    Ok(())
}
