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
    /// Something is about to happen now: a clock that jumps does not jump while the hold lives. Real clocks know no holds.
    fn hold(&self) -> Hold {
        Hold::default()
    }
}

/// Keeps a clock that jumps where it is, until it is dropped.
#[derive(Default)]
pub struct Hold(#[allow(dead_code, reason = "kept for its drop")] Option<Box<dyn Send + Sync>>);

impl Hold {
    /// Holds as long as `guard` lives.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Hold" } else { "Hold(none)" })
    }
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
