//! The bundled Klipy workspace goes into Pipedrive, Nutshell and Twenty: over the interface with its harvest, and from files alone. What
//! arrives is compared with the table beside the data, which was written from the fixture's own description.

mod expected;
mod nutshell;
mod pipedrive;
mod twenty;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{
    Approval, AuditOptions, Migration, Plan, RunReport, SourceConnector, indexmap::IndexMap, simulator::JumpingClock,
};
use crmkit_sources::klipy::{Klipy, KlipyConfig, SpreadRule, simulator::KlipySimulator};

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The interface, and the harvest for the rest.
    ApiAndFiles,
    /// The harvest alone.
    Files,
}

pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/klipy")
}

/// The bundled workspace as a source, and the simulator where one answers for it.
pub(crate) async fn source(way: Way, clock: &JumpingClock, folder: &Path) -> (Arc<Klipy>, Option<KlipySimulator>) {
    let (mut config, simulator) = match way {
        Way::Files => (KlipyConfig::harvested(data().join("harvest")), None),
        Way::ApiAndFiles => {
            let seed = std::fs::read_to_string(data().join("workspace.json")).expect("the workspace is there");
            let seed = serde_json::from_str(&seed).expect("a dump");
            let simulator = KlipySimulator::builder().jumping_clock(clock).seed(seed).start().await;
            let simulator = simulator.expect("the simulator starts");
            let mut config = KlipyConfig::at(simulator.url(), simulator.key());
            config.harvest = Some(data().join("harvest"));
            config.snapshot = Some(folder.join("snapshot"));
            (config, Some(simulator))
        }
    };
    config.instance = Some("Fieldwork".to_owned());
    config.currency = Some("EUR".to_owned());
    config.spread =
        vec![SpreadRule { pipeline: "Partners".into(), tag: Some("partner".into()), ..SpreadRule::default() }];
    (Arc::new(Klipy::builder(config, Arc::new(clock.clone())).build().expect("the connector builds")), simulator)
}

/// The proposal with what the source proposes, and a careful person's answers.
/// What the destination cannot take back is accepted by its code.
pub(crate) async fn plan(migration: &Migration, klipy: &Klipy, accepted: &[&str]) -> Plan {
    let audit = migration.audit(&AuditOptions::default()).await.expect("audited");
    let mut plan = migration.propose(&audit);
    klipy.proposals().await.expect("proposals").put_into(&mut plan, &IndexMap::new());
    plan.stop_when = 1.0;
    plan.accept = accepted.iter().map(|code| (*code).to_owned()).collect();
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "owners.fallback" => "hold",
            "owners.unowned" => "ada@fieldwork.example",
            "left_behind" => "leave them behind",
            id if id.starts_with("klipy.") => "yes",
            _ => question.choices.first().map_or_else(|| panic!("{question:?}"), String::as_str),
        };
        plan.answer(&question.id, answer).unwrap_or_else(|problem| panic!("{question:?}: {problem}"));
    }
    let review = migration.review(&plan, &audit);
    assert!(!review.blocked(), "{:#?}", review.problems);
    plan
}

/// From the plan's approval to the end of the run, and everything read back.
pub(crate) async fn migrate(migration: &Migration, plan: &Plan) -> RunReport {
    let approval: Approval = migration.approve_plan(plan, "tester").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let sample = migration.sample(&approval).await.expect("sampled");
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    assert!(sample.compared > 0);
    let approval = migration.approve_sample(&sample, "tester").await.expect("approved");
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished, "{:#?}", report.waits_for);
    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert_eq!(reconciliation.mismatches, []);
    report
}

#[tokio::test]
async fn the_interface_and_the_files_give_the_same_people_as_the_files_alone() {
    let clock = JumpingClock::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (both, _simulator) = source(Way::ApiAndFiles, &clock, folder.path()).await;
    let (files, _) = source(Way::Files, &clock, folder.path()).await;
    let (both, files) = (both.describe().await.expect("both"), files.describe().await.expect("files"));
    assert_eq!(both.counts, files.counts);
    assert!(
        both.problems.iter().all(|problem| problem.severity != crmkit_core::Severity::Block),
        "{:#?}",
        both.problems
    );
}
