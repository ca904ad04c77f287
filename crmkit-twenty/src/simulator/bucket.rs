//! The vendor's token bucket, with its quirk: only what is let through moves the time of the last refill.

use chrono::{DateTime, Utc};

/// One bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    limit: u64,
    window_ms: u64,
    tokens: u64,
    last: Option<DateTime<Utc>>,
}

impl Bucket {
    pub(super) fn new(limit: u64, window_ms: u64) -> Self {
        Self { limit, window_ms: window_ms.max(1), tokens: limit, last: None }
    }

    /// How many calls would be let through at `now`.
    fn available(&self, now: DateTime<Utc>) -> u64 {
        let Some(last) = self.last else { return self.tokens };
        let elapsed = u64::try_from((now - last).num_milliseconds()).unwrap_or(0);
        // Whole tokens only: calls closer to each other than one token's time never refill.
        let refill = elapsed.saturating_mul(self.limit) / self.window_ms;
        self.tokens.saturating_add(refill).min(self.limit)
    }

    /// After how many milliseconds a refused caller gets a token.
    pub(super) fn wait_ms(&self, now: DateTime<Utc>) -> u64 {
        let per_token = self.window_ms.div_ceil(self.limit.max(1));
        let elapsed = self.last.map_or(0, |last| u64::try_from((now - last).num_milliseconds()).unwrap_or(0));
        per_token.saturating_sub(elapsed)
    }
}

/// The buckets of one workspace.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets(Vec<Bucket>);

/// The bucket that refused: its limit and window, and the time until the next token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) limit: u64,
    pub(super) window_ms: u64,
    pub(super) wait_ms: u64,
}

impl Buckets {
    pub(super) fn new(calls: u64, window_ms: u64, burst: u64) -> Self {
        // The longer window first: when both are empty, it is the one that is named.
        let wanted = [(calls, window_ms), (burst, 1000)];
        Self(
            wanted.iter().filter(|(limit, _)| *limit > 0).map(|(limit, window)| Bucket::new(*limit, *window)).collect(),
        )
    }

    /// Takes a token of each bucket, or of none.
    pub(super) fn admit(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if let Some(empty) = self.0.iter().find(|bucket| bucket.available(now) == 0) {
            return Err(Refusal { limit: empty.limit, window_ms: empty.window_ms, wait_ms: empty.wait_ms(now) });
        }
        for bucket in &mut self.0 {
            bucket.tokens = bucket.available(now) - 1;
            bucket.last = Some(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_burst_never_refills_and_a_steady_pace_is_never_refused() {
        let start = DateTime::UNIX_EPOCH;
        let at = |ms: i64| start + TimeDelta::milliseconds(ms);
        let mut buckets = Buckets::new(100, 60_000, 0);
        for call in 0..100 {
            assert!(buckets.admit(at(call * 599)).is_ok(), "{call}");
        }
        let last = 99 * 599;
        assert_eq!(buckets.admit(at(last + 599)).map_err(|refusal| refusal.wait_ms), Err(1));
        assert!(buckets.admit(at(last + 600)).is_ok());
        for call in 1..500 {
            assert!(buckets.admit(at(last + 600 + call * 600)).is_ok(), "{call}");
        }
    }

    #[test]
    fn a_refusal_takes_nothing_from_the_other_bucket() {
        let mut buckets = Buckets::new(1, 60_000, 2);
        assert!(buckets.admit(DateTime::UNIX_EPOCH).is_ok());
        assert!(buckets.admit(DateTime::UNIX_EPOCH).is_err_and(|refusal| refusal.window_ms == 60_000));
        assert_eq!(buckets.0[1].tokens, 1);
    }
}
