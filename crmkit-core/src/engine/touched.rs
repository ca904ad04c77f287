//! What a pass wrote that came after others: kept apart, because later passes settle the same rows again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    Change, Cursor, Entry, LedgerKey, MappingId, Page, Result, Row, RowState, Select,
    engine::{
        Core, Facts,
        facts::keep,
        pass::{PassContext, pass_key},
        survey::WRITTEN,
    },
};

#[derive(Debug, Serialize, Deserialize)]
struct Touched {
    key: LedgerKey,
    created: bool,
}

fn kind(pass: u32, mapping: &MappingId) -> String {
    format!("wrote/{}/{mapping}", pass_key(pass))
}

/// Adds to changes what has to be known to take this pass back alone.
pub(super) fn remember(cx: &PassContext, changes: &mut Vec<Change>) {
    if !cx.pass.kind.follows() {
        return;
    }
    let facts: Vec<Change> = changes
        .iter()
        .filter_map(|change| {
            let Change::Settle(row) = change else { return None };
            let created = match row.state {
                _ if row.unit.pass != cx.pass.number => return None,
                RowState::Created => true,
                RowState::Updated => false,
                _ => return None,
            };
            let how = if created { "create" } else { "update" };
            let key = format!("{}/{}/{}/{how}", row.key.object, row.key.id, row.key.part);
            Some(keep(&kind(cx.pass.number, &row.key.mapping), key, &Touched { key: row.key.clone(), created }))
        })
        .collect();
    changes.extend(facts);
}

/// What taking back does with a record of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// We made it: it goes.
    Removed,
    /// We changed it: it gets what it had.
    Restored,
    /// It only stands for a source record, or what is taken back did nothing to it.
    Left,
}

/// What becomes of each row of a page.
#[derive(Debug)]
pub(super) enum Fates {
    /// Everything is taken back, or all that a first pass wrote.
    Whole,
    /// A later pass alone is taken back: what it created, and what it changed.
    Later(HashMap<LedgerKey, bool>),
}

impl Fates {
    pub(super) fn of(&self, row: &Row) -> Fate {
        match self {
            Self::Whole if row.made => Fate::Removed,
            Self::Whole if row.state == RowState::Updated => Fate::Restored,
            Self::Whole => Fate::Left,
            Self::Later(touched) => match touched.get(&row.key) {
                Some(true) if row.made => Fate::Removed,
                Some(_) => Fate::Restored,
                None => Fate::Left,
            },
        }
    }

    /// A later pass alone is taken back.
    pub(super) fn later(&self) -> bool {
        matches!(self, Self::Later(_))
    }
}

/// The rows to look at for a mapping, page by page, and what becomes of them.
pub(super) async fn page(
    core: &Core,
    cx: &PassContext,
    mapping: &MappingId,
    of: Option<u32>,
    states: Vec<RowState>,
    after: Option<&Cursor>,
) -> Result<(Page<Row>, Fates)> {
    let facts = Facts(&*core.ledger);
    let Some(pass) = of.filter(|_| cx.later) else {
        let select = Select::Rows { mapping: mapping.clone(), pass: of, states };
        return Ok((facts.row_page(&select, after, core.settings.page_size).await?, Fates::Whole));
    };
    let page = core.ledger.select(&Select::Facts(kind(pass, mapping)), after, core.settings.page_size).await?;
    let mut touched: HashMap<LedgerKey, bool> = HashMap::new();
    for entry in page.items {
        if let Entry::Fact(fact) = entry
            && let Ok(known) = serde_json::from_value::<Touched>(fact.value)
        {
            *touched.entry(known.key).or_default() |= known.created;
        }
    }
    let mut keys: Vec<LedgerKey> = touched.keys().cloned().collect();
    keys.sort();
    let rows = core.ledger.rows(&keys).await?.into_iter().flatten();
    let rows: Vec<Row> = rows.filter(|row| WRITTEN.contains(&row.state)).collect();
    Ok((Page::of(rows, page.next), Fates::Later(touched)))
}
