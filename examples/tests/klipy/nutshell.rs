//! Into Nutshell, where people make pipelines and stages.

use std::sync::Arc;

use crmkit_core::{MemoryLedger, Migration, simulator::JumpingClock};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};
use serde_json::{Value, json};

use super::{Way, expected, migrate, plan, source};

#[tokio::test]
async fn the_interface_and_the_harvest_arrive_as_the_table_says() {
    let clock = JumpingClock::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (klipy, _klipy_simulator) = source(Way::ApiAndFiles, &clock, folder.path()).await;
    // No answer is lost: a tag whose answer was lost is not known again by the connector yet.
    let simulator = NutshellSimulator::builder().jumping_clock(&clock).start().await.expect("it starts");
    made_by_people(&simulator);
    let mut config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
    config.unlimited = true;
    let clock = Arc::new(clock);
    let migration = Migration::builder("klipy")
        .source(klipy.clone())
        .destination(Arc::new(Nutshell::builder(config, clock.clone()).build().expect("the connector builds")))
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .build()
        .expect("complete");
    let plan = plan(&migration, &klipy, &["fields_stay"]).await;
    let report = migrate(&migration, &plan).await;
    expected::hold_to("nutshell", &plan, &report);

    let live = |table: &str| {
        let gone = |row: &Value| row.get("deletedTime").is_some_and(|time| !time.is_null());
        simulator.rows(table).into_iter().filter(|row| !gone(row)).count() as u64
    };
    let lines = expected::lines("nutshell");
    // What came of an activity is kept as a note of its own, which belongs to the activity.
    let logged = simulator.rows("activities").iter().filter(|row| !row["logNote"].is_null()).count() as u64;
    for (table, mapping) in
        [("accounts", "companies"), ("contacts", "contacts"), ("leads", "deals"), ("notes", "notes")]
    {
        let line = lines.iter().find(|line| line.mapping == mapping).expect("a line");
        let own = if table == "notes" { live(table) - logged } else { live(table) };
        assert_eq!(own, line.created, "{table}");
    }
}

/// Members, the two pipelines with their open stages, and a market for the second currency.
fn made_by_people(simulator: &NutshellSimulator) {
    for (place, email) in ["ada@fieldwork.example", "bo@fieldwork.example"].into_iter().enumerate() {
        let mut member = simulator.rows("users").remove(0);
        (member["id"], member["name"], member["emails"]) = (json!(100 + place), json!(email), json!([email]));
        simulator.put("users", member).expect("a member");
    }
    for (stageset, pipeline) in [(1, "Sales"), (2, "Partners")] {
        simulator.put("stagesets", json!({ "id": stageset, "name": pipeline })).expect("a pipeline");
        for (position, stage) in ["Prospecting", "Discovery", "Proposal", "Negotiation"].into_iter().enumerate() {
            let mut row = simulator.rows("stages").pop().expect("a fresh instance has stages");
            let fields = row.as_object_mut().expect("a row");
            fields.insert("id".to_owned(), json!(200 + 10 * stageset + position));
            fields.insert("name".to_owned(), json!(stage));
            fields.insert("position".to_owned(), json!(10 + position));
            fields.insert("stagesetId".to_owned(), json!(stageset));
            simulator.put("stages", row).expect("a stage");
        }
    }
    for (id, currency) in [(8, "EUR"), (9, "NOK")] {
        let mut market = simulator.rows("markets").pop().expect("a fresh instance has markets");
        (market["id"], market["name"], market["currency"]) = (json!(id), json!(currency), json!(currency));
        market["isDefault"] = json!(false);
        simulator.put("markets", market).expect("a market");
    }
}
