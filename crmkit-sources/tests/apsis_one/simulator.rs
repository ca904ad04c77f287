//! The simulator keeps to what the vendor documents.

use std::time::Duration;

use crmkit_core::http::reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::world::{MAIN, World, attribute, nine, profile};

struct Asking<'a> {
    world: &'a World,
    client: Client,
    token: String,
}

impl<'a> Asking<'a> {
    async fn of(world: &'a World) -> Self {
        let mut asking = Self { world, client: Client::new(), token: String::new() };
        asking.token = asking.grant().await.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        asking
    }

    async fn grant(&self) -> Response {
        let simulator = &self.world.simulator;
        let grant = json!({
            "grant_type": "client_credentials",
            "client_id": simulator.client_id(),
            "client_secret": simulator.client_secret(),
        });
        self.client.post(format!("{}/oauth/token", simulator.url())).json(&grant).send().await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        let request =
            self.client.request(method, format!("{}{path}", self.world.simulator.url())).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn tokens_end_are_few_and_come_from_forms_too() {
    let world = World::of(nine()).await;
    let asking = Asking::of(&world).await;
    assert_eq!(asking.ask("GET", "/audience/sections", None).await.0, 200);
    world.clock.advance(Duration::from_secs(24 * 3_600));
    let (status, body) = asking.ask("GET", "/audience/sections", None).await;
    assert_eq!((status, body["title"].is_null()), (403, true), "the gateway's words, no problem details: {body}");
    let simulator = &world.simulator;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        simulator.client_id(),
        simulator.client_secret()
    );
    let request = asking.client.post(format!("{}/oauth/token", simulator.url()));
    let answer = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for _ in 1..10 {
        assert_eq!(asking.grant().await.status(), 200);
    }
    assert_eq!(asking.grant().await.status(), 429, "ten a minute");
    let wrong = json!({ "grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x" });
    let answer = asking.client.post(format!("{}/oauth/token", simulator.url())).json(&wrong).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.json::<Value>().await.unwrap()["title"].is_string());
}

#[tokio::test]
async fn a_profile_is_asked_ten_times_a_second_and_bodies_are_short() {
    let world = World::of(nine()).await;
    let asking = Asking::of(&world).await;
    let path = |key: &str| {
        format!("/audience/keyspaces/com.apsis1.keyspaces.export/profiles/{key}/sections/{MAIN}/attributes")
    };
    for _ in 0..10 {
        assert_eq!(asking.ask("GET", &path("x1"), None).await.0, 200);
    }
    assert_eq!(asking.ask("GET", &path("x1"), None).await.0, 429);
    assert_eq!(asking.ask("GET", &path("x2"), None).await.0, 200, "another profile has its own");
    let long = json!({ "com.apsis1.attributes.firstname": "x".repeat(100_001) });
    assert_eq!(asking.ask("PATCH", &format!("/v2{}", path("x3")), Some(long)).await.0, 413);
}

#[tokio::test]
async fn profiles_are_patched_merged_locked_and_removed() {
    let mut account = nine();
    account["sections"][0]["attributes"] = json!([attribute("tier-aaaaaaaaaa", "Customer tier", 500)]);
    let world = World::of(account).await;
    let asking = Asking::of(&world).await;
    let at = |keyspace: &str, key: &str| format!("/audience/keyspaces/com.apsis1.keyspaces.{keyspace}/profiles/{key}");
    let attributes = |keyspace: &str, key: &str| format!("{}/sections/{MAIN}/attributes", at(keyspace, key));
    // By version a profile is made where there is none; by discriminator never.
    assert_eq!(
        asking.ask("PATCH", &attributes("email", "new%40example.org"), Some(json!({ "501": "Gold" }))).await.0,
        204
    );
    let (status, body) = asking.ask("GET", &attributes("email", "new%40example.org"), None).await;
    assert_eq!((status, &body["items"]["501"]), (200, &json!("Gold")));
    let nobody = format!("/v2{}", attributes("email", "nobody%40example.org"));
    let (status, body) = asking.ask("PATCH", &nobody, Some(json!({}))).await;
    assert_eq!((status, &body["code"]), (404, &json!("AUD-1201")));
    let both = json!({ "profiles": [
        { "keyspace_discriminator": "com.apsis1.keyspaces.email", "profile_key": "p1@example.org" },
        { "keyspace_discriminator": "com.apsis1.keyspaces.crm-id", "profile_key": "4711" },
    ] });
    assert_eq!(asking.ask("PUT", "/audience/profiles/merges", Some(both.clone())).await.0, 204);
    let (status, body) = asking.ask("GET", &attributes("crm-id", "4711"), None).await;
    assert_eq!((status, &body["items"]["1"]), (200, &json!("Person 1")), "two keys, one profile");
    assert_eq!(asking.ask("PUT", &format!("{}/locks", at("crm-id", "4711")), None).await.0, 204);
    let (status, body) = asking.ask("GET", &attributes("email", "p1%40example.org"), None).await;
    assert_eq!((status, &body["code"]), (410, &json!("AUD-1202")));
    assert_eq!(asking.ask("PUT", "/audience/profiles/merges", Some(both)).await.0, 410);
    assert_eq!(asking.ask("DELETE", &at("export", "x2"), None).await.0, 204);
    assert_eq!(asking.ask("GET", &attributes("email", "p2%40example.org"), None).await.0, 404);
    let consents = format!("/v2{}/sections/{MAIN}/consents", at("export", "x3"));
    let again = json!({ "topic_discriminator": "usercreated.topics.news-1111111111", "channel_discriminator": "com.apsis1.channels.email", "type": "opt-in", "reason": "x" });
    assert_eq!(asking.ask("POST", &consents, Some(again.clone())).await.0, 409, "the same once more");
    let mut out = again;
    out["type"] = json!("opt-out");
    assert_eq!(asking.ask("POST", &consents, Some(out)).await.0, 204);
    assert_eq!(asking.ask("GET", &format!("{consents}?consent_types=opt-in"), None).await.1["items"], json!([]));
    assert_eq!(world.simulator.verify(), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_runs_is_ready_for_a_day_and_goes() {
    let mut account = nine();
    account["segments"] =
        json!([{ "discriminator": "usercreated.segments.all-1111111111", "name": "All", "definition": "" }]);
    let world = World::of(account).await;
    let asking = Asking::of(&world).await;
    let body = json!({ "section_discriminator": MAIN, "segment_discriminator": "usercreated.segments.all-1111111111" });
    let (status, asked) = asking.ask("POST", "/audience/profiles/reports/segments", Some(body.clone())).await;
    assert_eq!(status, 202);
    let path = |name: &str| asked[name].as_str().unwrap().strip_prefix(&world.simulator.url()).unwrap().to_owned();
    assert_eq!(asking.ask("GET", &path("file_download_url_v2"), None).await.0, 202);
    assert_eq!(asking.ask("GET", &path("file_download_url"), None).await.0, 404, "the old style");
    assert_eq!(asking.ask("GET", &path("file_download_url_v2"), None).await.0, 200);
    let packed = asking.client.get(asked["file_download_url"].as_str().unwrap()).bearer_auth(&asking.token);
    let packed = packed.header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    assert_eq!(asking.ask("GET", "/audience/downloads/v2/999", None).await.0, 404);
    assert_eq!(asking.ask("GET", "/audience/downloads/legacy/999", None).await.0, 410);
    let (first, second) = (
        asking.ask("POST", "/audience/profiles/reports/segments", Some(body.clone())).await.0,
        asking.ask("POST", "/audience/profiles/reports/segments", Some(body)).await.0,
    );
    assert!(first == 429 || second == 429, "one a second: {first} {second}");
    world.clock.advance(Duration::from_secs(24 * 3_600 - 60));
    let asking = Asking::of(&world).await;
    assert_eq!(asking.ask("GET", &path("file_download_url_v2"), None).await.0, 200);
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(asking.ask("GET", &path("file_download_url_v2"), None).await.0, 410);
    assert_eq!(asking.ask("GET", &path("file_download_url"), None).await.0, 410);
}

#[tokio::test]
async fn what_is_not_modelled_is_said_and_accounts_are_apart() {
    let world = World::of(nine()).await;
    let asking = Asking::of(&world).await;
    assert_eq!(asking.ask("POST", "/v2/audience/sections/x/imports", Some(json!({}))).await.0, 501);
    assert!(world.simulator.verify()[0].contains("not modelled"));
    let url = world.simulator.url();
    let opened: Value = asking
        .client
        .post(format!("{url}/_simulator/accounts"))
        .json(&json!({ "name": "other" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let grant = json!({ "grant_type": "client_credentials", "client_id": opened["client_id"], "client_secret": opened["client_secret"] });
    let granted: Value =
        asking.client.post(format!("{url}/oauth/token")).json(&grant).send().await.unwrap().json().await.unwrap();
    let other =
        Asking { world: &world, client: Client::new(), token: granted["access_token"].as_str().unwrap().to_owned() };
    let path = format!("/audience/keyspaces/com.apsis1.keyspaces.export/profiles/x1/sections/{MAIN}/attributes");
    assert_eq!((asking.ask("GET", &path, None).await.0, other.ask("GET", &path, None).await.0), (200, 404));
    let dump: Value = asking.client.get(format!("{url}/_simulator/dump")).send().await.unwrap().json().await.unwrap();
    assert_eq!(dump["accounts"].as_array().unwrap().len(), 2);
    world.simulator.seed(&dump).unwrap();
    assert_eq!(world.simulator.dump(), dump, "a dump is a seed");
    world.simulator.put("x1", profile("z@example.org", &[])).unwrap();
    assert_eq!(world.simulator.profile("x1")["keys"]["com.apsis1.keyspaces.email"], "z@example.org");
}
