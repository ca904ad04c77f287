//! An exact rolling window: the moments at which requests may leave.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// Reserved moments, in order.
#[derive(Debug, Default)]
pub(super) struct Ring {
    moments: VecDeque<DateTime<Utc>>,
}

impl Ring {
    /// The first moment from `from` on at which one more request leaves at most `limit` in any stretch shorter than `per`.
    pub(super) fn earliest(&self, from: DateTime<Utc>, limit: usize, per: TimeDelta) -> DateTime<Utc> {
        let mut at = from;
        'search: loop {
            let place = self.moments.partition_point(|moment| *moment <= at);
            // Every run of `limit` neighbours that the new moment would join.
            for first in place.saturating_sub(limit)..=place {
                let Some(last) = self.moments.get(first + limit - 1) else { break };
                let begin = self.moments[first].min(at);
                if (*last).max(at) - begin < per {
                    at = (self.moments[first] + per).max(at + TimeDelta::nanoseconds(1));
                    continue 'search;
                }
            }
            return at;
        }
    }

    pub(super) fn reserve(&mut self, at: DateTime<Utc>) {
        let place = self.moments.partition_point(|moment| *moment <= at);
        self.moments.insert(place, at);
    }

    /// Forgets what lies too far back to matter.
    pub(super) fn expire(&mut self, before: DateTime<Utc>) {
        while self.moments.front().is_some_and(|moment| *moment < before) {
            self.moments.pop_front();
        }
    }

    /// Gives up reservations that have not left yet: after a pause their holders ask again.
    pub(super) fn cancel_after(&mut self, now: DateTime<Utc>) {
        self.moments.truncate(self.moments.partition_point(|moment| *moment <= now));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_stretch_ever_holds_more_than_the_limit(
            limit in 1_usize..6,
            starts in proptest::collection::vec(0_i64..5_000, 1..80),
        ) {
            let (zero, per) = (DateTime::<Utc>::UNIX_EPOCH, TimeDelta::milliseconds(1_000));
            let mut ring = Ring::default();
            let mut all = Vec::new();
            for start in starts {
                let at = ring.earliest(zero + TimeDelta::milliseconds(start), limit, per);
                prop_assert!(at >= zero + TimeDelta::milliseconds(start));
                ring.reserve(at);
                all.push(at);
            }
            all.sort();
            for run in all.windows(limit + 1) {
                prop_assert!(run[limit] - run[0] >= per, "{run:?}");
            }
        }

        #[test]
        fn a_queue_is_as_tight_as_the_limit_allows(limit in 1_usize..30, count in 1_usize..100) {
            let (zero, per) = (DateTime::<Utc>::UNIX_EPOCH, TimeDelta::milliseconds(2_000));
            let mut ring = Ring::default();
            for index in 0..count {
                let at = ring.earliest(zero, limit, per);
                prop_assert_eq!(at, zero + per * i32::try_from(index / limit).unwrap());
                ring.reserve(at);
            }
        }
    }
}
