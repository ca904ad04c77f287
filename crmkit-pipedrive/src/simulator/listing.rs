//! Pages of a list: filters, order and cursors of v2, offsets of v1.

use std::collections::BTreeSet;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Row};
use super::call::Call;
use super::condition;
use super::entity::Entity;
use super::switches::Stray;
use super::table::{Stored, Table, int, link, text};
use super::time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Id,
    Added,
    Updated,
    Order,
    Due,
}

/// What a v2 list was asked for.
#[derive(Debug)]
pub(super) struct Listing {
    entity: Entity,
    now: DateTime<Utc>,
    limit: usize,
    after: Option<(i64, i64)>,
    sort: Sort,
    descending: bool,
    since: Option<i64>,
    until: Option<i64>,
    /// What the filter asked for lets through.
    filtered: Option<BTreeSet<i64>>,
    pub(super) ids: Option<Vec<i64>>,
    pub(super) links: Vec<(&'static str, i64)>,
}

/// Rows and the cursor of the next page.
pub(super) type Page<'a> = (Vec<&'a Stored>, Value);

impl Listing {
    /// Reads the query, with integer filters named like the columns `links`.
    pub(super) fn read(call: &Call<'_>, entity: Entity, links: &[&'static str]) -> Result<Self, Answer> {
        let sort = match call.param("sort_by") {
            Some("add_time") => Sort::Added,
            Some("update_time") => Sort::Updated,
            Some("order_nr") => Sort::Order,
            Some("due_date") => Sort::Due,
            _ => Sort::Id,
        };
        let links = links.iter().filter_map(|link| Some((*link, call.link_param(link)?))).collect();
        Ok(Self {
            entity,
            now: call.now,
            limit: limit(call, 500)?,
            after: call.param("cursor").map(|cursor| decode(call, entity, cursor)).transpose()?,
            sort,
            descending: call.param("sort_direction") == Some("desc"),
            since: instant(call, "updated_since")?,
            until: instant(call, "updated_until")?,
            filtered: filtered(call, entity)?,
            ids: ids(call)?,
            links,
        })
    }

    /// The page of the live rows (and the deleted ones, if asked for) that `keep` accepts.
    pub(super) fn page<'t>(&self, table: &'t Table, deleted: bool, keep: impl Fn(&Row) -> bool) -> Page<'t> {
        let simple = self.ids.is_none() && self.links.is_empty() && !deleted;
        let any_time = self.since.is_none() && self.until.is_none();
        match self.sort {
            Sort::Id if simple && any_time => {
                let ids = table.ids(self.after.map(|(_, id)| id), self.descending);
                self.take(table, ids.map(|id| (id, id)), keep)
            }
            Sort::Updated if simple && !self.descending => {
                let from = self.after.map_or(Bound::Included((self.since.unwrap_or(i64::MIN), 0)), Bound::Excluded);
                self.take(table, table.by_updated().range((from, Bound::Unbounded)).copied(), keep)
            }
            Sort::Added if simple && !self.descending => {
                let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
                self.take(table, table.by_added().range((from, Bound::Unbounded)).copied(), keep)
            }
            _ => {
                let mut keys = self.candidates(table, deleted);
                keys.retain(|key| match self.after {
                    Some(after) if self.descending => *key < after,
                    Some(after) => *key > after,
                    None => true,
                });
                keys.sort_unstable();
                keys.dedup();
                if self.descending {
                    keys.reverse();
                }
                self.take(table, keys.into_iter(), keep)
            }
        }
    }

    /// The sort keys of the smallest set of rows that an index offers.
    fn candidates(&self, table: &Table, deleted: bool) -> Vec<(i64, i64)> {
        let smallest = self.links.iter().min_by_key(|(link, target)| table.linked_count(link, *target));
        let mut ids: Vec<i64> = match (&self.ids, smallest) {
            (Some(ids), _) => ids.iter().copied().filter(|id| table.live(*id).is_some()).collect(),
            (None, Some((link, target))) => table.linked(link, *target).collect(),
            (None, None) if self.since.is_some() => {
                table.by_updated().range((self.since.unwrap_or(i64::MIN), 0)..).map(|(_, id)| *id).collect()
            }
            (None, None) => table.all_live().map(|(id, _)| id).collect(),
        };
        if deleted {
            let wanted = |id: &&i64| self.ids.as_ref().is_none_or(|ids| ids.contains(id));
            ids.extend(table.deleted_ids().iter().filter(wanted));
        }
        let key = |id: i64| {
            let stored = table.any(id)?;
            Some(match self.sort {
                Sort::Id => (id, id),
                Sort::Added => (stored.added, id),
                Sort::Updated => (stored.updated, id),
                Sort::Order => (int(&stored.row, "order_nr").unwrap_or(0), id),
                Sort::Due => (due(&stored.row), id),
            })
        };
        ids.into_iter().filter_map(key).collect()
    }

    fn take<'t>(
        &self,
        table: &'t Table,
        keys: impl Iterator<Item = (i64, i64)>,
        keep: impl Fn(&Row) -> bool,
    ) -> Page<'t> {
        let mut page = Vec::new();
        let mut last = None;
        for (key, id) in keys {
            let Some(stored) = table.any(id).filter(|stored| self.accepts(id, stored) && keep(&stored.row)) else {
                continue;
            };
            if page.len() == self.limit {
                return (page, last.map_or(Value::Null, |last| encode(self.now, self.entity, last)));
            }
            last = Some((key, id));
            page.push(stored);
        }
        (page, Value::Null)
    }

    fn accepts(&self, id: i64, stored: &Stored) -> bool {
        self.filtered.as_ref().is_none_or(|filtered| filtered.contains(&id))
            && self.since.is_none_or(|since| stored.updated >= since)
            && self.until.is_none_or(|until| stored.updated < until)
            && self.links.iter().all(|(key, target)| link(&stored.row, key) == Some(*target))
    }
}

/// When an activity is due, in seconds since 1970.
pub(super) fn due(row: &Row) -> i64 {
    let part = |key| text(row, key).unwrap_or_default();
    let time = if part("due_time").is_empty() { "00:00:00" } else { part("due_time") };
    time::seconds(&format!("{}T{time}", part("due_date")))
}

/// The page of a list that has no order of its own: `start` and `limit` are those of v1.
pub(super) fn v1_page<T>(call: &Call<'_>, items: impl Iterator<Item = T>) -> (Vec<T>, Value) {
    v1_page_of(call, items, 500)
}

/// Such a page of at most `max`.
pub(super) fn v1_page_of<T>(call: &Call<'_>, items: impl Iterator<Item = T>, max: usize) -> (Vec<T>, Value) {
    let start = call.int_param("start").and_then(|start| usize::try_from(start).ok()).unwrap_or(0);
    let limit = call.int_param("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, max);
    let mut items = items.skip(start);
    let page: Vec<T> = items.by_ref().take(limit).collect();
    let more = items.next().is_some();
    let mut pagination = json!({ "start": start, "limit": limit, "more_items_in_collection": more });
    if more {
        pagination["next_start"] = (start + limit).into();
    }
    (page, pagination)
}

/// The page size asked for.
pub(super) fn limit(call: &Call<'_>, max: usize) -> Result<usize, Answer> {
    match call.param("limit").map(str::parse::<usize>) {
        None => Ok(100.min(max)),
        Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
        Some(Ok(limit)) if limit > max && call.profile.switches.limit_over_max == Stray::Ignored => Ok(max),
        Some(_) => Err(Answer::invalid("limit", &format!("This value must be between 1 and {max}."))),
    }
}

/// What the filter in the query lets through.
pub(super) fn filtered(call: &Call<'_>, entity: Entity) -> Result<Option<BTreeSet<i64>>, Answer> {
    let Some(filter) = call.param("filter_id") else { return Ok(None) };
    let found = filter.parse().ok().and_then(|filter| condition::matching(call.store, filter, entity));
    found.map(Some).ok_or_else(|| Answer::invalid("filter_id", "Filter not found."))
}

fn ids(call: &Call<'_>) -> Result<Option<Vec<i64>>, Answer> {
    let Some(text) = call.param("ids") else { return Ok(None) };
    let ids: Result<Vec<i64>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    match ids {
        Ok(ids) if ids.len() <= 100 => Ok(Some(ids)),
        Ok(_) => Err(Answer::invalid("ids", "At most 100 ids are allowed.")),
        Err(_) => Err(Answer::invalid("ids", "The value is not a valid list of integers.")),
    }
}

fn instant(call: &Call<'_>, name: &str) -> Result<Option<i64>, Answer> {
    let parse = |text| time::parse_rfc3339(text, false).map(|time| time.timestamp());
    let wrong = || Answer::invalid(name, "This value is not a valid datetime.");
    call.param(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
}

pub(super) fn encode(now: DateTime<Utc>, entity: Entity, (key, id): (i64, i64)) -> Value {
    let marker = json!({ entity.name(): id, "key": key, "at": now.timestamp() });
    URL_SAFE_NO_PAD.encode(marker.to_string()).into()
}

pub(super) fn decode(call: &Call<'_>, entity: Entity, cursor: &str) -> Result<(i64, i64), Answer> {
    let minutes = call.profile.switches.cursor_minutes;
    let fresh = |at: i64| minutes == 0 || call.now.timestamp() - at <= minutes * 60;
    let parse = || {
        let marker: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        marker["at"].as_i64().filter(|at| fresh(*at))?;
        Some((marker["key"].as_i64()?, marker[entity.name()].as_i64()?))
    };
    parse().ok_or_else(|| Answer::invalid("cursor", "Invalid cursor."))
}

/// The additional data of a v2 page.
pub(super) fn next_cursor(cursor: Value) -> Value {
    let mut data = Row::new();
    data.insert("next_cursor".into(), cursor);
    Value::Object(data)
}
