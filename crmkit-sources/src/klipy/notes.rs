//! Notes, what an assistant drafted among them: the text says so.

use std::collections::HashMap;

use chrono_tz::Tz;
use crmkit_core::{FieldName, Reject, Value};
use indexmap::IndexMap;

use super::{
    activities::escaped,
    combine::{Columns, Draft, Ids, is_html, link, rich, row_id},
    harvest::{Harvest, reject},
    identity::email_key,
    people::{People, yes},
};
use crate::allegory::{Kind, folded};

/// All notes.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) drafts: Vec<Draft>,
    pub(super) rejects: Vec<Reject>,
    by_id: HashMap<String, usize>,
}

impl Notes {
    fn add(&mut self, draft: Draft) {
        self.by_id.insert(draft.id.clone(), self.drafts.len());
        self.drafts.push(draft);
    }

    /// Fills the note that has the id already, if one has.
    pub(super) fn fill(&mut self, id: &str, draft: &mut Draft) -> bool {
        let Some(place) = self.by_id.get(id) else { return false };
        for (field, value) in as_note(std::mem::take(&mut draft.fields)) {
            self.drafts[*place].offer(field.as_str(), value);
        }
        true
    }

    /// An interaction that is a note: its title stands before its text.
    pub(super) fn of_interaction(&mut self, mut draft: Draft, subject: Option<&str>, body: Option<&str>) {
        let text = match (subject, body) {
            (Some(subject), Some(body)) if is_html(body) => format!("<p>{}</p>{body}", escaped(subject)),
            (Some(subject), Some(body)) => format!("{subject}\n\n{body}"),
            (subject, body) => subject.or(body).unwrap_or_default().to_owned(),
        };
        draft.fields = as_note(draft.fields);
        for doubt in &mut draft.doubts {
            if let Some((_, to)) = MOVED.iter().find(|(from, _)| doubt.field == *from) {
                doubt.field = (*to).into();
            }
        }
        draft.offer("body", rich(&text));
        self.add(draft);
    }

    pub(super) fn read(&mut self, harvest: &Harvest, people: &mut People, zone: Option<Tz>) {
        let Some(table) = harvest.table("notes.csv") else { return };
        let columns = Columns::new("notes", table, zone, &[("Created At", "created_at", Kind::Moment)], &[]);
        let mut ids = Ids::default();
        for row in &table.rows {
            let own = table.get(row, "Note ID");
            if own.is_some_and(|own| self.by_id.contains_key(own)) {
                self.rejects.push(reject(&table.file, row.line, "duplicate_id", "an earlier row has the same id"));
                continue;
            }
            let Some(body) = table.get(row, "Body") else {
                self.rejects.push(reject(&table.file, row.line, "missing_body", "the note has no text"));
                continue;
            };
            let contact = table.get(row, "Contact Email");
            let id = own.map(str::to_owned);
            let id = id.unwrap_or_else(|| ids.free(row_id(&[Some(body), table.get(row, "Created At"), contact])));
            let mut draft = Draft::new(id, &table.file, Some(row.line));
            columns.fill(&mut draft, row, &mut people.conflicts);
            let is_draft = table.get(row, "Is AI Draft").map(folded).as_deref().and_then(yes) == Some(true);
            let source = table.get(row, "Draft Source");
            draft.offer("body", rich(&drafted(body, is_draft, source)));
            match contact.map(|contact| email_key(contact).and_then(|key| people.contacts.with_key(&key))) {
                Some(Some(place)) => drop(draft.offer("contact", link("contacts", &people.contacts.drafts[place].id))),
                Some(None) => {
                    draft.doubt("contact", "no contact has the e-mail address that the row gives", Vec::new())
                }
                None => {}
            }
            draft.offer("deal", table.get(row, "Deal ID").map(|deal| link("deals", deal)));
            if let Some(author) = table.get(row, "Author Email") {
                let author: Value = people.owner(author);
                draft.offer("author", author);
            }
            self.add(draft);
        }
    }
}

/// What an interaction's fields are called on a note.
const MOVED: [(&str, &str); 2] = [("start", "created_at"), ("owner", "author")];

/// The fields of an interaction that a note has, under its names.
fn as_note(fields: IndexMap<FieldName, Value>) -> IndexMap<FieldName, Value> {
    const NONE: [&str; 5] = ["direction", "sentiment", "attendees", "done", "duration"];
    let named = |(field, value): (FieldName, Value)| {
        let moved = MOVED.iter().find(|(from, _)| field == *from).map(|(_, to)| FieldName::from(*to));
        (moved.unwrap_or(field), value)
    };
    fields.into_iter().filter(|(field, _)| !NONE.contains(&field.as_str())).map(named).collect()
}

/// A note's text; that an assistant drafted it, and from what, is said at its end.
fn drafted(body: &str, is_draft: bool, source: Option<&str>) -> String {
    if !is_draft && source.is_none() {
        return body.to_owned();
    }
    let said = match source {
        Some(source) => format!("AI draft, made from: {source}"),
        None => "AI draft".to_owned(),
    };
    if is_html(body) { format!("{body}<p>{}</p>", escaped(&said)) } else { format!("{body}\n\n{said}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_says_what_it_was_made_from() {
        assert_eq!(drafted("Hello", false, None), "Hello");
        assert_eq!(drafted("Hello", true, Some("thread 7")), "Hello\n\nAI draft, made from: thread 7");
        assert_eq!(drafted("<p>Hi</p>", true, Some("a<b")), "<p>Hi</p><p>AI draft, made from: a&lt;b</p>");
        assert_eq!(drafted("Hello", true, None), "Hello\n\nAI draft");
    }
}
