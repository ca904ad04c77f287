//! Transforms of dates and moments.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, one, one_type, wants},
};
use crate::{FieldType, Value, coerce::moment};

/// `date`: reads a day from text, by ISO 8601 or `{ date = "%d/%m/%Y" }` or several formats, the first that fits.
///
/// A text that no format fits is left out with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("date", "%d/%m/%Y")],
///     &["signed".into()],
///     &[Some(Value::text("31/12/2023"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value.map(|day| day.to_string()), Some("2023-12-31".into()));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToDate {
    #[serde(default)]
    format: Formats,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Formats {
    One(String),
    Several(Vec<String>),
}

impl Default for Formats {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Formats {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    fn check(&self, transform: &str) -> Result<(), TransformError> {
        use chrono::format::{Item, StrftimeItems};
        let wrong = |format: &&String| StrftimeItems::new(format).any(|item| matches!(item, Item::Error));
        match self.as_slice().iter().find(wrong) {
            Some(format) => Err(TransformError::hold(format!("{transform} cannot read the format {format:?}"))),
            None => Ok(()),
        }
    }
}

impl ToDate {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let date: Self = Arguments::read(input, "date", "format")?;
        date.format.check("date").map(|()| date)
    }

    fn parse(&self, text: &str) -> Option<NaiveDate> {
        match self.format.as_slice() {
            [] => text.parse().ok(),
            formats => formats.iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok()),
        }
    }
}

impl FieldTransform for ToDate {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "date")?;
        wants(is_textual(ty) || *ty == FieldType::Date, "date", "text", ty)?;
        Ok(FieldType::Date)
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        match one(inputs, "date")? {
            Some(Value::Text(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::Text(text)) => match self.parse(text.trim()) {
                Some(day) => Ok(Some(Value::Date(day))),
                None => Err(TransformError::drop_value("the text is no day in the line's format")),
            },
            other => Ok(other.cloned()),
        }
    }
}

/// `timestamp`: a day, a time without zone or a text as a moment; two inputs are a day and a time of day.
///
/// `time` is the time of day for a bare day (midnight by default), `zone` the zone of what carries none (the plan's `time_zone`
/// by default, for bare days its `date_zone`), `format` how texts read (ISO 8601 by default). A time that clocks skip moves an
/// hour on, one they repeat is the first; both with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let call = TransformCall::with("timestamp", serde_json::json!({ "time": "09:00", "zone": "Europe/Stockholm" }));
/// let (value, notes) = Transforms::standard().preview(
///     &[call],
///     &["day".into()],
///     &[Some(Value::Date("2024-07-01".parse().unwrap()))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value.map(|moment| moment.to_string()), Some("2024-07-01T07:00:00Z".into()));
/// assert_eq!(notes, ["a day became a moment"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct ToTimestamp {
    time: NaiveTime,
    zone: Option<Tz>,
    format: Formats,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    format: Formats,
}

impl ToTimestamp {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let written: Written = Arguments::read(input, "timestamp", "time")?;
        written.format.check("timestamp")?;
        let time = match written.time.as_deref() {
            None => NaiveTime::MIN,
            Some(text) => NaiveTime::parse_from_str(text, "%H:%M")
                .or_else(|_| text.parse())
                .map_err(|_| TransformError::hold("timestamp takes a time of day such as \"09:00\""))?,
        };
        let zone = written
            .zone
            .map(|zone| zone.parse().map_err(|_| TransformError::hold(format!("no time zone {zone:?} is known"))))
            .transpose()?;
        Ok(Self { time, zone, format: written.format })
    }

    fn of_day(&self, day: NaiveDate, cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        cx.note("a day became a moment");
        let zone = self.zone.or(cx.settings().date_zone).or(cx.settings().time_zone).unwrap_or(Tz::UTC);
        in_zone(day.and_time(self.time), zone, cx)
    }

    fn of_local(&self, local: NaiveDateTime, cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let zone = self
            .zone
            .or(cx.settings().time_zone)
            .ok_or_else(|| TransformError::hold("the time has no zone, and neither the line nor the plan names one"))?;
        in_zone(local, zone, cx)
    }

    fn of_text(&self, text: &str, cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let formats = self.format.as_slice();
        if formats.is_empty() {
            if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
                return Ok(Some(Value::Timestamp(moment.with_timezone(&Utc))));
            }
            if let Some(local) = text.parse().ok().or_else(|| text.replacen(' ', "T", 1).parse().ok()) {
                return self.of_local(local, cx);
            }
            if let Ok(day) = text.parse() {
                return self.of_day(day, cx);
            }
        }
        for format in formats {
            if let Ok(moment) = DateTime::parse_from_str(text, format) {
                return Ok(Some(Value::Timestamp(moment.with_timezone(&Utc))));
            }
            if let Ok(local) = NaiveDateTime::parse_from_str(text, format) {
                return self.of_local(local, cx);
            }
            if let Ok(day) = NaiveDate::parse_from_str(text, format) {
                return self.of_day(day, cx);
            }
        }
        Err(TransformError::drop_value("the text is no moment in the line's format"))
    }
}

fn in_zone(local: NaiveDateTime, zone: Tz, cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
    let found = match moment(local, zone) {
        LocalResult::Single(moment) => Some(moment),
        LocalResult::Ambiguous(first, _) => {
            cx.note("a time that clocks repeat became the first of the two");
            Some(first)
        }
        LocalResult::None => {
            cx.note("a time that clocks skip moved an hour on");
            local.checked_add_signed(TimeDelta::hours(1)).and_then(|later| moment(later, zone).earliest())
        }
    };
    found
        .map(|moment| Some(Value::Timestamp(moment)))
        .ok_or_else(|| TransformError::drop_value("the time does not exist in its zone"))
}

impl FieldTransform for ToTimestamp {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        use FieldType as T;
        match inputs {
            [ty] => {
                let fits = is_textual(ty) || matches!(ty, T::Date | T::Local | T::Timestamp);
                wants(fits, "timestamp", "a day, a time or text", ty)?;
            }
            [T::Date | T::Any, T::Time | T::Any] => {}
            _ => return Err(TransformError::hold("timestamp takes one input, or a day and a time of day")),
        }
        Ok(T::Timestamp)
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        match inputs {
            [Some(Value::Date(day)), Some(Value::Time(time))] => self.of_local(day.and_time(*time), cx),
            [Some(Value::Date(day))] | [Some(Value::Date(day)), _] => self.of_day(*day, cx),
            [Some(Value::Local(local)), ..] => self.of_local(*local, cx),
            [Some(Value::Text(text)), ..] if text.trim().is_empty() => Ok(None),
            [Some(Value::Text(text)), ..] => self.of_text(text.trim(), cx),
            [other, ..] => Ok(other.clone()),
            [] => Err(TransformError::inputs("timestamp", 1)),
        }
    }
}

/// `date_of`: the day of a moment in the plan's `date_zone` (UTC without one), with a note. `{ date_of = 1 }` is the day after.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value, chrono};
/// let moment: chrono::DateTime<chrono::Utc> = "2024-01-01T23:30:00Z".parse().unwrap();
/// let settings = TransformSettings { date_zone: "Europe/Stockholm".parse().ok(), ..TransformSettings::default() };
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::bare("date_of")],
///     &["closed".into()],
///     &[Some(Value::Timestamp(moment))],
///     &settings,
/// )?;
/// assert_eq!(value.map(|day| day.to_string()), Some("2024-01-02".into()));
/// assert_eq!(notes, ["a moment became a day in Europe/Stockholm"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateOf {
    #[serde(default)]
    days: i32,
}

impl DateOf {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::read(input, "date_of", "days")
    }
}

impl FieldTransform for DateOf {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        use FieldType as T;
        let ty = one_type(inputs, "date_of")?;
        wants(matches!(ty, T::Date | T::Local | T::Timestamp | T::Any), "date_of", "a moment", ty)?;
        Ok(T::Date)
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let day = match one(inputs, "date_of")? {
            Some(Value::Timestamp(moment)) => {
                let zone = cx.settings().date_zone.unwrap_or(Tz::UTC);
                cx.note(format!("a moment became a day in {zone}"));
                moment.with_timezone(&zone).date_naive()
            }
            Some(Value::Local(local)) => {
                cx.note("a time became a day");
                local.date()
            }
            Some(Value::Date(day)) => *day,
            other => return Ok(other.cloned()),
        };
        let by = Days::new(self.days.unsigned_abs().into());
        let moved = if self.days < 0 { day.checked_sub_days(by) } else { day.checked_add_days(by) };
        moved.map(|day| Some(Value::Date(day))).ok_or_else(|| TransformError::drop_value("the day is out of range"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn days_and_moments_are_read() {
        let cases = [
            (r#""date""#, "2024-02-29", Some("2024-02-29")),
            (r#""date""#, "2023-02-29", None),
            (r#"{"date": ["%m/%d/%Y", "%d.%m.%Y"]}"#, "24.12.2023", Some("2023-12-24")),
            (r#""timestamp""#, "2024-01-01T10:00:00+02:00", Some("2024-01-01T08:00:00Z")),
            (r#""timestamp""#, "2024-01-01 10:00:00", Some("2024-01-01T09:00:00Z")),
            (r#""timestamp""#, "2024-01-01", Some("2023-12-31T23:00:00Z")),
            (
                r#"{"timestamp": {"zone": "UTC", "format": "%d/%m/%Y %H:%M"}}"#,
                "01/02/2024 10:30",
                Some("2024-02-01T10:30:00Z"),
            ),
            (r#""timestamp""#, "2024-03-31T02:30:00", Some("2024-03-31T01:30:00Z")),
            (r#""timestamp""#, "2024-10-27T02:30:00", Some("2024-10-27T00:30:00Z")),
            (r#""timestamp""#, "soon", None),
        ];
        for (call, text, wanted) in cases {
            let got = run(call, &[Some(Value::text(text))]).ok().and_then(|(value, _)| value);
            assert_eq!(got.map(|value| value.to_string()).as_deref(), wanted, "{call} of {text}");
        }
        let (day, time) = (Value::Date("2024-01-01".parse().unwrap()), Value::Time("08:00:00".parse().unwrap()));
        let got = run(r#""timestamp""#, &[Some(day), Some(time)]).unwrap().0.unwrap();
        assert_eq!(got.to_string(), "2024-01-01T07:00:00Z");
        for call in [r#"{"date": "%Q"}"#, r#"{"timestamp": "noon"}"#, r#"{"timestamp": {"zone": "Nowhere"}}"#] {
            run(call, &[None]).expect_err(call);
        }
    }

    proptest! {
        #[test]
        fn a_day_survives_being_a_moment(days in 600_000..800_000_i32) {
            let day = Value::Date(NaiveDate::from_num_days_from_ce_opt(days).unwrap());
            let moment = run(r#""timestamp""#, &[Some(day.clone())]).unwrap().0;
            prop_assert_eq!(run(r#""date_of""#, &[moment]).unwrap().0, Some(day));
        }

        #[test]
        fn no_value_is_too_odd(value in any_value()) {
            for call in [r#""date""#, r#""timestamp""#, r#""date_of""#, r#"{"date_of": -1}"#] {
                let _ = run(call, &[Some(value.clone())]);
            }
        }
    }
}
