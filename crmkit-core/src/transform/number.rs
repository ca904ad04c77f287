//! Transforms that read numbers and yes/no from text.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, one, one_type, wants},
};
use crate::{FieldType, Value};

/// `number`: reads a decimal number from text; spaces between digits are ignored.
///
/// `decimal` is the sign before the fraction (`.` by default), `group` one between thousands. What is no number is left out
/// with a note. An amount of money gives its amount, with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let call = TransformCall::with("number", serde_json::json!({ "decimal": ",", "group": "." }));
/// let (value, _) = Transforms::standard().preview(
///     &[call],
///     &["amount".into()],
///     &[Some(Value::text("1.234,50"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value.map(|number| number.to_string()), Some("1234.50".into()));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    #[serde(default = "point")]
    decimal: char,
    #[serde(default)]
    group: Option<char>,
    #[serde(default)]
    whole: bool,
}

fn point() -> char {
    '.'
}

impl Number {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let number: Self = Arguments::read(input, "number", "decimal")?;
        if Some(number.decimal) == number.group {
            return Err(TransformError::hold("number cannot tell decimal from group, because they are the same sign"));
        }
        Ok(number)
    }

    fn parse(&self, text: &str) -> Option<Decimal> {
        let mut plain = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                letter if letter == self.decimal => plain.push('.'),
                letter if Some(letter) == self.group || letter.is_whitespace() => {}
                '0'..='9' | '-' | '+' => plain.push(letter),
                '\u{2212}' => plain.push('-'),
                _ => return None,
            }
        }
        plain.parse().ok()
    }
}

impl FieldTransform for Number {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        use FieldType as T;
        let ty = one_type(inputs, "number")?;
        wants(is_textual(ty) || matches!(ty, T::Int | T::Decimal | T::Money), "number", "text", ty)?;
        Ok(if self.whole { T::Int } else { T::Decimal })
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let number = match one(inputs, "number")? {
            Some(Value::Text(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::Text(text)) => {
                self.parse(text.trim()).ok_or_else(|| TransformError::drop_value("the text is no number"))?
            }
            Some(Value::Int(number)) => Decimal::from(*number),
            Some(Value::Decimal(number)) => *number,
            Some(Value::Money(money)) => {
                cx.note("an amount lost its currency");
                money.amount
            }
            other => return Ok(other.cloned()),
        };
        if !self.whole {
            return Ok(Some(Value::Decimal(number)));
        }
        let whole = number.round();
        if whole != number {
            cx.note("a number was rounded");
        }
        whole
            .to_i64()
            .map(|whole| Some(Value::Int(whole)))
            .ok_or_else(|| TransformError::drop_value("the number is too large"))
    }
}

/// `boolean`: reads yes and no from text, by its own words or by `{ yes = ["aktiv"], no = ["inaktiv"] }`.
///
/// Other words are left out with a note. Numbers other than 0 are yes.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("boolean")],
///     &["active".into()],
///     &[Some(Value::text("Yes"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::Bool(true)));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boolean {
    #[serde(default = "yes_words")]
    yes: Vec<String>,
    #[serde(default = "no_words")]
    no: Vec<String>,
}

fn yes_words() -> Vec<String> {
    ["yes", "y", "true", "t", "1", "on", "x", "ja", "oui", "si", "sí"].map(str::to_owned).into()
}

fn no_words() -> Vec<String> {
    ["no", "n", "false", "f", "0", "off", "nej", "nein", "non"].map(str::to_owned).into()
}

impl Boolean {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let mut boolean: Self = Arguments::read(input, "boolean", "yes")?;
        for word in boolean.yes.iter_mut().chain(&mut boolean.no) {
            *word = word.trim().to_lowercase();
        }
        if boolean.yes.iter().any(|word| boolean.no.contains(word)) {
            return Err(TransformError::hold("boolean has a word that means both yes and no"));
        }
        Ok(boolean)
    }
}

impl FieldTransform for Boolean {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        use FieldType as T;
        let ty = one_type(inputs, "boolean")?;
        wants(is_textual(ty) || matches!(ty, T::Bool | T::Int | T::Decimal), "boolean", "text", ty)?;
        Ok(T::Bool)
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let word = match one(inputs, "boolean")? {
            Some(Value::Int(number)) => return Ok(Some(Value::Bool(*number != 0))),
            Some(Value::Decimal(number)) => return Ok(Some(Value::Bool(!number.is_zero()))),
            Some(Value::Text(text)) => text.trim().to_lowercase(),
            other => return Ok(other.cloned()),
        };
        match () {
            () if word.is_empty() => Ok(None),
            () if self.yes.contains(&word) => Ok(Some(Value::Bool(true))),
            () if self.no.contains(&word) => Ok(Some(Value::Bool(false))),
            () => Err(TransformError::drop_value("the text means neither yes nor no")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn numbers_and_words_are_read() {
        let cases = [
            (r#""number""#, "1 234.5", Some("1234.5")),
            (r#""number""#, "-7", Some("-7")),
            (r#""number""#, "1,234", None),
            (r#""number""#, "12 kr", None),
            (r#"{"number": ","}"#, "0,5", Some("0.5")),
            (r#"{"number": {"whole": true}}"#, "2.4", Some("2")),
            (r#""boolean""#, "Nej", Some("false")),
            (r#""boolean""#, "perhaps", None),
            (r#"{"boolean": {"yes": ["Aktiv"], "no": ["Inaktiv"]}}"#, "aktiv", Some("true")),
        ];
        for (call, text, wanted) in cases {
            let got = run(call, &[Some(Value::text(text))]).ok().and_then(|(value, _)| value);
            assert_eq!(got.map(|value| value.to_string()).as_deref(), wanted, "{call} of {text}");
        }
        run(r#"{"number": {"decimal": ",", "group": ","}}"#, &[None]).expect_err("the same sign");
        run(r#"{"boolean": {"yes": ["a"], "no": ["A"]}}"#, &[None]).expect_err("both");
    }

    proptest! {
        #[test]
        fn a_printed_number_reads_back(units: i64, scale in 0..10_u32) {
            let number = Decimal::new(units, scale);
            let got = run(r#""number""#, &[Some(Value::text(number.to_string()))]).unwrap().0;
            prop_assert_eq!(got, Some(Value::Decimal(number)));
        }

        #[test]
        fn no_value_is_too_odd(value in any_value()) {
            for call in [r#""number""#, r#"{"number": {"whole": true}}"#, r#""boolean""#] {
                let _ = run(call, &[Some(value.clone())]);
            }
        }
    }
}
