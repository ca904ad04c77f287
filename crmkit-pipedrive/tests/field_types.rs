//! Every type of core as a custom field, and every type of Pipedrive's as a field of ours: one table each way.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, sync::Arc};

use crmkit_core::{
    Address, DestinationWriter, ErrorKind, FieldName, FieldSchema, FieldType, Fields, ItemKind, Labelled, Markup,
    Money, Operation, OperationKind, PersonName, RecordId, RecordRef, Retry, RichText, SchemaItem, Stored, SystemClock,
    TransformSettings, Value, WriteBatch,
    chrono::{DateTime, NaiveTime, TimeDelta, Utc},
    coerce,
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};
use serde_json::{Value as Json, json};

struct World {
    simulator: PipedriveSimulator,
    crm: Pipedrive,
}

impl World {
    async fn new() -> Self {
        let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
        let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
        config.unlimited = true;
        let crm = Pipedrive::builder(config, Arc::new(SystemClock)).build().unwrap();
        Self { simulator, crm }
    }

    async fn write(&self, object: &str, kind: OperationKind, fields: Fields) -> crmkit_core::Result<Stored> {
        let operations = vec![Operation { kind, fields }];
        let batch = WriteBatch { object: object.into(), operations, send_before: soon() };
        let id = self.crm.write(&batch).await?.remove(0)?.id;
        Ok(self.crm.reader().unwrap().fetch(&object.into(), &[id]).await?.remove(0).unwrap())
    }

    async fn field(&self, object: &str, name: &str) -> FieldSchema {
        let schema = self.crm.describe().await.unwrap().schema;
        let fields = &schema.object(&object.into()).unwrap().fields;
        fields.values().find(|field| field.label == name).unwrap_or_else(|| panic!("{object}.{name}")).clone()
    }

    /// Makes a field as a person would: with a type that only the account's own interface names.
    async fn raw_field(&self, path: &str, body: &Json) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.simulator.url())).json(body);
        let answer = request.header("x-api-token", self.simulator.token()).send().await.unwrap();
        assert!(answer.status().is_success(), "{body}: {}", answer.text().await.unwrap());
    }
}

fn soon() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(60)
}

fn named(object: &str) -> Fields {
    let name = if matches!(object, "deal" | "lead") { "title" } else { "name" };
    [(FieldName::from(name), Value::text("x"))].into_iter().collect()
}

fn time(text: &str) -> Value {
    Value::Time(NaiveTime::parse_from_str(text, "%H:%M:%S").unwrap())
}

fn address() -> Value {
    Value::Address(Arc::new(Address { street: "12 Mill Lane".into(), city: "Leeds".into(), ..Address::default() }))
}

fn money() -> Value {
    Value::Money(Money { amount: "99.95".parse().unwrap(), currency: "USD".into() })
}

/// What the field of a source's type becomes, and what its value is there afterwards; nothing where it cannot be made.
type Row = (FieldType, Option<(&'static str, FieldType)>, Value, Value);

fn rows() -> Vec<Row> {
    let short = || FieldType::Text { max: Some(255) };
    let same = |ty: FieldType, wire: &'static str, back: FieldType, value: Value| {
        (ty, Some((wire, back)), value.clone(), value)
    };
    let moment: DateTime<Utc> = "2024-02-29T23:59:58Z".parse().unwrap();
    let local = moment.naive_utc();
    let name = Value::Name(Arc::new(PersonName { given: "Ann".into(), family: "Lee".into() }));
    let email = Value::Labelled(Arc::new(Labelled { value: "a@b.example".into(), label: None }));
    let rich = Value::Rich(Arc::new(RichText { markup: Markup::Html, text: "<b>x</b>".into() }));
    vec![
        (FieldType::Bool, Some(("enum", FieldType::Option)), Value::Bool(true), Value::text("Yes")),
        (FieldType::Int, Some(("double", FieldType::Decimal)), Value::Int(42), Value::Decimal(42.into())),
        same(FieldType::Decimal, "double", FieldType::Decimal, Value::Decimal("1.5".parse().unwrap())),
        same(FieldType::text(), "varchar", short(), Value::text("short")),
        same(FieldType::Text { max: Some(300) }, "text", FieldType::LongText, Value::text("x".repeat(300))),
        same(FieldType::LongText, "text", FieldType::LongText, Value::text("x".repeat(60_000))),
        same(FieldType::Url, "text", FieldType::LongText, Value::text("https://acme.example/?a=b")),
        same(FieldType::Date, "date", FieldType::Date, Value::Date("2024-02-29".parse().unwrap())),
        same(FieldType::Time, "time", FieldType::Time, time("09:30:00")),
        (FieldType::Local, Some(("varchar", short())), Value::Local(local), Value::text("2024-02-29T23:59:58")),
        (
            FieldType::Timestamp,
            Some(("varchar", short())),
            Value::Timestamp(moment),
            Value::text("2024-02-29T23:59:58Z"),
        ),
        (FieldType::Duration, Some(("varchar", short())), Value::Duration(90), Value::text("90s")),
        same(FieldType::Money, "monetary", FieldType::Money, money()),
        (FieldType::Name, Some(("varchar", short())), name, Value::text("Ann Lee")),
        same(FieldType::Address, "address", FieldType::Address, address()),
        same(FieldType::Option, "enum", FieldType::Option, Value::text("b")),
        (
            FieldType::Options,
            Some(("set", FieldType::Options)),
            Value::List([Value::text("a"), Value::text("c")].into()),
            Value::List([Value::text("a"), Value::text("c")].into()),
        ),
        same(FieldType::link("user"), "user", FieldType::link("user"), link("user", "2")),
        same(FieldType::link("person"), "people", FieldType::link("person"), link("person", "1")),
        same(FieldType::link("organization"), "org", FieldType::link("organization"), link("organization", "1")),
        // The proposer joins lists and takes the text of what has formatting before it asks for a field.
        (FieldType::Emails, Some(("text", FieldType::LongText)), Value::List([email].into()), Value::Null),
        (FieldType::Phones, Some(("text", FieldType::LongText)), Value::List([].into()), Value::Null),
        (FieldType::Rich, Some(("text", FieldType::LongText)), rich, Value::Null),
        (FieldType::link("deal"), None, Value::Null, Value::Null),
        (FieldType::Links { to: vec!["person".into()] }, None, Value::Null, Value::Null),
        (FieldType::Any, None, Value::Null, Value::Null),
    ]
}

fn link(object: &str, id: &str) -> Value {
    Value::link(RecordRef::new(object, id))
}

/// The entries of a pick-list by name.
fn by_name(value: &Value, field: &FieldSchema) -> Value {
    crmkit_core::label_options(value.clone(), field)
}

/// The table of `docs/pipedrive.md`, row by row, on every object with custom fields. Leads have the deals' fields, in v1's notation.
#[tokio::test]
async fn every_type_of_ours_has_a_field_or_none() {
    for object in ["organization", "person", "deal", "lead"] {
        let world = World::new().await;
        let mut parents = Fields::new();
        let acme = world.write("organization", OperationKind::Create, named("organization")).await.unwrap();
        world.write("person", OperationKind::Create, named("person")).await.unwrap();
        if object == "lead" {
            parents.insert("organization_id".into(), link("organization", acme.id.as_str()));
        }
        let mut covered = BTreeSet::new();
        for (at, (ty, made, value, expected)) in rows().into_iter().enumerate() {
            covered.insert(ty.label());
            let name = format!("field {at}");
            let mut item = SchemaItem::new(ItemKind::Field, object, name.as_str());
            item.ty = Some(ty.clone());
            if matches!(ty, FieldType::Option | FieldType::Options) {
                item.options = ["a", "b", "c"].map(str::to_owned).to_vec();
            }
            let created = world.crm.provisioner().unwrap().create(&item, soon()).await;
            let Some((wire, back)) = made else {
                let error = created.unwrap_err();
                assert_eq!((error.kind(), error.retry()), (ErrorKind::Rejected, Retry::Never), "{ty:?}");
                continue;
            };
            let code = created.unwrap();
            let field = world.field(object, &name).await;
            assert_eq!((field.name.as_str(), &field.ty), (code.as_str(), &back), "{object} {ty:?}");
            assert!(field.custom && field.writable && field.clearable, "{object} {ty:?}");
            let dump = world.simulator.dump();
            let table = if object == "lead" { "deal" } else { object };
            let known = &dump["companies"][0]["store"]["tables"][format!("{table}Fields")];
            let known = known.as_array().unwrap().iter().find(|known| known["field_code"] == *code).unwrap();
            assert_eq!(known["field_type"], wire, "{ty:?}");
            if expected == Value::Null {
                continue;
            }
            let value =
                coerce(value, &field, &TransformSettings::default()).unwrap_or_else(|why| panic!("{ty:?}: {why}"));
            let mut record = named(object);
            record.extend(parents.clone());
            record.insert(field.name.clone(), value.clone());
            let stored = world.write(object, OperationKind::Create, record).await;
            let stored = stored.unwrap_or_else(|error| panic!("{object} {ty:?}: {error}"));
            assert_eq!(by_name(&stored.fields[&field.name], &field), expected, "{object} {ty:?}");
            // And it can be taken away again.
            let update = OperationKind::Update { id: stored.id.clone(), version: None };
            let cleared: Fields = [(field.name.clone(), Value::Null)].into_iter().collect();
            let stored = world.write(object, update, cleared).await;
            let stored = stored.unwrap_or_else(|error| panic!("clear {object} {ty:?}: {error}"));
            assert!(!stored.fields.contains_key(&field.name), "{object} {ty:?}");
        }
        let all = [
            FieldType::Bool,
            FieldType::Int,
            FieldType::Decimal,
            FieldType::text(),
            FieldType::LongText,
            FieldType::Rich,
            FieldType::Date,
            FieldType::Time,
            FieldType::Local,
            FieldType::Timestamp,
            FieldType::Duration,
            FieldType::Money,
            FieldType::Name,
            FieldType::Address,
            FieldType::Emails,
            FieldType::Phones,
            FieldType::Url,
            FieldType::Option,
            FieldType::Options,
            FieldType::link("x"),
            FieldType::Links { to: Vec::new() },
            FieldType::Any,
        ];
        assert_eq!(covered, all.iter().map(FieldType::label).collect());
    }
}

/// What people made with types that we never ask for: read and written all the same.
#[tokio::test]
async fn every_type_of_theirs_is_a_field_of_ours() {
    let short = || FieldType::Text { max: Some(255) };
    let table: Vec<(&str, FieldType, Value)> = vec![
        ("varchar", short(), Value::text("x")),
        ("varchar_auto", short(), Value::text("x")),
        ("text", FieldType::LongText, Value::text("x")),
        ("phone", short(), Value::text("+44 113 496 0000")),
        ("double", FieldType::Decimal, Value::Decimal("1.25".parse().unwrap())),
        ("monetary", FieldType::Money, money()),
        ("enum", FieldType::Option, Value::text("b")),
        ("set", FieldType::Options, Value::List([Value::text("a"), Value::text("b")].into())),
        ("date", FieldType::Date, Value::Date("2024-02-29".parse().unwrap())),
        ("daterange", FieldType::Date, Value::Date("2024-02-29".parse().unwrap())),
        ("time", FieldType::Time, time("09:00:00")),
        ("timerange", FieldType::Time, time("09:00:00")),
        ("address", FieldType::Address, address()),
        ("user", FieldType::link("user"), link("user", "2")),
        ("org", FieldType::link("organization"), link("organization", "1")),
        ("people", FieldType::link("person"), link("person", "1")),
    ];
    for (object, path) in [
        ("organization", "/api/v2/organizationFields"),
        ("person", "/api/v2/personFields"),
        ("deal", "/api/v2/dealFields"),
        ("lead", "/api/v2/dealFields"),
    ] {
        let world = World::new().await;
        let acme = world.write("organization", OperationKind::Create, named("organization")).await.unwrap();
        world.write("person", OperationKind::Create, named("person")).await.unwrap();
        for (wire, ty, value) in &table {
            let mut body = json!({"field_name": format!("their {wire}"), "field_type": wire});
            if matches!(*wire, "enum" | "set") {
                body["options"] = json!([{"label": "a"}, {"label": "b"}]);
            }
            world.raw_field(path, &body).await;
            let field = world.field(object, &format!("their {wire}")).await;
            assert_eq!((&field.ty, field.writable), (ty, true), "{wire}");
            let mut record = named(object);
            if object == "lead" {
                record.insert("organization_id".into(), link("organization", acme.id.as_str()));
            }
            let settings = TransformSettings::default();
            record.insert(field.name.clone(), coerce(value.clone(), &field, &settings).unwrap());
            if wire.ends_with("range") {
                let until = world.field(object, &format!("their {wire} (until)")).await;
                let end =
                    if *wire == "daterange" { Value::Date("2024-03-31".parse().unwrap()) } else { time("17:00:00") };
                // One end alone would be kept as nothing.
                let error = world.write(object, OperationKind::Create, record.clone()).await.unwrap_err();
                assert_eq!(error.context("field"), Some(field.name.as_str()), "{error}");
                record.insert(until.name.clone(), end.clone());
                let stored = world.write(object, OperationKind::Create, record).await.unwrap();
                assert_eq!(
                    (&stored.fields[&field.name], &stored.fields[&until.name]),
                    (value, &end),
                    "{object} {wire}"
                );
                // On a record that is there, the other end goes along.
                let update = |id: &RecordId| OperationKind::Update { id: id.clone(), version: None };
                let later =
                    if *wire == "daterange" { Value::Date("2024-04-30".parse().unwrap()) } else { time("18:00:00") };
                let change: Fields = [(until.name.clone(), later.clone())].into_iter().collect();
                let stored = world.write(object, update(&stored.id), change).await.unwrap();
                assert_eq!(
                    (&stored.fields[&field.name], &stored.fields[&until.name]),
                    (value, &later),
                    "{object} {wire}"
                );
                let clear: Fields =
                    [(field.name.clone(), Value::Null), (until.name.clone(), Value::Null)].into_iter().collect();
                let stored = world.write(object, update(&stored.id), clear).await.unwrap();
                assert!(!stored.fields.contains_key(&field.name) && !stored.fields.contains_key(&until.name));
                continue;
            }
            let stored = world.write(object, OperationKind::Create, record).await;
            let stored = stored.unwrap_or_else(|error| panic!("{object} {wire}: {error}"));
            assert_eq!(by_name(&stored.fields[&field.name], &field), *value, "{object} {wire}");
        }
    }
}

/// What does not fit is refused before anything is sent, with the field's name.
#[tokio::test]
async fn what_does_not_fit_is_refused_unsent() {
    let world = World::new().await;
    for (ty, value) in [
        (FieldType::text(), Value::text("x".repeat(256))),
        (FieldType::LongText, Value::text("x".repeat(65_001))),
        (FieldType::Decimal, Value::Decimal("0.12345678901234567890123".parse().unwrap())),
    ] {
        let mut item = SchemaItem::new(ItemKind::Field, "person", ty.label());
        item.ty = Some(ty);
        let code = world.crm.provisioner().unwrap().create(&item, soon()).await.unwrap();
        world.crm.describe().await.unwrap();
        let before = world.simulator.requests().len();
        let mut record = named("person");
        record.insert(code.as_str().into(), value);
        let error = world.write("person", OperationKind::Create, record).await.unwrap_err();
        assert_eq!((error.kind(), error.context("field")), (ErrorKind::Rejected, Some(code.as_str())), "{error}");
        assert_eq!(world.simulator.requests().len(), before);
    }
    let mut item = SchemaItem::new(ItemKind::Field, "person", "too many");
    item.ty = Some(FieldType::Option);
    item.options = (0..10_001).map(|at| format!("option {at}")).collect();
    let before = world.simulator.requests().len();
    let error = world.crm.provisioner().unwrap().create(&item, soon()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(world.simulator.requests().len(), before);
    assert_eq!(world.crm.describe().await.unwrap().caps["options_per_field"], 10_000);
}
