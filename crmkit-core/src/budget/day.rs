//! A daily count of tokens whose reset hour may be unknown.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

/// What is left of a day.
#[derive(Debug)]
pub(super) struct Day {
    limit: u64,
    ours: u64,
    reset_hour: Option<u32>,
    /// When the count starts again.
    resets: DateTime<Utc>,
    /// Tokens we have taken since the last reset.
    used: u64,
    /// What the whole account has left, as far as we know.
    left: u64,
    /// Nothing before this moment: the other side said so.
    spent_until: Option<DateTime<Utc>>,
}

impl Day {
    pub(super) fn new(limit: u64, ours: u64, reset_hour: Option<u32>, now: DateTime<Utc>) -> Self {
        Self { limit, ours, reset_hour, resets: after(now, reset_hour), used: 0, left: limit, spent_until: None }
    }

    fn roll(&mut self, now: DateTime<Utc>) {
        if now >= self.resets {
            self.resets = after(now, self.reset_hour);
            self.used = 0;
            self.left = self.limit;
        }
        if self.spent_until.is_some_and(|until| now >= until) {
            // The other side said the day was spent; past that moment its own headers tell what is left.
            self.spent_until = None;
            self.left = self.limit;
        }
    }

    /// The first moment from `at` on at which `cost` tokens may be taken.
    pub(super) fn earliest(&mut self, now: DateTime<Utc>, at: DateTime<Utc>, cost: u64) -> DateTime<Utc> {
        self.roll(now);
        let at = self.spent_until.map_or(at, |until| at.max(until));
        let fits = self.used + cost <= self.ours && cost <= self.left;
        if fits || at >= self.resets { at } else { self.resets }
    }

    pub(super) fn reserve(&mut self, at: DateTime<Utc>, cost: u64) {
        if at >= self.resets {
            // Whoever waits for the next day takes from it.
            self.spent_until = Some(self.resets);
            self.resets = after(at, self.reset_hour);
            self.used = 0;
            self.left = self.limit;
        }
        self.used += cost;
        self.left = self.left.saturating_sub(cost);
    }

    /// A live count, other people's use included.
    pub(super) fn seen(&mut self, now: DateTime<Utc>, left: u64) {
        self.roll(now);
        if left > self.left.saturating_add(self.limit / 2) {
            // More than half of the day came back: it has begun anew at an hour we did not know.
            self.used = 0;
            self.left = left;
        } else {
            self.left = self.left.min(left);
        }
    }

    /// The other side says that nothing is left.
    pub(super) fn spent(&mut self, now: DateTime<Utc>, until: Option<DateTime<Utc>>) {
        self.roll(now);
        let probe = if self.reset_hour.is_some() { self.resets } else { self.resets.min(now + TimeDelta::hours(1)) };
        self.spent_until = Some(until.unwrap_or(probe));
    }
}

/// The first begin of a day after `now`.
fn after(now: DateTime<Utc>, reset_hour: Option<u32>) -> DateTime<Utc> {
    let hour = reset_hour.unwrap_or(0);
    let midnight = now
        - TimeDelta::seconds(i64::from(now.num_seconds_from_midnight()))
        - TimeDelta::nanoseconds(i64::from(now.nanosecond() % 1_000_000_000));
    let today = midnight + TimeDelta::hours(i64::from(hour));
    if today > now { today } else { today + TimeDelta::days(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_ends_at_its_hour() {
        assert_eq!(after(at("2026-03-01T10:00:00.5Z"), None), at("2026-03-02T00:00:00Z"));
        assert_eq!(after(at("2026-03-01T10:00:00Z"), Some(11)), at("2026-03-01T11:00:00Z"));
        assert_eq!(after(at("2026-03-01T11:00:00Z"), Some(11)), at("2026-03-02T11:00:00Z"));
    }

    #[test]
    fn other_peoples_use_shortens_ours_only_when_it_must() {
        let now = at("2026-03-01T10:00:00Z");
        let mut day = Day::new(100, 80, None, now);
        day.reserve(now, 10);
        day.seen(now, 85);
        assert_eq!(day.earliest(now, now, 70), now, "others used 5 of their 20");
        day.seen(now, 30);
        assert_eq!(day.earliest(now, now, 30), now);
        assert_eq!(day.earliest(now, now, 31), at("2026-03-02T00:00:00Z"));
    }

    #[test]
    fn an_unknown_reset_is_probed_every_hour() {
        let now = at("2026-03-01T10:00:00Z");
        let mut day = Day::new(100, 80, None, now);
        day.spent(now, None);
        assert_eq!(day.earliest(now, now, 1), at("2026-03-01T11:00:00Z"));
        let mut known = Day::new(100, 80, Some(5), now);
        known.spent(now, None);
        assert_eq!(known.earliest(now, now, 1), at("2026-03-02T05:00:00Z"));
    }

    #[test]
    fn a_count_that_jumps_up_begins_a_new_day() {
        let now = at("2026-03-01T10:00:00Z");
        let mut day = Day::new(100, 80, None, now);
        day.reserve(now, 80);
        assert!(day.earliest(now, now, 1) > now);
        day.seen(now, 99);
        assert_eq!(day.earliest(now, now, 70), now);
    }
}
