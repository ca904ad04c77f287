//! Into Twenty, which has tasks for what was said and done.

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{MemoryLedger, Migration, simulator::JumpingClock};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};
use serde_json::json;

use super::{Way, expected, migrate, plan, source};

#[tokio::test]
async fn the_interface_and_the_harvest_arrive_as_the_table_says() {
    let clock = JumpingClock::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (klipy, _klipy_simulator) = source(Way::ApiAndFiles, &clock, folder.path()).await;
    let simulator = TwentySimulator::builder().jumping_clock(&clock).limits(true).drop_every(9).start().await;
    let simulator = simulator.expect("the simulator starts");
    let shape = simulator.rows("workspaceMembers").pop().expect("a fresh workspace has members");
    for (place, email) in ["ada@fieldwork.example", "bo@fieldwork.example"].into_iter().enumerate() {
        let mut member = shape.clone();
        member["id"] = json!(format!("20202020-1111-4111-8111-{place:012}"));
        member["userEmail"] = json!(email);
        simulator.put("workspaceMembers", &member).expect("a member");
    }
    const TABLES: [&str; 5] = ["companies", "people", "opportunities", "tasks", "notes"];
    let before: BTreeMap<_, _> = TABLES.map(|table| (table, simulator.rows(table).len())).into();
    let clock = Arc::new(clock);
    let config = TwentyConfig::at(simulator.url(), simulator.token());
    let migration = Migration::builder("klipy")
        .source(klipy.clone())
        .destination(Arc::new(Twenty::builder(config, clock.clone()).build().expect("the connector builds")))
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .build()
        .expect("complete");
    let plan = plan(&migration, &klipy, &[]).await;
    let report = migrate(&migration, &plan).await;
    expected::hold_to("twenty", &plan, &report);

    let lines = expected::lines("twenty");
    let wanted = |mappings: &[&str]| -> u64 {
        lines.iter().filter(|line| mappings.contains(&line.mapping.as_str())).map(|line| line.created).sum()
    };
    let mappings: [&[&str]; 5] =
        [&["companies"], &["contacts"], &["deals"], &["emails", "calls", "meetings", "tasks"], &["notes"]];
    for (table, mappings) in TABLES.into_iter().zip(mappings) {
        assert_eq!((simulator.rows(table).len() - before[table]) as u64, wanted(mappings), "{table}");
    }
    // A message over a channel that Twenty does not know says which it was.
    let messages = simulator.rows("tasks").into_iter().filter(|row| {
        let text = row["bodyV2"].to_string();
        ["LinkedIn", "WhatsApp", "Telegram"].iter().any(|channel| text.contains(&format!("Channel: {channel}")))
    });
    assert_eq!(messages.count() as u64, wanted(&["tasks"]));
}
