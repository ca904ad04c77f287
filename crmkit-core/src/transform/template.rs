//! The transform that fills a text with values.

use serde::Deserialize;

use super::{Arguments, FactoryInput, FieldContext, FieldTransform, TransformError, each::some_types};
use crate::{FieldType, Value};

/// `template`: a text with the line's source fields in braces. After `|` stands what a missing one becomes; without it, a
/// missing one becomes nothing, with a note. Braces themselves are written double. Absent when all fields are.
///
/// A link shows the id it links to. A template that is not the line's first transform has one input, `{value}`.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let call = TransformCall::with("template", "{product} for {account|no account}");
/// let (value, _) = Transforms::standard().preview(
///     &[call],
///     &["product".into(), "account".into()],
///     &[Some(Value::text("GTX Pro")), None],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("GTX Pro for no account")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<PartOfText>,
    inputs: usize,
}

#[derive(Debug)]
enum PartOfText {
    Plain(String),
    Input { index: usize, name: String, missing: Option<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: String,
}

impl Template {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let written: Written = Arguments::read(input, "template", "text")?;
        let names: Vec<&str> =
            if input.from.is_empty() { vec!["value"] } else { input.from.iter().map(|name| name.as_str()).collect() };
        Ok(Self { parts: parse(&written.text, &names)?, inputs: names.len() })
    }
}

fn parse(text: &str, names: &[&str]) -> Result<Vec<PartOfText>, TransformError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(doubled) = after.strip_prefix(brace) {
            plain.push_str(brace);
            rest = doubled;
            continue;
        }
        let (inside, tail) = (brace == "{").then(|| after.split_once('}')).flatten().ok_or_else(|| {
            TransformError::hold("the template has a brace without its partner; write {{ or }} for one")
        })?;
        let (name, missing) = match inside.split_once('|') {
            Some((name, missing)) => (name.trim(), Some(missing.to_owned())),
            None => (inside.trim(), None),
        };
        let index = names.iter().position(|known| *known == name).ok_or_else(|| {
            TransformError::hold(format!(
                "the template names {{{name}}}, which is none of the inputs {}",
                names.join(", ")
            ))
        })?;
        if !plain.is_empty() {
            parts.push(PartOfText::Plain(std::mem::take(&mut plain)));
        }
        parts.push(PartOfText::Input { index, name: name.to_owned(), missing });
        rest = tail;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(PartOfText::Plain(plain));
    }
    Ok(parts)
}

impl FieldTransform for Template {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        some_types(inputs, "template")?;
        if inputs.len() == self.inputs {
            Ok(FieldType::text())
        } else {
            Err(TransformError::inputs("template", self.inputs))
        }
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        if inputs.len() != self.inputs {
            return Err(TransformError::inputs("template", self.inputs));
        }
        let filled = |index: usize| inputs[index].as_ref().filter(|value| !value.is_empty());
        if (0..inputs.len()).all(|index| filled(index).is_none()) {
            return Ok(None);
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                PartOfText::Plain(plain) => text.push_str(plain),
                PartOfText::Input { index, name, missing } => match (filled(*index), missing) {
                    (Some(Value::Ref(to)), _) => text.push_str(to.id.as_str()),
                    (Some(value), _) => text.push_str(&value.to_string()),
                    (None, Some(missing)) => text.push_str(missing),
                    (None, None) => cx.note(format!("the template's {name} is missing")),
                },
            }
        }
        Ok(Some(Value::text(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn templates_fill() {
        let (x, y) = (Some(Value::text("x")), Some(Value::Int(2)));
        let cases = [
            ("{a}-{b}", [x.clone(), y.clone()], Some("x-2")),
            ("{a}-{b}", [x.clone(), None], Some("x-")),
            ("{a|?}-{b|none}", [None, y.clone()], Some("?-2")),
            ("{a|?}", [None, None], None),
            ("{{{a}}} }}", [x.clone(), None], Some("{x} }")),
            ("fixed", [x.clone(), None], Some("fixed")),
        ];
        for (text, inputs, wanted) in cases {
            let call = serde_json::json!({ "template": text }).to_string();
            assert_eq!(run(&call, &inputs).unwrap().0, wanted.map(Value::text), "{text}");
        }
    }

    #[test]
    fn wrong_templates_are_refused() {
        for text in ["{", "}", "{x}", "{a", "{}"] {
            let call = serde_json::json!({ "template": text }).to_string();
            run(&call, &[Some(Value::text("x"))]).expect_err(text);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,20}", value in any_value()) {
            let call = serde_json::json!({ "template": text }).to_string();
            let _ = run(&call, &[Some(value)]);
        }

        #[test]
        fn text_without_fields_stays(text in "[^{}]{0,20}") {
            let doubled = serde_json::json!({ "template": text.as_str() }).to_string();
            let got = run(&doubled, &[Some(Value::Int(1))]).unwrap().0;
            prop_assert_eq!(got, Some(Value::text(text)));
        }
    }
}
