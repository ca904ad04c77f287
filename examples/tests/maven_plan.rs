//! The confirmed plan of the bundled export is the proposal plus a person's answers, and nothing else.

use std::{path::Path, sync::Arc};

use crmkit_core::{AuditOptions, MemoryLedger, Migration, Plan, SystemClock};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig, simulator::PipedriveSimulator};
use crmkit_sources::allegory::ExportFolder;

/// What the person answered.
const ANSWERS: [(&str, &str); 6] = [
    ("stages.Sales", "yes"),
    ("deals.title", "{product|Deal} for {company_id|unknown}"),
    ("deals.custom.deal_product.values", "yes"),
    ("owners.fallback", "anna.snelling@maven.example"),
    ("owners.unowned", "versie.hillebrand@maven.example"),
    ("left_behind", "leave them behind"),
];

/// Agents whom the person named; the others' records go to the fallback.
const NAMED: [&str; 20] = [
    "Moses Frase",
    "Darcel Schlecht",
    "Zane Levy",
    "Anna Snelling",
    "Vicki Laflamme",
    "Markita Hansen",
    "Niesha Huffines",
    "James Ascencio",
    "Gladys Colclough",
    "Maureen Marcano",
    "Hayden Neloms",
    "Rosalina Dieter",
    "Donn Cantrell",
    "Kary Hendrixson",
    "Boris Faz",
    "Kami Bicknell",
    "Daniell Hammack",
    "Cassey Cress",
    "Reed Clapper",
    "Corliss Cosme",
];

#[tokio::test]
async fn the_confirmed_plan_is_the_proposal_with_the_answers() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm");
    let simulator = PipedriveSimulator::builder().limits(false).start().await.expect("the simulator starts");
    let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
    config.unlimited = true;
    let clock = Arc::new(SystemClock);
    let migration = Migration::builder("plan")
        .source(Arc::new(ExportFolder::open(&data).expect("the export opens")))
        .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().expect("the connector builds")))
        .ledger(Arc::new(MemoryLedger::new(clock)))
        .build()
        .expect("complete");
    let audit = migration.audit(&AuditOptions::default()).await.expect("audited");
    let mut plan = migration.propose(&audit);
    let questions: Vec<&str> = plan.questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(
        questions,
        ANSWERS.map(|(question, _)| question),
        "the proposal asks what a person has to decide, no more"
    );
    for (question, answer) in ANSWERS {
        plan.answer(question, answer).expect("an answer to a question that was asked");
    }
    for agent in NAMED {
        let email = format!("{}@maven.example", agent.to_lowercase().replace(' ', "."));
        plan.owners.aliases.insert(agent.to_owned(), email);
    }
    assert!(!migration.review(&plan, &audit).blocked(), "{:#?}", migration.review(&plan, &audit).problems);
    // Answers raise the revision; the file starts at its own.
    plan.revision = 1;
    let file = data.join("plan.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let confirmed = Plan::from_toml(&text, "plan.toml");
    if confirmed.as_ref() != Ok(&plan) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plan.toml");
        std::fs::write(&fresh, plan.to_toml()).expect("the plan is written");
        panic!("plan.toml is not the proposal with the answers; what it would be is in {}", fresh.display());
    }
}
