use chrono::{NaiveDate, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::{PersonName, RecordRef};

fn field(ty: FieldType) -> FieldSchema {
    let mut field = FieldSchema::new("field", "Field", ty);
    for (id, label) in
        [("1", "Large"), ("2", "Small"), ("3", "Yes"), ("4", "No"), ("5", "2"), ("6", "two"), ("7", "TWO")]
    {
        field.options.push(OptionSchema { id: id.into(), label: label.into() });
    }
    field
}

fn settings() -> TransformSettings {
    TransformSettings {
        time_zone: Some(chrono_tz::Europe::Stockholm),
        currency: Some("EUR".into()),
        ..TransformSettings::default()
    }
}

fn labelled(text: &str) -> Value {
    Value::Labelled(Arc::new(Labelled { value: text.into(), label: None }))
}

#[test]
fn values_become_what_the_field_takes() {
    let day = NaiveDate::from_ymd_opt(2024, 3, 1).unwrap();
    let local = day.and_hms_opt(9, 0, 0).unwrap();
    let half = Decimal::new(15, 1);
    let money = |currency: &str| Value::Money(Money { amount: half, currency: currency.into() });
    let cases = [
        (Value::Int(3), FieldType::Decimal, Some(Value::Decimal(3.into()))),
        (Value::Decimal(3.into()), FieldType::Int, Some(Value::Int(3))),
        (Value::Decimal(half), FieldType::Int, None),
        (Value::Int(3), FieldType::text(), Some(Value::text("3"))),
        (Value::Date(day), FieldType::text(), Some(Value::text("2024-03-01"))),
        (Value::text("abc"), FieldType::Text { max: Some(2) }, None),
        (Value::text("åäö"), FieldType::Text { max: Some(3) }, Some(Value::text("åäö"))),
        (Value::text("Large"), FieldType::Option, Some(Value::option("1"))),
        (Value::text(" large "), FieldType::Option, Some(Value::option("1"))),
        (Value::text("2"), FieldType::Option, Some(Value::option("5"))),
        (Value::option("2"), FieldType::Option, Some(Value::option("2"))),
        (Value::text("Two"), FieldType::Option, None),
        (Value::text("Huge"), FieldType::Option, None),
        (Value::Bool(true), FieldType::Option, Some(Value::option("3"))),
        (
            Value::List([Value::text("Large"), Value::text("large")].into()),
            FieldType::Options,
            Some(Value::List([Value::option("1")].into())),
        ),
        (Value::text("a@b.se"), FieldType::Emails, Some(Value::List([labelled("a@b.se")].into()))),
        (labelled("1"), FieldType::Phones, Some(Value::List([labelled("1")].into()))),
        (Value::Decimal(half), FieldType::Money, Some(money("EUR"))),
        (money("EUR"), FieldType::Decimal, Some(Value::Decimal(half))),
        (money("SEK"), FieldType::Decimal, None),
        (
            Value::text("a<b"),
            FieldType::Rich,
            Some(Value::Rich(Arc::new(RichText { markup: Markup::Html, text: "a&lt;b".into() }))),
        ),
        (
            Value::Local(local),
            FieldType::Timestamp,
            Some(Value::Timestamp(Utc.with_ymd_and_hms(2024, 3, 1, 8, 0, 0).unwrap())),
        ),
        (Value::Date(day), FieldType::Timestamp, None),
        (Value::Timestamp(Utc::now()), FieldType::Date, None),
        (
            Value::Name(Arc::new(PersonName { given: "Ada".into(), family: "Lovelace".into() })),
            FieldType::text(),
            Some(Value::text("Ada Lovelace")),
        ),
        (
            Value::text("Main St 1"),
            FieldType::Address,
            Some(Value::Address(Arc::new(Address { street: "Main St 1".into(), ..Address::default() }))),
        ),
        (Value::Rich(Arc::new(RichText { markup: Markup::Html, text: "x".into() })), FieldType::text(), None),
        (Value::Null, FieldType::Date, Some(Value::Null)),
    ];
    for (value, ty, wanted) in cases {
        let got = coerce(value.clone(), &field(ty.clone()), &settings());
        assert_eq!(got.ok(), wanted, "{value:?} to {ty:?}");
    }
}

#[test]
fn hours_that_clocks_skip_or_repeat_are_not_guessed() {
    for (month, day) in [(3, 31), (10, 27)] {
        let local = NaiveDate::from_ymd_opt(2024, month, day).unwrap().and_hms_opt(2, 30, 0).unwrap();
        coerce(Value::Local(local), &field(FieldType::Timestamp), &settings()).expect_err("not one moment");
    }
}

#[test]
fn messages_never_carry_the_value() {
    for ty in types() {
        if let Err(message) = coerce(Value::text("s3cret"), &field(ty), &settings()) {
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}

fn types() -> Vec<FieldType> {
    use FieldType as T;
    vec![
        T::Bool,
        T::Int,
        T::Decimal,
        T::Text { max: Some(3) },
        T::text(),
        T::LongText,
        T::Rich,
        T::Date,
        T::Time,
        T::Local,
        T::Timestamp,
        T::Duration,
        T::Money,
        T::Name,
        T::Address,
        T::Emails,
        T::Phones,
        T::Url,
        T::Option,
        T::Options,
        T::link("companies"),
        T::Any,
    ]
}

/// A value of a type, as a source with that type gives it.
fn natural(ty: &FieldType, text: &str, number: i64) -> Value {
    let day = NaiveDate::from_ymd_opt(2024, 5, 17).unwrap();
    match ty {
        FieldType::Bool => Value::Bool(number % 2 == 0),
        FieldType::Int => Value::Int(number),
        FieldType::Decimal => Value::Decimal(Decimal::new(number, 2)),
        FieldType::Rich => Value::Rich(Arc::new(RichText { markup: Markup::Html, text: text.into() })),
        FieldType::Date => Value::Date(day),
        FieldType::Time => Value::Time(day.and_hms_opt(1, 2, 3).unwrap().time()),
        FieldType::Local => Value::Local(day.and_hms_opt(1, 2, 3).unwrap()),
        FieldType::Timestamp => Value::Timestamp(Utc.with_ymd_and_hms(2024, 5, 17, 1, 2, 3).unwrap()),
        FieldType::Duration => Value::Duration(number),
        FieldType::Money => Value::Money(Money { amount: Decimal::new(number, 2), currency: "EUR".into() }),
        FieldType::Name => Value::Name(Arc::new(PersonName { given: text.into(), family: "".into() })),
        FieldType::Address => Value::Address(Arc::new(Address { city: text.into(), ..Address::default() })),
        FieldType::Emails | FieldType::Phones => Value::List([labelled(text)].into()),
        FieldType::Option => Value::option("1"),
        FieldType::Options => Value::List([Value::option("1"), Value::text("Small")].into()),
        FieldType::Link { .. } => Value::link(RecordRef::new("companies", "1")),
        FieldType::Links { .. } => Value::List([Value::link(RecordRef::new("companies", "1"))].into()),
        _ => Value::text(text),
    }
}

proptest! {
    #[test]
    fn a_coerced_value_coerces_to_itself(text in ".{0,6}", number: i64, from in 0..22_usize, to in 0..22_usize) {
        let (from, to) = (&types()[from], types()[to].clone());
        let to = field(to);
        if let Ok(once) = coerce(natural(from, &text, number), &to, &settings()) {
            prop_assert_eq!(coerce(once.clone(), &to, &settings()), Ok(once));
            // Addresses and numbers have one form of value: only their types tell them apart.
            let listed = |ty: &FieldType| matches!(ty, FieldType::Emails | FieldType::Phones);
            prop_assert!(matches!(from, FieldType::Any) || (listed(from) && listed(&to.ty)) || can_coerce(from, &to.ty), "{:?} to {:?}", from, to.ty);
        }
    }
}
