//! Cells as values: numbers, days and moments, lists with labels.

use std::sync::Arc;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use crmkit_core::{Labelled, Markup, RichText, Value, rust_decimal::Decimal};

/// How the cells of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    LongText,
    Bool,
    Int,
    Decimal,
    /// A day or a moment, as the cell says; a day where no cell says anything.
    Date,
    /// A moment or a day, as the cell says; a moment where no cell says anything.
    Moment,
    Duration,
    Option,
    Options,
    Emails,
    Phones,
    Url,
    Rich(Markup),
    /// Nobody declared it: the column decides.
    Infer,
}

/// How a column writes decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Dot,
    Comma,
    /// Both, so that no cell with a separator can be read.
    Mixed,
    /// Only `1,234`: thousands or decimals.
    Unsure,
}

/// What a cell that looks like a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberShape {
    Whole { padded: bool },
    Dot { sure: bool },
    Comma { sure: bool },
}

/// A cell that is a day or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Date(NaiveDate),
    Naive(NaiveDateTime),
    Zoned(DateTime<Utc>),
}

/// What reading a cell goes by, beside its kind.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) kind: Kind,
    pub(super) style: Style,
    /// Declared format of dates (`%d.%m.%Y`).
    pub(super) format: Option<Arc<str>>,
    pub(super) zone: Option<Tz>,
}

impl Reading {
    /// The value of a filled cell, or why it has none, in words without the cell's content.
    pub(super) fn value(&self, cell: &str) -> Result<Value, &'static str> {
        let trimmed = cell.trim();
        Ok(match self.kind {
            Kind::Text | Kind::LongText | Kind::Infer => Value::text(cell),
            Kind::Url => Value::text(trimmed),
            Kind::Bool => Value::Bool(boolean(trimmed).ok_or("neither yes nor no")?),
            Kind::Int => match decimal(trimmed, self.style)?.normalize() {
                whole if whole.scale() == 0 => Value::Int(whole.try_into().map_err(|_| "a number too large")?),
                _ => return Err("not a whole number"),
            },
            Kind::Decimal => Value::Decimal(decimal(trimmed, self.style)?),
            Kind::Duration => match decimal(trimmed, self.style)?.round().try_into() {
                Ok(seconds) => Value::Duration(seconds),
                Err(_) => return Err("a duration too long"),
            },
            Kind::Date | Kind::Moment => self.moment(trimmed)?,
            Kind::Option => Value::option(trimmed),
            Kind::Options => Value::List(parts(cell).map(Value::option).collect()),
            Kind::Emails | Kind::Phones => Value::List(labelled(cell, self.kind == Kind::Emails).collect()),
            Kind::Rich(markup) => Value::Rich(Arc::new(RichText { markup, text: cell.into() })),
        })
    }

    fn moment(&self, cell: &str) -> Result<Value, &'static str> {
        let found = match &self.format {
            Some(format) => declared(cell, format).or_else(|| moment(cell)),
            None => moment(cell),
        };
        match (found, self.zone) {
            (Some(Moment::Date(date)), _) => Ok(Value::Date(date)),
            (Some(Moment::Zoned(time)), _) => Ok(Value::Timestamp(time)),
            (Some(Moment::Naive(time)), None) => Ok(Value::Local(time)),
            (Some(Moment::Naive(time)), Some(zone)) => match zone.from_local_datetime(&time) {
                LocalResult::Single(time) => Ok(Value::Timestamp(time.with_timezone(&Utc))),
                LocalResult::Ambiguous(..) => Err("a time that the clock change makes happen twice"),
                LocalResult::None => Err("a time that the clock change leaves out"),
            },
            (None, _) => Err("neither RFC 3339 nor YYYY-MM-DD; declare the column's format"),
        }
    }
}

/// Yes or no in the words that exports use.
pub(super) fn boolean(cell: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 10] = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("y", true),
        ("n", false),
        ("t", true),
        ("f", false),
        ("1", true),
        ("0", false),
    ];
    WORDS.iter().find(|(word, _)| cell.eq_ignore_ascii_case(word)).map(|(_, yes)| *yes)
}

/// A day or a moment in a form that cannot be misread.
pub(super) fn moment(cell: &str) -> Option<Moment> {
    let bytes = cell.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    if let Some(found) = plain(bytes) {
        return Some(found);
    }
    if bytes.len() == 10 {
        return NaiveDate::parse_from_str(cell, "%Y-%m-%d").ok().map(Moment::Date);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(cell) {
        return Some(Moment::Zoned(time.with_timezone(&Utc)));
    }
    let (date, time) = (cell.get(..10)?, cell.get(11..)?);
    if !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(time, format).ok())?;
    Some(Moment::Naive(date.and_time(time)))
}

/// `2024-05-06` and `2024-05-06T10:11:12Z`, which nearly all exports write: a tenth of what a format costs.
fn plain(bytes: &[u8]) -> Option<Moment> {
    let number = |from: usize, length: usize| {
        let digits = bytes.get(from..from + length)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    };
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 2)?, number(8, 2)?)?;
    match bytes.get(10..)? {
        [] => Some(Moment::Date(date)),
        [b'T', _, _, b':', _, _, b':', _, _, b'Z'] => {
            let time = date.and_hms_opt(number(11, 2)?, number(14, 2)?, number(17, 2)?)?;
            Some(Moment::Zoned(time.and_utc()))
        }
        _ => None,
    }
}

fn declared(cell: &str, format: &str) -> Option<Moment> {
    if let Ok(time) = DateTime::parse_from_str(cell, format) {
        return Some(Moment::Zoned(time.with_timezone(&Utc)));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(cell, format) {
        return Some(Moment::Naive(time));
    }
    NaiveDate::parse_from_str(cell, format).ok().map(Moment::Date)
}

/// What kind of number a cell is, if it is one.
pub(super) fn number_shape(cell: &str) -> Option<NumberShape> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let mut dots = 0;
    let mut commas = 0;
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {}
            b'.' => dots += 1,
            b',' => commas += 1,
            _ => return None,
        }
    }
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let grouped = |text: &str, by: char| {
        let mut groups = text.split(by);
        groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
    };
    match (dots, commas) {
        (0, 0) => Some(NumberShape::Whole { padded: digits.len() > 1 && digits.starts_with('0') }),
        (1, 0) => Some(NumberShape::Dot { sure: !grouped(digits, '.') }),
        (0, 1) => Some(NumberShape::Comma { sure: !grouped(digits, ',') }),
        (_, 0) => grouped(digits, '.').then_some(NumberShape::Comma { sure: true }),
        (0, _) => grouped(digits, ',').then_some(NumberShape::Dot { sure: true }),
        // Both: the last one is the decimal separator, the others group thousands.
        _ => {
            let (group, shape) = match digits.rfind('.') > digits.rfind(',') {
                true => (',', NumberShape::Dot { sure: true }),
                false => ('.', NumberShape::Comma { sure: true }),
            };
            let (whole, _) = digits.rsplit_once(['.', ','])?;
            let only_groups = whole.bytes().all(|byte| byte.is_ascii_digit() || char::from(byte) == group);
            (only_groups && grouped(whole, group)).then_some(shape)
        }
    }
}

/// A number in the column's style.
pub(super) fn decimal(cell: &str, style: Style) -> Result<Decimal, &'static str> {
    let shape = number_shape(cell).ok_or("not a number")?;
    let plain = match (shape, style) {
        (NumberShape::Whole { .. }, _) => cell.to_owned(),
        (_, Style::Mixed) => return Err("a number in a column that mixes decimal points and commas"),
        (_, Style::Unsure) => return Err("a number whose comma may be a thousands or a decimal separator"),
        (_, Style::Dot) => cell.replace(',', ""),
        (_, Style::Comma) => cell.replace('.', "").replace(',', "."),
    };
    let plain = plain.strip_prefix('+').unwrap_or(&plain);
    Decimal::from_str_exact(plain).map_err(|_| "a number with too many digits")
}

/// The parts of a list cell.
fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// E-mail addresses or phone numbers with their labels: `work:ann@a.example;bo@b.example`.
pub(super) fn labelled(cell: &str, emails: bool) -> impl Iterator<Item = Value> {
    parts(cell).map(move |part| {
        let split = part.split_once(':').filter(|(label, value)| {
            let label_is_word = !label.trim().is_empty() && !label.contains('@');
            label_is_word && (emails || label.chars().any(char::is_alphabetic)) && !value.trim().is_empty()
        });
        let (label, value) = match split {
            Some((label, value)) => (Some(label.trim().into()), value.trim()),
            None => (None, part),
        };
        Value::Labelled(Arc::new(Labelled { value: value.into(), label }))
    })
}

/// One list out of several, each address or number once.
pub(super) fn merge(lists: impl Iterator<Item = Value>) -> Vec<Value> {
    let key = |value: &Value| -> String {
        let text = value.as_text().unwrap_or_default();
        if text.contains('@') {
            text.to_lowercase()
        } else {
            let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            if digits.is_empty() { text.to_lowercase() } else { digits }
        }
    };
    let mut merged: Vec<Value> = Vec::new();
    for value in lists {
        let same = merged.iter_mut().find(|known| key(known) == key(&value));
        match (same, value) {
            (Some(known), Value::Labelled(new)) => {
                if matches!(known, Value::Labelled(old) if old.label.is_none() && new.label.is_some()) {
                    *known = Value::Labelled(new);
                }
            }
            (Some(_), _) => {}
            (None, value) => merged.push(value),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, cell: &str) -> Result<Value, &'static str> {
        Reading { kind, style: Style::Dot, format: None, zone: None }.value(cell)
    }

    #[test]
    fn numbers_read_in_their_column_s_style() {
        let cases = [
            ("1234.5600", Style::Dot, Some("1234.5600")),
            ("1,234.5", Style::Dot, Some("1234.5")),
            ("1.234,5", Style::Comma, Some("1234.5")),
            ("1.234", Style::Comma, Some("1234")),
            ("-12,5", Style::Comma, Some("-12.5")),
            ("+7", Style::Dot, Some("7")),
            ("12", Style::Mixed, Some("12")),
            ("1.5", Style::Mixed, None),
            ("1,234", Style::Unsure, None),
            ("1 000", Style::Dot, None),
            ("12abc", Style::Dot, None),
            ("1,23,4.5", Style::Dot, None),
            ("", Style::Dot, None),
        ];
        for (cell, style, wanted) in cases {
            let got = decimal(cell, style).ok().map(|number| number.to_string());
            assert_eq!(got.as_deref(), wanted, "{cell}");
        }
    }

    #[test]
    fn moments_keep_what_they_say() {
        let cases = [
            ("2024-05-06", "2024-05-06"),
            ("2024-05-06T10:11:12Z", "2024-05-06T10:11:12Z"),
            ("2024-05-06T10:11:12+02:00", "2024-05-06T08:11:12Z"),
            ("2024-05-06 10:11", "2024-05-06T10:11:00"),
        ];
        for (cell, wanted) in cases {
            assert_eq!(read(Kind::Moment, cell).unwrap().to_string(), wanted);
        }
        for cell in ["06/05/2024", "2024-13-01", "yesterday", "2024-05-06x10:11", "åååååååååå"] {
            assert!(read(Kind::Moment, cell).is_err(), "{cell}");
        }
    }

    #[test]
    fn naive_times_take_the_declared_zone_and_are_never_guessed() {
        let at = |zone: &str, cell: &str| {
            let reading = Reading { kind: Kind::Moment, style: Style::Dot, format: None, zone: zone.parse().ok() };
            reading.value(cell).map(|value| value.to_string())
        };
        assert_eq!(at("Asia/Karachi", "2024-05-06T10:00:00").unwrap(), "2024-05-06T05:00:00Z");
        assert!(at("Europe/Stockholm", "2024-10-27T02:30:00").is_err(), "twice");
        assert!(at("Europe/Stockholm", "2024-03-31T02:30:00").is_err(), "never");
    }

    #[test]
    fn a_declared_format_reads_ambiguous_days() {
        let format = Some("%d.%m.%Y".into());
        let reading = Reading { kind: Kind::Date, style: Style::Dot, format, zone: None };
        assert_eq!(reading.value("06.05.2024").unwrap().to_string(), "2024-05-06");
    }

    #[test]
    fn lists_carry_labels_and_merge_without_repeats() {
        let list = merge(labelled("ann@a.example", true).chain(labelled("work:Ann@A.example; x@y.example;", true)));
        let texts: Vec<_> = list.iter().map(Value::to_string).collect();
        assert_eq!(texts, ["Ann@A.example", "x@y.example"]);
        assert!(matches!(&list[0], Value::Labelled(one) if one.label.as_deref() == Some("work")));
        let phones = merge(labelled("mobile:+46 70 1;+46701", false));
        assert_eq!(phones.len(), 1);
    }
}
