//! Values and JSON: the only place that knows both.

pub(crate) mod activity;
mod file;
mod from_wire;
mod plain;
mod spelling;
mod stamp;
mod to_wire;

pub(crate) use file::{FILES_NOTE, file_fields};
pub(crate) use from_wire::{is_gone, stored};
pub(crate) use plain::{shown, text as plain_text};
pub(crate) use spelling::respells;
pub(crate) use stamp::{stamped, unstamped};
pub(crate) use to_wire::{Labelled, Wired, check, custom_value, day, labelled, money_text, text_of};
