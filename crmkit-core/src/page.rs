//! Reading in pages: the request, the page, the place to go on from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ObjectName, RecordId, Reject};

/// Where a page begins, in the words of whoever made it. Opaque to everybody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Asks for a page of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The object to read.
    pub object: ObjectName,
    /// Where to begin; `None` is the beginning.
    pub cursor: Option<Cursor>,
    /// The most rows wanted. Fewer may come; the end is told by [`Page::next`] alone.
    pub limit: usize,
}

impl PageRequest {
    /// Asks for the first page.
    pub fn first(object: impl Into<ObjectName>, limit: usize) -> Self {
        Self { object: object.into(), cursor: None, limit }
    }

    /// Asks for the page at `cursor`.
    pub fn at(&self, cursor: Cursor) -> Self {
        Self { object: self.object.clone(), cursor: Some(cursor), limit: self.limit }
    }
}

/// A page of what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The records or entries, in order.
    pub items: Vec<T>,
    /// Rows that could not become records.
    pub rejects: Vec<Reject>,
    /// Records that the source says were deleted.
    pub gone: Vec<RecordId>,
    /// Rows read, counted before they were parsed: `items + rejects`.
    pub rows: u64,
    /// Where the next page begins; `None` at the end. Usable while this page is still being written.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of good items.
    pub fn of(items: Vec<T>, next: Option<Cursor>) -> Self {
        let rows = items.len() as u64;
        Self { items, rejects: Vec::new(), gone: Vec::new(), rows, next }
    }
}
