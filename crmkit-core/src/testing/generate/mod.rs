//! Messy CRM exports of any size that a seed repeats, with what should become of each record.

mod allegory;
mod draft;
mod expected;
mod record;
mod seed;
mod sheet;

pub use allegory::AllegoryExport;
pub use expected::{Expected, ExpectedObject, ExpectedRecord, ExpectedReject, ExpectedUser, Fate, Told, Trouble};
pub use seed::SplitMix64;
