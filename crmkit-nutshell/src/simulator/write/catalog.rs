//! Sources and tags: the lists to which a migration adds.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::{Entity, name_term};
use super::super::store::{object, text};

/// The source of this name: the one there is, or a new one.
pub(in crate::simulator) fn source(call: &mut Call<'_>, name: &str, channel: i64) -> Result<i64, Failure> {
    let name = name.trim();
    if name.is_empty() {
        return invalid("A source needs a name");
    }
    let known = call.store.with_term(Entity::Sources, &name_term(name));
    let known = known.filter(|(id, _)| call.store.live(Entity::Sources, *id).is_some()).map(|(id, _)| id).next();
    Ok(match known {
        Some(id) => id,
        None => call.insert(Entity::Sources, object(json!({ "name": name, "channel": channel }))),
    })
}

/// The tag of this name for a kind of record.
pub(in crate::simulator) fn tag_named(call: &Call<'_>, entity: Entity, name: &str) -> Option<i64> {
    let same = |row: &Row| text(row, "entity") == Some(entity.rest());
    let any_case = call.switches().tags_ignore_case;
    let fits = |row: &Row| same(row) && (any_case || text(row, "name") == Some(name.trim()));
    let known = call.store.with_term(Entity::Tags, &name_term(name));
    known.filter(|(id, row)| fits(row) && call.store.live(Entity::Tags, *id).is_some()).map(|(id, _)| id).next()
}

/// A new tag; one namespace per kind of record.
pub(in crate::simulator) fn add_tag(
    call: &mut Call<'_>,
    entity: Entity,
    name: &str,
    color: &Value,
) -> Result<i64, Failure> {
    let name = name.trim();
    if name.is_empty() {
        return invalid("A tag needs a name");
    }
    if tag_named(call, entity, name).is_some() {
        return invalid(format!("A tag named '{name}' exists already"));
    }
    Ok(call.insert(Entity::Tags, object(json!({ "entity": entity.rest(), "name": name, "color": color }))))
}
