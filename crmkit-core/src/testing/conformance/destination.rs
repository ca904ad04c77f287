//! Rules for destinations: what the engine relies on, each as a function that panics where a connector breaks it.
//!
//! ```ignore
//! crmkit_core::conformance_tests!(destination, MyHarness);
//! ```

mod rules;
mod saboteur;
mod spans;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Rule;
use crate::{DestinationWriter, Fields, ObjectName, PageRequest, RecordId, Stored};

pub use rules::*;
pub use saboteur::{DropsUnknownFields, IgnoresDeadlines, RetriesLostCreates};

/// What happens to the next create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteFault {
    /// The connection closes; nothing is applied.
    CloseBeforeApply,
    /// It is applied, then the connection closes without an answer.
    CloseAfterApply,
    /// A server error is answered; nothing is applied.
    ServerError,
    /// The token is refused.
    Unauthorized,
    /// Too many requests: nothing is applied, and the caller is asked to wait.
    Throttled,
    /// The answer is not what the interface documents; it is applied.
    Garbage,
}

/// A destination on a bench: an empty CRM, a connector to it, and the means to disturb and inspect both.
#[async_trait]
pub trait DestinationHarness: Send + Sync + Sized + 'static {
    /// A fresh CRM without records, prepared so that [`sample`](DestinationHarness::sample) can be written (the marker exists).
    async fn start() -> Self;

    /// The connector.
    fn writer(&self) -> Arc<dyn DestinationWriter>;

    /// The object that the rules write.
    fn object(&self) -> ObjectName;

    /// The values of the n-th valid record, the marker among them where the object has one. Two differ in every field that
    /// an update may change.
    fn sample(&self, n: usize) -> Fields;

    /// Values that the connector or the CRM refuses.
    fn invalid(&self) -> Fields;

    /// What finds a record with these values again: the marker alone, or the witness.
    fn probe(&self, fields: &Fields) -> Fields;

    /// Disturbs the next create. Says no where it cannot.
    async fn fail_next(&self, fault: WriteFault) -> bool;

    /// The time by the clock that the connector was built with.
    fn now(&self) -> DateTime<Utc>;

    /// Requests that reached the CRM so far, where they are counted.
    fn requests(&self) -> Option<u64> {
        None
    }

    /// The secret that must never be shown.
    fn secret(&self) -> Option<String> {
        None
    }

    /// An id that no record has.
    fn missing(&self) -> RecordId {
        RecordId::from("999999999")
    }

    /// Every live record of the object.
    async fn stored(&self) -> Vec<Stored> {
        let writer = self.writer();
        let Some(reader) = writer.reader() else { return Vec::new() };
        let mut request = PageRequest::first(self.object(), 100);
        let mut all = Vec::new();
        loop {
            let page = reader.scan(&request).await.expect("a scan");
            all.extend(page.items);
            match page.next {
                Some(next) => request = request.at(next),
                None => return all,
            }
        }
    }
}

/// All rules, to run them by a loop.
pub fn rules<H: DestinationHarness>() -> Vec<Rule> {
    crate::destination_conformance!(@list H)
}

/// See [`conformance_tests!`](crate::conformance_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! destination_conformance {
    ($harness:ty) => { $crate::destination_conformance!(@tests $harness); };
    (@$what:ident $harness:ty) => {
        $crate::conformance_rules! { $what destination $harness:
            outcomes_are_in_order_and_complete
            one_bad_record_does_not_sink_the_others
            a_lost_answer_creates_nothing_twice
            a_lost_request_creates_nothing_twice
            an_unreadable_answer_creates_nothing_twice
            a_server_error_leaves_no_doubt_unsaid
            a_throttled_write_arrives_once_or_not_at_all
            a_settled_batch_replayed_changes_nothing
            an_unknown_field_is_refused_not_dropped
            an_unknown_option_is_refused_not_dropped
            a_refused_token_is_never_retried
            no_secret_is_shown
            no_secret_is_in_a_span
            what_cannot_leave_in_time_is_not_sent
            a_dropped_write_can_be_found
            an_update_changes_only_what_it_names
            removing_twice_is_success
            a_missing_record_is_none
        }
    };
}
