//! The vendor's two ways to write a time, and dates.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// `2024-01-01T00:00:00Z`, as in v2.
pub(super) fn v2(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2024-01-01 00:00:00`, as in v1.
pub(super) fn v1(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Either form as seconds since 1970; 0 when it is neither.
pub(super) fn seconds(text: &str) -> i64 {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let parse = || {
        let date = NaiveDate::from_ymd_opt(text.get(0..4)?.parse().ok()?, number(5, 7)?, number(8, 10)?)?;
        Some(date.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)?.and_utc().timestamp())
    };
    parse().unwrap_or(0)
}

/// RFC 3339; fractions only if allowed.
pub(super) fn parse_rfc3339(text: &str, fractions: bool) -> Option<DateTime<Utc>> {
    if text.contains('.') && !fractions {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// `YYYY-MM-DD HH:MM:SS`.
pub(super) fn parse_v1(text: &str) -> Option<DateTime<Utc>> {
    if text.len() != 19 {
        return None;
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc())
}

/// Whether this is `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Whether this is `HH:MM:SS` or `HH:MM`.
pub(super) fn is_time(text: &str) -> bool {
    (text.len() == 8 && NaiveTime::parse_from_str(text, "%H:%M:%S").is_ok())
        || (text.len() == 5 && NaiveTime::parse_from_str(text, "%H:%M").is_ok())
}

/// Whether this is a length of time as `HH:MM` or `HH:MM:SS`, which may be longer than a day.
pub(super) fn is_duration(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |part: &&str| (2..=3).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
    let below_sixty = |part: &&str| part.len() == 2 && **part < *"60";
    (2..=3).contains(&parts.len()) && parts.iter().all(digits) && parts[1..].iter().all(below_sixty)
}

/// `2024-01-01T00:00:00.000Z`, as in leads.
pub(super) fn millis(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(seconds("1970-01-02T00:00:01Z"), 86_401);
        assert_eq!(seconds("1970-01-02 00:00:01"), 86_401);
        assert_eq!(seconds("0000-00-00 00:00:00"), 0);
        assert!(parse_rfc3339("2024-01-01T00:00:00.5Z", false).is_none());
        assert!(parse_v1("2024-01-01T00:00:00").is_none());
        assert!(is_date("2024-02-29") && !is_date("2024-2-9") && !is_date("2023-02-29"));
        assert!(is_time("09:00:00") && !is_time("9:00:00"));
        assert!(is_duration("01:30") && is_duration("100:00:59") && !is_duration("1:30") && !is_duration("01:60"));
    }
}
