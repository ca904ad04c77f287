//! Limits: kept without a single 429, and a spent day that says until when.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{sync::Arc, time::Duration};

use crmkit_core::{
    Clock, DestinationWriter, ErrorKind, FixedToken, Operation, OperationKind, Retry, Scope, Value, Window, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::{Effect, Fault, JumpingClock},
};
use crmkit_pipedrive::{
    Auth, Pipedrive, PipedriveConfig, Tier,
    simulator::{PipedriveSimulator, Tier as SimulatedTier},
    windows,
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
    let wrong: [(&str, Change); 13] = [
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
        ("seats", |config| config.seats = 0),
        ("burst", |config| config.burst = Some(0)),
        ("tokens_per_day", |config| config.tokens_per_day = Some(0)),
        ("max_file_bytes", |config| config.max_file_bytes = 0),
        ("timeout_seconds", |config| config.timeout_seconds = 0),
        ("reset_hour", |config| config.reset_hour = Some(24)),
    ];
    for (word, change) in wrong {
        let error = build(change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut config = PipedriveConfig::default();
    config.company_domain = Some("acme".into());
    let credentials = Arc::new(FixedToken::new("very-secret-token"));
    Pipedrive::builder(config.clone(), clock()).credentials(credentials.clone()).build().unwrap();
    config.token = Some("very-secret-token".into());
    let error = Pipedrive::builder(config, clock()).credentials(credentials).build().unwrap_err();
    assert!(error.to_string().contains("not both"), "{error}");
}

/// An app's token goes another way than a user's, and is good for four times as many requests; a contract of old says what it says.
#[test]
fn windows_follow_token_and_contract() {
    let mut config = PipedriveConfig::company("acme", "token");
    config.tier = Tier::Growth;
    config.seats = 5;
    let per = Duration::from_secs(2);
    assert_eq!(windows(&config)[0], Window::rolling(40, per).share(0.9));
    assert_eq!(windows(&config)[2], Window::daily(300_000).scope(Scope::Company).share(0.8));
    config.auth = Auth::Oauth;
    assert_eq!(windows(&config)[0], Window::rolling(160, per).share(0.9));
    (config.burst, config.tokens_per_day, config.writes_per_day) = (Some(80), Some(1_000_000), Some(10_000));
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(
        windows(&config),
        [
            Window::rolling(80, per).share(0.9),
            Window::rolling(10, per).share(0.9).only("search".into()),
            Window::daily(1_000_000).scope(Scope::Company).share(0.8),
            Window::rolling(10_000, day).share(0.8).only("write".into()),
        ]
    );
}

/// The fair-use rule of old: so many writes a day, and not one more. Reads are no writes.
#[tokio::test]
async fn a_day_of_writes_is_kept_where_the_account_has_one() {
    let clock = JumpingClock::new();
    let simulator = limited(&clock, SimulatedTier::Ultimate).await;
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    (config.tier, config.day_share, config.writes_per_day) = (Tier::Ultimate, 1.0, Some(5));
    let crm = Pipedrive::builder(config, Arc::new(clock.clone())).build().unwrap();
    crm.describe().await.unwrap();
    let soon = clock.now() + TimeDelta::minutes(10);
    for n in 0..5 {
        crm.write(&organization(&format!("o{n}"), soon)).await.unwrap().remove(0).unwrap();
    }
    let error = crm.write(&organization("o5", soon)).await.unwrap().remove(0).unwrap_err();
    assert!(matches!(error.retry(), Retry::After(_)) && error.kind() == ErrorKind::Limited, "{error}");
    crm.describe().await.unwrap();
    let tomorrow = clock.now() + TimeDelta::days(1);
    clock.advance(Duration::from_secs(24 * 3600));
    crm.write(&organization("o5", tomorrow + TimeDelta::minutes(5))).await.unwrap().remove(0).unwrap();
}
