//! What every ledger promises.

mod commit;
mod given;
mod keep;
mod open;
mod select;

use std::sync::Arc;

use futures::future::LocalBoxFuture;

pub use self::{
    commit::{
        a_commit_is_all_or_nothing, a_conflicting_settlement_is_refused,
        a_held_or_rolled_back_row_may_take_another_destination, changes_apply_in_order, freeing_a_new_row_forgets_it,
        freeing_an_old_row_keeps_its_last_state, settling_twice_changes_nothing, what_is_kept_comes_back_unchanged,
    },
    keep::{
        erasing_a_record_keeps_the_chain_whole, erasing_prior_values_keeps_the_rest,
        facts_are_kept_replaced_and_forgotten, the_audit_chain_verifies_and_a_tampered_line_is_found,
        the_first_prior_value_stays,
    },
    open::{
        a_lease_renewed_for_no_time_is_given_back, a_ledger_is_bound_by_its_first_opening,
        a_running_lease_is_busy_until_it_ends, an_older_epoch_is_fenced, another_account_is_refused_naming_both,
        intents_survive_reopen, keys_of_another_migration_are_refused, renewing_keeps_the_epoch, two_handles_agree,
        what_was_committed_survives_reopen,
    },
    select::{
        a_reader_never_sees_half_a_commit, counts_follow_every_change, rows_are_found_by_destination_and_link,
        rows_come_in_the_order_of_the_keys, selections_page_in_key_order_without_gaps_or_repeats,
        units_are_open_until_done,
    },
};
use crate::{IdLedger, testing::ManualClock};

/// How the suite gets at a ledger.
///
/// ```
/// use std::sync::Arc;
/// use crmkit_core::{IdLedger, MemoryLedger, testing::{ManualClock, conformance::ledger::LedgerHarness}};
///
/// struct Memory {
///     ledger: MemoryLedger,
///     clock: ManualClock,
/// }
///
/// impl LedgerHarness for Memory {
///     async fn start() -> Self {
///         let clock = ManualClock::new();
///         Self { ledger: MemoryLedger::new(Arc::new(clock.clone())), clock }
///     }
///     fn ledger(&self) -> Arc<dyn IdLedger> {
///         Arc::new(self.ledger.clone())
///     }
///     async fn reopen(&mut self) {}
///     fn clock(&self) -> &ManualClock {
///         &self.clock
///     }
/// }
/// # #[cfg(test)]
/// crmkit_core::conformance_tests!(ledger, Memory);
/// ```
#[allow(async_fn_in_trait, reason = "rules run on the test's own thread")]
pub trait LedgerHarness: Sized {
    /// A new, empty ledger that nobody has opened for a migration.
    async fn start() -> Self;

    /// A handle on the ledger; each call gives another.
    fn ledger(&self) -> Arc<dyn IdLedger>;

    /// Lets go of the store as a crash does, without a farewell, and opens it again.
    async fn reopen(&mut self);

    /// The clock that the ledger was made with.
    fn clock(&self) -> &ManualClock;
}

/// A rule of the suite.
pub struct Rule {
    /// Its function's name.
    pub name: &'static str,
    /// Runs it; it panics where the ledger breaks it.
    pub run: fn() -> LocalBoxFuture<'static, ()>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All rules, for harnesses that want them as a list.
pub fn rules<H: LedgerHarness + 'static>() -> Vec<Rule> {
    crate::ledger_conformance!(@list rules H)
}

/// See [`conformance_tests!`](crate::conformance_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! ledger_conformance {
    ($harness:ty) => { $crate::ledger_conformance!(@list tests $harness); };
    (@list $what:ident $harness:ty) => {
        $crate::ledger_conformance! { @$what $harness;
            a_ledger_is_bound_by_its_first_opening
            another_account_is_refused_naming_both
            keys_of_another_migration_are_refused
            a_commit_is_all_or_nothing
            changes_apply_in_order
            what_is_kept_comes_back_unchanged
            what_was_committed_survives_reopen
            intents_survive_reopen
            settling_twice_changes_nothing
            a_conflicting_settlement_is_refused
            a_held_or_rolled_back_row_may_take_another_destination
            freeing_a_new_row_forgets_it
            freeing_an_old_row_keeps_its_last_state
            an_older_epoch_is_fenced
            a_running_lease_is_busy_until_it_ends
            renewing_keeps_the_epoch
            a_lease_renewed_for_no_time_is_given_back
            two_handles_agree
            rows_come_in_the_order_of_the_keys
            selections_page_in_key_order_without_gaps_or_repeats
            rows_are_found_by_destination_and_link
            counts_follow_every_change
            units_are_open_until_done
            facts_are_kept_replaced_and_forgotten
            the_first_prior_value_stays
            the_audit_chain_verifies_and_a_tampered_line_is_found
            erasing_a_record_keeps_the_chain_whole
            erasing_prior_values_keeps_the_rest
            a_reader_never_sees_half_a_commit
        }
    };
    (@tests $harness:ty; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::testing::conformance::ledger::$rule::<$harness>().await;
            }
        )*
    };
    (@rules $harness:ty; $($rule:ident)*) => {
        vec![$($crate::testing::conformance::ledger::Rule {
            name: stringify!($rule),
            run: || Box::pin($crate::testing::conformance::ledger::$rule::<$harness>()),
        }),*]
    };
}
