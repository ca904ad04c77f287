//! Working on the texts inside a value.

use std::sync::Arc;

use super::TransformError;
use crate::{FieldType, Labelled, Value};

/// The value with every text in it replaced; `None` from `change` leaves it out. Values without texts stay as they are.
pub(super) fn on_texts(
    value: &Value,
    change: &mut impl FnMut(&str) -> Result<Option<String>, TransformError>,
) -> Result<Option<Value>, TransformError> {
    Ok(match value {
        Value::Text(text) => change(text)?.map(Value::text),
        Value::Labelled(labelled) => change(&labelled.value)?
            .map(|value| Value::Labelled(Arc::new(Labelled { value: value.into(), label: labelled.label.clone() }))),
        Value::List(values) => {
            let mut changed = Vec::with_capacity(values.len());
            for value in values.iter() {
                changed.extend(on_texts(value, change)?);
            }
            (!changed.is_empty() || values.is_empty()).then(|| Value::List(changed.into()))
        }
        other => Some(other.clone()),
    })
}

/// The only input of a transform that takes one.
pub(super) fn one<'a>(inputs: &'a [Option<Value>], transform: &str) -> Result<Option<&'a Value>, TransformError> {
    match inputs {
        [input] => Ok(input.as_ref()),
        _ => Err(TransformError::inputs(transform, 1)),
    }
}

/// The type of the only input of a transform that takes one.
pub(super) fn one_type<'a>(inputs: &'a [FieldType], transform: &str) -> Result<&'a FieldType, TransformError> {
    match inputs {
        [input] => Ok(input),
        _ => Err(TransformError::inputs(transform, 1)),
    }
}

/// That there is at least one input.
pub(super) fn some_types(inputs: &[FieldType], transform: &str) -> Result<(), TransformError> {
    match inputs {
        [] => Err(TransformError::hold(format!("{transform} takes at least one input"))),
        _ => Ok(()),
    }
}

/// Whether values of this type may be texts.
pub(super) fn is_textual(ty: &FieldType) -> bool {
    use FieldType as T;
    matches!(ty, T::Text { .. } | T::LongText | T::Url | T::Option | T::Options | T::Emails | T::Phones | T::Any)
}

/// Refuses a type that the transform would leave untouched.
pub(super) fn wants(fits: bool, transform: &str, what: &str, got: &FieldType) -> Result<(), TransformError> {
    if fits { Ok(()) } else { Err(TransformError::hold(format!("{transform} takes {what}, not {}", got.label()))) }
}
