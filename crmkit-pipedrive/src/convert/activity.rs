//! Activities: a day and a time beside each other, one link among the participants, a length instead of an end.
//!
//! Core's words are `due` (a moment), `due_date` (a whole day), `end` (a moment) and `person_id`; the interface's are `due_date` and
//! `due_time` in UTC, `duration`, and a primary participant.

use crmkit_core::{
    Fields, Value,
    chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta},
};
use serde_json::{Value as Json, json};

use crate::wire::Object;

/// The longest length that `HH:MM:SS` spells, in seconds.
const LONGEST: i64 = 99 * 3600 + 59 * 60 + 59;

/// A length of time as the interface spells it.
pub(super) fn duration(seconds: i64) -> Option<Json> {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    (0..=LONGEST).contains(&seconds).then(|| json!(format!("{hours:02}:{minutes:02}:{rest:02}")))
}

/// Seconds from `HH:MM` or `HH:MM:SS`.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let rest = parts.next().unwrap_or(Some(0))?;
    (parts.next().is_none() && [hours, minutes, rest].iter().all(|part| *part >= 0))
        .then_some(hours * 3600 + minutes * 60 + rest)
}

/// Whether a time or length is what was written, in an account that keeps no seconds. The end is made of two that lost theirs.
pub(crate) fn same_minute(field: &str, written: &Value, stored: &Value) -> bool {
    let (lost, rest) = match (written, stored) {
        (Value::Timestamp(written), Value::Timestamp(stored)) => {
            ((*written - *stored).num_seconds(), stored.timestamp() % 60)
        }
        (Value::Duration(written), Value::Duration(stored)) => (written - stored, stored % 60),
        _ => return false,
    };
    let most = match field {
        "due" | "duration" => 60,
        "end" => 120,
        _ => 0,
    };
    rest == 0 && (0..most).contains(&lost)
}

/// Fields that have to go along with those that are written, because the interface keeps them as one.
pub(super) fn companions(fields: &Fields) -> Vec<&'static str> {
    let has = |name: &str| fields.contains_key(name);
    let mut wanted = Vec::new();
    if has("end") && !has("due") {
        wanted.push("due");
    }
    if has("person_id") != has("participants") {
        wanted.push(if has("person_id") { "participants" } else { "person_id" });
    }
    wanted
}

/// Puts what goes along beside what is written: the people who were there before, without the one who is replaced.
pub(super) fn complete(fields: &mut Fields, stored: &Fields) {
    for name in companions(fields) {
        let Some(value) = stored.get(name) else { continue };
        let value = match (name, value, stored.get("person_id")) {
            ("participants", Value::List(people), Some(primary)) => {
                Value::List(people.iter().filter(|person| *person != primary).cloned().collect())
            }
            _ => value.clone(),
        };
        fields.insert(name.into(), value);
    }
}

/// The body in the interface's words; the field and the reason where it has none for it.
pub(super) fn write(body: &mut Object) -> Result<(), (&'static str, String)> {
    let set = |body: &Object, name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if set(body, "deal_id") && set(body, "lead_id") {
        return Err((
            "lead_id",
            "an activity belongs to a deal or to a lead; pipedrive would drop the lead".to_owned(),
        ));
    }
    let due = body.remove("due");
    if let Some(due) = due.as_ref().and_then(Json::as_str) {
        let (date, time) = due.trim_end_matches('Z').split_once('T').expect("a moment has a date and a time");
        if body.get("due_date").is_some_and(|day| day.as_str() != Some(date)) {
            return Err(("due_date", "it names another day than the moment in `due` does in UTC".to_owned()));
        }
        body.insert("due_date".to_owned(), json!(date));
        body.insert("due_time".to_owned(), json!(time));
    }
    if let Some(end) = body.remove("end") {
        let moment = |json: &Json| DateTime::parse_from_rfc3339(json.as_str()?).ok();
        let length = due.as_ref().and_then(moment).zip(moment(&end)).map(|(due, end)| (end - due).num_seconds());
        let length = length.ok_or(("end", "an end needs a beginning, which `due` is".to_owned()))?;
        let length = duration(length).ok_or(("end", "the end is before the beginning, or days after it".to_owned()))?;
        if body.get("duration").is_some_and(|told| *told != length) {
            return Err(("duration", "it is not the time between beginning and end".to_owned()));
        }
        body.insert("duration".to_owned(), length);
    }
    if let Some(Json::String(place)) = body.get("location") {
        let place = json!({"value": place});
        body.insert("location".to_owned(), place);
    }
    people(body);
    if let Some(Json::Array(attendees)) = body.get_mut("attendees") {
        for attendee in attendees {
            *attendee = match attendee.get("label") {
                Some(name) => json!({"email": attendee["value"], "name": name}),
                None => json!({"email": attendee["value"]}),
            };
        }
    }
    Ok(())
}

/// Contact and participants become one list, the contact first.
fn people(body: &mut Object) {
    let contact = body.remove("person_id").filter(|contact| !contact.is_null());
    let others = body.remove("participants");
    if contact.is_none() && others.is_none() {
        return;
    }
    let mut people: Vec<Json> = contact.into_iter().collect();
    for person in others.as_ref().and_then(Json::as_array).into_iter().flatten() {
        if !people.contains(person) {
            people.push(person.clone());
        }
    }
    let people = people.iter().enumerate().map(|(index, person)| json!({"person_id": person, "primary": index == 0}));
    body.insert("participants".to_owned(), people.collect());
}

/// The record in core's words.
pub(super) fn read(fields: &mut Object) {
    let text = |fields: &Object, name: &str| fields.get(name).and_then(Json::as_str).map(str::to_owned);
    let day = text(fields, "due_date").and_then(|day| NaiveDate::parse_from_str(&day, "%Y-%m-%d").ok());
    let time = text(fields, "due_time")
        .and_then(|time| seconds(&time))
        .and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(u32::try_from(seconds).ok()?, 0));
    if let Some(due) = day.zip(time).map(|(day, time)| day.and_time(time).and_utc()) {
        let spelled = |moment: DateTime<_>| json!(super::to_wire::rfc3339(&moment));
        fields.insert("due".to_owned(), spelled(due));
        let length = text(fields, "duration").and_then(|length| seconds(&length));
        if let Some(end) = length.and_then(|length| due.checked_add_signed(TimeDelta::try_seconds(length)?)) {
            fields.insert("end".to_owned(), spelled(end));
        }
    }
    if let Some(place) = fields.get("location").and_then(|place| place.get("value")).cloned() {
        fields.insert("location".to_owned(), place);
    }
    if let Some(Json::Array(mut people)) = fields.remove("participants") {
        people.sort_by_key(|person| person["primary"] != json!(true));
        if fields.get("person_id").is_none_or(Json::is_null)
            && let Some(primary) = people.first().filter(|person| person["primary"] == json!(true))
        {
            fields.insert("person_id".to_owned(), primary["person_id"].clone());
        }
        fields.insert("participants".to_owned(), people.iter().map(|person| person["person_id"].clone()).collect());
    }
    if let Some(Json::Array(attendees)) = fields.get_mut("attendees") {
        for attendee in attendees {
            *attendee = json!({"value": attendee["email"], "label": attendee["name"]});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: Json) -> Object {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn words_go_there_and_come_back() {
        let ours = json!({
            "subject": "Call", "due": "2024-02-29T23:59:30Z", "end": "2024-03-01T00:00:15Z", "location": "Berlin",
            "person_id": 7, "participants": [9, 7], "attendees": [{"value": "a@b.example", "label": "Ann", "primary": true}],
        });
        let mut body = object(ours);
        write(&mut body).unwrap();
        assert_eq!(
            Json::Object(body.clone()),
            json!({
                "subject": "Call", "due_date": "2024-02-29", "due_time": "23:59:30", "duration": "00:00:45",
                "location": {"value": "Berlin"},
                "participants": [{"person_id": 7, "primary": true}, {"person_id": 9, "primary": false}],
                "attendees": [{"email": "a@b.example", "name": "Ann"}],
            })
        );
        read(&mut body);
        let shown = Json::Object(body);
        for (name, value) in [
            ("due", json!("2024-02-29T23:59:30Z")),
            ("end", json!("2024-03-01T00:00:15Z")),
            ("location", json!("Berlin")),
            ("person_id", json!(7)),
            ("participants", json!([7, 9])),
        ] {
            assert_eq!(shown[name], value);
        }
    }

    #[test]
    fn what_the_interface_would_keep_differently_is_refused() {
        let due = "2024-02-29T10:00:00Z";
        for (json, field) in [
            (json!({"deal_id": 1, "lead_id": "x"}), "lead_id"),
            (json!({"due": due, "due_date": "2024-03-01"}), "due_date"),
            (json!({"end": due}), "end"),
            (json!({"due": due, "end": "2024-02-29T09:00:00Z"}), "end"),
            (json!({"due": due, "end": "2024-03-29T09:00:00Z"}), "end"),
            (json!({"due": due, "end": "2024-02-29T11:00:00Z", "duration": "00:30:00"}), "duration"),
        ] {
            assert_eq!(write(&mut object(json.clone())).unwrap_err().0, field, "{json}");
        }
    }

    #[test]
    fn lost_seconds_are_nobodys_change() {
        let at = |text: &str| Value::Timestamp(text.parse().unwrap());
        let kept = at("2024-02-29T10:00:00Z");
        assert!(same_minute("due", &at("2024-02-29T10:00:59Z"), &kept));
        assert!(!same_minute("due", &at("2024-02-29T10:01:00Z"), &kept));
        assert!(!same_minute("due", &at("2024-02-29T09:59:59Z"), &kept));
        assert!(!same_minute("due", &kept, &at("2024-02-29T09:59:59Z")), "an account that keeps seconds kept others");
        assert!(same_minute("end", &at("2024-02-29T10:01:58Z"), &kept));
        assert!(same_minute("duration", &Value::Duration(4_444), &Value::Duration(4_440)));
        assert!(!same_minute("add_time", &at("2024-02-29T10:00:59Z"), &kept));
    }

    #[test]
    fn lengths_are_spelled_and_read() {
        for (length, text) in [(0, "00:00:00"), (45, "00:00:45"), (5400, "01:30:00"), (LONGEST, "99:59:59")] {
            assert_eq!(duration(length), Some(json!(text)));
            assert_eq!(seconds(text), Some(length));
        }
        assert_eq!((duration(-1), duration(LONGEST + 1)), (None, None));
        assert_eq!(
            (seconds("01:30"), seconds("soon"), seconds("1:2:3:4"), seconds("1")),
            (Some(5400), None, None, None)
        );
    }
}
