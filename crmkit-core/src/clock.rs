//! Time as the host gives it: the only place that waits.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Tells the time and waits for it.
///
/// Everything in crmkit that reads the time or sleeps does it through the clock it was built with, so a test, a
/// rehearsal or a simulator can own time.
///
/// # Contract
/// `now` never goes backwards. `sleep_until` returns once `now() >= when`, at once when that is already so.
///
/// # Cancellation
/// Dropping the future of `sleep_until` ends the wait and leaves nothing behind.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
    /// Waits until `when`.
    async fn sleep_until(&self, when: DateTime<Utc>);
}

/// The machine's clock, waiting on tokio's timer.
///
/// ```
/// use crmkit_core::{Clock, SystemClock};
/// assert!(SystemClock.now() <= SystemClock.now());
/// ```
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(feature = "tokio")]
#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep_until(&self, when: DateTime<Utc>) {
        if let Ok(wait) = (when - Utc::now()).to_std() {
            tokio::time::sleep(wait).await;
        }
    }
}
