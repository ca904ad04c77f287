//! An app's tokens: sent as a bearer, renewed once for all who were refused, and kept by the host.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crmkit_core::{
    Credentials, DestinationWriter, ErrorKind, Operation, OperationKind, Retry, Value, WriteBatch,
    chrono::TimeDelta,
    http::reqwest::ClientBuilder,
    secrecy::{ExposeSecret, SecretString},
    simulator::JumpingClock,
};
use crmkit_pipedrive::{
    Auth, OAuth, OAuthTokens, Pipedrive, PipedriveConfig,
    simulator::{PipedriveSimulator, Switches},
};
use futures::future::join_all;

struct World {
    clock: JumpingClock,
    simulator: PipedriveSimulator,
    crm: Pipedrive,
    /// Every new pair of tokens, as the host was told.
    kept: Arc<Mutex<Vec<OAuthTokens>>>,
}

impl World {
    async fn new(rotate: bool) -> Self {
        let clock = JumpingClock::new();
        let mut switches = Switches::default();
        switches.refresh_tokens_rotate = rotate;
        let simulator = PipedriveSimulator::builder().limits(false).switches(switches).jumping_clock(&clock);
        let simulator = simulator.start().await.unwrap();
        let given = simulator.authorize(&[]).unwrap();
        let tokens = OAuthTokens { access: given.access_token.into(), refresh: given.refresh_token.into() };
        let url = format!("{}/oauth/token", simulator.url());
        let kept: Arc<Mutex<Vec<OAuthTokens>>> = Arc::default();
        let keep = kept.clone();
        let oauth = OAuth::at(&url, ClientBuilder::new(), given.client_id, given.client_secret, tokens).unwrap();
        let oauth = oauth.on_renewal(move |tokens| keep.lock().unwrap().push(tokens.clone()));
        let mut config = PipedriveConfig::default();
        config.base_url = Some(simulator.url().to_owned());
        (config.auth, config.unlimited) = (Auth::Oauth, true);
        let crm = Pipedrive::builder(config, Arc::new(clock.clone())).credentials(Arc::new(oauth)).build().unwrap();
        Self { clock, simulator, crm, kept }
    }

    async fn create(&self, name: &str) -> crmkit_core::Result<()> {
        let fields = [("name".into(), Value::text(name))].into_iter().collect();
        let operations = vec![Operation { kind: OperationKind::Create, fields }];
        let send_before = crmkit_core::Clock::now(&self.clock) + TimeDelta::minutes(5);
        let batch = WriteBatch { object: "organization".into(), operations, send_before };
        self.crm.write(&batch).await?.remove(0).map(drop)
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_who_were_refused() {
    for rotate in [true, false] {
        let world = World::new(rotate).await;
        world.crm.describe().await.unwrap();
        assert_eq!(world.kept.lock().unwrap().len(), 0);
        for hour in 1..=3 {
            world.clock.advance(Duration::from_secs(3_700));
            let names: Vec<String> = (0..5).map(|n| format!("hour {hour}, {n}")).collect();
            for done in join_all(names.iter().map(|name| world.create(name))).await {
                done.unwrap();
            }
            let kept = world.kept.lock().unwrap();
            assert_eq!(kept.len(), hour, "one renewal an hour");
            let refresh: Vec<&str> = kept.iter().map(|pair| pair.refresh.expose_secret()).collect();
            assert_eq!(refresh.windows(2).all(|pair| pair[0] != pair[1]), rotate || hour == 1, "{rotate}");
        }
        let live = world.simulator.rows("organizations").len();
        assert_eq!(live, 15, "refused requests applied nothing");
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_void_is_told_and_shown_to_nobody() {
    let simulator = PipedriveSimulator::builder().limits(false).start().await.unwrap();
    let given = simulator.authorize(&[]).unwrap();
    let url = format!("{}/oauth/token", simulator.url());
    let tokens = OAuthTokens { access: "very-secret-access".into(), refresh: "very-secret-refresh".into() };
    let oauth = OAuth::at(&url, ClientBuilder::new(), given.client_id, "very-secret-secret", tokens).unwrap();
    let error = oauth.refresh(&SecretString::from("very-secret-access")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never), "{error}");
    assert!(!format!("{error} {error:?} {oauth:?}").contains("very-secret"));
    assert!(error.to_string().contains("authorize the app again"), "{error}");
    // Who was refused with an old token gets the new one without asking anybody.
    assert_eq!(oauth.refresh(&SecretString::from("older")).await.unwrap().expose_secret(), "very-secret-access");
}

#[tokio::test]
async fn a_renewal_that_may_succeed_later_is_no_refusal() {
    let tokens = OAuthTokens { access: "a".into(), refresh: "b".into() };
    // Nobody listens there.
    let oauth = OAuth::at("http://127.0.0.1:9/oauth/token", ClientBuilder::new(), "id", "secret", tokens).unwrap();
    let error = oauth.refresh(&SecretString::from("a")).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::After(_)) && error.kind() == ErrorKind::Unavailable, "{error}");
}

#[test]
fn secrets_go_over_tls_only() {
    let tokens = || OAuthTokens { access: "a".into(), refresh: "b".into() };
    for (url, good) in [
        ("https://oauth.pipedrive.com/oauth/token", true),
        ("http://127.0.0.1:1/oauth/token", true),
        ("http://oauth.pipedrive.com/oauth/token", false),
        ("oauth.pipedrive.com", false),
    ] {
        assert_eq!(OAuth::at(url, ClientBuilder::new(), "id", "secret", tokens()).is_ok(), good, "{url}");
    }
}
