//! The export over REST: the same records as the folder, whatever happens on the way.
#![cfg(all(feature = "allegory-api", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use crmkit_core::{
    Credentials, ErrorKind, FieldName, ObjectName, PageRequest, Record, RecordId, RecordRef, Result, SourceConnector,
    Value,
    http::reqwest,
    secrecy::SecretString,
    simulator::{Effect, Fault, JumpingClock},
    testing::{
        conformance::source::SourceHarness,
        generate::{AllegoryExport, Expected},
    },
};
use crmkit_sources::{
    allegory::ExportFolder,
    allegory_api::{AllegoryApi, AllegoryApiConfig, simulator::AllegorySimulator},
};
use futures::TryStreamExt;
use serde_json::json;
use tempfile::TempDir;

/// A server with an export, and a folder to harvest it into.
struct World {
    export: TempDir,
    folder: TempDir,
    expected: Expected,
    clock: JumpingClock,
    server: AllegorySimulator,
}

impl World {
    async fn of(export: AllegoryExport) -> Self {
        let (made, folder, clock) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), JumpingClock::new());
        let expected = export.write(&made).unwrap();
        let server = AllegorySimulator::builder().export(made.path()).jumping_clock(&clock).start().await.unwrap();
        Self { export: made, folder, expected, clock, server }
    }

    async fn small() -> Self {
        Self::of(AllegoryExport::full(2).companies(30).contacts(45).mess(0.3).file_limit(1_000)).await
    }

    fn config(&self) -> AllegoryApiConfig {
        let mut config = AllegoryApiConfig::at(self.server.url(), self.server.token());
        config.page_rows = 20;
        config
    }

    fn api(&self) -> AllegoryApi {
        self.api_with(self.config())
    }

    fn api_with(&self, config: AllegoryApiConfig) -> AllegoryApi {
        AllegoryApi::builder(config, &self.folder, Arc::new(self.clock.clone())).build().unwrap()
    }

    /// How often each page of rows was given.
    fn pages(&self) -> BTreeMap<String, usize> {
        let mut pages = BTreeMap::new();
        for request in self.server.requests().into_iter().filter(|request| request.status == Some(200)) {
            *pages.entry(format!("{}?{}", request.path, request.query.unwrap_or_default())).or_default() += 1;
        }
        pages
    }
}

/// A record without the place it came from: its fields in the order of their names, and which of them are in doubt.
type Told = (RecordRef, BTreeMap<FieldName, Value>, Vec<(FieldName, Vec<RecordId>)>);

async fn all(source: &dyn SourceConnector, object: &ObjectName) -> Vec<Told> {
    let mut told = Vec::new();
    let mut request = PageRequest::first(object.clone(), 50);
    loop {
        let page = source.read(&request).await.unwrap();
        told.extend(page.items.into_iter().map(|record: Record| {
            let doubts = record.doubts.into_iter().map(|doubt| (doubt.field, doubt.candidates)).collect();
            (record.key, record.fields.into_iter().collect(), doubts)
        }));
        match page.next {
            Some(next) => request = request.at(next),
            None => return told,
        }
    }
}

async fn same(folder: &Path, api: &AllegoryApi) {
    let export = ExportFolder::open(folder).unwrap();
    let (wanted, found) = (export.describe().await.unwrap(), api.describe().await.unwrap());
    assert_eq!((wanted.kind, wanted.instance), (found.kind, found.instance));
    assert_eq!((wanted.time_zone, wanted.currency), (found.time_zone, found.currency));
    assert_eq!(wanted.counts, found.counts);
    assert!(wanted.counts.values().filter(|count| **count > 0).count() > 15);
    for (name, object) in &wanted.schema.objects {
        assert_eq!(found.schema.objects[name].concept, object.concept, "{name}");
        // A column that no row fills is no key of any row.
        for (field, schema) in &found.schema.objects[name].fields {
            assert_eq!(object.fields[field].ty, schema.ty, "{name}.{field}");
            assert_eq!(object.fields[field].concept, schema.concept, "{name}.{field}");
        }
        assert!(all(&export, name).await == all(api, name).await, "{name}");
    }
}

#[tokio::test]
async fn the_records_are_those_of_the_folder() {
    let world = World::small().await;
    let api = world.api();
    same(world.export.path(), &api).await;
    assert!(world.server.verify().is_empty(), "{:?}", world.server.verify());
    assert!(world.pages().values().all(|count| *count == 1), "no page is read twice");
    let asked = world.server.requests().len();
    // Another process finds the folder and asks nothing.
    same(world.export.path(), &world.api()).await;
    assert_eq!(world.server.requests().len(), asked);
}

#[tokio::test]
async fn numbers_may_be_numbers() {
    let world = World::small().await;
    world.server.set_switches(|switches| switches.numbers = true);
    same(world.export.path(), &world.api()).await;
}

#[tokio::test]
async fn the_assumed_limit_is_kept() {
    let world = World::small().await;
    world.api().harvest().await.unwrap();
    let requests = world.server.requests();
    assert!(requests.len() > 60);
    assert!(requests.iter().all(|request| request.status == Some(200)), "nobody was told to wait");
    let times: Vec<_> = requests.iter().map(|request| request.time).collect();
    assert!(times.windows(11).all(|eleven| (eleven[10] - eleven[0]).num_milliseconds() >= 1_000));
}

#[tokio::test]
async fn a_harvest_suffers_what_servers_do() {
    let world = World::small().await;
    let faults = [
        Fault::on("GET", "/v1/schema", Effect::Reset),
        Fault::on("GET", "/v1/companies", Effect::RetryAfter { value: "7".to_owned() }).times(3),
        Fault::on("GET", "/v1/contacts", Effect::TruncateBody).nth(2),
        Fault::on("GET", "/v1/deals", Effect::answer(503, json!({}))).times(2),
        Fault::on("GET", "/v1/notes", Effect::CloseBeforeApply).nth(3),
        Fault::on("GET", "/v1/custom/{object}", Effect::ResetBody),
    ];
    faults.into_iter().for_each(|fault| world.server.fault(fault));
    same(world.export.path(), &world.api()).await;
    assert!(world.server.verify().is_empty(), "{:?}", world.server.verify());
}

#[tokio::test]
async fn an_interrupted_harvest_goes_on_where_it_was() {
    let world = World::small().await;
    // Down from the third page of contacts on.
    world.server.fault(Fault::on("GET", "/v1/contacts", Effect::answer(500, json!({}))).nth(3).times(5));
    let error = world.api().describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // What a killed process left behind the last whole page.
    let file = world.folder.path().join("contacts.jsonl");
    let kept = fs::read(&file).unwrap();
    fs::write(&file, [kept.as_slice(), b"{\"id\":\"p1\",\"fir"].concat()).unwrap();
    same(world.export.path(), &world.api()).await;
    assert!(world.pages().values().all(|count| *count == 1), "no page is read twice: {:?}", world.pages());
}

#[tokio::test]
async fn rows_that_a_loss_of_power_took_are_read_again() {
    let world = World::small().await;
    world.server.fault(Fault::on("GET", "/v1/contacts", Effect::answer(500, json!({}))).nth(3).times(5));
    world.api().describe().await.unwrap_err();
    fs::write(world.folder.path().join("contacts.jsonl"), b"").unwrap();
    world.server.fault(Fault::on("GET", "/v1/deals", Effect::answer(500, json!({}))).nth(2).times(5));
    world.api().describe().await.unwrap_err();
    fs::write(world.folder.path().join("harvest.json"), b"\0\0").unwrap();
    same(world.export.path(), &world.api()).await;
}

#[tokio::test]
async fn a_server_that_forgets_its_cursors_is_read_from_the_object_s_beginning() {
    let world = World::small().await;
    world.server.fault(Fault::on("GET", "/v1/contacts", Effect::answer(500, json!({}))).nth(3).times(5));
    world.api().describe().await.unwrap_err();
    world.server.forget_cursors();
    same(world.export.path(), &world.api()).await;
}

#[tokio::test]
async fn a_token_that_expires_is_renewed() {
    #[derive(Debug)]
    struct Rotating(String, AtomicUsize);

    #[async_trait]
    impl Credentials for Rotating {
        async fn token(&self) -> Result<SecretString> {
            Ok(SecretString::from(self.0.as_str()))
        }

        async fn refresh(&self, _refused: &SecretString) -> Result<SecretString> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.token().await
        }
    }

    let world = World::small().await;
    world.server.fault(Fault::on("GET", "/v1/emails", Effect::ExpiredToken).nth(2));
    let credentials = Arc::new(Rotating(world.server.token(), AtomicUsize::new(0)));
    let builder = AllegoryApi::builder(world.config(), &world.folder, Arc::new(world.clock.clone()));
    same(world.export.path(), &builder.credentials(credentials.clone()).build().unwrap()).await;
    assert_eq!(credentials.1.load(Ordering::SeqCst), 1);
    let mut wrong = world.config();
    wrong.token = Some(SecretString::from("no-such-token"));
    let elsewhere = tempfile::tempdir().unwrap();
    let api = AllegoryApi::builder(wrong, &elsewhere, Arc::new(world.clock.clone())).build().unwrap();
    let error = api.describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(!format!("{error:?} {api:?}").contains("no-such-token"));
}

#[tokio::test]
async fn a_delta_has_what_changed_and_what_is_gone() {
    let clock = JumpingClock::new();
    let seed = json!({
        "instance": "acme",
        "objects": { "contacts": [
            { "id": "1", "name": "Ann", "updated_at": "2026-01-01T00:00:00Z" },
            { "id": "2", "name": "Bo", "updated_at": "2026-02-01T00:00:00Z" },
            { "id": "3", "name": "Cy" },
        ] },
        "deleted": [
            { "object": "contacts", "id": "9", "deleted_at": "2026-02-02T00:00:00Z" },
            { "object": "contacts", "id": "8", "deleted_at": "2025-02-02T00:00:00Z" },
        ],
    });
    let server = AllegorySimulator::builder().seed(seed).jumping_clock(&clock).start().await.unwrap();
    server.put("contacts", json!({ "id": "1", "name": "Anna", "updated_at": "2026-02-03T00:00:00Z" })).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = AllegoryApiConfig::at(server.url(), server.token());
    config.since = Some("2026-01-15T00:00:00Z".parse().unwrap());
    let api = AllegoryApi::builder(config.clone(), &folder, Arc::new(clock.clone())).build().unwrap();
    let source = api.describe().await.unwrap();
    assert_eq!(source.instance, "acme", "the same markers as the first pass");
    assert!(source.gotchas.iter().any(|gotcha| gotcha.contains("only what changed")), "{:?}", source.gotchas);
    let page = api.read(&PageRequest::first("contacts", 10)).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|record| record.fields["name"].to_string()).collect();
    assert_eq!(names, ["Anna", "Bo", "Cy"], "one that tells no time may have changed");
    assert_eq!(page.gone, [RecordId::from("9")]);
    config.since = None;
    let other = AllegoryApi::builder(config, &folder, Arc::new(clock)).build().unwrap();
    assert_eq!(other.describe().await.unwrap_err().kind(), ErrorKind::Input, "the folder holds another harvest");
}

#[tokio::test]
async fn files_come_from_the_server_and_are_checked() {
    let world = World::of(AllegoryExport::full(6).mess(0.5).attachments(120).file_limit(300_000)).await;
    let api = world.api();
    let described = api.describe().await.unwrap();
    let missing = described.problems.iter().filter(|problem| problem.code.contains("attachment")).count();
    assert_eq!(missing, 0, "nobody misses files in the folder: {:?}", described.problems);
    let files = api.files().unwrap();
    let (mut read, mut refused) = (0, 0);
    for record in world.expected.records.iter().filter(|record| record.key.object == "attachments") {
        let bytes = match files.open(&record.key.id).await {
            Ok(stream) => stream.try_collect::<Vec<_>>().await.map(|chunks| chunks.concat()),
            Err(error) => Err(error),
        };
        match (&record.file, bytes) {
            (Some(file), Ok(bytes)) => {
                assert_eq!(bytes.len() as u64, file.bytes, "{}", record.key);
                read += 1;
            }
            (None, Err(_)) => refused += 1,
            (wanted, bytes) => panic!("{}: {wanted:?}, {bytes:?}", record.key),
        }
    }
    assert!(read > 50 && refused > 10, "{read} {refused}");
    world.server.fault(Fault::on("GET", "/v1/attachments/f4/content", Effect::TruncateBody));
    let stream = files.open(&"f4".into()).await.unwrap();
    assert!(stream.try_collect::<Vec<_>>().await.is_err(), "half a file is none");
    assert_eq!(files.open(&"f-none".into()).await.err().unwrap().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn answers_that_are_none_are_errors() {
    let world = World::small().await;
    world.server.fault(Fault::on("GET", "/v1/companies", Effect::Garbage));
    assert_eq!(world.api().describe().await.unwrap_err().kind(), ErrorKind::Protocol);
    let page = json!({ "data": [1], "next_cursor": null });
    world.server.fault(Fault::on("GET", "/v1/companies", Effect::answer(200, page)));
    assert_eq!(world.api().describe().await.unwrap_err().kind(), ErrorKind::Protocol);
    let schema = json!({ "objects": { "../contacts": {} } });
    world.server.fault(Fault::on("GET", "/v1/schema", Effect::answer(200, schema)));
    let elsewhere = tempfile::tempdir().unwrap();
    let api = AllegoryApi::builder(world.config(), &elsewhere, Arc::new(world.clock.clone())).build().unwrap();
    assert_eq!(api.describe().await.unwrap_err().kind(), ErrorKind::Protocol);
    // After all of that the harvest is whole.
    same(world.export.path(), &world.api()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_harvested_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::small().await;
    world.api().harvest().await.unwrap();
    for name in ["contacts.jsonl", "harvest.json", "manifest.json", "schema.json"] {
        let mode = fs::metadata(world.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn another_process_steers_the_simulator() {
    let server = AllegorySimulator::start().await.unwrap();
    let client = reqwest::Client::new();
    let post = async |what: &str, body: serde_json::Value| {
        let answer = client.post(format!("{}/_simulator/{what}", server.url())).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let seed = json!({ "objects": { "contacts": [{ "id": "1", "name": "Ann" }] } });
    assert_eq!(post("seed", seed).await.0, 200);
    assert_eq!(post("switches", json!({ "per_second": 1 })).await.1["per_second"], 1);
    assert_eq!(post("switches", json!({ "nonsense": 1 })).await.0, 400);
    let get = async |path: &str| {
        let answer = client.get(format!("{}{path}", server.url())).bearer_auth(server.token()).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().get("retry-after").is_some())
    };
    assert_eq!(get("/v1/contacts").await, (200, false));
    assert_eq!(get("/v1/contacts").await, (429, true));
    assert_eq!(post("clock", json!({ "advance_ms": 1_000 })).await.0, 200);
    assert_eq!(get("/v2/contacts").await.0, 501);
    assert_eq!(server.verify(), ["not modelled: GET /v2/contacts"]);
    let token = post("accounts", json!({})).await.1["token"].as_str().unwrap().to_owned();
    assert_ne!(token, server.token(), "an account of its own");
}

struct Served {
    _world: World,
    source: Arc<AllegoryApi>,
    ids: Vec<RecordId>,
}

#[async_trait]
impl SourceHarness for Served {
    async fn start() -> Self {
        let world = World::small().await;
        let contacts = world.expected.records.iter().filter(|record| record.key.object == "contacts");
        let ids = contacts.map(|record| record.key.id.clone()).collect();
        Self { source: Arc::new(world.api()), ids, _world: world }
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.source.clone()
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        self.ids.clone()
    }
}

mod served {
    crmkit_core::conformance_tests!(source, super::Served);
}
