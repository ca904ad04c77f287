//! Transforms that choose between values.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Arguments, FactoryInput, FieldContext, FieldTransform, TransformError, each::some_types};
use crate::{FieldType, Value};

/// `constant`: the same value for every record, `{ constant = "Migrated" }`.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::with("constant", "call")],
///     &[],
///     &[],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("call")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Constant(Value);

impl Constant {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::scalar(input.arguments, "constant").map(Self)
    }
}

impl FieldTransform for Constant {
    fn output(&self, _: &[FieldType]) -> Result<FieldType, TransformError> {
        Ok(type_of(&self.0))
    }

    fn apply(&self, _: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        Ok(Some(self.0.clone()))
    }
}

fn type_of(value: &Value) -> FieldType {
    match value {
        Value::Bool(_) => FieldType::Bool,
        Value::Int(_) => FieldType::Int,
        Value::Decimal(_) => FieldType::Decimal,
        _ => FieldType::text(),
    }
}

/// `coalesce`: the first input with a value; with `{ coalesce = "none" }` that text where none has one.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("coalesce")],
///     &["mobile".into(), "phone".into()],
///     &[None, Some(Value::text("+46 8 123"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("+46 8 123")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Coalesce {
    default: Option<Value>,
}

impl Coalesce {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let default = match input.arguments {
            Json::Null => None,
            bare => Some(Arguments::scalar(bare, "coalesce")?),
        };
        Ok(Self { default })
    }
}

impl FieldTransform for Coalesce {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        some_types(inputs, "coalesce")?;
        let kind = |ty: &FieldType| std::mem::discriminant(ty);
        let default = self.default.as_ref().map(type_of);
        let first = &inputs[0];
        let alike = inputs.iter().chain(&default).all(|ty| kind(ty) == kind(first));
        let longest = matches!(first, FieldType::Text { .. }) && inputs.iter().chain(&default).any(|ty| ty != first);
        Ok(match () {
            () if longest && alike => FieldType::text(),
            () if alike => first.clone(),
            () => FieldType::Any,
        })
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let filled = inputs.iter().flatten().find(|value| !value.is_empty());
        Ok(filled.or(self.default.as_ref()).cloned())
    }
}

/// `only_if`: the second input where the first one's text is one of `{ only_if = ["Won"] }`, otherwise nothing.
///
/// `{ only_if = { none_of = ["Open"] } }` turns it round. Texts are compared trimmed and without regard to case.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let call = TransformCall::with("only_if", serde_json::json!(["Won"]));
/// let day = Value::text("2024-01-01");
/// let of = |stage: &str| {
///     let inputs = [Some(Value::text(stage)), Some(day.clone())];
///     let names = ["stage".into(), "closed".into()];
///     Transforms::standard().preview(&[call.clone()], &names, &inputs, &TransformSettings::default())
/// };
/// assert_eq!(of("won")?.0, Some(day.clone()));
/// assert_eq!(of("Lost")?.0, None);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnlyIf {
    #[serde(default)]
    one_of: Option<Vec<String>>,
    #[serde(default)]
    none_of: Option<Vec<String>>,
}

impl OnlyIf {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let only_if: Self = Arguments::read(input, "only_if", "one_of")?;
        if only_if.one_of.is_none() && only_if.none_of.is_none() {
            return Err(TransformError::hold("only_if takes the texts that let the value through"));
        }
        Ok(only_if)
    }
}

impl FieldTransform for OnlyIf {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        match inputs {
            [_, value] => Ok(value.clone()),
            _ => Err(TransformError::inputs("only_if", 2)),
        }
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let [selector, value] = inputs else { return Err(TransformError::inputs("only_if", 2)) };
        let fold = |text: &str| text.trim().to_lowercase();
        let selector = selector.as_ref().map(|value| fold(&value.to_string())).unwrap_or_default();
        let among = |texts: &Vec<String>| texts.iter().any(|text| fold(text) == selector);
        let passes = self.one_of.as_ref().is_none_or(among) && !self.none_of.as_ref().is_some_and(among);
        Ok(if passes { value.clone() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn the_right_value_is_chosen() {
        let (x, y, empty) = (Some(Value::text("x")), Some(Value::text("y")), Some(Value::text("")));
        let cases = [
            (r#"{"constant": true}"#, vec![], Some(Value::Bool(true))),
            (r#"{"constant": 1.5}"#, vec![x.clone()], Some(Value::Decimal("1.5".parse().unwrap()))),
            (r#""coalesce""#, vec![empty.clone(), y.clone()], y.clone()),
            (r#""coalesce""#, vec![None], None),
            (r#"{"coalesce": "z"}"#, vec![None, empty.clone()], Some(Value::text("z"))),
            (r#"{"only_if": ["X"]}"#, vec![x.clone(), y.clone()], y.clone()),
            (r#"{"only_if": ["z"]}"#, vec![x.clone(), y.clone()], None),
            (r#"{"only_if": {"none_of": ["x"]}}"#, vec![None, y.clone()], y.clone()),
        ];
        for (call, inputs, wanted) in cases {
            assert_eq!(run(call, &inputs).unwrap().0, wanted, "{call}");
        }
        for call in [r#"{"constant": [1]}"#, r#""constant""#, r#""only_if""#] {
            run(call, &[None, None]).expect_err(call);
        }
    }

    proptest! {
        #[test]
        fn what_is_chosen_was_there(values in proptest::collection::vec(proptest::option::of(any_value()), 1..4)) {
            let chosen = run(r#""coalesce""#, &values).unwrap().0;
            prop_assert!(chosen.is_none() || values.contains(&chosen));
        }
    }
}
