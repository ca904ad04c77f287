//! Into Pipedrive.

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{
    AuditOptions, MemoryLedger, Migration, Retry,
    simulator::{Effect, Fault, JumpingClock},
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};
use serde_json::{Value, json};

use super::{Way, expected, migrate, plan, source};

#[tokio::test]
async fn the_interface_and_the_harvest_arrive_as_the_table_says() {
    arrives(Way::ApiAndFiles, None).await;
}

#[tokio::test]
async fn files_alone_arrive_as_the_table_says() {
    arrives(Way::Files, None).await;
}

#[tokio::test]
async fn an_interrupted_extraction_arrives_as_the_table_says_too() {
    // Longer than the source is patient: the audit fails, and the next one goes on.
    let storm = Fault::on("GET", "/api/v1/companies/{id}", Effect::TruncateBody).nth(4).times(20);
    arrives(Way::ApiAndFiles, Some(storm)).await;
}

async fn arrives(way: Way, storm: Option<Fault>) {
    let clock = JumpingClock::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (klipy, klipy_simulator) = source(way, &clock, folder.path()).await;
    let simulator = PipedriveSimulator::builder().jumping_clock(&clock).limits(false).drop_every(11).start().await;
    let simulator = simulator.expect("the simulator starts");
    for (place, email) in ["ada@fieldwork.example", "bo@fieldwork.example"].into_iter().enumerate() {
        let mut member = simulator.rows("users").pop().expect("a fresh account has members");
        (member["id"], member["name"], member["email"]) = (json!(100 + place), json!(email), json!(email));
        simulator.put("users", member).expect("a member");
    }
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.unlimited = true;
    let clock = Arc::new(clock);
    let migration = Migration::builder("klipy")
        .source(klipy.clone())
        .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().expect("the connector builds")))
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .build()
        .expect("complete");
    if let (Some(storm), Some(klipy_simulator)) = (storm, &klipy_simulator) {
        klipy_simulator.fault(storm);
        let mut failed = 0;
        while let Err(error) = migration.audit(&AuditOptions::default()).await {
            assert!(matches!(error.retry(), Retry::After(_)), "{error}");
            failed += 1;
            assert!(failed < 10, "{error}");
        }
        assert!(failed > 0 && klipy_simulator.verify().is_empty(), "{:?}", klipy_simulator.verify());
    }
    let plan = plan(&migration, &klipy, &[]).await;
    let report = migrate(&migration, &plan).await;
    expected::hold_to("pipedrive", &plan, &report);
    stored(&simulator);
}

fn live(simulator: &PipedriveSimulator, table: &str) -> Vec<Value> {
    let gone = |row: &Value| row["is_deleted"] == true || row.get("active_flag") == Some(&json!(false));
    simulator.rows(table).into_iter().filter(|row| !gone(row)).collect()
}

/// What the account holds, by the fixture's description and not by the report.
fn stored(simulator: &PipedriveSimulator) {
    let tables = ["organizations", "persons", "deals", "notes"].map(|table| live(simulator, table));
    let [organizations, persons, deals, notes] = &tables;
    for (line, rows) in expected::lines("pipedrive")
        .iter()
        .filter(|line| ["companies", "contacts", "deals", "notes"].contains(&line.mapping.as_str()))
        .zip(&tables)
    {
        assert_eq!(rows.len() as u64, line.created, "{}", line.mapping);
    }
    let id = |rows: &[Value], name: &str, key: &str| -> Value {
        let found: Vec<_> = rows.iter().filter(|row| row[key] == name).collect();
        assert_eq!(found.len(), 1, "one {name}");
        found[0]["id"].clone()
    };
    // Asta was there three times, her company under three spellings of one domain.
    let astas: Vec<_> =
        persons.iter().filter(|row| row["emails"][0]["value"] == "asta.lind@fjordtimber.example").collect();
    assert_eq!(astas.len(), 1);
    assert_eq!(astas[0]["name"], "Asta Lind");
    let timber = organizations
        .iter()
        .filter(|row| row["name"].as_str().is_some_and(|name| name.to_lowercase().contains("fjord timber")));
    let timber: Vec<_> = timber.collect();
    assert_eq!(timber.len(), 1);
    assert_eq!(astas[0]["org_id"], timber[0]["id"]);
    // Birk's row names no company: the domain of his address does.
    let birk = persons.iter().find(|row| row["emails"][0]["value"] == "birk.lind@lumenprint.example").expect("Birk");
    assert_eq!(birk["org_id"], id(organizations, "Lumen Print", "name"));

    let stages: BTreeMap<String, String> = live(simulator, "stages")
        .iter()
        .map(|row| {
            let pipelines = live(simulator, "pipelines");
            let pipeline =
                pipelines.iter().find(|pipeline| pipeline["id"] == row["pipeline_id"]).expect("its pipeline");
            (
                row["id"].to_string(),
                format!("{}/{}", pipeline["name"].as_str().expect("a name"), row["name"].as_str().expect("a name")),
            )
        })
        .collect();
    let deal = |title: &str| deals.iter().find(|row| row["title"] == title).unwrap_or_else(|| panic!("{title}"));
    // d_01: prospecting, of Fjord Timber and Asta. d_03: a partner's, in a pipeline of their own. d_05: won.
    let first = deal("Fjord Timber timber 2025");
    assert_eq!(stages[&first["stage_id"].to_string()], "Sales/Prospecting");
    assert_eq!((&first["value"], &first["currency"]), (&json!(1000.5), &json!("NOK")));
    assert_eq!((&first["org_id"], &first["person_id"]), (&timber[0]["id"], &astas[0]["id"]));
    assert_eq!(stages[&deal("Harbor Bakery bread 2025")["stage_id"].to_string()], "Partners/Proposal");
    assert_eq!(deal("Pine Logistics timber 2025")["status"], "won");
    assert_eq!(deal("Delta Cycles tools 2024")["status"], "lost");
    // A draft of the assistant says what it was made from.
    let drafts = notes
        .iter()
        .filter(|row| row["content"].as_str().is_some_and(|text| text.contains("AI draft, made from: thread")));
    assert_eq!(drafts.count(), 2);
    let members: Vec<_> = live(simulator, "users")
        .into_iter()
        .filter(|row| row["email"].as_str().is_some_and(|email| email.ends_with("@fieldwork.example")))
        .map(|row| row["id"].clone())
        .collect();
    for row in organizations.iter().chain(persons).chain(deals) {
        assert!(members.contains(&row["owner_id"]), "nobody's, or the importing user's: {row}");
    }
}
