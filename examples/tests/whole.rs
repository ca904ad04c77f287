//! The bundled export under the account's real limits, on a clock that jumps: everything arrives, no limit is ever hit.

use std::{collections::HashSet, path::Path, sync::Arc};

use crmkit_core::{Migration, Plan, SqliteLedger, simulator::JumpingClock};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig,
    simulator::{PipedriveSimulator, Tier},
};
use crmkit_sources::allegory::ExportFolder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bundled_export_arrives_whole_within_the_limits() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = JumpingClock::new();
    let simulator = PipedriveSimulator::builder()
        .jumping_clock(&clock)
        .tier(Tier::Ultimate)
        .seats(35)
        .log(200_000, 0)
        .start()
        .await
        .expect("the simulator starts");
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.tier = crmkit_pipedrive::Tier::Ultimate;
    config.seats = 35;
    let clock: Arc<JumpingClock> = Arc::new(clock);
    let migration = Migration::builder("whole")
        .source(Arc::new(ExportFolder::open(&data).expect("the export opens")))
        .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().expect("the connector builds")))
        .ledger(Arc::new(
            SqliteLedger::open_file(folder.path().join("ledger"), clock.clone()).expect("the ledger opens"),
        ))
        .clock(clock)
        .build()
        .expect("complete");
    let text = std::fs::read_to_string(data.join("plan.toml")).expect("the plan is there");
    let plan = Plan::from_toml(&text, "plan.toml").expect("the plan is right");

    let approval = migration.approve_plan(&plan, "test").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let sample = migration.sample(&approval).await.expect("sampled");
    assert!(sample.clean && sample.rolled_back);
    assert!((200..=500).contains(&sample.chosen) || sample.chosen >= 85, "{} records chosen", sample.chosen);
    let approval = migration.approve_sample(&sample, "test").await.expect("approved");
    let spent_before = simulator.tokens_spent();
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished && report.held.is_empty());
    // 85 organizations and 8,800 deals at 5 tokens, 15 parent links at 10, and what describing the account costs.
    let cheapest = 85 * 5 + 8_800 * 5 + 15 * 10;
    let spent = simulator.tokens_spent() - spent_before;
    assert!(spent as f64 <= 1.05 * f64::from(cheapest), "{spent} tokens spent, {cheapest} is the cheapest");

    let before_reconcile = simulator.requests().len();
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert!(reconciliation.clean, "{reconciliation:#?}");
    let requests = simulator.requests();

    let limited = requests.iter().filter(|request| request.status == Some(429)).count();
    assert_eq!(limited, 0, "no limit was hit");
    let fetched: HashSet<String> = requests[before_reconcile..]
        .iter()
        .filter(|request| request.path.ends_with("/deals"))
        .filter_map(|request| request.query.as_deref())
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| pair.strip_prefix("ids="))
        .flat_map(|ids| ids.replace("%2C", ",").split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let live = simulator.rows("deals").into_iter().filter(|row| row["is_deleted"] != true);
    let deals: HashSet<String> = live.map(|row| row["id"].to_string()).collect();
    assert_eq!(deals.len(), 8_800);
    assert_eq!(fetched, deals, "every deal was read back by its id");
}
