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
async fn the_reason_tells_whether_the_holder_is_in_the_trash() {
    let (simulator, twenty) = start().await;
    assert!(refused(&write(&twenty, vec![company(1), company(2)]).await).is_empty());
    let trashed = simulator.rows("companies").into_iter().find(|row| row["name"] == "Company 1").unwrap();
    let url = format!("{}/rest/companies/{}?soft_delete=true", simulator.url(), trashed["id"].as_str().unwrap());
    let answer = reqwest::Client::new().delete(url).bearer_auth(simulator.token()).send().await.unwrap();
    assert!(answer.status().is_success());
    for together in [true, false] {
        let mut records: Vec<Fields> = (3..5).map(company).collect();
        records[0].insert("domainName".into(), Value::text("https://c1.example"));
        records[1].insert("domainName".into(), Value::text("https://c2.example"));
        let results = match together {
            true => write(&twenty, records).await,
            false => {
                let mut results = Vec::new();
                for record in records {
                    results.extend(write(&twenty, vec![record]).await);
                }
                results
            }
        };
        assert_eq!(refused(&results), [0, 1]);
        let told = |place: usize| {
            let error = results[place].as_ref().unwrap_err();
            assert_eq!(error.context("field"), Some("domainName.primaryLinkUrl"));
            error.message().to_owned()
        };
        assert!(told(0).contains("trash") && !told(1).contains("trash"), "{} {}", told(0), told(1));
    }
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
