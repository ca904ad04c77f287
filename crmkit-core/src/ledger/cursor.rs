//! Pages of a selection: where one ends and the next begins.

use crate::{Count, Cursor, Entry, Error, LedgerKey, MigrationId, Page, Result, RowState, Uncertain, UnitKey};

/// A page from up to one entry more than it may hold.
pub(crate) fn page_of(mut entries: Vec<Entry>, limit: usize) -> Page<Entry> {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = if more { entries.last().map(cursor_of) } else { None };
    Page::of(entries, next)
}

/// How many entries to fetch for a page: one more tells whether another page follows.
pub(crate) fn fetch(limit: usize) -> Result<usize> {
    if limit == 0 {
        Err(Error::input("ledger.select", "a page holds at least one entry"))
    } else {
        Ok(limit.saturating_add(1))
    }
}

fn cursor_of(entry: &Entry) -> Cursor {
    Cursor(match entry {
        Entry::Row(row) => json(&(&row.key.mapping, &row.key.object, &row.key.id, &row.key.part)),
        Entry::Unit(unit) => json(&(unit.key.pass, unit.key.phase, &unit.key.mapping, unit.key.page)),
        Entry::Fact(fact) => fact.key.clone(),
        Entry::Prior(prior) => json(&prior.pass),
        Entry::Audit(line) => json(&line.sequence),
        Entry::Count(count) => json(&(&count.mapping, &count.part, count.state, count.uncertain)),
    })
}

fn json(key: &impl serde::Serialize) -> String {
    serde_json::to_string(key).expect("a key is serialisable")
}

fn parse<T: serde::de::DeserializeOwned>(after: Option<&Cursor>) -> Result<Option<T>> {
    after
        .map(|cursor| {
            serde_json::from_str(&cursor.0)
                .map_err(|_| Error::input("ledger.select", "the cursor is not one of this selection"))
        })
        .transpose()
}

/// The row after which the page begins.
pub(crate) fn after_row(after: Option<&Cursor>, migration: &MigrationId) -> Result<Option<LedgerKey>> {
    let key: Option<(_, _, _, _)> = parse(after)?;
    Ok(key.map(|(mapping, object, id, part)| LedgerKey { migration: migration.clone(), mapping, object, id, part }))
}

/// The unit after which the page begins.
pub(crate) fn after_unit(after: Option<&Cursor>, migration: &MigrationId) -> Result<Option<UnitKey>> {
    let key: Option<(_, _, _, _)> = parse(after)?;
    Ok(key.map(|(pass, phase, mapping, page)| UnitKey { migration: migration.clone(), pass, phase, mapping, page }))
}

/// The pass or sequence after which the page begins.
pub(crate) fn after_number(after: Option<&Cursor>) -> Result<Option<u64>> {
    parse(after)
}

/// What counts are ordered by.
pub(crate) type CountKey = (crate::MappingId, crate::Part, RowState, Option<Uncertain>);

/// The order of a count.
pub(crate) fn count_key(count: &Count) -> CountKey {
    (count.mapping.clone(), count.part.clone(), count.state, count.uncertain)
}

/// The count after which the page begins.
pub(crate) fn after_count(after: Option<&Cursor>) -> Result<Option<CountKey>> {
    parse(after)
}
