//! Messy CRM exports of any size that a seed repeats, with what should become of each record.

mod activity;
mod allegory;
mod attached;
mod custom;
mod draft;
mod expected;
mod fates;
mod lead;
mod record;
mod seed;
mod sheet;
mod treatment;
mod wider;

pub use allegory::AllegoryExport;
pub use expected::{
    Expected, ExpectedFile, ExpectedObject, ExpectedRecord, ExpectedReject, ExpectedUser, ExpectedWorkflow, Fate, Told,
    Trouble,
};
pub use fates::{Fates, PartFate, Tally};
pub use seed::SplitMix64;
pub use treatment::{LinkRule, Treatment};
