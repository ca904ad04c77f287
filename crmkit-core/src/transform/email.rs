//! The transform that tidies e-mail addresses.

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, on_texts, one, one_type, wants},
};
use crate::{FieldType, Value};

/// `email`: trims addresses and writes them in lower case; what is no address is left out with a note, and so is a repeated one.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("email")],
///     &["email".into()],
///     &[Some(Value::text(" Ada@Acme.com"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("ada@acme.com")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Email;

impl Email {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "email").map(|()| Self)
    }
}

impl FieldTransform for Email {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "email")?;
        wants(is_textual(ty), "email", "text or e-mail addresses", ty)?;
        Ok(ty.clone())
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "email")? else { return Ok(None) };
        let mut seen: Vec<String> = Vec::new();
        on_texts(value, &mut |text| {
            let tidy = text.trim().to_lowercase();
            if tidy.is_empty() {
                return Ok(None);
            }
            if !is_address(&tidy) {
                cx.note("an invalid e-mail address left out");
                return Ok(None);
            }
            if seen.contains(&tidy) {
                cx.note("a repeated e-mail address left out");
                return Ok(None);
            }
            seen.push(tidy.clone());
            Ok(Some(tidy))
        })
    }
}

/// Whether a trimmed text can be an e-mail address: enough to keep names and notes out of an address field.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>(),;:\"[]\\".contains(letter);
    !local.is_empty()
        && !text.contains(odd)
        && !local.contains('@')
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, labelled, run};
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for (text, fits) in [
            ("a@b.se", true),
            ("a.b+c@sub.example.com", true),
            ("åke@räksmörgås.se", true),
            ("a@b", false),
            ("@b.se", false),
            ("a@b..se", false),
            ("a b@c.se", false),
            ("a@b.se, c@d.se", false),
            ("a@b@c.se", false),
        ] {
            let got = run(r#""email""#, &[Some(Value::text(text))]).unwrap();
            assert_eq!(got.0.is_some(), fits, "{text}");
            assert_eq!(got.1.is_empty(), fits, "{text}");
        }
        let list = Value::List([labelled("A@b.se"), labelled("a@B.se"), labelled("x")].into());
        assert_eq!(run(r#""email""#, &[Some(list)]).unwrap().0, Some(Value::List([labelled("a@b.se")].into())));
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(value in any_value()) {
            let once = run(r#""email""#, &[Some(value)]).unwrap().0;
            prop_assert_eq!(run(r#""email""#, std::slice::from_ref(&once)).unwrap(), (once, Vec::new()));
        }
    }
}
