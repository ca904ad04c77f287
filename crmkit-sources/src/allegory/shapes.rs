//! Records with the same fields are copies of one without values: hashing every field's name anew for every row costs more than
//! reading its cells.

use std::collections::HashMap;

use crmkit_core::{FieldName, Value};
use indexmap::IndexMap;

use super::table::Field;

/// Which fields a record has, a bit for each.
type Present = u128;

/// Sets of fields that are kept. Rows of more kinds are made one by one.
const MOST: usize = 256;

/// Records without values, by which fields they have.
#[derive(Debug, Default)]
pub(super) struct Shapes(HashMap<Present, IndexMap<FieldName, Value>>);

impl Shapes {
    /// The fields of a record, of which those without a value are absent.
    pub(super) fn fill(&mut self, fields: &[Field], values: &mut Vec<Option<Value>>) -> IndexMap<FieldName, Value> {
        let named = |values: &mut Vec<Option<Value>>| {
            let named = fields.iter().zip(values.drain(..));
            named.filter_map(|(field, value)| Some((field.name.clone(), value?))).collect()
        };
        if fields.len() > Present::BITS as usize {
            return named(values);
        }
        let present = values.iter().rev().fold(0, |bits, value| bits << 1 | Present::from(value.is_some()));
        let Some(shape) = self.0.get(&present) else {
            let record: IndexMap<FieldName, Value> = named(values);
            if self.0.len() < MOST {
                self.0.insert(present, record.keys().map(|name| (name.clone(), Value::Null)).collect());
            }
            return record;
        };
        let mut record = shape.clone();
        for (place, value) in record.values_mut().zip(values.drain(..).flatten()) {
            *place = value;
        }
        record
    }
}
