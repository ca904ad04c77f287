//! Limits: kept without a single 429, and a spent day that says until when.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    Clock, DestinationWriter, ErrorKind, FixedToken, Operation, OperationKind, Retry, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::{Effect, Fault, JumpingClock},
};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig, Tier,
    simulator::{PipedriveSimulator, Tier as SimulatedTier},
};
use futures::{StreamExt, stream};

fn organization(name: &str, send_before: DateTime<Utc>) -> WriteBatch {
    let fields = [("name".into(), Value::text(name))].into_iter().collect();
    let operations = vec![Operation { kind: OperationKind::Create, fields }];
    WriteBatch { object: "organization".into(), operations, send_before }
}

async fn limited(clock: &JumpingClock, tier: SimulatedTier) -> PipedriveSimulator {
    PipedriveSimulator::builder().tier(tier).seats(1).limits(true).jumping_clock(clock).start().await.unwrap()
}

#[tokio::test]
async fn the_allowance_is_used_and_never_exceeded() {
    let clock = JumpingClock::new();
    let simulator = limited(&clock, SimulatedTier::Lite).await;
    let config = PipedriveConfig::at(simulator.url(), simulator.token());
    let crm = Arc::new(Pipedrive::builder(config, Arc::new(clock.clone())).build().unwrap());
    crm.describe().await.unwrap();
    let start = clock.now();
    let before = start + TimeDelta::hours(1);
    let writes = stream::iter(0..360).map(|index| {
        let crm = crm.clone();
        async move { crm.write(&organization(&format!("o{index}"), before)).await.unwrap().remove(0).unwrap() }
    });
    let written: Vec<_> = writes.buffer_unordered(40).collect().await;
    assert_eq!(written.len(), 360);
    let throttled = simulator.requests().iter().filter(|request| request.status == Some(429)).count();
    assert_eq!(throttled, 0);
    // 18 of 20 requests in any two seconds are ours: 20 windows.
    let took = (clock.now() - start).as_seconds_f64();
    let ideal = 360.0 / 18.0 * 2.0;
    assert!(took <= ideal * 1.05, "{took} s instead of {ideal} s");
}

#[tokio::test]
async fn a_spent_day_says_until_when() {
    let clock = JumpingClock::new();
    let simulator = limited(&clock, SimulatedTier::Lite).await;
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.reset_hour = Some(0);
    let crm = Pipedrive::builder(config, Arc::new(clock.clone())).build().unwrap();
    crm.describe().await.unwrap();
    simulator.fault(Fault::on("POST", "/api/v2/organizations", Effect::BudgetSpent));
    let soon = clock.now() + TimeDelta::seconds(60);
    for _ in 0..2 {
        let error = crm.write(&organization("o", soon)).await.unwrap().remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limited);
        assert!(matches!(error.retry(), Retry::After(_)));
        let until = error.until().expect("the reset");
        assert_eq!(until, (clock.now() + TimeDelta::days(1)).date_naive().and_time(Default::default()).and_utc());
    }
    let posts = simulator.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1, "a spent day is not asked again");
    let tomorrow = clock.now() + TimeDelta::days(1);
    clock.advance(Duration::from_secs(24 * 3600));
    let batch = organization("o", tomorrow + TimeDelta::minutes(5));
    crm.write(&batch).await.unwrap().remove(0).unwrap();
}

#[tokio::test]
async fn a_gateway_page_is_a_limit_and_no_refusal() {
    let clock = JumpingClock::new();
    let simulator = limited(&clock, SimulatedTier::Ultimate).await;
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.tier = Tier::Ultimate;
    let crm = Pipedrive::builder(config, Arc::new(clock.clone())).build().unwrap();
    crm.describe().await.unwrap();
    simulator.fault(Fault::on("POST", "/api/v2/organizations", Effect::Html { status: 403, body: None }));
    let soon = clock.now() + TimeDelta::seconds(60);
    let error = crm.write(&organization("o", soon)).await.unwrap().remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limited);
    assert!(matches!(error.retry(), Retry::After(wait) if wait >= Duration::from_secs(60)));
}

type Change = fn(&mut PipedriveConfig);

#[test]
fn a_configuration_that_cannot_work_is_named() {
    let clock = || Arc::new(JumpingClock::new());
    let build = |change: Change| {
        let mut config = PipedriveConfig::company("acme", "very-secret-token");
        change(&mut config);
        assert!(!format!("{config:?}").contains("very-secret"));
        Pipedrive::builder(config, clock()).build()
    };
    let crm = build(|_| ()).unwrap();
    assert!(!format!("{crm:?}").contains("very-secret"));
    let wrong: [(&str, Change); 7] = [
        ("company_domain", |config| config.company_domain = None),
        ("company_domain", |config| config.company_domain = Some("evil.example/".into())),
        ("base_url", |config| config.base_url = Some("https://api.pipedrive.com".into())),
        ("encrypted", |config| {
            config.company_domain = None;
            config.base_url = Some("http://api.pipedrive.com".into());
        }),
        ("token", |config| config.token = None),
        ("marker", |config| config.marker = " ".into()),
        ("burst_share", |config| config.burst_share = 0.0),
    ];
    for (word, change) in wrong {
        let error = build(change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut config = PipedriveConfig::default();
    config.company_domain = Some("acme".into());
    let credentials = Arc::new(FixedToken::new("very-secret-token"));
    Pipedrive::builder(config, clock()).credentials(credentials).build().unwrap();
}
