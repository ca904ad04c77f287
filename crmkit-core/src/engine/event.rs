//! What happens, as it happens: counts only, for progress bars and logs.

use std::sync::Mutex;

use futures::channel::mpsc;
use serde::{Deserialize, Serialize};

use crate::{MappingId, UnitKey, engine::PassKind};

/// Something that happened. Payloads are ids of units and counts, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A pass began.
    PassStarted {
        /// Its number.
        pass: u32,
        /// Its kind.
        kind: PassKind,
    },
    /// A unit can be worked on.
    UnitOpened {
        /// Which.
        unit: UnitKey,
    },
    /// A unit is done.
    UnitDone {
        /// Which.
        unit: UnitKey,
        /// Records it settled.
        records: u64,
    },
    /// A unit has to wait.
    UnitWaits {
        /// Which.
        unit: UnitKey,
        /// For how long, in milliseconds.
        milliseconds: u64,
    },
    /// Writes whose outcome is unknown until they are looked for.
    Uncertain {
        /// The mapping.
        mapping: MappingId,
        /// How many.
        writes: u64,
    },
    /// A pass is over.
    PassFinished {
        /// Its number.
        pass: u32,
    },
}

/// Hands events to everybody who listens.
#[derive(Debug, Default)]
pub(crate) struct EventBus(Mutex<Vec<mpsc::UnboundedSender<Event>>>);

impl EventBus {
    /// A stream of everything from now on.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded();
        self.0.lock().expect("no listener panics while the list is held").push(sender);
        receiver
    }

    pub(crate) fn tell(&self, event: Event) {
        let mut listeners = self.0.lock().expect("no listener panics while the list is held");
        listeners.retain(|listener| listener.unbounded_send(event.clone()).is_ok());
    }
}
