//! Files in two steps.

use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::api::{Api, all, start, switched};

async fn upload(api: &Api, uri: &str, content: &[u8]) -> u16 {
    let part = Part::bytes(content.to_vec()).file_name("x.pdf").mime_str("application/pdf").unwrap();
    let request = api.client.post(uri).basic_auth(&api.user, Some(&api.key));
    request.multipart(Form::new().part("file", part)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_file_is_announced_and_then_sent() {
    let api = start().await;
    let lead = api.new_one("Lead", json!({"file": [{"entityType": "Files", "name": "x.pdf"}]})).await;
    assert_eq!(lead["file"], json!([]));
    let announced = api.edit("Lead", &lead, json!({"file": [{"entityType": "Files", "name": "x.pdf"}]})).await;
    let file = &announced["file"][0];
    assert_eq!((&file["name"], &file["size"], &file["entityType"]), (&json!("x.pdf"), &json!(0), &json!("Files")));
    let uri = file["uri"].as_str().unwrap();
    assert_eq!(uri, format!("{}/file/api/{}", api.simulator.url(), file["id"]));
    let content: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    assert_eq!(api.client.post(uri).body("x").send().await.unwrap().status(), 401);
    assert_eq!(
        api.client.post(uri).basic_auth(&api.user, Some(&api.key)).body("x").send().await.unwrap().status(),
        400
    );
    assert_eq!(upload(&api, &format!("{uri}9"), &content).await, 404);
    assert_eq!(upload(&api, uri, b"broken").await, 200);
    assert_eq!(upload(&api, uri, &content).await, 200);
    let read = api.get_one("Lead", &lead["id"]).await;
    let sent = &read["file"][0];
    assert_eq!((&sent["size"], &sent["mime"]), (&json!(70_000), &json!("application/pdf")));
    assert_eq!((&sent["rev"], &read["rev"]), (&json!("e991896d5aa4fe62408234972cb9f68453b87522"), &announced["rev"]));
    let get = |range: Option<&'static str>| {
        let request = api.client.get(uri).basic_auth(&api.user, Some(&api.key));
        match range {
            Some(range) => request.header("range", range),
            None => request,
        }
    };
    assert_eq!(get(None).send().await.unwrap().bytes().await.unwrap(), content);
    let part = get(Some("bytes=10-12")).send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 10-12/70000".parse().unwrap())
    );
    assert_eq!(part.bytes().await.unwrap(), content[10..=12]);
    assert_eq!(get(Some("bytes=70000-")).send().await.unwrap().status(), 416);
    let more = json!({"file": [{"entityType": "Files", "id": sent["id"], "name": "x.pdf"}, {"name": "y.txt"}]});
    let more = api.edit("Lead", &read, more).await;
    assert_eq!(all(&more["file"], "size"), [&json!(70_000), &json!(0)]);
    assert_eq!(all(&more["file"], "name"), ["x.pdf", "y.txt"]);
    api.refused("editLead", json!([lead["id"], more["rev"], {"file": [{"id": 99}]}]), 400, "not a file").await;
    assert_eq!(api.edit("Lead", &more, json!({"file": []})).await["file"], json!([]));
}

#[tokio::test]
async fn the_note_of_a_logged_activity_takes_files() {
    let api = start().await;
    let made = api.new_one("Activity", json!({"name": "call", "startTime": "2025-01-01T00:00:00Z"})).await;
    let files = json!({"logNote": {"files": [{"name": "rec.mp3"}]}});
    api.refused("editActivity", json!([made["id"], made["rev"], files]), 400, "logged").await;
    let log = json!({"status": 1, "logNote": {"note": "n", "files": [{"entityType": "Files", "name": "rec.mp3"}]}});
    let logged = api.edit("Activity", &made, log).await;
    let uri = logged["logNote"]["files"][0]["uri"].as_str().unwrap();
    assert_eq!(upload(&api, uri, b"abc").await, 200);
    let read = api.get_one("Activity", &made["id"]).await;
    assert_eq!(read["logNote"]["files"][0]["rev"], "a9993e364706816aba3e25717850c26c9cd0d89d");
}

#[tokio::test]
async fn a_cap_on_files_and_their_removal_are_open_questions() {
    for (kept, cap) in [(false, None), (true, Some(3))] {
        let api = switched(|switches| (switches.files_can_be_removed, switches.file_cap) = (!kept, cap)).await;
        let lead = api.new_one("Lead", json!({})).await;
        let lead = api.edit("Lead", &lead, json!({"file": [{"name": "a"}]})).await;
        let uri = lead["file"][0]["uri"].as_str().unwrap();
        assert_eq!(upload(&api, uri, b"abc").await, 200);
        assert_eq!(upload(&api, uri, b"abcd").await, if cap.is_some() { 413 } else { 200 });
        let lead = api.edit("Lead", &lead, json!({"file": []})).await;
        assert_eq!(lead["file"].as_array().map(Vec::len), Some(usize::from(kept)));
    }
}
