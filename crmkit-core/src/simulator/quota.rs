//! The two shapes in which vendors limit: so many in any window of so long, and so many a day.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// At most `limit` in any window of `width`: exact, by remembering when each was let through.
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use crmkit_core::simulator::RollingWindow;
///
/// let start = DateTime::UNIX_EPOCH;
/// let mut window = RollingWindow::new(1, TimeDelta::seconds(2));
/// assert!(window.admit(start));
/// assert!(!window.admit(start + TimeDelta::milliseconds(1999)));
/// assert!(window.admit(start + TimeDelta::seconds(2)));
/// ```
#[derive(Clone, Debug)]
pub struct RollingWindow {
    limit: usize,
    width: TimeDelta,
    admitted: VecDeque<DateTime<Utc>>,
}

impl RollingWindow {
    /// A window of `width` that admits `limit`.
    pub fn new(limit: usize, width: TimeDelta) -> Self {
        Self { limit, width, admitted: VecDeque::with_capacity(limit) }
    }

    /// Lets one through at `now`, or refuses and counts nothing.
    pub fn admit(&mut self, now: DateTime<Utc>) -> bool {
        self.expire(now);
        let room = self.admitted.len() < self.limit;
        if room {
            self.admitted.push_back(now);
        }
        room
    }

    /// How many the window admits.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many more would be admitted at `now`.
    pub fn remaining(&mut self, now: DateTime<Utc>) -> usize {
        self.expire(now);
        self.limit.saturating_sub(self.admitted.len())
    }

    /// How long after `now` the oldest one leaves the window.
    pub fn reset_after(&mut self, now: DateTime<Utc>) -> TimeDelta {
        self.expire(now);
        self.admitted.front().map_or(TimeDelta::zero(), |first| *first + self.width - now)
    }

    fn expire(&mut self, now: DateTime<Utc>) {
        while self.admitted.front().is_some_and(|first| now - *first >= self.width) {
            self.admitted.pop_front();
        }
    }
}

/// A budget that is whole again at the same hour of each day.
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use crmkit_core::simulator::DailyCounter;
///
/// let midnight = DateTime::UNIX_EPOCH;
/// let mut day = DailyCounter::new(10, TimeDelta::zero());
/// assert!(day.spend(midnight, 8));
/// assert!(!day.spend(midnight, 3));
/// assert_eq!(day.remaining(midnight + TimeDelta::days(1)), 10);
/// ```
#[derive(Clone, Debug)]
pub struct DailyCounter {
    limit: u64,
    reset_at: TimeDelta,
    day: i64,
    spent: u64,
    total: u64,
}

impl DailyCounter {
    /// A budget of `limit`, reset at `reset_at` past midnight UTC.
    pub fn new(limit: u64, reset_at: TimeDelta) -> Self {
        Self { limit, reset_at, day: i64::MIN, spent: 0, total: 0 }
    }

    /// Spends `cost`, or refuses when less than that is left.
    pub fn spend(&mut self, now: DateTime<Utc>, cost: u64) -> bool {
        self.turn(now);
        if self.spent + cost > self.limit {
            return false;
        }
        self.spent += cost;
        self.total += cost;
        true
    }

    /// Gives back what a call did not cost after all.
    pub fn refund(&mut self, cost: u64) {
        self.spent = self.spent.saturating_sub(cost);
        self.total = self.total.saturating_sub(cost);
    }

    /// The budget of one day.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What is left of the day of `now`.
    pub fn remaining(&mut self, now: DateTime<Utc>) -> u64 {
        self.turn(now);
        self.limit - self.spent
    }

    /// What was spent on all days together.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn turn(&mut self, now: DateTime<Utc>) {
        let day = (now - self.reset_at).timestamp().div_euclid(86_400);
        if day != self.day {
            self.day = day;
            self.spent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_says_when_it_opens() {
        let start = DateTime::UNIX_EPOCH;
        let mut window = RollingWindow::new(2, TimeDelta::seconds(2));
        assert!(window.admit(start));
        assert!(window.admit(start + TimeDelta::seconds(1)));
        let now = start + TimeDelta::milliseconds(1500);
        assert!(!window.admit(now));
        assert_eq!(window.reset_after(now), TimeDelta::milliseconds(500));
        assert_eq!(window.remaining(start + TimeDelta::seconds(2)), 1);
    }

    #[test]
    fn the_day_turns_at_its_own_hour() {
        let start = DateTime::UNIX_EPOCH;
        let mut day = DailyCounter::new(5, TimeDelta::hours(3));
        assert!(day.spend(start + TimeDelta::hours(2), 5));
        assert!(!day.spend(start + TimeDelta::hours(2), 1));
        assert!(day.spend(start + TimeDelta::hours(3), 1));
        assert_eq!(day.total(), 6);
    }
}
