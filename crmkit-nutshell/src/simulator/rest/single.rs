//! Records by id: reading, deleting, taking deletes back, and what only leads can do.

use serde_json::{Value, json};

use super::super::answer::{Answer, Failure};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::{int, list};
use super::super::write::record::{self, Draft};
use super::{Asked, envelope, id, meta, view};

fn missing(text: &str) -> Failure {
    Failure::NotFound(text.to_owned())
}

/// The ids of a comma list in the path.
fn ids(call: &Call<'_>, entity: Entity, segment: &str) -> Result<Vec<i64>, Failure> {
    segment.split(',').map(|text| id::parse(call, entity, text).ok_or_else(|| missing(text))).collect()
}

fn shown(call: &Call<'_>, entity: Entity, ids: &[i64]) -> Answer {
    let rows = ids.iter().filter_map(|id| call.store.any(entity, *id));
    Answer::json(200, envelope(call, entity.rest(), rows.map(|row| view::record(call, entity, row)).collect()))
}

/// Records by id; of several, those that there are.
pub(super) fn get(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let (call, entity) = (&*asked.call, asked.entity);
    let mut ids = ids(call, entity, asked.segment)?;
    ids.retain(|id| call.readable(entity, *id).is_some());
    if ids.is_empty() { Err(missing(asked.segment)) } else { Ok(shown(call, entity, &ids)) }
}

/// Deletes softly.
pub(super) fn delete(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let entity = asked.entity;
    let ids = ids(asked.call, entity, asked.segment)?;
    let lists = [Entity::Contacts, Entity::Notes, Entity::Tags, Entity::Tasks, Entity::Products];
    if ids.len() > 1 && !lists.contains(&entity) {
        return Err(missing(asked.segment));
    }
    for id in &ids {
        asked.call.delete(entity, *id, None)?;
        if entity == Entity::Tags {
            untag(asked.call, *id);
        }
    }
    Ok(if entity == Entity::CompetitorMaps { Answer::empty(204) } else { shown(asked.call, entity, &ids) })
}

/// Takes a tag from all records.
fn untag(call: &mut Call<'_>, tag: i64) {
    for entity in [Entity::Accounts, Entity::Contacts, Entity::Leads] {
        let tagged: Vec<_> = call.store.linked(entity, (Entity::Tags, tag)).map(|(_, row)| row.clone()).collect();
        for mut row in tagged {
            let tags = list(&row, "tags").iter().filter(|id| **id != tag).cloned().collect();
            row.insert("tags".into(), tags);
            call.store.put(entity, row);
        }
    }
}

/// Takes a delete back.
pub(super) fn undelete(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let id = id::parse(asked.call, asked.entity, asked.segment).ok_or_else(|| missing(asked.segment))?;
    asked.call.undelete(asked.entity, id)?;
    Ok(shown(asked.call, asked.entity, &[id]))
}

fn lead_id(asked: &Asked<'_, '_>) -> Result<i64, Failure> {
    let id = id::parse(asked.call, Entity::Leads, asked.segment).ok_or_else(|| missing(asked.segment))?;
    asked.call.require(Entity::Leads, id).map(|_| id)
}

fn change(asked: &mut Asked<'_, '_>, draft: Draft) -> Result<Answer, Failure> {
    let id = lead_id(asked)?;
    record::change(asked.call, Entity::Leads, id, draft)?;
    Ok(shown(asked.call, Entity::Leads, &[id]))
}

/// Closes a lead.
pub(super) fn status(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    lead_id(asked)?;
    let body = asked.json()?;
    let outcome = id::read(asked.call, Entity::Outcomes, "outcomeId", &body["outcomeId"])?;
    change(asked, Draft { outcome: Some(outcome), ..Draft::default() })
}

pub(super) fn reopen(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    change(asked, Draft { reopen: true, ..Draft::default() })
}

/// Moves a lead to another pipeline; no route sets its stage.
pub(super) fn stageset(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    lead_id(asked)?;
    let body = asked.json()?;
    let stageset = id::read(asked.call, Entity::Stagesets, "stageset", &body["stageset"])?;
    let mut draft = Draft::default();
    draft.set.insert("stageset".into(), stageset.into());
    change(asked, draft)
}

/// The stages of a lead's pipeline.
pub(super) fn stages(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let id = lead_id(asked)?;
    let call = &*asked.call;
    let stageset = int(call.require(Entity::Leads, id)?, "stageset").unwrap_or(0);
    let stages = call.store.linked(Entity::Milestones, (Entity::Stagesets, stageset));
    let mut body =
        envelope(call, "stages", stages.map(|(_, row)| view::record(call, Entity::Milestones, row)).collect());
    let stageset = call.store.any(Entity::Stagesets, stageset);
    body["meta"]["stageset"] = stageset.map_or(Value::Null, |row| view::record(call, Entity::Stagesets, row));
    Ok(Answer::json(200, body))
}

/// The caller watches a lead from now on.
pub(super) fn watch(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let id = lead_id(asked)?;
    let mut row = asked.call.require(Entity::Leads, id)?.clone();
    let mut watchers = list(&row, "watchers").to_vec();
    let me = Value::from(asked.call.actor);
    if !watchers.contains(&me) {
        watchers.push(me);
    }
    row.insert("watchers".into(), Value::Array(watchers));
    asked.call.store.put(Entity::Leads, row);
    Ok(shown(asked.call, Entity::Leads, &[id]))
}

/// The values of a record's custom fields.
pub(super) fn custom_fields(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let (call, entity) = (&*asked.call, asked.entity);
    let id = id::parse(call, entity, asked.segment).ok_or_else(|| missing(asked.segment))?;
    let row = call.readable(entity, id).ok_or_else(|| missing(asked.segment))?;
    Ok(field_list(call, entity, view::field_values(call, entity, row)))
}

/// The custom fields of a kind of record.
pub(super) fn attributes(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let (call, entity) = (&*asked.call, asked.entity);
    let fields = super::super::fields::defined(call, entity).map(|field| view::attribute(call, field));
    Ok(field_list(call, entity, fields.collect()))
}

/// For accounts the list is wrapped, for others it is bare.
fn field_list(call: &Call<'_>, entity: Entity, fields: Vec<Value>) -> Answer {
    let bare = entity != Entity::Accounts && call.switches().bare_lists;
    Answer::json(200, if bare { fields.into() } else { json!({ "meta": meta(call), "customFields": fields }) })
}
