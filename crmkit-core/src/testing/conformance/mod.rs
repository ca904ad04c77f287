//! Conformance suites: what the contracts promise, as tests that every implementation runs.
//!
//! A rule is a public async function named as a sentence, and quotes the sentence of the contract that it tests.
//! [`conformance_tests!`](crate::conformance_tests) turns each rule of a suite into a test of its own; a rule about what an
//! implementation cannot do says so and is skipped. [`broken`] tells which rules an implementation breaks, to test the suite
//! itself with implementations that are wrong on purpose.

pub mod destination;
pub mod ledger;
pub mod source;

use std::{fmt, panic::AssertUnwindSafe};

use futures::{FutureExt, future::LocalBoxFuture};

/// A rule of a suite.
pub struct Rule {
    /// Its function's name.
    pub name: &'static str,
    /// Runs it; it panics where the implementation breaks it.
    pub run: fn() -> LocalBoxFuture<'static, ()>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The names of the rules that are broken, of those given.
pub async fn broken(rules: Vec<Rule>) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for rule in rules {
        if AssertUnwindSafe((rule.run)()).catch_unwind().await.is_err() {
            broken.push(rule.name);
        }
    }
    broken
}

/// Says why a rule has nothing to test.
fn skip(reason: &str) {
    println!("skipped: {reason}");
}

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

/// What a suite's list of rules becomes: tests, or a `Vec` of [`Rule`].
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_rules {
    (tests $suite:ident $harness:ty: $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::testing::conformance::$suite::$rule::<$harness>().await;
            }
        )*
    };
    (list $suite:ident $harness:ty: $($rule:ident)*) => {
        vec![$($crate::testing::conformance::Rule {
            name: stringify!($rule),
            run: || Box::pin($crate::testing::conformance::$suite::$rule::<$harness>()),
        }),*]
    };
}
