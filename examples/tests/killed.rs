//! kill -9 in the middle of a run, again and again, while every fiftieth answer is lost: nothing is missing, nothing is there twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crmkit_core::{Binding, IdLedger, LedgerKey, Part, RunReport, SqliteLedger, SystemClock, simulator::LoggedRequest};
use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::Value as Json;

/// Deals at the destination when a process is killed.
const KILL_AT: [usize; 4] = [400, 2_500, 5_000, 8_000];

fn migrate(simulator: &PipedriveSimulator, folder: &Path, step: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command
        .args(["--yes", "--limits", "off", "--step", step, "--token", simulator.token()])
        .args(["--destination-url", &simulator.url()])
        .arg("--ledger")
        .arg(folder.join("ledger.crmkit"))
        .arg("--reports")
        .arg(folder.join("reports"))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    command
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm")
}

/// Whether a request made something and nobody was told.
fn lost_create(request: &LoggedRequest) -> bool {
    request.method == "POST" && request.status.is_none()
}

/// Waits until that many deals are there; false where the process ended before.
async fn reaches(simulator: &PipedriveSimulator, child: &mut Child, deals: usize) -> bool {
    let began = Instant::now();
    loop {
        if live(simulator, "deals").len() >= deals {
            return true;
        }
        if child.try_wait().expect("the child can be asked").is_some() {
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(180), "the run goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn live(simulator: &PipedriveSimulator, table: &str) -> Vec<Json> {
    simulator.rows(table).into_iter().filter(|row| row["is_deleted"] != true).collect()
}

/// The rows of a CSV file by header, read without crmkit.
fn csv_rows(file: &str) -> Vec<HashMap<String, String>> {
    csv::Reader::from_path(data().join(file))
        .expect("the file opens")
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

/// Every record of a v2 list, read over HTTP without crmkit.
async fn list(simulator: &PipedriveSimulator, object: &str) -> Vec<Json> {
    let client = reqwest::Client::new();
    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = format!("{}/api/v2/{object}?limit=500{cursor}", simulator.url());
        let answer = client.get(url).header("x-api-token", simulator.token()).send().await.expect("an answer");
        let page: Json = answer.json().await.expect("JSON");
        records.extend(page["data"].as_array().expect("a list").iter().cloned());
        match page["additional_data"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return records,
        }
    }
}

/// The key and the options (id to label) of the custom field of that name.
async fn field(simulator: &PipedriveSimulator, object: &str, name: &str) -> (String, HashMap<i64, String>) {
    let fields = list(simulator, object).await;
    let field = fields.iter().find(|field| field["field_name"] == name).unwrap_or_else(|| panic!("no field {name}"));
    let options = field["options"].as_array().into_iter().flatten();
    let options = options
        .map(|option| (option["id"].as_i64().expect("an id"), option["label"].as_str().expect("a label").to_owned()));
    (field["field_code"].as_str().expect("a code").to_owned(), options.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_again_and_again_ends_with_each_record_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulator = PipedriveSimulator::builder()
        .limits(false)
        .drop_every(50)
        .log(200_000, 4_096)
        .start()
        .await
        .expect("the simulator starts");
    for step in ["prepare", "sample"] {
        let status = tokio::task::block_in_place(|| migrate(&simulator, folder.path(), step).status())
            .expect("the program starts");
        assert_eq!(status.code(), Some(0), "{step}");
    }
    let before_run = simulator.requests().len();

    let mut killed = 0;
    for deals in KILL_AT {
        let mut child = migrate(&simulator, folder.path(), "run").spawn().expect("the program starts");
        if reaches(&simulator, &mut child, deals).await {
            child.kill().expect("the child can be killed");
            killed += 1;
        }
        child.wait().expect("the child ends");
    }
    assert_eq!(killed, KILL_AT.len(), "each kill hit a running process");
    let status =
        tokio::task::block_in_place(|| migrate(&simulator, folder.path(), "all").status()).expect("the program starts");
    assert_eq!(status.code(), Some(0), "the last process finishes and finds everything in order");

    each_source_key_once(&simulator).await;
    every_lost_create_is_accounted_for(&simulator, before_run, folder.path()).await;
}

/// An independent join of the CSV files, held against what the API lists.
async fn each_source_key_once(simulator: &PipedriveSimulator) {
    let organizations = list(simulator, "organizations").await;
    let deals = list(simulator, "deals").await;
    let (org_key, _) = field(simulator, "organizationFields", "Source id").await;
    let (deal_key, _) = field(simulator, "dealFields", "Source id").await;
    let (product_key, products) = field(simulator, "dealFields", "Product").await;
    let names: HashMap<i64, &str> = organizations
        .iter()
        .map(|org| (org["id"].as_i64().expect("an id"), org["name"].as_str().expect("a name")))
        .collect();

    let accounts = csv_rows("accounts.csv");
    assert_eq!(organizations.len(), accounts.len());
    let found: HashSet<&str> = organizations.iter().filter_map(|org| org["custom_fields"][&org_key].as_str()).collect();
    assert_eq!(found, accounts.iter().map(|row| row["account"].as_str()).collect());

    let rows = csv_rows("sales_pipeline.csv");
    assert_eq!(deals.len(), rows.len(), "as many deals as rows");
    let by_key: BTreeMap<&str, &Json> =
        deals.iter().filter_map(|deal| deal["custom_fields"][&deal_key].as_str().map(|key| (key, deal))).collect();
    assert_eq!(by_key.len(), rows.len(), "no key twice");
    for row in &rows {
        let deal = by_key
            .get(row["opportunity_id"].as_str())
            .unwrap_or_else(|| panic!("{} is missing", row["opportunity_id"]));
        let organization = deal["org_id"].as_i64().map(|id| names[&id]).unwrap_or_default();
        assert_eq!(organization, row["account"]);
        let product = &products[&deal["custom_fields"][&product_key].as_i64().expect("an option")];
        assert_eq!(*product, row["product"].replace("GTXPro", "GTX Pro"));
        let status = match row["deal_stage"].as_str() {
            "Won" => "won",
            "Lost" => "lost",
            _ => "open",
        };
        assert_eq!(deal["status"], status);
        let value = if row["close_value"].is_empty() { 0.0 } else { row["close_value"].parse().expect("a number") };
        assert_eq!(deal["value"].as_f64(), Some(value), "{}", row["opportunity_id"]);
        let closed = deal["close_time"].as_str().map(|time| &time[..10]).unwrap_or_default();
        assert_eq!(closed, row["close_date"], "{}", row["opportunity_id"]);
    }

    let relations: Vec<Json> =
        simulator.rows("organizationRelationships").into_iter().filter(|row| row["active_flag"] != false).collect();
    let relations = relations.iter().filter(|row| row["is_deleted"] != true && row["active_flag"] != "false").count();
    assert_eq!(
        relations,
        accounts.iter().filter(|row| !row["subsidiary_of"].is_empty()).count(),
        "each parent link once"
    );
}

/// Every create whose answer was lost during the run is one that the ledger knows as uncertain.
async fn every_lost_create_is_accounted_for(simulator: &PipedriveSimulator, before_run: usize, folder: &Path) {
    let ledger =
        SqliteLedger::open_file(folder.join("ledger.crmkit"), Arc::new(SystemClock)).expect("the ledger opens");
    let binding = Binding {
        migration: "migrate".into(),
        tenant: "default".to_owned(),
        source: "allegory:maven-crm".to_owned(),
        destination: "pipedrive:1".to_owned(),
    };
    ledger.open(&binding).await.expect("the ledger is this migration's");
    let (deal_key, _) = field(simulator, "dealFields", "Source id").await;
    let requests = simulator.requests();
    let lost: Vec<LedgerKey> = requests
        .iter()
        .skip(before_run)
        .filter(|request| lost_create(request) && request.path.ends_with("/deals"))
        .map(|request| {
            let body: Json = serde_json::from_str(request.body.as_deref().expect("bodies are kept")).expect("JSON");
            LedgerKey {
                migration: "migrate".into(),
                mapping: "deals".into(),
                object: "deals".into(),
                id: body["custom_fields"][&deal_key].as_str().expect("the source id").into(),
                part: Part::main(),
            }
        })
        .collect();
    assert!(lost.len() > 50, "the simulator lost answers: {}", lost.len());
    let rows = ledger.rows(&lost).await.expect("the ledger reads");
    for (key, row) in lost.iter().zip(rows) {
        let row = row.unwrap_or_else(|| panic!("{key:?} is not in the ledger"));
        assert!(row.uncertain.is_some(), "{key:?} was lost and nobody looked for it");
    }
    let report = std::fs::read(folder.join("reports/run.json")).expect("the report is there");
    let report: RunReport = serde_json::from_slice(&report).expect("a run report");
    let uncertain = report.uncertain.adopted + report.uncertain.resent + report.uncertain.held;
    assert!(
        uncertain as usize >= lost.len(),
        "{uncertain} uncertain creates are reported, {} answers were lost",
        lost.len()
    );
}
