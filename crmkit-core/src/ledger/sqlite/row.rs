//! A row as columns: what is asked for by SQL has its own, the rest is compact JSON.

use rusqlite::types::Type;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Digest, LedgerKey, MigrationId, Part, RecordId, RecordRef, Row, RowState, Uncertain, UnitKey};

/// The columns that [`decode`] reads, of `entries` under this name.
pub(super) const COLUMNS: &str = "e.mapping, e.object, e.id, e.part, e.state, e.to_object, e.to_id, e.hash, e.seal, \
     e.pass, e.phase, e.unit, e.page, e.uncertain, e.intent, e.links, e.rest";

/// A row, ready to be written.
pub(super) struct Encoded {
    pub(super) key: LedgerKey,
    pub(super) state: RowState,
    pub(super) destination: Option<RecordRef>,
    pub(super) hash: Option<Digest>,
    pub(super) seal: Option<Digest>,
    pub(super) unit: UnitKey,
    pub(super) uncertain: Option<Uncertain>,
    pub(super) intent: Option<String>,
    pub(super) links: Option<String>,
    pub(super) rest: Option<String>,
}

impl Encoded {
    pub(super) fn of(row: &Row) -> Self {
        let rest = Rest {
            reason: row.reason.as_deref().map(Into::into),
            waits_for: row.waits_for.clone(),
            history: row.history.as_slice().into(),
            notes: row.notes.as_slice().into(),
            made: (row.made != usually_made(row.state)).then_some(row.made),
        };
        Self {
            key: row.key.clone(),
            state: row.state,
            destination: row.destination.clone(),
            hash: row.hash,
            seal: row.seal,
            unit: row.unit.clone(),
            uncertain: row.uncertain,
            intent: row.intent.as_ref().map(json),
            links: if row.links.is_empty() { None } else { Some(links_json(&row.links)) },
            rest: if rest.is_empty() { None } else { Some(json(&rest)) },
        }
    }

    /// The unit's mapping, where it is not the row's.
    pub(super) fn unit_mapping(&self) -> Option<&str> {
        (self.unit.mapping != self.key.mapping).then(|| self.unit.mapping.as_str())
    }
}

/// What nobody asks for by SQL.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Rest<'a> {
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    reason: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "w", skip_serializing_if = "Option::is_none")]
    waits_for: Option<RecordRef>,
    #[serde(rename = "h", skip_serializing_if = "<[_]>::is_empty")]
    history: std::borrow::Cow<'a, [RecordId]>,
    #[serde(rename = "n", skip_serializing_if = "<[_]>::is_empty")]
    notes: std::borrow::Cow<'a, [String]>,
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    made: Option<bool>,
}

/// Whether rows in this state usually stand for a record that we made: only the others say so.
fn usually_made(state: RowState) -> bool {
    state == RowState::Created
}

impl Rest<'_> {
    fn is_empty(&self) -> bool {
        self.reason.is_none()
            && self.waits_for.is_none()
            && self.history.is_empty()
            && self.notes.is_empty()
            && self.made.is_none()
    }
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what a ledger keeps is serialisable")
}

fn links_json(links: &[RecordRef]) -> String {
    json(&links.iter().map(|link| (&link.object, &link.id)).collect::<Vec<_>>())
}

/// The links of a row from their column.
pub(super) fn links_of(links: Option<&str>) -> serde_json::Result<Vec<RecordRef>> {
    let Some(text) = links else { return Ok(Vec::new()) };
    let pairs: Vec<(crate::ObjectName, RecordId)> = serde_json::from_str(text)?;
    Ok(pairs.into_iter().map(|(object, id)| RecordRef { object, id }).collect())
}

/// A row from the columns [`COLUMNS`].
pub(super) fn decode(row: &rusqlite::Row<'_>, migration: &MigrationId) -> rusqlite::Result<Row> {
    let mapping: crate::MappingId = text(row, 0)?.into();
    let unit_mapping = optional(row, 11)?.map_or_else(|| mapping.clone(), Into::into);
    let unit = UnitKey {
        migration: migration.clone(),
        pass: row.get(9)?,
        phase: row.get(10)?,
        mapping: unit_mapping,
        page: unsigned(row, 12)?,
    };
    let rest: Rest<'_> = optional(row, 16)?.map_or_else(|| Ok(Rest::default()), |text| parsed(16, text))?;
    let destination = match (optional(row, 5)?, optional(row, 6)?) {
        (Some(object), Some(id)) => Some(RecordRef::new(object, id)),
        _ => None,
    };
    let state = state_of(row, 4)?;
    Ok(Row {
        key: LedgerKey {
            migration: migration.clone(),
            mapping,
            object: text(row, 1)?.into(),
            id: text(row, 2)?.into(),
            part: Part::from(text(row, 3)?),
        },
        made: rest.made.unwrap_or_else(|| usually_made(state)),
        state,
        destination,
        hash: digest(row, 7)?,
        seal: digest(row, 8)?,
        unit,
        intent: optional(row, 14)?.map(|text| parsed(14, text)).transpose()?,
        reason: rest.reason.map(std::borrow::Cow::into_owned),
        waits_for: rest.waits_for,
        uncertain: uncertain_of(row, 13)?,
        links: links_of(optional(row, 15)?).map_err(|error| unreadable(15, error))?,
        history: rest.history.into_owned(),
        notes: rest.notes.into_owned(),
    })
}

fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn optional<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

pub(super) fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// The digest in a column, if there is one.
pub(super) fn digest(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Digest>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Digest::from_bytes))
}

pub(super) fn parsed<T: DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

const STATES: [RowState; 9] = [
    RowState::Intended,
    RowState::Created,
    RowState::Updated,
    RowState::Unchanged,
    RowState::Linked,
    RowState::Merged,
    RowState::Held,
    RowState::Excluded,
    RowState::RolledBack,
];

/// A state's number in the file: its place in the order of states.
pub(super) fn state_number(state: RowState) -> i64 {
    state as i64
}

/// The state in a column.
pub(super) fn state_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<RowState> {
    let number: i64 = row.get(column)?;
    let state = usize::try_from(number).ok().and_then(|number| STATES.get(number));
    state.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

const UNCERTAIN: [Uncertain; 3] = [Uncertain::Adopted, Uncertain::Resent, Uncertain::Held];

/// A resolution's number in the file.
pub(super) fn uncertain_number(uncertain: Uncertain) -> i64 {
    uncertain as i64
}

/// The resolution in a column; null and negative are none.
pub(super) fn uncertain_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Uncertain>> {
    let number: Option<i64> = row.get(column)?;
    match number.filter(|number| *number >= 0) {
        None => Ok(None),
        Some(number) => {
            let uncertain = usize::try_from(number).ok().and_then(|number| UNCERTAIN.get(number));
            uncertain.copied().map(Some).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_the_file_are_places_in_the_order() {
        for (place, state) in STATES.into_iter().enumerate() {
            assert_eq!(state_number(state), place as i64, "{state:?}");
        }
        assert!(STATES.is_sorted());
        for (place, uncertain) in UNCERTAIN.into_iter().enumerate() {
            assert_eq!(uncertain_number(uncertain), place as i64, "{uncertain:?}");
        }
    }
}
