//! The history: what event types become, windows of it, and its records.

use std::collections::{HashMap, HashSet};

use crmkit_core::{
    Cursor, Digest, Doubt, Error, ErrorKind, FieldConcept as F, FieldSchema, FieldType, ObjectConcept, ObjectSchema,
    OptionSchema, Record, RecordId, RecordRef, Reject, Result, Retry, Value,
    chrono::{DateTime, SecondsFormat, TimeDelta, Utc},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    account::{Account, EMAIL_EVENTS, EVENTS, Groups, NOTES, PROFILES},
    catalog::Section,
    client::{Client, Export},
    columns::ORIGIN,
    config::{ApsisOneConfig, EmailEvents, EventConfig, EventKind},
    extract, infer, wire,
};

/// What becomes of events of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kind(EventKind),
    /// The e-mail reports tell it.
    Reports,
}

/// Parts of discriminators and names, in the order in which they are looked for.
const KINDS: [(&str, EventKind); 12] = [
    ("consent", EventKind::Leave),
    ("subscription", EventKind::Leave),
    ("page", EventKind::Note),
    ("form", EventKind::Note),
    ("website", EventKind::Note),
    ("product-view", EventKind::Note),
    ("product view", EventKind::Note),
    ("cookie", EventKind::Note),
    ("phone-call", EventKind::Call),
    (".call-", EventKind::Call),
    ("-call", EventKind::Call),
    (" call", EventKind::Call),
];

/// Parts of an e-mail's events beside `email`.
const RESPONSES: [&str; 8] = ["open", "click", "sent", "send", "deliver", "bounce", "unsubscrib", "abuse"];

pub(super) fn classify(config: &EventConfig, definition: &wire::Named) -> Fate {
    let text = format!("{} {}", definition.discriminator, definition.label()).to_lowercase();
    let told = config.kinds.iter().find(|(part, _)| text.contains(&part.to_lowercase()));
    if let Some((_, kind)) = told {
        return Fate::Kind(*kind);
    }
    let response = text.contains("email") && RESPONSES.iter().any(|part| text.contains(part));
    if response {
        return match config.email {
            EmailEvents::Reports => Fate::Reports,
            EmailEvents::Profiles => Fate::Kind(EventKind::Task),
        };
    }
    // A name that begins with the word, and none that only contains its letters ("recall").
    let begins = definition.label().to_lowercase().starts_with("call");
    let table = KINDS.iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| *kind);
    Fate::Kind(table.unwrap_or(if begins { EventKind::Call } else { EventKind::Task }))
}

/// Where a walk over the history is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The end of the history that is walked.
    until: DateTime<Utc>,
    window: u32,
    /// The last row given of this window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(i64, String)>,
}

impl Place {
    pub(super) fn first(until: DateTime<Utc>) -> Self {
        Self { until, window: 0, after: None }
    }

    pub(super) fn parse(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(&cursor.0).ok()
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("a place is serialisable"))
    }

    /// The window's bounds; nothing past the end.
    pub(super) fn window(&self, config: &EventConfig) -> Option<Window> {
        let since = config.since?;
        let width = TimeDelta::days(i64::from(config.window_days.max(1)));
        let start = since.checked_add_signed(width.checked_mul(i32::try_from(self.window).ok()?)?)?;
        (start < self.until).then(|| {
            let end = (start + width).min(self.until);
            // The past hardly changes any more; the last week may.
            Window { start, end, settled: self.until - end >= TimeDelta::days(7) }
        })
    }

    /// The rows of a window that are due, and the place after them.
    pub(super) fn page<'a>(&self, rows: &'a [Row], limit: usize) -> (&'a [Row], Self) {
        let begin = match &self.after {
            Some(after) => rows.partition_point(|row| (row.at, row.id.as_str()) <= (after.0, after.1.as_str())),
            None => 0,
        };
        let rest = &rows[begin..];
        if rest.len() > limit {
            let page = &rest[..limit];
            let after = page.last().map(|row| (row.at, row.id.clone())).or_else(|| self.after.clone());
            (page, Self { after, ..self.clone() })
        } else {
            (rest, Self { window: self.window + 1, after: None, until: self.until })
        }
    }
}

/// A part of the history that one export gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    /// Asked for twice within a day, it gives the same.
    pub(super) settled: bool,
}

impl Window {
    fn bounds(self) -> [Json; 2] {
        [self.start, self.end].map(|time| json!(time.to_rfc3339_opts(SecondsFormat::Millis, true)))
    }
}

/// A row of a window, in the order of time and id.
#[derive(Clone, Debug)]
pub(super) struct Row {
    at: i64,
    id: String,
    pub(super) object: &'static str,
    pub(super) outcome: std::result::Result<Record, Reject>,
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    rows
}

/// The fields of events that become activities or notes.
pub(super) fn schema(name: &str, label: &str, concept: ObjectConcept) -> ObjectSchema {
    let object = ObjectSchema::new(name, label, concept);
    if concept == ObjectConcept::Note {
        return object
            .with(FieldSchema::new("body", "Text", FieldType::LongText).means(F::Body))
            .with(FieldSchema::new("occurred_at", "Time", FieldType::Timestamp).means(F::CreatedAt))
            .with(profile());
    }
    activity(object)
}

fn profile() -> FieldSchema {
    FieldSchema::new("profile", "Profile", FieldType::link(PROFILES)).means(F::Person)
}

fn activity(object: ObjectSchema) -> ObjectSchema {
    let mut kind = FieldSchema::new("type", "Type", FieldType::Option).means(F::Kind);
    kind.options = [("task", "Task"), ("call", "Call")]
        .map(|(id, label)| OptionSchema { id: id.to_owned(), label: label.to_owned() })
        .to_vec();
    object
        .with(FieldSchema::new("subject", "Event type", FieldType::text()).means(F::Subject))
        .with(kind)
        .with(FieldSchema::new("body", "Details", FieldType::LongText).means(F::Body))
        .with(FieldSchema::new("occurred_at", "Time", FieldType::Timestamp).means(F::Due))
        .with(FieldSchema::new("done", "Done", FieldType::Bool).means(F::Done))
        .with(profile())
        .with(FieldSchema::new("event", "Event", FieldType::text()))
}

/// The fields of the e-mail reports' rows.
pub(super) fn email_schema() -> ObjectSchema {
    activity(ObjectSchema::new(EMAIL_EVENTS, "E-mail events", ObjectConcept::Activity))
}

/// The events of a window that profiles themselves tell.
pub(super) async fn of_profiles(client: &Client, account: &Account, window: Window) -> Result<Vec<Row>> {
    let catalog = &account.catalog;
    // Profiles appear only where an attribute or tag is asked for.
    let anchor = catalog.sections.iter().find_map(|section| {
        let attribute = section.attributes.first()?;
        Some(json!({
            "section_discriminator": section.discriminator,
            "attribute_discriminator": attribute.discriminator,
            "field_name": attribute.discriminator,
        }))
    });
    let mut columns = Vec::new();
    for section in &catalog.sections {
        for event in &section.events {
            if [EventKind::Task, EventKind::Call, EventKind::Note].into_iter().any(|kind| event.is(kind)) {
                columns.push(json!({
                    "section_discriminator": section.discriminator,
                    "event_discriminator": event.definition.discriminator,
                }));
            }
        }
    }
    let (Some(anchor), false) = (anchor, columns.is_empty()) else { return Ok(Vec::new()) };
    let [start, end] = window.bounds();
    let longest = columns.iter().map(|column| column.to_string().len() + 1).max().unwrap_or(1);
    let fitting = (client.body_limit().saturating_sub(600) / longest).max(1);
    let mut found: Vec<(String, wire::Profile)> = Vec::new();
    let mut rows = Vec::new();
    for columns in columns.chunks(fitting) {
        let body = json!({ "attributes": [anchor], "tags": [], "events": columns, "start_at": start, "end_at": end });
        let profiles = client.export(Export::Profiles, &body, window.settled, |file| extract::profiles(&file)).await?;
        for (key, profile) in profiles {
            match profile {
                Ok(profile) => found.push((key, profile)),
                Err(_) => rows.push(Row {
                    at: window.start.timestamp_millis(),
                    id: digest(["unreadable", &key, "", "", ""], 0),
                    object: EVENTS,
                    outcome: Err(super::records::unreadable()),
                }),
            }
        }
    }
    // Events that are alike in everything are told apart by their number.
    let mut alike: HashMap<String, u32> = HashMap::new();
    for (key, profile) in &found {
        for section in &catalog.sections {
            for event in profile.sections.get(&section.discriminator).into_iter().flat_map(|data| &data.events) {
                rows.push(row(key, section, event, &mut alike));
            }
        }
    }
    Ok(sorted(rows))
}

fn row(key: &str, section: &Section, event: &wire::Event, alike: &mut HashMap<String, u32>) -> Row {
    let known = section.event(event);
    let name = known.map(|known| known.definition.label().to_owned());
    let discriminator = known.map(|known| known.definition.discriminator.clone());
    let discriminator = discriminator.or_else(|| event.discriminator.clone()).unwrap_or_default();
    let name = name.unwrap_or_else(|| discriminator.clone());
    let time = event.event_time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let parts = [key, &section.discriminator, &discriminator, &time, &json!(event.data).to_string()].map(str::to_owned);
    let parts = [&*parts[0], &*parts[1], &*parts[2], &*parts[3], &*parts[4]];
    let number = alike.entry(digest(parts, 0)).or_default();
    let id = digest(parts, *number);
    *number += 1;
    let kind = known.map_or(EventKind::Task, |known| match known.kind {
        Fate::Kind(kind) => kind,
        Fate::Reports => EventKind::Task,
    });
    let details = lines(&event.data);
    let link = Value::link(RecordRef::new(PROFILES, key));
    let at = Value::Timestamp(event.event_time);
    let (object, record) = if kind == EventKind::Note {
        let body = if details.is_empty() { name } else { format!("{name}\n{details}") };
        let record = Record::new(RecordRef::new(NOTES, id.as_str()));
        (NOTES, record.with("body", Value::text(body)).with("occurred_at", at).with("profile", link))
    } else {
        let record = Record::new(RecordRef::new(EVENTS, id.as_str()));
        let word = if kind == EventKind::Call { "call" } else { "task" };
        (EVENTS, filled(record, &name, word, &details, at, &discriminator).with("profile", link))
    };
    Row { at: event.event_time.timestamp_millis(), id, object, outcome: Ok(record) }
}

fn filled(record: Record, subject: &str, kind: &str, details: &str, at: Value, event: &str) -> Record {
    let record = record.with("subject", Value::text(subject)).with("type", Value::option(kind));
    let record = if details.is_empty() { record } else { record.with("body", Value::text(details)) };
    record.with("occurred_at", at).with("done", Value::Bool(true)).with("event", Value::text(event))
}

/// One line for each datum.
fn lines(data: &Map<String, Json>) -> String {
    let lines = data.iter().filter(|(_, value)| !value.is_null());
    lines.map(|(name, value)| format!("{name}: {}", infer::plain(value))).collect::<Vec<_>>().join("\n")
}

fn digest(parts: [&str; 5], number: u32) -> String {
    let number = number.to_string();
    let [a, b, c, d, e] = parts;
    Digest::of_parts([a, b, c, d, e, &number].map(str::as_bytes)).to_string()[..24].to_owned()
}

/// What the e-mail reports tell of a window. Rows that the vendor sent twice are one.
pub(super) async fn of_emails(
    client: &Client,
    config: &ApsisOneConfig,
    groups: &Groups,
    window: Window,
) -> Result<Vec<Row>> {
    let [start, end] = window.bounds();
    let body = json!({ "start_at": start, "end_at": end });
    let table =
        client.export(Export::Emails, &body, window.settled, |file| table(file, config.limits.export_bytes)).await?;
    let mut known: HashSet<String> = HashSet::new();
    let mut rows = Vec::new();
    for (number, cells) in table.into_iter().enumerate() {
        let row = email_row(&cells, groups, window, number as u64 + 2);
        // A rejected row has no id of its own: each is told.
        if row.outcome.is_err() || known.insert(row.id.clone()) {
            rows.push(row);
        }
    }
    Ok(sorted(rows))
}

/// The rows of a packed table, by column.
fn table(file: Vec<u8>, limit: usize) -> Result<Vec<HashMap<String, String>>> {
    let unusable = |message: &str| Error::new(ErrorKind::Protocol, "apsis_one.export_emails", message, Retry::Never);
    let mut text = Vec::new();
    if file.starts_with(&[0x1f, 0x8b]) {
        let packed = flate2::read::MultiGzDecoder::new(&file[..]);
        let mut bounded = std::io::Read::take(packed, limit as u64 + 1);
        std::io::Read::read_to_end(&mut bounded, &mut text).map_err(|_| unusable("the report is not whole"))?;
        if text.len() > limit {
            return Err(unusable("the report is longer than limits.export_bytes; choose fewer events.window_days"));
        }
    } else {
        text = file;
    }
    let mut reader = csv::Reader::from_reader(&text[..]);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_lowercase()).collect(),
        Err(_) => return Err(unusable("the report has no header")),
    };
    if !["type", "address", "event_time"].iter().all(|name| header.iter().any(|known| known == name)) {
        return Err(unusable("the report lacks the columns type, address or event_time"));
    }
    let rows = reader.records().map(|row| {
        let row = row.map_err(|_| unusable("the report is not whole"))?;
        Ok(header.iter().cloned().zip(row.iter().map(str::to_owned)).collect())
    });
    rows.collect()
}

fn email_row(cells: &HashMap<String, String>, groups: &Groups, window: Window, line: u64) -> Row {
    let cell = |name: &str| cells.get(name).map(|text| text.trim()).unwrap_or_default();
    let millis = |name: &str| cell(name).parse::<i64>().ok().filter(|millis| *millis > 0);
    let (kind, correlation) = (cell("type"), cell("correlation_id"));
    let id = if correlation.is_empty() {
        let parts = [cell("activity_id"), cell("address"), kind, cell("event_time"), cell("server_time")];
        digest(parts, 0)
    } else {
        format!("{correlation}:{kind}")
    };
    // Before 2020, or where nobody knows, the event has no time of its own.
    let time = millis("event_time").or_else(|| millis("server_time")).and_then(DateTime::from_timestamp_millis);
    let Some(time) = time else {
        let reject = Reject {
            origin: "e-mail report".to_owned(),
            line: Some(line),
            field: Some("occurred_at".into()),
            code: "no_time".to_owned(),
            message: "the event has no time".to_owned(),
        };
        return Row { at: window.start.timestamp_millis(), id, object: EMAIL_EVENTS, outcome: Err(reject) };
    };
    let details: Vec<String> =
        [("Activity", "activity_name"), ("Subject", "subject"), ("Sender", "sender"), ("Device", "device")]
            .into_iter()
            .filter(|(_, name)| !cell(name).is_empty())
            .map(|(label, name)| format!("{label}: {}", cell(name)))
            .collect();
    let subject = subject(kind);
    let record = Record::new(RecordRef::new(EMAIL_EVENTS, id.as_str()));
    let mut record = filled(record, &subject, "task", &details.join("\n"), Value::Timestamp(time), kind);
    match groups.by_email.get(&cell("address").to_lowercase()).map(Vec::as_slice) {
        Some([one]) => record = record.with("profile", Value::link(RecordRef::new(PROFILES, one.as_str()))),
        several => {
            let several = several.unwrap_or_default();
            let message =
                if several.is_empty() { "no profile has the address" } else { "several profiles have the address" };
            record.doubts.push(Doubt {
                field: "profile".into(),
                origin: ORIGIN.to_owned(),
                line: None,
                message: message.to_owned(),
                candidates: several.iter().map(|key| RecordId::from(key.as_str())).collect(),
            });
        }
    }
    Row { at: time.timestamp_millis(), id, object: EMAIL_EVENTS, outcome: Ok(record) }
}

/// `OPENED` for people.
fn subject(kind: &str) -> String {
    let mut letters = kind.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("Email {}", format!("{first}{}", letters.as_str().to_lowercase()).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(discriminator: &str, name: &str) -> wire::Named {
        serde_json::from_value(json!({ "discriminator": discriminator, "name": name })).unwrap()
    }

    #[test]
    fn types_have_their_fate() {
        let mut config = EventConfig::default();
        let cases = [
            ("com.apsis1.events.email.open", "Email open", Fate::Reports),
            ("com.apsis1.events.website.page-view", "Page view", Fate::Kind(EventKind::Note)),
            ("com.apsis1.events.forms.submit", "Form submit", Fate::Kind(EventKind::Note)),
            ("com.apsis1.events.consent.opt-in", "Opt-in", Fate::Kind(EventKind::Leave)),
            ("com.apsis1.events.signal.custom-phone-call-a1b2c3d4e5", "Phone call", Fate::Kind(EventKind::Call)),
            ("com.apsis1.events.signal.custom-x-a1b2c3d4e5", "Call with sales", Fate::Kind(EventKind::Call)),
            ("com.apsis1.events.transaction.custom-order-a1b2c3d4e5", "Order placed", Fate::Kind(EventKind::Task)),
            ("com.apsis1.events.signal.custom-recall-a1b2c3d4e5", "Recalled", Fate::Kind(EventKind::Task)),
        ];
        for (discriminator, name, expected) in cases {
            assert_eq!(classify(&config, &definition(discriminator, name)), expected, "{name}");
        }
        config.email = EmailEvents::Profiles;
        assert_eq!(classify(&config, &definition("x.email.open", "Open")), Fate::Kind(EventKind::Task));
        config.kinds.insert("Order".to_owned(), EventKind::Note);
        assert_eq!(classify(&config, &definition("x", "order placed")), Fate::Kind(EventKind::Note));
    }

    #[test]
    fn windows_cover_the_history_once() {
        let since: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
        let config = EventConfig { since: Some(since), ..EventConfig::default() };
        let mut place = Place::first(since + TimeDelta::days(16));
        let mut covered = Vec::new();
        while let Some(window) = place.window(&config) {
            covered.push(((window.start - since).num_days(), (window.end - since).num_days(), window.settled));
            place.window += 1;
        }
        assert_eq!(covered, [(0, 7, true), (7, 14, false), (14, 16, false)]);
    }

    #[test]
    fn a_page_goes_on_after_its_last_row() {
        let row = |at, id: &str| Row {
            at,
            id: id.to_owned(),
            object: EVENTS,
            outcome: Ok(Record::new(RecordRef::new(EVENTS, id))),
        };
        let rows = sorted(vec![row(2, "c"), row(1, "b"), row(1, "a")]);
        let first = Place::first(DateTime::UNIX_EPOCH);
        let (page, next) = first.page(&rows, 2);
        assert_eq!(page.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let next = Place::parse(&next.cursor()).unwrap();
        // A row that came meanwhile, before the place, is the next walk's.
        let rows = sorted([rows, vec![row(1, "aa")]].concat());
        let (page, next) = next.page(&rows, 2);
        assert_eq!(page.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["c"]);
        assert_eq!((next.window, next.after), (1, None));
    }
}
