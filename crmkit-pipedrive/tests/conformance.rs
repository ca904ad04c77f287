//! The rules for destinations, through the simulator: records found by marker, by witness, and as relations.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    AccountBudget, DestinationWriter, FieldName, FieldType, Fields, ItemKind, Markup, ObjectName, Operation,
    OperationKind, RecordRef, RichText, SchemaItem, SystemClock, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::{Effect, Fault},
    testing::conformance::{
        broken,
        destination::{DestinationHarness, RetriesLostCreates, WriteFault, rules},
    },
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};

/// A simulator with a connector, and the field that carries the marker.
struct Bench {
    simulator: PipedriveSimulator,
    crm: Arc<Pipedrive>,
    marker: FieldName,
    /// Records for others to hang on, written before the rules begin.
    anchors: Vec<RecordRef>,
}

impl Bench {
    async fn start(object: &str, anchors: usize) -> Self {
        let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
        let config = PipedriveConfig::at(simulator.url(), simulator.token());
        let clock = Arc::new(SystemClock);
        let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
        let crm = Arc::new(Pipedrive::builder(config, clock).budget(budget).build().unwrap());
        let soon = Utc::now() + TimeDelta::seconds(60);
        let marker = SchemaItem {
            kind: ItemKind::Field,
            object: object.into(),
            parent: None,
            name: if object == "lead" { "crmkit_id (lead)" } else { "crmkit_id" }.into(),
            ty: Some(FieldType::Text { max: Some(255) }),
            options: Vec::new(),
            probability: None,
            conditions: Vec::new(),
        };
        let has_marker = matches!(object, "organization" | "person" | "deal" | "lead");
        let marker = match has_marker {
            true => crm.provisioner().unwrap().create(&marker, soon).await.unwrap(),
            false => String::new(),
        };
        let mut bench = Self { simulator, crm, marker: marker.into(), anchors: Vec::new() };
        for index in 0..anchors {
            let (anchor, name) = match object {
                "deal_participant" if index == 0 => ("deal", "title"),
                "deal_participant" => ("person", "name"),
                _ => ("organization", "name"),
            };
            let fields = [(name.into(), Value::text(format!("anchor {index}")))].into_iter().collect();
            let operations = vec![Operation { kind: OperationKind::Create, fields }];
            let batch = WriteBatch { object: anchor.into(), operations, send_before: soon };
            let id = bench.crm.write(&batch).await.unwrap().remove(0).unwrap().id;
            bench.anchors.push(RecordRef::new(anchor, id));
        }
        bench
    }

    fn fail(&self, path: &str, fault: WriteFault) -> bool {
        let effect = match fault {
            WriteFault::CloseBeforeApply => Effect::CloseBeforeApply,
            WriteFault::CloseAfterApply => Effect::CloseAfterApply,
            WriteFault::ServerError => Effect::Status { status: 500, body: None, headers: Vec::new() },
            WriteFault::Unauthorized => Effect::ExpiredToken,
            WriteFault::Throttled => Effect::RetryAfter { value: "1".into() },
            WriteFault::Garbage => Effect::Garbage,
            _ => return false,
        };
        self.simulator.fault(Fault::on("POST", path, effect));
        true
    }
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

macro_rules! harness {
    ($name:ident, $object:literal, $path:literal, $anchors:literal, $wrap:expr, $sample:expr, $invalid:expr, $probe:expr) => {
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
                self.0.fail($path, fault)
            }

            fn now(&self) -> DateTime<Utc> {
                Utc::now()
            }

            fn requests(&self) -> Option<u64> {
                Some(self.0.simulator.requests().len() as u64)
            }

            fn secret(&self) -> Option<String> {
                Some(self.0.simulator.token().to_owned())
            }
        }
    };
}

fn person(bench: &Bench, n: usize) -> Fields {
    let mut fields = fields([
        ("name", Value::text(format!("Person {n}"))),
        ("owner_id", Value::link(RecordRef::new("user", (n + 1).to_string()))),
    ]);
    fields.insert(bench.marker.clone(), Value::text(format!("key-{n}")));
    fields
}

/// Passes our checks; the simulator refuses the owner.
fn bad_person(_: &Bench) -> Fields {
    fields([("name", Value::text("x")), ("owner_id", Value::link(RecordRef::new("user", "987654")))])
}

fn bad_deal(_: &Bench) -> Fields {
    fields([("title", Value::text("x")), ("person_id", Value::link(RecordRef::new("person", "987654")))])
}

/// Hangs on nothing.
fn bad_note(_: &Bench) -> Fields {
    fields([("content", Value::Rich(Arc::new(RichText { markup: Markup::Html, text: "x".into() })))])
}

fn bad_relation(bench: &Bench) -> Fields {
    let mut fields = relation(bench, 0);
    fields.insert("rel_linked_org_id".into(), Value::link(RecordRef::new("organization", "987654")));
    fields
}

fn plain(crm: Arc<Pipedrive>) -> Arc<dyn DestinationWriter> {
    crm
}

fn sabotaged(crm: Arc<Pipedrive>) -> Arc<dyn DestinationWriter> {
    Arc::new(RetriesLostCreates(crm))
}

fn marker(bench: &Bench, fields: &Fields) -> Fields {
    [(bench.marker.clone(), fields[&bench.marker].clone())].into_iter().collect()
}

fn deal(bench: &Bench, n: usize) -> Fields {
    let mut fields = fields([("title", Value::text(format!("Deal {n}")))]);
    fields.insert(bench.marker.clone(), Value::text(format!("key-{n}")));
    fields
}

fn note(bench: &Bench, n: usize) -> Fields {
    let text = format!("<p>Note {n} <script>x</script></p>");
    fields([
        ("content", Value::Rich(Arc::new(RichText { markup: Markup::Html, text: text.into() }))),
        ("org_id", Value::link(bench.anchors[0].clone())),
        ("add_time", Value::Timestamp("2018-01-02T03:04:05Z".parse().unwrap())),
    ])
}

fn lead(bench: &Bench, n: usize) -> Fields {
    let mut fields = fields([
        ("title", Value::text(format!("Lead {n}"))),
        ("organization_id", Value::link(bench.anchors[0].clone())),
    ]);
    fields.insert(bench.marker.clone(), Value::text(format!("key-{n}")));
    fields
}

fn bad_lead(_: &Bench) -> Fields {
    fields([("title", Value::text("x")), ("organization_id", Value::link(RecordRef::new("organization", "987654")))])
}

fn activity(bench: &Bench, n: usize) -> Fields {
    fields([
        ("subject", Value::text(format!("Call {n}"))),
        ("type", Value::option("call")),
        ("due", Value::Timestamp("2018-01-02T03:04:05Z".parse().unwrap())),
        ("end", Value::Timestamp("2018-01-02T03:34:05Z".parse().unwrap())),
        ("note", Value::Rich(Arc::new(RichText { markup: Markup::Html, text: "<p>said <b>yes</b></p>".into() }))),
        ("org_id", Value::link(bench.anchors[0].clone())),
    ])
}

fn bad_activity(_: &Bench) -> Fields {
    fields([
        ("subject", Value::text("x")),
        ("type", Value::option("call")),
        ("org_id", Value::link(RecordRef::new("organization", "987654"))),
    ])
}

/// What tells an activity from others.
fn activity_witness(_: &Bench, fields: &Fields) -> Fields {
    ["subject", "type", "due", "note", "org_id"].iter().map(|name| ((*name).into(), fields[*name].clone())).collect()
}

/// The first anchor is a deal.
fn participant(bench: &Bench, n: usize) -> Fields {
    fields([
        ("deal_id", Value::link(bench.anchors[0].clone())),
        ("person_id", Value::link(bench.anchors[n + 1].clone())),
    ])
}

fn bad_participant(bench: &Bench) -> Fields {
    fields([
        ("deal_id", Value::link(bench.anchors[0].clone())),
        ("person_id", Value::link(RecordRef::new("person", "987654"))),
    ])
}

fn relation(bench: &Bench, n: usize) -> Fields {
    fields([
        ("type", Value::option("parent")),
        ("rel_owner_org_id", Value::link(bench.anchors[0].clone())),
        ("rel_linked_org_id", Value::link(bench.anchors[n + 1].clone())),
    ])
}

fn whole(_: &Bench, fields: &Fields) -> Fields {
    fields.clone()
}

mod persons {
    use super::*;
    harness!(Persons, "person", "/api/v2/persons", 0, plain, person, bad_person, marker);
    crmkit_core::conformance_tests!(destination, Persons);
}

mod deals {
    use super::*;
    harness!(Deals, "deal", "/api/v2/deals", 0, plain, deal, bad_deal, marker);
    crmkit_core::conformance_tests!(destination, Deals);
}

mod notes {
    use super::*;
    harness!(Notes, "note", "/api/v1/notes", 1, plain, note, bad_note, whole);
    crmkit_core::conformance_tests!(destination, Notes);
}

mod leads {
    use super::*;
    harness!(Leads, "lead", "/api/v1/leads", 1, plain, lead, bad_lead, marker);
    crmkit_core::conformance_tests!(destination, Leads);
}

mod activities {
    use super::*;
    harness!(Activities, "activity", "/api/v2/activities", 1, plain, activity, bad_activity, activity_witness);
    crmkit_core::conformance_tests!(destination, Activities);
}

mod participants {
    use super::*;
    harness!(
        Participants,
        "deal_participant",
        "/api/v1/deals/{}/participants",
        8,
        plain,
        participant,
        bad_participant,
        whole
    );
    crmkit_core::conformance_tests!(destination, Participants);
}

mod relations {
    use super::*;
    harness!(
        Relations,
        "organization_relationship",
        "/api/v1/organizationRelationships",
        8,
        plain,
        relation,
        bad_relation,
        whole
    );
    crmkit_core::conformance_tests!(destination, Relations);
}

harness!(Sabotaged, "person", "/api/v2/persons", 0, sabotaged, person, bad_person, marker);

/// The suite is tested, too: who repeats lost creates breaks the rule about applied but unanswered creates, and no other.
#[tokio::test]
async fn a_saboteur_fails_exactly_its_rule() {
    assert_eq!(broken(rules::<Sabotaged>()).await, ["a_lost_answer_creates_nothing_twice"]);
}
