//! One call on its way: the store it works on and what is known of the caller.

use chrono::{DateTime, SecondsFormat, Utc};

use super::failure::Failure;
use super::store::Store;
use super::switches::Switches;
use super::workspace::{Key, Workspace};

/// A call to one workspace.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) store: &'a mut Store,
    pub(super) switches: &'a Switches,
    /// The workspace's id.
    pub(super) workspace: &'a str,
    pub(super) key: &'a Key,
    pub(super) now: DateTime<Utc>,
    /// The server's own URL.
    pub(super) base: &'a str,
    /// The limits, where each field at the root of a document counts.
    pub(super) limits: Option<&'a Workspace>,
}

/// A moment as the API writes it.
pub(super) fn timestamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Call<'_> {
    pub(super) fn timestamp(&self) -> String {
        timestamp(self.now)
    }

    /// Takes one more call from the limits, where that is how they are counted.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        let Some(workspace) = self.limits else { return Ok(()) };
        workspace.admit(self.now).map_err(|refusal| Failure::limit(refusal.limit, refusal.window_ms))
    }

    /// Runs something that happens as a whole or not at all.
    pub(super) fn atomically<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let mark = self.store.mark();
        let done = run(self);
        if done.is_err() {
            self.store.roll_back(mark);
        }
        done
    }
}
