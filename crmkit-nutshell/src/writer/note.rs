//! Notes: of one record each, in their author's name, their time in their first line.

use crmkit_core::{
    Error, ErrorKind, Fields, RecordId, Result, Retry, Value,
    chrono::{DateTime, Utc},
};
use serde_json::json;

use super::Write;
use crate::{
    client::{Call, Effect},
    convert::{plain_text, stamped, stored, unstamped},
    object::Object,
    wire::Record,
};

impl Write<'_> {
    pub(super) async fn create_note(&self, fields: &Fields) -> Result<Record> {
        let parents: Vec<_> = Object::MARKED
            .into_iter()
            .filter_map(|object| {
                Some((object, fields.get(object.name())?.as_ref_to()?.id.as_str().parse::<i64>().ok()?))
            })
            .collect();
        let [(parent, id)] = parents[..] else {
            let message = match parents.len() {
                0 => "a note must be attached to a company, a person or a lead",
                _ => "a note hangs on one record, and several are named; map one of them",
            };
            return Err(Error::new(ErrorKind::Rejected, self.operation(true), message, Retry::Never));
        };
        let text = stamped(&text_in(fields).unwrap_or_default(), written_in(fields));
        let params = json!({"entity": {"entityType": parent.entity(), "id": id}, "note": text});
        let author = self.author(fields, "user")?;
        let call = Call::new(self.operation(true), "newNote", Effect::Creates, &params);
        self.nutshell.client.call(call.on_behalf_of(author).send_before(self.send_before)).await
    }

    /// The text alone can change, and only in its author's name.
    pub(super) async fn update_note(&self, id: &RecordId, version: Option<&str>, fields: &Fields) -> Result<Record> {
        let number = self.object.number(id)?;
        let record = self.current(number, version).await?;
        let there = stored(self.object, self.schema, &record);
        let fixed = ["lead", "contact", "account", "user"];
        if let Some(name) =
            fixed.iter().find(|name| fields.get(**name).is_some_and(|value| there.fields.get(**name) != Some(value)))
        {
            let message = "the field can be set only while the note is made, and the stored value differs";
            return Err(Error::new(ErrorKind::Rejected, self.operation(false), message, Retry::Never)
                .with_context("field", name));
        }
        let (text, written) = unstamped(record.get("note").as_str().unwrap_or_default());
        let (new_text, new_time) = (text_in(fields).unwrap_or_else(|| text.clone()), written_in(fields).or(written));
        if (&new_text, new_time) == (&text, written) {
            return Ok(record);
        }
        let mut params = self.object.params(number);
        params.insert("rev".to_owned(), json!(record.rev()));
        params.insert("note".to_owned(), json!(stamped(&new_text, new_time)));
        let author = if self.nutshell.config.impersonate { self.author(&there.fields, "user")? } else { None };
        let call = Call::new(self.operation(false), "editNote", Effect::Changes, &params);
        self.nutshell.client.call(call.on_behalf_of(author).send_before(self.send_before)).await
    }
}

fn text_in(fields: &Fields) -> Option<String> {
    match fields.get("note") {
        Some(Value::Rich(rich)) => Some(plain_text(rich)),
        _ => None,
    }
}

fn written_in(fields: &Fields) -> Option<DateTime<Utc>> {
    match fields.get("written") {
        Some(Value::Timestamp(time)) => Some(*time),
        _ => None,
    }
}
