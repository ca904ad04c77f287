//! A note's time, which cannot be set: the first line of its text says it.

use crmkit_core::chrono::{DateTime, NaiveDateTime, Utc};

const FORM: &str = "[%Y-%m-%d %H:%M:%S UTC]";

/// The text with its time before it, and mentions of nobody written so that they mention nobody.
pub(crate) fn stamped(text: &str, written: Option<DateTime<Utc>>) -> String {
    let text = text.replace("@[", "\\@[");
    match written {
        Some(time) => format!("{}\n{text}", time.format(FORM)),
        None => text,
    }
}

/// The text as it was given, and its time.
pub(crate) fn unstamped(text: &str) -> (String, Option<DateTime<Utc>>) {
    let text = text.replace("\\@[", "@[");
    let split = text.split_once('\n').unwrap_or((&text, ""));
    match NaiveDateTime::parse_from_str(split.0.trim_end(), FORM) {
        Ok(time) => (split.1.to_owned(), Some(time.and_utc())),
        Err(_) => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_time_come_back() {
        let time = Some("2018-01-02T03:04:05Z".parse().unwrap());
        for text in ["one", "a\nb @[Contacts:1] \n", "", "[2018] x"] {
            for time in [time, None] {
                assert_eq!(unstamped(&stamped(text, time)), (text.to_owned(), time), "{text:?}");
            }
        }
        assert_eq!(stamped("x", time), "[2018-01-02 03:04:05 UTC]\nx");
    }
}
