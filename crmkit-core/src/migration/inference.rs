//! What type the texts of a field look like, told from their bytes: no value is parsed twice, none is copied.

use chrono::NaiveDate;

use crate::{FieldType, Value};

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Int,
    Decimal,
    Date,
    Timestamp,
    Local,
    Text,
    Other,
}

const SHAPES: usize = 8;

/// How many values had each shape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shapes([u64; SHAPES]);

impl Shapes {
    pub(super) fn add(&mut self, shape: Shape) {
        self.0[shape as usize] += 1;
    }

    fn of(&self, shape: Shape) -> u64 {
        self.0[shape as usize]
    }

    /// The type that most values have, and the share of values that have it; none where most are plain text.
    pub(super) fn infer(&self) -> Option<(FieldType, f64)> {
        let all: u64 = self.0.iter().sum();
        let int = self.of(Shape::Int);
        let numbers = (FieldType::Decimal, int + self.of(Shape::Decimal));
        let candidates = [
            (FieldType::Bool, self.of(Shape::Bool)),
            (FieldType::Int, int),
            if self.of(Shape::Decimal) > 0 { numbers } else { (FieldType::Decimal, 0) },
            (FieldType::Date, self.of(Shape::Date)),
            (FieldType::Timestamp, self.of(Shape::Timestamp)),
            (FieldType::Local, self.of(Shape::Local)),
        ];
        let (ty, count) = candidates.into_iter().max_by_key(|(_, count)| *count)?;
        (count > 0 && 2 * count > all).then(|| (ty, count as f64 / all as f64))
    }
}

/// The shape of a value.
pub(super) fn shape(value: &Value) -> Shape {
    match value {
        Value::Bool(_) => Shape::Bool,
        Value::Int(_) => Shape::Int,
        Value::Decimal(_) => Shape::Decimal,
        Value::Date(_) => Shape::Date,
        Value::Timestamp(_) => Shape::Timestamp,
        Value::Local(_) => Shape::Local,
        Value::Text(text) => of_text(text),
        _ => Shape::Other,
    }
}

/// The shape of a text.
pub(super) fn of_text(text: &str) -> Shape {
    let text = text.trim_ascii();
    match text.as_bytes() {
        [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => number(text).or_else(|| moment(text)).unwrap_or(Shape::Text),
        [b't' | b'T' | b'f' | b'F', ..] if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
            Shape::Bool
        }
        _ => Shape::Text,
    }
}

fn number(text: &str) -> Option<Shape> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes();
    let mut points = 0;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {}
            b'.' => points += 1,
            _ => return None,
        }
    }
    let whole = digits.len() - points;
    if points > 1 || whole == 0 || whole > 28 {
        return None;
    }
    // Leading zeros are spelling, not number: postal codes, part numbers.
    let padded = digits.len() > 1 && digits[0] == b'0' && digits[1] != b'.';
    match (padded, points) {
        (true, _) => Some(Shape::Text),
        // What is past 18 digits may be too large for a number; there an exact answer is worth a parse.
        (false, 0) if whole <= 18 || text.parse::<i64>().is_ok() => Some(Shape::Int),
        (false, _) => Some(Shape::Decimal),
    }
}

fn moment(text: &str) -> Option<Shape> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let digits = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let year = i32::try_from(digits(0, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, digits(5, 7)?, digits(8, 10)?)?;
    if bytes.len() == 10 {
        return Some(Shape::Date);
    }
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &bytes[19..];
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    match rest {
        [] => Some(Shape::Local),
        b"Z" | b"z" => Some(Shape::Timestamp),
        [b'+' | b'-', h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) => {
            Some(Shape::Timestamp)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn texts_have_shapes() {
        for (text, wanted) in [
            ("true", Shape::Bool),
            ("False ", Shape::Bool),
            ("truely", Shape::Text),
            ("1", Shape::Int),
            ("-20", Shape::Int),
            ("+5", Shape::Int),
            ("9223372036854775807", Shape::Int),
            ("9223372036854775808", Shape::Decimal),
            ("0", Shape::Int),
            ("0.5", Shape::Decimal),
            ("007", Shape::Text),
            ("-", Shape::Text),
            (".", Shape::Text),
            ("1.2.3", Shape::Text),
            ("2024-02-29", Shape::Date),
            ("2023-02-29", Shape::Text),
            ("2024-02-29T10:11:12Z", Shape::Timestamp),
            ("2024-02-29T10:11:12.5+02:00", Shape::Timestamp),
            ("2024-02-29T10:11:12", Shape::Local),
            ("2024-02-29T25:11:12", Shape::Text),
            ("2024-02-29x", Shape::Text),
            ("+46 70 123", Shape::Text),
            ("", Shape::Text),
            ("åäö", Shape::Text),
        ] {
            assert_eq!(of_text(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_share_of_the_type_that_most_have_is_told() {
        let of = |texts: &[&str]| {
            let mut shapes = Shapes::default();
            texts.iter().for_each(|text| shapes.add(of_text(text)));
            shapes.infer()
        };
        assert_eq!(of(&["1", "2", "3", "x"]), Some((FieldType::Int, 0.75)));
        assert_eq!(of(&["1", "2.5"]), Some((FieldType::Decimal, 1.0)));
        assert_eq!(of(&["1", "x"]), None);
        assert_eq!(of(&[]), None);
    }

    proptest! {
        #[test]
        fn what_is_a_number_or_a_moment_can_be_read_as_one(text in "[-+]?[0-9]{1,30}(\\.[0-9]{0,3})?|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-5][0-9](\\.[0-9]{1,4})?(Z|\\+02:00)?)?") {
            match of_text(&text) {
                Shape::Int => prop_assert!(text.parse::<i64>().is_ok()),
                Shape::Decimal => prop_assert!(text.parse::<Decimal>().is_ok()),
                Shape::Date => prop_assert!(text.parse::<NaiveDate>().is_ok()),
                Shape::Timestamp => prop_assert!(chrono::DateTime::parse_from_rfc3339(&text).is_ok()),
                Shape::Local => prop_assert!(text.parse::<chrono::NaiveDateTime>().is_ok()),
                Shape::Bool | Shape::Text | Shape::Other => {}
            }
        }
    }
}
