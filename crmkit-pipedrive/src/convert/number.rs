//! Exact decimals through JSON numbers, which are binary at the other side.

use crmkit_core::rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Number, Value as Json};

/// Whole numbers beyond this are not exact at the other side.
const EXACT: i64 = 1 << 53;

/// A decimal as a JSON number. `None` where the other side would keep another number.
pub(super) fn to_json(number: Decimal) -> Option<Json> {
    let number = number.normalize();
    if number.is_integer() {
        return int_to_json(number.to_i64()?);
    }
    let float = Number::from_f64(number.to_f64()?)?;
    let json = Json::Number(float);
    (from_json(&json)? == number).then_some(json)
}

/// A whole number as a JSON number. `None` where the other side would keep another number.
pub(super) fn int_to_json(number: i64) -> Option<Json> {
    (number.abs() <= EXACT).then(|| Json::from(number))
}

/// A JSON number as a decimal, without trailing zeros: the shortest decimal that means the same.
pub(super) fn from_json(json: &Json) -> Option<Decimal> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return None,
    };
    let number = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    Some(number.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_travel_exactly_or_not_at_all() {
        for text in ["0", "1.50", "-0.1", "999.99", "1234567890.12", "9007199254740992", "0.000001", "1e3"] {
            let number = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).unwrap();
            let json = to_json(number).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(from_json(&json), Some(number), "{text}");
        }
        for text in ["0.1234567890123456789012", "9007199254740993", "12345678901234567.89"] {
            assert_eq!(to_json(text.parse().unwrap()), None, "{text}");
        }
        assert_eq!(from_json(&serde_json::json!(1e21)), Some("1000000000000000000000".parse().unwrap()));
    }
}
