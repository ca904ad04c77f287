//! Activities: meetings and calls, to come or logged.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::{flag, int, list, object};
use super::super::time;
use super::lead::announce;
use super::record::add_note;

/// What a caller wants an activity to be: only what it names.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct ActivityDraft {
    pub(in crate::simulator) set: Row,
    /// 0 scheduled, 1 logged, 2 cancelled.
    pub(in crate::simulator) status: Option<i64>,
    pub(in crate::simulator) log_note: Option<String>,
    pub(in crate::simulator) files: Option<Vec<Value>>,
}

/// Creates an activity.
pub(in crate::simulator) fn create(call: &mut Call<'_>, mut draft: ActivityDraft) -> Result<i64, Failure> {
    let mut row = object(json!({
        "name": null, "description": null, "activityType": null, "startTime": null, "endTime": null,
        "isAllDay": false, "isFlagged": false, "isTimed": true, "location": null, "participants": [], "leads": [],
        "followupTo": null, "status": 0, "logNote": null, "loggedBy": null, "loggedTime": null, "transcription": null,
    }));
    let first = call.store.all_live(Entity::ActivityTypes).next().map(|(id, _)| id);
    row.insert("activityType".into(), first.into());
    let participants = draft.set.get("participants").and_then(Value::as_array);
    let users = participants.into_iter().flatten().any(|participant| participant["type"] == "users");
    if call.switches().caller_takes_part && !users {
        let mut all = participants.cloned().unwrap_or_default();
        all.push(json!({ "type": "users", "id": call.actor }));
        draft.set.insert("participants".into(), Value::Array(all));
    }
    row.extend(std::mem::take(&mut draft.set));
    check(call, &mut row)?;
    let id = call.insert(Entity::Activities, row);
    write_log(call, id, draft)?;
    Ok(id)
}

/// Changes what the draft names.
pub(in crate::simulator) fn change(call: &mut Call<'_>, id: i64, mut draft: ActivityDraft) -> Result<(), Failure> {
    let mut row = call.require(Entity::Activities, id)?.clone();
    row.extend(std::mem::take(&mut draft.set));
    check(call, &mut row)?;
    call.save(Entity::Activities, row);
    write_log(call, id, draft)
}

fn check(call: &Call<'_>, row: &mut Row) -> Result<(), Failure> {
    if let Some(kind) = int(row, "activityType") {
        call.require_link(Entity::ActivityTypes, kind)?;
    }
    for participant in list(row, "participants") {
        let entity = participant["type"].as_str().and_then(Entity::from_rest);
        let entity = entity.ok_or_else(|| Failure::Invalid("a participant has an entityType".into()))?;
        let id = participant["id"].as_i64().unwrap_or(0);
        // The row of a key is no user that can be named, but it may take part where it writes itself.
        if (entity, id) != (Entity::Users, call.actor) {
            call.require_link(entity, id)?;
        }
    }
    for lead in list(row, "leads") {
        call.require_link(Entity::Leads, lead.as_i64().unwrap_or(0))?;
    }
    if flag(row, "isAllDay")
        && let Some(zone) = call.switches().all_day_zone
    {
        for key in ["startTime", "endTime"] {
            if let Some(time) = int(row, key) {
                row.insert(key.into(), time::midnight(time, zone).into());
            }
        }
    }
    match (int(row, "startTime"), int(row, "endTime")) {
        (Some(start), Some(end)) if end < start => invalid("An activity cannot end before it begins"),
        _ => Ok(()),
    }
}

fn write_log(call: &mut Call<'_>, id: i64, draft: ActivityDraft) -> Result<(), Failure> {
    if draft.status.is_none() && draft.log_note.is_none() && draft.files.is_none() {
        return Ok(());
    }
    let note = draft.log_note.map(|text| add_note(call, Entity::Activities, id, &text));
    let mut row = call.require(Entity::Activities, id)?.clone();
    if let Some(status) = draft.status {
        match status {
            0 => {
                row.insert("loggedBy".into(), Value::Null);
                row.insert("loggedTime".into(), Value::Null);
            }
            1 if int(&row, "status") != Some(1) => {
                row.insert("loggedBy".into(), call.author.into());
                row.insert("loggedTime".into(), call.now.into());
            }
            1 => {}
            2 if call.switches().activities_can_be_cancelled => {}
            _ => return invalid(format!("{status} is not a status of an activity that can be set")),
        }
        row.insert("status".into(), status.into());
    }
    if let Some(note) = note {
        row.insert("logNote".into(), note.into());
    }
    let note = int(&row, "logNote");
    call.store.put(Entity::Activities, row);
    match (draft.files, note) {
        (Some(files), Some(note)) => announce(call, (Entity::Notes, note), &files),
        (Some(_), None) => invalid("only the note of a logged activity takes files"),
        (None, _) => Ok(()),
    }
}

/// The status as it is shown: a scheduled activity whose end is past is overdue.
pub(in crate::simulator) fn status_of(call: &Call<'_>, row: &Row) -> i64 {
    let status = int(row, "status").unwrap_or(0);
    let ended = int(row, "endTime").or_else(|| int(row, "startTime")).is_some_and(|end| end < call.now);
    if status == 0 && ended { -1 } else { status }
}
