//! Rules for ledgers: what the engine relies on, each as a function that panics where a ledger breaks it.

mod commit;
mod file;
mod given;
mod keep;
mod open;
mod select;

use std::sync::Arc;

pub use self::{
    commit::{
        a_commit_is_all_or_nothing, a_conflicting_settlement_is_refused,
        a_destination_record_stands_for_one_source_record, a_held_or_rolled_back_row_may_take_another_destination,
        changes_apply_in_order, freeing_a_new_row_forgets_it, freeing_an_old_row_keeps_its_last_state,
        settling_twice_changes_nothing, what_is_kept_comes_back_unchanged,
    },
    file::{
        a_damaged_file_is_refused, a_foreign_file_is_refused, a_newer_format_is_refused_naming_both,
        a_shortened_audit_log_is_refused, an_older_format_is_upgraded,
    },
    keep::{
        erasing_a_record_keeps_the_chain_whole, erasing_a_record_takes_it_out_of_documents,
        erasing_prior_values_keeps_the_rest, facts_are_kept_replaced_and_forgotten,
        the_audit_chain_verifies_and_a_tampered_line_is_found, the_first_prior_value_stays,
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
use super::Rule;
use crate::{Binding, IdLedger, Result, testing::ManualClock};

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

    /// Lets go of the store, puts something else into its place and opens that, calling [`IdLedger::open`] with `binding` too.
    /// `None` where the ledger has no such thing; the rules about it are skipped.
    async fn open_instead(&mut self, _store: Store, _binding: &Binding) -> Option<Result<Arc<dyn IdLedger>>> {
        None
    }
}

/// What stands where a ledger's store is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// Something that is no ledger.
    Foreign,
    /// The ledger, with parts of it overwritten.
    Damaged,
    /// A ledger of a later release's format.
    Newer,
    /// A ledger as an earlier release left it, made for the binding, with at least one row and one line of the audit log.
    Older,
    /// The ledger, with the last lines of its audit log taken out.
    ShortLog,
}

/// All rules, to run them by a loop.
pub fn rules<H: LedgerHarness + 'static>() -> Vec<Rule> {
    crate::ledger_conformance!(@list H)
}

/// See [`conformance_tests!`](crate::conformance_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! ledger_conformance {
    ($harness:ty) => { $crate::ledger_conformance!(@tests $harness); };
    (@$what:ident $harness:ty) => {
        $crate::conformance_rules! { $what ledger $harness:
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
            a_destination_record_stands_for_one_source_record
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
            erasing_a_record_takes_it_out_of_documents
            erasing_prior_values_keeps_the_rest
            a_reader_never_sees_half_a_commit
            a_foreign_file_is_refused
            a_damaged_file_is_refused
            a_newer_format_is_refused_naming_both
            an_older_format_is_upgraded
            a_shortened_audit_log_is_refused
        }
    };
}
