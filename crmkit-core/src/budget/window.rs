//! The windows of an account: how much in how long, for whom.

use std::time::Duration;

use crate::CostClass;

/// Who shares a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Each token has its own.
    Token,
    /// All tokens of a company draw on one.
    Company,
}

/// One limit of an account.
///
/// ```
/// use std::time::Duration;
/// use crmkit_core::{Scope, Window};
/// let burst = Window::rolling(20, Duration::from_secs(2)).share(0.9);
/// let day = Window::daily(30_000).share(0.8).scope(Scope::Company);
/// assert_ne!(burst, day);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub(super) measure: Measure,
    pub(super) scope: Scope,
    pub(super) class: Option<CostClass>,
    pub(super) share: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measure {
    Rolling { limit: u32, per: Duration, gap: Duration },
    Daily { limit: u64, reset_hour: Option<u32> },
    Paced { burst: u32, per: Duration },
}

impl Window {
    /// At most `limit` requests in any `per`, counted exactly. Requests are kept 20 ms further apart than that, because the
    /// other side counts when they arrive.
    pub fn rolling(limit: u32, per: Duration) -> Self {
        Self::of(Measure::Rolling { limit, per, gap: Duration::from_millis(20) }, Scope::Token)
    }

    /// At most `limit` tokens a day. Until [`Window::reset_hour`] is told, the day is taken to end at midnight UTC, and a day
    /// that the other side calls spent earlier is probed once an hour.
    pub fn daily(limit: u64) -> Self {
        Self::of(Measure::Daily { limit, reset_hour: None }, Scope::Company)
    }

    /// A steady rate (GCRA): `burst` requests at once, refilled evenly over `per`.
    pub fn paced(burst: u32, per: Duration) -> Self {
        Self::of(Measure::Paced { burst, per }, Scope::Token)
    }

    fn of(measure: Measure, scope: Scope) -> Self {
        Self { measure, scope, class: None, share: 1.0 }
    }

    /// The part of the limit that is ours, from 0 to 1: the account's other integrations live on the rest.
    pub fn share(mut self, share: f64) -> Self {
        self.share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        self
    }

    /// Who shares it.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Counts only requests of this class. Windows without a class count all.
    pub fn only(mut self, class: CostClass) -> Self {
        self.class = Some(class);
        self
    }

    /// A rolling window's safety gap, for connections whose delay varies.
    pub fn gap(mut self, extra: Duration) -> Self {
        if let Measure::Rolling { gap, .. } = &mut self.measure {
            *gap = extra;
        }
        self
    }

    /// The hour (UTC, 0 to 23) at which a day begins, where it is known.
    pub fn reset_hour(mut self, hour: u32) -> Self {
        if let Measure::Daily { reset_hour, .. } = &mut self.measure {
            *reset_hour = Some(hour.min(23));
        }
        self
    }

    pub(super) fn counts(&self, class: &CostClass) -> bool {
        self.class.as_ref().is_none_or(|only| only == class)
    }

    /// Our part of a count; never less than one.
    pub(super) fn ours(&self, limit: u64) -> u64 {
        // Shares are coarse: the loss of precision above 2^53 does not matter.
        ((limit as f64 * self.share) as u64).max(1)
    }
}
