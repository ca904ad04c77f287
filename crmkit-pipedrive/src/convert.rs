//! Core's values to Pipedrive's JSON and back. Nothing else knows both.

mod activity;
mod from_wire;
mod lead;
mod number;
mod to_wire;
mod visible;

pub(crate) use activity::same_minute;
pub(crate) use from_wire::stored;
pub(crate) use to_wire::{UNTIL, body, html_of, lacks_companions, respelled, with_companions};
pub(crate) use visible::visible_text;
