//! Every ledger keeps the rules; broken ones break exactly theirs.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "sqlite")]
mod older;
mod saboteurs;
#[cfg(feature = "sqlite")]
mod same;
#[cfg(all(feature = "sqlite", unix))]
mod sqlite;

mod memory {
    use std::sync::Arc;

    use crmkit_core::{
        IdLedger, MemoryLedger,
        testing::{ManualClock, conformance::ledger::LedgerHarness},
    };

    pub(crate) struct Memory {
        pub(crate) ledger: MemoryLedger,
        pub(crate) clock: ManualClock,
    }

    impl LedgerHarness for Memory {
        async fn start() -> Self {
            let clock = ManualClock::new();
            Self { ledger: MemoryLedger::new(Arc::new(clock.clone())), clock }
        }

        fn ledger(&self) -> Arc<dyn IdLedger> {
            Arc::new(self.ledger.clone())
        }

        async fn reopen(&mut self) {}

        fn clock(&self) -> &ManualClock {
            &self.clock
        }
    }

    crmkit_core::conformance_tests!(ledger, Memory);
}
