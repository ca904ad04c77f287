//! Conformance suites: what the contracts promise, as tests that every implementation runs.
//!
//! A rule is a public async function named as a sentence. [`conformance_tests!`](crate::conformance_tests) turns each rule of a
//! suite into a test of its own.

pub mod destination;
pub mod ledger;
pub mod source;

/// Makes a test of every rule of a suite: `conformance_tests!(ledger, MyHarness);`. The crate needs `tokio` with `macros` and
/// `rt`.
#[macro_export]
macro_rules! conformance_tests {
    (ledger, $harness:ty) => {
        $crate::ledger_conformance!($harness);
    };
    (source, $harness:ty) => {
        $crate::source_conformance!($harness);
    };
    (destination, $harness:ty) => {
        $crate::destination_conformance!($harness);
    };
}
