//! Files: uploaded, linked, listed, downloaded.

use crmkit_pipedrive::simulator::{PipedriveSimulator, Switches};
use serde_json::{Value, json};

use crate::api::{Api, ids, start};

async fn upload(api: &Api, name: &str, content: &[u8], links: &[(&str, &str)]) -> (u16, Value) {
    let mut body = Vec::new();
    for (key, value) in links {
        body.extend(format!("--x\r\ncontent-disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head = format!("--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    body.extend(head.bytes().chain(content.iter().copied()).chain(b"\r\n--x--\r\n".iter().copied()));
    let request = api.client.post(format!("{}/api/v1/files", api.url)).header("x-api-token", &api.token);
    let answer = request.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn with_records() -> (PipedriveSimulator, Api) {
    let (simulator, api) = start().await;
    api.post("/api/v2/organizations", json!({"name": "Acme"})).await;
    api.post("/api/v2/persons", json!({"name": "Jane Doe"})).await;
    api.post("/api/v2/deals", json!({"title": "Big deal"})).await;
    api.post("/api/v2/activities", json!({"subject": "Call"})).await;
    (simulator, api)
}

#[tokio::test]
async fn files_are_kept_as_they_came() {
    let (_simulator, api) = with_records().await;
    let (_, lead) = api.call("POST", "/api/v1/leads", Some(json!({"title": "L", "person_id": 1}))).await;
    let lead = lead["data"]["id"].as_str().unwrap();
    let content = [0_u8, 159, 146, 150, 13, 10, 255];
    let links = [("deal_id", "1"), ("person_id", "1"), ("org_id", "1"), ("activity_id", "1"), ("lead_id", lead)];
    let (status, answer) = upload(&api, "Bild 1.JPG", &content, &links).await;
    let file = &answer["data"];
    assert_eq!((status, &file["name"], &file["file_size"]), (200, &json!("Bild 1.JPG"), &json!(7)), "{answer}");
    let mangled = file["file_name"].as_str().unwrap();
    assert!(mangled.starts_with("Bild_1_") && mangled.ends_with(".JPG") && mangled.len() > 50, "{mangled}");
    assert_eq!(
        (&file["deal_name"], &file["lead_name"], &file["org_name"]),
        (&json!("Big deal"), &json!("L"), &json!("Acme"))
    );
    assert_eq!((&file["deal_id"], &file["lead_id"], &file["active_flag"]), (&json!(1), &json!(lead), &json!(true)));
    let download = api.send("GET", "/api/v1/files/1/download", None).await.unwrap();
    assert_eq!(download.headers()["content-type"], "application/octet-stream");
    assert_eq!(download.bytes().await.unwrap(), &content[..]);
    let counted = api.get("/api/v2/persons/1?include_fields=files_count").await;
    assert_eq!(counted["data"]["files_count"], 1);
    let renamed = api.write("PUT", "/api/v1/files/1", json!({"name": "a.jpg", "description": "d"})).await;
    assert_eq!((&renamed["name"], &renamed["file_name"]), (&json!("a.jpg"), &json!(mangled)));
    assert_eq!(api.delete("/api/v1/files/1").await.1["data"], json!({"id": 1}));
    assert_eq!(api.delete("/api/v1/files/1").await.0, 404);
    assert_eq!(api.get("/api/v1/files/1").await["data"]["active_flag"], false);
    assert_eq!(api.call("GET", "/api/v1/files/1/download", None).await.0, 404);
    assert_eq!(api.get("/api/v1/files").await["data"], json!([]));
}

#[tokio::test]
async fn files_are_listed() {
    let (_simulator, api) = with_records().await;
    for number in 1..=3 {
        let links: &[(&str, &str)] = if number == 2 { &[("deal_id", "1")] } else { &[] };
        upload(&api, &format!("{number}.txt"), b"x", links).await;
    }
    let page = api.get("/api/v1/files?limit=2").await;
    assert_eq!((ids(&page), &page["additional_data"]["pagination"]["next_start"]), (vec![1, 2], &json!(2)));
    assert_eq!(api.get("/api/v1/files?limit=500").await["additional_data"]["pagination"]["limit"], 100);
    assert_eq!(ids(&api.get("/api/v1/files?sort=id%20DESC").await), [3, 2, 1]);
    assert_eq!(api.call("GET", "/api/v1/files?sort=name", None).await.0, 400);
    assert_eq!(ids(&api.get("/api/v1/deals/1/files").await), [2]);
    assert_eq!(api.get("/api/v1/persons/1/files").await["data"], json!([]));
    assert_eq!(api.get("/api/v1/organizations/1/files").await["data"], json!([]));
    assert_eq!(api.call("GET", "/api/v1/deals/9/files", None).await.0, 404);
}

#[tokio::test]
async fn bad_files_are_refused() {
    let (simulator, api) = with_records().await;
    api.refused("POST", "/api/v1/files", json!({"deal_id": 1}), 400, "File must be given.").await;
    for (links, text) in [
        ([("deal_id", "9")], "deal does not exist"),
        ([("lead_id", "adf21080-0e10-41eb-879b-05d71fb426ec")], "lead does not exist"),
        ([("product_id", "1")], "product does not exist"),
        ([("note_id", "1")], "Invalid field(s) in the payload: note_id"),
        ([("person_id", "x")], "person_id is not valid"),
    ] {
        let (status, answer) = upload(&api, "a.txt", b"x", &links).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains(text), "{answer}");
    }
    let mut switches = Switches::default();
    (switches.file_bytes, switches.storage_bytes) = (10, 12);
    simulator.set_switches(switches.clone()).unwrap();
    assert_eq!(upload(&api, "a.txt", &[1; 11], &[]).await.0, 413);
    assert_eq!(upload(&api, "a.txt", &[1; 10], &[]).await.0, 200);
    assert_eq!(upload(&api, "b.txt", &[1; 3], &[]).await.1["code"], "feature_capping_storage_limit");
    switches.file_too_large_status = 400;
    simulator.set_switches(switches).unwrap();
    assert_eq!(upload(&api, "a.txt", &[1; 11], &[]).await.0, 400);
}

#[tokio::test]
async fn a_download_may_be_a_redirect() {
    let (simulator, api) = with_records().await;
    upload(&api, "a.txt", b"hello", &[]).await;
    let mut switches = Switches::default();
    switches.download_redirects = true;
    simulator.set_switches(switches).unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let plain = Api { client, ..Api::of(&simulator) };
    let answer = plain.send("GET", "/api/v1/files/1/download", None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let with_token = plain.send("GET", &location, None).await.unwrap();
    assert_eq!(with_token.status().as_u16(), 400);
    let nobody = Api { token: String::new(), ..plain };
    assert_eq!(nobody.send("GET", &location, None).await.unwrap().text().await.unwrap(), "hello");
    let forged = location.replace("/1?", "/2?");
    assert_eq!(nobody.send("GET", &forged, None).await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn documents_of_google_are_linked() {
    let (_simulator, api) = with_records().await;
    let body = json!({"item_type": "deal", "item_id": 1, "remote_id": "abc", "remote_location": "googledrive"});
    let linked = api.post("/api/v1/files/remoteLink", body).await;
    assert_eq!((&linked["remote_id"], &linked["deal_id"], &linked["file_size"]), (&json!("abc"), &json!(1), &json!(0)));
    assert_eq!(api.call("GET", "/api/v1/files/1/download", None).await.0, 400);
}

#[tokio::test]
async fn files_survive_a_dump_and_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let start = || PipedriveSimulator::builder().limits(false).journal(&path).start();
    let simulator = start().await.unwrap();
    upload(&Api::of(&simulator), "a.bin", &[0, 255, 7], &[]).await;
    let dump = simulator.dump();
    drop(simulator);
    let simulator = start().await.unwrap();
    assert_eq!(simulator.dump(), dump);
    let copy = PipedriveSimulator::builder().seed(dump).start().await.unwrap();
    for simulator in [&simulator, &copy] {
        let answer = Api::of(simulator).send("GET", "/api/v1/files/1/download", None).await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), &[0, 255, 7][..]);
    }
}
