//! What the tests of whole migrations share: export folders, a simulated account, and another user of it.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "test support")]

pub(crate) mod tool;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{Approval, MemoryLedger, Migration, Plan, RunReport, SystemClock};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};
use crmkit_sources::allegory::ExportFolder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The bundled export.
pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm")
}

/// The bundled export's confirmed plan.
pub(crate) fn bundled_plan() -> Plan {
    Plan::from_toml(&fs::read_to_string(bundled().join("plan.toml")).unwrap(), "plan.toml").unwrap()
}

/// The bundled export with every n-th deal only.
pub(crate) fn every_nth_deal(n: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["accounts.csv", "products.csv", "sales_teams.csv"] {
        fs::copy(bundled().join(file), folder.path().join(file)).unwrap();
    }
    let deals = fs::read_to_string(bundled().join("sales_pipeline.csv")).unwrap();
    let (header, rows) = deals.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().step_by(n).collect();
    fs::write(folder.path().join("sales_pipeline.csv"), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    let manifest = fs::read_to_string(bundled().join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    for object in manifest["foreign"].as_array_mut().unwrap() {
        if object["object"] == "deals" {
            object["rows"] = rows.len().into();
        }
    }
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    folder
}

/// An export folder with these files.
pub(crate) fn export(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// An account without limits.
pub(crate) async fn account() -> PipedriveSimulator {
    PipedriveSimulator::builder().limits(false).start().await.unwrap()
}

/// A migration of an export folder into an account, with its ledger in memory.
pub(crate) fn migration(simulator: &PipedriveSimulator, export: &Path) -> Migration {
    let clock = Arc::new(SystemClock);
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.unlimited = true;
    Migration::builder("test")
        .source(Arc::new(ExportFolder::open(export).unwrap()))
        .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().unwrap()))
        .ledger(Arc::new(MemoryLedger::new(clock)))
        .build()
        .unwrap()
}

/// From the plan's approval to the end of the run.
pub(crate) async fn migrate(migration: &Migration, plan: &Plan) -> RunReport {
    let approval: Approval = migration.approve_plan(plan, "anna").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let sample = migration.sample(&approval).await.unwrap();
    assert!(sample.clean, "{:#?}", sample.held);
    let approval = migration.approve_sample(&sample, "anna").await.unwrap();
    let report = migration.run(&approval).await.unwrap();
    assert!(report.finished && report.held.is_empty(), "{report:#?}");
    report
}

/// Another user of the account, through its API.
#[derive(Debug)]
pub(crate) struct Colleague {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Colleague {
    pub(crate) fn of(simulator: &PipedriveSimulator) -> Self {
        Self { client: reqwest::Client::new(), url: simulator.url(), token: simulator.token().to_owned() }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self
            .client
            .request(method.parse().unwrap(), format!("{}/api/{path}", self.url))
            .header("x-api-token", &self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let (status, mut answer) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer["data"].take()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.send("POST", path, body).await
    }

    /// Creates something and gives its id.
    pub(crate) async fn add(&self, path: &str, body: Value) -> i64 {
        self.post(path, body).await["id"].as_i64().unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.send("PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Value {
        self.send("DELETE", path, Value::Null).await
    }
}

/// The rows of a table that are not in the trash.
pub(crate) fn live(simulator: &PipedriveSimulator, table: &str) -> Vec<Value> {
    let gone = |row: &Value| row["is_deleted"] == true || (row.get("active_flag") == Some(&json!(false)));
    simulator.rows(table).into_iter().filter(|row| !gone(row)).collect()
}

/// The key of the live custom field of that name; there must be exactly one.
pub(crate) fn field_code(simulator: &PipedriveSimulator, table: &str, name: &str) -> String {
    let mut found: Vec<Value> = live(simulator, table);
    found.retain(|row| row["field_name"] == name && row["is_custom_field"] == true);
    assert_eq!(found.len(), 1, "one {name} in {table}");
    found[0]["field_code"].as_str().unwrap().to_owned()
}

/// Every live row by table and id, without what only tells when somebody was here.
pub(crate) fn content(simulator: &PipedriveSimulator) -> BTreeMap<(String, i64), Value> {
    const TABLES: [&str; 11] = [
        "users",
        "pipelines",
        "stages",
        "dealFields",
        "personFields",
        "organizationFields",
        "organizations",
        "persons",
        "deals",
        "organizationRelationships",
        "notes",
    ];
    let mut content = BTreeMap::new();
    for table in TABLES {
        for mut row in live(simulator, table) {
            let id = row["id"].as_i64().unwrap();
            let row_fields = row.as_object_mut().unwrap();
            for volatile in ["update_time", "stage_change_time", "last_update_user_id"] {
                row_fields.remove(volatile);
            }
            // A custom field that is not set is one that was never set.
            if let Some(custom) = row_fields.get_mut("custom_fields").and_then(Value::as_object_mut) {
                custom.retain(|_, value| !value.is_null());
            }
            content.insert((table.to_owned(), id), row);
        }
    }
    content
}

/// The ids that a list request names in `ids=`, over all requests of a path after a sequence number.
pub(crate) fn listed_ids(simulator: &PipedriveSimulator, path: &str, after: u64) -> BTreeSet<i64> {
    let requests = simulator.requests();
    let lists =
        requests.iter().filter(|request| request.sequence > after && request.method == "GET" && request.path == path);
    let queries = lists.filter_map(|request| request.query.as_deref());
    let pairs = queries.flat_map(|query| query.split('&')).filter_map(|pair| pair.strip_prefix("ids="));
    pairs.flat_map(|ids| ids.replace("%2C", ",").split(',').map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// Repeatable choices.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Takes one of these out.
    pub(crate) fn take<T>(&mut self, from: &mut Vec<T>) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(self.0 >> 33).unwrap() % from.len();
        from.remove(at)
    }
}
