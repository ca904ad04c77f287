//! Ids of REST: `3-contacts`, which may be another number than in JSON-RPC.

use serde_json::Value;

use super::super::answer::Failure;
use super::super::call::Call;
use super::super::entity::Entity;

fn offset(call: &Call<'_>, entity: Entity) -> i64 {
    if entity == Entity::Milestones { call.switches().stage_id_offset } else { call.switches().rest_id_offset }
}

/// As REST writes it.
pub(super) fn format(call: &Call<'_>, entity: Entity, id: i64) -> String {
    format!("{}-{}", id + offset(call, entity), entity.rest())
}

/// As REST writes it; null where there is none.
pub(super) fn format_value(call: &Call<'_>, entity: Entity, id: Option<i64>) -> Value {
    id.map(|id| format(call, entity, id)).into()
}

/// The id under which the store keeps it. The type at its end may be missing, but not be another one.
pub(super) fn parse(call: &Call<'_>, entity: Entity, text: &str) -> Option<i64> {
    let number = match text.split_once('-') {
        Some((number, kind)) if kind.eq_ignore_ascii_case(entity.rest()) => number,
        Some(_) => return None,
        None => text,
    };
    number.parse::<i64>().ok().map(|id| id - offset(call, entity))
}

/// An id with its type.
pub(super) fn parse_any(call: &Call<'_>, text: &str) -> Option<(Entity, i64)> {
    let entity = Entity::from_rest(text.split_once('-')?.1)?;
    Some((entity, parse(call, entity, text)?))
}

/// An id in a body.
pub(super) fn read(call: &Call<'_>, entity: Entity, field: &'static str, given: &Value) -> Result<i64, Failure> {
    let id = given.as_str().and_then(|text| parse(call, entity, text));
    let id = id.or_else(|| given.as_i64().map(|id| id - offset(call, entity)));
    id.ok_or_else(|| Failure::InvalidField(field, format!("{given} is not an id of {}", entity.rest())))
}
