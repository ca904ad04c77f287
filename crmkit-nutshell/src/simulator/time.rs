//! How the vendor writes times; inside, a time is milliseconds since 1970, because lists lag by less than a second, too.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;

/// Milliseconds since 1970.
pub(super) type Millis = i64;

/// `2010-01-13T23:08:06+0000`: ATOM without a colon, as JSON-RPC writes it.
pub(super) fn atom(millis: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis)
        .map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%S+0000").to_string())
}

/// `2010-01-13`.
pub(super) fn day(millis: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis).map_or_else(String::new, |time| time.format("%Y-%m-%d").to_string())
}

/// ISO 8601; seconds are optional, a zone is not.
pub(super) fn parse_zoned(text: &str) -> Option<Millis> {
    const FORMS: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"];
    let text = text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |local| format!("{local}+0000"));
    let parsed = FORMS.iter().find_map(|form| DateTime::parse_from_str(&text, form).ok());
    parsed.map(|time| time.timestamp_millis())
}

/// `YYYY-MM-DD`, alone or in front of a time.
pub(super) fn parse_day(text: &str) -> Option<Millis> {
    let date = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let rest_is_time = text.len() == 10 || text[10..].starts_with(['T', ' ']);
    rest_is_time.then(|| date.and_hms_opt(0, 0, 0).map(|time| time.and_utc().timestamp_millis()))?
}

/// A stored time as JSON-RPC shows it.
pub(super) fn atom_value(millis: Option<&Value>) -> Value {
    millis.and_then(Value::as_i64).map_or(Value::Null, |millis| atom(millis).into())
}

/// A stored time as REST shows it: whole seconds.
pub(super) fn unix_value(millis: Option<&Value>) -> Value {
    millis.and_then(Value::as_i64).map_or(Value::Null, |millis| millis.div_euclid(1000).into())
}

/// The first moment of the day of `millis` in a zone that is `minutes` ahead of UTC.
pub(super) fn midnight(millis: Millis, minutes: i64) -> Millis {
    let (ahead, day) = (minutes * 60_000, TimeDelta::days(1).num_milliseconds());
    (millis + ahead).div_euclid(day) * day - ahead
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_needed_and_seconds_are_not() {
        assert_eq!(parse_zoned("2010-01-13T23:08:06+0000"), Some(1_263_424_086_000));
        assert_eq!(parse_zoned("2010-01-13T23:08:06Z"), Some(1_263_424_086_000));
        assert_eq!(parse_zoned("2010-01-14T00:08+01:00"), Some(1_263_424_080_000));
        assert_eq!(parse_zoned("2010-01-13T23:08:06"), None);
        assert_eq!(parse_zoned("13.1.2010"), None);
        assert_eq!(atom(1_263_424_086_000), "2010-01-13T23:08:06+0000");
        assert_eq!(parse_day("2010-01-13"), parse_day("2010-01-13T23:08:06+0000"));
        assert_eq!(parse_day("2010-01-13x"), None);
        assert_eq!(midnight(1_263_424_086_000, 60), 1_263_423_600_000);
    }
}
