//! Exports: a job is asked for, polled, and its file is there for a day.

use std::io::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::answer::{Answer, JSON};
use super::profiles::{attributes, event_json, tags};
use super::service::Ask;
use super::state::{Company, Job};
use super::switches::{PollStyle, Switches};

const CSV: &str = "text/csv;charset=UTF-8;header=present";
const GZIP: &str = "application/gzip";
/// Events are given from the start of the window to a week later unless an end is told.
const DEFAULT_WINDOW: TimeDelta = TimeDelta::weeks(1);

/// A column of an export; a section that is not told means all.
#[derive(Debug, Deserialize)]
struct Column {
    #[serde(default)]
    section_discriminator: Option<String>,
    #[serde(alias = "tag_discriminator", alias = "event_discriminator")]
    attribute_discriminator: String,
    #[serde(default)]
    field_name: Option<String>,
}

impl Column {
    fn is(&self, section: &str, discriminator: &str) -> bool {
        self.attribute_discriminator == discriminator
            && self.section_discriminator.as_deref().is_none_or(|one| one == section)
    }
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    section_discriminator: Option<String>,
    #[serde(default)]
    segment_discriminator: Option<String>,
    #[serde(default)]
    segment_definition: Option<String>,
    #[serde(default)]
    attributes: Vec<Column>,
    #[serde(default)]
    tags: Vec<Column>,
    #[serde(default)]
    events: Vec<Column>,
    #[serde(default)]
    topic_discriminators: Vec<String>,
    #[serde(default)]
    channel_discriminator: Option<String>,
    #[serde(default)]
    start_at: Option<DateTime<Utc>>,
    #[serde(default)]
    end_at: Option<DateTime<Utc>>,
}

/// Answers a call that asks for an export, or for the state or file of one; nothing where it is none.
pub(super) fn answer(company: &Company, ask: &Ask<'_>, now: DateTime<Utc>) -> Option<Answer> {
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    let account = company.account();
    let switches = account.switches.clone();
    let wanted = || -> Result<Wanted, Answer> {
        serde_json::from_slice(ask.body).map_err(|error| Answer::problem(&switches, 400, 0, &error.to_string()))
    };
    let made = match (ask.method, &segments[..]) {
        ("POST", ["audience", "profiles", "reports", "segments"]) => {
            wanted().and_then(|wanted| in_segment(&account, &wanted))
        }
        ("POST", ["audience", "profiles", "reports", "consents"]) => {
            wanted().and_then(|wanted| by_consent(&account, &wanted))
        }
        ("POST", ["audience", "profiles", "exports"]) => wanted().and_then(|wanted| with_events(&account, &wanted)),
        ("POST", ["emails", "reports"]) => wanted().and_then(|wanted| email_events(&account, &wanted)),
        ("GET", ["audience", "downloads", style, id]) => {
            drop(account);
            return Some(poll(company, ask, now, &switches, style, id));
        }
        ("GET", ["emails", "reports", id, rest @ ..]) => {
            drop(account);
            return Some(report(company, ask, now, &switches, id, rest));
        }
        _ => return None,
    };
    drop(account);
    let (body, content_type) = match made {
        Ok(made) => made,
        Err(refusal) => return Some(refusal),
    };
    let job = Job { polls_left: switches.polls_until_ready, created: now, body, content_type };
    let id = company.live().add_job(job);
    let at = |style: &str| format!("{}/audience/downloads/{style}/{id}", ask.base);
    let body = match (&segments[..], switches.poll) {
        (["emails", "reports"], _) => json!({ "report_id": id.to_string() }),
        // The export with events knows the old style alone.
        (["audience", "profiles", "exports"], _) => json!({ "file_download_url": at("events") }),
        (_, PollStyle::Both) => json!({ "file_download_url": at("legacy"), "file_download_url_v2": at("v2") }),
        (_, PollStyle::Legacy) => json!({ "file_download_url": at("legacy") }),
        (_, PollStyle::V2) => json!({ "file_download_url_v2": at("v2") }),
    };
    Some(Answer::json(202, &body))
}

fn poll(company: &Company, ask: &Ask<'_>, now: DateTime<Utc>, switches: &Switches, style: &str, id: &str) -> Answer {
    let missing = if style == "v2" { 404 } else { 410 };
    let mut live = company.live();
    let Some(job) = id.parse().ok().and_then(|id| live.job(id)) else {
        return Answer::problem(switches, missing, 1, "No such export");
    };
    if job.is_gone(now) {
        return Answer::problem(switches, 410, 1, "The export is gone");
    }
    if job.polls_left > 0 {
        job.polls_left -= 1;
        return if style == "v2" { Answer::empty(202) } else { Answer::problem(switches, 404, 1, "Not ready") };
    }
    file(job, ask)
}

/// The file, packed where the client takes that.
fn file(job: &Job, ask: &Ask<'_>) -> Answer {
    if job.content_type != GZIP && ask.accepts_gzip() {
        let mut answer = Answer::file(packed(&job.body), job.content_type);
        answer.headers.push(("content-encoding", "gzip".to_owned()));
        return answer;
    }
    Answer::file(job.body.clone(), job.content_type)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn report(
    company: &Company,
    ask: &Ask<'_>,
    now: DateTime<Utc>,
    switches: &Switches,
    id: &str,
    rest: &[&str],
) -> Answer {
    let mut live = company.live();
    let Some(job) = id.parse().ok().and_then(|id| live.job(id)) else {
        return Answer::problem(switches, 404, 1, "No such report");
    };
    if job.is_gone(now) {
        return Answer::problem(switches, 410, 1, "The report is gone");
    }
    match rest {
        [] if job.polls_left > 0 => {
            job.polls_left -= 1;
            Answer::json(200, &json!({ "report_id": id, "status": "running" }))
        }
        [] => {
            let expires = job.created + TimeDelta::days(1);
            Answer::json(
                200,
                &json!({
                    "report_id": id,
                    "status": "completed",
                    "file_download_url": format!("{}/emails/reports/{id}/file?signature=s{id}", ask.base),
                    "file_download_url_expires_at": now + TimeDelta::hours(1),
                    "file_expires_at": expires,
                }),
            )
        }
        ["file"] if ask.query("signature") == Some(&format!("s{id}")) => file(job, ask),
        _ => Answer::problem(switches, 403, 9, "Access denied"),
    }
}

type Made = Result<(Vec<u8>, &'static str), Answer>;

fn csv_of(rows: Vec<Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Rows of one length, into memory: nothing fails.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The members of a segment, one row each.
fn in_segment(account: &Account, wanted: &Wanted) -> Made {
    let problem = |status, code, title: &str| Err(Answer::problem(&account.switches, status, code, title));
    let Some(section) = &wanted.section_discriminator else {
        return problem(400, 0, "section_discriminator is missing");
    };
    if account.section(section).is_none() {
        return problem(404, 1, "No such section");
    }
    let segment = match (&wanted.segment_discriminator, &wanted.segment_definition) {
        (Some(wanted), None) => match account.segments.iter().find(|segment| segment.discriminator == *wanted) {
            Some(segment) => segment,
            None => return problem(404, 1, "No such segment"),
        },
        (None, Some(_)) => return problem(400, 0, "segment definitions are not evaluated here"),
        _ => return problem(400, 0, "either segment_discriminator or segment_definition"),
    };
    let columns: Vec<&Column> = wanted.attributes.iter().chain(&wanted.tags).collect();
    let name = |column: &Column| column.field_name.clone().unwrap_or_else(|| column.attribute_discriminator.clone());
    let mut rows = vec![["Export key".to_owned()].into_iter().chain(columns.iter().map(|one| name(one))).collect()];
    for (own, profile) in account.profiles.iter().filter(|(own, profile)| segment.has(own) && !profile.locked) {
        let data = profile.sections.get(section);
        let attributes = wanted.attributes.iter().map(|column| {
            data.and_then(|data| data.attributes.get(&column.attribute_discriminator)).map(cell).unwrap_or_default()
        });
        let tags = wanted
            .tags
            .iter()
            .map(|column| data.is_some_and(|data| data.tags.contains(&column.attribute_discriminator)).to_string());
        rows.push([own.clone()].into_iter().chain(attributes).chain(tags).collect());
    }
    Ok((csv_of(rows), CSV))
}

/// Those who consented to a channel, with their address.
fn by_consent(account: &Account, wanted: &Wanted) -> Made {
    let (Some(section), Some(channel)) = (&wanted.section_discriminator, &wanted.channel_discriminator) else {
        return Err(Answer::problem(
            &account.switches,
            400,
            0,
            "section_discriminator and channel_discriminator are needed",
        ));
    };
    let (title, keyspace) = match channel.as_str() {
        "com.apsis1.channels.sms" => ("Mobile", "com.apsis1.keyspaces.mobile"),
        _ => ("Email", "com.apsis1.keyspaces.email"),
    };
    let mut rows = vec![vec!["Export key".to_owned(), title.to_owned()]];
    for (own, profile) in account.profiles.iter().filter(|(_, profile)| !profile.locked) {
        let consents = profile.sections.get(section).map(|data| data.consents.as_slice()).unwrap_or_default();
        let consented = consents.iter().any(|consent| {
            consent.channel_discriminator == *channel
                && ["opt-in", "confirmed-opt-in"].contains(&consent.ty.as_str())
                && (wanted.topic_discriminators.is_empty()
                    || wanted.topic_discriminators.contains(&consent.topic_discriminator))
        });
        let address = profile.keys.get(keyspace).filter(|_| consented).cloned();
        rows.push(vec![own.clone(), address.unwrap_or_default()]);
    }
    Ok((csv_of(rows), CSV))
}

/// Profiles with what was asked for, and their events of a window.
fn with_events(account: &Account, wanted: &Wanted) -> Made {
    let switches = &account.switches;
    let problem = |title: &str| Err(Answer::problem(switches, 400, 0, title));
    if wanted.attributes.is_empty() && wanted.tags.is_empty() {
        // Documented: profiles do not appear then.
        return Ok((json!({ "profiles": {}, "metadata": { "sections": {} } }).to_string().into_bytes(), JSON));
    }
    let window = match (wanted.start_at, wanted.events.is_empty()) {
        (None, false) => return problem("start_at is required for events"),
        (start, _) => start.map(|start| (start, wanted.end_at.unwrap_or(start + DEFAULT_WINDOW))),
    };
    let mut profiles = Map::new();
    for (own, profile) in account.profiles.iter().filter(|(_, profile)| !profile.locked) {
        let mut sections = Map::new();
        for section in &account.sections {
            let Some(data) = profile.sections.get(&section.discriminator) else { continue };
            let mut listed = data.clone();
            let asked = |columns: &[Column], name: &str| columns.iter().any(|one| one.is(&section.discriminator, name));
            listed.attributes.retain(|name, _| asked(&wanted.attributes, name));
            listed.deprecated.retain(|version, _| {
                section
                    .attributes
                    .iter()
                    .any(|one| one.has_version(version) && asked(&wanted.attributes, &one.discriminator))
            });
            listed.tags.retain(|tag| asked(&wanted.tags, tag));
            let events: Vec<Value> = data
                .events
                .iter()
                .filter(|event| asked(&wanted.events, &event.discriminator))
                .filter(|event| window.is_some_and(|(start, end)| event.event_time >= start && event.event_time < end))
                .map(|event| event_json(section, event, switches))
                .collect();
            sections.insert(
                section.discriminator.clone(),
                json!({
                    "attributes": attributes(section, &listed, switches.attribute_keys),
                    "tags": tags(section, &listed, switches),
                    "events": events,
                }),
            );
        }
        profiles.insert(own.clone(), json!({ "sections": sections }));
    }
    let metadata: Map<String, Value> = account
        .sections
        .iter()
        .map(|section| {
            let named = |all: &[super::account::Definition]| -> Map<String, Value> {
                let one = |one: &super::account::Definition| {
                    one.versions
                        .iter()
                        .map(|version| {
                            (version.id.clone(), json!({ "discriminator": one.discriminator, "name": one.name }))
                        })
                        .collect::<Vec<_>>()
                };
                all.iter().flat_map(one).collect()
            };
            let json = json!({ "attributes": named(&section.attributes), "events": named(&section.events) });
            (section.discriminator.clone(), json)
        })
        .collect();
    Ok((json!({ "profiles": profiles, "metadata": { "sections": metadata } }).to_string().into_bytes(), JSON))
}

/// What happened to the e-mails of a window, as packed CSV.
fn email_events(account: &Account, wanted: &Wanted) -> Made {
    let Some(start) = wanted.start_at else {
        return Err(Answer::problem(&account.switches, 400, 0, "start_at is required"));
    };
    let end = wanted.end_at.unwrap_or(start + DEFAULT_WINDOW);
    let header = [
        "activity_id",
        "split_id",
        "activity_name",
        "split_activity_name",
        "sender",
        "subject",
        "address",
        "variation",
        "type",
        "correlation_id",
        "event_time",
        "server_time",
        "device",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for event in &account.email_events {
        let at = if event.event_time == 0 { event.server_time } else { event.event_time };
        if DateTime::from_timestamp_millis(at).is_none_or(|at| at < start || at >= end) {
            continue;
        }
        let none = String::new;
        rows.push(vec![
            event.activity_id.clone(),
            none(),
            event.activity_name.clone(),
            none(),
            event.sender.clone(),
            event.subject.clone(),
            event.address.clone(),
            none(),
            event.ty.clone(),
            event.correlation_id.clone(),
            event.event_time.to_string(),
            event.server_time.to_string(),
            event.device.clone(),
        ]);
    }
    Ok((packed(&csv_of(rows)), GZIP))
}
