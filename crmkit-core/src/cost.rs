//! What calls to a destination cost and how many it allows, so that hours are known before the first one.

use serde::{Deserialize, Serialize};

/// What calls about one object cost. A call writes up to a batch of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectCost {
    /// Creating records.
    pub create: Price,
    /// Changing records.
    pub update: Price,
    /// Reading records back by id.
    pub read: Price,
    /// Most records in one such call.
    pub read_batch: u32,
    /// Removing one record.
    pub remove: Price,
}

impl Default for ObjectCost {
    fn default() -> Self {
        let price = Price::default();
        Self { create: price, update: price, read: price, read_batch: 1, remove: price }
    }
}

/// What one step costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Requests.
    pub calls: u32,
    /// Tokens of the account's budget, where it has one.
    #[serde(default)]
    pub tokens: u32,
}

impl Default for Price {
    fn default() -> Self {
        Self { calls: 1, tokens: 0 }
    }
}

impl Price {
    /// One request of so many tokens.
    pub fn tokens(tokens: u32) -> Self {
        Self { calls: 1, tokens }
    }
}

/// How much an account may be asked, the migration's share of it: all windows hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// The windows.
    pub windows: Vec<AllowanceWindow>,
    /// The vendor publishes them; otherwise they are a guess to be confirmed.
    pub published: bool,
}

/// So much in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceWindow {
    /// What is counted.
    pub unit: CostUnit,
    /// How much.
    pub amount: u64,
    /// In how many seconds.
    pub seconds: u64,
}

/// What a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostUnit {
    /// Requests.
    Calls,
    /// Tokens.
    Tokens,
}

/// A day in seconds.
const DAY: u64 = 86_400;

impl Allowance {
    /// Limits that are usual for hosted software, where a vendor publishes none: 10 requests a second.
    pub fn assumed() -> Self {
        Self { windows: vec![AllowanceWindow { unit: CostUnit::Calls, amount: 10, seconds: 1 }], published: false }
    }

    /// The seconds that so many calls and tokens take at least.
    ///
    /// ```
    /// use crmkit_core::{Allowance, AllowanceWindow, CostUnit};
    /// let window = |unit, amount, seconds| AllowanceWindow { unit, amount, seconds };
    /// let allowance = Allowance {
    ///     windows: vec![window(CostUnit::Calls, 20, 2), window(CostUnit::Tokens, 30_000, 86_400)],
    ///     published: true,
    /// };
    /// assert_eq!(allowance.seconds(100, 0), 10);
    /// assert_eq!(allowance.days(12_000, 60_000), 2);
    /// ```
    pub fn seconds(&self, calls: u64, tokens: u64) -> u64 {
        let of = |window: &AllowanceWindow| {
            let amount = u128::from(window.amount.max(1));
            let needed = u128::from(self::needed(window, calls, tokens));
            // A day's tokens may be spent as fast as calls allow; what is left waits for the next day.
            let whole = if window.seconds >= DAY {
                needed.saturating_sub(1) / amount * u128::from(window.seconds)
            } else {
                (needed * u128::from(window.seconds)).div_ceil(amount)
            };
            u64::try_from(whole).unwrap_or(u64::MAX)
        };
        self.windows.iter().map(of).max().unwrap_or_default()
    }

    /// On how many days so many calls and tokens have to be spread; 1 where all fit into one.
    pub fn days(&self, calls: u64, tokens: u64) -> u64 {
        let daily = self.windows.iter().filter(|window| window.seconds >= DAY);
        let by_budget = daily.map(|window| needed(window, calls, tokens).div_ceil(window.amount.max(1)));
        let by_rate = self.seconds(calls, tokens).div_ceil(DAY);
        by_budget.chain([by_rate, 1]).max().unwrap_or(1)
    }
}

fn needed(window: &AllowanceWindow, calls: u64, tokens: u64) -> u64 {
    match window.unit {
        CostUnit::Calls => calls,
        CostUnit::Tokens => tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(unit: CostUnit, amount: u64, seconds: u64) -> AllowanceWindow {
        AllowanceWindow { unit, amount, seconds }
    }

    #[test]
    fn the_narrowest_window_decides() {
        let windows = vec![window(CostUnit::Calls, 20, 2), window(CostUnit::Tokens, 24_000, DAY)];
        let allowance = Allowance { windows, published: true };
        assert_eq!((allowance.seconds(0, 0), allowance.days(0, 0)), (0, 1));
        assert_eq!(allowance.seconds(1_000, 24_000), 100, "a whole day's tokens go as fast as calls allow");
        assert_eq!(allowance.days(1_000, 24_000), 1);
        assert_eq!((allowance.seconds(1_000, 24_001), allowance.days(1_000, 24_001)), (DAY, 2));
        assert_eq!(allowance.days(2_000_000, 0), 3, "the rate alone can take days");
        assert_eq!(Allowance::default().days(9, 9), 1);
        assert_eq!(Allowance::assumed().seconds(25, 0), 3);
    }
}
