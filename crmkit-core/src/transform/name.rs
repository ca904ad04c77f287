//! Transforms of people's names.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, one, one_type, wants},
};
use crate::{FieldType, PersonName, Value};

/// `split_name`: a full name into its parts, at the comma (`"Lovelace, Ada"`) or the last space.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::bare("split_name"), TransformCall::with("name_part", "family")],
///     &["name".into()],
///     &[Some(Value::text("Ada Lovelace"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("Lovelace")));
/// assert_eq!(notes, ["full name split into given and family name"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct SplitName;

impl SplitName {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "split_name").map(|()| Self)
    }
}

impl FieldTransform for SplitName {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "split_name")?;
        wants(is_textual(ty) || *ty == FieldType::Name, "split_name", "text", ty)?;
        Ok(FieldType::Name)
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        Ok(match one(inputs, "split_name")? {
            Some(Value::Text(text)) => split(text, cx).map(|name| Value::Name(Arc::new(name))),
            other => other.cloned(),
        })
    }
}

fn split(text: &str, cx: &mut FieldContext<'_>) -> Option<PersonName> {
    let text = text.trim();
    let (given, family) = match (text.split_once(','), text.rsplit_once(char::is_whitespace)) {
        (Some((family, given)), _) => (given.trim(), family.trim()),
        (None, Some((given, family))) => (given.trim(), family.trim()),
        (None, None) => (text, ""),
    };
    if !given.is_empty() && !family.is_empty() {
        cx.note("full name split into given and family name");
    }
    (!given.is_empty() || !family.is_empty()).then(|| PersonName { given: given.into(), family: family.into() })
}

/// `name_part`: `{ name_part = "given" }` or `"family"` of a name; a text is split first.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("name_part", "given")],
///     &["name".into()],
///     &[Some(Value::text("Lovelace, Ada"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("Ada")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamePart {
    part: PartOfName,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartOfName {
    Given,
    Family,
}

impl NamePart {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::read(input, "name_part", "part")
    }
}

impl FieldTransform for NamePart {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "name_part")?;
        wants(is_textual(ty) || *ty == FieldType::Name, "name_part", "a name", ty)?;
        Ok(FieldType::text())
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let name = match one(inputs, "name_part")? {
            Some(Value::Name(name)) => Some(PersonName::clone(name)),
            Some(Value::Text(text)) => split(text, cx),
            other => return Ok(other.cloned()),
        };
        let part = name.map(|name| match self.part {
            PartOfName::Given => name.given,
            PartOfName::Family => name.family,
        });
        Ok(part.filter(|part| !part.is_empty()).map(Value::Text))
    }
}

/// `full_name`: given and family name, in that order, as one name.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("full_name")],
///     &["first".into(), "last".into()],
///     &[Some(Value::text("Ada")), Some(Value::text("Lovelace"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value.map(|name| name.to_string()), Some("Ada Lovelace".into()));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct FullName;

impl FullName {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "full_name").map(|()| Self)
    }
}

impl FieldTransform for FullName {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        match inputs {
            [_, _] => Ok(FieldType::Name),
            _ => Err(TransformError::inputs("full_name", 2)),
        }
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let [given, family] = inputs else { return Err(TransformError::inputs("full_name", 2)) };
        let text = |part: &Option<Value>| part.as_ref().map(Value::to_string).unwrap_or_default();
        let (given, family) = (text(given), text(family));
        let name = PersonName { given: given.trim().into(), family: family.trim().into() };
        Ok((name != PersonName::default()).then(|| Value::Name(Arc::new(name))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn names_come_apart() {
        let cases = [
            ("Ada Lovelace", "Ada", "Lovelace"),
            ("Lovelace, Ada", "Ada", "Lovelace"),
            (" Juan  Carlos de  Borbón ", "Juan  Carlos de", "Borbón"),
            ("Cher", "Cher", ""),
        ];
        for (text, given, family) in cases {
            let name = PersonName { given: given.into(), family: family.into() };
            let got = run(r#""split_name""#, &[Some(Value::text(text))]).unwrap().0;
            assert_eq!(got, Some(Value::Name(Arc::new(name))), "{text}");
        }
        assert_eq!(run(r#""split_name""#, &[Some(Value::text(" , "))]).unwrap().0, None);
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_name(given in "[A-Z][a-z]{1,6}", family in "[A-Z][a-z]{1,6}") {
            let whole = run(r#""full_name""#, &[Some(Value::text(given)), Some(Value::text(family))]).unwrap().0.unwrap();
            let again = run(r#""split_name""#, &[Some(Value::text(whole.to_string()))]).unwrap().0.unwrap();
            prop_assert_eq!(whole, again);
        }

        #[test]
        fn no_value_is_too_odd(value in any_value()) {
            for call in [r#""split_name""#, r#"{"name_part": "given"}"#] {
                run(call, &[Some(value.clone())]).unwrap();
            }
        }
    }
}
