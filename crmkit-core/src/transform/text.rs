//! Transforms of plain text.

use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, on_texts, one, one_type, some_types, wants},
};
use crate::{FieldType, Value};

/// `trim`: turns `"ACME AB "` into `"ACME AB"`.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::bare("trim")],
///     &["name".into()],
///     &[Some(Value::text("ACME AB "))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("ACME AB")));
/// assert_eq!(notes, ["outer whitespace removed"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Trim;

impl Trim {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "trim").map(|()| Self)
    }
}

impl FieldTransform for Trim {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        one_type(inputs, "trim").cloned()
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "trim")? else { return Ok(None) };
        on_texts(value, &mut |text| {
            let trimmed = text.trim();
            if trimmed.len() < text.len() {
                cx.note("outer whitespace removed");
            }
            Ok(Some(trimmed.to_owned()))
        })
    }
}

/// `case`: `{ case = "lower" }`, `"upper"` or `"title"`.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("case", "title")],
///     &["city".into()],
///     &[Some(Value::text("NEW YORK"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("New York")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    to: Letters,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Letters {
    Lower,
    Upper,
    Title,
}

impl Case {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::read(input, "case", "to")
    }
}

impl FieldTransform for Case {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "case")?;
        wants(is_textual(ty), "case", "text", ty)?;
        Ok(ty.clone())
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "case")? else { return Ok(None) };
        on_texts(value, &mut |text| {
            let changed = match self.to {
                Letters::Lower => text.to_lowercase(),
                Letters::Upper => text.to_uppercase(),
                Letters::Title => title(text),
            };
            if changed != text {
                cx.note("letter case changed");
            }
            Ok(Some(changed))
        })
    }
}

fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            titled.extend(letter.to_lowercase());
        } else {
            titled.extend(letter.to_uppercase());
        }
        inside = letter.is_alphanumeric() || (inside && letter == '\'');
    }
    titled
}

/// `join`: the inputs that have a value, or a list's entries, with something between them (a space by default).
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("join", ", ")],
///     &["street".into(), "box".into(), "city".into()],
///     &[Some(Value::text("Main St 1")), None, Some(Value::text("Oslo"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("Main St 1, Oslo")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    #[serde(default = "space")]
    with: String,
}

fn space() -> String {
    " ".to_owned()
}

impl Join {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::read(input, "join", "with")
    }
}

impl FieldTransform for Join {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        some_types(inputs, "join").map(|()| FieldType::text())
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let mut parts = Vec::new();
        for value in inputs.iter().flatten() {
            match value {
                Value::List(values) => parts.extend(values.iter().map(Value::to_string)),
                other => parts.push(other.to_string()),
            }
        }
        parts.retain(|part| !part.is_empty());
        Ok((!parts.is_empty()).then(|| Value::text(parts.join(&self.with))))
    }
}

/// `split`: a text into a list at `{ split = ";" }`; entries are trimmed, empty ones left out.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("split", ";")],
///     &["tags".into()],
///     &[Some(Value::text("hot; new;"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::List([Value::text("hot"), Value::text("new")].into())));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Split {
    at: String,
}

impl Split {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let split: Self = Arguments::read(input, "split", "at")?;
        if split.at.is_empty() {
            return Err(TransformError::hold("split needs something to split at"));
        }
        Ok(split)
    }
}

impl FieldTransform for Split {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "split")?;
        wants(is_textual(ty), "split", "text", ty)?;
        Ok(FieldType::Options)
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "split")? else { return Ok(None) };
        let Value::Text(text) = value else { return Ok(Some(value.clone())) };
        let parts: Vec<Value> =
            text.split(&self.at).map(str::trim).filter(|part| !part.is_empty()).map(Value::text).collect();
        Ok((!parts.is_empty()).then(|| Value::List(parts.into())))
    }
}

/// `truncate`: cuts after `{ truncate = 255 }` characters, with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::with("truncate", 3)],
///     &["name".into()],
///     &[Some(Value::text("Åkerlund"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("Åke")));
/// assert_eq!(notes, ["text cut after 3 characters"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Truncate {
    max: u32,
}

impl Truncate {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::read(input, "truncate", "max")
    }
}

impl FieldTransform for Truncate {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "truncate")?;
        wants(is_textual(ty), "truncate", "text", ty)?;
        Ok(match ty {
            FieldType::Text { .. } | FieldType::LongText | FieldType::Url | FieldType::Option | FieldType::Any => {
                FieldType::Text { max: Some(self.max) }
            }
            list => list.clone(),
        })
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "truncate")? else { return Ok(None) };
        on_texts(value, &mut |text| {
            Ok(Some(match text.char_indices().nth(self.max as usize) {
                Some((end, _)) => {
                    cx.note(format!("text cut after {} characters", self.max));
                    text[..end].to_owned()
                }
                None => text.to_owned(),
            }))
        })
    }
}

/// `text`: anything as the text a person reads; lists are separated by `; `.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let list = Value::List([Value::Int(1), Value::Bool(true)].into());
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("text")],
///     &["codes".into()],
///     &[Some(list)],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("1; true")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Text;

impl Text {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "text").map(|()| Self)
    }
}

impl FieldTransform for Text {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        one_type(inputs, "text").map(|_| FieldType::text())
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        Ok(one(inputs, "text")?.map(|value| match value {
            Value::Null => Value::Null,
            other => Value::text(other.to_string()),
        }))
    }
}

/// `first`: the first entry of a list; a labelled one without its label. Others are left out with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let list = Value::List([Value::text("a@acme.com"), Value::text("b@acme.com")].into());
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::bare("first")],
///     &["emails".into()],
///     &[Some(list)],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("a@acme.com")));
/// assert_eq!(notes, ["only the first of several values kept"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct First;

impl First {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "first").map(|()| Self)
    }
}

impl FieldTransform for First {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        Ok(match one_type(inputs, "first")? {
            FieldType::Emails | FieldType::Phones => FieldType::text(),
            FieldType::Options => FieldType::Option,
            other => other.clone(),
        })
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let first = match one(inputs, "first")? {
            Some(Value::List(values)) => {
                if values.len() > 1 {
                    cx.note("only the first of several values kept");
                }
                values.first()
            }
            other => other,
        };
        Ok(first.map(|value| match value {
            Value::Labelled(labelled) => Value::Text(labelled.value.clone()),
            other => other.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, labelled, note_free, run};
    use super::*;

    #[test]
    fn texts_change_as_asked() {
        let cases = [
            (r#""trim""#, Value::text(" a "), Some(Value::text("a"))),
            (r#""trim""#, Value::List([labelled(" a ")].into()), Some(Value::List([labelled("a")].into()))),
            (r#""trim""#, Value::Int(1), Some(Value::Int(1))),
            (r#"{"case": "lower"}"#, Value::text("ÅÄÖ"), Some(Value::text("åäö"))),
            (r#"{"case": "upper"}"#, Value::text("straße"), Some(Value::text("STRASSE"))),
            (r#"{"case": "title"}"#, Value::text("o'neil-SMITH jr"), Some(Value::text("O'neil-Smith Jr"))),
            (r#"{"join": "+"}"#, Value::List([Value::Int(1), Value::Int(2)].into()), Some(Value::text("1+2"))),
            (r#""join""#, Value::text(""), None),
            (r#"{"split": ","}"#, Value::text(" , "), None),
            (r#"{"truncate": 2}"#, Value::text("abc"), Some(Value::text("ab"))),
            (r#"{"truncate": {"max": 3}}"#, Value::text("abc"), Some(Value::text("abc"))),
            (r#""text""#, Value::Int(7), Some(Value::text("7"))),
            (r#""first""#, Value::List([labelled("1"), labelled("2")].into()), Some(Value::text("1"))),
            (r#""first""#, Value::List([].into()), None),
        ];
        for (call, value, wanted) in cases {
            assert_eq!(run(call, &[Some(value.clone())]).unwrap().0, wanted, "{call} of {value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(value in any_value(), call in proptest::sample::select(vec![
            r#""trim""#, r#"{"case": "lower"}"#, r#"{"truncate": 3}"#, r#""text""#, r#""first""#,
        ])) {
            let once = run(call, &[Some(value)]).unwrap().0;
            let twice = run(call, std::slice::from_ref(&once)).unwrap();
            prop_assert_eq!(&twice.0, &once);
            prop_assert!(note_free(&twice.1));
        }

        #[test]
        fn what_is_split_and_joined_keeps_its_words(words in proptest::collection::vec("[a-z]{1,5}", 1..5)) {
            let split = run(r#"{"split": ";"}"#, &[Some(Value::text(words.join(" ; ")))]).unwrap().0;
            let joined = run(r#"{"join": ";"}"#, &[split]).unwrap().0;
            prop_assert_eq!(joined, Some(Value::text(words.join(";"))));
        }
    }
}
