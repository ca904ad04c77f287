//! What nobody outside the vendor knows for sure: each open question is a switch, so that both answers can be tested.

use serde::{Deserialize, Serialize};

/// What answers are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `{"object":"success","data":…,"meta":{…}}`.
    Current,
    /// `{"success":true,"data":{…}}`.
    Older,
}

/// Where a list is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListPlace {
    /// `data` is the list.
    Data,
    /// `data.people`, `data.interactions`.
    Named,
}

/// What a list calls the place of its next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorName {
    /// `page_info.next_cursor`, null at the end.
    NextCursor,
    /// `page_info.end_cursor`, on the last page too, with `has_next`.
    EndCursor,
    /// `page_info.next_cursor`, which at the end is the one that was asked with.
    Repeats,
}

/// How limits are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateHeaders {
    /// `X-RateLimit-Reset` is the Unix time at which the window is whole again.
    Epoch,
    /// `X-RateLimit-Reset` is how many seconds that takes.
    Seconds,
    /// `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` in seconds.
    Plain,
    /// None.
    Absent,
}

/// Who answers at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impostor {
    /// Klipy.
    Nobody,
    /// The GIF service of the same name, which answers every path with its own JSON.
    Gifs,
    /// The GIF service, which knows none of the paths.
    GifsNotFound,
    /// A web site.
    Website,
}

/// How the unknowns behave; [`Switches::default`] is the likelier answer to each.
///
/// ```
/// use crmkit_sources::klipy::simulator::Switches;
///
/// let mut switches = Switches::default();
/// assert_eq!(switches.per_key, 200);
/// switches.per_key = 1;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// What answers are wrapped in.
    pub envelope: Envelope,
    /// Where a list is.
    pub lists: ListPlace,
    /// What the next page's place is called.
    pub cursors: CursorName,
    /// How limits are told.
    pub rate_headers: RateHeaders,
    /// A throttled call is told in `retry-after` how long to wait.
    pub retry_after: bool,
    /// Calls of one key in a minute; 0: any number.
    pub per_key: usize,
    /// Calls of one organization in a minute; 0: any number.
    pub per_organization: usize,
    /// The most records of a page; more are asked for in vain.
    pub most: usize,
    /// A page may be longer than asked for by nobody, but shorter: every third page has one record less.
    pub short_pages: bool,
    /// Companies have the fields of webhook snapshots, too.
    pub company_snapshots: bool,
    /// Fields without a value are null; else absent.
    pub nulls: bool,
    /// Who answers.
    pub impostor: Impostor,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            envelope: Envelope::Current,
            lists: ListPlace::Data,
            cursors: CursorName::NextCursor,
            rate_headers: RateHeaders::Epoch,
            retry_after: true,
            per_key: 200,
            per_organization: 1_000,
            most: 100,
            short_pages: false,
            company_snapshots: true,
            nulls: true,
            impostor: Impostor::Nobody,
        }
    }
}
