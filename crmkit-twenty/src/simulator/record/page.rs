//! Lists of records, page by page.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::failure::Failure;
use super::super::schema::Object;
use super::super::store::{Row, Store};
use super::super::table::{id_of, is_deleted};
use super::filter::Filter;
use super::sort::{Order, read_cursor};

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Window {
    pub(in super::super) limit: usize,
    pub(in super::super) after: Option<String>,
    pub(in super::super) before: Option<String>,
    pub(in super::super) offset: usize,
    /// The last ones instead of the first ones.
    pub(in super::super) from_end: bool,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub(in super::super) struct Page {
    pub(in super::super) rows: Vec<Arc<Row>>,
    /// How many the filter finds, on all pages.
    pub(in super::super) total: usize,
    pub(in super::super) next: bool,
    pub(in super::super) previous: bool,
}

/// All records that a filter finds, in the trash or not.
pub(super) fn everything_matching(store: &Store, object: &Object, filter: &Filter) -> Vec<Arc<Row>> {
    let table = store.table(&object.id);
    let holds = |row: &Arc<Row>| filter.holds(store, row) == Some(true);
    match filter.candidates(table) {
        Some(ids) => ids.into_iter().filter_map(|id| table.get(id)).filter(|row| holds(row)).cloned().collect(),
        None => table.rows().map(|(_, row)| row).filter(|row| holds(row)).cloned().collect(),
    }
}

/// The records that a filter finds by id: those in the trash only if it asks for them.
pub(in super::super) fn matching(store: &Store, object: &Object, filter: Option<&Filter>) -> Vec<Arc<Row>> {
    let mut rows = everything_matching(store, object, filter.unwrap_or(&Filter::And(Vec::new())));
    if !filter.is_some_and(Filter::mentions_deleted) {
        rows.retain(|row| !is_deleted(row));
    }
    rows
}

/// The first record that a filter finds.
pub(in super::super) fn find_one(store: &Store, object: &Object, filter: &Filter) -> Result<Arc<Row>, Failure> {
    matching(store, object, Some(filter)).into_iter().next().ok_or_else(Failure::record_not_found)
}

/// A part of what a filter finds.
pub(in super::super) fn find_many(
    store: &Store,
    object: &Object,
    filter: Option<&Filter>,
    order: &Order,
    window: &Window,
) -> Result<Page, Failure> {
    let after = window.after.as_deref().map(read_cursor).transpose()?;
    let before = window.before.as_deref().map(read_cursor).transpose()?;
    let table = store.table(&object.id);
    let forward = before.is_none() && !window.from_end;
    if filter.is_none() && order.is_by_id() && forward && window.limit > 0 {
        // The usual walk over everything reads its page only.
        let live = |row: &Arc<Row>| !is_deleted(row);
        let wanted = window.limit + 1;
        let page = |rows: &mut dyn Iterator<Item = &Arc<Row>>| {
            rows.filter(|row| live(row)).skip(window.offset).take(wanted).cloned().collect::<Vec<_>>()
        };
        let mut rows = match after.as_ref().and_then(id_of) {
            Some(id) => page(&mut table.after(id).map(|(_, row)| row)),
            None => page(&mut table.rows().map(|(_, row)| row)),
        };
        let next = rows.len() == wanted;
        rows.truncate(window.limit);
        return Ok(Page { rows, total: table.live(), next, previous: false });
    }
    let mut rows = matching(store, object, filter);
    let total = rows.len();
    if !order.is_by_id() {
        rows.sort_by(|a, b| order.compare(a, b));
    }
    Ok(cut(rows, total, order, window, after.as_ref(), before.as_ref()))
}

/// A part of records that are known already.
pub(in super::super) fn page_of(mut rows: Vec<Arc<Row>>, order: &Order, window: &Window) -> Result<Page, Failure> {
    let after = window.after.as_deref().map(read_cursor).transpose()?;
    let before = window.before.as_deref().map(read_cursor).transpose()?;
    rows.sort_by(|a, b| order.compare(a, b));
    let total = rows.len();
    Ok(cut(rows, total, order, window, after.as_ref(), before.as_ref()))
}

fn cut(
    mut rows: Vec<Arc<Row>>,
    total: usize,
    order: &Order,
    window: &Window,
    after: Option<&Row>,
    before: Option<&Row>,
) -> Page {
    let forward = before.is_none() && !window.from_end;
    if let Some(place) = after {
        rows.retain(|row| order.compare(row, place) == Ordering::Greater);
    }
    if let Some(place) = before {
        rows.retain(|row| order.compare(row, place) == Ordering::Less);
    }
    rows.drain(..window.offset.min(rows.len()));
    let more = rows.len() > window.limit;
    if forward {
        rows.truncate(window.limit);
    } else {
        rows.drain(..rows.len().saturating_sub(window.limit));
    }
    Page { rows, total, next: forward && more, previous: !forward && more }
}
