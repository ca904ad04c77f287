//! Tokens of OAuth: granted, refreshed, expired, limited to scopes.

use chrono::TimeDelta;
use crmkit_core::simulator::{Effect, Fault};
use crmkit_pipedrive::simulator::{OAuthTokens, PipedriveSimulator, Switches, Tier};
use reqwest::Client;
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock};

async fn get(url: &str, bearer: &str, path: &str) -> (u16, Value) {
    let answer = Client::new().get(format!("{url}{path}")).bearer_auth(bearer).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn exchange(url: &str, tokens: &OAuthTokens, form: &str) -> (u16, Value) {
    let request =
        Client::new().post(format!("{url}/oauth/token")).basic_auth(&tokens.client_id, Some(&tokens.client_secret));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn access_tokens_expire_and_refresh_tokens_are_replaced() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().clock(clock.clone()).start().await.unwrap();
    let url = simulator.url();
    let tokens = simulator.authorize(&[]).unwrap();
    let me = get(&url, &tokens.access_token, "/api/v1/users/me").await;
    assert_eq!((me.0, &me.1["data"]["id"]), (200, &json!(1)));
    clock.advance(TimeDelta::seconds(3_600));
    let (status, body) = get(&url, &tokens.access_token, "/api/v1/users/me").await;
    assert_eq!((status, &body["errorCode"]), (401, &json!(401)));

    let refresh = format!("grant_type=refresh_token&refresh_token={}", tokens.refresh_token);
    let (status, fresh) = exchange(&url, &tokens, &refresh).await;
    assert_eq!((status, &fresh["token_type"], &fresh["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    assert_eq!(fresh["api_domain"], url);
    assert_ne!(fresh["refresh_token"], tokens.refresh_token);
    let access = fresh["access_token"].as_str().unwrap();
    assert_eq!(get(&url, access, "/api/v1/users/me").await.0, 200);
    let (status, used) = exchange(&url, &tokens, &refresh).await;
    assert_eq!((status, &used["error"]), (400, &json!("invalid_grant")));
    let again = format!("grant_type=refresh_token&refresh_token={}", fresh["refresh_token"].as_str().unwrap());
    clock.advance(TimeDelta::days(60));
    assert_eq!(exchange(&url, &tokens, &again).await.0, 400);

    let tokens = simulator.authorize(&[]).unwrap();
    let mut switches = Switches::default();
    switches.refresh_tokens_rotate = false;
    simulator.set_switches(switches).unwrap();
    let refresh = format!("grant_type=refresh_token&refresh_token={}", tokens.refresh_token);
    for _ in 0..2 {
        let (status, fresh) = exchange(&url, &tokens, &refresh).await;
        assert_eq!((status, &fresh["refresh_token"]), (200, &json!(tokens.refresh_token)));
    }
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let clock = FrozenClock::new();
    let simulator = PipedriveSimulator::builder().clock(clock.clone()).start().await.unwrap();
    let url = simulator.url();
    let app = simulator.authorize(&[]).unwrap();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let code = async || {
        let page =
            format!("{url}/oauth/authorize?client_id={}&redirect_uri=http://app.example/back&state=s", app.client_id);
        let answer = client.get(page).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 302);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let (_, rest) = location.split_once("code=").unwrap();
        let (code, state) = rest.split_once('&').unwrap();
        assert_eq!(state, "state=s");
        code.to_owned()
    };
    let form = format!("grant_type=authorization_code&code={}&redirect_uri=http://app.example/back", code().await);
    let (status, tokens) = exchange(&url, &app, &form).await;
    assert_eq!(status, 200);
    assert_eq!(get(&url, tokens["access_token"].as_str().unwrap(), "/api/v1/users").await.0, 200);
    assert_eq!(exchange(&url, &app, &form).await.0, 400);
    let late = format!("grant_type=authorization_code&code={}", code().await);
    clock.advance(TimeDelta::minutes(5));
    assert_eq!(exchange(&url, &app, &late).await.0, 400);
    assert_eq!(exchange(&url, &app, "grant_type=password").await.1["error"], "unsupported_grant_type");
    let mut thief = app.clone();
    thief.client_secret = "x".into();
    assert_eq!(exchange(&url, &thief, &form).await.0, 401);
    simulator.fault(Fault::on("POST", "/oauth/token", Effect::Status { status: 503, body: None, headers: Vec::new() }));
    assert_eq!(exchange(&url, &app, &form).await.0, 503);
    assert!(simulator.verify().is_empty());
}

#[tokio::test]
async fn tokens_are_limited_to_their_scopes() {
    let simulator = PipedriveSimulator::builder().tier(Tier::Lite).start().await.unwrap();
    let url = simulator.url();
    let tokens = simulator.authorize(&["deals:read"]).unwrap();
    assert_eq!(get(&url, &tokens.access_token, "/api/v2/deals").await.0, 200);
    let (status, body) = get(&url, &tokens.access_token, "/api/v2/persons").await;
    assert_eq!((status, &body["error"]), (403, &json!("Scope and URL mismatch")));
    let answer =
        Client::new().get(format!("{url}/api/v2/deals")).bearer_auth(&tokens.access_token).send().await.unwrap();
    assert_eq!(answer.headers()["x-ratelimit-limit"], "80", "an app has four times the burst of an API token");
    assert_eq!(get(&url, simulator.token(), "/api/v2/deals").await.0, 401, "an API token is not a bearer token");
    let api = Api { token: tokens.access_token.clone(), ..Api::of(&simulator) };
    assert_eq!(api.call("GET", "/api/v2/deals", None).await.0, 401, "nor the other way round");
}

#[tokio::test]
async fn grants_are_steered_and_outlive_their_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let simulator = PipedriveSimulator::builder().journal(&path).start().await.unwrap();
    let nobody = Api { token: String::new(), ..Api::of(&simulator) };
    let (_, account) = nobody.call("POST", "/_simulator/accounts", Some(json!({"name": "other", "scopes": []}))).await;
    let access = account["access_token"].as_str().unwrap();
    let me = get(&simulator.url(), access, "/api/v1/users/me").await;
    assert_eq!(me.1["data"]["company_domain"], "other");
    let dump = simulator.dump();
    drop(simulator);
    let simulator = PipedriveSimulator::builder().journal(&path).start().await.unwrap();
    assert_eq!(simulator.dump(), dump);
    assert_eq!(get(&simulator.url(), access, "/api/v1/users/me").await.0, 200);
}
