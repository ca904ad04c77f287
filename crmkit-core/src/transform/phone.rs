//! The transform that writes phone numbers in their international form.

use phonenumber::{Mode, country};
use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, on_texts, one, one_type, wants},
};
use crate::{FieldType, Value};

/// `phone`: writes numbers as E.164 has them: `+46701234567`. A number without a country needs `{ phone = "SE" }`; what has no
/// such form stays as it is, with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::with("phone", "SE")],
///     &["phone".into()],
///     &[Some(Value::text("070-123 45 67"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("+46701234567")));
/// assert_eq!(notes, ["a phone number written in its international form"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Phone {
    region: Option<country::Id>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    /// Two letters of ISO 3166.
    region: Option<String>,
}

impl Phone {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let Region { region } = Arguments::read(input, "phone", "region")?;
        let wrong = |_| TransformError::hold("phone needs a region of two letters, such as SE");
        let region = region.map(|region| region.to_uppercase().parse().map_err(wrong)).transpose()?;
        Ok(Self { region })
    }
}

impl FieldTransform for Phone {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "phone")?;
        wants(is_textual(ty), "phone", "text or phone numbers", ty)?;
        Ok(ty.clone())
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "phone")? else { return Ok(None) };
        on_texts(value, &mut |text| {
            let number = phonenumber::parse(self.region, text.trim()).ok().filter(phonenumber::is_valid);
            // An extension has no place in E.164, and without it the number is another one.
            let Some(number) = number.filter(|number| number.extension().is_none()) else {
                if !text.trim().is_empty() {
                    cx.note("a phone number without an international form kept as it is");
                }
                return Ok(Some(text.to_owned()));
            };
            let written = number.format().mode(Mode::E164).to_string();
            if written != text {
                cx.note("a phone number written in its international form");
            }
            Ok(Some(written))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, labelled, run};
    use super::*;

    #[test]
    fn numbers_are_written_in_one_form() {
        for (call, text, wanted) in [
            (r#""phone""#, "+46 70-123 45 67", "+46701234567"),
            (r#"{"phone": "SE"}"#, "070-123 45 67", "+46701234567"),
            (r#"{"phone": "se"}"#, "+1 650 253 0000", "+16502530000"),
            (r#"{"phone": {"region": "US"}}"#, "(650) 253-0000", "+16502530000"),
            (r#""phone""#, "070-123 45 67", "070-123 45 67"),
            (r#""phone""#, "+1 650 253 0000 ext. 12", "+1 650 253 0000 ext. 12"),
            (r#""phone""#, "call me", "call me"),
        ] {
            let (value, notes) = run(call, &[Some(Value::text(text))]).unwrap();
            assert_eq!(value, Some(Value::text(wanted)), "{text}");
            assert_eq!(notes.len(), 1, "{text}");
        }
        let list = Value::List([labelled("+46701234567"), labelled("x")].into());
        let (value, notes) = run(r#""phone""#, &[Some(list.clone())]).unwrap();
        assert_eq!((value, notes.len()), (Some(list), 1));
        assert!(run(r#"{"phone": "Sweden"}"#, &[None]).is_err());
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(value in any_value()) {
            let once = run(r#"{"phone": "SE"}"#, &[Some(value)]).unwrap().0;
            prop_assert_eq!(run(r#"{"phone": "SE"}"#, std::slice::from_ref(&once)).unwrap().0, once);
        }
    }
}
