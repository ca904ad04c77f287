//! The transform that keeps several fields as one text in JSON.

use serde_json::{Map, Value as Json, json};

use super::{Arguments, FactoryInput, FieldContext, FieldTransform, TransformError, each::some_types};
use crate::{FieldName, FieldType, Value};

/// `json`: all inputs with a value as a JSON object in a text, by their names. Numbers with decimals, days and times are texts, so
/// that no digit is lost.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("json")],
///     &["breed".into(), "age".into()],
///     &[Some(Value::text("Collie")), Some(Value::Int(4))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text(r#"{"breed":"Collie","age":4}"#)));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct ToJson {
    names: Vec<FieldName>,
}

impl ToJson {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "json")?;
        Ok(Self { names: input.from.to_vec() })
    }
}

impl FieldTransform for ToJson {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        some_types(inputs, "json")?;
        Ok(FieldType::LongText)
    }

    fn apply(&self, inputs: &[Option<Value>], _: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        // After another transform there is one value, and no name for it.
        if self.names.len() != inputs.len() {
            let [one] = inputs else { return Err(TransformError::inputs("json", 1)) };
            return Ok(one
                .as_ref()
                .filter(|value| !value.is_empty())
                .map(|value| Value::text(json(value).to_string())));
        }
        let filled = self.names.iter().zip(inputs).filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let mut written = String::from("{");
        for (name, value) in filled.filter(|(_, value)| !value.is_empty()) {
            if written.len() > 1 {
                written.push(',');
            }
            // In the plan's order, which a JSON map of this build may not keep.
            written.push_str(&Json::from(name.as_str()).to_string());
            written.push(':');
            written.push_str(&json(value).to_string());
        }
        written.push('}');
        Ok((written.len() > 2).then(|| Value::text(written)))
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(yes) => Json::from(*yes),
        Value::Int(number) => Json::from(*number),
        Value::List(values) => values.iter().map(json).collect(),
        Value::Money(money) => json!({ "amount": money.amount.to_string(), "currency": &*money.currency }),
        Value::Name(name) => json!({ "given": &*name.given, "family": &*name.family }),
        Value::Address(at) => {
            let parts = [
                ("street", &at.street),
                ("city", &at.city),
                ("region", &at.region),
                ("postal_code", &at.postal_code),
                ("country", &at.country),
            ];
            let filled = parts.into_iter().filter(|(_, part)| !part.is_empty());
            Json::Object(filled.map(|(name, part)| (name.to_owned(), Json::from(&**part))).collect::<Map<_, _>>())
        }
        Value::Labelled(labelled) => match &labelled.label {
            Some(label) => json!({ "label": &**label, "value": &*labelled.value }),
            None => Json::from(&*labelled.value),
        },
        other => Json::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, labelled, run};
    use super::*;

    #[test]
    fn fields_are_kept_by_name_and_in_order() {
        let money = Value::Money(crate::Money { amount: "10.50".parse().unwrap(), currency: "EUR".into() });
        for (inputs, wanted) in [
            (vec![Some(Value::text("x \"y\"")), None, Some(Value::Bool(true))], r#"{"a":"x \"y\"","c":true}"#),
            (vec![Some(Value::List([labelled("p"), Value::Int(2)].into()))], r#"{"a":["p",2]}"#),
            (vec![Some(Value::text("")), Some(money)], r#"{"b":{"amount":"10.50","currency":"EUR"}}"#),
            (vec![Some(Value::Decimal("0.10".parse().unwrap()))], r#"{"a":"0.10"}"#),
        ] {
            assert_eq!(run(r#""json""#, &inputs).unwrap().0, Some(Value::text(wanted)));
        }
        assert_eq!(run(r#""json""#, &[None, Some(Value::Null)]).unwrap().0, None);
    }

    proptest! {
        #[test]
        fn whatever_it_is_the_text_is_json(a in any_value(), b in any_value()) {
            if let Some(Value::Text(text)) = run(r#""json""#, &[Some(a), Some(b)]).unwrap().0 {
                let read: Json = serde_json::from_str(&text).unwrap();
                prop_assert!(read.is_object());
            }
        }
    }
}
