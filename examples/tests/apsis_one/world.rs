//! Both accounts, a clock that jumps, and a migration between them.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use crmkit_core::{IdLedger, MemoryLedger, Migration, simulator::JumpingClock};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig,
    simulator::{PipedriveSimulator, Tier},
};
use crmkit_sources::apsis_one::{ApsisOne, ApsisOneConfig, simulator::ApsisOneSimulator};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) struct World {
    pub(crate) apsis: ApsisOneSimulator,
    pub(crate) pipedrive: PipedriveSimulator,
    pub(crate) migration: Migration,
    /// The member who owns what arrives.
    pub(crate) owner: String,
    _folder: tempfile::TempDir,
}

/// What has to become of a mapping's records.
#[derive(Debug, Deserialize)]
pub(crate) struct Fate {
    pub(crate) created: u64,
    pub(crate) held: BTreeMap<String, u64>,
    #[serde(rename = "why")]
    _why: String,
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/apsis-one").join(name)
}

/// The invented account.
pub(crate) fn account() -> Value {
    serde_json::from_str(&fs::read_to_string(data("account.json")).unwrap()).unwrap()
}

/// The table that comes with it.
pub(crate) fn expected() -> BTreeMap<String, Fate> {
    serde_json::from_str(&fs::read_to_string(data("expected.json")).unwrap()).unwrap()
}

/// What a person tells the connector about the account.
pub(crate) fn settings() -> Value {
    serde_json::from_str(&fs::read_to_string(data("settings.json")).unwrap()).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = JumpingClock::starting_at("2026-01-20T12:00:00Z".parse().unwrap());
        let apsis = ApsisOneSimulator::builder().jumping_clock(&clock).seed(account()).start().await.unwrap();
        let pipedrive = PipedriveSimulator::builder()
            .jumping_clock(&clock)
            .tier(Tier::Ultimate)
            .drop_every(9)
            .start()
            .await
            .unwrap();
        let clock = Arc::new(clock);
        let mut source = settings();
        source["base_url"] = apsis.url().into();
        source["client_id"] = apsis.client_id().into();
        source["client_secret"] = apsis.client_secret().into();
        let source: ApsisOneConfig = serde_json::from_value(source).unwrap();
        let mut config = PipedriveConfig::at(pipedrive.url(), pipedrive.token());
        config.tier = crmkit_pipedrive::Tier::Ultimate;
        let ledger: Arc<dyn IdLedger> = Arc::new(MemoryLedger::new(clock.clone()));
        let migration = Migration::builder("nordlys")
            .source(Arc::new(ApsisOne::builder(source, clock.clone()).build().unwrap()))
            .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().unwrap()))
            .ledger(ledger)
            .clock(clock)
            .spool(folder.path().join("spool"))
            .settings(|settings| settings.page_size = 7)
            .build()
            .unwrap();
        let owner = pipedrive.rows("users").last().unwrap()["email"].as_str().unwrap().to_owned();
        Self { apsis, pipedrive, migration, owner, _folder: folder }
    }

    /// The rows of a table that are not in the trash.
    pub(crate) fn live(&self, table: &str) -> Vec<Value> {
        let gone = |row: &Value| row["is_deleted"] == true || row["active_flag"] == false;
        self.pipedrive.rows(table).into_iter().filter(|row| !gone(row)).collect()
    }

    /// What people do at the source after the run.
    pub(crate) fn changes(&self) {
        let newsletter = "usercreated.sections.newsletter-k3v9x2m1qa";
        let mut tenth = self.apsis.profile("p10");
        let data = &mut tenth["sections"][newsletter];
        data["attributes"]["usercreated.attributes.customer_tier-c4b8n2k6wd"] = "Platinum".into();
        data["consents"][0]["type"] = "opt-out".into();
        data["consents"][0]["modified_at"] = "2026-01-20T13:00:00Z".into();
        self.apsis.put("p10", tenth).unwrap();
        let attributes = json!({
            "com.apsis1.attributes.email": "ylva.lund@nordlys.example",
            "com.apsis1.attributes.firstname": "Ylva",
            "com.apsis1.attributes.lastname": "Lund",
        });
        let keys = json!({ "com.apsis1.keyspaces.email": "ylva.lund@nordlys.example" });
        let sections = json!({ newsletter: { "attributes": attributes } });
        self.apsis.put("p05a", json!({ "keys": keys, "sections": sections })).unwrap();
    }

    /// How many records there are, by table.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, usize> {
        ["organizations", "persons", "deals", "notes", "activities"].map(|table| (table, self.live(table).len())).into()
    }
}
