//! The calls about one profile: attributes, tags, events, consents, and what merges, locks and removes.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::account::{Account, Consent, EXPORT_KEYSPACE, Event, Profile, SectionData};
use super::answer::Answer;
use super::service::Ask;
use super::switches::{AttributeKeys, Switches};

/// Answers a call about a profile; nothing where it is none.
pub(super) fn answer(account: &mut Account, ask: &Ask<'_>, now: DateTime<Utc>) -> Option<Answer> {
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    let (v2, segments) = match &segments[..] {
        ["v2", rest @ ..] => (true, rest),
        all => (false, all),
    };
    match segments {
        ["audience", "keyspaces", keyspace, "profiles", key, rest @ ..] => {
            Some(one(account, ask, now, v2, (keyspace, key), rest))
        }
        ["audience", "keyspaces", keyspace, "sections", section, "profiles"] if ask.method == "POST" => {
            Some(create(account, ask, keyspace, section))
        }
        ["audience", "profiles", "merges"] if ask.method == "PUT" => Some(merge(account, ask)),
        _ => None,
    }
}

fn one(
    account: &mut Account,
    ask: &Ask<'_>,
    now: DateTime<Utc>,
    v2: bool,
    (keyspace, key): (&str, &str),
    rest: &[&str],
) -> Answer {
    let switches = account.switches.clone();
    let problem = |status, code, title: &str| Answer::problem(&switches, status, code, title);
    if account.keyspaces.iter().all(|known| known.discriminator != keyspace) {
        return problem(404, 1, "No such keyspace");
    }
    let found = account.find(keyspace, key);
    let creates =
        !v2 && keyspace != EXPORT_KEYSPACE && matches!((ask.method, rest), ("PATCH", ["sections", _, "attributes"]));
    let own = match found {
        Some(own) => own,
        None if creates => add(account, keyspace, key),
        None => return problem(404, 1201, "Profile not found"),
    };
    if account.profiles[&own].locked {
        return problem(410, 1202, "Profile is locked");
    }
    match (ask.method, rest) {
        ("PUT", ["locks"]) => {
            let profile = account.profiles.entry(own).or_default();
            profile.locked = true;
            profile.sections.clear();
            Answer::empty(204)
        }
        ("DELETE", []) => {
            account.profiles.remove(&own);
            Answer::empty(204)
        }
        ("POST", ["evaluations"]) => evaluate(account, ask, &own),
        (method, ["sections", section, what @ ..]) => {
            let Some(definition) = account.section(section).cloned() else { return problem(404, 1, "No such section") };
            let data = account.profiles.entry(own).or_default().sections.entry((*section).to_owned()).or_default();
            match (method, what, v2) {
                ("GET", ["attributes"], _) => {
                    let keys = if v2 { AttributeKeys::Discriminator } else { switches.attribute_keys };
                    wrapped(&switches, attributes(&definition, data, keys).into())
                }
                ("PATCH", ["attributes"], _) => patch_attributes(&definition, data, ask, v2, &switches),
                ("DELETE", ["attributes", version], false) => {
                    match definition.attributes.iter().find(|one| one.has_version(version)) {
                        Some(one) => {
                            data.attributes.remove(&one.discriminator);
                            Answer::empty(204)
                        }
                        None => problem(404, 1402, "No such attribute version"),
                    }
                }
                ("GET", ["tags"], false) => wrapped(&switches, tags(&definition, data, &switches)),
                ("PATCH", ["tags"], false) => patch_tags(data, ask, &switches),
                ("GET", ["events"], false) => {
                    Answer::items(data.events.iter().map(|event| event_json(&definition, event, &switches)).collect())
                }
                ("POST", ["events"], false) => add_events(&definition, data, ask, &switches),
                ("GET", ["consents"], true) => {
                    let wanted = ask.queries("consent_types");
                    let fits = |consent: &&Consent| wanted.is_empty() || wanted.contains(&consent.ty.as_str());
                    Answer::items(data.consents.iter().filter(fits).map(|consent| json!(consent)).collect())
                }
                ("POST", ["consents"], true) => consent(data, ask, now, &switches),
                _ => Answer::not_modelled(&format!("{} {}", ask.method, ask.path)),
            }
        }
        _ => Answer::not_modelled(&format!("{} {}", ask.method, ask.path)),
    }
}

fn wrapped(switches: &Switches, values: Value) -> Answer {
    if switches.values_in_items { Answer::json(200, &json!({ "items": values })) } else { Answer::json(200, &values) }
}

/// Values under the keys that the account uses; a deprecated version keeps what was written under it.
pub(super) fn attributes(
    definition: &super::account::Section,
    data: &SectionData,
    keys: AttributeKeys,
) -> Map<String, Value> {
    let mut values = Map::new();
    for one in &definition.attributes {
        let Some(value) = data.attributes.get(&one.discriminator) else { continue };
        let name = match keys {
            AttributeKeys::Version => one.current().to_owned(),
            AttributeKeys::Discriminator => one.discriminator.clone(),
        };
        values.insert(name, value.clone());
    }
    if keys == AttributeKeys::Version {
        values.extend(data.deprecated.clone());
    }
    values
}

pub(super) fn tags(definition: &super::account::Section, data: &SectionData, switches: &Switches) -> Value {
    if switches.tags_as_map {
        let all = definition.tags.iter();
        all.map(|tag| (tag.discriminator.clone(), json!(data.tags.contains(&tag.discriminator))))
            .collect::<Map<_, _>>()
            .into()
    } else {
        json!(data.tags)
    }
}

pub(super) fn event_json(definition: &super::account::Section, event: &Event, switches: &Switches) -> Value {
    let of = definition.events.iter().find(|one| one.discriminator == event.discriminator);
    let mut json = json!({
        "version_id": of.map_or("", |one| one.current()),
        "event_time": event.event_time,
        "data": event.data,
    });
    if switches.event_discriminator {
        json["discriminator"] = json!(event.discriminator);
    }
    json
}

fn body<T: for<'a> Deserialize<'a>>(ask: &Ask<'_>, switches: &Switches) -> Result<T, Answer> {
    serde_json::from_slice(ask.body).map_err(|error| Answer::problem(switches, 400, 0, &error.to_string()))
}

fn patch_attributes(
    definition: &super::account::Section,
    data: &mut SectionData,
    ask: &Ask<'_>,
    v2: bool,
    switches: &Switches,
) -> Answer {
    let patch: Map<String, Value> = match body(ask, switches) {
        Ok(patch) => patch,
        Err(answer) => return answer,
    };
    for (name, value) in patch {
        let found = definition.attributes.iter().find(|one| match v2 {
            true => one.discriminator == name,
            false => one.has_version(&name),
        });
        let Some(one) = found else { return Answer::problem(switches, 400, 1402, "No such field") };
        if !v2 && one.current() != name {
            data.deprecated.insert(name, value);
        } else if value.is_null() {
            data.attributes.remove(&one.discriminator);
        } else {
            data.attributes.insert(one.discriminator.clone(), value);
        }
    }
    Answer::empty(204)
}

fn patch_tags(data: &mut SectionData, ask: &Ask<'_>, switches: &Switches) -> Answer {
    let patch: Map<String, Value> = match body(ask, switches) {
        Ok(patch) => patch,
        Err(answer) => return answer,
    };
    for (tag, on) in patch {
        data.tags.retain(|known| *known != tag);
        if on == Value::Bool(true) {
            data.tags.push(tag);
        }
    }
    Answer::empty(204)
}

#[derive(Deserialize)]
struct NewEvents {
    items: Vec<NewEvent>,
}

#[derive(Deserialize)]
struct NewEvent {
    event_time: DateTime<Utc>,
    version_id: String,
    #[serde(default)]
    data: Map<String, Value>,
}

fn add_events(
    definition: &super::account::Section,
    data: &mut SectionData,
    ask: &Ask<'_>,
    switches: &Switches,
) -> Answer {
    let new: NewEvents = match body(ask, switches) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    for event in new.items {
        let Some(one) = definition.events.iter().find(|one| one.has_version(&event.version_id)) else {
            return Answer::problem(switches, 400, 1402, "No such event version");
        };
        let discriminator = one.discriminator.clone();
        data.events.push(Event { discriminator, event_time: event.event_time, data: event.data });
    }
    Answer::empty(204)
}

#[derive(Deserialize)]
struct NewConsent {
    topic_discriminator: String,
    channel_discriminator: String,
    #[serde(rename = "type")]
    ty: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    source: Option<String>,
}

fn consent(data: &mut SectionData, ask: &Ask<'_>, now: DateTime<Utc>, switches: &Switches) -> Answer {
    let new: NewConsent = match body(ask, switches) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    if !["opt-in", "opt-out", "pending-opt-in", "confirmed-opt-in"].contains(&new.ty.as_str()) {
        return Answer::problem(switches, 400, 0, "No such consent type");
    }
    let source = new.source.unwrap_or_else(|| "One API".to_owned());
    let consent = Consent {
        topic_discriminator: new.topic_discriminator,
        channel_discriminator: new.channel_discriminator,
        ty: new.ty,
        source,
        reason: new.reason,
        modified_at: now,
    };
    let same = data.consents.iter_mut().find(|known| {
        known.topic_discriminator == consent.topic_discriminator
            && known.channel_discriminator == consent.channel_discriminator
    });
    match same {
        Some(known) if known.ty == consent.ty => Answer::problem(switches, 409, 0, "Unsupported consent transition"),
        Some(known) => {
            *known = consent;
            Answer::empty(204)
        }
        None => {
            data.consents.push(consent);
            Answer::empty(201)
        }
    }
}

#[derive(Deserialize)]
struct Evaluation {
    segments: Vec<SegmentRef>,
}

#[derive(Deserialize)]
struct SegmentRef {
    discriminator: String,
}

fn evaluate(account: &Account, ask: &Ask<'_>, own: &str) -> Answer {
    let wanted: Evaluation = match body(ask, &account.switches) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    let fits = |wanted: &&SegmentRef| {
        account.segments.iter().any(|segment| segment.discriminator == wanted.discriminator && segment.has(own))
    };
    let matches: Vec<&str> = wanted.segments.iter().filter(fits).map(|one| one.discriminator.as_str()).collect();
    Answer::json(200, &json!({ "matches": matches }))
}

fn add(account: &mut Account, keyspace: &str, key: &str) -> String {
    let own = account.new_export_key();
    let keys = [(keyspace.to_owned(), key.to_owned())].into();
    account.profiles.insert(own.clone(), Profile { keys, ..Profile::default() });
    own
}

fn create(account: &mut Account, ask: &Ask<'_>, keyspace: &str, section: &str) -> Answer {
    #[derive(Deserialize)]
    struct New {
        profile_key: String,
    }
    let new: New = match body(ask, &account.switches) {
        Ok(new) => new,
        Err(answer) => return answer,
    };
    if account.section(section).is_none() {
        return Answer::problem(&account.switches, 404, 1, "No such section");
    }
    if account.find(keyspace, &new.profile_key).is_some() {
        return Answer::problem(&account.switches, 409, 0, "Profile already exists");
    }
    let attribute = account.keyspaces.iter().find(|known| known.discriminator == keyspace);
    let attribute = attribute.and_then(|known| known.attribute.clone());
    let own = add(account, keyspace, &new.profile_key);
    let data = account.profiles.entry(own).or_default().sections.entry(section.to_owned()).or_default();
    if let Some(attribute) = attribute {
        data.attributes.insert(attribute, json!(new.profile_key));
    }
    Answer::empty(201)
}

#[derive(Deserialize)]
struct Merge {
    profiles: Vec<Located>,
}

#[derive(Deserialize)]
struct Located {
    keyspace_discriminator: String,
    profile_key: String,
}

/// Two or more keys become one profile, which keeps what the first has and takes what it lacks.
fn merge(account: &mut Account, ask: &Ask<'_>) -> Answer {
    let wanted: Merge = match body(ask, &account.switches) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    let mut owns: Vec<String> = Vec::new();
    for one in &wanted.profiles {
        let found = account.find(&one.keyspace_discriminator, &one.profile_key);
        let own = found.unwrap_or_else(|| add(account, &one.keyspace_discriminator, &one.profile_key));
        if account.profiles[&own].locked {
            return Answer::problem(&account.switches, 410, 1202, "Profile is locked");
        }
        if !owns.contains(&own) {
            owns.push(own);
        }
    }
    let Some((first, others)) = owns.split_first() else {
        return Answer::problem(&account.switches, 400, 0, "No profiles");
    };
    let others: Vec<Profile> = others.iter().filter_map(|own| account.profiles.remove(own)).collect();
    let profile = account.profiles.entry(first.clone()).or_default();
    for other in others {
        for (keyspace, key) in other.keys {
            profile.keys.entry(keyspace).or_insert(key);
        }
        for (section, theirs) in other.sections {
            let ours = profile.sections.entry(section).or_default();
            for (name, value) in theirs.attributes {
                ours.attributes.entry(name).or_insert(value);
            }
            let new = theirs.tags.into_iter().filter(|tag| !ours.tags.contains(tag)).collect::<Vec<_>>();
            ours.tags.extend(new);
            ours.events.extend(theirs.events);
            ours.consents.extend(theirs.consents);
        }
    }
    Answer::empty(204)
}
