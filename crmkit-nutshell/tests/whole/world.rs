//! A small source with one of everything, a simulator, and a migration between them.

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{
    Approval, Clock, Error, FieldConcept, FieldSchema, FieldType, Labelled, MemoryLedger, Migration, Money,
    ObjectConcept, ObjectSchema, Plan, Record, RecordRef, RichText, Value,
    chrono::{DateTime, Utc},
    simulator::JumpingClock,
    testing::MockSource,
};
use crmkit_nutshell::{
    Nutshell, NutshellConfig,
    simulator::{NutshellSimulator, Switches},
};
use serde_json::{Value as Json, json};

/// Tables whose live rows are counted.
pub(crate) const TABLES: [&str; 6] = ["accounts", "contacts", "leads", "activities", "notes", "files"];

pub(crate) struct World {
    pub(crate) simulator: NutshellSimulator,
    pub(crate) source: Arc<MockSource>,
    pub(crate) crm: Arc<Nutshell>,
    pub(crate) plan: Plan,
    pub(crate) clock: Arc<dyn Clock>,
    migration: Migration,
}

impl World {
    /// One in which every n-th answer is lost.
    pub(crate) async fn start(switches: Switches, drop_every: u64) -> Self {
        let clock = JumpingClock::new();
        let builder = NutshellSimulator::builder().jumping_clock(&clock).switches(switches).drop_every(drop_every);
        let simulator = builder.log(100_000, 4_000).start().await.unwrap();
        let mut config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
        config.unlimited = true;
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let crm = Arc::new(Nutshell::builder(config, clock.clone()).build().unwrap());
        let source = Arc::new(source());
        let plan =
            Plan::from_toml(include_str!("plan.toml"), "plan.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
        let migration = Migration::builder("whole")
            .source(source.clone())
            .destination(crm.clone())
            .ledger(Arc::new(MemoryLedger::new(clock.clone())))
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { simulator, source, crm, plan, clock, migration }
    }

    pub(crate) fn migration(&self) -> &Migration {
        &self.migration
    }

    /// Prepared, sampled, and the run admitted.
    pub(crate) async fn admitted(&self) -> Result<Approval, Error> {
        let migration = &self.migration;
        let approval = migration.approve_plan(&self.plan, "ann").await?;
        migration.prepare(&approval).await?;
        let sample = migration.sample(&approval).await?;
        migration.approve_sample(&sample, "ann").await
    }

    /// How many rows of each table are not in the trash.
    pub(crate) fn live(&self) -> BTreeMap<&'static str, usize> {
        TABLES.into_iter().map(|table| (table, self.rows(table).len())).filter(|(_, count)| *count > 0).collect()
    }

    pub(crate) fn rows(&self, table: &str) -> Vec<Json> {
        let live = |row: &Json| row.get("deletedTime").is_none_or(Json::is_null);
        let mut rows: Vec<Json> = self.simulator.rows(table).into_iter().filter(live).collect();
        if table == "files" {
            // They go with what they hang on, which the store does not say.
            let leads = self.rows("leads");
            let activities = self.rows("activities");
            rows.retain(|row| {
                let parent = &row["parent"];
                leads.iter().any(|lead| parent["type"] == "leads" && lead["id"] == parent["id"])
                    || activities.iter().any(|one| parent["type"] == "notes" && one["logNote"] == parent["id"])
            });
        }
        if table == "notes" {
            // What says how an activity went is no note of its own.
            rows.retain(|row| row["parent"]["type"] != "activities");
        }
        rows
    }

    /// The one live row whose key has the value.
    pub(crate) fn row(&self, table: &str, key: &str, value: &str) -> Json {
        let mut rows: Vec<Json> = self.rows(table).into_iter().filter(|row| row[key] == value).collect();
        assert_eq!(rows.len(), 1, "{table} {key} {value}");
        rows.remove(0)
    }

    /// The name of whoever an id stands for.
    pub(crate) fn user(&self, id: &Json) -> Json {
        self.simulator
            .rows("users")
            .into_iter()
            .find(|user| user["id"] == *id)
            .map_or(json!(null), |user| user["name"].clone())
    }
}

/// The default answers with these changed.
pub(crate) fn switched(changes: &Json) -> Switches {
    let mut switches = json!(Switches::default());
    for (name, value) in changes.as_object().expect("changes by name") {
        switches[name] = value.clone();
    }
    serde_json::from_value(switches).expect("switches")
}

pub(crate) fn record(object: &str, id: &str, owner: &str) -> Record {
    Record::new(RecordRef::new(object, id)).with("owner", link("users", owner))
}

pub(crate) fn link(object: &str, id: &str) -> Value {
    Value::link(RecordRef::new(object, id))
}

pub(crate) fn links(object: &str, ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| link(object, id)).collect())
}

pub(crate) fn rich(html: &str) -> Value {
    Value::Rich(Arc::new(RichText { markup: crmkit_core::Markup::Html, text: html.into() }))
}

pub(crate) fn moment(text: &str) -> Value {
    Value::Timestamp(text.parse::<DateTime<Utc>>().unwrap())
}

fn labelled(values: &[(&str, Option<&str>)]) -> Value {
    let one = |(value, label): &(&str, Option<&str>)| {
        Value::Labelled(Arc::new(Labelled { value: (*value).into(), label: label.map(Into::into) }))
    };
    Value::List(values.iter().map(one).collect())
}

fn money(amount: &str) -> Value {
    Value::Money(Money { amount: amount.parse().unwrap(), currency: "USD".into() })
}

pub(crate) fn companies() -> Vec<Record> {
    vec![
        record("companies", "c1", "anna")
            .with("name", Value::text("Acme"))
            .with("website", Value::text("acme.example"))
            .with("phones", labelled(&[("734-555-9090", None)]))
            .with("tags", Value::List([Value::text("VIP")].into()))
            .with("budget", money("1500.5")),
        record("companies", "c2", "cecily").with("name", Value::text("Beta")),
    ]
}

pub(crate) fn calls() -> Vec<Record> {
    vec![
        record("calls", "k1", "cecily")
            .with("subject", Value::text("Intro"))
            .with("start", moment("2020-03-01T15:00:00Z"))
            .with("duration", Value::Duration(95))
            .with("outcome", Value::text("voicemail"))
            .with("disposition", Value::text("busy @[x]"))
            .with("contact", link("contacts", "p2")),
    ]
}

fn source() -> MockSource {
    let user = |id: &str, email: &str| Record::new(RecordRef::new("users", id)).with("email", Value::text(email));
    let text = |name: &str| FieldSchema::new(name, name, FieldType::text());
    let of = |name: &str, ty| FieldSchema::new(name, name, ty);
    let to = |name: &str, object: &str| FieldSchema::new(name, name, FieldType::link(object));
    let object = |name: &str, concept| {
        ObjectSchema::new(name, name, concept).with(to("owner", "users").means(FieldConcept::Owner))
    };
    let contacts = [
        record("contacts", "p1", "anna")
            .with("name", Value::text("Joan Smith"))
            .with("emails", labelled(&[("joan@work.example", Some("work")), ("joan@home.example", Some("home"))]))
            .with("phones", labelled(&[("+46 8 123 456", Some("cell"))]))
            .with("company", link("companies", "c1"))
            .with("tier", Value::text("Gold"))
            .with("topics", Value::text("Support;Price, terms"))
            .with("since", Value::Date("2019-05-06".parse().unwrap()))
            .with("score", Value::Decimal("7.25".parse().unwrap())),
        record("contacts", "p2", "cecily")
            .with("name", Value::text("Kim"))
            .with("emails", labelled(&[("kim@work.example", None)])),
    ];
    let deals = [
        record("deals", "d1", "anna")
            .with("name", Value::text("Renewal"))
            .with("amount", money("15000"))
            .with("stage", Value::text("Open"))
            .with("company", link("companies", "c1"))
            .with("people", links("contacts", &["p1", "p2"]))
            .with("due", Value::Date("2030-01-31".parse().unwrap())),
        record("deals", "d2", "cecily").with("name", Value::text("Old one")).with("stage", Value::text("Won")),
    ];
    let leads = [
        record("leads", "l1", "anna")
            .with("name", Value::text("From the fair"))
            .with("source", Value::List([Value::text("Trade show")].into()))
            .with("converted", Value::Bool(false)),
        record("leads", "l2", "anna")
            .with("name", Value::text("Converted"))
            .with("source", Value::List([Value::text("Website")].into()))
            .with("converted", Value::Bool(true))
            .with("contact", link("contacts", "p1")),
    ];
    let tasks = [
        record("tasks", "t1", "anna")
            .with("subject", Value::text("Send contract"))
            .with("due", moment("2030-12-01T17:00:00Z"))
            .with("done", Value::Bool(false))
            .with("priority", Value::text("High"))
            .with("deal", link("deals", "d1")),
        record("tasks", "t2", "cecily")
            .with("subject", Value::text("Call back"))
            .with("due", moment("2020-12-01T17:00:00Z"))
            .with("done", Value::Bool(true))
            .with("completed", moment("2020-11-30T08:00:00Z")),
    ];
    let meetings = [record("meetings", "m1", "anna")
        .with("subject", Value::text("Kick-off"))
        .with("start", moment("2030-02-01T09:00:00Z"))
        .with("end", moment("2030-02-01T10:00:00Z"))
        .with("location", Value::text("Room 1"))
        .with("agenda", Value::text("plans"))
        .with("series", Value::text("s-9"))
        .with("company", link("companies", "c2"))
        .with("people", links("contacts", &["p2", "p1"]))];
    let note = |id: &str, html: &str| {
        record("notes", id, "cecily").with("body", rich(html)).with("written", moment("2019-01-02T03:04:05Z"))
    };
    let notes = [
        note("n1", "<p>Hello @[Contacts:1]<br>again</p>").with("company", link("companies", "c1")),
        note("n2", "<p>Hello @[Contacts:1]<br>again</p>").with("company", link("companies", "c1")),
        note("n3", "deal").with("deal", link("deals", "d1")),
    ];
    let file = |id: &str, bytes: &str| {
        record("files", id, "anna")
            .with("name", Value::text(format!("{id}.txt")))
            .with("mime", Value::text("text/plain"))
            .with("size", Value::Int(bytes.len() as i64))
    };
    let files = [
        file("f1", "on a deal").with("deal", link("deals", "d1")),
        file("f2", "on a person").with("contact", link("contacts", "p1")),
        file("f3", "on a person too").with("contact", link("contacts", "p1")),
        file("f4", "on a call").with("call", link("calls", "k1")),
    ];
    let rich_text = || FieldType::Rich;
    MockSource::new("export-1")
        .with_object(
            ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email").means(FieldConcept::Emails)),
            [user("anna", "anna.snelling@maven.example"), user("cecily", "cecily.lampkin@maven.example")],
        )
        .with_object(
            object("companies", ObjectConcept::Organization)
                .with(text("name"))
                .with(of("website", FieldType::Url))
                .with(of("phones", FieldType::Phones))
                .with(of("tags", FieldType::Options))
                .with(of("budget", FieldType::Money)),
            companies(),
        )
        .with_object(
            object("contacts", ObjectConcept::Person)
                .with(text("name"))
                .with(of("emails", FieldType::Emails))
                .with(of("phones", FieldType::Phones))
                .with(to("company", "companies"))
                .with(text("tier"))
                .with(text("topics"))
                .with(of("since", FieldType::Date))
                .with(of("score", FieldType::Decimal)),
            contacts,
        )
        .with_object(
            object("deals", ObjectConcept::Deal)
                .with(text("name"))
                .with(of("amount", FieldType::Money))
                .with(text("stage"))
                .with(to("company", "companies"))
                .with(of("people", FieldType::Links { to: vec!["contacts".into()] }))
                .with(of("due", FieldType::Date)),
            deals,
        )
        .with_object(
            object("leads", ObjectConcept::Lead)
                .with(text("name"))
                .with(of("source", FieldType::Options))
                .with(of("converted", FieldType::Bool))
                .with(to("contact", "contacts")),
            leads,
        )
        .with_object(
            object("tasks", ObjectConcept::Activity)
                .with(text("subject"))
                .with(of("due", FieldType::Timestamp))
                .with(of("done", FieldType::Bool))
                .with(of("completed", FieldType::Timestamp))
                .with(text("priority"))
                .with(to("deal", "deals")),
            tasks,
        )
        .with_object(
            object("calls", ObjectConcept::Activity)
                .with(text("subject"))
                .with(of("start", FieldType::Timestamp))
                .with(of("duration", FieldType::Duration))
                .with(text("outcome"))
                .with(text("disposition"))
                .with(to("contact", "contacts")),
            calls(),
        )
        .with_object(
            object("meetings", ObjectConcept::Activity)
                .with(text("subject"))
                .with(of("start", FieldType::Timestamp))
                .with(of("end", FieldType::Timestamp))
                .with(text("location"))
                .with(text("agenda"))
                .with(text("series"))
                .with(to("company", "companies"))
                .with(of("people", FieldType::Links { to: vec!["contacts".into()] })),
            meetings,
        )
        .with_object(
            object("notes", ObjectConcept::Note)
                .with(of("body", rich_text()))
                .with(of("written", FieldType::Timestamp))
                .with(to("company", "companies"))
                .with(to("deal", "deals")),
            notes,
        )
        .with_object(
            object("files", ObjectConcept::File)
                .with(text("name"))
                .with(text("mime"))
                .with(of("size", FieldType::Int).means(FieldConcept::Size))
                .with(to("deal", "deals"))
                .with(to("contact", "contacts"))
                .with(to("call", "calls")),
            files,
        )
        .with_file("f1", *b"on a deal")
        .with_file("f2", *b"on a person")
        .with_file("f3", *b"on a person too")
        .with_file("f4", *b"on a call")
}
