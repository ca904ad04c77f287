//! Batches with bad records: those alone are held, in few calls.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use crmkit_core::{
    DestinationWriter, ErrorKind, Fields, Operation, OperationKind, RecordRef, Result, SystemClock, Value, WriteBatch,
    Written,
    chrono::{TimeDelta, Utc},
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};

async fn start() -> (TwentySimulator, Twenty) {
    let simulator = TwentySimulator::builder().limits(false).start().await.unwrap();
    let mut config = TwentyConfig::at(simulator.url(), simulator.token());
    config.unlimited = true;
    let twenty = Twenty::builder(config, Arc::new(SystemClock)).build().unwrap();
    twenty.describe().await.unwrap();
    (simulator, twenty)
}

fn company(n: usize) -> Fields {
    [
        ("id".into(), Value::text(format!("20202020-0000-5000-8000-{n:012}"))),
        ("name".into(), Value::text(format!("Company {n}"))),
        ("domainName".into(), Value::text(format!("https://C{n}.example/"))),
    ]
    .into_iter()
    .collect()
}

async fn write(twenty: &Twenty, records: Vec<Fields>) -> Vec<Result<Written>> {
    let operations = records.into_iter().map(|fields| Operation { kind: OperationKind::Create, fields }).collect();
    let send_before = Utc::now() + TimeDelta::seconds(60);
    twenty.write(&WriteBatch { object: "company".into(), operations, send_before }).await.unwrap()
}

fn refused(results: &[Result<Written>]) -> Vec<usize> {
    let bad = |(place, result): (usize, &Result<Written>)| {
        let error = result.as_ref().err()?;
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error:?}");
        Some(place)
    };
    results.iter().enumerate().filter_map(bad).collect()
}

#[tokio::test]
async fn taken_domains_are_looked_up_and_not_halved_for() {
    let (simulator, twenty) = start().await;
    assert!(refused(&write(&twenty, vec![company(500)]).await).is_empty());
    let mut records: Vec<Fields> = (0..60).map(company).collect();
    records[17].insert("domainName".into(), Value::text("https://c500.EXAMPLE"));
    // A twin within the batch is found before anything is sent.
    records[40].insert("domainName".into(), Value::text("https://c3.example"));
    let before = simulator.requests().len();
    let results = write(&twenty, records).await;
    assert_eq!(refused(&results), [17, 40]);
    assert_eq!(simulator.rows("companies").len(), 59);
    // Refused, ids looked up twice and domains twice, the rest sent.
    assert!(simulator.requests().len() - before <= 6);
}

#[tokio::test]
async fn nobody_else_is_held_for_a_record_that_the_server_does_not_name() {
    let (simulator, twenty) = start().await;
    let mut records: Vec<Fields> = (0..60).map(company).collect();
    let nobody = RecordRef::new("user", "20202020-9999-4999-8999-000000000000");
    for place in [5, 33] {
        records[place].insert("accountOwnerId".into(), Value::link(nobody.clone()));
    }
    let results = write(&twenty, records).await;
    assert_eq!(refused(&results), [5, 33]);
    assert_eq!(simulator.rows("companies").len(), 58);
    let text = format!("{}", results[5].as_ref().unwrap_err());
    assert!(text.contains("foreign key") && !text.contains("20202020"), "{text}");
}
