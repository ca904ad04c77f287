//! Uploads, attachments and downloads.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::api::{Api, FrozenClock, id, start, start_release, start_with};
use chrono::TimeDelta;
use crmkit_twenty::simulator::{LegacyUpload, TwentySimulator, Version};

const FILE: &str = "20202020-15db-460e-8166-c7b5d87ad4be";
const UPLOAD: &str = "mutation U($file: Upload!, $field: String!) {
    uploadFilesFieldFileByUniversalIdentifier(file: $file, fieldMetadataUniversalIdentifier: $field) { id path size createdAt url }
}";

async fn form(api: &Api, path: &str, query: &str, variables: Value, content: Vec<u8>) -> Value {
    let operations = json!({"query": query, "variables": variables});
    let part = Part::bytes(content).file_name("hello.txt").mime_str("text/plain").unwrap();
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", part);
    let request = api.client.post(format!("{}{path}", api.url)).bearer_auth(&api.token).multipart(form);
    request.send().await.unwrap().json().await.unwrap()
}

async fn upload(api: &Api, content: &str) -> Value {
    let variables = json!({"file": null, "field": FILE});
    let answer = form(api, "/metadata", UPLOAD, variables, content.as_bytes().to_vec()).await;
    answer["data"]["uploadFilesFieldFileByUniversalIdentifier"].clone()
}

fn attachment(file: &Value) -> Value {
    json!({"name": "hello.txt", "file": [{"fileId": file["id"], "label": "hello.txt"}]})
}

#[tokio::test]
async fn a_multipart_upload_can_be_attached_once_and_read_back() {
    let (_simulator, api) = start().await;
    let file = upload(&api, "hello world").await;
    assert_eq!(file["size"], 11);
    assert_eq!(file["path"], format!("files-field/{FILE}/{}.txt", id(&file)));
    let person = api.post("/rest/people", json!({})).await;
    let mut body = attachment(&file);
    body["targetPersonId"] = person["id"].clone();
    let made = api.post("/rest/attachments", body).await;
    let item = &made["file"][0];
    assert_eq!(
        (&item["label"], &item["fileId"], &item["extension"]),
        (&json!("hello.txt"), &file["id"], &json!(".txt"))
    );
    assert_eq!((&made["fileCategory"], &made["targetPersonId"]), (&json!("OTHER"), &person["id"]));
    let answer = api.client.get(item["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.headers()["content-disposition"], "inline");
    assert_eq!(answer.text().await.unwrap(), "hello world");
    let forged = item["url"].as_str().unwrap().split('?').next().unwrap();
    assert_eq!(api.client.get(format!("{forged}?token=9999999999.x")).send().await.unwrap().status().as_u16(), 403);
    let taken = format!("File {} is already associated with a permanent files field", id(&file));
    api.refused("POST", "/rest/attachments", attachment(&file), 400, &taken).await;
    let same = api.patch(&format!("/rest/attachments/{}", id(&made)), json!({"file": attachment(&file)["file"]})).await;
    assert_eq!(same["file"][0]["fileId"], file["id"]);
    assert_eq!(api.post("/rest/attachments", json!({"name": "bare"})).await["file"], Value::Null);
}

#[tokio::test]
async fn wrong_files_are_refused() {
    let (_simulator, api) = start().await;
    let nobody = "9f1c8f0e-5f0b-4c1d-8a57-3a0f5a1b2c3d";
    let missing = json!({"file": [{"fileId": nobody, "label": "x"}]});
    api.refused("POST", "/rest/attachments", missing, 400, &format!("File not found: {nobody}")).await;
    let (a, b) = (upload(&api, "a").await, upload(&api, "b").await);
    let two = json!({"file": [attachment(&a)["file"][0], attachment(&b)["file"][0]]});
    api.refused("POST", "/rest/attachments", two, 400, "Max number of files is 1 for field \"file\"").await;
    let strict = json!({"file": [{"fileId": a["id"], "label": "x", "size": 1}]});
    assert_eq!(api.call("POST", "/rest/attachments", Some(strict)).await.0, 400);
    let avatar = json!({"avatarFile": [{"fileId": a["id"], "label": "x"}]});
    api.refused("POST", "/rest/people", avatar, 400, &format!("File not found: {}", id(&a))).await;
    api.post("/rest/attachments", attachment(&a)).await;
    let big = form(&api, "/metadata", UPLOAD, json!({"file": null, "field": FILE}), vec![0; (10 << 20) + 1]).await;
    assert!(big["errors"][0]["message"].as_str().unwrap().contains("10485760"), "{big}");
}

#[tokio::test]
async fn a_direct_upload_goes_to_a_signed_address() {
    let (_simulator, api) = start().await;
    let field = api.field_id("attachment", "file").await;
    let announce = "mutation A($size: Float!, $field: String) {
        createFileUpload(filename: \"a.bin\", size: $size, fileFolder: FilesField, fieldMetadataId: $field) { fileId uploadUrl }
    }";
    let complete = "mutation C($id: String!) { completeFileUpload(fileId: $id) { id size url } }";
    let target = api.metadata(announce, json!({"size": 3, "field": field})).await["createFileUpload"].clone();
    let early = api.graphql("/metadata", complete, json!({"id": target["fileId"]})).await;
    assert_eq!(early["errors"][0]["extensions"]["subCode"], "FILE_SIZE_MISMATCH");
    let put = api.client.put(target["uploadUrl"].as_str().unwrap()).body("abc").send().await.unwrap();
    assert_eq!(put.status().as_u16(), 204);
    let file = api.metadata(complete, json!({"id": target["fileId"]})).await["completeFileUpload"].clone();
    assert_eq!((&file["id"], &file["size"]), (&target["fileId"], &json!(3)));
    let made = api.post("/rest/attachments", attachment(&file)).await;
    let read = api.client.get(made["file"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(read.text().await.unwrap(), "abc");
    for size in [0_u64, 1_073_741_825] {
        let answer = api.graphql("/metadata", announce, json!({"size": size, "field": field})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["message"], format!("Invalid file size {size} (max 1073741824 bytes)"));
        assert_eq!(error["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    }
}

#[tokio::test]
async fn addresses_end() {
    let clock = FrozenClock::new();
    let simulator = TwentySimulator::builder().clock(clock.clone()).limits(false).start().await.unwrap();
    let api = Api::of(&simulator);
    let url = upload(&api, "x").await["url"].as_str().unwrap().to_owned();
    clock.advance(TimeDelta::hours(23));
    assert_eq!(api.client.get(&url).send().await.unwrap().status().as_u16(), 200);
    clock.advance(TimeDelta::hours(2));
    assert_eq!(api.client.get(&url).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn files_that_nobody_attaches_stay_or_go() {
    for (hours, status) in [(0, 201), (24, 400)] {
        let clock = FrozenClock::new();
        let (mut simulator, _) = start_with(|_| {}).await;
        let mut switches = crmkit_twenty::simulator::Switches::default();
        switches.unattached_file_hours = hours;
        let builder = TwentySimulator::builder().clock(clock.clone()).switches(switches).limits(false);
        simulator = {
            drop(simulator);
            builder.start().await.unwrap()
        };
        let api = Api::of(&simulator);
        let (kept, file) = (upload(&api, "kept").await, upload(&api, "x").await);
        api.post("/rest/attachments", attachment(&kept)).await;
        clock.advance(TimeDelta::hours(25));
        assert_eq!(api.call("POST", "/rest/attachments", Some(attachment(&file))).await.0, status);
        assert_eq!(
            api.get("/rest/attachments?filter=name[eq]:hello.txt").await["totalCount"],
            if hours == 0 { 2 } else { 1 }
        );
    }
}

#[tokio::test]
async fn old_releases_answer_with_a_path() {
    let plain = "mutation U($file: Upload!) { uploadFile(file: $file, fileFolder: Attachment) }";
    let signed = "mutation U($file: Upload!) { uploadFile(file: $file, fileFolder: Attachment) { path token } }";
    let content = || b"hello".to_vec();
    let (_old, api) = start_release(Version::V0_5).await;
    let path = form(&api, "/graphql", plain, json!({"file": null}), content()).await["data"]["uploadFile"].clone();
    assert!(path.as_str().unwrap().starts_with("attachment/"));
    let made = api.post("/rest/attachments", json!({"name": "a", "type": "TextDocument", "fullPath": path})).await;
    assert_eq!(made["fullPath"], path);
    let (simulator, api) = start_release(Version::V1_4).await;
    let file = form(&api, "/metadata", signed, json!({"file": null}), content()).await["data"]["uploadFile"].clone();
    assert!(file["path"].is_string() && file["token"].is_string());
    let mut switches = crmkit_twenty::simulator::Switches::of(Version::V1_4);
    switches.legacy_upload = LegacyUpload::Path;
    simulator.set_switches(switches).unwrap();
    assert!(form(&api, "/metadata", plain, json!({"file": null}), content()).await["data"]["uploadFile"].is_string());
    let (_new, api) = start().await;
    let answer = form(&api, "/metadata", plain, json!({"file": null}), content()).await;
    assert_eq!(answer["errors"][0]["message"], "Cannot query field \"uploadFile\" on type \"Mutation\".");
}
