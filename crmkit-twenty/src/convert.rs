//! Core's values to Twenty's JSON and back. Nothing else knows both.

mod from_wire;
mod kept;
mod to_wire;

pub(crate) use from_wire::stored;
pub(crate) use kept::kept;
pub(crate) use to_wire::body;
