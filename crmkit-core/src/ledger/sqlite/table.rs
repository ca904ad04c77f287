//! The table of rows, and what is kept in step with it.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::row::{
    COLUMNS, Encoded, decode, json, links_of, parsed, state_number, state_of, uncertain_number, uncertain_of,
};
use crate::{
    LedgerKey, MappingId, MigrationId, Part, RecordRef, Row, RowState, Uncertain,
    ledger::transition::{Kept, claims, takes_another},
};

/// The table of rows, with what is kept beside it: links and counts.
pub(super) struct RowTable<'c> {
    migration: &'c MigrationId,
    connection: &'c Connection,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    link: CachedStatement<'c>,
    unlink: CachedStatement<'c>,
    tally: Vec<(Place, i64)>,
    touched: Vec<Touched>,
}

/// What rows are counted by.
#[derive(Clone, PartialEq)]
struct Place {
    mapping: MappingId,
    part: Part,
    state: RowState,
    uncertain: Option<Uncertain>,
    pass: u32,
}

/// A row of this commit: which destination record it had for its source record alone, and which it has.
struct Touched {
    key: LedgerKey,
    before: Option<RecordRef>,
    now: Option<RecordRef>,
}

/// What has to be known of a row before it is overwritten.
struct Old {
    state: RowState,
    destination: Option<RecordRef>,
    pass: u32,
    uncertain: Option<Uncertain>,
    open: bool,
    links: Option<String>,
    settled: Option<String>,
}

impl Old {
    fn claim(&self, part: &Part) -> Option<&RecordRef> {
        self.destination.as_ref().filter(|_| claims(self.state, part, self.open))
    }
}

impl<'c> RowTable<'c> {
    pub(super) fn new(connection: &'c Connection, migration: &'c MigrationId) -> rusqlite::Result<Self> {
        Ok(Self {
            migration,
            connection,
            find: connection.prepare_cached(
                "SELECT state, to_object, to_id, pass, uncertain, intent IS NOT NULL, links, settled FROM entries
                 WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4",
            )?,
            insert: connection.prepare_cached(
                "INSERT INTO entries (mapping, object, id, part, state, to_object, to_id, hash, seal, pass, phase, unit,
                     page, uncertain, intent, links, rest, settled)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
                 ON CONFLICT DO NOTHING",
            )?,
            update: connection.prepare_cached(
                "UPDATE entries SET state = ?5, to_object = ?6, to_id = ?7, hash = ?8, seal = ?9, pass = ?10,
                     phase = ?11, unit = ?12, page = ?13, uncertain = ?14, intent = ?15, links = ?16, rest = ?17,
                     settled = ?18
                 WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4",
            )?,
            link: connection.prepare_cached(
                "INSERT OR IGNORE INTO links (to_object, to_id, mapping, object, id, part)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            unlink: connection.prepare_cached(
                "DELETE FROM links WHERE to_object = ?1 AND to_id = ?2
                     AND mapping = ?3 AND object = ?4 AND id = ?5 AND part = ?6",
            )?,
            tally: Vec::new(),
            touched: Vec::new(),
        })
    }

    /// Opens an intent; the row remembers how it was settled.
    pub(super) fn intend(&mut self, row: &Encoded) -> rusqlite::Result<()> {
        if row.destination.is_none() && self.insert_new(row)? {
            return Ok(());
        }
        let old = self.find(&row.key)?;
        let settled = match &old {
            Some(old) if old.settled.is_some() => old.settled.clone(),
            Some(old) if !old.open => self.read(&row.key)?.map(|kept| json(&kept.row)),
            _ => None,
        };
        self.write(old.as_ref(), row, settled.as_deref())
    }

    /// Closes an intent with an outcome. Says no to another destination record than the one settled with.
    pub(super) fn settle(&mut self, row: &Encoded) -> rusqlite::Result<bool> {
        let old = self.find(&row.key)?;
        let new = row.destination.as_ref();
        let refused = match &old {
            Some(Old { settled: Some(settled), .. }) => {
                let last: Row = parsed(7, settled)?;
                takes_another(Some((last.state, last.destination.as_ref())), new)
            }
            Some(old) if old.state != RowState::Intended => {
                takes_another(Some((old.state, old.destination.as_ref())), new)
            }
            _ => false,
        };
        if !refused {
            self.write(old.as_ref(), row, None)?;
        }
        Ok(!refused)
    }

    /// Remembers what a row of this commit had for itself before, and has now.
    fn touch(&mut self, key: &LedgerKey, old: Option<&Old>, now: Option<RecordRef>) {
        match self.touched.last_mut() {
            Some(last) if last.key == *key => last.now = now,
            _ => {
                let before = old.and_then(|old| old.claim(&key.part)).cloned();
                self.touched.push(Touched { key: key.clone(), before, now });
            }
        }
    }

    /// The first row of this commit that took a destination record which another source record has.
    fn claimed(&self) -> rusqlite::Result<Option<LedgerKey>> {
        let mut others = self.connection.prepare_cached(
            "SELECT state, part, intent IS NOT NULL FROM entries
             WHERE to_id IS NOT NULL AND to_object = ?1 AND to_id = ?2
                 AND NOT (mapping = ?3 AND object = ?4 AND id = ?5)",
        )?;
        for Touched { key, now, .. } in self.touched.iter().filter(|touched| touched.before != touched.now) {
            let Some(to) = now else { continue };
            let (mapping, object, id, _) = key_of(key);
            let mut others = others.query((to.object.as_str(), to.id.as_str(), mapping, object, id))?;
            while let Some(other) = others.next()? {
                if claims(state_of(other, 0)?, &Part::from(other.get_ref(1)?.as_str()?), other.get(2)?) {
                    return Ok(Some(key.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Closes an intent that was not applied.
    pub(super) fn free(&mut self, key: &LedgerKey) -> rusqlite::Result<()> {
        let Some(kept) = self.read(key)? else { return Ok(()) };
        match kept.free() {
            Some(kept) => {
                let old = self.find(key)?;
                self.write(old.as_ref(), &Encoded::of(&kept.row), None)
            }
            None => self.remove(key),
        }
    }

    /// Forgets a row.
    pub(super) fn remove(&mut self, key: &LedgerKey) -> rusqlite::Result<()> {
        let Some(old) = self.find(key)? else { return Ok(()) };
        self.touch(key, Some(&old), None);
        self.count(key, old.state, old.uncertain, old.pass, -1);
        self.relink(key, old.links.as_deref(), None)?;
        self.connection
            .prepare_cached("DELETE FROM entries WHERE mapping = ?1 AND object = ?2 AND id = ?3 AND part = ?4")?
            .execute(key_of(key))?;
        Ok(())
    }

    fn find(&mut self, key: &LedgerKey) -> rusqlite::Result<Option<Old>> {
        let mut rows = self.find.query(key_of(key))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let destination = match (row.get_ref(1)?.as_str_or_null()?, row.get_ref(2)?.as_str_or_null()?) {
            (Some(object), Some(id)) => Some(RecordRef::new(object, id)),
            _ => None,
        };
        Ok(Some(Old {
            state: state_of(row, 0)?,
            destination,
            pass: row.get(3)?,
            uncertain: uncertain_of(row, 4)?,
            open: row.get(5)?,
            links: row.get(6)?,
            settled: row.get(7)?,
        }))
    }

    /// The whole row.
    fn read(&self, key: &LedgerKey) -> rusqlite::Result<Option<Kept>> {
        let sql = format!(
            "SELECT {COLUMNS}, e.settled FROM entries e
             WHERE e.mapping = ?1 AND e.object = ?2 AND e.id = ?3 AND e.part = ?4"
        );
        self.connection
            .prepare_cached(&sql)?
            .query_row(key_of(key), |row| {
                let settled = row.get_ref(17)?.as_str_or_null()?.map(|text| parsed(17, text)).transpose()?;
                Ok(Kept { row: decode(row, self.migration)?, settled: settled.map(Box::new) })
            })
            .optional()
    }

    /// Keeps a row if there is none of its key: most rows are new, and looking first would take as long as this.
    fn insert_new(&mut self, new: &Encoded) -> rusqlite::Result<bool> {
        let inserted = put(&mut self.insert, new, None)? == 1;
        if inserted {
            self.count(&new.key, new.state, new.uncertain, new.unit.pass, 1);
            self.relink(&new.key, None, new.links.as_deref())?;
        }
        Ok(inserted)
    }

    fn write(&mut self, old: Option<&Old>, new: &Encoded, settled: Option<&str>) -> rusqlite::Result<()> {
        let claim = new.destination.as_ref().filter(|_| claims(new.state, &new.key.part, new.intent.is_some()));
        self.touch(&new.key, old, claim.cloned());
        let Some(old) = old else { return self.insert_new(new).map(drop) };
        put(&mut self.update, new, settled)?;
        self.count(&new.key, old.state, old.uncertain, old.pass, -1);
        self.count(&new.key, new.state, new.uncertain, new.unit.pass, 1);
        self.relink(&new.key, old.links.as_deref(), new.links.as_deref())
    }

    fn relink(&mut self, key: &LedgerKey, old: Option<&str>, new: Option<&str>) -> rusqlite::Result<()> {
        if old == new {
            return Ok(());
        }
        let LedgerKey { mapping, object, id, part, .. } = key;
        for (statement, links) in [(&mut self.unlink, old), (&mut self.link, new)] {
            let links = links_of(links).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, Box::new(error))
            })?;
            for to in links {
                let to = (to.object.as_str(), to.id.as_str());
                statement.execute((to.0, to.1, mapping.as_str(), object.as_str(), id.as_str(), part.as_str()))?;
            }
        }
        Ok(())
    }

    fn count(&mut self, key: &LedgerKey, state: RowState, uncertain: Option<Uncertain>, pass: u32, by: i64) {
        let place = Place { mapping: key.mapping.clone(), part: key.part.clone(), state, uncertain, pass };
        match self.tally.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum += by,
            None => self.tally.push((place, by)),
        }
    }

    /// Writes the counts: nothing but this keeps them right. Gives the first row that may not be kept.
    pub(super) fn finish(self) -> rusqlite::Result<Option<LedgerKey>> {
        let mut add = self.connection.prepare_cached(
            "INSERT INTO counts (mapping, part, state, uncertain, pass, entries) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET entries = entries + excluded.entries",
        )?;
        for (Place { mapping, part, state, uncertain, pass }, by) in self.tally.iter().filter(|(_, by)| *by != 0) {
            let uncertain = uncertain.map_or(-1, uncertain_number);
            add.execute(params![mapping.as_str(), part.as_str(), state_number(*state), uncertain, pass, by])?;
        }
        self.claimed()
    }
}

/// Runs the statement that inserts or updates a row.
fn put(statement: &mut CachedStatement<'_>, new: &Encoded, settled: Option<&str>) -> rusqlite::Result<usize> {
    let (mapping, object, id, part) = key_of(&new.key);
    statement.execute(params![
        mapping,
        object,
        id,
        part,
        state_number(new.state),
        new.destination.as_ref().map(|to| to.object.as_str()),
        new.destination.as_ref().map(|to| to.id.as_str()),
        new.hash.as_ref().map(|hash| hash.as_bytes()),
        new.seal.as_ref().map(|seal| seal.as_bytes()),
        new.unit.pass,
        new.unit.phase,
        new.unit_mapping(),
        new.unit.page as i64,
        new.uncertain.map(uncertain_number),
        new.intent,
        new.links,
        new.rest,
        settled,
    ])
}

fn key_of(key: &LedgerKey) -> (&str, &str, &str, &str) {
    (key.mapping.as_str(), key.object.as_str(), key.id.as_str(), key.part.as_str())
}
