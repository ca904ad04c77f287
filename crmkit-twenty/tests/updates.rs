//! Updates: many in a call, each judged alone, however the server counts calls.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    Clock, DestinationWriter, Fields, Operation, OperationKind, RecordId, Result, Value, WriteBatch, Written,
    chrono::TimeDelta,
    simulator::{Effect, Fault, JumpingClock},
};
use crmkit_twenty::{
    Twenty, TwentyConfig,
    simulator::{Switches, TwentySimulator},
};

struct Bench {
    simulator: TwentySimulator,
    twenty: Twenty,
    clock: JumpingClock,
}

impl Bench {
    async fn start(change: impl FnOnce(&mut Switches)) -> Self {
        let clock = JumpingClock::new();
        let mut switches = Switches::default();
        change(&mut switches);
        let simulator =
            TwentySimulator::builder().switches(switches).jumping_clock(&clock).log(10_000, 1 << 20).start().await;
        let simulator = simulator.unwrap();
        let config = TwentyConfig::at(simulator.url(), simulator.token());
        let twenty = Twenty::builder(config, Arc::new(clock.clone())).build().unwrap();
        twenty.describe().await.unwrap();
        Self { simulator, twenty, clock }
    }

    async fn write(&self, operations: Vec<Operation>) -> Vec<Result<Written>> {
        let send_before = self.clock.now() + TimeDelta::seconds(600);
        self.twenty.write(&WriteBatch { object: "person".into(), operations, send_before }).await.unwrap()
    }

    async fn people(&self, count: usize) {
        let person = |n: usize| Operation {
            kind: OperationKind::Create,
            fields: fields([("id", Value::text(id(n))), ("jobTitle", Value::text("before"))], n),
        };
        assert!(self.write((0..count).map(person).collect()).await.iter().all(Result::is_ok));
    }
}

fn id(n: usize) -> String {
    format!("20202020-0000-5000-8000-{n:012}")
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>, n: usize) -> Fields {
    let name = crmkit_core::PersonName { given: "Ada".into(), family: format!("{n}").into() };
    let name = [("name".into(), Value::Name(Arc::new(name)))];
    name.into_iter().chain(pairs.into_iter().map(|(name, value)| (name.into(), value))).collect()
}

fn change(n: usize, more: impl IntoIterator<Item = (&'static str, Value)>) -> Operation {
    let kind = OperationKind::Update { id: RecordId::from(id(n)), version: None };
    let title = [("jobTitle", Value::text(format!("after {n}")))];
    Operation { kind, fields: title.into_iter().chain(more).map(|(name, value)| (name.into(), value)).collect() }
}

#[tokio::test]
async fn sixty_updates_are_three_calls() {
    let bench = Bench::start(|_| {}).await;
    bench.people(60).await;
    let before = bench.simulator.requests().len();
    let results = bench.write((0..60).map(|n| change(n, [])).collect()).await;
    assert_eq!(bench.simulator.requests().len() - before, 3);
    for (n, result) in results.into_iter().enumerate() {
        let stored = result.unwrap().stored.expect("the record comes back");
        assert_eq!(stored.fields["jobTitle"], Value::text(format!("after {n}")));
        assert_eq!(stored.fields["name"].to_string(), format!("Ada {n}"));
        // What comes back this way is what fetching gives: seals are made of both.
        let fetched = bench.twenty.reader().unwrap().fetch(&"person".into(), &[id(n).into()]).await.unwrap();
        assert_eq!(fetched[0].as_ref().unwrap().fields, stored.fields);
    }
}

#[tokio::test]
async fn a_bad_update_sinks_no_other() {
    let bench = Bench::start(|_| {}).await;
    bench.people(30).await;
    let nobody = Value::link(crmkit_core::RecordRef::new("company", id(987_654).as_str()));
    let operations = (0..30).map(|n| match n {
        3 | 25 => change(n, [("companyId", nobody.clone())]),
        7 => change(700, []),
        _ => change(n, []),
    });
    let results = bench.write(operations.collect()).await;
    let failed: Vec<usize> = (0..30).filter(|n| results[*n].is_err()).collect();
    assert_eq!(failed, [3, 7, 25]);
    assert!(results[3].as_ref().unwrap_err().message().contains("foreign key"));
    for row in bench.simulator.rows("people") {
        let after = row["jobTitle"].as_str().unwrap().starts_with("after");
        assert_eq!(after, !["3", "7", "25"].contains(&row["name"]["lastName"].as_str().unwrap()));
    }
}

/// Nobody outside the vendor knows whether a call with twenty updates counts as one or as twenty.
#[tokio::test]
async fn updates_arrive_however_they_are_counted() {
    for each in [false, true] {
        let bench = Bench::start(|switches| {
            switches.calls_by_root_field = each;
            switches.calls = 100;
        })
        .await;
        bench.people(240).await;
        let before = bench.simulator.requests().len();
        for some in (0..240).collect::<Vec<_>>().chunks(60) {
            let results = bench.write(some.iter().map(|n| change(*n, [])).collect()).await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        }
        let requests = bench.simulator.requests().split_off(before);
        assert!(
            bench.simulator.rows("people").iter().all(|row| row["jobTitle"].as_str().unwrap().starts_with("after"))
        );
        // Once it is known to count each, they go one by one, and no more often than the limit allows.
        let expected = if each { 100..200 } else { 12..13 };
        assert!(expected.contains(&requests.len()), "{each}: {}", requests.len());
        assert!(requests.iter().filter(|request| request.status == Some(429)).count() <= 1);
    }
}

#[tokio::test]
async fn a_lost_answer_is_told_for_each() {
    let bench = Bench::start(|_| {}).await;
    bench.people(20).await;
    bench.simulator.fault(Fault::on("POST", "/graphql", Effect::CloseAfterApply));
    let results = bench.write((0..20).map(|n| change(n, [])).collect()).await;
    assert!(
        results.iter().all(|result| result.as_ref().is_err_and(|error| error.retry() == crmkit_core::Retry::Verify))
    );
    assert!(bench.simulator.rows("people").iter().all(|row| row["jobTitle"].as_str().unwrap().starts_with("after")));
}
