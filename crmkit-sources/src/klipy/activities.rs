//! What was said and done: which kind of activity it is, and with whom.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;
use crmkit_core::{Reject, Value};
use serde_json::Value as Json;

use super::{
    LooseInteractions,
    combine::{Columns, Draft, Ids, is_html, labelled, link, moment, rich, row_id},
    draw::Drawn,
    harvest::{Harvest, reject},
    identity::email_key,
    notes::Notes,
    people::People,
    wire,
};
use crate::allegory::{Kind as Cells, folded};

/// The objects that activities are split into: what their concept does not tell, their name does.
pub(super) const OBJECTS: [&str; 4] = ["emails", "calls", "meetings", "tasks"];

/// What an interaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Email,
    Call,
    Meeting,
    /// A message over a channel that few CRMs know.
    Message,
    /// A memo, a manual entry, an event of another program.
    Loose,
}

/// The kind of an interaction by its type and channel, in the interface's words or in a person's.
pub(super) fn kind(ty: &str, channel: &str) -> Kind {
    let (ty, channel) = (folded(ty), folded(channel));
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    const CHANNELS: [&str; 6] = ["linkedin", "whatsapp", "telegram", "sms", "signal", "messenger"];
    if has(&ty, &["memo", "manual", "api event", "note"]) && !has(&ty, &["voice"]) {
        return Kind::Loose;
    }
    if has(&ty, &["direct message", "message", "chat", "dm"]) || has(&ty, &CHANNELS) {
        return Kind::Message;
    }
    if has(&ty, &["meeting", "booking", "appointment"]) {
        return Kind::Meeting;
    }
    if has(&ty, &["voice note", "call", "phone"]) {
        return Kind::Call;
    }
    if has(&ty, &["email", "e mail", "mail"]) {
        return Kind::Email;
    }
    if has(&channel, &CHANNELS) {
        return Kind::Message;
    }
    if has(&channel, &["call", "phone"]) {
        return Kind::Call;
    }
    Kind::Loose
}

/// A channel's name for people.
pub(super) fn channel_name(ty: &str, channel: &str) -> Option<String> {
    const NAMES: [&str; 6] = ["LinkedIn", "WhatsApp", "Telegram", "SMS", "Signal", "Messenger"];
    let text = format!("{} {}", folded(channel), folded(ty));
    let known = NAMES.iter().find(|name| text.contains(&name.to_lowercase())).map(|name| (*name).to_owned());
    known.or_else(|| (!channel.trim().is_empty()).then(|| channel.trim().to_owned()))
}

/// All activities by object.
#[derive(Debug, Default)]
pub(super) struct Activities {
    pub(super) drafts: HashMap<&'static str, Vec<Draft>>,
    pub(super) rejects: HashMap<&'static str, Vec<Reject>>,
    /// Which object each is of, and at which place.
    by_id: HashMap<String, (&'static str, usize)>,
    /// By kind, minute and contact: to know a row of the file again in what the interface gave.
    by_moment: HashMap<(Kind, i64, String), (&'static str, usize)>,
}

impl std::hash::Hash for Kind {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (*self as u8).hash(state);
    }
}

impl Activities {
    pub(super) fn object(&self, id: &str) -> Option<&'static str> {
        self.by_id.get(id).map(|(object, _)| *object)
    }

    pub(super) fn of(
        drawn: &Drawn,
        harvest: &Harvest,
        people: &mut People,
        notes: &mut Notes,
        loose: LooseInteractions,
        zone: Option<Tz>,
    ) -> Self {
        let mut activities = Self::default();
        for (id, row) in drawn.rows("interactions") {
            activities.draw(id, row, people, notes, loose);
        }
        activities.read(harvest, people, notes, loose, zone);
        activities
    }

    fn add(&mut self, object: &'static str, kind: Kind, draft: Draft) {
        let drafts = self.drafts.entry(object).or_default();
        self.by_id.insert(draft.id.clone(), (object, drafts.len()));
        if let (Some(minute), Some(contact)) = (minute(&draft), contact(&draft)) {
            self.by_moment.entry((kind, minute, contact)).or_insert((object, drafts.len()));
        }
        drafts.push(draft);
    }

    fn draw(&mut self, id: &str, row: &Json, people: &mut People, notes: &mut Notes, loose: LooseInteractions) {
        let (ty, source) =
            (wire::text(row, &["type"]).unwrap_or_default(), wire::text(row, &["source"]).unwrap_or_default());
        let kind = kind(ty, source);
        let (title, summary) = (wire::text(row, &["title"]), wire::text(row, &["summary"]));
        let mut draft = Draft::new(id, "interactions", None);
        draft.offer("start", moment(&row["interactionDate"]).or_else(|| moment(&row["creationTime"])));
        let contacts: Vec<String> =
            wire::ids(row, "contacts").into_iter().filter(|id| people.contacts.id(id).is_some()).collect();
        let gone = wire::ids(row, "contacts").len() - contacts.len();
        if let Some(first) = contacts.first() {
            draft.offer("contact", link("contacts", first));
        } else if gone > 0 {
            draft.doubt("contact", "the contact of the interaction is no longer there", Vec::new());
        }
        let others = contacts.iter().skip(1).filter_map(|id| {
            let place = people.contacts.id(id)?;
            people.contacts.drafts[place].list("emails").next().map(str::to_owned)
        });
        draft.offer("attendees", labelled(others.collect::<Vec<_>>()));
        let companies = wire::ids(row, "companies").into_iter().find(|id| people.companies.id(id).is_some());
        let employer = || {
            let place = people.contacts.id(contacts.first()?)?;
            people.contacts.drafts[place].fields.get("company").cloned()
        };
        draft.offer("company", companies.map(|id| link("companies", &id)).or_else(employer));
        draft.offer("direction", wire::text(row, &["direction"]).map(|word| Value::option(word.to_lowercase())));
        draft.offer("sentiment", wire::text(row, &["sentiment"]).map(|word| Value::option(word.to_lowercase())));
        if let Some(user) = wire::text(row, &["createdBy"]) {
            draft.offer("owner", people.owner(user));
        }
        draft.offer("done", (!folded(ty).contains("booking")).then_some(Value::Bool(true)));
        self.place(draft, kind, (ty, source), (title, summary), notes, loose);
    }

    fn read(
        &mut self,
        harvest: &Harvest,
        people: &mut People,
        notes: &mut Notes,
        loose: LooseInteractions,
        zone: Option<Tz>,
    ) {
        let Some(table) = harvest.table("activities.csv") else { return };
        let wanted = [("Occurred At", "start", Cells::Moment), ("Duration Seconds", "duration", Cells::Duration)];
        let columns = Columns::new("activities", table, zone, &wanted, &[]);
        let (mut ids, mut seen) = (Ids::default(), HashSet::new());
        for row in &table.rows {
            let (ty, channel) =
                (table.get(row, "Type").unwrap_or_default(), table.get(row, "Channel").unwrap_or_default());
            let kind = kind(ty, channel);
            let object = object_of(kind, loose).unwrap_or("tasks");
            let own = table.get(row, "Activity ID");
            let emails: Vec<String> = table.several(row, "Contact Emails").filter_map(email_key).collect();
            if own.is_some_and(|own| !seen.insert(own.to_owned())) {
                let rejects = self.rejects.entry(object).or_default();
                rejects.push(reject(&table.file, row.line, "duplicate_id", "an earlier row has the same id"));
                continue;
            }
            let (subject, body) = (table.get(row, "Subject"), table.get(row, "Body"));
            if ty.is_empty() && channel.is_empty() {
                let rejects = self.rejects.entry(object).or_default();
                rejects.push(reject(&table.file, row.line, "missing_type", "the row has neither type nor channel"));
                continue;
            }
            let mut draft = Draft::new("", &table.file, Some(row.line));
            columns.fill(&mut draft, row, &mut people.conflicts);
            let places: Vec<Option<usize>> = emails.iter().map(|email| people.contacts.with_key(email)).collect();
            match places.first() {
                Some(Some(place)) => {
                    let contact = &people.contacts.drafts[*place];
                    draft.offer("contact", link("contacts", &contact.id));
                    draft.offer("company", contact.fields.get("company").cloned());
                }
                Some(None) => {
                    draft.doubt("contact", "no contact has the e-mail address that the row gives", Vec::new())
                }
                None => {}
            }
            draft.offer("attendees", labelled(emails.iter().skip(1).cloned()));
            draft.offer("direction", table.get(row, "Direction").map(|word| Value::option(word.to_lowercase())));
            draft.offer("deal", table.get(row, "Deal ID").map(|deal| link("deals", deal)));
            if let Some(owner) = table.get(row, "Owner Email") {
                draft.offer("owner", people.owner(owner));
            }
            draft.offer("done", Value::Bool(true));
            // The same thing may have come over the interface, under its id or without.
            let known = own.and_then(|own| self.by_id.get(own).copied()).or_else(|| {
                let key = (kind, minute(&draft)?, contact(&draft)?);
                self.by_moment.get(&key).copied().filter(|_| own.is_none())
            });
            if let Some((object, place)) = known {
                let known = &mut self.drafts.entry(object).or_default()[place];
                for (field, value) in draft.fields {
                    if known.offer(field.as_str(), value) {
                        *people.conflicts.entry(("activities", field.to_string())).or_default() += 1;
                    }
                }
                continue;
            }
            if own.is_some_and(|own| notes.fill(own, &mut draft)) {
                continue;
            }
            let parts = [Some(ty), table.get(row, "Occurred At"), emails.first().map(String::as_str), subject, body];
            draft.id = own.map_or_else(|| ids.free(row_id(&parts)), str::to_owned);
            self.place(draft, kind, (ty, channel), (subject, body), notes, loose);
        }
    }

    /// Puts what an interaction says where its kind belongs.
    fn place(
        &mut self,
        mut draft: Draft,
        kind: Kind,
        (ty, channel): (&str, &str),
        (subject, body): (Option<&str>, Option<&str>),
        notes: &mut Notes,
        loose: LooseInteractions,
    ) {
        let Some(object) = object_of(kind, loose) else {
            return notes.of_interaction(draft, subject, body);
        };
        let channel = channel_name(ty, channel);
        let (mut subject, mut body) = (subject.map(str::to_owned), body.map(str::to_owned));
        if kind == Kind::Message {
            let name = channel.clone().unwrap_or_else(|| "Message".to_owned());
            subject = subject.or_else(|| Some(format!("{name} message")));
            let text = body.unwrap_or_default();
            // The destination knows no such channel: the text says which it was.
            body = Some(match is_html(&text) {
                true => format!("<p>Channel: {}</p>{text}", escaped(&name)),
                false => format!("Channel: {name}\n\n{text}").trim_end().to_owned(),
            });
        }
        draft.offer("channel", channel.map(Value::text));
        draft.offer("subject", subject.map(Value::text));
        draft.offer("body", body.as_deref().map(rich));
        self.add(object, kind, draft);
    }
}

/// The object of a kind; notes are none of these.
fn object_of(kind: Kind, loose: LooseInteractions) -> Option<&'static str> {
    match (kind, loose) {
        (Kind::Email, _) => Some("emails"),
        (Kind::Call, _) => Some("calls"),
        (Kind::Meeting, _) => Some("meetings"),
        (Kind::Message, _) | (Kind::Loose, LooseInteractions::Tasks) => Some("tasks"),
        (Kind::Loose, LooseInteractions::Notes) => None,
    }
}

fn minute(draft: &Draft) -> Option<i64> {
    match draft.fields.get("start") {
        Some(Value::Timestamp(time)) => Some(time.timestamp().div_euclid(60)),
        _ => None,
    }
}

fn contact(draft: &Draft) -> Option<String> {
    draft.fields.get("contact").and_then(Value::as_ref_to).map(|contact| contact.id.to_string())
}

/// A text inside HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_kind() {
        let cases = [
            ("EMAIL", "EMAIL", Kind::Email),
            ("MEETING", "CALENDAR", Kind::Meeting),
            ("BOOKING_CREATED", "BOOKING", Kind::Meeting),
            ("BOOKING_CANCELLED", "", Kind::Meeting),
            ("VOICE_NOTE", "", Kind::Call),
            ("DIRECT_MESSAGE", "LINKEDIN_MESSAGE", Kind::Message),
            ("LinkedIn message", "", Kind::Message),
            ("", "whatsapp", Kind::Message),
            ("MEMO", "EMAIL", Kind::Loose),
            ("MANUAL", "", Kind::Loose),
            ("API_EVENT", "", Kind::Loose),
            ("Call", "Phone", Kind::Call),
            ("", "PHONE_CALL", Kind::Call),
            ("SOMETHING_NEW", "", Kind::Loose),
        ];
        for (ty, channel, wanted) in cases {
            assert_eq!(kind(ty, channel), wanted, "{ty} {channel}");
        }
        assert_eq!(channel_name("DIRECT_MESSAGE", "whatsapp_business").as_deref(), Some("WhatsApp"));
        assert_eq!(channel_name("DIRECT_MESSAGE", "Viber").as_deref(), Some("Viber"));
        assert_eq!(channel_name("DIRECT_MESSAGE", ""), None);
    }
}
