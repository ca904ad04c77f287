//! Every type of field, made, written, read back, changed and cleared: what the server keeps, and what core sees of it.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    Address, DestinationWriter, FieldName, FieldType, Fields, ItemKind, Labelled, Markup, Money, Operation,
    OperationKind, PersonName, RecordRef, RichText, SchemaItem, Stored, SystemClock, Value, WriteBatch,
    chrono::{NaiveDate, TimeDelta, Utc},
};
use crmkit_twenty::{
    Twenty, TwentyConfig,
    simulator::{Switches, TwentySimulator, Version},
};
use serde_json::{Value as Json, json};

const COMPANY: &str = "20202020-0000-5000-8000-000000000001";
const PERSON: &str = "20202020-0000-5000-8000-000000000002";

struct Case {
    ty: FieldType,
    label: &'static str,
    options: &'static [&'static str],
    written: Value,
    /// What is in the server's row, of composites the parts named here.
    row: Json,
    /// What is read back, where it is spelt in another way.
    read: Option<Value>,
}

fn labelled(values: &[(&str, Option<&str>)]) -> Value {
    let one = |(value, label): &(&str, Option<&str>)| {
        Value::Labelled(Arc::new(Labelled { value: (*value).into(), label: label.map(Into::into) }))
    };
    Value::List(values.iter().map(one).collect())
}

fn plain(values: &[&str]) -> Value {
    labelled(&values.iter().map(|value| (*value, None)).collect::<Vec<_>>())
}

fn texts(values: &[&str]) -> Value {
    Value::List(values.iter().map(|value| Value::text(*value)).collect())
}

fn rich(markup: Markup, text: &str) -> Value {
    Value::Rich(Arc::new(RichText { markup, text: text.into() }))
}

fn money(amount: &str, currency: &str) -> Value {
    Value::Money(Money { amount: amount.parse().unwrap(), currency: currency.into() })
}

fn cases() -> Vec<Case> {
    let case = |ty, label, written, row| Case { ty, label, options: &[], written, row, read: None };
    let spelt = |ty, label, written, row, read| Case { read: Some(read), ..case(ty, label, written, row) };
    let street = Address {
        street: "1 Main".into(),
        city: "Lund".into(),
        region: "Skåne".into(),
        postal_code: "223 50".into(),
        country: "Sweden".into(),
    };
    let parts = json!({"addressStreet1": "1 Main", "addressStreet2": "", "addressCity": "Lund", "addressState": "Skåne",
        "addressPostcode": "223 50", "addressCountry": "Sweden"});
    vec![
        case(FieldType::text(), "Plain", Value::text(" kept, with spaces "), json!(" kept, with spaces ")),
        case(FieldType::LongText, "Long", Value::text("x".repeat(70_000)), json!("x".repeat(70_000))),
        case(FieldType::Bool, "Flag", Value::Bool(false), json!(false)),
        case(FieldType::Int, "Whole", Value::Int(-9_007_199_254_740_992), json!(-9_007_199_254_740_992_i64)),
        case(FieldType::Decimal, "Part", Value::Decimal("0.1".parse().unwrap()), json!(0.1)),
        case(FieldType::Date, "Day", Value::Date(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()), json!("2024-02-29")),
        case(
            FieldType::Timestamp,
            "Moment",
            Value::Timestamp("2024-02-29T23:59:59.123Z".parse().unwrap()),
            json!("2024-02-29T23:59:59.123Z"),
        ),
        case(
            FieldType::Money,
            "Worth",
            money("1234.567891", "EUR"),
            json!({"amountMicros": 1_234_567_891, "currencyCode": "EUR"}),
        ),
        spelt(FieldType::Money, "Owed", money("-5.00", "USD"), json!({"amountMicros": -5_000_000}), money("-5", "USD")),
        case(
            FieldType::Name,
            "Also known as",
            Value::Name(Arc::new(PersonName { given: "Ada".into(), family: "de Lovelace".into() })),
            json!({"firstName": "Ada", "lastName": "de Lovelace"}),
        ),
        case(FieldType::Address, "Site", Value::Address(Arc::new(street)), parts),
        spelt(
            FieldType::Emails,
            "Mailboxes",
            labelled(&[("Info@Acme.Example", Some("work")), ("b@acme.example", None), ("INFO@acme.example", None)]),
            json!({"primaryEmail": "info@acme.example", "additionalEmails": ["b@acme.example"]}),
            plain(&["info@acme.example", "b@acme.example"]),
        ),
        spelt(
            FieldType::Phones,
            "Numbers",
            labelled(&[("+33 6 12 34 56 78", Some("mobile")), ("+46 70 123 45 67", None), ("+49 30 901820", None)]),
            json!({"primaryPhoneNumber": "612345678", "primaryPhoneCountryCode": "FR", "primaryPhoneCallingCode": "+33",
                "additionalPhones": [{"number": "701234567", "callingCode": "+46", "countryCode": "SE"},
                    {"number": "30901820", "callingCode": "+49", "countryCode": "DE"}]}),
            plain(&["+33612345678", "+46701234567", "+4930901820"]),
        ),
        spelt(
            FieldType::Url,
            "Sites",
            texts(&["HTTPS://WWW.Acme.Example/", "https://Two.example/Path/"]),
            json!({"primaryLinkUrl": "https://www.acme.example", "secondaryLinks": [{"url": "https://two.example/Path", "label": ""}]}),
            texts(&["https://www.acme.example", "https://two.example/Path"]),
        ),
        case(FieldType::Url, "Bare", Value::text("Acme.Example"), json!({"primaryLinkUrl": "Acme.Example"})),
        case(
            FieldType::Rich,
            "Story",
            rich(Markup::Markdown, "# Hi\n\n- a\n- b"),
            json!({"markdown": "# Hi\n\n- a\n- b"}),
        ),
        spelt(
            FieldType::Rich,
            "Markup",
            rich(Markup::Html, "<p>a <b>bold</b> &amp; <a href=\"https://x.example\">link</a></p>"),
            json!({"markdown": "a **bold** & [link](https://x.example)"}),
            rich(Markup::Markdown, "a **bold** & [link](https://x.example)"),
        ),
        Case {
            options: &["1-10", "Big, bigger"],
            ..case(FieldType::Option, "Size", Value::option("N_1_10"), json!("N_1_10"))
        },
        Case {
            options: &["Red", "Blue", "Red"],
            ..case(
                FieldType::Options,
                "Colours",
                Value::List([Value::option("BLUE"), Value::option("RED_2")].into()),
                json!(["BLUE", "RED_2"]),
            )
        },
        case(FieldType::Any, "Words", texts(&["one", "two, three"]), json!(["one", "two, three"])),
        case(FieldType::link("person"), "Champion", Value::link(RecordRef::new("person", PERSON)), json!(PERSON)),
    ]
}

struct Bench {
    simulator: TwentySimulator,
    twenty: Twenty,
}

impl Bench {
    async fn start(version: Version) -> Self {
        let switches = Switches::of(version);
        let builder = TwentySimulator::builder().version(version).switches(switches).limits(false);
        let simulator = builder.start().await.unwrap();
        let mut config = TwentyConfig::at(simulator.url(), simulator.token());
        config.unlimited = true;
        let twenty = Twenty::builder(config, Arc::new(SystemClock)).build().unwrap();
        Self { simulator, twenty }
    }

    async fn write(&self, object: &str, operations: Vec<Operation>) -> Vec<Stored> {
        let send_before = Utc::now() + TimeDelta::seconds(60);
        let batch = WriteBatch { object: object.into(), operations, send_before };
        let written = self.twenty.write(&batch).await.unwrap();
        written.into_iter().map(|result| result.unwrap().stored.expect("the record comes back")).collect()
    }

    async fn create(&self, object: &str, fields: Fields) -> Stored {
        self.write(object, vec![Operation { kind: OperationKind::Create, fields }]).await.remove(0)
    }

    fn company(&self) -> Json {
        self.simulator.rows("companies").into_iter().find(|row| row["id"] == COMPANY).unwrap()
    }
}

fn fields(pairs: impl IntoIterator<Item = (FieldName, Value)>) -> Fields {
    pairs.into_iter().collect()
}

/// Whether the row has what is expected, whatever else it has.
fn has(row: &Json, expected: &Json) -> bool {
    match expected {
        Json::Object(parts) => parts.iter().all(|(name, part)| has(&row[name], part)),
        Json::String(text) if text.is_empty() => row.as_str().is_none_or(str::is_empty),
        Json::Array(items) => row
            .as_array()
            .is_some_and(|row| row.len() == items.len() && row.iter().zip(items).all(|(row, item)| has(row, item))),
        Json::Number(_) => row.as_f64() == expected.as_f64(),
        other => row == other,
    }
}

async fn every_type(version: Version) {
    let bench = Bench::start(version).await;
    bench.twenty.describe().await.unwrap();
    bench.create("person", fields([("id".into(), Value::text(PERSON)), ("name".into(), name("P"))])).await;
    let cases = cases();
    let mut names: Vec<FieldName> = Vec::new();
    for case in &cases {
        let mut item = SchemaItem::new(ItemKind::Field, "company", case.label);
        item.ty = Some(case.ty.clone());
        item.options = case.options.iter().map(|option| (*option).to_owned()).collect();
        let soon = Utc::now() + TimeDelta::seconds(60);
        let made = bench.twenty.provisioner().unwrap().create(&item, soon).await;
        names.push(made.unwrap_or_else(|error| panic!("{}: {error}", case.label)).as_str().into());
    }
    let described = bench.twenty.describe().await.unwrap();
    let company = described.schema.object(&"company".into()).unwrap();
    for (case, name) in cases.iter().zip(&names) {
        let field = &company.fields[name];
        assert_eq!((field.ty.label(), field.label.as_str()), (case.ty.label(), case.label), "{version}");
        assert!(field.custom && field.clearable && field.writable, "{name}");
    }
    let all = || names.iter().zip(&cases).map(|(name, case)| (name.clone(), case.written.clone()));
    let own = [("id".into(), Value::text(COMPANY)), ("name".into(), Value::text("Acme"))];
    let check = |stored: &Stored, way: &str| {
        let row = bench.company();
        for (case, name) in cases.iter().zip(&names) {
            assert!(has(&row[name.as_str()], &case.row), "{version} {way} {}: {}", case.label, row[name.as_str()]);
            let read = stored.fields.get(name);
            assert_eq!(read, Some(case.read.as_ref().unwrap_or(&case.written)), "{version} {way} {}", case.label);
            let same = read == Some(&case.written);
            assert!(same || bench.twenty.respells(&company.fields[name], &case.written, read), "{}", case.label);
        }
    };
    check(&bench.create("company", fields(own.clone().into_iter().chain(all()))).await, "create");
    // Cleared one by one, then filled again, over both interfaces: one record by itself, and two in one call.
    let kind = || OperationKind::Update { id: COMPANY.into(), version: None };
    let other = Operation {
        kind: OperationKind::Update { id: COMPANY.into(), version: None },
        fields: fields([("name".into(), Value::text("Acme"))]),
    };
    for together in [false, true] {
        let batch = |fields: Fields| {
            let one = Operation { kind: kind(), fields };
            if together { vec![one, other.clone()] } else { vec![one] }
        };
        let nothing = batch(fields(names.iter().map(|name| (name.clone(), Value::Null))));
        let cleared = bench.write("company", nothing).await.remove(0);
        for name in &names {
            assert_eq!(
                cleared.fields.get(name),
                None,
                "{version} together {together} {name} {}",
                bench.company()[name.as_str()]
            );
        }
        let filled = bench.write("company", batch(fields(all()))).await.remove(0);
        check(&filled, if together { "update together" } else { "update" });
        let fetched = bench.twenty.reader().unwrap().fetch(&"company".into(), &[COMPANY.into()]).await.unwrap();
        assert_eq!(fetched[0].as_ref().unwrap().fields, filled.fields);
    }
}

fn name(given: &str) -> Value {
    Value::Name(Arc::new(PersonName { given: given.into(), family: "".into() }))
}

#[tokio::test]
async fn every_type_goes_both_ways() {
    every_type(Version::V2_19).await;
}

#[tokio::test]
async fn every_type_goes_both_ways_in_other_releases() {
    for version in [Version::V0_5, Version::V1_4, Version::V1_10, Version::Later] {
        every_type(version).await;
    }
}

/// What the server would refuse or keep in another way is refused here, and the field is named.
#[tokio::test]
async fn what_cannot_be_kept_is_refused_before_it_is_sent() {
    let bench = Bench::start(Version::V2_19).await;
    bench.twenty.describe().await.unwrap();
    let cases = [
        ("person", "phones", plain(&["555-0100"])),
        ("person", "phones", plain(&["+46701234567", "12"])),
        ("person", "emails", plain(&["not-an-address"])),
        ("person", "jobTitle", Value::text("a\0b")),
        ("person", "jobTitle", Value::Int(5)),
        ("person", "companyId", Value::link(RecordRef::new("company", "no-uuid"))),
        ("person", "companyId", Value::link(RecordRef::new("person", PERSON))),
        ("opportunity", "amount", money("0.0000001", "EUR")),
        ("opportunity", "amount", money("9007199254.740993", "EUR")),
        ("opportunity", "stage", Value::option("WON")),
        ("opportunity", "stage", Value::Null),
        ("company", "nonsense", Value::text("x")),
        ("note", "targetCompanyId", Value::link(RecordRef::new("company", COMPANY))),
    ];
    let before = bench.simulator.requests().len();
    for (object, field, value) in cases {
        let fields = fields([(field.into(), value.clone()), ("name".into(), Value::text("x"))]);
        let batch = WriteBatch {
            object: object.into(),
            operations: vec![Operation { kind: OperationKind::Create, fields }],
            send_before: Utc::now() + TimeDelta::seconds(60),
        };
        let error = bench.twenty.write(&batch).await.unwrap().remove(0).unwrap_err();
        assert_eq!(error.kind(), crmkit_core::ErrorKind::Rejected, "{object}.{field} {value:?}");
        assert_eq!(error.context("field"), Some(field), "{error:?}");
        assert_eq!(error.retry(), crmkit_core::Retry::Never);
    }
    assert_eq!(bench.simulator.requests().len(), before);
}

/// Who made a record and when is kept, on create and on update.
#[tokio::test]
async fn times_and_author_are_kept() {
    let bench = Bench::start(Version::V2_19).await;
    bench.twenty.describe().await.unwrap();
    let at = |time: &str| Value::Timestamp(time.parse().unwrap());
    let stamps = [
        ("createdAt".into(), at("2019-01-02T03:04:05Z")),
        ("updatedAt".into(), at("2020-01-02T03:04:05Z")),
        ("createdBy".into(), Value::text("Legacy User")),
    ];
    let own = [("id".into(), Value::text(COMPANY)), ("name".into(), Value::text("Acme"))];
    bench.create("company", fields(own.into_iter().chain(stamps))).await;
    let row = bench.company();
    assert_eq!(row["createdAt"], "2019-01-02T03:04:05.000Z");
    assert_eq!(row["updatedAt"], "2020-01-02T03:04:05.000Z");
    assert_eq!((&row["createdBy"]["name"], &row["createdBy"]["source"]), (&json!("Legacy User"), &json!("IMPORT")));
    let later = [
        ("createdAt".into(), at("2018-01-02T03:04:05Z")),
        ("updatedAt".into(), at("2021-01-02T03:04:05Z")),
        ("createdBy".into(), Value::text("Somebody Else")),
    ];
    let kind = OperationKind::Update { id: COMPANY.into(), version: None };
    let stored = bench.write("company", vec![Operation { kind, fields: fields(later) }]).await.remove(0);
    assert_eq!(stored.fields["createdBy"], Value::text("Somebody Else"));
    let row = bench.company();
    assert_eq!(
        (&row["createdAt"], &row["updatedAt"]),
        (&json!("2018-01-02T03:04:05.000Z"), &json!("2021-01-02T03:04:05.000Z"))
    );
}
