//! The rules for destinations, through the simulator: records found by the id that we chose.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    AccountBudget, DestinationWriter, FieldName, Fields, Markup, ObjectName, Operation, OperationKind, RecordRef,
    RichText, SystemClock, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::{Effect, Fault},
    testing::conformance::{
        broken,
        destination::{DestinationHarness, RetriesLostCreates, WriteFault, rules},
    },
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};

/// A simulator with a connector.
struct Bench {
    simulator: TwentySimulator,
    crm: Arc<Twenty>,
    /// Something for others to hang on, written before the rules begin.
    anchor: RecordRef,
}

impl Bench {
    async fn start() -> Self {
        let simulator = TwentySimulator::builder().limits(false).start().await.unwrap();
        let config = TwentyConfig::at(simulator.url(), simulator.token());
        let clock = Arc::new(SystemClock);
        let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
        let crm = Arc::new(Twenty::builder(config, clock).budget(budget).build().unwrap());
        let note = fields([("id", Value::text(id(1000))), ("title", Value::text("anchor"))]);
        let operations = vec![Operation { kind: OperationKind::Create, fields: note }];
        let batch = WriteBatch { object: "note".into(), operations, send_before: Utc::now() + TimeDelta::seconds(60) };
        let id = crm.write(&batch).await.unwrap().remove(0).unwrap().id;
        Self { simulator, crm, anchor: RecordRef::new("note", id) }
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

fn id(n: usize) -> String {
    format!("20202020-0000-5000-8000-{n:012}")
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

fn marker(_: &Bench, fields: &Fields) -> Fields {
    [("id".into(), fields["id"].clone())].into_iter().collect()
}

macro_rules! harness {
    ($name:ident, $object:literal, $path:literal, $wrap:expr, $sample:expr, $invalid:expr) => {
        struct $name(Bench);

        #[async_trait]
        impl DestinationHarness for $name {
            async fn start() -> Self {
                Self(Bench::start().await)
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
                marker(&self.0, fields)
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

fn company(_: &Bench, n: usize) -> Fields {
    fields([
        ("id", Value::text(id(n))),
        ("name", Value::text(format!("Company {n}"))),
        ("domainName", Value::text(format!("https://c{n}.example"))),
    ])
}

fn task(_: &Bench, n: usize) -> Fields {
    let body = RichText { markup: Markup::Markdown, text: format!("*task* {n}").into() };
    fields([
        ("id", Value::text(id(n))),
        ("title", Value::text(format!("Task {n}"))),
        ("status", Value::option(["TODO", "DONE"][n % 2])),
        ("bodyV2", Value::Rich(Arc::new(body))),
        ("createdAt", Value::Timestamp(DateTime::from_timestamp(1_500_000_000 + n as i64, 0).unwrap())),
    ])
}

fn tie(bench: &Bench, n: usize) -> Fields {
    let made = DateTime::from_timestamp(1_500_000_000 + n as i64, 0).unwrap();
    fields([
        ("id", Value::text(id(n))),
        ("noteId", Value::link(bench.anchor.clone())),
        ("createdAt", Value::Timestamp(made)),
    ])
}

/// Passes our checks; the server knows no such owner.
fn bad_company(_: &Bench) -> Fields {
    let nobody = RecordRef::new("user", id(987_654).as_str());
    fields([("name", Value::text("x")), ("accountOwnerId", Value::link(nobody))])
}

fn bad_task(_: &Bench) -> Fields {
    fields([("title", Value::text("x")), ("assigneeId", Value::link(RecordRef::new("user", id(987_654).as_str())))])
}

fn bad_tie(_: &Bench) -> Fields {
    fields([("noteId", Value::link(RecordRef::new("note", id(987_654).as_str())))])
}

fn plain(crm: Arc<Twenty>) -> Arc<dyn DestinationWriter> {
    crm
}

fn sabotaged(crm: Arc<Twenty>) -> Arc<dyn DestinationWriter> {
    Arc::new(RetriesLostCreates(crm))
}

mod companies {
    use super::*;
    harness!(Companies, "company", "/rest/batch/companies", plain, company, bad_company);
    crmkit_core::conformance_tests!(destination, Companies);
}

mod tasks {
    use super::*;
    harness!(Tasks, "task", "/rest/batch/tasks", plain, task, bad_task);
    crmkit_core::conformance_tests!(destination, Tasks);
}

mod ties {
    use super::*;
    harness!(Ties, "noteTarget", "/rest/batch/noteTargets", plain, tie, bad_tie);
    crmkit_core::conformance_tests!(destination, Ties);
}

harness!(Sabotaged, "company", "/rest/batch/companies", sabotaged, company, bad_company);

/// The suite is tested, too. A create that is sent again is refused here, because its id is taken: nothing is there twice, but
/// the record that arrived is called refused.
#[tokio::test]
async fn a_saboteur_is_found_out() {
    assert_eq!(broken(rules::<Sabotaged>()).await, ["a_lost_answer_creates_nothing_twice"]);
}
