//! Activities: calls, meetings, e-mails and tasks with their own dates, in their owner's name.

use crmkit_core::{
    Error, ErrorKind, Fields, RecordId, Result, Retry, Value,
    chrono::{DateTime, TimeDelta, Utc},
};
use serde_json::{Value as Json, json};

use super::{Body, Params, Part, Write};
use crate::{
    client::{Call, Effect},
    convert::{FILES_NOTE, activity, plain_text, stamped},
    wire::{Record, id_of},
};

/// Logged: it took place.
const LOGGED: i64 = 1;

impl Write<'_> {
    pub(super) async fn create_activity(&self, fields: &Fields) -> Result<Record> {
        let mut body = self.activity_body(fields, None)?;
        if is_logged(fields) == Some(true) {
            body.insert("status".to_owned(), json!(LOGGED).into());
        }
        if let Some(note) = log_note(fields) {
            body.insert("logNote".to_owned(), note.into());
        }
        let params: Params = [("activity".to_owned(), Part::Body(body))].into_iter().collect();
        let call = Call::new(self.operation(true), "newActivity", Effect::Creates, &params);
        let author = self.activity_author(fields)?;
        let call = call.on_behalf_of(author).send_before(self.send_before);
        let record: Record = self.nutshell.client.call(call).await?;
        // Not every instance logs what it is just told of.
        let logged = self.log(record, fields, author).await;
        logged.map_err(|error| error.with_retry(Retry::Verify))
    }

    /// Under the revision that was read just now. What was written of how it went is there for good: a second text would be
    /// appended to it.
    pub(super) async fn update_activity(
        &self,
        id: &RecordId,
        version: Option<&str>,
        fields: &Fields,
    ) -> Result<Record> {
        let mut record = self.current(self.object.number(id)?, version).await?;
        let (written, wanted) = (
            record.get("logNote")["note"].as_str().filter(|text| !text.is_empty() && *text != FILES_NOTE),
            text(fields, "note"),
        );
        if let (Some(written), Some(wanted)) = (written, &wanted)
            && stamped(wanted, None) != stamped(&written.replace("\\@[", "@["), None)
        {
            let message = "how an activity went is written once, and the stored text differs";
            return Err(Error::new(ErrorKind::Rejected, self.operation(false), message, Retry::Never)
                .with_context("field", "note"));
        }
        let author = match fields.contains_key("owner") {
            true => self.activity_author(fields)?,
            false => {
                let there = crate::convert::stored(self.object, self.schema, &record);
                // Whoever it belongs to now may have left: then it is changed in the key's own name.
                self.activity_author(&there.fields).unwrap_or(None)
            }
        };
        let mut body = self.activity_body(fields, Some(&record))?;
        if is_logged(fields) == Some(false) && record.get("status").as_i64() == Some(LOGGED) {
            body.insert("status".to_owned(), json!(0).into());
        }
        if !body.is_empty() {
            record = self.edit_activity(&record, body, author).await?;
        }
        self.log(record, fields, author).await
    }

    /// In whose name it is written.
    fn activity_author(&self, fields: &Fields) -> Result<Option<&str>> {
        if self.nutshell.config.impersonate { self.author(fields, "owner") } else { Ok(None) }
    }

    /// Marks it as held and says how it went, where that is wanted and not there yet.
    async fn log(&self, record: Record, fields: &Fields, author: Option<&str>) -> Result<Record> {
        let mut body = Body::new();
        if is_logged(fields) == Some(true) && record.get("status").as_i64() != Some(LOGGED) {
            body.insert("status".to_owned(), json!(LOGGED).into());
        }
        if let Some(note) = log_note(fields).filter(|_| record.get("logNote").is_null()) {
            body.insert("logNote".to_owned(), note.into());
        }
        if body.is_empty() {
            return Ok(record);
        }
        let record = self.edit_activity(&record, body, author).await?;
        if is_logged(fields) == Some(true) && record.get("status").as_i64() != Some(LOGGED) {
            let message = "the activity did not become a logged one";
            return Err(Error::new(ErrorKind::Rejected, self.operation(false), message, Retry::Never));
        }
        Ok(record)
    }

    async fn edit_activity(&self, record: &Record, body: Body, author: Option<&str>) -> Result<Record> {
        self.nutshell.client.call(self.edit_call(record, body).on_behalf_of(author)).await
    }

    /// What the interface takes of the fields. Lists are replaced whole: what others put into them stays.
    fn activity_body(&self, fields: &Fields, current: Option<&Record>) -> Result<Body> {
        let mut body = Body::new();
        for (name, value) in fields {
            let name = name.as_str();
            let json: Json = match (name, value) {
                ("name" | "location", _) => json!(crate::convert::text_of(value).unwrap_or_default()),
                ("description", _) => json!(text(fields, name).unwrap_or_default()),
                ("activityTypeId", Value::Option(id)) => json!(id.parse::<i64>().ok()),
                ("startTime" | "endTime", Value::Timestamp(time)) => moment(*time),
                _ => continue,
            };
            body.insert(name.to_owned(), json.into());
        }
        if let Some(end) = self.end(fields, current)? {
            body.insert("endTime".to_owned(), moment(end).into());
        }
        if let Some(lead) = linked(fields, "lead") {
            let others = super::others(current, "leads", Some(lead));
            body.insert("leads".to_owned(), super::first(Some(lead), "Leads", others).into());
        }
        if fields.contains_key("people") || activity::PEOPLE.iter().any(|(name, _)| fields.contains_key(*name)) {
            body.insert("participants".to_owned(), participants(fields, current).into());
        }
        Ok(body)
    }

    /// When it ends, where its length says so.
    fn end(&self, fields: &Fields, current: Option<&Record>) -> Result<Option<DateTime<Utc>>> {
        let Some(Value::Duration(length)) = fields.get("duration") else { return Ok(None) };
        let refuse = |message: &str| {
            Err(Error::new(ErrorKind::Rejected, self.operation(current.is_none()), message, Retry::Never)
                .with_context("field", "duration"))
        };
        let start = match fields.get("startTime") {
            Some(Value::Timestamp(start)) => Some(*start),
            _ => current.and_then(|record| activity::time(record, "startTime")),
        };
        let length = TimeDelta::try_seconds(*length);
        let Some(end) = start.zip(length).and_then(|(start, length)| start.checked_add_signed(length)) else {
            return refuse("a length needs a beginning");
        };
        match fields.get("endTime") {
            Some(Value::Timestamp(given)) if given.timestamp() != end.timestamp() => {
                refuse("the end and the length of the activity do not agree")
            }
            _ => Ok(Some(end)),
        }
    }
}

/// Whoever takes part: of each kind ours in the place of the first one, everybody else as they are.
fn participants(fields: &Fields, current: Option<&Record>) -> Json {
    let there = current.and_then(|record| record.get("participants").as_array()).map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<(String, i64)> =
        there.iter().filter_map(|one| Some((one["entityType"].as_str()?.to_owned(), id_of(&one["id"])?))).collect();
    for (name, entity) in activity::PEOPLE {
        let Some(id) = linked(fields, name) else { continue };
        all.retain(|(kind, other)| kind != entity || *other != id);
        let ours = (entity.to_owned(), id);
        match all.iter().position(|(kind, _)| kind == entity) {
            Some(place) if current.is_some() => all[place] = ours,
            Some(place) => all.insert(place, ours),
            None => all.push(ours),
        }
    }
    for id in fields.get("people").map(super::listed_ids).unwrap_or_default() {
        let one = ("Contacts".to_owned(), id);
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all.into_iter().map(|(kind, id)| json!({"entityType": kind, "id": id})).collect()
}

fn linked(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name).and_then(super::link_id)
}

fn is_logged(fields: &Fields) -> Option<bool> {
    match fields.get("isLogged") {
        Some(Value::Bool(logged)) => Some(*logged),
        _ => None,
    }
}

/// How it went. Mentions of nobody are written so that they mention nobody.
fn log_note(fields: &Fields) -> Option<Json> {
    let text = text(fields, "note").filter(|text| !text.is_empty())?;
    Some(json!({"note": stamped(&text, None)}))
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name) {
        Some(Value::Rich(rich)) => Some(plain_text(rich)),
        _ => None,
    }
}

fn moment(time: DateTime<Utc>) -> Json {
    json!(time.format("%Y-%m-%dT%H:%M:%S+0000").to_string())
}
