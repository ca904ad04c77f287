//! The transform that replaces values by a table.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Arguments, FactoryInput, FieldContext, FieldTransform, TransformError, each::some_types};
use crate::{FieldType, Value};

/// `value_map`: replaces values by a table, `{ value_map = { Hot = "A", Cold = "B" } }`.
///
/// In full: `{ value_map = { map = { … }, default = "C" } }` or `otherwise = "keep" | "drop" | "hold"`; a value that is not in
/// the table holds the record by default. Several inputs are joined by `/`: `"Sales/Prospecting"`. A list is mapped entry by
/// entry. A key fits exactly, or trimmed and without regard to case where only one does. Absent stays absent.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let call = TransformCall::with("value_map", serde_json::json!({ "Sales/Won": "won", "Sales/Lost": "lost" }));
/// let (value, _) = Transforms::standard().preview(
///     &[call],
///     &["pipeline".into(), "stage".into()],
///     &[Some(Value::text("Sales")), Some(Value::text("Won"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("won")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct ValueMap {
    exact: IndexMap<String, Value>,
    /// By trimmed lower-case key; `None` where several keys share one.
    folded: IndexMap<String, Option<Value>>,
    otherwise: Otherwise,
    default: Option<Value>,
    field: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Otherwise {
    Keep,
    Drop,
    #[default]
    Hold,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    map: IndexMap<String, Json>,
    #[serde(default)]
    default: Option<Json>,
    #[serde(default)]
    otherwise: Option<Otherwise>,
}

impl ValueMap {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let bare = input.arguments.get("map").is_none_or(|map| !map.is_object());
        let wrapped = if bare { serde_json::json!({ "map": input.arguments }) } else { input.arguments.clone() };
        let written: Written = Arguments::read(FactoryInput { arguments: &wrapped, ..input }, "value_map", "map")?;
        if written.default.is_some() && written.otherwise.is_some() {
            return Err(TransformError::hold("value_map takes default or otherwise, not both"));
        }
        let mut exact = IndexMap::new();
        let mut folded: IndexMap<String, Option<Value>> = IndexMap::new();
        for (key, value) in &written.map {
            let value = Arguments::scalar(value, "value_map")?;
            folded
                .entry(fold(key))
                .and_modify(|known| {
                    if known.as_ref() != Some(&value) {
                        *known = None;
                    }
                })
                .or_insert_with(|| Some(value.clone()));
            exact.insert(key.clone(), value);
        }
        Ok(Self {
            exact,
            folded,
            otherwise: written.otherwise.unwrap_or_default(),
            default: written.default.as_ref().map(|value| Arguments::scalar(value, "value_map")).transpose()?,
            field: match input.from {
                [] => "the line".to_owned(),
                names => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("/"),
            },
        })
    }

    fn one(&self, text: &str, cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let known = self.exact.get(text).or_else(|| self.folded.get(&fold(text))?.as_ref());
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        if let Some(default) = &self.default {
            cx.note(format!("a value of {} that is not in the table became the default", self.field));
            return Ok(Some(default.clone()));
        }
        match self.otherwise {
            Otherwise::Keep => Ok(Some(Value::text(text))),
            Otherwise::Drop => {
                cx.note(format!("a value of {} that is not in the table left out", self.field));
                Ok(None)
            }
            Otherwise::Hold => {
                Err(TransformError::hold(format!("the value of {} is not in the value map", self.field)))
            }
        }
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

impl FieldTransform for ValueMap {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        some_types(inputs, "value_map")?;
        let types = self.exact.values().chain(&self.default).map(|value| match value {
            Value::Bool(_) => FieldType::Bool,
            Value::Int(_) => FieldType::Int,
            Value::Decimal(_) => FieldType::Decimal,
            _ => FieldType::text(),
        });
        let kept = (self.otherwise == Otherwise::Keep && self.default.is_none()).then(FieldType::text);
        let mut types: Vec<FieldType> = types.chain(kept).collect();
        types.dedup();
        Ok(match (inputs, &types[..]) {
            ([FieldType::Options], _) => FieldType::Options,
            (_, []) => FieldType::text(),
            (_, [one]) => one.clone(),
            _ => FieldType::Any,
        })
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        match inputs {
            [Some(Value::List(values))] => {
                let mut mapped: Vec<Value> = Vec::new();
                for value in values.iter() {
                    mapped.extend(self.one(&value.to_string(), cx)?.filter(|value| !mapped.contains(value)));
                }
                Ok((!mapped.is_empty()).then(|| Value::List(mapped.into())))
            }
            inputs if inputs.iter().flatten().all(Value::is_empty) => Ok(inputs.first().cloned().flatten()),
            inputs => {
                let texts: Vec<String> =
                    inputs.iter().map(|value| value.as_ref().map(Value::to_string).unwrap_or_default()).collect();
                self.one(&texts.join("/"), cx)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn values_are_replaced() {
        let text = |text: &str| Some(Value::text(text));
        let cases = [
            (r#"{"value_map": {"Hot": "A"}}"#, text("Hot"), Ok(text("A"))),
            (r#"{"value_map": {"Hot": "A"}}"#, text(" hot"), Ok(text("A"))),
            (r#"{"value_map": {"Hot": "A", "HOT": "B"}}"#, text("hot"), Err(true)),
            (r#"{"value_map": {"Hot": "A", "HOT": "A"}}"#, text("hot"), Ok(text("A"))),
            (r#"{"value_map": {"Hot": 1}}"#, text("Hot"), Ok(Some(Value::Int(1)))),
            (r#"{"value_map": {"Hot": "A"}}"#, text("Cold"), Err(true)),
            (r#"{"value_map": {"Hot": "A"}}"#, None, Ok(None)),
            (r#"{"value_map": {"map": {"Hot": "A"}, "default": "C"}}"#, text("Cold"), Ok(text("C"))),
            (r#"{"value_map": {"map": {"Hot": "A"}, "otherwise": "keep"}}"#, text("Cold"), Ok(text("Cold"))),
            (r#"{"value_map": {"map": {"Hot": "A"}, "otherwise": "drop"}}"#, text("Cold"), Ok(None)),
            (r#"{"value_map": {"map": "A"}}"#, text("map"), Ok(text("A"))),
            (
                r#"{"value_map": {"a": "x", "b": "x"}}"#,
                Some(Value::List([Value::text("a"), Value::text("b")].into())),
                Ok(Some(Value::List([Value::text("x")].into()))),
            ),
        ];
        for (call, value, wanted) in cases {
            let got = run(call, &[value]).map(|(value, _)| value).map_err(|error| error.hold);
            assert_eq!(got, wanted, "{call}");
        }
        for call in [r#""value_map""#, r#"{"value_map": {"a": []}}"#, r#"{"value_map": {"map": {}, "els": 1}}"#] {
            run(call, &[text("a")]).expect_err(call);
        }
    }

    #[test]
    fn messages_name_the_field_and_not_the_value() {
        let error = run(r#"{"value_map": {"x": "y"}}"#, &[Some(Value::text("s3cret")), None]).expect_err("unmapped");
        assert_eq!(error.message, "the value of a/b is not in the value map");
    }

    proptest! {
        #[test]
        fn every_key_finds_its_value(keys in proptest::collection::hash_set("[a-zA-Z ]{1,4}", 1..6)) {
            let map: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), format!("to {key}").into())).collect();
            let call = serde_json::json!({ "value_map": { "map": map } }).to_string();
            for key in keys {
                let got = run(&call, &[Some(Value::text(key.as_str()))]).unwrap().0;
                prop_assert_eq!(got, Some(Value::text(format!("to {key}"))));
            }
        }

        #[test]
        fn no_value_is_too_odd(value in any_value()) {
            let _ = run(r#"{"value_map": {"map": {"a": "b"}, "otherwise": "drop"}}"#, &[Some(value)]);
        }
    }
}
