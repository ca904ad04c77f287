//! The engine: units of work, run by anybody, any number of times, with one outcome.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::lock::Mutex;
use secrecy::{ExposeSecret, SecretString};

use crate::{Clock, DestinationWriter, Digest, IdLedger, LedgerKey, MigrationId, SourceConnector, Transforms};

mod action;
mod conflict;
mod event;
mod execute;
mod facts;
mod file;
mod gate;
mod gone;
mod intake;
mod link;
mod lookup;
mod matching;
mod merge;
mod pass;
mod recover;
mod retire;
mod runner;
mod send;
mod spool;
mod survey;
mod touched;
mod undo;
mod verify;
mod work;
mod write;

pub use action::{Action, Outcome, RunState, next_action};
pub use conflict::Conflict;
pub(crate) use conflict::conflict_kind;
pub use event::Event;
pub(crate) use event::EventBus;
pub(crate) use execute::LeaseGuard;
pub use execute::execute_unit;
pub(crate) use facts::{Facts, keep};
pub use gone::Gone;
pub(crate) use gone::gone_kind;
pub(crate) use lookup::key_of;
pub(crate) use merge::merged_kind;
pub(crate) use pass::{ALL, GATE, PassContext, describe_pass, pass_key, plan_error};
pub use pass::{PassKind, PassRecord, Phase, Task};
pub(crate) use runner::PAUSED;
pub use runner::{load_state, run_pass};
pub(crate) use spool::{Spool, kind as spool_kind};
pub use survey::Kept;
pub(crate) use survey::kept_kind;
pub use verify::{ComparedField, ComparedRecord, Mismatch};

/// Everything a unit needs. One per migration and process; share it as an `Arc`.
#[derive(Debug)]
pub struct Core {
    pub(crate) migration: MigrationId,
    pub(crate) tenant: String,
    pub(crate) source: Arc<dyn SourceConnector>,
    pub(crate) destination: Arc<dyn DestinationWriter>,
    pub(crate) ledger: Arc<dyn IdLedger>,
    pub(crate) clock: Arc<dyn Clock>,
    /// For pages that the source cannot read twice the same.
    pub(crate) spool: Option<Spool>,
    pub(crate) transforms: Transforms,
    pub(crate) settings: EngineSettings,
    pub(crate) actor: String,
    /// Keeps digests of ids from being guessed.
    pub(crate) digest_key: SecretString,
    pub(crate) worker: String,
    pub(crate) events: EventBus,
    pub(crate) contexts: Mutex<HashMap<u32, Arc<PassContext>>>,
}

/// How the engine works. The defaults suit one process and a destination on the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSettings {
    /// Rows per page, and so per unit.
    pub page_size: usize,
    /// Units worked on at once.
    pub pages_in_flight: usize,
    /// Writes under way at once within a unit, where the destination takes one record a request.
    pub writes_in_flight: usize,
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// How long after the decision a request may still leave.
    pub send_window: Duration,
    /// How long after it left a request may still be applied: request timeout and clock skew.
    pub settle_after: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            page_size: 200,
            pages_in_flight: 4,
            writes_in_flight: 16,
            lease: Duration::from_secs(180),
            send_window: Duration::from_secs(60),
            settle_after: Duration::from_secs(40),
        }
    }
}

impl Core {
    /// A digest of a ledger key that only this migration can make: what logs and the audit carry instead of ids.
    pub(crate) fn keyed(&self, key: &LedgerKey) -> String {
        let parts = [
            "audit",
            self.digest_key.expose_secret(),
            &self.tenant,
            key.migration.as_str(),
            key.mapping.as_str(),
            key.object.as_str(),
            key.id.as_str(),
            key.part.as_str(),
        ];
        Digest::of_parts(parts.map(str::as_bytes)).to_string()
    }

    /// A digest of a value by which records are matched: the index holds no value that somebody may ask to erase.
    pub(crate) fn match_key(&self, value: &str) -> String {
        let parts = ["match", self.digest_key.expose_secret(), &self.tenant, self.migration.as_str(), value];
        Digest::of_parts(parts.map(str::as_bytes)).to_string()
    }

    /// The marker of a record: the same for the same source record, mapping and part, whoever computes it.
    pub(crate) fn marker(&self, instance: &str, key: &LedgerKey) -> Digest {
        let parts = [
            "marker",
            &self.tenant,
            instance,
            key.mapping.as_str(),
            key.object.as_str(),
            key.id.as_str(),
            key.part.as_str(),
        ];
        Digest::of_parts(parts.map(str::as_bytes))
    }
}
