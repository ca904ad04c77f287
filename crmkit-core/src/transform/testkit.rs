//! What the tests of transforms share.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{Applied, TransformError, TransformSettings, Transforms};
use crate::{FieldName, Labelled, Markup, Money, PersonName, RichText, TransformCall, Value};

pub(super) fn settings() -> TransformSettings {
    TransformSettings {
        time_zone: Some(chrono_tz::Europe::Stockholm),
        date_zone: Some(chrono_tz::Europe::Stockholm),
        currency: Some("EUR".into()),
        ..TransformSettings::default()
    }
}

/// Runs one call, written as JSON, on inputs named `a`, `b`, `c`.
pub(super) fn run(call: &str, inputs: &[Option<Value>]) -> Result<Applied, TransformError> {
    let call: TransformCall = serde_json::from_str(call).expect("a call");
    let names: Vec<FieldName> = ["a", "b", "c"].into_iter().map(FieldName::from).take(inputs.len()).collect();
    Transforms::standard().preview(&[call], &names, inputs, &settings())
}

pub(super) fn labelled(text: &str) -> Value {
    Value::Labelled(Arc::new(Labelled { value: text.into(), label: None }))
}

pub(super) fn note_free(notes: &[String]) -> bool {
    notes.is_empty()
}

pub(super) fn any_value() -> impl Strategy<Value = Value> {
    let day = (-200_000..200_000_i32).prop_filter_map("a day", NaiveDate::from_num_days_from_ce_opt);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(|cents| Value::Decimal(Decimal::new(cents, 2))),
        ".{0,12}".prop_map(Value::text),
        "[ -~]{0,20}".prop_map(Value::text),
        day.clone().prop_map(Value::Date),
        day.prop_filter_map("a time", |day| day.and_hms_opt(2, 30, 0)).prop_map(Value::Local),
        (0..4_000_000_000_i64)
            .prop_filter_map("a moment", |seconds| DateTime::from_timestamp(seconds, 0))
            .prop_map(Value::Timestamp),
        any::<i64>().prop_map(|cents| Value::Money(Money { amount: Decimal::new(cents, 2), currency: "EUR".into() })),
        ("[a-zA-Z ]{0,8}", "[a-z]{0,8}").prop_map(|(given, family)| Value::Name(Arc::new(PersonName {
            given: given.into(),
            family: family.into()
        }))),
        "[a-zA-Z@. ]{0,12}".prop_map(|text| labelled(&text)),
        ".{0,12}".prop_map(|text| Value::Rich(Arc::new(RichText { markup: Markup::Html, text: text.into() }))),
        "[a-z]{1,4}".prop_map(Value::option),
    ];
    leaf.prop_recursive(1, 4, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(|values| Value::List(values.into()))
    })
}
