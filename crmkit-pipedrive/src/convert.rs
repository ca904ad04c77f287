//! Core's values to Pipedrive's JSON and back. Nothing else knows both.

mod from_wire;
mod number;
mod to_wire;
mod visible;

pub(crate) use from_wire::{stored_entity, stored_note, stored_relationship};
pub(crate) use to_wire::body;
pub(crate) use visible::visible_text;
