//! The contract of a rate budget, shared by everything that talks to one account, and the budget of one process.

mod account;
mod adaptive;
mod day;
mod paced;
mod ring;
mod window;

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Result, name_of};

pub use account::AccountBudget;
pub use adaptive::{AdaptiveBudget, Pace};
pub use window::{Scope, Window};

name_of! {
    /// A destination or source account whose limits are shared: host and token digest, until `describe` names it.
    AccountKey
}
impl AccountKey {
    /// The key of `token_digest` in `company`: `"acme.pipedrive.com#5d41402a"`.
    pub fn of(company: &str, token_digest: &str) -> Self {
        Self::from(format!("{company}#{token_digest}"))
    }

    /// The part that all tokens of a company share: before the last `#`, or the whole key.
    pub fn company(&self) -> &str {
        self.as_str().rsplit_once('#').map_or(self.as_str(), |(company, _)| company)
    }

    /// The part that is one token's own: after the last `#`, or the whole key.
    pub fn token(&self) -> &str {
        self.as_str().rsplit_once('#').map_or(self.as_str(), |(_, token)| token)
    }
}

name_of! {
    /// Which of an account's limits a request draws on: `"api"`, `"search"`.
    CostClass
}

/// What an answer said about limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitSignal {
    /// Tokens left today, from a live header: other people's use included.
    DailyLeft(u64),
    /// Requests left in the current burst window.
    BurstLeft(u32),
    /// A 429: everybody waits this long.
    Pause(Duration),
    /// The daily budget is spent. Until when, if the answer says so.
    Exhausted(Option<DateTime<Utc>>),
    /// An answer came, whatever it said: for budgets that feel their way where no limit is published.
    Answered {
        /// Its status.
        status: u16,
        /// How long it took.
        took: Duration,
    },
}

/// Shares out an account's requests and tokens.
///
/// # Contract
/// `reserve` takes from all windows of the account that the class draws on, or from none. It never waits itself: it answers
/// how long the caller must wait, with its clock, before sending. Where that is longer than `patience` nothing is taken.
///
/// # Errors
/// `Limited` with `After` and [`Error::until`](crate::Error::until) where the wait is longer than `patience`.
#[async_trait]
pub trait RateBudget: Debug + Send + Sync + 'static {
    /// Reserves one request of `cost` tokens and says how long to wait before it may leave.
    async fn reserve(&self, account: &AccountKey, class: &CostClass, cost: u32, patience: Duration)
    -> Result<Duration>;

    /// Feeds back what an answer said about limits.
    async fn report(&self, account: &AccountKey, class: &CostClass, signal: &LimitSignal);
}
