//! The piece of work that is done or not done, and its key.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Cursor, Error, MappingId, MigrationId};

/// Names a unit: a page of a mapping in a phase of a pass of a migration.
///
/// ```
/// use crmkit_core::UnitKey;
/// let key: UnitKey = "acme/2/0/companies/17".parse()?;
/// assert_eq!(key.page, 17);
/// assert_eq!(key.to_string(), "acme/2/0/companies/17");
/// # Ok::<(), crmkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UnitKey {
    /// The migration.
    pub migration: MigrationId,
    /// The pass, from 1. Pass 0 is the migration's own control unit.
    pub pass: u32,
    /// The phase of the pass, from 0.
    pub phase: u16,
    /// The mapping, or what a phase without mappings works on.
    pub mapping: MappingId,
    /// The page, from 0.
    pub page: u64,
}

impl UnitKey {
    /// The unit that steps outside of passes lease: one step of a migration at a time.
    pub fn control(migration: &MigrationId) -> Self {
        Self { migration: migration.clone(), pass: 0, phase: 0, mapping: MappingId::from("control"), page: 0 }
    }

    /// The same unit's next page.
    pub fn next_page(&self) -> Self {
        Self { page: self.page + 1, ..self.clone() }
    }
}

impl fmt::Display for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}/{}", self.migration, self.pass, self.phase, self.mapping, self.page)
    }
}

impl FromStr for UnitKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::input("unit.parse", "a unit key reads migration/pass/phase/mapping/page");
        let parts: Vec<&str> = text.split('/').collect();
        let [migration, pass, phase, mapping, page] = parts[..] else { return Err(wrong()) };
        Ok(Self {
            migration: migration.into(),
            pass: pass.parse().map_err(|_| wrong())?,
            phase: phase.parse().map_err(|_| wrong())?,
            mapping: mapping.into(),
            page: page.parse().map_err(|_| wrong())?,
        })
    }
}

impl From<UnitKey> for String {
    fn from(key: UnitKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for UnitKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

/// A unit as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// Which unit.
    pub key: UnitKey,
    /// Where its page begins; `None` is the beginning.
    pub cursor: Option<Cursor>,
    /// How far it is.
    pub status: UnitStatus,
    /// Counts of what it read, by name: `rows`, `quarantined`, `unmapped`, `selected`.
    pub counts: IndexMap<String, u64>,
}

impl UnitState {
    /// A unit that nobody has begun.
    pub fn open(key: UnitKey, cursor: Option<Cursor>) -> Self {
        Self { key, cursor, status: UnitStatus::Open, counts: IndexMap::new() }
    }
}

/// How far a unit is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum UnitStatus {
    /// To be done.
    Open,
    /// To be done, not before this moment.
    Backoff {
        /// Not before.
        until: DateTime<Utc>,
    },
    /// Waits for a decision.
    Blocked {
        /// What for, in words.
        reason: String,
    },
    /// Done.
    Done,
}
