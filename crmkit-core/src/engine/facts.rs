//! Typed access to the ledger's facts and selections.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Change, Count, Cursor, Entry, Error, Fact, IdLedger, Page, Result, Row, Select, UnitState};

/// Reads facts and selections of a ledger.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub(crate) &'a dyn IdLedger);

/// How many entries one look into the ledger takes.
const PAGE: usize = 500;

impl Facts<'_> {
    /// The fact at a key.
    pub(crate) async fn get<T: DeserializeOwned>(self, kind: &str, key: &str) -> Result<Option<T>> {
        let select = Select::FactsAt(kind.to_owned(), vec![key.to_owned()]);
        let page = self.0.select(&select, None, 1).await?;
        page.items
            .into_iter()
            .find_map(|entry| if let Entry::Fact(fact) = entry { Some(read(fact)) } else { None })
            .transpose()
    }

    /// All facts of a kind, in key order.
    pub(crate) async fn all<T: DeserializeOwned>(self, kind: &str) -> Result<Vec<(String, T)>> {
        self.every(&Select::Facts(kind.to_owned()))
            .await?
            .into_iter()
            .filter_map(|entry| if let Entry::Fact(fact) = entry { Some(fact) } else { None })
            .map(|fact| Ok((fact.key.clone(), read(fact)?)))
            .collect()
    }

    /// The facts at some keys of a kind.
    pub(crate) async fn at<T: DeserializeOwned>(self, kind: &str, keys: Vec<String>) -> Result<Vec<(String, T)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.every(&Select::FactsAt(kind.to_owned(), keys))
            .await?
            .into_iter()
            .filter_map(|entry| if let Entry::Fact(fact) = entry { Some(fact) } else { None })
            .map(|fact| Ok((fact.key.clone(), read(fact)?)))
            .collect()
    }

    /// Everything a selection gives. For selections that a person or a page bounds, never for all records.
    pub(crate) async fn every(self, select: &Select) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.0.select(select, after.as_ref(), PAGE).await?;
            entries.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(entries),
            }
        }
    }

    /// The rows of a selection.
    pub(crate) async fn rows(self, select: &Select) -> Result<Vec<Row>> {
        Ok(rows_of(self.every(select).await?))
    }

    /// A page of rows.
    pub(crate) async fn row_page(self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Row>> {
        let page = self.0.select(select, after, limit).await?;
        Ok(Page::of(rows_of(page.items), page.next))
    }

    /// The units of a selection.
    pub(crate) async fn units(self, select: &Select) -> Result<Vec<UnitState>> {
        let entries = self.every(select).await?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| if let Entry::Unit(unit) = entry { Some(unit) } else { None })
            .collect())
    }

    /// Row counts, of one pass or all.
    pub(crate) async fn counts(self, pass: Option<u32>) -> Result<Vec<Count>> {
        let entries = self.every(&Select::Counts { pass }).await?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| if let Entry::Count(count) = entry { Some(count) } else { None })
            .collect())
    }
}

fn rows_of(entries: Vec<Entry>) -> Vec<Row> {
    entries.into_iter().filter_map(|entry| if let Entry::Row(row) = entry { Some(row) } else { None }).collect()
}

fn read<T: DeserializeOwned>(fact: Fact) -> Result<T> {
    serde_json::from_value(fact.value).map_err(|error| {
        Error::storage("ledger.fact", "a fact in the ledger is not what this version of crmkit writes")
            .with_context("kind", fact.kind)
            .with_source(error)
    })
}

/// The change that keeps a fact.
pub(crate) fn keep(kind: &str, key: impl Into<String>, value: &impl Serialize) -> Change {
    let value = serde_json::to_value(value).expect("facts are serialisable");
    Change::Fact(Fact { kind: kind.to_owned(), key: key.into(), value })
}
