//! Looking up what the ledger knows: link targets and who stands for a destination record.

use std::collections::{HashMap, HashSet};

use crate::{
    LedgerKey, MappingId, Part, RecordRef, Result, Row, RowState, Select,
    engine::{Core, Facts, pass::PassContext},
};

/// The key of one part of what a source record becomes.
pub(crate) fn key_of(core: &Core, mapping: &MappingId, record: &RecordRef, part: Part) -> LedgerKey {
    LedgerKey {
        migration: core.migration.clone(),
        mapping: mapping.clone(),
        object: record.object.clone(),
        id: record.id.clone(),
        part,
    }
}

/// Where links lead, looked up once per page.
#[derive(Debug)]
pub(super) struct Targets(HashMap<(MappingId, RecordRef), Row>);

/// Where one link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To this destination record.
    Written(RecordRef),
    /// To a record that waits.
    Waiting,
    /// To a record that was left behind, or that the source does not have.
    Nowhere,
}

impl Targets {
    /// Looks up the main rows of all these links in one go.
    pub(super) async fn load(core: &Core, cx: &PassContext, links: HashSet<(MappingId, RecordRef)>) -> Result<Self> {
        let links: Vec<_> = links.into_iter().collect();
        let keys: Vec<_> = links
            .iter()
            .map(|(mapping, to)| key_of(core, mapping, &cx.compiled.survivor(mapping, to), Part::main()))
            .collect();
        let rows = core.ledger.rows(&keys).await?;
        Ok(Self(links.into_iter().zip(rows).filter_map(|(link, row)| row.map(|row| (link, row))).collect()))
    }

    /// Where a link leads.
    pub(super) fn get(&self, mapping: &MappingId, to: &RecordRef) -> Target {
        match self.0.get(&(mapping.clone(), to.clone())) {
            Some(row) => match (&row.destination, row.state) {
                (Some(destination), state) if state.is_written() => Target::Written(destination.clone()),
                (_, RowState::Excluded | RowState::RolledBack) | (_, RowState::Merged) => Target::Nowhere,
                _ => Target::Waiting,
            },
            None => Target::Nowhere,
        }
    }
}

/// Which source records stand for these destination records already.
pub(super) async fn claims(core: &Core, records: Vec<RecordRef>) -> Result<HashMap<RecordRef, Vec<LedgerKey>>> {
    let mut claims: HashMap<RecordRef, Vec<LedgerKey>> = HashMap::new();
    if records.is_empty() {
        return Ok(claims);
    }
    for row in Facts(&*core.ledger).rows(&Select::ByDestination(records)).await? {
        if let Some(destination) = &row.destination {
            claims.entry(destination.clone()).or_default().push(row.key.clone());
        }
    }
    Ok(claims)
}
