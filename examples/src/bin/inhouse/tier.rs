//! A transform of our own: from a yearly revenue to the tier that sales works by.

use crmkit_core::{
    FactoryInput, FieldContext, FieldTransform, FieldType, TransformError, Value, rust_decimal::Decimal,
};
use serde::Deserialize;

/// `{ tier = { gold = 100000, silver = 10000, below = "bronze" } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tier {
    gold: Decimal,
    silver: Decimal,
    below: String,
}

impl Tier {
    /// The name that plans call it by.
    pub(crate) const NAME: &str = "tier";

    /// Builds it from the plan line's arguments.
    pub(crate) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let tier: Self = input.parse()?;
        if tier.gold <= tier.silver {
            return Err(TransformError::hold("gold begins above silver"));
        }
        Ok(tier)
    }
}

impl FieldTransform for Tier {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        match inputs {
            [FieldType::Int | FieldType::Decimal] => Ok(FieldType::text()),
            _ => Err(TransformError::hold("tier takes one number")),
        }
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let revenue = match inputs {
            [Some(Value::Int(number))] => Decimal::from(*number),
            [Some(Value::Decimal(number))] => *number,
            [other] => return Ok(other.clone()),
            _ => return Err(TransformError::inputs(Self::NAME, 1)),
        };
        cx.note("a revenue became a tier");
        let tier = match revenue {
            revenue if revenue >= self.gold => "gold",
            revenue if revenue >= self.silver => "silver",
            _ => &self.below,
        };
        Ok(Some(Value::text(tier)))
    }
}
