//! `POST`: one record per request.

use serde_json::{Value, json};

use super::super::answer::{Answer, Failure};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::fields;
use super::super::store::{int, list, object};
use super::super::write::activity::{self, ActivityDraft};
use super::super::write::{catalog, record};
use super::{Asked, envelope, id, input, view};

/// The only record of a body, under its key.
fn only<'a>(body: &'a Value, key: &str) -> Result<&'a Value, Failure> {
    match body[key].as_array().map(Vec::as_slice) {
        Some([one]) if one.is_object() => Ok(one),
        _ => {
            let title = format!("You may only create one {key} resource per request.");
            Err(Failure::Rest(400, title, None))
        }
    }
}

fn made(call: &Call<'_>, status: u16, entity: Entity, id: i64) -> Answer {
    let shown = call.store.any(entity, id).map(|row| view::record(call, entity, row));
    Answer::json(status, envelope(call, entity.rest(), shown.into_iter().collect()))
}

/// An account or contact, by itself or inside of a lead.
pub(super) fn party(call: &mut Call<'_>, entity: Entity, given: &Value) -> Result<i64, Failure> {
    let draft = input::draft(call, entity, given)?;
    let said = |key: &str| match draft.set.get(key) {
        Some(Value::String(name)) => !name.is_empty(),
        Some(Value::Object(name)) => !name.get("displayName").is_none_or(Value::is_null),
        Some(Value::Array(values)) => !values.is_empty(),
        _ => false,
    };
    if !["name", "phones", "emails", "addresses", "urls"].into_iter().any(said) {
        return Err(Failure::InvalidField("name", "A name, phone, email, address or url is needed.".into()));
    }
    record::create(call, entity, draft)
}

pub(super) fn account(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let id = party(asked.call, Entity::Accounts, only(&body, "accounts")?)?;
    Ok(made(asked.call, 201, Entity::Accounts, id))
}

pub(super) fn contact(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let id = party(asked.call, Entity::Contacts, only(&body, "contacts")?)?;
    Ok(made(asked.call, 200, Entity::Contacts, id))
}

pub(super) fn lead(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let draft = input::draft(asked.call, Entity::Leads, only(&body, "leads")?)?;
    let id = record::create(asked.call, Entity::Leads, draft)?;
    Ok(made(asked.call, 201, Entity::Leads, id))
}

pub(super) fn activity(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let given = only(&body, "activities")?;
    let call = &mut *asked.call;
    let mut draft = ActivityDraft::default();
    for key in ["name", "description", "location", "transcription", "isFlagged", "isAllDay"] {
        if !given[key].is_null() {
            draft.set.insert(key.into(), given[key].clone());
        }
    }
    for key in ["startTime", "endTime"] {
        if let Some(seconds) = given[key].as_i64() {
            draft.set.insert(key.into(), (seconds * 1000).into());
        }
    }
    if !given["activityType"].is_null() {
        let kind = id::read(call, Entity::ActivityTypes, "activityType", &given["activityType"])?;
        draft.set.insert("activityType".into(), kind.into());
    }
    let (mut participants, mut leads) = (Vec::new(), Vec::new());
    for participant in given["links"]["participants"].as_array().into_iter().flatten() {
        match participant.as_str().and_then(|text| id::parse_any(call, text)) {
            Some((Entity::Leads, id)) if call.switches().rest_lead_participants => leads.push(id),
            Some((entity @ (Entity::Users | Entity::Contacts | Entity::Accounts), id)) => {
                participants.push(json!({ "type": entity.rest(), "id": id }));
            }
            _ => return Err(Failure::InvalidField("participants", format!("{participant} cannot take part"))),
        }
    }
    draft.set.insert("participants".into(), Value::Array(participants));
    draft.set.insert("leads".into(), json!(leads));
    draft.log_note = given["note"].as_str().filter(|note| !note.is_empty()).map(str::to_owned);
    draft.status = (given["isLogged"] == true).then_some(1);
    let id = activity::create(call, draft)?;
    Ok(made(call, 201, Entity::Activities, id))
}

pub(super) fn note(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let call = &mut *asked.call;
    let text = body["data"]["body"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Failure::InvalidField("body", "A note needs a body.".into()))?;
    let parent = body["data"]["links"]["parent"].as_str().and_then(|text| id::parse_any(call, text));
    let Some((entity @ (Entity::Accounts | Entity::Contacts | Entity::Leads), parent)) = parent else {
        return Err(Failure::InvalidField("parent", "A note needs a parent.".into()));
    };
    call.require_link(entity, parent)?;
    let id = record::add_note(call, entity, parent, text);
    Ok(made(call, 201, Entity::Notes, id))
}

pub(super) fn task(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let row = input::task(asked.call, &asked.json()?)?;
    let id = asked.call.insert(Entity::Tasks, row);
    Ok(made(asked.call, 200, Entity::Tasks, id))
}

/// A tag, with the records that get it at once.
pub(super) fn tag(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let given = only(&body, "tags")?;
    let call = &mut *asked.call;
    let entity = match given["tagType"].as_str() {
        Some("1") => Entity::Leads,
        Some("2") => Entity::Contacts,
        Some("3") => Entity::Accounts,
        _ => return Err(Failure::InvalidField("tagType", "tagType is 1, 2 or 3".into())),
    };
    let tag = catalog::add_tag(call, entity, given["name"].as_str().unwrap_or_default(), &given["colorType"])?;
    for target in given["links"]["entities"].as_array().into_iter().flatten() {
        let id = id::read(call, entity, "entities", target)?;
        let mut row = call.require(entity, id)?.clone();
        let mut tags = list(&row, "tags").to_vec();
        tags.push(tag.into());
        row.insert("tags".into(), Value::Array(tags));
        call.save(entity, row);
    }
    Ok(made(call, 200, Entity::Tags, tag))
}

pub(super) fn source(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let given = only(&body, "sources")?;
    let channel = given["channel"].as_i64().unwrap_or(0);
    if !(0..=8).contains(&channel) {
        return Err(Failure::InvalidField("channel", "channel is 0 to 8".into()));
    }
    let id = catalog::source(asked.call, given["name"].as_str().unwrap_or_default(), channel)?;
    Ok(made(asked.call, 201, Entity::Sources, id))
}

pub(super) fn audience(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let body = asked.json()?;
    let given = only(&body, "emAudiences")?;
    let name = given["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Failure::InvalidField("name", "An audience needs a name.".into()))?;
    let id = asked.call.insert(Entity::Audiences, object(json!({ "name": name })));
    Ok(made(asked.call, 201, Entity::Audiences, id))
}

pub(super) fn custom_field(asked: &mut Asked<'_, '_>) -> Result<Answer, Failure> {
    let given = asked.json()?;
    let field = fields::create(asked.call, asked.entity, &given)?;
    let id = field.as_ref().and_then(|field| int(field, "id"));
    if id.is_none() || !asked.call.switches().field_create_body {
        return Ok(Answer::empty(200));
    }
    let shown = field.map(|field| view::attribute(asked.call, &field));
    Ok(Answer::json(200, envelope(asked.call, "customFields", shown.into_iter().collect())))
}
