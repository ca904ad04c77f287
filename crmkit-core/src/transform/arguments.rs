//! Reading a plan line's arguments.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{FactoryInput, TransformError};
use crate::Value;

/// Arguments that may be left out, written bare or as a table.
pub(super) struct Arguments;

impl Arguments {
    /// The arguments as a table; a bare one stands for the entry `short`, none for an empty table.
    pub(super) fn read<T: DeserializeOwned>(
        input: FactoryInput<'_>,
        transform: &str,
        short: &str,
    ) -> Result<T, TransformError> {
        let table = match input.arguments {
            Json::Null => Json::Object(serde_json::Map::new()),
            Json::Object(_) => input.arguments.clone(),
            bare => Json::Object([(short.to_owned(), bare.clone())].into_iter().collect()),
        };
        serde_json::from_value(table)
            .map_err(|error| TransformError::hold(format!("the arguments of {transform} are wrong: {error}")))
    }

    /// That there are none.
    pub(super) fn none(input: FactoryInput<'_>, transform: &str) -> Result<(), TransformError> {
        match input.arguments {
            Json::Null => Ok(()),
            _ => Err(TransformError::hold(format!("{transform} takes no arguments"))),
        }
    }

    /// A text, number or yes/no as a value.
    pub(super) fn scalar(json: &Json, transform: &str) -> Result<Value, TransformError> {
        match json {
            Json::String(text) => Ok(Value::text(text.as_str())),
            Json::Bool(yes) => Ok(Value::Bool(*yes)),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Ok(Value::Int(whole)),
                None => number
                    .to_string()
                    .parse()
                    .map(Value::Decimal)
                    .map_err(|_| TransformError::hold(format!("{transform} has a number that is out of range"))),
            },
            _ => Err(TransformError::hold(format!("{transform} takes a text, a number, or true or false"))),
        }
    }
}
