//! What a write does to the store, whichever API asked for it.

pub(super) mod activity;
pub(super) mod catalog;
pub(super) mod lead;
pub(super) mod record;
