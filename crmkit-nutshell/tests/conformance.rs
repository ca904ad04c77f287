//! The rules for destinations, through the simulator: records found by marker, notes by what they hang on.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    Clock, DestinationWriter, FieldName, FieldType, Fields, ItemKind, Markup, ObjectName, Operation, OperationKind,
    RecordRef, RichText, SchemaItem, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::{BodyPredicate, Effect, Fault, JumpingClock},
    testing::conformance::{
        broken,
        destination::{DestinationHarness, RetriesLostCreates, WriteFault, rules},
    },
};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};

/// A simulator with a connector, both on a clock that does not keep anybody waiting.
struct Bench {
    simulator: NutshellSimulator,
    clock: JumpingClock,
    crm: Arc<Nutshell>,
    marker: FieldName,
    /// Something for notes to hang on, written before the rules begin.
    anchors: Vec<RecordRef>,
}

impl Bench {
    async fn start(object: &str, anchors: usize) -> Self {
        let clock = JumpingClock::new();
        let simulator = NutshellSimulator::builder().jumping_clock(&clock).start().await.unwrap();
        let mut config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
        config.unlimited = true;
        let crm = Arc::new(Nutshell::builder(config, Arc::new(clock.clone())).build().unwrap());
        let soon = clock.now() + TimeDelta::seconds(60);
        let marker = SchemaItem {
            kind: ItemKind::Field,
            object: object.into(),
            parent: None,
            name: "crmkit_id".into(),
            ty: Some(FieldType::Text { max: Some(255) }),
            options: Vec::new(),
            probability: None,
            conditions: Vec::new(),
        };
        let marker = match object {
            "note" | "activity" => String::new(),
            _ => crm.provisioner().unwrap().create(&marker, soon).await.unwrap(),
        };
        let mut bench = Self { simulator, clock, crm, marker: marker.into(), anchors: Vec::new() };
        for index in 0..anchors {
            let fields = [("name".into(), Value::text(format!("anchor {index}")))].into_iter().collect();
            let operations = vec![Operation { kind: OperationKind::Create, fields }];
            let batch = WriteBatch { object: "account".into(), operations, send_before: soon };
            let id = bench.crm.write(&batch).await.unwrap().remove(0).unwrap().id;
            bench.anchors.push(RecordRef::new("account", id));
        }
        bench
    }

    fn fail(&self, method: &str, fault: WriteFault) -> bool {
        let effect = match fault {
            WriteFault::CloseBeforeApply => Effect::CloseBeforeApply,
            WriteFault::CloseAfterApply => Effect::CloseAfterApply,
            WriteFault::ServerError => Effect::Status { status: 500, body: None, headers: Vec::new() },
            WriteFault::Unauthorized => Effect::ExpiredToken,
            WriteFault::Throttled => Effect::RetryAfter { value: "1".into() },
            WriteFault::Garbage => Effect::Garbage,
            _ => return false,
        };
        let body = BodyPredicate::Equals { pointer: "/method".into(), value: method.into() };
        self.simulator.fault(Fault::on("POST", "/api/v1/json", effect).when(body));
        true
    }
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

macro_rules! harness {
    ($name:ident, $object:literal, $method:literal, $anchors:literal, $wrap:expr, $sample:expr, $invalid:expr, $probe:expr) => {
        struct $name(Bench);

        #[async_trait]
        impl DestinationHarness for $name {
            async fn start() -> Self {
                Self(Bench::start($object, $anchors).await)
            }

            fn writer(&self) -> Arc<dyn DestinationWriter> {
                $wrap(self.0.crm.clone())
            }

            fn object(&self) -> ObjectName {
                $object.into()
            }

            fn sample(&self, n: usize) -> Fields {
                $sample(&self.0, n)
            }

            fn invalid(&self) -> Fields {
                $invalid(&self.0)
            }

            fn probe(&self, fields: &Fields) -> Fields {
                $probe(&self.0, fields)
            }

            async fn fail_next(&self, fault: WriteFault) -> bool {
                self.0.fail($method, fault)
            }

            fn now(&self) -> DateTime<Utc> {
                self.0.clock.now()
            }

            fn requests(&self) -> Option<u64> {
                Some(self.0.simulator.requests().len() as u64)
            }

            fn secret(&self) -> Option<String> {
                Some(self.0.simulator.key().to_owned())
            }
        }
    };
}

fn user(n: usize) -> Value {
    Value::link(RecordRef::new("user", (n + 2).to_string()))
}

fn marked(bench: &Bench, mut fields: Fields, n: usize) -> Fields {
    fields.insert(bench.marker.clone(), Value::text(format!("key-{n}")));
    fields
}

fn account(bench: &Bench, n: usize) -> Fields {
    marked(bench, fields([("name", Value::text(format!("Company {n}"))), ("owner", user(n))]), n)
}

fn contact(bench: &Bench, n: usize) -> Fields {
    marked(bench, fields([("name", Value::text(format!("Person {n}"))), ("owner", user(n))]), n)
}

fn lead(bench: &Bench, n: usize) -> Fields {
    marked(bench, fields([("description", Value::text(format!("Lead {n}"))), ("assignee", user(n))]), n)
}

fn rich(html: &str) -> Value {
    Value::Rich(Arc::new(RichText { markup: Markup::Html, text: html.into() }))
}

fn note(bench: &Bench, n: usize) -> Fields {
    fields([
        ("note", rich(&format!("<p>Note {n} @[x]<br>and <b>more</b></p>"))),
        ("account", Value::link(bench.anchors[0].clone())),
        ("user", user(0)),
        ("written", Value::Timestamp("2018-01-02T03:04:05Z".parse().unwrap())),
    ])
}

fn activity(bench: &Bench, n: usize) -> Fields {
    fields([
        ("name", Value::text(format!("Call {n}"))),
        ("activityTypeId", Value::option("2")),
        ("startTime", Value::Timestamp("2018-01-02T03:04:05Z".parse().unwrap())),
        ("duration", Value::Duration(90)),
        ("isLogged", Value::Bool(true)),
        ("description", rich(&format!("<p>Agenda {n}</p>"))),
        ("note", rich("<p>Went well @[x]</p>")),
        ("owner", user(n)),
        ("account", Value::link(bench.anchors[0].clone())),
    ])
}

/// Pass our checks; the simulator refuses the owner.
fn nobody(name: &'static str, owner: &'static str) -> Fields {
    fields([(name, Value::text("x")), (owner, Value::link(RecordRef::new("user", "987654")))])
}

fn bad_account(_: &Bench) -> Fields {
    nobody("name", "owner")
}

fn bad_lead(_: &Bench) -> Fields {
    nobody("description", "assignee")
}

/// Hangs on nothing that exists.
fn bad_note(_: &Bench) -> Fields {
    fields([("note", rich("x")), ("account", Value::link(RecordRef::new("account", "987654")))])
}

/// Takes place with nobody who exists.
fn bad_activity(bench: &Bench) -> Fields {
    let mut fields = activity(bench, 0);
    fields.insert("account".into(), Value::link(RecordRef::new("account", "987654")));
    fields
}

/// What an activity is found again by.
fn witness(_: &Bench, fields: &Fields) -> Fields {
    let names = ["name", "activityTypeId", "startTime", "account", "owner"];
    fields.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(a, b)| (a.clone(), b.clone())).collect()
}

fn plain(crm: Arc<Nutshell>) -> Arc<dyn DestinationWriter> {
    crm
}

fn sabotaged(crm: Arc<Nutshell>) -> Arc<dyn DestinationWriter> {
    Arc::new(RetriesLostCreates(crm))
}

fn marker(bench: &Bench, fields: &Fields) -> Fields {
    [(bench.marker.clone(), fields[&bench.marker].clone())].into_iter().collect()
}

fn whole(_: &Bench, fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    fields.shift_remove("user");
    fields
}

mod accounts {
    use super::*;
    harness!(Accounts, "account", "newAccount", 0, plain, account, bad_account, marker);
    crmkit_core::destination_conformance!(Accounts);
}

mod contacts {
    use super::*;
    harness!(Contacts, "contact", "newContact", 0, plain, contact, bad_account, marker);
    crmkit_core::destination_conformance!(Contacts);
}

mod leads {
    use super::*;
    harness!(Leads, "lead", "newLead", 0, plain, lead, bad_lead, marker);
    crmkit_core::destination_conformance!(Leads);
}

mod notes {
    use super::*;
    harness!(Notes, "note", "newNote", 1, plain, note, bad_note, whole);
    crmkit_core::destination_conformance!(Notes);
}

mod activities {
    use super::*;
    harness!(Activities, "activity", "newActivity", 1, plain, activity, bad_activity, witness);
    crmkit_core::destination_conformance!(Activities);
}

harness!(Sabotaged, "contact", "newContact", 0, sabotaged, contact, bad_account, marker);

/// The suite is tested, too: who repeats lost creates breaks the rule about applied but unanswered creates, and no other.
#[tokio::test]
async fn a_saboteur_fails_exactly_its_rule() {
    assert_eq!(broken(rules::<Sabotaged>()).await, ["a_lost_answer_creates_nothing_twice"]);
}
